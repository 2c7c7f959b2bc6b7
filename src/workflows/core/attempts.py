"""Attempts: what comes of calling a step function, and what that does to its execution."""

from __future__ import annotations

from ..events import InputRequiredEvent, StopEvent
from . import batches, children, delivery, ending, recovering
from .places import Place
from .questions import LATEST
from .queueing import admit, free_worker, run_queued, spend_no_more, unpark
from .state import RunState
from .statuses import AT_WORK, DELAYED, QUEUED, RUNNING, SUSPENDED, SUSPENDING
from .ticks import (
    StepHalted,
    StepParked,
    StepRaised,
    StepReturned,
    StepSuspended,
    StepSuspending,
    StepUnparked,
    TapeDropped,
)


def returned(state: RunState, tick: StepReturned) -> None:
    """A step function returned: route its events, and end the run if one is a stop event."""
    execution = state.live_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    if state.status is not RUNNING:
        halted(state, tick)
        return
    tally = free_worker(state, execution)
    tally.finished += 1
    gave = tally.gave
    state.forget(execution)
    place = execution.place
    joins = state.program.joins.get(execution.step, ()) if tick.is_list else ()
    batch = batches.open_batch(state, place, execution.step, joins) if joins else None
    for number, event in enumerate(tick.events):
        kind = type(event)
        try:
            if gave.kind is kind:
                gave.number += 1
            else:
                gave.others[kind] += 1
        except KeyError:  # its first of this class
            gave.add(kind)
        if isinstance(event, StopEvent):
            spend_no_more(state, execution, tally, tick.at)
            ending.stop(state, event)
            return
        there = place if batch is None else Place(batch.id, number, place.recoveries)
        if isinstance(event, InputRequiredEvent):
            delivery.ask_by_returning(state, execution, number, event, tick.at, there)
        else:
            delivery.deliver(state, event, tick.at, there)
    if batch is not None:
        batches.leave(state, Place(batch.id), tick.at)
    if place.batch:
        batches.leave(state, place, tick.at)
    run_queued(state, execution.step, tick.at)
    spend_no_more(state, execution, tally, tick.at)  # last, so that a chain of steps is one stretch of time


def raised(state: RunState, tick: StepRaised) -> None:
    """A step function raised: try again later, or fail the run."""
    execution = state.live_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    tally = free_worker(state, execution)
    tally.failures += 1
    spend_no_more(state, execution, tally, tick.at)
    if state.status is not RUNNING:
        ending.failed_while_ending(state, execution, tick)
        return
    execution.failures += 1
    execution.last_error, execution.last_failed_at = tick.error, tick.at
    if tick.retry_in_s is None:
        handler = recovering.handler_of(state, execution, tick)
        if handler is None:
            ending.fail(state, execution, tick)
        else:
            recovering.recover(state, execution, handler, tick)
        return
    if execution.memory is not None:
        state.release(execution.memory.start_over())
        children.hold_all(state, execution)
    execution.status = DELAYED
    state.timers.set(("retry", execution.id), min(tick.at + max(0.0, tick.retry_in_s), LATEST))
    run_queued(state, execution.step, tick.at)


def suspending(state: RunState, tick: StepSuspending) -> None:
    """A step's own task waits: it's being unwound, unless its answers are there already."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    execution.status = SUSPENDING
    execution.on = tick.on
    execution.is_woken = not any(name in execution.open for name in tick.on)
    if not execution.is_woken:
        delivery.withdraw_passed(state, execution)
    state.timers.set(("grace", execution.id), tick.at + tick.grace_s)


def suspended(state: RunState, tick: StepSuspended) -> None:
    """A suspended attempt is unwound; if its answer has come meanwhile, it's replayed at once."""
    execution = state.live_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    if execution.status is AT_WORK:  # its run was stopped before it could tell of its suspension
        halted(state, tick)
        return
    tally = free_worker(state, execution)
    tally.interrupted += 1
    spend_no_more(state, execution, tally, tick.at)
    execution.status = QUEUED if execution.is_woken else SUSPENDED
    if state.status is not RUNNING:
        ending.attempt_ended(state)
        return
    if execution.is_woken:
        admit(state, execution, tick.at)
    run_queued(state, execution.step, tick.at)
    if not state.live:
        state.pack()


def halted(state: RunState, tick: StepHalted | StepReturned | StepSuspended) -> None:
    """An attempt was cancelled: it'll be replayed if the run is resumed."""
    execution = state.live_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    tally = free_worker(state, execution)
    tally.interrupted += 1
    spend_no_more(state, execution, tally, tick.at)
    if state.status is RUNNING:  # not the run was cancelled, but whoever carries it
        execution.status = QUEUED
        state.work_of(execution.step).append(execution.id)
        return
    execution.status = QUEUED
    ending.attempt_ended(state)


def parked(state: RunState, tick: StepParked) -> None:
    """All that is open in an attempt waits in place: no time is spent."""
    execution = state.live_execution(tick.execution, tick.attempt)
    if execution is not None and not execution.is_parked:
        execution.is_parked = True
        state.budget.leave(tick.at)
        state.tally[execution.step].spend(execution.active_since, tick.at)
        if state.status is RUNNING:
            delivery.withdraw_passed(state, execution)


def unparked(state: RunState, tick: StepUnparked) -> None:
    """A parked attempt goes on."""
    execution = state.live_execution(tick.execution, tick.attempt)
    if execution is not None:
        unpark(state, execution, tick.at)


def tape_dropped(state: RunState, tick: TapeDropped) -> None:
    """A replay departed and that was accepted: what is left of the branch's records is kept as for a retry."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is not None and execution.memory is not None:
        dropped = execution.memory.drop_rest(tick.branch, tick.index, count=tick.count, digest=tick.digest)
        state.release(dropped)
