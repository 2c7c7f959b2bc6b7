"""Recovering: who takes over when a step has failed for good.

Rules:
- A handler is called in place of the step that has failed, and stands where that one stood: what it returns takes the
  place of the failed member in a batch.
- How often a handler has taken over counts along the way of an event: whatever comes of it inherits the number. When a
  handler has done so as often as it may, the failure is the run's.
- A handler's own failure is the run's, and so is what a handler must not hide: a step that swallows its suspension, a
  replay that departs from the record, and what is no `Exception`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ..events import StepFailedEvent
from ..graph import StepSpec
from . import batches, queueing
from .questions import LATEST
from .state import Execution, RunState
from .ticks import StepRaised


def handler_of(state: RunState, execution: Execution, tick: StepRaised) -> StepSpec | None:
    """The step that takes over when this one has failed; None if the failure is the run's."""
    handler = state.program.handlers.get(execution.step)
    if handler is None or handler.catches is None or tick.surfaces:
        return None
    spent = dict(execution.place.recoveries).get(handler.name, 0)
    return handler if spent < handler.catches.max_recoveries else None


def recover(state: RunState, execution: Execution, handler: StepSpec, tick: StepRaised) -> None:
    """Call a handler for an execution that has failed for good. Its worker is free already."""
    assert isinstance(tick.error, Exception)
    started = tick.at if execution.first_at is None else execution.first_at
    failed = StepFailedEvent(
        step_name=execution.step,
        input_event=execution.event,
        exception=tick.error,
        attempts=execution.failures,
        elapsed_seconds=max(0.0, tick.at - started),
        failed_at=datetime.fromtimestamp(min(tick.at, LATEST), UTC),
    )
    state.forget(execution)
    state.tally_of(execution.step).gave.add(type(failed))
    queueing.queue(state, handler.name, failed, tick.at, execution.place.recovered_by(handler.name))
    batches.leave(state, execution.place, tick.at)
    queueing.run_queued(state, execution.step, tick.at)
