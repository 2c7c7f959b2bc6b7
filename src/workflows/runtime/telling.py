"""Telling: what a run says to its log, its console and the readers of internal events."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from ..core.children import is_stalled
from ..core.commands import RunStep
from ..core.outcomes import Failure
from ..events import Event, StepState, StepStateChanged, UnhandledEvent, WorkflowIdleEvent

if TYPE_CHECKING:
    from .run import Run

logger: logging.Logger = logging.getLogger("workflows")
verbose_logger: logging.Logger = logging.getLogger("workflows.verbose")


def tell_left(run_id: str, events: Sequence[Event]) -> None:
    """Events that nobody took, at the end of a run or of a batch."""
    shown = ", ".join(repr(event) for event in events[:5]) + (", …" if len(events) > 5 else "")
    logger.warning(
        "run %s drops events that no step and no wait has taken (%d): %s",
        run_id,
        len(events),
        shown,
        extra={"run_id": run_id},
    )


def tell_ignored(run_id: str, event: Event, step: str) -> None:
    """An event that came to a step which takes batches only."""
    logger.warning(
        "%r belongs to no batch, so step %r, which takes a list, ignores it: return it from a step of the batch",
        event,
        step,
        extra={"run_id": run_id},
    )


def tell_swallowed(run_id: str, step: str, grace_s: float) -> None:
    """A step that goes on although it's suspended."""
    logger.error(
        "step %r was suspended and hasn't ended after %g s: it swallows its cancellation; the run fails when it ends",
        step,
        grace_s,
        extra={"run_id": run_id},
    )


def tell_errors(run_id: str, failures: Sequence[Failure]) -> None:
    """Errors of clean-up in a child that was stopped, or had its result, while its run goes on."""
    for failure in failures:
        logger.error(
            "step %r of run %s raised while it was cancelled",
            failure.step,
            run_id,
            exc_info=failure.error,
            extra={"run_id": run_id},
        )


def tell_idle(run: Run) -> None:
    """Nothing is at work in the run."""
    if run.log.wants_internal:
        run.log.append(WorkflowIdleEvent())


def tell_unhandled(run: Run, event: Event, step: str | None = None) -> None:
    """An event came that nobody takes now, or that a step ignores."""
    if run.log.wants_internal:
        kind = type(event)
        is_idle = not run.core.state.budget.active
        run.log.append(
            UnhandledEvent(
                event_type=kind.__name__,
                qualified_name=f"{kind.__module__}.{kind.__qualname__}",
                step_name=step,
                idle=is_idle,
            )
        )


def tell_if_stalled(run: Run) -> bool:
    """Whether nothing is left to do in the run, and nothing is waited for: say so."""
    if not is_stalled(run.core.state):
        return False
    left = run.core.state.mailbox.in_order()
    shown = ", ".join(repr(event) for event in left[:5]) + (", …" if len(left) > 5 else "")
    children = ", ".join(child.label for child in run.core.state.children.values() if child.is_wanted)
    logger.warning(
        "run %s of %s has nothing left to do, no open question and no timer: unless an event comes from outside, it "
        "waits for ever%s%s",
        run.run_id,
        run.program.class_name,
        f"; it waits for child runs of which that's true: {children}" if children else "",
        f"; events that nobody has taken: {shown}" if left else "",
        extra={"run_id": run.run_id},
    )
    return True


def tell_slow(run_id: str, steps: Sequence[str], grace_s: float) -> None:
    """Steps that don't end although their run has."""
    logger.warning(
        "run %s waits for steps that were cancelled and haven't ended after %g s (a shield, a thread, or a swallowed "
        "cancellation): %s",
        run_id,
        grace_s,
        ", ".join(steps),
        extra={"run_id": run_id},
    )


def tell_unclosed(run_id: str, resource: str, grace_s: float) -> None:
    """A resource whose closing takes too long."""
    logger.warning(
        "resource %r of run %s wasn't closed after %g s, and is given up",
        resource,
        run_id,
        grace_s,
        extra={"run_id": run_id},
    )


def tell_running(run: Run, job: RunStep, worker: str) -> None:
    """A step begins."""
    if run.options.verbose:
        _say(f"Running step {job.step.name}")
    _state_changed(run, job, worker, StepState.RUNNING, None)


def tell_ended(run: Run, job: RunStep, worker: str, result: object) -> None:
    """A step has ended, well or not."""
    if run.options.verbose:
        what = "no event" if result is None else f"event {_class_of(result)}"
        _say(f"Step {job.step.name} produced {what}")
    _state_changed(run, job, worker, StepState.NOT_RUNNING, result)


def _state_changed(run: Run, job: RunStep, worker: str, state: StepState, result: object) -> None:
    if run.log.wants_internal:
        run.log.append(
            StepStateChanged(
                name=job.step.name,
                step_state=state,
                worker_id=worker,
                input_event_name=type(job.event).__name__,
                output_event_name=None if result is None else _class_of(result),
            )
        )


def _class_of(result: object) -> str:
    """The name of its class; of a list, with those of its members."""
    if not isinstance(result, list):
        return type(result).__name__
    members = dict.fromkeys(type(member).__name__ for member in cast("list[object]", result))
    return f"list[{' | '.join(members)}]" if members else "list"


def _say(text: str) -> None:
    if verbose_logger.isEnabledFor(logging.INFO):
        verbose_logger.info(text)
    else:
        print(text)  # noqa: T201  (that's what verbose=True is for)
