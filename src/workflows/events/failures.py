"""What went wrong, as events: a run that ended abnormally, a step that failed, an exception that can't be rebuilt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from ..errors import WorkflowsError
from .family import StopEvent
from .model import Event


class UnreconstructedException(WorkflowsError):
    """Stands for a stored exception whose type isn't known here.

    Args:
        message: The message of the original.
        original_type: The stored name of its class, if there was one.
    """

    def __init__(self, message: str, *, original_type: str | None = None) -> None:
        self.original_type = original_type
        super().__init__(message)


def _type_and_args(error: BaseException | None) -> tuple[object, ...]:
    # Exceptions compare by identity, and an event that has been stored and read back is to equal the one before.
    if error is None:
        return ()
    return (type(error), error.args, getattr(error, "original_type", None))


def _check_aware(event: Event, field: attrs.Attribute[Any], value: datetime) -> None:
    if value.utcoffset() is None:
        raise ValueError(f"{field.name} needs a time zone, got {value!r}: pass datetime.now(timezone.utc)")


class StepFailedEvent(Event):
    """A step failed and won't be tried again: the input of a `@catch_error` handler.

    `attempts` counts calls of the step from 1, `elapsed_seconds` runs from the first of them, `failed_at` is in UTC.
    """

    step_name: str
    input_event: Event
    exception: Exception = attrs.field(eq=_type_and_args, hash=False)
    attempts: int
    elapsed_seconds: float
    failed_at: datetime = attrs.field(validator=_check_aware)


class WorkflowTimedOutEvent(StopEvent):
    """The last event of a run that has spent its time budget.

    `timeout` is the budget in seconds, `active_steps` names the steps that were at work.
    """

    timeout: float
    active_steps: list[str]


class WorkflowCancelledEvent(StopEvent):
    """The last event of a run that was cancelled."""


class WorkflowFailedEvent(StopEvent):
    """The last event of a run that failed: which step, and why.

    `attempts` and `elapsed_seconds` are `None` if the failure isn't one of a step's own attempts.
    """

    step_name: str
    exception: Exception = attrs.field(eq=_type_and_args, hash=False)
    attempts: int | None = None
    elapsed_seconds: float | None = None
