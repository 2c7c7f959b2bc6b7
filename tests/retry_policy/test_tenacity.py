"""tenacity's own objects do what they do there, wherever one of ours is expected."""

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from tests.retry_policy.strategies import FAILURES, SECONDS, SEEDS, errors, is_short
from workflows import retry_policy as ours
from workflows.retry_policy import retry_policy

if TYPE_CHECKING:
    import tenacity
    import tenacity.asyncio as tenacity_asyncio
else:
    tenacity = pytest.importorskip("tenacity")
    tenacity_asyncio = pytest.importorskip("tenacity.asyncio")


def is_brief(error: BaseException) -> bool:
    return len(str(error)) < 4


async def is_slow(error: BaseException) -> bool:
    return True


CONDITIONS = [
    (tenacity.retry_if_exception(is_brief), ours.retry_if_exception(is_short)),
    (tenacity.retry_if_exception_type(OSError), ours.retry_if_exception_type(OSError)),
    (tenacity.retry_if_not_exception_type(OSError), ours.retry_if_not_exception_type(OSError)),
    (tenacity.retry_unless_exception_type(OSError), ours.retry_unless_exception_type(OSError)),
    (tenacity.retry_if_exception_cause_type(OSError), ours.retry_if_exception_cause_type(OSError)),
    (tenacity.retry_if_exception_message(message="busy"), ours.retry_if_exception_message("busy")),
    (tenacity.retry_if_not_exception_message(message="busy"), ours.retry_if_not_exception_message("busy")),
    (tenacity.retry_always, ours.retry_always()),
    (tenacity.retry_never, ours.retry_never()),
    (tenacity.retry_if_result(bool), ours.retry_never()),
    (
        tenacity.retry_if_exception_type(OSError) | tenacity.retry_if_exception(is_brief),
        ours.retry_if_exception_type(OSError) | ours.retry_if_exception(is_short),
    ),
]
WAITS = [
    (tenacity.wait_none(), ours.wait_none()),
    (tenacity.wait_fixed(3), ours.wait_fixed(3)),
    (tenacity.wait_incrementing(1, 2, 9), ours.wait_incrementing(1, 2, 9)),
    (tenacity.wait_exponential(2, 30, 3, 1), ours.wait_exponential(2, 3, 30, 1)),
    (tenacity.wait_random(3, 3), ours.wait_random(3, 3)),
    (tenacity.wait_exponential_jitter(1, 30, 2, 0), ours.wait_exponential_jitter(1, 2, 30, 0)),
    (
        tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_none() + tenacity.wait_fixed(2)),
        ours.wait_chain(ours.wait_fixed(1), ours.wait_none() + ours.wait_fixed(2)),
    ),
]
STOPS = [
    (tenacity.stop_never, ours.stop_never()),
    (tenacity.stop_after_attempt(3), ours.stop_after_attempt(3)),
    (tenacity.stop_after_delay(60), ours.stop_after_delay(60)),
    (tenacity.stop_before_delay(60), ours.stop_before_delay(60)),
    (
        tenacity.stop_after_attempt(3) & tenacity.stop_after_delay(60) | tenacity.stop_before_delay(90),
        ours.stop_after_attempt(3) & ours.stop_after_delay(60) | ours.stop_before_delay(90),
    ),
]


@pytest.mark.parametrize(("theirs", "same"), CONDITIONS)
@given(error=errors())
def test_conditions_of_tenacity_decide_as_ours(
    theirs: tenacity.retry_base, same: ours.RetryCondition, error: Exception
) -> None:
    assert retry_policy(theirs).retry(error) is same(error)


@pytest.mark.parametrize(("theirs", "same"), WAITS)
@given(failures=FAILURES, seed=SEEDS)
def test_waits_of_tenacity_take_as_long_as_ours(
    theirs: tenacity.wait.wait_base, same: ours.WaitStrategy, failures: int, seed: int
) -> None:
    policy = retry_policy(wait=theirs, stop=ours.stop_never())
    assert policy.next(0, failures, ValueError(), seed=seed) == pytest.approx(same(failures - 1, seed=seed))


@pytest.mark.parametrize(("theirs", "same"), STOPS)
@given(failures=FAILURES, elapsed_s=SECONDS, sleep_s=SECONDS)
def test_stops_of_tenacity_give_up_when_ours_do(
    theirs: tenacity.stop.stop_base, same: ours.StopCondition, failures: int, elapsed_s: float, sleep_s: float
) -> None:
    policies = [retry_policy(wait=ours.wait_fixed(sleep_s), stop=stop) for stop in (theirs, same)]
    first, second = (policy.next(elapsed_s, failures, ValueError()) for policy in policies)
    assert first == second


@given(error=errors())
def test_conditions_mix_on_both_sides(error: Exception) -> None:
    their, our = tenacity.retry_if_exception_type(OSError), ours.retry_if_exception(is_short)
    either = [retry_policy(our | their), retry_policy(their | our)]
    both = [retry_policy(our & their), retry_policy(their & our)]
    expected = isinstance(error, OSError), is_short(error)
    assert {policy.retry(error) for policy in either} == {any(expected)}
    assert {policy.retry(error) for policy in both} == {all(expected)}


@given(failures=FAILURES, elapsed_s=SECONDS)
def test_stops_mix_on_both_sides(failures: int, elapsed_s: float) -> None:
    their, our = tenacity.stop_after_attempt(3), ours.stop_after_delay(60)
    either = [retry_policy(stop=our | their), retry_policy(stop=their | our)]
    both = [retry_policy(stop=our & their), retry_policy(stop=their & our)]
    expected = failures >= 3, elapsed_s >= 60
    assert {policy.stop(failures, elapsed_s) for policy in either} == {any(expected)}
    assert {policy.stop(failures, elapsed_s) for policy in both} == {all(expected)}


@given(failures=FAILURES, seed=SEEDS)
def test_waits_mix_when_ours_comes_first_and_keep_their_seed(failures: int, seed: int) -> None:
    their, our = tenacity.wait_incrementing(1, 2), ours.wait_random(0, 5)
    expected = 1 + 2 * (failures - 1) + our(failures - 1, seed=seed)
    for wait in (our + their, ours.wait_chain(our + their), 0 + our + their):
        policy = retry_policy(wait=wait, stop=ours.stop_never())
        assert policy.next(0, failures, ValueError(), seed=seed) == pytest.approx(expected)


def test_a_wait_that_looks_at_the_error_can() -> None:
    def asked_for(error: BaseException) -> float:
        return float(str(error))

    policy = retry_policy(wait=tenacity.wait_exception(asked_for))
    assert policy.next(0, 1, ValueError("7")) == 7


@pytest.mark.parametrize(
    "parts",
    [
        {"retry": tenacity.retry_if_exception_type},
        {"wait": tenacity.wait_none},
        {"stop": tenacity.stop_after_attempt},
        {"retry": tenacity_asyncio.retry_if_exception(is_slow)},
    ],
)
def test_what_of_tenacity_cannot_decide_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"is a class|is async"):
        retry_policy(**parts)


def test_tenacity_itself_is_not_imported() -> None:
    program = "import sys, workflows.retry_policy as r; r.retry_policy(); print('tenacity' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
