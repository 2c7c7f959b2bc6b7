"""Restoring: a run's state from a snapshot, checked against the workflow as it is now.

Rules:
- Nothing of the snapshot is believed. Whatever isn't as this module's counterpart writes it is refused.
- What says nothing needn't be there: a key that's missing means its default, as if that had been written.
- A step, event class or answer class that has gone or has another shape is a mismatch; all are listed. Where changes
  are accepted, what nobody takes any more is dropped, and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..codec import Codec
from ..errors import ContextSerdeError, SnapshotMismatch
from ..events import StopEvent
from ..graph import Program
from .empty import with_item
from .gather import Buffer
from .places import OUTSIDE, Place
from .records import Asked, Edited, Ran, Read, Record
from .restored_batches import check_place, count_open, read_batches, read_input
from .restored_children import Wait, read_children, read_outcome
from .restored_memory import read_memory
from .snapshot import FORMAT_VERSION
from .state import ChildKind, Execution, RunState
from .statuses import DELAYED, ENDED, HALTED, NEW, QUEUED, SUSPENDED
from .stored import (
    NOT_AS_WRITTEN,
    Malformed,
    SnapshotReader,
    check_types,
    count,
    items,
    of,
    place_from,
    seconds,
    with_recoveries,
)
from .tallying import read_tally
from .values import Values, copied

_STATUSES = {"new": NEW, "running": HALTED, "ended": ENDED}
_WAITING = {status.value: status for status in (QUEUED, SUSPENDED, DELAYED)}
_PENDING = ("executions", "mailbox", "questions", "asking_order", "buffers", "batches", "slots", "children")


def restore(
    program: Program,
    codec: Codec,
    data: Mapping[str, Any],
    *,
    accepts_changes: bool = False,
    children: Mapping[str, ChildKind] | None = None,
) -> tuple[RunState, list[str]]:
    """The state of a run, and what was dropped from it.

    Raises:
        SnapshotMismatch: It doesn't fit the workflow.
        ContextSerdeError: It's no snapshot, or of another format.
    """
    reader = SnapshotReader(program, codec, children or {})
    try:
        state = _state(reader, data)
    except NOT_AS_WRITTEN as error:
        if isinstance(error, ContextSerdeError):
            raise
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, Malformed) else str(error)
        raise ContextSerdeError(
            f"This is no snapshot that Context.to_dict() gave, or it was changed: {reason}."
        ) from error
    if reader.mismatches and not accepts_changes:
        raise SnapshotMismatch(
            f"The snapshot of run {state.run_id!r} doesn't fit {program.class_name} as it is now:", reader.mismatches
        )
    return state, reader.mismatches


def check_format(data: object) -> None:
    """Raise if data isn't a snapshot of a format that this version reads.

    Raises:
        ContextSerdeError: It isn't.
    """
    if not isinstance(data, Mapping):
        raise ContextSerdeError(f"A snapshot is a dict, as Context.to_dict() gives it; this is {data!r:.200}.")
    version = cast("Mapping[str, object]", data).get("format_version")
    if version == FORMAT_VERSION and type(version) is int:
        return
    if version is None:
        keys = ", ".join(map(repr, cast("Mapping[str, object]", data)))
        raise ContextSerdeError(f"This is no snapshot: it has no 'format_version'. It has {keys or 'nothing'}.")
    raise ContextSerdeError(
        f"This snapshot is of format {version!r:.200}; this version of workflows reads format {FORMAT_VERSION}.\n"
        "  Use the version that wrote it, or a newer one."
    )


def _state(reader: SnapshotReader, data: Mapping[str, Any]) -> RunState:
    check_format(data)
    state = RunState(reader.program, reader.codec, kinds=reader.kinds)
    state.run_id = of(str, data["run_id"])
    state.seed = of(int, data["seed"])
    state.trace = of(str, data.get("trace", ""))
    state.status = _STATUSES[of(str, data["status"])]
    state.last_tick = count(data["last_tick"])
    state.next_execution = _next_number(data["next_execution"])
    state.streamed = count(data["streamed"])
    state.budget.spent_s = seconds(data["spent_s"])
    state.tally = read_tally(reader.codec, data)
    check_types(reader, data)
    if "state" in data:
        _read_values(state.values, data["state"])
    _read_outcome(reader, state, data.get("outcome"))
    if state.status is ENDED and any(data.get(name) for name in _PENDING):
        raise Malformed("it has ended, and there's something left to do")
    for event in data.get("mailbox", ()):
        kept = reader.needed_event(event, "an event in the mailbox")
        if kept is not None:
            state.mailbox.keep(kept)
    state.questions.note_asked([of(str, name) for name in data.get("asked", ())])
    for buffer in data.get("buffers", ()):
        _read_buffer(reader, state, buffer)
    read_batches(reader, state, data)
    waits: list[Wait] = []
    for item in data["executions"]:
        _read_execution(reader, state, item, waits)
    _open_questions(reader, state, data, waits)
    if state.batches:  # otherwise nothing can say that it's in one
        count_open(state)
    read_children(reader, state, data, waits, _state)
    for execution in state.executions.values():
        _queue(state, execution)
    if state.values.versions:  # otherwise nothing can refer to one
        _drop_unused_versions(state)
    return state


def _next_number(value: object) -> int:
    """A number that is to be given next; the first that's ever given is 1."""
    if not count(value):
        raise Malformed("the next number is 0")
    return count(value)


def _read_outcome(reader: SnapshotReader, state: RunState, data: Mapping[str, Any] | None) -> None:
    if (data is not None) is not (state.status is ENDED):
        raise Malformed("a run that has ended has an outcome, and no other has one")
    state.outcome = None if data is None else read_outcome(reader, data)


def _read_buffer(reader: SnapshotReader, state: RunState, data: Mapping[str, Any]) -> None:
    step, name = of(str, data["step"]), of(str, data["name"])
    kinds = [reader.kind(of(str, kind), f"a buffer of step {step!r}") for kind in data["expected"]]
    if (step, name) in state.buffers:
        raise Malformed(f"step {step!r} has buffer {name!r} twice")
    if not reader.has_step(step, "a buffer of collect_events") or None in kinds:
        return
    buffer = Buffer.expecting([kind for kind in kinds if kind is not None])
    for event, recoveries in with_recoveries(items(data["events"]), data.get("recoveries")):
        kept = reader.needed_event(event, f"an event in a buffer of step {step!r}")
        if kept is not None:
            buffer.add(kept, Place(recoveries=recoveries))
    state.buffers = with_item(state.buffers, (step, name), buffer)


def _read_execution(reader: SnapshotReader, state: RunState, data: Mapping[str, Any], waits: list[Wait]) -> None:
    """Take an execution in, and add what it waits for."""
    execution = _execution(reader, state, data)
    if execution is None:
        return
    if execution.id in state.executions or not 0 < execution.id < state.next_execution:
        raise Malformed(f"execution {execution.id} is there twice, or its number isn't")
    state.add(execution)
    if execution.status is DELAYED:
        state.timers.set(("retry", execution.id), seconds(data.get("due")))
    if execution.memory is not None:
        for record in execution.memory.records():
            _take_in(state, execution, record, waits)


def _execution(reader: SnapshotReader, state: RunState, data: Mapping[str, Any]) -> Execution | None:
    step, name = of(str, data["step"]), count(data["id"])
    if not reader.has_step(step, f"execution {name}"):
        return None
    event = read_input(reader, state, data["event"], step)
    status = _WAITING.get(of(str, data["status"]))
    if status is None:
        raise Malformed(f"execution {name} has status {data['status']!r:.200}")
    first_at, failed_at, memory = data.get("first_at"), data.get("last_failed_at"), data.get("memory")
    place = data.get("place")
    execution = Execution(
        id=name,
        step=step,
        event=StopEvent() if event is None else event,
        place=OUTSIDE if place is None else check_place(state, place_from(place)),
        status=status,
        attempt=count(data["attempt"]),
        failures=count(data.get("failures", 0)),
        first_at=None if first_at is None else seconds(first_at),
        last_error=reader.error(data.get("last_error"), f"how step {step!r} failed before"),
        last_failed_at=None if failed_at is None else seconds(failed_at),
        memory=None if memory is None else read_memory(reader, memory, step),
        on=tuple([of(str, question) for question in data.get("on", ())]),
    )
    return None if event is None else execution


def _take_in(state: RunState, execution: Execution, record: Record, waits: list[Wait]) -> None:
    """What a record refers to is held, and what it asks, or runs, is open."""
    if isinstance(record, (Asked, Ran)):
        if isinstance(record, Asked) and record.question.execution != execution.id:
            raise Malformed(f"question {record.question.id!r} isn't of execution {execution.id}")
        if not record.is_settled:
            _check_new(record.name, execution.open)
            execution.wait_for(record)
            waits.append((execution, record))
    elif isinstance(record, (Read, Edited)):
        for _, version in record.versions:
            if version not in state.values.versions:
                raise Malformed(f"{record} of step {execution.step!r} refers to a version that isn't there")
        state.values.hold(record.versions)


def _open_questions(reader: SnapshotReader, state: RunState, data: Mapping[str, Any], waits: Iterable[Wait]) -> None:
    """Open all questions, in the order in which they were asked."""
    questions = {asked.name: asked.question for _, asked in waits if isinstance(asked, Asked)}
    for stored in data.get("questions", ()):
        question = reader.question(stored)
        if question is not None:
            check_place(state, question.place)
        if question is None or not reader.has_step(question.step, "a question"):
            continue
        if not question.returned or question.deadline_at is not None:
            raise Malformed(f"question {question.id!r} stands among those that steps have returned")
        _check_new(question.id, questions)
        questions[question.id] = question
    order = data.get("asking_order")
    for name in questions if order is None else dict.fromkeys([*order, *questions]):
        if name in questions:
            question = questions[name]
            state.questions.open(question, reader.codec.name_of(question.answer_type))
            if question.deadline_at is not None:
                state.timers.set(("question", question.id), question.deadline_at)


def _check_new(question: str, questions: Mapping[str, object]) -> None:
    if question in questions:
        raise Malformed(f"question {question!r} is there twice")


def _queue(state: RunState, execution: Execution) -> None:
    """Let an execution wait for a worker, unless something will wake it."""
    if execution.status is SUSPENDED:
        for name in execution.on:
            if name in execution.open:
                return
        execution.status = QUEUED  # what it waited for was dropped: a replay asks anew
    if execution.status is QUEUED:
        state.work_of(execution.step).append(execution.id)


def _read_values(values: Values, data: Mapping[str, Any]) -> None:
    values.next_version = _next_number(data["next_version"])
    for version, value in data["versions"]:
        if count(version) in values.versions or not 0 < version < values.next_version:
            raise Malformed(f"version {version} of the state is there twice, or its number isn't")
        values.versions = with_item(values.versions, version, copied(value))
    for name, version in data["fields"]:
        if of(int, version) not in values.versions or of(str, name) in values.current:
            raise Malformed(f"the state names version {version} of {name!r}, which isn't there, or has {name!r} twice")
        values.current = with_item(values.current, name, version)


def _drop_unused_versions(state: RunState) -> None:
    """Drop what nothing refers to, and see that each version is of one field."""
    values = state.values
    owners = {version: name for name, version in values.current.items()}
    if len(owners) < len(values.current):
        raise Malformed("a version of the state is one of several fields")
    memories = [execution.memory for execution in state.executions.values() if execution.memory is not None]
    records = [record for memory in memories for record in memory.records() if isinstance(record, Read | Edited)]
    for name, version in (held for record in records for held in record.versions):
        if owners.setdefault(version, name) != name:
            raise Malformed(f"version {version} of the state is one of {owners[version]!r} and of {name!r}")
    values.versions = {version: value for version, value in values.versions.items() if version in owners}
