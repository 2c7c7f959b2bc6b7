"""A policy that is composed of parts."""

from __future__ import annotations

import attrs

from .attempts import FailedAttempt
from .conditions import AnyCondition, Condition, as_condition, retry_always
from .stops import Stop, as_stop, stop_after_attempt
from .waits import Wait, as_wait, wait_fixed


def _condition_or_always(given: AnyCondition | None) -> Condition:
    return retry_always() if given is None else as_condition(given)


@attrs.frozen
class retry_policy:
    """Compose a policy: try again while `retry` holds for the error, after `wait`, until `stop`.

    Each part is one of this module, one of tenacity, or a function: `(error) -> bool`,
    `(attempts, *, seed=None) -> float`, `(attempts, elapsed_time, *, upcoming_sleep=0.0) -> bool`.

    Args:
        retry: Which errors to try again after; `None` for all.
        wait: How long to wait before the next attempt; `sum()` of waits will do.
        stop: When to give up. It's asked last, and told how long the wait would be.

    Raises:
        TypeError: A part can't be called as it would have to be.
    """

    retry: Condition = attrs.field(default=None, converter=_condition_or_always)
    wait: Wait = attrs.field(default=wait_fixed(5), converter=as_wait)
    stop: Stop = attrs.field(default=stop_after_attempt(3), converter=as_stop)

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        """Give the seconds to wait before the next attempt, or `None` to give up."""
        failed = FailedAttempt(attempt_number=attempts, seconds_since_start=elapsed_time, error=error, seed=seed)
        if not self.retry.holds(failed):
            return None
        delay = self.wait.delay_s(failed)
        return None if self.stop.holds(attrs.evolve(failed, upcoming_sleep=delay)) else delay
