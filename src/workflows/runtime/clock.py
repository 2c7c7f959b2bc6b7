"""The clock: UTC seconds for ticks, from the wall clock or from a callable that gives aware datetimes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TypeAlias, cast

import anyio

from ..errors import UsageError

Clock: TypeAlias = Callable[[], datetime]

ambient_clock: ContextVar[Callable[[], float] | None] = ContextVar("workflows_clock", default=None)
"""UTC seconds for runs whose workflow names no clock; simulations set it."""


def utc_seconds(clock: Clock | None) -> Callable[[], float]:
    """A function that gives UTC seconds.

    Args:
        clock: Gives an aware datetime; None is the wall clock, or the virtual time of a simulation.
    """
    if clock is None:
        return ambient_clock.get() or time.time
    return _Seconds(clock)


def on_loop_clock(at: float | None, now: Callable[[], float]) -> float:
    """An instant in UTC seconds, by the clock of the event loop; infinity if there's none.

    Args:
        at: The instant.
        now: Gives the time, in UTC seconds.
    """
    return float("inf") if at is None else anyio.current_time() + max(0.0, at - now())


class _Seconds:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> float:
        now = cast("object", self._clock())
        if not isinstance(now, datetime) or now.tzinfo is None:
            raise UsageError(
                f"The clock of a workflow must give an aware datetime, such as datetime.now(UTC); it gave {now!r}."
            )
        return now.astimezone(UTC).timestamp()
