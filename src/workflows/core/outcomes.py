"""Outcomes: how runs end."""

from __future__ import annotations

from typing import cast

import attrs

from ..errors import ReplayMismatch, SuspensionSwallowed
from ..events import StopEvent

_NOT_TO_BE_HIDDEN = (SuspensionSwallowed, ReplayMismatch)


def type_and_args(error: BaseException | None) -> object:
    """What two exceptions are compared by: on their own they're equal only to themselves."""
    return None if error is None else (type(error), error.args)


def must_surface(error: BaseException) -> bool:
    """Whether no handler may take over; one such error in a group of a step's tasks is enough."""
    return not isinstance(error, Exception) or _is_or_has(error, _NOT_TO_BE_HIDDEN)


def has_swallowed(error: BaseException) -> bool:
    """Whether a step raised this, or is said to have, since it swallows its suspension."""
    return isinstance(error, SuspensionSwallowed)


def _is_or_has(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        members = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return any(_is_or_has(member, kinds) for member in members)
    return isinstance(error, kinds)


@attrs.frozen
class Failure:
    """A step that failed for good."""

    step: str
    error: BaseException = attrs.field(eq=type_and_args)
    attempts: int = 1
    elapsed_s: float = 0.0
    has_swallowed: bool = attrs.field(default=False, eq=False)  # asked for only until the run has ended


@attrs.frozen
class Outcome:
    """How a run ended: exactly one of the three."""

    result: StopEvent | None = None
    failures: tuple[Failure, ...] = ()
    timed_out_s: float | None = None
    active_steps: tuple[str, ...] = ()
