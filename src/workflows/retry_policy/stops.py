"""Stops: when it's enough, however promising the error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, TypeAlias, cast

import attrs

from .arguments import Role, count, duration, seconds, takes_retry_state
from .attempts import FailedAttempt, Part, TakesRetryState


class StopCondition(Protocol):
    """Tells whether to give up. Any callable with these parameters can."""

    def __call__(self, attempts: int, elapsed_time: float, /, *, upcoming_sleep: float = 0.0) -> bool:
        """Give `True` to give up.

        Args:
            attempts: How many attempts have failed; 1 after the first.
            elapsed_time: Seconds since the first attempt began.
            upcoming_sleep: Seconds that would be waited before the next attempt.
        """
        ...


AnyStop: TypeAlias = StopCondition | TakesRetryState[bool]

_ROLE = Role(
    "a stop condition",
    "stop_after_attempt(3)",
    "(attempts, elapsed_time, *, upcoming_sleep=0.0) -> bool",
    (1, 0.0),
    {"upcoming_sleep": 0.0},
)


class Stop(Part, ABC):
    """What all stops of ours have: `|` and `&`, and a call with figures."""

    __slots__ = ()

    @abstractmethod
    def holds(self, failed: FailedAttempt) -> bool:
        """Decide with all that is known."""

    def __call__(
        self, attempts: int | FailedAttempt, elapsed_time: float = 0.0, *, upcoming_sleep: float = 0.0
    ) -> bool:
        """Tell whether to give up after so many failures and seconds."""
        if isinstance(attempts, FailedAttempt):
            return self.holds(attempts)
        return self.holds(
            FailedAttempt(attempt_number=attempts, seconds_since_start=elapsed_time, upcoming_sleep=upcoming_sleep)
        )

    def __or__(self, other: AnyStop) -> stop_any:
        return stop_any(self, other)

    def __ror__(self, other: AnyStop) -> stop_any:
        return stop_any(other, self)

    def __and__(self, other: AnyStop) -> stop_all:
        return stop_all(self, other)

    def __rand__(self, other: AnyStop) -> stop_all:
        return stop_all(other, self)


def as_stop(given: AnyStop) -> Stop:
    """Take a stop of anybody's: ours, tenacity's, or a function of attempts and time."""
    if isinstance(given, Stop):
        return given
    if takes_retry_state(given, _ROLE):
        return _OfState(cast("TakesRetryState[bool]", given))
    return _OfFigures(cast("StopCondition", given))


@attrs.frozen(repr=False)
class _OfState(Stop):
    decide: TakesRetryState[bool]

    def __repr__(self) -> str:
        return repr(self.decide)

    def holds(self, failed: FailedAttempt) -> bool:
        return bool(self.decide(failed))


@attrs.frozen(repr=False)
class _OfFigures(Stop):
    decide: StopCondition

    def __repr__(self) -> str:
        return repr(self.decide)

    def holds(self, failed: FailedAttempt) -> bool:
        figures = failed.attempt_number, failed.seconds_since_start
        return bool(self.decide(*figures, upcoming_sleep=failed.upcoming_sleep))


@attrs.frozen
class stop_never(Stop):
    """Never give up."""

    def holds(self, failed: FailedAttempt) -> bool:
        """False."""
        return False


@attrs.frozen
class stop_after_attempt(Stop):
    """Give up when so many attempts have failed; the first one counts."""

    max_attempt_number: int = attrs.field(validator=count)

    def holds(self, failed: FailedAttempt) -> bool:
        """Compare the number of failures."""
        return failed.attempt_number >= self.max_attempt_number


@attrs.frozen
class stop_after_delay(Stop):
    """Give up at the first failure that comes so long after the first attempt began.

    The attempts may take longer in all: the wait that is under way then, and the attempt after it, aren't cut short.
    """

    max_delay: float = attrs.field(converter=seconds, validator=duration)

    def holds(self, failed: FailedAttempt) -> bool:
        """Compare the time that has passed."""
        return failed.seconds_since_start >= self.max_delay


@attrs.frozen
class stop_before_delay(Stop):
    """Give up rather than begin an attempt so long after the first one began: the coming wait counts."""

    max_delay: float = attrs.field(converter=seconds, validator=duration)

    def holds(self, failed: FailedAttempt) -> bool:
        """Compare the time that will have passed after the coming wait."""
        return failed.seconds_since_start + failed.upcoming_sleep >= self.max_delay


@attrs.frozen(init=False, repr=False)
class stop_any(Stop):
    """Give up if one of the stops says so; `a | b` is the same. Of none, it never does."""

    stops: tuple[Stop, ...]

    def __init__(self, *stops: AnyStop) -> None:
        found = [as_stop(given) for given in stops]
        flat = [part for one in found for part in (one.stops if isinstance(one, stop_any) else (one,))]
        object.__setattr__(self, "stops", tuple(flat))

    def __repr__(self) -> str:
        return f"stop_any({', '.join(map(repr, self.stops))})"

    def holds(self, failed: FailedAttempt) -> bool:
        """Ask them in their order, until one says yes."""
        return any(stop.holds(failed) for stop in self.stops)


@attrs.frozen(init=False, repr=False)
class stop_all(Stop):
    """Give up if all of the stops say so; `a & b` is the same. Of none, it does at once."""

    stops: tuple[Stop, ...]

    def __init__(self, *stops: AnyStop) -> None:
        found = [as_stop(given) for given in stops]
        flat = [part for one in found for part in (one.stops if isinstance(one, stop_all) else (one,))]
        object.__setattr__(self, "stops", tuple(flat))

    def __repr__(self) -> str:
        return f"stop_all({', '.join(map(repr, self.stops))})"

    def holds(self, failed: FailedAttempt) -> bool:
        """Ask them in their order, until one says no."""
        return all(stop.holds(failed) for stop in self.stops)
