"""Restored children: child runs, and how those ended that are over, read back from a snapshot. Nothing is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ..events import StopEvent, UnreconstructedException
from .empty import with_item
from .outcomes import Failure, Outcome
from .records import Asked, Ran
from .state import Child, Execution, RunState
from .statuses import ENDED, HALTED, NEW
from .stored import Malformed, SnapshotReader, check_types, count, of, seconds

ReadState: TypeAlias = Callable[[SnapshotReader, Mapping[str, Any]], RunState]
Wait: TypeAlias = tuple[Execution, Asked | Ran]
"""An execution, and a record of it that isn't settled."""


def read_outcome(reader: SnapshotReader, data: Mapping[str, Any]) -> Outcome:
    """How a run ended."""
    result = reader.event(data["result"], "the result")
    if result is not None and not isinstance(result, StopEvent):
        raise Malformed(f"the result is {result!r:.200}, which is no StopEvent")
    failures = read_failures(reader, data["failures"])
    timed_out = None if data["timed_out_s"] is None else seconds(data["timed_out_s"])
    steps = tuple(of(str, step) for step in data["active_steps"])
    if (data["result"] is not None) + bool(data["failures"]) + (timed_out is not None) != 1:
        raise Malformed("a run ends with a result, with failures, or out of time")
    if data["result"] is not None and result is None:
        lost = UnreconstructedException("the result of this run can't be read any more: its class is gone, or changed")
        failures.append(Failure("(the end)", lost))
    return Outcome(result, tuple(failures), timed_out, steps)


def read_failures(reader: SnapshotReader, data: Any) -> list[Failure]:
    """Steps that have failed."""
    failures: list[Failure] = []
    for step, stored, attempts, elapsed in data:
        error = reader.error(stored, f"why step {step!r} failed")
        if error is None:
            raise Malformed(f"step {step!r} failed without an error")
        failures.append(Failure(of(str, step), error, count(attempts), seconds(elapsed)))
    return failures


def read_ran(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Ran | None:
    """A child run as its step has it on record; None, and a mismatch, if there's no such workflow any more."""
    workflow = of(str, data["workflow"])
    kind = reader.kinds.get(workflow)
    if kind is None:
        known = ", ".join(map(repr, reader.kinds)) or "none"
        reader.mismatches.append(
            f"step {step!r} had run {workflow!r}, which is no child of {reader.program.class_name} any more; its "
            f"children: {known}"
        )
        return None
    stored, outcome = data["outcome"], None
    if stored is not None:
        nested = SnapshotReader(kind.program, kind.codec, kind.children)
        check_types(nested, data)
        outcome = read_outcome(nested, stored)
        reader.mismatches += [f"{workflow}: {mismatch}" for mismatch in nested.mismatches]
    return Ran(of(str, data["key"]), count(data["child"]), workflow, outcome, of(bool, data["is_cut_short"]))


def read_children(
    reader: SnapshotReader, state: RunState, data: Mapping[str, Any], waits: Iterable[Wait], read_state: ReadState
) -> None:
    """Read the child runs that aren't over, each with its own state, and see that a step waits for each of them."""
    state.next_child = count(data.get("next_child", 1))
    records = {record.child: (execution, record) for execution, record in waits if isinstance(record, Ran)}
    for stored in data.get("children", ()):
        number, workflow, label = count(stored["id"]), of(str, stored["workflow"]), of(str, stored["label"])
        if number in state.children or not 0 < number < state.next_child:
            raise Malformed(f"child {number} is there twice, or its number isn't")
        kind = reader.kinds.get(workflow)
        if kind is None or number not in records:
            continue  # its step is gone, or it is: that's told already
        execution, record = records.pop(number)
        if record.workflow != workflow or execution.id != count(stored["execution"]):
            raise Malformed(f"child {number} isn't what step {execution.step!r} has run")
        nested = SnapshotReader(kind.program, kind.codec, kind.children)
        inner = read_state(nested, stored["snapshot"])
        reader.mismatches += [f"{label}: {mismatch}" for mismatch in nested.mismatches]
        if nested.mismatches and _has_nothing_left(inner):
            reader.mismatches.append(f"{label}: nothing is left to do in it, so a replay of its step runs it anew")
            _drop(state, execution, record, inner)
            continue
        child = Child(
            number,
            execution.id,
            workflow,
            label,
            inner,
            of(bool, stored["is_wanted"]),
            is_held=of(bool, stored["is_held"]),
        )
        _take_in(state, child, execution, record)
    if records:
        raise Malformed(f"children {sorted(records)} aren't there, and their steps wait for them")


def _take_in(state: RunState, child: Child, execution: Execution, record: Ran) -> None:
    """Give a child to its run; of one that was just ending, how it ended."""
    if child.state.status is NEW:
        raise Malformed(f"child {child.id} has never begun")
    if child.state.status is ENDED:
        record.outcome = child.state.outcome
        del execution.open[record.name]
    else:
        state.children = with_item(state.children, child.id, child)


def _has_nothing_left(state: RunState) -> bool:
    """Whether a child that was at work or waited does neither any more, since what did is dropped."""
    return state.status is HALTED and not state.executions and not state.questions.by_id


def _drop(state: RunState, execution: Execution, record: Ran, inner: RunState) -> None:
    """Forget a child that would never end; what it had asked stays asked."""
    del execution.open[record.name]
    execution.remember().take_out(record)
    state.questions.note_asked(inner.all_asked())
