"""Snapshots: a run as JSON-ready data.

What is in one is what is pending: its size doesn't depend on how long the run has lived. Whatever can't be stored is
told of all at once, each with its path. `restore` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..codec import Json
from ..errors import EncodeError
from ..events import CollectionReleaseEvent, Event
from .gather import Buffer
from .places import OUTSIDE, Place
from .state import Batch, Execution, RunState
from .statuses import AT_WORK, ENDED, ENDING, NEW, QUEUED, SUSPENDED, SUSPENDING, Status
from .tallying import tally_data
from .values import copied
from .written import Path, SnapshotWriter, asked_data, counts_data, outcome_data, place_data, types_data
from .written_memory import memory_data

FORMAT_VERSION = 1


def snapshot(state: RunState, *, at: float, include_state: bool = True) -> dict[str, Json]:
    """The snapshot of a run.

    Args:
        state: The run's state.
        at: Now, in UTC seconds: the time that attempts in flight have spent until now is counted.
        include_state: Whether the values of the run's state are part of it.

    Raises:
        EncodeError: Something can't be stored; `problems` has everything.
    """
    writer = SnapshotWriter(state.codec, state.kinds)
    status = _status(state)
    data: dict[str, Json] = {
        "format_version": FORMAT_VERSION,
        "workflow": state.program.workflow_name,
        "run_id": state.run_id,
        "status": status,
        "is_running": status == "running",
        "seed": state.seed,
        "last_tick": state.last_tick,
        "next_execution": state.next_execution,
        "streamed": state.streamed,
        "spent_s": _spent(state, at),
        "tally": {**tally_data(state, at)},
        "executions": [],
    }
    if state.trace:
        data["trace"] = state.trace
    if state.next_batch != 1:
        data["next_batch"] = state.next_batch
    if state.next_child != 1:
        data["next_child"] = state.next_child
    if state.status is not ENDING:  # its end is decided: nothing is left to do
        _write_pending(data, writer, state)
        if state.children:
            _write_children(data, writer, state, at, include_state=include_state)
    if state.questions.asked:
        data["asked"] = [*state.questions.asked]
    if state.values.next_version != 1:
        data["state"] = _values(state, include_state=include_state)
    if state.outcome is not None:
        data["outcome"] = outcome_data(writer, state.outcome)
    if writer.problems:
        raise EncodeError("This run can't be stored as it stands; it goes on:", writer.problems)
    data["types"] = types_data(writer)
    return data


def _write_pending(data: dict[str, Json], writer: SnapshotWriter, state: RunState) -> None:
    """What is left to do."""
    executions, questions = state.executions, state.questions.by_id
    if executions:
        data["executions"] = [_execution(writer, state, executions[name]) for name in sorted(executions)]
    if state.mailbox.by_type:
        mailbox = state.mailbox.in_order()
        data["mailbox"] = [writer.event(event, f"$.mailbox[{n}]") for n, event in enumerate(mailbox)]
    if questions:
        returned = [found for found in questions.values() if found.returned]
        if returned:
            data["questions"] = [{**asked_data(writer, found), "step": found.step} for found in returned]
        if len(questions) > 1:  # one has no order
            data["asking_order"] = list(questions)
    if state.buffers:
        data["buffers"] = [_buffer(writer, place, buffer) for place, buffer in state.buffers.items()]
    if state.batches:
        data["batches"] = [_batch(writer, batch) for batch in state.batches.values()]
    if state.slots:
        data["slots"] = _slots(writer, state.slots, "$.slots")


def _write_children(
    data: dict[str, Json], writer: SnapshotWriter, state: RunState, at: float, *, include_state: bool
) -> None:
    """The child runs that somebody still wants to know of, each with a snapshot of its own."""
    stored: list[Json] = []
    for child in state.children.values():
        if child.is_left:
            continue
        try:
            inner = snapshot(child.state, at=at, include_state=include_state)
        except EncodeError as error:
            writer.problems += [f"$.children[{child.label}]{problem.removeprefix('$')}" for problem in error.problems]
            continue
        stored.append(
            {
                "id": child.id,
                "execution": child.execution,
                "workflow": child.workflow,
                "label": child.label,
                "is_wanted": child.is_wanted,
                "is_held": child.is_held,
                "snapshot": inner,
            }
        )
    if stored:
        data["children"] = stored


def _status(state: RunState) -> str:
    if state.status is NEW:
        return "new"
    return "ended" if state.status in (ENDING, ENDED) else "running"


def _spent(state: RunState, at: float) -> float:
    budget = state.budget
    return budget.spent_s + (0.0 if budget.since is None else max(0.0, at - budget.since))


def _execution(writer: SnapshotWriter, state: RunState, execution: Execution) -> dict[str, Json]:
    path = "$.executions[", execution.id, "]"
    data: dict[str, Json] = {
        "id": execution.id,
        "step": execution.step,
        "event": _input(writer, execution.event, path),
        "status": _execution_status(execution).value,
        "attempt": execution.attempt,
    }
    if execution.place is not OUTSIDE and execution.place != OUTSIDE:
        data["place"] = place_data(execution.place)
    if execution.failures:
        data["failures"] = execution.failures
    if execution.first_at is not None:
        data["first_at"] = execution.first_at
    if execution.last_error is not None:
        data["last_error"] = writer.codec.encode_exception(execution.last_error)
    if execution.last_failed_at is not None:
        data["last_failed_at"] = execution.last_failed_at
    due = state.timers.due.get(("retry", execution.id))
    if due is not None:
        data["due"] = due
    if execution.on:
        data["on"] = [*execution.on]
    if execution.memory is not None:
        data["memory"] = memory_data(writer, execution.memory, path)
    return data


def _input(writer: SnapshotWriter, event: Event, path: Path) -> Json:
    """What a step takes: an event, or several that it joins."""
    if not isinstance(event, CollectionReleaseEvent):
        return writer.event(event, *path, ".event")
    events: Json = [writer.event(member, *path, f".event[{number}]") for number, member in enumerate(event.events)]
    return {"joined": events, "stream_id": event.stream_id}


def _places(places: Sequence[Place]) -> dict[str, Json]:
    """Where each of several events of a batch stands; nothing if there's no more to tell than the batch."""
    return {"places": [place_data(place) for place in places]} if any(p.member or p.recoveries for p in places) else {}


def _lineages(places: Iterable[Place]) -> dict[str, Json]:
    """The recoveries on the way to each of several events; nothing if there were none."""
    found = [place.recoveries for place in places]
    return {"recoveries": [counts_data(recoveries) for recoveries in found]} if any(found) else {}


def _batch(writer: SnapshotWriter, batch: Batch) -> Json:
    path = f"$.batches[{batch.id}]"
    return {
        "id": batch.id,
        "place": place_data(batch.place),
        "opener": batch.opener,
        "gathered": [
            {
                "step": step,
                "take": gathered.take,
                "is_released": gathered.is_released,
                "arrived": [[place.member, writer.event(event, f"{path}.{step}")] for place, event in gathered.arrived],
                **_lineages(place for place, _ in gathered.arrived),
            }
            for step, gathered in batch.gathered.items()
        ],
        "slots": _slots(writer, batch.slots, f"{path}.slots"),
    }


def _slots(writer: SnapshotWriter, slots: Mapping[str, Buffer], path: str) -> Json:
    """What has come for steps that take several events: for which of their classes, and the event."""
    return [
        {
            "step": step,
            "takes": [writer.name(kind) for kind in buffer.expected],
            "events": [
                [writer.kind(kind, path), writer.event(event, f"{path}.{step}")]
                for kind, arrivals in buffer.arrived.items()
                for _, event in arrivals
            ],
            **_places([place for arrivals in buffer.arrived.values() for place, _ in arrivals]),
        }
        for step, buffer in slots.items()
    ]


def _execution_status(execution: Execution) -> Status:
    """What a resumed run makes of it: an attempt in flight is queued again."""
    if execution.status is SUSPENDING or execution.status is SUSPENDED:
        return QUEUED if execution.is_woken else SUSPENDED
    return QUEUED if execution.status is AT_WORK else execution.status


def _buffer(writer: SnapshotWriter, place: tuple[str, str], buffer: Buffer) -> Json:
    path = f"$.buffers[{place[0]}]"
    return {
        "step": place[0],
        "name": place[1],
        "expected": [writer.kind(kind, f"{path}.expected") for kind in buffer.expected],
        "events": [writer.event(event, path) for event in buffer.waiting()],
        **_lineages(place for arrivals in buffer.arrived.values() for place, _ in arrivals),
    }


def _values(state: RunState, *, include_state: bool) -> Json:
    values = state.values
    current = values.current if include_state else {}
    kept = {*current.values(), *(() if state.status is ENDING else values.holds)}
    return {
        "fields": [[name, version] for name, version in current.items()],
        "versions": [[version, copied(values.versions[version])] for version in sorted(kept)],
        "next_version": values.next_version,
    }
