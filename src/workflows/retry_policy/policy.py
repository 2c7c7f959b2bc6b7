"""Policies: what one must offer, what a step is told about its attempts, and one that is composed of parts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs

from .arguments import Role, is_async, misfit, signature_of
from .attempts import FailedAttempt
from .conditions import AnyCondition, Condition, as_condition, retry_always
from .stops import Stop, as_stop, stop_after_attempt
from .waits import Wait, as_wait, wait_fixed


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
    """From when the first attempt began to when the last one failed; 0 in the first attempt."""
    last_exception: Exception | None = None
    last_failed_at: datetime | None = None


def policy_problem(policy: object) -> str | None:
    """Say what is wrong with an object that is to be a retry policy, if anything is."""
    if isinstance(policy, type):
        return f"is a class; make one of it: retry_policy={policy.__name__}(...)."
    ask = getattr(policy, "next", None)
    if not callable(ask):
        return (
            f"has no method {_ROLE.signature}; give a policy of workflows.retry_policy, or an object with that method."
        )
    if is_async(ask):
        return f"has an async next(), but to decide takes no time; write def {_ROLE.signature}."
    try:
        problem = misfit(signature_of(ask), _ROLE)
    except ValueError:  # written in C, and doesn't tell
        return None
    return problem and f"has a next() that can't be called as {_ROLE.signature}: {problem}."


_ROLE = Role(
    "a retry policy",
    "retry_policy()",
    "next(elapsed_time, attempts, error, *, seed=None) -> float | None",
    (0.0, 1, Exception()),
    {"seed": None},
)


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
