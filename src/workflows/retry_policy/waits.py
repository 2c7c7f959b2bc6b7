"""Waits: how many seconds to let pass before the next attempt.

- Waits are counted from 0: the first one is number 0. Each gives a finite number that isn't negative.
- What is random comes from a seed: the same seed gives the same delay. `None` draws afresh.
- `max` holds after anything random is added.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from random import Random
from typing import Literal, Protocol, TypeAlias, cast

import attrs

from .arguments import Role, Seconds, as_delay, change, check_order, duration, factor, limit, seconds, takes_retry_state
from .attempts import FailedAttempt, Part, TakesRetryState

LONGEST_S = sys.float_info.max


class WaitStrategy(Protocol):
    """Gives the seconds to wait before the next attempt. Any callable with these parameters can."""

    def __call__(self, attempts: int, /, *, seed: int | None = None) -> float:
        """Give the seconds to wait.

        Args:
            attempts: How many waits there were before: 0 for the first.
            seed: Where randomness comes from: the same seed must give the same delay.
        """
        ...


AnyWait: TypeAlias = WaitStrategy | TakesRetryState[float]

_ROLE = Role("a wait strategy", "wait_fixed(1)", "(attempts, *, seed=None) -> float", (0,), {"seed": None})


class Wait(Part, ABC):
    """What all waits of ours have: `+`, and a call with figures."""

    __slots__ = ()

    @abstractmethod
    def delay_s(self, failed: FailedAttempt) -> float:
        """Decide with all that is known."""

    def __call__(self, attempts: int | FailedAttempt, *, seed: int | None = None) -> float:
        """Give the seconds to wait, when there were so many waits before."""
        if isinstance(attempts, FailedAttempt):
            return self.delay_s(attempts)
        return self.delay_s(FailedAttempt(attempt_number=attempts + 1, seed=seed))

    def __add__(self, other: AnyWait | Literal[0]) -> Wait:
        return self if _is_nothing(other) else wait_combine(self, other)

    def __radd__(self, other: AnyWait | int) -> Wait:  # any int: what typeshed asks of those that sum() takes
        return self if _is_nothing(other) else wait_combine(cast("AnyWait", other), self)


def as_wait(given: AnyWait | Literal[0]) -> Wait:
    """Take a wait of anybody's: ours, tenacity's, or a function; 0 is the `sum()` of no waits."""
    if isinstance(given, Wait):
        return given
    if _is_nothing(given):
        return wait_none()
    if takes_retry_state(given, _ROLE):
        return _OfState(cast("TakesRetryState[float]", given))
    return _OfFigures(cast("WaitStrategy", given))


def _is_nothing(given: object) -> bool:
    """Whether it's what `sum()` begins with."""
    return type(given) is int and given == 0


def _checked(delay: object, strategy: object) -> float:
    seconds_s = as_delay(delay)
    if seconds_s is None:
        raise ValueError(f"{strategy!r} gave {delay!r}; a wait strategy gives seconds, a number of 0 or more.")
    return seconds_s


@attrs.frozen(repr=False)
class _OfState(Wait):
    decide: TakesRetryState[float]

    def __repr__(self) -> str:
        return repr(self.decide)

    def delay_s(self, failed: FailedAttempt) -> float:
        return _checked(self.decide(failed), self.decide)


@attrs.frozen(repr=False)
class _OfFigures(Wait):
    decide: WaitStrategy

    def __repr__(self) -> str:
        return repr(self.decide)

    def delay_s(self, failed: FailedAttempt) -> float:
        return _checked(self.decide(failed.attempt_number - 1, seed=failed.seed), self.decide)


def _grown(first: float, base: float, times: int) -> float:
    """Give `first * base ** times`, however large."""
    try:
        return first * base**times
    except OverflowError:
        return math.inf if first else 0.0


def _drawn(low: float, high: float, seed: int | None) -> float:
    """Draw from between two bounds, which hold whatever is rounded."""
    return min(max(low, Random(seed).uniform(low, high)), high)


def _at_most(delay: float, high: float) -> float:
    return min(delay, high, LONGEST_S)


@attrs.frozen
class wait_none(Wait):
    """Try again at once."""

    def delay_s(self, failed: FailedAttempt) -> float:
        """0."""
        return 0.0


@attrs.frozen
class wait_fixed(Wait):
    """Wait equally long each time."""

    wait: float = attrs.field(converter=seconds, validator=duration)

    def delay_s(self, failed: FailedAttempt) -> float:
        """The same each time."""
        return self.wait


@attrs.frozen
class wait_incrementing(Wait):
    """Wait `start` seconds, and each time `increment` longer (or shorter, if it's negative), up to `max`."""

    start: float = attrs.field(default=0.0, converter=seconds, validator=duration)
    increment: float = attrs.field(default=100.0, converter=seconds, validator=change)
    max: float = attrs.field(default=math.inf, converter=seconds, validator=limit)

    def delay_s(self, failed: FailedAttempt) -> float:
        """A step further each time."""
        return _at_most(max(0.0, self.start + self.increment * (failed.attempt_number - 1)), self.max)


@attrs.frozen
class wait_exponential(Wait):
    """Wait `multiplier` seconds, and each time `exp_base` times as long, between `min` and `max`."""

    multiplier: float = attrs.field(default=1.0, converter=seconds, validator=duration)
    exp_base: float = attrs.field(default=2.0, validator=factor)
    max: float = attrs.field(default=60.0, converter=seconds, validator=limit)
    min: float = attrs.field(default=0.0, converter=seconds, validator=duration)

    def __attrs_post_init__(self) -> None:
        check_order(self, self.min, self.max)

    def delay_s(self, failed: FailedAttempt) -> float:
        """Longer each time."""
        return max(self.min, _at_most(_grown(self.multiplier, self.exp_base, failed.attempt_number - 1), self.max))


@attrs.frozen
class wait_random(Wait):
    """Wait for a time between `min` and `max`, each time another."""

    min: float = attrs.field(default=0.0, converter=seconds, validator=duration)
    max: float = attrs.field(default=1.0, converter=seconds, validator=duration)

    def __attrs_post_init__(self) -> None:
        check_order(self, self.min, self.max)

    def delay_s(self, failed: FailedAttempt) -> float:
        """Draw a time."""
        return _drawn(self.min, self.max, failed.seed)


@attrs.frozen
class wait_exponential_jitter(Wait):
    """Wait as `wait_exponential` does, and up to `jitter` seconds more; `max` holds for both together."""

    initial: float = attrs.field(default=1.0, converter=seconds, validator=duration)
    exp_base: float = attrs.field(default=2.0, validator=factor)
    max: float = attrs.field(default=60.0, converter=seconds, validator=limit)
    jitter: float = attrs.field(default=1.0, converter=seconds, validator=duration)

    def delay_s(self, failed: FailedAttempt) -> float:
        """Longer each time, by chance a little more."""
        grown = _grown(self.initial, self.exp_base, failed.attempt_number - 1)
        return _at_most(grown + _drawn(0.0, self.jitter, failed.seed), self.max)


@attrs.frozen
class wait_random_exponential(wait_exponential):
    """Wait for a time between `min` and what `wait_exponential` would give: callers that failed together spread out."""

    def delay_s(self, failed: FailedAttempt) -> float:
        """Draw a time below a bound that grows."""
        return _drawn(self.min, super().delay_s(failed), failed.seed)


def wait_full_jitter(
    multiplier: Seconds = 1.0, exp_base: float = 2.0, max: Seconds = 60.0, min: Seconds = 0.0
) -> wait_random_exponential:
    """Give a `wait_random_exponential`, which some know by this name."""
    return wait_random_exponential(multiplier, exp_base, max, min)


@attrs.frozen(init=False, repr=False)
class wait_chain(Wait):
    """Wait as the first strategy says, then as the second, and so on; the last one stays.

    Each is asked with the number of all waits before: a `wait_exponential` that comes third begins with
    `multiplier * exp_base ** 2`.

    Raises:
        ValueError: No strategy was given.
    """

    strategies: tuple[Wait, ...]

    def __init__(self, *strategies: AnyWait) -> None:
        if not strategies:
            raise ValueError("wait_chain() has no strategies; give at least one, such as wait_fixed(1).")
        object.__setattr__(self, "strategies", tuple(as_wait(given) for given in strategies))

    def __repr__(self) -> str:
        return f"wait_chain({', '.join(map(repr, self.strategies))})"

    def delay_s(self, failed: FailedAttempt) -> float:
        """Ask the one whose turn it is."""
        turn = min(max(failed.attempt_number, 1), len(self.strategies))
        return self.strategies[turn - 1].delay_s(failed)


@attrs.frozen(init=False, repr=False)
class wait_combine(Wait):
    """Wait as long as all strategies together; `a + b` and `sum()` do the same. Each gets the same seed."""

    strategies: tuple[Wait, ...]

    def __init__(self, *strategies: AnyWait | Literal[0]) -> None:
        found = [as_wait(given) for given in strategies]
        flat = [part for one in found for part in (one.strategies if isinstance(one, wait_combine) else (one,))]
        object.__setattr__(self, "strategies", tuple(flat))

    def __repr__(self) -> str:
        return f"wait_combine({', '.join(map(repr, self.strategies))})"

    def delay_s(self, failed: FailedAttempt) -> float:
        """Add up what each gives."""
        return _at_most(sum(strategy.delay_s(failed) for strategy in self.strategies), LONGEST_S)
