"""Semantics 28 for stops: they count failures from 1, and `stop_before_delay` includes the coming sleep."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given

from tests.retry_policy.strategies import FAILURES, SECONDS, gives_up, stops
from workflows.retry_policy import (
    stop_after_attempt,
    stop_after_delay,
    stop_all,
    stop_any,
    stop_before_delay,
    stop_never,
)
from workflows.retry_policy.stops import Stop


@given(most=FAILURES, failures=FAILURES, elapsed_s=SECONDS)
def test_failures_count_from_1(most: int, failures: int, elapsed_s: float) -> None:
    """Semantics 28."""
    assert stop_after_attempt(most)(failures, elapsed_s) is (failures >= most)
    assert stop_after_attempt(1)(failures, elapsed_s)


@given(most_s=SECONDS, failures=FAILURES, elapsed_s=SECONDS, sleep_s=SECONDS)
def test_only_stop_before_delay_includes_the_coming_sleep(
    most_s: float, failures: int, elapsed_s: float, sleep_s: float
) -> None:
    """Semantics 28."""
    assert stop_after_delay(most_s)(failures, elapsed_s, upcoming_sleep=sleep_s) is (elapsed_s >= most_s)
    assert stop_before_delay(most_s)(failures, elapsed_s, upcoming_sleep=sleep_s) is (elapsed_s + sleep_s >= most_s)


@given(failures=FAILURES, elapsed_s=SECONDS)
def test_never_never_stops(failures: int, elapsed_s: float) -> None:
    assert not stop_never()(failures, elapsed_s)


def test_a_time_may_be_a_timedelta() -> None:
    assert stop_after_delay(timedelta(minutes=1)) == stop_after_delay(60)
    assert stop_before_delay(timedelta(minutes=1)) == stop_before_delay(60)


@given(a=stops(), b=stops(), failures=FAILURES, elapsed_s=SECONDS, sleep_s=SECONDS)
def test_or_and_and_are_those_of_their_parts(a: Stop, b: Stop, failures: int, elapsed_s: float, sleep_s: float) -> None:
    first, second = (gives_up(stop, failures, elapsed_s, sleep_s) for stop in (a, b))
    assert gives_up(a | b, failures, elapsed_s, sleep_s) is (first or second)
    assert gives_up(a & b, failures, elapsed_s, sleep_s) is (first and second)


@given(a=stops(), b=stops(), c=stops())
def test_grouping_makes_no_difference(a: Stop, b: Stop, c: Stop) -> None:
    assert (a | b) | c == a | (b | c)
    assert (a & b) & c == a & (b & c)


def test_of_no_stops_any_never_does_and_all_does_at_once() -> None:
    assert not stop_any()(1, 0)
    assert stop_all()(1, 0)


def late(attempts: int, elapsed_time: float, *, upcoming_sleep: float = 0.0) -> bool:
    return attempts + elapsed_time + upcoming_sleep > 10


def test_a_function_can_stand_on_either_side_and_gets_all_figures() -> None:
    for either in (late | stop_never(), stop_never() | late, stop_any(late)):
        assert not either(3, 4, upcoming_sleep=3)
        assert either(3, 4, upcoming_sleep=4)
    for both in (late & stop_after_attempt(1), stop_after_attempt(1) & late):
        assert not both(3, 4, upcoming_sleep=3)
        assert both(3, 4, upcoming_sleep=4)


def test_a_stop_shows_what_it_is_made_of() -> None:
    mixed = stop_never() & late | stop_after_attempt(2)
    assert repr(mixed) == f"stop_any(stop_all(stop_never(), {late!r}), stop_after_attempt(max_attempt_number=2))"


def of_attempts(attempts: int) -> bool:
    return True


def wrong(make: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: make(*arguments)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (wrong(stop_after_attempt, 0), ValueError, "max_attempt_number=0"),
        (wrong(stop_after_attempt, -1), ValueError, "max_attempt_number=-1"),
        (wrong(stop_after_attempt, True), TypeError, "max_attempt_number=True"),
        (wrong(stop_after_attempt, 1.5), TypeError, "max_attempt_number=1.5"),
        (wrong(stop_after_delay, -1), ValueError, "max_delay=-1"),
        (wrong(stop_before_delay, "1h"), TypeError, r"stop_before_delay\(max_delay='1h'\)"),
        (wrong(stop_any, 3), TypeError, r"3 isn't a stop condition; give one, such as stop_after_attempt\(3\)"),
        (wrong(stop_all, stop_never), TypeError, r"write stop_never\(\.\.\.\)"),
        (wrong(stop_any, of_attempts), TypeError, "can't be called as a stop condition"),
    ],
)
def test_what_is_no_stop_is_refused_and_shown(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()
