"""Calling: one attempt of a step, from the call to the tick that tells how it ended."""

from __future__ import annotations

from collections.abc import Awaitable
from concurrent.futures import CancelledError as ThreadCancelledError
from typing import TYPE_CHECKING, cast

import anyio
from anyio import to_thread

from ..codec import own_event
from ..codec.problems import shown
from ..core.commands import RunStep
from ..core.ending import swallowed_message
from ..core.statuses import RUNNING
from ..core.ticks import StepHalted, StepRaised, StepReturned, StepSuspended
from ..errors import EncodeError, ReplayMismatch, StepTimedOut, SuspensionSwallowed, UsageError, WorkflowRuntimeError
from ..events import Event
from ..graph import StepSpec
from ..retry_policy.arguments import as_delay
from . import spawn
from .attempt import Attempt, current_attempt
from .departures import has_departed, stands_still, unread
from .processes import call_in_process
from .resources.injecting import call_with_resources
from .telling import tell_ended, tell_running
from .worker import Worker

if TYPE_CHECKING:
    from .run import Run


async def call_step_in_time(run: Run, job: RunStep, worker: Worker) -> None:
    """As `call_step`, for a step that may take so long and no longer: in a scope of the attempt's own."""
    assert job.step.timeout_s is not None
    timed = Worker(worker.task, worker.name)
    with anyio.CancelScope(deadline=anyio.current_time() + job.step.timeout_s) as timed.scope:
        await call_step(run, job, timed)


async def call_step(run: Run, job: RunStep, worker: Worker) -> None:
    """Call a step function and feed the core with what came of it. Cancellation passes through."""
    attempt = Attempt(run, job, worker)
    run.attempts[job.execution] = attempt
    attempt.context = context = run.options.make_context(attempt)
    told = run.options.verbose or run.log.readers is not None
    if told:
        tell_running(run, job, worker.name)
    if run.trace is not None:
        execution = attempt.recall_execution()
        attempt.trace = run.trace.step(job.step.name, job.execution, job.attempt, execution.failures)
    result: object = None
    failure: BaseException | None = None
    token = current_attempt.set(attempt)
    try:
        event = own_event(job.event, run.codec)
        if job.step.resources:
            result = await call_with_resources(attempt, event)
        elif job.step.is_async:
            running = job.step.call(run.options.workflow, context, event)
            result = await cast("Awaitable[object]", running)
        elif job.step.is_in_process:
            result = await call_in_process(run, job)
        else:
            result = await to_thread.run_sync(job.step.call, run.options.workflow, context, event)
    except BaseException as error:  # noqa: ASYNC103  (raised again below, when the core knows)
        failure = error
    current_attempt.reset(token)
    run.attempt_ended(job.execution)
    if told:
        tell_ended(run, job, worker.name, result)
    if failure is None:
        _returned(attempt, result)
        attempt.close()
        return
    try:
        if _raised(attempt, failure):
            raise failure
    finally:
        attempt.close()
        del failure  # it refers to this frame


def _returned(attempt: Attempt, result: object) -> None:
    if attempt.is_suspending:
        _fail(attempt, SuspensionSwallowed(swallowed_message(attempt.step.name)))
    elif (mismatch := unread(attempt)) is not None:
        _fail(attempt, mismatch)
    elif result is None:
        attempt.emit_last(StepReturned, ())
    elif isinstance(result, attempt.step.bare_returns):
        _end_with(attempt, (result,))
    elif (members := _members(attempt.step, result)) is not None:
        _end_with(attempt, members, True)
    else:
        _fail(attempt, _not_declared(attempt.step, result))


def _end_with(attempt: Attempt, *parts: object) -> None:
    try:
        attempt.emit_last(StepReturned, *parts)
    except EncodeError as error:  # a durable run keeps what its steps return
        _fail(attempt, error)


def _members(step: StepSpec, result: object) -> tuple[Event, ...] | None:
    """The members of a list, if it's one that the step says it returns."""
    declared = step.list_returns
    if not declared or not isinstance(result, list):
        return None
    members = cast("list[Event]", result)
    return tuple(members) if all(isinstance(member, declared) for member in members) else None


def _not_declared(step: StepSpec, result: object) -> WorkflowRuntimeError:
    declared = [kind.__name__ for kind in step.bare_returns]
    declared += [f"list[{' | '.join(kind.__name__ for kind in step.list_returns)}]"] if step.list_returns else []
    found = f"{result!r:.500}"
    if isinstance(result, list):
        wrong = [member for member in cast("list[object]", result) if not isinstance(member, step.list_returns)]
        found = f"a list with {wrong[0]!r:.300}" if wrong and step.list_returns else found
    elif not isinstance(result, Event):
        found += ", which isn't an event"
    return WorkflowRuntimeError(
        f"Step {step.name!r} returned {found}; its return annotation has {', '.join(declared) or 'nothing'}.\n"
        "  Name the class in the return annotation, or return what's there, or None; for the end of the run, "
        "StopEvent(result=...)."
    )


def _raised(attempt: Attempt, failure: BaseException) -> bool:
    """Tell the core of an attempt that raised; True if it's a cancellation, which has to pass through."""
    rest = _without_cancellation(attempt, failure)
    if rest is not None:
        _fail(attempt, rest)
        return False
    run = attempt.run
    if attempt.is_out_of_time and not attempt.is_stopping():
        _fail(attempt, _timed_out(attempt.step))
        return True
    if attempt.is_suspending:
        attempt.emit_last(StepSuspended)
        return True
    if run.core.state.status is RUNNING:
        if not spawn.is_being_cancelled():
            error = WorkflowRuntimeError(
                f"Step {attempt.step.name!r} raised {type(failure).__name__} of its own: something that it awaited was "
                "cancelled, the step wasn't.\n  Catch it where you await what may be cancelled."
            )
            error.__cause__ = failure
            _fail(attempt, error)
            return False
        run.interrupted()
    attempt.emit_last(StepHalted)
    return True


def _timed_out(step: StepSpec) -> StepTimedOut:
    return StepTimedOut(
        f"Step {step.name!r} hasn't ended within its {step.timeout_s:g} seconds, and was cancelled.\n"
        "  Time in which it waits for answers isn't counted. Give it more with @step(timeout=...), or a retry_policy=."
    )


def _without_cancellation(attempt: Attempt, failure: BaseException) -> BaseException | None:
    """What a step raised beside cancellation; None if that's all."""
    kinds: tuple[type[BaseException], ...] = (attempt.run.backend.cancelled,)
    if attempt.is_threaded:  # how a cancellation arrives in a worker thread, on asyncio
        kinds = (*kinds, ThreadCancelledError)
    if isinstance(failure, kinds):
        return None
    if not isinstance(failure, BaseExceptionGroup):
        return failure
    group = cast("BaseExceptionGroup[BaseException]", failure)
    cancelled, rest = group.split(kinds)
    return group if cancelled is None else rest  # the step's own object, if there's nothing to take out


def _fail(attempt: Attempt, error: BaseException) -> None:
    """Feed a failure, with what the retry policy says."""
    if stands_still(attempt, error):
        return
    delay: float | None = None
    policy = attempt.step.retry_policy
    if policy is not None and isinstance(error, Exception) and not (_is_final(error) or has_departed(attempt, error)):
        execution = attempt.recall_execution()
        failures = execution.failures + 1
        started = attempt.now() if execution.first_at is None else execution.first_at
        elapsed = max(0.0, attempt.now() - started)
        seed = (attempt.recall_seed() * 1_000_003 + attempt.execution * 1_009 + failures) & 0x7FFF_FFFF
        try:
            said: object = policy.next(elapsed, failures, error, seed=seed)
        except Exception as own:
            own.add_note(f"{_shown_policy(attempt)} raised this when it was asked whether to try again.")
            error = _after(error, own)
        else:
            delay = as_delay(said)
            if delay is None and said is not None:
                error = _after(error, _no_delay(attempt, said))
    attempt.emit_last(StepRaised, error, delay)


def _after(error: Exception, own: Exception) -> Exception:
    """The error of a policy, with that of its step as its context."""
    if own is not error and own.__context__ is None:
        own.__context__ = error
    return own


def _no_delay(attempt: Attempt, said: object) -> WorkflowRuntimeError:
    return WorkflowRuntimeError(
        f"{_shown_policy(attempt)} gave {shown(said)}.\n  next() gives the seconds to wait before the next attempt, a "
        "finite number of 0 or more, or None to give up."
    )


def _shown_policy(attempt: Attempt) -> str:
    return f"The retry policy of step {attempt.step.name!r}, {shown(attempt.step.retry_policy)},"


def _is_final(error: BaseException) -> bool:
    """Whether trying again would come to the same; one such error in a group of a step's tasks is enough."""
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).subgroup(_FINAL) is not None
    return isinstance(error, _FINAL)


_FINAL = (SuspensionSwallowed, ReplayMismatch, UsageError)
