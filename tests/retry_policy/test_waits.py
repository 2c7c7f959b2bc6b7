"""Semantics 28 for waits: they count from 0, `max` holds after jitter, the same seed gives the same delay."""

import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.retry_policy.strategies import ATTEMPTS, BASES, SECONDS, SEEDS, ordered, waits
from workflows.retry_policy import (
    wait_chain,
    wait_combine,
    wait_exponential,
    wait_exponential_jitter,
    wait_fixed,
    wait_full_jitter,
    wait_incrementing,
    wait_none,
    wait_random,
    wait_random_exponential,
)
from workflows.retry_policy.waits import Wait


def delays(wait: Wait, times: int = 4) -> list[float]:
    return [wait(attempts) for attempts in range(times)]


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (wait_none(), [0, 0, 0, 0]),
        (wait_fixed(5), [5, 5, 5, 5]),
        (wait_exponential(), [1, 2, 4, 8]),
        (wait_exponential(3, 10, 1000, 5), [5, 30, 300, 1000]),
        (wait_exponential(0), [0, 0, 0, 0]),
        (wait_exponential(8, 0.5), [8, 4, 2, 1]),
        (wait_incrementing(), [0, 100, 200, 300]),
        (wait_incrementing(10, 5, 17), [10, 15, 17, 17]),
        (wait_incrementing(10, -4), [10, 6, 2, 0]),
        (wait_random(3, 3), [3, 3, 3, 3]),
        (wait_exponential_jitter(jitter=0), [1, 2, 4, 8]),
        (wait_chain(wait_fixed(1), wait_fixed(9)), [1, 9, 9, 9]),
        (wait_chain(wait_none(), wait_none(), wait_exponential()), [0, 0, 4, 8]),
        (wait_combine(wait_fixed(1), wait_exponential()), [2, 3, 5, 9]),
        (wait_combine(), [0, 0, 0, 0]),
        (wait_fixed(1) + wait_fixed(2) + wait_incrementing(0, 1), [3, 4, 5, 6]),
        (wait_chain(wait_fixed(1) + wait_fixed(2), wait_fixed(7)), [3, 7, 7, 7]),
    ],
)
def test_waits_count_from_0(wait: Wait, expected: list[float]) -> None:
    """Semantics 28."""
    assert delays(wait) == expected


def test_the_defaults_are_those_of_the_vocabulary() -> None:
    assert wait_exponential() == wait_exponential(multiplier=1.0, exp_base=2.0, max=60.0, min=0.0)
    assert wait_incrementing() == wait_incrementing(start=0.0, increment=100.0, max=math.inf)
    assert wait_random() == wait_random(min=0.0, max=1.0)
    assert wait_exponential_jitter() == wait_exponential_jitter(initial=1.0, exp_base=2.0, max=60.0, jitter=1.0)
    assert wait_random_exponential() == wait_random_exponential(multiplier=1.0, exp_base=2.0, max=60.0, min=0.0)
    assert wait_full_jitter() == wait_random_exponential()
    assert wait_full_jitter(2, 3, 4, 1) == wait_random_exponential(multiplier=2, exp_base=3, max=4, min=1)


def test_a_time_may_be_a_timedelta() -> None:
    minute = timedelta(minutes=1)
    assert wait_fixed(minute) == wait_fixed(60)
    assert wait_exponential(minute, max=timedelta(hours=1), min=minute) == wait_exponential(60, max=3600, min=60)
    assert wait_incrementing(minute, -timedelta(seconds=1), minute) == wait_incrementing(60, -1, 60)
    assert wait_random(minute, 2 * minute) == wait_random(60, 120)
    assert wait_exponential_jitter(minute, max=minute, jitter=minute) == wait_exponential_jitter(60, 2, 60, 60)
    assert wait_full_jitter(minute, 2, minute, minute) == wait_random_exponential(60, 2, 60, 60)


@given(wait=waits(), attempts=ATTEMPTS, seed=SEEDS)
def test_the_same_seed_gives_the_same_delay_and_every_delay_makes_sense(wait: Wait, attempts: int, seed: int) -> None:
    """Semantics 28."""
    delay = wait(attempts, seed=seed)
    assert delay == wait(attempts, seed=seed)
    assert 0 <= delay < math.inf
    assert 0 <= wait(attempts) < math.inf


@given(bounds=ordered(), attempts=ATTEMPTS, seed=st.none() | SEEDS)
def test_a_random_wait_keeps_its_bounds(bounds: tuple[float, float], attempts: int, seed: int | None) -> None:
    low, high = bounds
    assert low <= wait_random(low, high)(attempts, seed=seed) <= high


@given(first=SECONDS, base=BASES, bounds=ordered(), attempts=ATTEMPTS, seed=st.none() | SEEDS)
@example(first=1e-300, base=10.0, bounds=(0.0, 5.0), attempts=2_000, seed=None)
@example(first=0.0, base=10.0, bounds=(0.0, 5.0), attempts=2_000, seed=None)
def test_exponential_waits_keep_their_bounds_however_often(
    first: float, base: float, bounds: tuple[float, float], attempts: int, seed: int | None
) -> None:
    low, high = bounds
    exact = wait_exponential(first, base, high, low)(attempts, seed=seed)
    assert low <= exact <= high
    assert low <= wait_random_exponential(first, base, high, low)(attempts, seed=seed) <= exact


@given(first=SECONDS, base=BASES, most=SECONDS, jitter=SECONDS, attempts=ATTEMPTS, seed=st.none() | SEEDS)
def test_max_holds_after_jitter(
    first: float, base: float, most: float, jitter: float, attempts: int, seed: int | None
) -> None:
    """Semantics 28."""
    without = wait_exponential(first, base, most)(attempts)
    delay = wait_exponential_jitter(first, base, most, jitter)(attempts, seed=seed)
    assert without <= delay <= min(most, without + jitter)


@given(start=SECONDS, increment=st.floats(-1e6, 1e6), most=SECONDS, attempts=ATTEMPTS)
def test_an_incrementing_wait_keeps_its_bounds(start: float, increment: float, most: float, attempts: int) -> None:
    assert 0 <= wait_incrementing(start, increment, most)(attempts) <= most


@given(attempts=st.integers(1_100, 10**6))
def test_a_wait_without_a_bound_stays_finite(attempts: int) -> None:
    for wait in (wait_exponential(max=math.inf), wait_exponential_jitter(max=math.inf)):
        assert wait(attempts) < math.inf
        assert (wait + wait)(attempts) < math.inf
    assert 0 <= wait_random_exponential(max=math.inf)(attempts) < math.inf


@given(a=waits(), b=waits(), attempts=st.integers(0, 50), seed=SEEDS)
def test_plus_is_the_sum_of_its_parts_with_the_same_seed(a: Wait, b: Wait, attempts: int, seed: int) -> None:
    expected = pytest.approx(a(attempts, seed=seed) + b(attempts, seed=seed))
    assert (a + b)(attempts, seed=seed) == expected
    assert wait_combine(a, b)(attempts, seed=seed) == expected
    assert sum([a, b]) == a + b


@given(a=waits(), b=waits(), c=waits())
def test_grouping_makes_no_difference(a: Wait, b: Wait, c: Wait) -> None:
    assert (a + b) + c == a + (b + c) == sum([a, b, c])
    assert sum([a]) is a


@given(chosen=st.lists(waits(), min_size=1, max_size=4), attempts=st.integers(0, 20), seed=SEEDS)
def test_a_chain_asks_the_one_whose_turn_it_is_and_stays_at_the_last(
    chosen: list[Wait], attempts: int, seed: int
) -> None:
    turn = chosen[attempts] if attempts < len(chosen) else chosen[-1]
    assert wait_chain(*chosen)(attempts, seed=seed) == turn(attempts, seed=seed)


@pytest.mark.parametrize("wait", [wait_random(), wait_exponential_jitter(), wait_random_exponential()])
def test_other_seeds_give_other_delays_and_none_draws_afresh(wait: Wait) -> None:
    assert len({wait(3, seed=seed) for seed in range(100)}) > 90
    assert len({wait(3) for _ in range(100)}) > 90


def test_nothing_stays_nothing_however_often_it_is_multiplied() -> None:
    assert wait_exponential(0)(5_000) == 0
    assert wait_random_exponential(0)(5_000) == 0
    assert wait_exponential_jitter(0, jitter=0)(5_000) == 0


def of_my_own(attempts: int, *, seed: int | None = None) -> float:
    return attempts + (seed or 0)


def test_a_function_can_stand_on_either_side_and_gets_attempts_and_seed() -> None:
    assert (wait_fixed(1) + of_my_own)(2, seed=3) == 6
    assert (of_my_own + wait_fixed(1))(2, seed=3) == 6
    assert wait_chain(of_my_own)(0, seed=4) == 4


def test_a_wait_shows_what_it_is_made_of() -> None:
    mixed = wait_chain(wait_fixed(1) + wait_none(), of_my_own)
    assert repr(mixed) == f"wait_chain(wait_combine(wait_fixed(wait=1.0), wait_none()), {of_my_own!r})"


def without_seed(attempts: int) -> float:
    return 1.0


def wrong(make: Callable[..., object], *arguments: object, **keywords: object) -> Callable[[], object]:
    return lambda: make(*arguments, **keywords)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (wrong(wait_chain), ValueError, r"wait_chain\(\) has no strategies"),
        (wrong(wait_fixed, "5"), TypeError, r"wait_fixed\(wait='5'\)"),
        (wrong(wait_fixed, None), TypeError, "wait=None"),
        (wrong(wait_fixed, True), TypeError, "wait=True"),
        (wrong(wait_fixed, -1), ValueError, "wait=-1"),
        (wrong(wait_fixed, timedelta(seconds=-1)), ValueError, "wait=-1"),
        (wrong(wait_fixed, math.nan), ValueError, "wait=nan"),
        (wrong(wait_fixed, math.inf), ValueError, "wait=inf"),
        (wrong(wait_fixed, 10**400), ValueError, "wait=inf"),
        (wrong(wait_fixed, -(10**400)), ValueError, "wait=-inf"),
        (wrong(wait_exponential, exp_base=0), ValueError, "exp_base=0"),
        (wrong(wait_exponential, exp_base="2"), TypeError, "exp_base='2'"),
        (wrong(wait_exponential, multiplier=-1), ValueError, "multiplier=-1"),
        (wrong(wait_exponential, max=math.nan), ValueError, "max=nan"),
        (wrong(wait_exponential, max=1, min=2), ValueError, r"wait_exponential\(min=2.0, max=1.0\)"),
        (wrong(wait_random_exponential, max=1, min=2), ValueError, "the least is above the most"),
        (wrong(wait_random, 2, 1), ValueError, r"wait_random\(min=2.0, max=1.0\)"),
        (wrong(wait_random, 0, math.inf), ValueError, "max=inf"),
        (wrong(wait_incrementing, increment=math.inf), ValueError, "increment=inf"),
        (wrong(wait_incrementing, start=-1), ValueError, "start=-1"),
        (wrong(wait_exponential_jitter, jitter=-1), ValueError, "jitter=-1"),
        (wrong(wait_combine, 5), TypeError, r"5 isn't a wait strategy; give one, such as wait_fixed\(1\)"),
        (wrong(wait_combine, wait_none), TypeError, r"write wait_none\(\.\.\.\)"),
        (wrong(wait_chain, without_seed), TypeError, "can't be called as a wait strategy.*'seed'"),
        (lambda: sum([wait_fixed(1)], 2), TypeError, "2 isn't a wait strategy"),
    ],
)
def test_what_is_no_wait_is_refused_and_shown(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("given_s", [-1.0, math.nan, math.inf, "soon", True, None])
def test_a_function_that_gives_no_delay_is_named(given_s: float) -> None:
    def nonsense(attempts: int, *, seed: int | None = None) -> float:
        return given_s

    with pytest.raises(ValueError, match=f"nonsense.* gave {given_s!r}; a wait strategy gives seconds"):
        (wait_fixed(100) + nonsense)(0)
