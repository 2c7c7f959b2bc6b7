"""Snapshots: a run as JSON-ready data.

What is in one is what is pending: its size doesn't depend on how long the run has lived. Whatever can't be stored is
told of all at once, each with its path. `restore` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import attrs

from ..codec import Codec, Json
from ..errors import EncodeError
from ..events import CollectionReleaseEvent, Event
from .effects import Effects
from .empty import EMPTY
from .gather import Buffer
from .outcomes import Failure, Outcome
from .places import Place, Recoveries
from .questions import Question, class_name
from .records import Asked, Collected, Edited, Memory, Ran, Read, Record, Value
from .state import Batch, ChildKind, Execution, RunState, RunStatus, Status
from .tallying import tally_data
from .values import copied

FORMAT_VERSION = 1


@attrs.define
class SnapshotWriter:
    """Encodes values, and collects what can't be and which event classes there were."""

    codec: Codec
    kinds: Mapping[str, ChildKind] = attrs.field(factory=dict[str, Any])
    problems: list[str] = attrs.field(factory=list[str])
    types: dict[type, None] = attrs.field(factory=dict[type, None])

    def value(self, value: object, path: str) -> Json:
        """A value in its stored form."""
        try:
            return self.codec.encode(value)
        except EncodeError as error:
            self.problems += [f"{path}{problem.removeprefix('$')}" for problem in error.problems]
            return None

    def event(self, event: Event | None, path: str) -> Json:
        """An event in its stored form."""
        if event is None:
            return None
        self.types[type(event)] = None
        return self.value(event, path)

    def kind(self, kind: type[Event], path: str) -> Json:
        """The name of an event class."""
        if not self.codec.knows(kind):
            self.problems.append(f"{path}: {kind.__name__} isn't declared: Workflow(types=[{kind.__name__}])")
            return None
        self.types[kind] = None
        return self.codec.name_of(kind)

    def name(self, kind: type[Event]) -> Json:
        """The name of an event class of which nothing is stored, so that it may change."""
        return class_name(self.codec, kind)


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
    data: dict[str, Json] = {
        "format_version": FORMAT_VERSION,
        "workflow": state.program.workflow_name,
        "run_id": state.run_id,
        "status": _status(state),
        "is_running": _status(state) == "running",
        "seed": state.seed,
        "trace": state.trace,
        "last_tick": state.last_tick,
        "next_execution": state.next_execution,
        "next_batch": state.next_batch,
        "next_child": state.next_child,
        "streamed": state.streamed,
        "spent_s": _spent(state, at),
        "tally": dict(tally_data(state, at)),
        **_pending(writer, state),
        "children": _children(writer, state, at, include_state=include_state),
        "asked": list(state.questions.asked),
        "state": _values(state, include_state=include_state),
        "outcome": _outcome(writer, state.outcome),
    }
    if writer.problems:
        raise EncodeError("This run can't be stored as it stands; it goes on:", writer.problems)
    data["types"] = _types(writer)
    return data


def _types(writer: SnapshotWriter) -> dict[str, Json]:
    """The shapes of the classes that were written."""
    codec = writer.codec
    return {codec.name_of(kind): cast("Json", codec.shape(kind)) for kind in writer.types}


def _children(writer: SnapshotWriter, state: RunState, at: float, *, include_state: bool) -> Json:
    """The child runs that somebody still wants to know of, each with a snapshot of its own."""
    if state.status is RunStatus.ENDING:
        return []
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
    return stored


def _pending(writer: SnapshotWriter, state: RunState) -> dict[str, Json]:
    """What is left to do: nothing, if the end is decided."""
    is_over = state.status is RunStatus.ENDING
    executions = [] if is_over else [state.executions[name] for name in sorted(state.executions)]
    mailbox = [] if is_over else state.mailbox.in_order()
    questions = EMPTY if is_over else state.questions.by_id
    buffers = {} if is_over else state.buffers
    batches = {} if is_over else state.batches
    slots = {} if is_over else state.slots
    return {
        "executions": [_execution(writer, state, found) for found in executions],
        "mailbox": [writer.event(event, f"$.mailbox[{n}]") for n, event in enumerate(mailbox)],
        "questions": [question_data(state.codec, found, writer) for found in questions.values() if found.returned],
        "asking_order": list(questions),
        "buffers": [_buffer(writer, place, buffer) for place, buffer in buffers.items()],
        "batches": [_batch(writer, batch) for batch in batches.values()],
        "slots": _slots(writer, slots, "$.slots"),
    }


def _status(state: RunState) -> str:
    if state.status is RunStatus.NEW:
        return "new"
    return "ended" if state.status in (RunStatus.ENDING, RunStatus.ENDED) else "running"


def _spent(state: RunState, at: float) -> float:
    budget = state.budget
    return budget.spent_s + (0.0 if budget.since is None else max(0.0, at - budget.since))


def _execution(writer: SnapshotWriter, state: RunState, execution: Execution) -> Json:
    path = f"$.executions[{execution.id}]"
    error = execution.last_error
    return {
        "id": execution.id,
        "step": execution.step,
        "event": _input(writer, execution.event, f"{path}.event"),
        "place": _place(execution.place),
        "status": _execution_status(execution).value,
        "attempt": execution.attempt,
        "failures": execution.failures,
        "first_at": execution.first_at,
        "last_error": None if error is None else writer.codec.encode_exception(error),
        "last_failed_at": execution.last_failed_at,
        "due": state.timers.due.get(("retry", execution.id)),
        "on": list(execution.on),
        "memory": None if execution.memory is None else _memory(writer, execution.memory, f"{path}.records"),
    }


def _input(writer: SnapshotWriter, event: Event, path: str) -> Json:
    """What a step takes: an event, or several that it joins."""
    if not isinstance(event, CollectionReleaseEvent):
        return writer.event(event, path)
    events: Json = [writer.event(member, f"{path}[{number}]") for number, member in enumerate(event.events)]
    return {"joined": events, "stream_id": event.stream_id}


def _place(place: Place) -> Json:
    where: list[Json] = [place.batch, place.member]
    return [*where, _counts(place.recoveries)] if place.recoveries else where


def _counts(recoveries: Recoveries) -> Json:
    return [[handler, count] for handler, count in recoveries]


def _places(places: Sequence[Place]) -> dict[str, Json]:
    """Where each of several events of a batch stands; nothing if there's no more to tell than the batch."""
    return {"places": [_place(place) for place in places]} if any(p.member or p.recoveries for p in places) else {}


def _lineages(places: Iterable[Place]) -> dict[str, Json]:
    """The recoveries on the way to each of several events; nothing if there were none."""
    found = [place.recoveries for place in places]
    return {"recoveries": [_counts(recoveries) for recoveries in found]} if any(found) else {}


def _batch(writer: SnapshotWriter, batch: Batch) -> Json:
    path = f"$.batches[{batch.id}]"
    return {
        "id": batch.id,
        "place": _place(batch.place),
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
    if execution.status is Status.SUSPENDING or execution.status is Status.SUSPENDED:
        return Status.QUEUED if execution.is_woken else Status.SUSPENDED
    return Status.QUEUED if execution.status is Status.RUNNING else execution.status


def _memory(writer: SnapshotWriter, memory: Memory, path: str) -> Json:
    return {
        "tapes": [
            [branch, [_record(writer, record, f"{path}[{branch!r}][{n}]") for n, record in enumerate(tape.records)]]
            for branch, tape in memory.tapes.items()
        ],
        "found": [
            [kind, key, _record(writer, record, f"{path}[{kind} {key}]")]
            for (kind, key), record in memory.found.items()
        ],
        "kept": [
            [branch, kind, key, occurrence, _record(writer, record, f"{path}[{kind} {key}]")]
            for (branch, kind, key, occurrence), record in memory.kept.items()
        ],
    }


def _record(writer: SnapshotWriter, record: Record, path: str) -> Json:
    if isinstance(record, Effects):
        return {"is": "effects", "count": record.count, "digest": record.digest}
    if isinstance(record, Value):
        return {"is": "value", "kind": record.kind, "key": record.key, "value": copied(record.value)}
    if isinstance(record, Read):
        return {"is": "read", "path": record.path, "versions": [[name, version] for name, version in record.versions]}
    if isinstance(record, Edited):
        versions: Json = [[name, version] for name, version in record.versions]
        return {"is": "edited", "versions": versions, "digest": record.digest}
    if isinstance(record, Collected):
        events = record.events
        taken: Json = None if events is None else [writer.event(event, path) for event in events]
        return {"is": "collected", "key": record.key, "events": taken}
    if isinstance(record, Ran):
        return _ran(writer, record, path)
    return _asked(writer, record, path)


def _ran(writer: SnapshotWriter, record: Ran, path: str) -> Json:
    """A child run, and how it ended, in the types of its own workflow."""
    kind = writer.kinds[record.workflow]
    nested = SnapshotWriter(kind.codec, kind.children)
    outcome = _outcome(nested, record.outcome)
    writer.problems += [f"{path}{problem.removeprefix('$')}" for problem in nested.problems]
    return {
        "is": "ran",
        "key": record.key,
        "child": record.child,
        "workflow": record.workflow,
        "is_cut_short": record.is_cut_short,
        "outcome": outcome,
        "types": _types(nested),
    }


def _asked(writer: SnapshotWriter, record: Asked, path: str) -> Json:
    return {
        "is": "asked",
        "key": record.key,
        "question": question_data(writer.codec, record.question, writer),
        "answer": writer.event(record.answer, f"{path}.answer"),
        "expired": record.expired,
    }


def question_data(codec: Codec, question: Question, writer: SnapshotWriter | None = None) -> Json:
    """A question in its stored form.

    Raises:
        EncodeError: It can't be stored, and there's no writer to collect that.
    """
    if writer is None:
        writer = SnapshotWriter(codec)
        data = question_data(codec, question, writer)
        if writer.problems:
            raise EncodeError("A question can't be stored:", writer.problems)
        return data
    path = f"$.questions[{question.id}]"
    return {
        "id": question.id,
        "event": writer.event(question.event, f"{path}.event"),
        "answer_type": writer.kind(question.answer_type, f"{path}.answer_type"),
        "step": question.step,
        "deadline_at": question.deadline_at,
        "requirements": writer.value(dict(question.requirements or {}), f"{path}.requirements"),
        "execution": question.execution,
        "branch": question.branch,
        "content": question.content,
        "subclasses": question.subclasses,
        "returned": question.returned,
        "asked_at": question.asked_at,
        "place": _place(question.place),
    }


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
    kept = {*current.values(), *(() if state.status is RunStatus.ENDING else values.holds)}
    return {
        "fields": [[name, version] for name, version in current.items()],
        "versions": [[version, copied(values.versions[version])] for version in sorted(kept)],
        "next_version": values.next_version,
    }


def _outcome(writer: SnapshotWriter, outcome: Outcome | None) -> Json:
    if outcome is None:
        return None
    return {
        "result": writer.event(outcome.result, "$.outcome.result"),
        "failures": failures_data(writer.codec, outcome.failures),
        "timed_out_s": outcome.timed_out_s,
        "active_steps": list(outcome.active_steps),
    }


def failures_data(codec: Codec, failures: Iterable[Failure]) -> Json:
    """Steps that have failed, in their stored form."""
    return [
        [failure.step, codec.encode_exception(failure.error), failure.attempts, failure.elapsed_s]
        for failure in failures
    ]
