"""A failed attempt: all that a condition, a wait or a stop can know of it."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol, TypeVar

import attrs

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class FailedOutcome:
    """How an attempt ended: with an error, always."""

    error: Exception
    attempt_number: int

    @property
    def failed(self) -> bool:
        """True."""
        return True

    def exception(self) -> Exception:
        """Give the error."""
        return self.error

    def result(self) -> NoReturn:
        """Raise the error."""
        raise self.error


@attrs.frozen(kw_only=True)
class FailedAttempt:
    """What is known when it's decided whether to try again.

    A callable whose first parameter is called `retry_state` is given one, as tenacity's objects are given a
    `RetryCallState`; what both have is called the same. The time that was spent asleep (`idle_for`) isn't known here,
    and what belongs to a decorated function (`fn`, `args`) or to tenacity's loop (`retry_object`) doesn't exist.
    """

    attempt_number: int = 1
    """How many attempts have failed; 1 after the first."""
    seconds_since_start: float = 0.0
    """Since the first attempt began."""
    upcoming_sleep: float = 0.0
    """What the wait has given, when a stop is asked; 0 before."""
    error: Exception | None = None
    """What the attempt raised; `None` where a wait or a stop is called on its own."""
    seed: int | None = None
    """Where randomness comes from; `None` for a fresh draw."""

    @property
    def outcome(self) -> FailedOutcome | None:
        """The error in the shape of a future: `failed`, `exception()`, `result()`."""
        return None if self.error is None else FailedOutcome(self.error, self.attempt_number)

    @property
    def start_time(self) -> float:
        """0: times of an attempt are seconds since the first one began."""
        return 0.0

    @property
    def outcome_timestamp(self) -> float:
        """When the attempt failed, counted from `start_time`."""
        return self.seconds_since_start


class Part:
    """What ours have in common, so that a wait isn't taken for a condition: both can be called with one argument."""

    __slots__ = ()


class TakesRetryState(Protocol[T_co]):
    """A callable in tenacity's manner: what it's given depends on the name of its parameter, `retry_state`."""

    def __call__(self, retry_state: Any) -> T_co:  # Any: tenacity's say RetryCallState, which isn't imported here
        """Decide by a `FailedAttempt`."""
        ...
