"""When a failed step is tried again: what a policy must offer, and what a step is told about its attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs


@runtime_checkable
class RetryPolicy(Protocol):
    """Decides, after each failure of a step, how long to wait before the next attempt. Any object with `next()` can."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        """Give the seconds to wait before the next attempt, or `None` to give up.

        Args:
            elapsed_time: Seconds since the first attempt began.
            attempts: How many attempts have failed; 1 after the first.
            error: What the last attempt raised.
            seed: Where randomness comes from: the same seed must give the same delay.
        """
        ...


@attrs.frozen
class RetryInfo:
    """What a step can know about the attempt that it is: `ctx.retry_info()`."""

    retry_number: int
    """0 in the first attempt, 1 in the first retry."""
    elapsed_seconds: float
    """Since the first attempt began."""
    last_exception: Exception | None = None
    last_failed_at: datetime | None = None
