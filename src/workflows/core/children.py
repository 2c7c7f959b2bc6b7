"""Children: runs that steps of a run have started, each with a state of its own inside that of the run.

Rules:
- A child belongs to a step execution, not to an attempt: it goes on while the step is suspended. What ends the
  execution stops the child; so does a failed attempt, until the retry comes to it again.
- A child is fed like any run. What happens to it comes in a `ChildTick`; what the core itself lets happen to it (it's
  stopped, resumed, has an answer, is due) is an *order*, fed to it when the tick that led to it has been applied.
- Its commands come out wrapped, but for those that are about the whole run: its events go into the stream, except for
  the last one, its timers are one timer of the run, and its active time is time of the run too.
- How it ended is recorded in the step that has it, and then it's forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from . import ending, queueing
from .commands import (
    Command,
    Finish,
    ForChild,
    PublishEvent,
    PublishEvents,
    Refuse,
    ReportErrors,
    SetAlarm,
    SetBudget,
    WakeWait,
    published,
)
from .empty import with_item
from .questions import outer_id
from .records import Ran
from .state import Child, Execution, RunState
from .statuses import AT_WORK, ENDED, HALTED, RUNNING
from .ticks import ChildStarted, ChildTick, ChildWanted, RunStarted

_OF_THE_RUN = (SetAlarm, SetBudget, PublishEvent, PublishEvents, Finish)
_SEEDS = (1 << 64) - 1


def started(state: RunState, tick: ChildStarted) -> None:
    """A step runs a child, or a retry comes back to one."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    kind = state.kinds.get(tick.workflow)
    if execution is None or kind is None:
        return
    memory = execution.remember()
    kept = memory.take_kept(tick.branch, "run", tick.key)
    if isinstance(kept, Ran):
        _want(state, kept)
        return
    if tick.branch is None and ("run", tick.key) in memory.found:
        return
    number = state.next_child
    state.next_child += 1
    nested = RunState(kind.program, kind.codec, kinds=kind.children)
    child = Child(number, execution.id, tick.workflow, tick.label, nested)
    state.children = with_item(state.children, number, child)
    record = Ran(tick.key, child.id, tick.workflow)
    memory.add(tick.branch, record)
    execution.wait_for(record)
    seed = (state.seed * 1_000_003 + number * 1_009) & _SEEDS
    begins = RunStarted(0, 0.0, f"{state.run_id}/{number}", tick.event, seed, kind.budget_s)
    state.order(number, begins)


def wanted(state: RunState, tick: ChildWanted) -> None:
    """A step's await of a child was cut short, or a replay comes to it again."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    record = None if execution is None else execution.open.get(f"run {tick.child}")
    if not isinstance(record, Ran):
        return
    if tick.is_wanted:
        _want(state, record)
    else:
        record.is_cut_short = True
        _hold(state, record)


def hold_all(state: RunState, execution: Execution) -> None:
    """An attempt has failed: its children stand still until a retry comes to them again."""
    for record in execution.open.values():
        if isinstance(record, Ran):
            _hold(state, record, is_held=True)


def _want(state: RunState, record: Ran) -> None:
    record.is_cut_short = False
    child = state.children.get(record.child)
    if child is None or child.is_wanted:
        return
    child.is_wanted, child.is_held = True, False
    if child.state.status is HALTED:  # else it goes on when it has been stopped
        ending.child_resumes(state, child)


def _hold(state: RunState, record: Ran, *, is_held: bool = False) -> None:
    child = state.children.get(record.child)
    if child is not None and child.is_wanted:
        child.is_wanted, child.is_held = False, is_held
        state.stop_child(child)


def is_stalled(state: RunState) -> bool:
    """Whether nothing is left to do in a run in which no step is at work, nor in the children that its steps await."""
    if state.questions.by_id or state.timers.due:
        return False
    awaited = [child for child in state.children.values() if child.is_wanted]
    return bool(awaited or not state.executions) and all(is_stalled(child.state) for child in awaited)


def told(state: RunState, tick: ChildTick) -> None:
    """Something happened to a child."""
    state.order(tick.child, tick.tick)


def heed(state: RunState, child: Child, commands: Sequence[Command], at: float, *, was_active: bool) -> None:
    """A child was fed: pass on what it commands, and take note of what it has come to."""
    is_active = child.state.budget.active > 0
    if is_active and not was_active:
        state.budget.enter(at)
    elif was_active and not is_active:
        state.budget.leave(at)
    _set_timer(state, child)
    has_finished = any(type(command) is Finish for command in commands)
    events = published(commands)
    for event in events[:-1] if has_finished else events:
        state.publish(event)
    for command in commands:
        if type(command) is Refuse:
            candidates = tuple(outer_id(question, child.id, child.label) for question in command.candidates)
            state.out.append(attrs.evolve(command, candidates=candidates))
        elif not isinstance(command, _OF_THE_RUN):
            state.out.append(ForChild(child.id, command))
    if has_finished:
        _finished(state, child, at)
    elif was_active and not is_active:
        _tell_of_standstill(state, child)


def _set_timer(state: RunState, child: Child) -> None:
    """The next instant at which something of a child is due is a timer of the run."""
    instants = [at for at in (child.state.alarm, child.state.budget_alarm) if at is not None]
    key = ("child", child.id)
    if not instants or child.state.status is not RUNNING:
        state.timers.drop(key)
    elif state.timers.due.get(key) != min(instants):
        state.timers.set(key, min(instants))


def _finished(state: RunState, child: Child, at: float) -> None:
    """No attempt of a child runs any more: it has ended, or stands still."""
    _surface_errors(state, child)
    if child.state.status is ENDED or child.is_left:
        state.drop_child(child)
        _settle(state, child, at)
    elif child.is_wanted and state.status is RUNNING:  # a retry has come to it meanwhile
        ending.child_resumes(state, child)
    ending.attempt_ended(state)


def _surface_errors(state: RunState, child: Child) -> None:
    """What steps of a child raised while they were cancelled is raised with the end of the run, if that's near."""
    failures = tuple(attrs.evolve(failure, step=f"{child.label}/{failure.step}") for failure in child.state.halt_errors)
    if failures and state.status is RUNNING:
        state.out.append(ReportErrors(failures))
    elif failures:
        ending.join(state, failures)


def _settle(state: RunState, child: Child, at: float) -> None:
    execution = state.executions.get(child.execution)
    record = None if execution is None else execution.open.get(f"run {child.id}")
    if execution is not None and isinstance(record, Ran):
        record.outcome = child.state.outcome
        queueing.settled(state, execution, record, at)


def _tell_of_standstill(state: RunState, child: Child) -> None:
    """Everything in a child waits: so does the step that awaits it."""
    execution = state.executions.get(child.execution)
    if execution is not None and execution.status is AT_WORK:
        state.out.append(WakeWait(execution.id, f"run {child.id}"))
