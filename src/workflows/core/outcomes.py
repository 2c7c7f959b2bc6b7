"""Outcomes: how runs end."""

from __future__ import annotations

import attrs

from ..events import StopEvent


def type_and_args(error: BaseException | None) -> object:
    """What two exceptions are compared by: on their own they're equal only to themselves."""
    return None if error is None else (type(error), error.args)


@attrs.frozen
class Failure:
    """A step that failed for good."""

    step: str
    error: BaseException = attrs.field(eq=type_and_args)
    attempts: int = 1
    elapsed_s: float = 0.0


@attrs.frozen
class Outcome:
    """How a run ended: exactly one of the three."""

    result: StopEvent | None = None
    failures: tuple[Failure, ...] = ()
    timed_out_s: float | None = None
    active_steps: tuple[str, ...] = ()
