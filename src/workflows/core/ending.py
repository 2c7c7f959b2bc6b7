"""Ending: how a run begins, stops, fails, runs out of time, is cancelled, and goes on.

Once the end is decided (`ENDING`) the attempts that still run are cancelled, and have no effect any more. When the
last one has ended, the run has (`ENDED`). A cancelled run (`HALTING`, `HALTED`) keeps its executions, and can be
resumed.
"""

from __future__ import annotations

from ..errors import SuspensionSwallowed, WorkflowRuntimeError
from ..events import Event, StopEvent, WorkflowCancelledEvent, WorkflowFailedEvent, WorkflowTimedOutEvent
from . import batches, delivery, queueing
from .commands import Finish, PublishEvent, ReportLeft, ReportSwallowed, StopSteps
from .state import Budget, Child, Execution, Failure, Outcome, RunState
from .statuses import ENDED, ENDING, HALTED, HALTING, NEW, QUEUED, RUNNING, SUSPENDING
from .ticks import CancelRequested, RunResumed, RunStarted, StepRaised, TimerFired


def started(state: RunState, tick: RunStarted) -> None:
    """A run begins."""
    if state.status not in (NEW, ENDED):
        return
    if state.status is ENDED:  # before the first run, something may be queued already
        state.tally.clear()
    state.status = HALTED if tick.is_held else RUNNING
    state.run_id, state.seed, state.trace = tick.run_id, tick.seed, tick.trace
    state.outcome, state.halt_errors = None, ()
    state.questions = state.questions.cleared(())
    state.budget = Budget(tick.budget_s)
    delivery.to_steps(state, tick.event, tick.at)
    queueing.run_all_queued(state, tick.at)


def resumed(state: RunState, tick: RunResumed) -> None:
    """A restored or cancelled run goes on: attempts in flight run again, deadlines that have passed fire."""
    if state.status is not HALTED:
        return
    state.status = RUNNING
    state.run_id = tick.run_id
    state.trace = tick.trace or state.trace
    state.halt_errors = ()
    state.is_cancelled = state.is_left = False
    state.budget.limit_s = tick.budget_s
    state.alarm = state.budget_alarm = None
    queueing.take_back_all(state)
    batches.close_abandoned(state, tick.at)
    for child in state.children.values():
        if child.is_wanted:
            child_resumes(state, child)
    fire_due(state, tick.at)
    queueing.run_all_queued(state, tick.at)


def stop(state: RunState, event: StopEvent) -> None:
    """A step returned the stop event."""
    _end(state, Outcome(result=event))


def fail(state: RunState, execution: Execution, tick: StepRaised) -> None:
    """A step failed for good."""
    failure = _failure(execution, tick)
    state.forget(execution)
    _end(state, Outcome(failures=(failure,)))


def swallowed(state: RunState, name: int) -> None:
    """A step that is being suspended hasn't ended within its grace: it fails the run, which still waits for its end."""
    execution = state.executions.get(name)
    if execution is None or execution.status is not SUSPENDING:
        return
    state.out.append(ReportSwallowed(execution.id, execution.step))
    error = SuspensionSwallowed(swallowed_message(execution.step))
    failure = Failure(execution.step, error, execution.failures + 1, has_swallowed=True)
    _end(state, Outcome(failures=(failure,)))


def swallowed_message(step: str) -> str:
    """What to tell of a step that swallows its suspension."""
    return (
        f"Step {step!r} waits for an event and was suspended, but went on: it swallowed the cancellation.\n"
        "  Let cancellation pass: catch Exception rather than BaseException, re-raise what isn't yours, and don't "
        "return, break or continue in finally; and while ctx.suspending is true, leave the context out of clean-up "
        "that is shielded."
    )


def failed_while_ending(state: RunState, execution: Execution, tick: StepRaised) -> None:
    """An attempt raised while it was being cancelled: a sibling of a failed step joins it in a group."""
    failure = _failure(execution, tick)
    outcome = state.outcome
    if outcome is None:
        execution.status = QUEUED
    else:
        state.forget(execution)
    if not _is_known(outcome, failure):
        join(state, (failure,))
    attempt_ended(state)


def join(state: RunState, failures: tuple[Failure, ...]) -> None:
    """What was raised while the run was being stopped goes with what it ends with."""
    outcome = state.outcome
    if outcome is not None and outcome.failures:
        state.outcome = Outcome(failures=(*outcome.failures, *failures))
    else:
        state.halt_errors = (*state.halt_errors, *failures)


def _is_known(outcome: Outcome | None, failure: Failure) -> bool:
    """Whether it's the end of a step whose swallowing has failed the run already."""
    if outcome is None or not failure.has_swallowed:
        return False
    return any(known.step == failure.step and known.has_swallowed for known in outcome.failures)


def _failure(execution: Execution, tick: StepRaised) -> Failure:
    elapsed = tick.at - (tick.at if execution.first_at is None else execution.first_at)
    return Failure(execution.step, tick.error, max(1, execution.failures), max(0.0, elapsed), tick.has_swallowed)


def timer_fired(state: RunState, tick: TimerFired) -> None:
    """Something is due."""
    if state.status is not RUNNING:
        return
    if state.budget.is_spent(tick.at):
        active = tuple(sorted(set(running_steps(state))))
        _end(state, Outcome(timed_out_s=state.budget.limit_s, active_steps=active))
        return
    fire_due(state, tick.at)


def running_steps(state: RunState) -> list[str]:
    """The steps of a run that are at work, and those of its children, behind the step that has the child."""
    found = [execution.step for execution in state.executions.values() if execution.is_live]
    return found + [f"{child.label}/{name}" for child in state.children.values() for name in running_steps(child.state)]


def fire_due(state: RunState, at: float) -> None:
    """Let everything happen whose time has come."""
    for kind, name in state.timers.take_due(at):
        if state.status is not RUNNING:
            return
        if kind == "question":
            delivery.expire(state, str(name), at)
        elif kind == "retry":
            queueing.retry(state, int(name), at)
        elif kind == "child":
            state.order(int(name), TimerFired(0, at))
        else:
            swallowed(state, int(name))


def cancel_requested(state: RunState, tick: CancelRequested) -> None:
    """The run is to stand still."""
    if state.status is RUNNING:
        state.status = HALTING
        state.is_cancelled, state.is_left = not tick.is_left, tick.is_left
        _stop_everything(state)
    elif state.is_left and not tick.is_left:  # it stops anyway, but nobody is to go on with it
        state.is_cancelled, state.is_left = True, False


def _end(state: RunState, outcome: Outcome) -> None:
    state.status = ENDING
    state.outcome = outcome
    _stop_everything(state)


def _stop_everything(state: RunState) -> None:
    state.out.append(StopSteps())
    for child in state.children.values():
        state.stop_child(child)
    attempt_ended(state)


def child_resumes(state: RunState, child: Child) -> None:
    """Let a child that stands still go on; one that is still being stopped does when it has."""
    budget_s = state.kinds[child.workflow].budget_s
    state.order(child.id, RunResumed(0, 0.0, child.state.run_id, budget_s))


def attempt_ended(state: RunState) -> None:
    """Finish, if no attempt runs any more."""
    if state.live or any(not child.is_over for child in state.children.values()):
        return
    if state.status is ENDING:
        _clear(state)
        state.status = ENDED
    elif state.status is HALTING:
        state.status = HALTED
    else:
        return
    if state.status is HALTED and state.is_left:
        state.out.append(PublishEvent(last_event(state), is_counted=False))
    else:
        state.publish(last_event(state))
    state.out.append(Finish())


def last_event(state: RunState) -> Event:
    """The event that a stream ends with."""
    outcome = state.outcome
    if outcome is None:
        return WorkflowCancelledEvent()
    if outcome.result is not None:
        return outcome.result
    if outcome.failures:
        first = outcome.failures[0]
        error = first.error if isinstance(first.error, Exception) else WorkflowRuntimeError(repr(first.error))
        return WorkflowFailedEvent(
            step_name=first.step,
            exception=error,
            attempts=first.attempts,
            elapsed_seconds=first.elapsed_s,
        )
    return WorkflowTimedOutEvent(timeout=outcome.timed_out_s or 0.0, active_steps=list(outcome.active_steps))


def _clear(state: RunState) -> None:
    """The run is over: what it still had goes; its state stays."""
    left = [*state.mailbox.in_order(), *batches.clear(state)]
    if left:
        state.out.append(ReportLeft(tuple(left)))
    for child in list(state.children.values()):
        state.drop_child(child)
    for execution in list(state.executions.values()):
        state.forget(execution)
    state.work.clear()
    state.mailbox.clear()
    state.buffers.clear()
    state.timers.clear()
    state.questions = state.questions.cleared(state.questions.asked)
