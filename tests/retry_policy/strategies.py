"""Conditions, waits, stops and policies drawn from all there are, and the arguments that they're asked with."""

from hypothesis import strategies as st

from workflows.retry_policy import (
    RetryCondition,
    StopCondition,
    retry_all,
    retry_always,
    retry_any,
    retry_if_exception,
    retry_if_exception_cause_type,
    retry_if_exception_message,
    retry_if_exception_type,
    retry_if_not_exception_message,
    retry_if_not_exception_type,
    retry_never,
    retry_policy,
    stop_after_attempt,
    stop_after_delay,
    stop_all,
    stop_any,
    stop_before_delay,
    stop_never,
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
from workflows.retry_policy.conditions import Condition
from workflows.retry_policy.stops import Stop
from workflows.retry_policy.waits import Wait

SEEDS = st.integers(0, 2**31 - 1)
ATTEMPTS = st.integers(0, 2_000)
FAILURES = st.integers(1, 20)
SECONDS = st.floats(0, 1e6)
BASES = st.floats(0.5, 10)


KINDS: list[type[Exception]] = [ValueError, KeyError, OSError, TimeoutError, ConnectionError]


@st.composite
def errors(draw: st.DrawFn) -> Exception:
    kinds, texts = st.sampled_from(KINDS), st.sampled_from(["", "busy", "try later", "no"])
    error = draw(kinds)(draw(texts))
    if draw(st.booleans()):
        error.__cause__ = draw(kinds)(draw(texts))
    return error


def is_short(error: Exception) -> bool:
    return len(str(error)) < 4


def is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError)


def conditions() -> st.SearchStrategy[Condition]:
    types = st.sampled_from([ValueError, OSError, (KeyError, TimeoutError)])
    leaves = st.one_of(
        st.just(retry_always()),
        st.just(retry_never()),
        st.sampled_from([retry_if_exception(is_short), retry_if_exception(is_timeout)]),
        st.builds(retry_if_exception_type, types),
        st.builds(retry_if_not_exception_type, types),
        st.builds(retry_if_exception_cause_type, types),
        st.sampled_from([retry_if_exception_message("busy"), retry_if_not_exception_message(match="^try")]),
    )
    return st.recursive(
        leaves,
        lambda parts: st.lists(parts, max_size=3).flatmap(
            lambda chosen: st.sampled_from([retry_any(*chosen), retry_all(*chosen)])
        ),
        max_leaves=6,
    )


def stops() -> st.SearchStrategy[Stop]:
    leaves = st.one_of(
        st.just(stop_never()),
        st.builds(stop_after_attempt, FAILURES),
        st.builds(stop_after_delay, SECONDS),
        st.builds(stop_before_delay, SECONDS),
    )
    return st.recursive(
        leaves,
        lambda parts: st.lists(parts, max_size=3).flatmap(
            lambda chosen: st.sampled_from([stop_any(*chosen), stop_all(*chosen)])
        ),
        max_leaves=6,
    )


def ordered() -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(SECONDS, SECONDS).map(lambda pair: (min(pair), max(pair)))


def waits() -> st.SearchStrategy[Wait]:
    leaves: st.SearchStrategy[Wait] = st.one_of(
        st.just(wait_none()),
        st.builds(wait_fixed, SECONDS),
        st.builds(wait_incrementing, SECONDS, st.floats(-1e3, 1e3), SECONDS),
        ordered().map(lambda bounds: wait_random(*bounds)),
        st.builds(wait_exponential, SECONDS, BASES, SECONDS),
        st.builds(wait_exponential_jitter, SECONDS, BASES, SECONDS, SECONDS),
        st.builds(wait_random_exponential, SECONDS, BASES, SECONDS),
        st.builds(wait_full_jitter, SECONDS, BASES, SECONDS),
    )
    return st.recursive(
        leaves,
        lambda parts: st.lists(parts, min_size=1, max_size=3).flatmap(
            lambda chosen: st.sampled_from([wait_chain(*chosen), wait_combine(*chosen)])
        ),
        max_leaves=6,
    )


def policies() -> st.SearchStrategy[retry_policy]:
    return st.builds(retry_policy, conditions(), waits(), stops())


def says_yes(condition: RetryCondition, error: Exception) -> bool:
    return condition(error)


def gives_up(stop: StopCondition, attempts: int, elapsed_s: float, sleep_s: float) -> bool:
    return stop(attempts, elapsed_s, upcoming_sleep=sleep_s)
