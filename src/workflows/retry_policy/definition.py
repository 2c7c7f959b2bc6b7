"""Definition: what a policy must offer, and what a step is told about its attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs

from .arguments import Role, is_async, misfit, signature_of


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
