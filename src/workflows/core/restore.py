"""Restoring: a run's state from a snapshot, checked against the workflow as it is now.

Rules:
- Nothing of the snapshot is believed. Whatever isn't as this module's counterpart writes it is refused.
- A step, event class or answer class that has gone or has another shape is a mismatch; all are listed. Where changes
  are accepted, what nobody takes any more is dropped, and told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import attrs

from ..codec import Codec, Json
from ..errors import ContextSerdeError, DecodeError, SnapshotMismatch, UsageError
from ..events import Event, StopEvent
from ..graph import Program
from .gather import Buffer
from .questions import Question
from .records import Asked, Collected, Edited, Effects, Memory, Read, Record, Tape, Value
from .snapshot import FORMAT_VERSION
from .state import Execution, Failure, Outcome, RunState, RunStatus, Status

T = TypeVar("T")


class Malformed(Exception):
    """Data that no snapshot has."""


@attrs.define
class SnapshotReader:
    """Reads values, and collects what doesn't fit the workflow."""

    program: Program
    codec: Codec
    mismatches: list[str] = attrs.field(factory=list[str])

    def event(self, data: Json, what: str) -> Event | None:
        """An event; None, and a mismatch, if its class isn't there as it was."""
        if data is None:
            return None
        try:
            event = self.codec.decode(data)
        except DecodeError as error:
            self.mismatches += [f"{what}: {problem}" for problem in error.problems]
            return None
        if not isinstance(event, Event):
            raise Malformed(f"{what} is {event!r}, which is no event")
        return event

    def kind(self, name: str, what: str) -> type[Event] | None:
        """An event class by its name; None, and a mismatch, if there is none."""
        try:
            kind = self.codec.type_named(name)
        except (DecodeError, UsageError, LookupError):
            self.mismatches.append(f"{what}: the event class {name!r} is gone; keep its name with aliases=[{name!r}]")
            return None
        if not issubclass(kind, Event):
            raise Malformed(f"{what} has {name!r}, which is no event class")
        return kind


def restore(
    program: Program, codec: Codec, data: Mapping[str, Any], *, accepts_changes: bool = False
) -> tuple[RunState, list[str]]:
    """The state of a run, and what was dropped from it.

    Raises:
        SnapshotMismatch: It doesn't fit the workflow.
        ContextSerdeError: It's no snapshot, or of another format.
    """
    check_format(data)
    reader = SnapshotReader(program, codec)
    try:
        state = _state(reader, data)
    except (Malformed, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
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
    if version is None:
        keys = ", ".join(map(repr, cast("Mapping[str, object]", data)))
        raise ContextSerdeError(f"This is no snapshot: it has no 'format_version'. It has {keys or 'nothing'}.")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise ContextSerdeError(
            f"This snapshot is of format {version!r}; this version of workflows reads format {FORMAT_VERSION}.\n"
            "  Use the version that wrote it, or a newer one."
        )


def _state(reader: SnapshotReader, data: Mapping[str, Any]) -> RunState:
    state = RunState(reader.program, reader.codec)
    state.run_id = _of(str, data["run_id"])
    state.seed = _of(int, data["seed"])
    state.status = {"new": RunStatus.NEW, "running": RunStatus.HALTED, "ended": RunStatus.ENDED}[
        _of(str, data["status"])
    ]
    state.last_tick = _of(int, data["last_tick"])
    state.next_execution = _of(int, data["next_execution"])
    state.streamed = _of(int, data["streamed"])
    state.budget.spent_s = _seconds(data["spent_s"])
    _check_types(reader, data)
    _read_values(state, data["state"])
    _read_outcome(reader, state, data["outcome"])
    for event in data["mailbox"]:
        kept = reader.event(event, "the mailbox")
        if kept is not None:
            state.mailbox.keep(kept)
    for name in data["asked"]:
        state.questions.asked[_of(str, name)] = None
    for buffer in data["buffers"]:
        _read_buffer(reader, state, buffer)
    questions = _read_executions(reader, state, data["executions"])
    for found in data["questions"]:
        question = _question(reader, found)
        if question is not None and _has_step(reader, question.step, "a question"):
            questions[question.id] = question
    for name in dict.fromkeys([*data["asking_order"], *questions]):
        if name in questions:
            question = questions[name]
            state.questions.open(question, reader.codec.name_of(question.answer_type))
            if question.deadline_at is not None:
                state.timers.set(("question", question.id), question.deadline_at)
    return state


def _check_types(reader: SnapshotReader, data: Mapping[str, Any]) -> None:
    for name, shape in data["types"].items():
        try:
            reader.mismatches += reader.codec.shape_problems(
                _of(str, name), cast("Mapping[str, str]", _of(dict, shape))
            )
        except (DecodeError, UsageError, LookupError):
            reader.mismatches.append(
                f"the class {name!r} is gone; if it was renamed, keep the name with aliases=[{name!r}]"
            )


def _read_values(state: RunState, data: Mapping[str, Any]) -> None:
    values = state.values
    values.next_version = _of(int, data["next_version"])
    for version, value in data["versions"]:
        values.versions[_of(int, version)] = value
    for name, version in data["fields"]:
        if version not in values.versions:
            raise Malformed(f"the state names version {version!r} of {name!r}, which isn't there")
        values.current[_of(str, name)] = _of(int, version)


def _read_outcome(reader: SnapshotReader, state: RunState, data: Mapping[str, Any] | None) -> None:
    if data is None:
        return
    result = reader.event(data["result"], "the result")
    if result is not None and not isinstance(result, StopEvent):
        raise Malformed(f"the result is {result!r}, which is no StopEvent")
    failures = tuple(
        Failure(_of(str, step), reader.codec.decode_exception(error), _of(int, attempts), _seconds(elapsed))
        for step, error, attempts, elapsed in data["failures"]
    )
    timed_out = data["timed_out_s"]
    steps = tuple(_of(str, step) for step in data["active_steps"])
    state.outcome = Outcome(result, failures, None if timed_out is None else _seconds(timed_out), steps)


def _read_buffer(reader: SnapshotReader, state: RunState, data: Mapping[str, Any]) -> None:
    step = _of(str, data["step"])
    kinds = [reader.kind(_of(str, name), f"a buffer of step {step!r}") for name in data["expected"]]
    if not _has_step(reader, step, "a buffer of collect_events") or None in kinds:
        return
    buffer = Buffer.expecting([kind for kind in kinds if kind is not None])
    for event in data["events"]:
        kept = reader.event(event, f"a buffer of step {step!r}")
        if kept is not None:
            buffer.add(kept)
    state.buffers[step, _of(str, data["name"])] = buffer


def _has_step(reader: SnapshotReader, step: str, what: str) -> bool:
    if step in reader.program.steps:
        return True
    known = ", ".join(map(repr, reader.program.steps))
    reader.mismatches.append(f"step {step!r} is gone, and {what} is of it; there are {known}")
    return False


def _read_executions(reader: SnapshotReader, state: RunState, data: list[Any]) -> dict[str, Question]:
    """Read all executions; gives their open questions."""
    questions: dict[str, Question] = {}
    for item in data:
        execution = _execution(reader, item)
        if execution is None:
            continue
        state.executions[execution.id] = execution
        if execution.status is Status.DELAYED:
            state.timers.set(("retry", execution.id), _seconds(item["due"]))
        elif execution.status is Status.QUEUED:
            state.work_of(execution.step).append(execution.id)
        for record in () if execution.memory is None else execution.memory.records():
            _take_in(state, execution, record)
        questions.update({name: asked.question for name, asked in execution.open.items()})
    return questions


def _take_in(state: RunState, execution: Execution, record: Record) -> None:
    """What a record refers to is held, and what it asks is open."""
    if isinstance(record, Read | Edited):
        if any(version not in state.values.versions for _, version in record.versions):
            raise Malformed(f"{record} of step {execution.step!r} refers to a version that isn't there")
        state.values.hold(record.versions)
    elif isinstance(record, Asked) and not record.is_settled:
        execution.open[record.question.id] = record


def _execution(reader: SnapshotReader, data: Mapping[str, Any]) -> Execution | None:
    step = _of(str, data["step"])
    if not _has_step(reader, step, f"execution {data['id']!r}"):
        return None
    event = reader.event(data["event"], f"the input of step {step!r}")
    if event is None:
        return None
    if not reader.program.steps[step].takes(type(event)):
        reader.mismatches.append(f"step {step!r} no longer accepts {type(event).__name__}, which waits for it")
        return None
    status = Status(data["status"])
    if status in (Status.RUNNING, Status.SUSPENDING):
        raise Malformed(f"execution {data['id']!r} has status {status.value!r}")
    error = data["last_error"]
    first_at, failed_at = data["first_at"], data["last_failed_at"]
    return Execution(
        id=_of(int, data["id"]),
        step=step,
        event=event,
        status=status,
        attempt=_of(int, data["attempt"]),
        failures=_of(int, data["failures"]),
        first_at=None if first_at is None else _seconds(first_at),
        last_error=None if error is None else reader.codec.decode_exception(error),
        last_failed_at=None if failed_at is None else _seconds(failed_at),
        memory=None if data["memory"] is None else _memory(reader, data["memory"], step),
        on=tuple(_of(str, name) for name in data["on"]),
    )


def _memory(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Memory:
    memory = Memory()
    for branch, records in data["tapes"]:
        tape = memory.tapes[_of(str, branch)] = Tape()
        for item in records:
            record = _record(reader, item, step)
            if isinstance(record, Effects):
                tape.records.append(record)
            elif record is not None:
                tape.add(record)
        tape.sealed = len(tape.records)
    for kind, key, item in data["found"]:
        record = _record(reader, item, step)
        if record is not None:
            memory.found[_of(str, kind), _of(str, key)] = record
    for branch, kind, key, occurrence, item in data["kept"]:
        record = _record(reader, item, step)
        if isinstance(record, Value | Asked):
            place = None if branch is None else _of(str, branch)
            memory.kept[place, _of(str, kind), _of(str, key), _of(int, occurrence)] = record
    return memory


def _record(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Record | None:
    return _RECORDS[_of(str, data["is"])](reader, data, step)


def _effects(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Effects:
    return Effects(_of(int, data["count"]), _of(int, data["digest"]))


def _value(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Value:
    return Value(_of(str, data["kind"]), _of(str, data["key"]), data["value"])


def _versions(data: list[Any]) -> tuple[tuple[str, int], ...]:
    return tuple((_of(str, name), _of(int, version)) for name, version in data)


def _read(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Read:
    path = data["path"]
    return Read(None if path is None else _of(str, path), _versions(data["versions"]))


def _edited(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Edited:
    return Edited(_versions(data["versions"]), _of(int, data["digest"]))


def _collected(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Collected:
    key = _of(str, data["key"])
    if data["events"] is None:
        return Collected(key, None)
    events = [reader.event(event, f"what step {step!r} had collected") for event in data["events"]]
    return Collected(key, tuple(event for event in events if event is not None))


def _asked(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Asked | None:
    question = _question(reader, data["question"])
    if question is None:
        return None
    answer = reader.event(data["answer"], f"an answer that step {step!r} had got")
    return Asked(_of(str, data["key"]), question, answer, _of(bool, data["expired"]))


def _question(reader: SnapshotReader, data: Mapping[str, Any]) -> Question | None:
    before = len(reader.mismatches)
    step = _of(str, data["step"])
    kind = reader.kind(_of(str, data["answer_type"]), f"a question of step {step!r}")
    prompt = reader.event(data["event"], f"a question of step {step!r}")
    if kind is None or len(reader.mismatches) > before:
        return None
    deadline, branch = data["deadline_at"], data["branch"]
    required = reader.codec.decode(data["requirements"])
    return Question(
        id=_of(str, data["id"]),
        event=prompt,
        answer_type=kind,
        step=step,
        deadline_at=None if deadline is None else _seconds(deadline),
        requirements=cast("dict[str, object]", _of(dict, required)) or None,
        execution=_of(int, data["execution"]),
        branch=None if branch is None else _of(str, branch),
        content=_of(str, data["content"]),
        subclasses=_of(bool, data["subclasses"]),
        returned=_of(bool, data["returned"]),
    )


def question_from(codec: Codec, data: Json, program: Program) -> Question:
    """A question from its stored form, as `snapshot.question_data` gives it."""
    reader = SnapshotReader(program, codec)
    question = _question(reader, cast("Mapping[str, Any]", data))
    if question is None:
        raise SnapshotMismatch("A recorded question can't be read:", reader.mismatches)
    return question


_RECORDS: dict[str, Callable[[SnapshotReader, Mapping[str, Any], str], Record | None]] = {
    "effects": _effects,
    "value": _value,
    "read": _read,
    "edited": _edited,
    "collected": _collected,
    "asked": _asked,
}


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise Malformed(f"expected {kind.__name__}, found {value!r:.200}")
    return value


def _seconds(value: object) -> float:
    if type(value) not in (int, float):
        raise Malformed(f"expected seconds, found {value!r:.200}")
    return float(cast("float", value))
