"""Outcome: how a run ended, for those who await it; and the last word for a failure that nobody heard of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import anyio

from ..core.outcomes import Failure, Outcome
from ..core.state import RunState
from ..core.statuses import HALTED
from ..errors import WorkflowCancelledByUser, WorkflowTimeoutError
from ..events import StopEvent

if TYPE_CHECKING:
    from types import TracebackType

logger: logging.Logger = logging.getLogger(__name__)


class RunOutcome:
    """The end of a run. An error that nobody has asked for is logged when this is collected."""

    __slots__ = ("_event", "_traceback", "_workflow", "error", "is_retrieved", "is_set", "result", "run_id")

    def __init__(self, workflow: str, run_id: str) -> None:
        self._event: anyio.Event | None = None  # made when somebody waits: most runs have nobody, or one
        self._workflow = workflow
        self.run_id: str = run_id
        self.is_set: bool = False
        self._traceback: TracebackType | None = None
        self.result: StopEvent | None = None
        self.error: BaseException | None = None
        self.is_retrieved: bool = False

    def set(self, result: StopEvent | None, error: BaseException | None) -> None:
        """Set the end, once."""
        if self.is_set:
            return
        self.is_set = True
        self.result, self.error = result, error
        self._traceback = None if error is None else error.__traceback__
        self.is_retrieved = error is None or isinstance(error, WorkflowCancelledByUser)
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait for the end. Safe to cancel."""
        if self.is_set:
            return
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()

    def get(self) -> StopEvent:
        """The result, or raise the error; each time with the traceback that it came with."""
        self.is_retrieved = True
        if self.error is not None:
            raise self.error.with_traceback(self._traceback)
        assert self.result is not None
        return self.result

    def log_if_unheard(self) -> None:
        """Log an error that nobody has asked for."""
        if self.error is not None and not self.is_retrieved:
            self.is_retrieved = True
            logger.error(
                "run %s of %s failed and nobody awaited it",
                self.run_id,
                self._workflow,
                exc_info=self.error,
                extra={"run_id": self.run_id},
            )

    def __del__(self) -> None:
        self.log_if_unheard()


def ending_of(
    state: RunState, closing: Sequence[BaseException] = (), *, is_durable: bool = False
) -> tuple[StopEvent | None, BaseException | None]:
    """Result or error of a run that has ended or stands still; `closing` is what its resources have raised."""
    outcome = state.outcome
    if state.status is HALTED or outcome is None:
        return None, _with_errors(_cancelled(state, is_durable=is_durable), state.halt_errors, closing)
    error = error_of(outcome, state.program.class_name, state.run_id, closing)
    if outcome.failures:
        return None, error
    if error is not None:
        return None, _with_errors(error, state.halt_errors, closing)
    for unclosed in closing:
        logger.error(
            "a resource couldn't be closed after %s had its result",
            state.program.class_name,
            exc_info=unclosed,
            extra={"run_id": state.run_id},
        )
    for failure in state.halt_errors:
        logger.error(
            "step %r raised while it was cancelled, after %s had its result",
            failure.step,
            state.program.class_name,
            exc_info=failure.error,
            extra={"run_id": state.run_id},
        )
    return outcome.result, None


def error_of(
    outcome: Outcome, workflow: str, run_id: str, closing: Sequence[BaseException] = ()
) -> BaseException | None:
    """The error of a run that has ended without a result."""
    if outcome.failures:
        return _joined(outcome.failures, workflow, run_id, closing)
    if outcome.timed_out_s is not None:
        return _timed_out(outcome.timed_out_s, outcome.active_steps, workflow, run_id)
    return None


def _cancelled(state: RunState, *, is_durable: bool) -> BaseException:
    run = f"Run {state.run_id!r} of {state.program.class_name}"
    if not is_durable:
        remedy = "To go on with it, keep handler.ctx.to_dict() and resume from Context.from_dict(workflow, data)."
        return WorkflowCancelledByUser(f"{run} was cancelled.\n  {remedy}")
    if state.is_left:
        return WorkflowCancelledByUser(
            f"{run} has stopped here, since its Runtime was left.\n  It's stored, and goes on when a Runtime opens its "
            "store again."
        )
    return WorkflowCancelledByUser(
        f"{run} was cancelled.\n  It's stored as it was: to go on with it, call runtime.resume({state.run_id!r})."
    )


def _timed_out(seconds: float, active: tuple[str, ...], workflow: str, run_id: str) -> BaseException:
    steps = ", ".join(active) or "none"
    return WorkflowTimeoutError(
        f"Run {run_id!r} of {workflow} has spent its {seconds:g} seconds; active steps: "
        f"{steps}.\n  Waiting for answers isn't counted. Give it more with Workflow(timeout=...), or None for no limit."
    )


def _joined(
    failures: tuple[Failure, ...], workflow: str, run_id: str, closing: Sequence[BaseException]
) -> BaseException:
    """The one error itself, or a group, with the steps' names in notes."""
    for failure in failures:
        note = f"in step {failure.step!r} of {workflow}, run {run_id!r}"
        if note not in getattr(failure.error, "__notes__", ()):
            failure.error.add_note(note)
    errors = [*(failure.error for failure in failures), *closing]
    if len(errors) == 1:
        return errors[0]
    message = f"{len(failures)} steps of {workflow} failed"
    if closing:
        message = f"{workflow} failed, and its resources couldn't be closed"
    return BaseExceptionGroup(message, errors)


def _with_errors(own: BaseException, failures: tuple[Failure, ...], closing: Sequence[BaseException]) -> BaseException:
    """Our error, or the errors of clean-up with ours as their context."""
    errors = [*(failure.error for failure in failures), *closing]
    if not errors:
        return own
    message = "resources couldn't be closed" if closing else "steps raised while they were cancelled"
    error = errors[0] if len(errors) == 1 else BaseExceptionGroup(message, errors)
    for failure in failures:
        failure.error.add_note(f"in step {failure.step!r}, while it was cancelled")
    error.__context__ = own
    return error


def sole(error: Exception) -> Exception:
    """The error itself, out of the groups that it came in."""
    if not isinstance(error, ExceptionGroup):
        return error
    group = cast("ExceptionGroup[Exception]", error)
    return sole(group.exceptions[0]) if len(group.exceptions) == 1 else group
