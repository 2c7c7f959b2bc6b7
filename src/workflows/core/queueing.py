"""Queueing: executions wait for a free worker of their step, run, and leave.

A step runs at most `num_workers` attempts at once; a suspended or delayed execution takes no worker.
"""

from __future__ import annotations

from ..events import Event
from ..graph import StepSpec
from . import edits
from .commands import RunStep, WakeWait
from .places import OUTSIDE, Place
from .records import Asked, Ran
from .state import Execution, RunState, StepWork
from .statuses import AT_WORK, DELAYED, QUEUED, RUNNING, SUSPENDED, SUSPENDING
from .tally import Tally


def queue(state: RunState, step: str, event: Event, at: float, place: Place = OUTSIDE) -> None:
    """Make an execution for an event, and run it as soon as the step has a worker free."""
    execution = Execution(state.next_execution, step, event, place)
    if place.batch:
        state.batches[place.batch].open += 1
    state.next_execution += 1
    state.add(execution)
    admit(state, execution, at)


def admit(state: RunState, execution: Execution, at: float) -> None:
    """Run an execution if a worker is free, else let it wait behind the others."""
    work = state.work_of(execution.step)
    spec = state.program.steps[execution.step]
    execution.status = QUEUED
    if not work.queue and work.running < spec.num_workers and state.status is RUNNING:
        _run(state, execution, work, spec, at)
    else:
        work.append(execution.id)


def run_queued(state: RunState, step: str, at: float) -> None:
    """Start what a step's free workers can take."""
    work = state.work_of(step)
    if not work.queue or state.status is not RUNNING:
        return
    spec = state.program.steps[step]
    while work.queue and work.running < spec.num_workers:
        _run(state, state.executions[work.queue.popleft()], work, spec, at)


def _run(state: RunState, execution: Execution, work: StepWork, spec: StepSpec, at: float) -> None:
    work.running += 1
    state.live += 1
    state.budget.enter(at)
    execution.active_since = at
    execution.status = AT_WORK
    execution.attempt += 1
    execution.is_parked = execution.is_woken = False
    execution.on = ()
    if execution.first_at is None:
        execution.first_at = at
        took, kind = work.tally.took, type(execution.event)
        try:
            if took.kind is kind:
                took.number += 1
            else:
                took.others[kind] += 1
        except KeyError:  # its first of this class, or several at once
            work.tally.take(execution.event)
    if execution.memory is not None:
        execution.memory.seal()
    state.out.append(RunStep(execution.id, execution.attempt, spec, execution.event))


def run_all_queued(state: RunState, at: float) -> None:
    """Start whatever can start."""
    for step in list(state.work):
        run_queued(state, step, at)


def free_worker(state: RunState, execution: Execution) -> Tally:
    """An attempt is over: free its worker, and what it held. Gives what its step has done."""
    work = state.work[execution.step]
    work.running -= 1
    state.live -= 1
    if execution.status is SUSPENDING:
        state.timers.drop(("grace", execution.id))
    if state.values.editor is not None:
        edits.end_edits_of(state, execution)
    return work.tally


def spend_no_more(state: RunState, execution: Execution, tally: Tally, at: float) -> None:
    """An attempt is over: it spends no more of the budget."""
    if not execution.is_parked:
        state.budget.leave(at)
        spent = at - execution.active_since
        if spent > 0:  # not if the clock was set back
            tally.seconds += spent
    execution.is_parked = False


def unpark(state: RunState, execution: Execution, at: float) -> None:
    """A parked attempt spends time again."""
    if execution.is_parked:
        execution.is_parked = False
        execution.active_since = at
        state.budget.enter(at)


def retry(state: RunState, name: int, at: float) -> None:
    """The delay before a retry is over."""
    execution = state.executions.get(name)
    if execution is not None and execution.status is DELAYED:
        admit(state, execution, at)


def settled(state: RunState, execution: Execution, settled: Asked | Ran, at: float) -> None:
    """A question of an execution was answered or has expired, or a child has ended: let the execution go on.

    A suspended execution is woken by any of its questions; if its own task waits for several, by the last of those,
    or by the first that expires.
    """
    name = settled.name
    execution.open.pop(name, None)
    if execution.status is AT_WORK:
        state.out.append(WakeWait(execution.id, name))
        return
    if execution.status is not SUSPENDED and execution.status is not SUSPENDING:
        return
    expired = isinstance(settled, Asked) and settled.expired
    if name in execution.on and not expired and any(other in execution.open for other in execution.on):
        return
    execution.is_woken = True
    if execution.status is SUSPENDED:
        admit(state, execution, at)


def take_back_all(state: RunState) -> None:
    """After a restart: what was in flight or queued is queued, in the order of the executions."""
    state.work.clear()
    state.live = 0
    state.budget.active, state.budget.since = 0, None
    for name in sorted(state.executions):
        execution = state.executions[name]
        if execution.is_live or execution.status is QUEUED:
            execution.status = QUEUED
            state.work_of(execution.step).append(execution.id)
