"""Images: a run exactly as it stands, attempts at work included, as JSON-ready data.

A snapshot tells what another process can go on with, where nothing is at work. An image is a snapshot with a section
`live` beside it that has what a snapshot leaves out: it gives an equal state, from which the ticks that follow can be
folded, those of attempts too that were at work then.

Rules:
- The section is read after the snapshot, and only adds to what that gave; nothing of it is believed.
- What can be counted isn't stored, so that it can't be wrong.
- Where the end of a run, or of a child, is being brought about, there's no image: that passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

from ..codec import Codec, Json
from ..errors import ContextSerdeError, EngineBug, SnapshotMismatch
from ..graph import Program
from .empty import EMPTY
from .one import packed, with_one
from .records import Memory
from .restore import restore
from .restored_children import read_failures
from .snapshot import snapshot
from .state import ChildKind, Execution, RunState
from .statuses import AT_WORK, ENDED, HALTED, NEW, QUEUED, RUNNING, SUSPENDING, RunStatus, Status
from .stored import NOT_AS_WRITTEN, Malformed, SnapshotReader, count, items, of, seconds
from .tally import Tally
from .written import failures_data

LIVE = "live"
"""The part of an image that a snapshot doesn't have."""

_IMAGED = (NEW, RUNNING, HALTED, ENDED)
_LIVE = (AT_WORK, SUSPENDING)
_TIMERS = ("grace", "child")  # those that a snapshot doesn't have


def can_be_imaged(state: RunState) -> bool:
    """Whether there's an image of a run now: not while it, or a child, is ending or being cancelled."""
    if state.status not in _IMAGED:
        return False
    return all(not child.is_left and can_be_imaged(child.state) for child in state.children.values())


def image(state: RunState, *, at: float) -> dict[str, Json]:
    """The image of a run; a snapshot, too. What can't be stored is told of as with that.

    Raises:
        EncodeError: Something can't be stored; `problems` has everything.
        EngineBug: It can't be imaged now.
    """
    if not can_be_imaged(state):
        raise EngineBug(f"run {state.run_id!r} was to be imaged while its end, or a child's, is being brought about")
    data = snapshot(state, at=at)
    data[LIVE] = _live(state)
    return data


def from_image(
    program: Program, codec: Codec, data: Mapping[str, Any], *, children: Mapping[str, ChildKind] | None = None
) -> RunState:
    """The state of a run that was imaged.

    Raises:
        SnapshotMismatch: It doesn't fit the workflow as it is now.
        ContextSerdeError: It's no image.
    """
    state, _ = restore(program, codec, data, children=children)
    mismatches: list[str] = []
    try:
        _revive(state, data[LIVE], mismatches)
    except NOT_AS_WRITTEN as error:
        reason = str(error) if isinstance(error, Malformed) else f"{type(error).__name__}: {error}"
        raise ContextSerdeError(f"This is no image of a run, or it was changed: {reason}.") from error
    if mismatches:
        raise SnapshotMismatch(
            f"The image of run {state.run_id!r} doesn't fit {program.class_name} as it is now:", mismatches
        )
    return state


# --- writing ----------------------------------------------------------------------------------------------------------


def _live(state: RunState) -> Json:
    budget, values, mailbox, asked = state.budget, state.values, state.mailbox, len(state.questions.by_id)
    numbers = sorted(number for events in mailbox.by_type.values() for number in events)
    return {
        "status": state.status.value,
        "executions": [row for found in state.executions.values() if (row := _execution(found)) is not None],
        "work": [[step, None if work.queue is None else list(work.queue)] for step, work in state.work.items()],
        "tally": [[step, tally.interrupted, tally.seconds] for step, tally in state.tally.items()],
        "questions": [list(range(1, asked + 1)), asked + 1],
        "mailbox": [cast("Json", numbers), mailbox.next_number],
        "due": [[*key, at] for key, at in state.timers.due.items() if key[0] in _TIMERS],
        "budget": [budget.limit_s, budget.spent_s, budget.since],
        "editor": values.editor,
        "editors": list(values.waiting),
        "halt_errors": failures_data(state.codec, state.halt_errors),
        "alarms": [state.alarm, state.budget_alarm],
        "children": [[child.id, _live(child.state)] for child in state.children.values()],
    }


def _execution(execution: Execution) -> Json:
    """What a snapshot doesn't have of an execution; None if that's nothing."""
    memory = execution.memory
    if memory is None and not execution.is_live and not execution.is_woken:
        return None
    return [
        execution.id,
        execution.status.value,
        execution.is_woken,
        execution.is_parked,
        execution.active_since if execution.is_live else None,
        list(execution.open),
        None if memory is None else _sealed(memory),
    ]


def _sealed(memory: Memory) -> Json:
    """Which records were there when the attempt began."""
    return [
        [tape.sealed for tape in memory.tapes.values()],
        [[kind, key, number] for (kind, key), number in memory.sealed.items()],
    ]


# --- reading ----------------------------------------------------------------------------------------------------------


def _revive(state: RunState, live: Mapping[str, Any], mismatches: list[str]) -> None:
    """Make of what a snapshot gave what was there when it was taken."""
    status = RunStatus(of(str, live["status"]))
    if status is not state.status and (status, state.status) != (RUNNING, HALTED):
        raise Malformed(f"a run that is {state.status.value} is said to be {status.value}")
    state.status = status
    _read_tally(state, items(live["tally"]))
    for stored in items(live["executions"]):
        _read_execution(state, *items(stored))
    _read_work(state, items(live["work"]))
    _read_questions(state, *items(live["questions"]))
    _read_mailbox(state, *items(live["mailbox"]))
    _read_timers(state, items(live["due"]))
    state.values.editor = None if live["editor"] is None else of(str, live["editor"])
    state.values.waiting = [of(str, owner) for owner in items(live["editors"])]
    reader = SnapshotReader(state.program, state.codec, state.kinds)
    state.halt_errors = tuple(read_failures(reader, items(live["halt_errors"])))
    mismatches += reader.mismatches
    state.alarm, state.budget_alarm = map(_instant, items(live["alarms"]))
    children = {count(number): inner for number, inner in items(live["children"])}
    if children.keys() != state.children.keys():
        raise Malformed(f"children {list(children)} are said to be there, and {list(state.children)} are")
    for number, inner in children.items():
        _revive(state.children[number].state, inner, mismatches)
    _read_budget(state, *items(live["budget"]))


def _instant(value: object) -> float | None:
    return None if value is None else seconds(value)


def _read_tally(state: RunState, stored: Sequence[Any]) -> None:
    """What a snapshot has counts an attempt at work as one that was interrupted by now."""
    known, state.tally = state.tally, EMPTY
    for step, interrupted, spent in stored:
        tally = known.pop(of(str, step), Tally())
        state.tally = with_one(state.tally, step, tally)
        tally.interrupted, tally.seconds = count(interrupted), seconds(spent)
        if tally.seconds < 0:
            raise Malformed(f"step {step!r} has worked {spent!r} seconds")
    if known:
        raise Malformed(f"nothing is said of what steps {list(known)} have done")


def _read_execution(
    state: RunState, name: int, status: str, is_woken: bool, is_parked: bool, since: Any, names: Any, sealed: Any
) -> None:
    execution = state.executions[count(name)]
    found = Status(of(str, status))
    if found is not execution.status and (found not in _LIVE or state.status is not RUNNING):
        raise Malformed(f"execution {name} is {execution.status.value}, and is said to be {status}")
    execution.status = found
    execution.is_woken, execution.is_parked = of(bool, is_woken), of(bool, is_parked)
    if execution.is_live:
        execution.active_since = seconds(since)
    order = [of(str, question) for question in items(names)]
    if len(order) != len(execution.open) or set(order) != set(execution.open):
        raise Malformed(f"{order} are said to be open in execution {name}, and {list(execution.open)} are")
    execution.open = packed({question: execution.open[question] for question in order})
    if (execution.memory is None) is not (sealed is None):
        raise Malformed(f"execution {name} has records that nothing is said of, or the other way round")
    if execution.memory is not None:
        _read_sealed(execution.memory, *items(sealed))


def _read_sealed(memory: Memory, tapes: Any, found: Any) -> None:
    for tape, sealed in zip(memory.tapes.values(), items(tapes), strict=True):
        if count(sealed) > len(tape.records):
            raise Malformed(f"of {len(tape.records)} records, {sealed} are said to be old")
        tape.sealed = sealed
    memory.sealed = {(of(str, kind), of(str, key)): count(number) for kind, key, number in items(found)}
    if not memory.sealed.keys() <= memory.found.keys():
        raise Malformed("a record is said to be old, and isn't there")


def _read_work(state: RunState, stored: Sequence[Any]) -> None:
    """What waits for a worker, in its order; how many are at work is counted."""
    queued = {name for name, execution in state.executions.items() if execution.status is QUEUED}
    state.work.clear()
    for step, queue in stored:
        if step not in state.program.steps or step in state.work:
            raise Malformed(f"there's work for {step!r:.200}, or twice")
        work = state.work_of(step)
        work.queue = None if queue is None else deque(count(name) for name in items(queue))
        for name in work.queue or ():
            if state.executions[name].step != step:
                raise Malformed(f"execution {name} waits for step {step!r}")
            queued.remove(name)
    if queued and state.status is not HALTED:  # what was stopped then takes its place when the run goes on
        raise Malformed(f"executions {sorted(queued)} wait for a worker, and stand in no queue")
    at_work = [execution.step for execution in state.executions.values() if execution.is_live]
    state.live = len(at_work)
    for step in at_work:
        state.work[step].running += 1


def _read_questions(state: RunState, numbers: Any, next_number: Any) -> None:
    """Their numbers: only their order counts, which a snapshot has as well."""
    _check_numbers(items(numbers), next_number)
    if len(numbers) != len(state.questions.by_id):
        raise Malformed(f"{len(numbers)} questions are said to be open, and {len(state.questions.by_id)} are")


def _read_mailbox(state: RunState, numbers: Any, next_number: Any) -> None:
    mailbox = state.mailbox
    _check_numbers(items(numbers), next_number)
    events = mailbox.in_order()
    mailbox.clear()
    for number, event in zip(numbers, events, strict=True):
        mailbox.put(number, event)
    mailbox.next_number = next_number


def _check_numbers(numbers: Sequence[Any], next_number: Any) -> None:
    """In the order in which something came, each has a greater number than the one before."""
    for before, number in pairwise([0, *numbers, next_number]):
        if count(before) >= count(number):
            raise Malformed(f"{numbers!r:.200}, {next_number!r:.200} are no numbers in the order of arrival")


def _read_timers(state: RunState, stored: Sequence[Any]) -> None:
    for kind, number, at in stored:
        known = {"grace": state.executions.keys(), "child": state.children.keys()}[of(str, kind)]
        if count(number) not in known:
            raise Malformed(f"there's a timer for {kind!r} {number}, which isn't there")
        state.timers.set((kind, number), seconds(at))


def _read_budget(state: RunState, limit_s: Any, spent_s: Any, since: Any) -> None:
    budget = state.budget
    own = sum(found.is_live and not found.is_parked for found in state.executions.values())
    budget.active = own + sum(child.state.budget.active > 0 for child in state.children.values())
    budget.limit_s, budget.spent_s, budget.since = _instant(limit_s), seconds(spent_s), _instant(since)
    if (budget.active > 0) is not (budget.since is not None):
        raise Malformed(f"{budget.active} attempts spend time, since {since!r:.200}")
