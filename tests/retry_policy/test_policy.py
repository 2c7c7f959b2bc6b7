"""Semantics 28 for policies: `next()` gets failures counted from 1, asks the wait from 0, and the stop last."""

from typing import Any

import pytest
from hypothesis import given

from tests.retry_policy.strategies import FAILURES, SECONDS, SEEDS, errors, gives_up, policies
from workflows.retry_policy import (
    FailedAttempt,
    RetryPolicy,
    retry_always,
    retry_if_exception_type,
    retry_policy,
    stop_after_attempt,
    stop_before_delay,
    stop_never,
    wait_exponential,
    wait_fixed,
    wait_none,
)
from workflows.retry_policy.waits import Wait


@given(policy=policies(), elapsed_s=SECONDS, failures=FAILURES, error=errors(), seed=SEEDS)
def test_a_policy_says_what_its_parts_say(
    policy: retry_policy, elapsed_s: float, failures: int, error: Exception, seed: int
) -> None:
    """Semantics 28."""
    delay = policy.wait(failures - 1, seed=seed)
    goes_on = policy.retry(error) and not gives_up(policy.stop, failures, elapsed_s, delay)
    said = policy.next(elapsed_s, failures, error, seed=seed)
    assert said == (delay if goes_on else None)
    assert policy.next(elapsed_s, failures, error, seed=seed) == said


def test_by_default_there_are_three_attempts_with_five_seconds_between() -> None:
    policy = retry_policy()
    assert policy == retry_policy(None, wait_fixed(5), stop_after_attempt(3))
    assert policy.retry == retry_always()
    assert [policy.next(0, failures, ValueError()) for failures in (1, 2, 3)] == [5, 5, None]


@given(elapsed_s=SECONDS, failures=FAILURES)
def test_no_attempt_begins_after_the_delay_that_is_to_be_stopped_before(elapsed_s: float, failures: int) -> None:
    """Semantics 28."""
    policy = retry_policy(wait=wait_exponential(), stop=stop_before_delay(100))
    delay = policy.next(elapsed_s, failures, ValueError())
    assert delay is None or elapsed_s + delay < 100


def test_the_wait_is_counted_from_0_and_the_stop_from_1() -> None:
    """Semantics 28."""
    seen: list[object] = []

    def wait(attempts: int, *, seed: int | None = None) -> float:
        seen.append((attempts, seed))
        return 2.5

    def stop(attempts: int, elapsed_time: float, *, upcoming_sleep: float = 0.0) -> bool:
        seen.append((attempts, elapsed_time, upcoming_sleep))
        return False

    assert retry_policy(wait=wait, stop=stop).next(7, 1, ValueError(), seed=9) == 2.5
    assert seen == [(0, 9), (1, 7, 2.5)]


def test_an_error_that_is_not_to_be_retried_is_not_waited_for() -> None:
    def unasked(attempts: int, *, seed: int | None = None) -> float:
        raise AssertionError

    policy = retry_policy(retry_if_exception_type(OSError), unasked, stop_never())
    assert policy.next(0, 1, ValueError()) is None


def test_a_policy_is_one_compares_by_value_and_shows_its_parts() -> None:
    policy = retry_policy(wait=wait_none(), stop=stop_never())
    assert isinstance(policy, RetryPolicy)
    assert policy == retry_policy(retry_always(), wait_none(), stop_never())
    assert repr(policy) == "retry_policy(retry=retry_always(), wait=wait_none(), stop=stop_never())"


def test_a_sum_of_no_waits_is_none() -> None:
    none: list[Wait] = []
    assert retry_policy(wait=sum(none)) == retry_policy(wait=wait_none())
    assert retry_policy(wait=sum([wait_fixed(1), wait_fixed(2)])).next(0, 1, ValueError()) == 3


def test_a_callable_whose_first_parameter_is_retry_state_gets_the_whole_failed_attempt() -> None:
    seen: list[FailedAttempt] = []
    error = ValueError("busy")

    def retry(retry_state: FailedAttempt) -> bool:
        seen.append(retry_state)
        return True

    def wait(retry_state: FailedAttempt) -> float:
        seen.append(retry_state)
        return 2.5

    def stop(retry_state: FailedAttempt) -> bool:
        seen.append(retry_state)
        return False

    for policy in (
        retry_policy(retry, wait, stop),
        retry_policy(retry_always() & retry, wait_none() + wait, stop_never() | stop),
    ):
        assert policy.next(7, 3, error, seed=9) == 2.5
    asked = FailedAttempt(attempt_number=3, seconds_since_start=7, error=error, seed=9)
    told = FailedAttempt(attempt_number=3, seconds_since_start=7, error=error, seed=9, upcoming_sleep=2.5)
    assert seen == [asked, asked, told, asked, asked, told]
    assert (told.start_time, told.outcome_timestamp) == (0, 7)
    outcome = told.outcome
    assert outcome is not None
    assert (outcome.failed, outcome.exception(), outcome.attempt_number) == (True, error, 3)
    with pytest.raises(ValueError, match="busy"):
        outcome.result()
    assert FailedAttempt().outcome is None


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"retry": 3}, "3 isn't a retry condition"),
        ({"retry": OSError}, r"write retry_if_exception_type\(OSError\)"),
        ({"retry": wait_none()}, r"wait_none\(\) isn't a retry condition"),
        ({"retry": stop_never()}, r"stop_never\(\) isn't a retry condition"),
        ({"wait": retry_always()}, r"retry_always\(\) isn't a wait strategy"),
        ({"wait": 5}, "5 isn't a wait strategy"),
        ({"wait": 0.0}, "0.0 isn't a wait strategy"),
        ({"wait": False}, "False isn't a wait strategy"),
        ({"wait": None}, "None isn't a wait strategy"),
        ({"stop": 3}, "3 isn't a stop condition"),
        ({"stop": None}, "None isn't a stop condition"),
    ],
)
def test_what_is_no_part_of_a_policy_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        retry_policy(**parts)
