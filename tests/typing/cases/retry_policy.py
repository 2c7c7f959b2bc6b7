"""Parts of a retry policy are told apart by their types, and functions of one's own fit where they're called so."""

from datetime import timedelta
from typing import assert_type

from workflows.decorators import step
from workflows.events import StartEvent, StopEvent
from workflows.retry_policy import (
    FailedAttempt,
    RetryPolicy,
    retry_all,
    retry_always,
    retry_any,
    retry_if_exception,
    retry_if_exception_message,
    retry_if_exception_type,
    retry_policy,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
    wait_chain,
    wait_combine,
    wait_exponential_jitter,
    wait_fixed,
    wait_random,
)


def is_busy(error: Exception) -> bool:
    return "busy" in str(error)


def never(retry_state: FailedAttempt) -> bool:
    return False


def linear(attempts: int, *, seed: int | None = None) -> float:
    return attempts


def seedless(attempts: int) -> float:
    return attempts


async def slowly(error: Exception) -> bool:
    return True


def fine() -> None:
    assert_type(retry_always() | is_busy, retry_any)
    assert_type(is_busy & retry_always(), retry_all)
    assert_type(stop_after_attempt(3) | never, stop_any)
    policy: RetryPolicy = retry_policy(
        retry_if_exception_type((OSError, KeyError)) | retry_if_exception_message(match="busy"),
        wait_chain(wait_fixed(timedelta(seconds=1)), wait_random(0, 2) + linear),
        stop_after_attempt(5) | stop_before_delay(timedelta(hours=1)),
    )
    assert_type(policy.next(0.0, 1, ValueError(), seed=1), float | None)
    retry_policy(retry=is_busy, wait=sum([wait_fixed(1), wait_fixed(2)]), stop=never)
    retry_policy(wait=linear)
    retry_if_exception(is_busy)
    assert_type(wait_exponential_jitter(jitter=0.5)(3, seed=1), float)


class Flow:
    @step(retry_policy=retry_policy(wait=wait_combine(wait_fixed(1), linear)))
    async def take(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


def wrong() -> None:
    retry_policy(retry=wait_fixed(1))  # expect: error
    retry_policy(wait=stop_after_attempt(3))  # expect: error
    retry_policy(stop=retry_always())  # expect: error
    retry_policy(wait=5)  # expect: error
    retry_policy(stop=None)  # expect: error
    retry_policy(retry=ValueError)  # expect: error
    retry_policy(retry=slowly)  # expect: error
    retry_policy(wait=seedless)  # expect: error
    retry_if_exception_type("OSError")  # expect: error
    wait_fixed("1s")  # expect: error
    stop_after_attempt(1.5)  # expect: error
    step(retry_policy=wait_fixed(1))  # expect: error
    step(retry_policy=retry_policy)  # expect: error
