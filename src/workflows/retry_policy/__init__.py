"""When a failed step is tried again: policies, and the conditions, waits and stops that they're composed of.

The words are those of tenacity, and so are the counts: a policy and a stop count failures, from 1; a wait counts the
waits before it, from 0. All of it is arithmetic: the time that has passed and the seed of what is random are given, so
that a decision can be recorded, and tested without waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import lazily
from .definition import RetryInfo as RetryInfo
from .definition import RetryPolicy as RetryPolicy

if TYPE_CHECKING:
    from .attempts import FailedAttempt as FailedAttempt
    from .attempts import FailedOutcome as FailedOutcome
    from .attempts import TakesRetryState as TakesRetryState
    from .conditions import RetryCondition as RetryCondition
    from .conditions import retry_all as retry_all
    from .conditions import retry_always as retry_always
    from .conditions import retry_any as retry_any
    from .conditions import retry_if_exception as retry_if_exception
    from .conditions import retry_if_exception_cause_type as retry_if_exception_cause_type
    from .conditions import retry_if_exception_message as retry_if_exception_message
    from .conditions import retry_if_exception_type as retry_if_exception_type
    from .conditions import retry_if_not_exception_message as retry_if_not_exception_message
    from .conditions import retry_if_not_exception_type as retry_if_not_exception_type
    from .conditions import retry_never as retry_never
    from .conditions import retry_unless_exception_type as retry_unless_exception_type
    from .policy import retry_policy as retry_policy
    from .stops import StopCondition as StopCondition
    from .stops import stop_after_attempt as stop_after_attempt
    from .stops import stop_after_delay as stop_after_delay
    from .stops import stop_all as stop_all
    from .stops import stop_any as stop_any
    from .stops import stop_before_delay as stop_before_delay
    from .stops import stop_never as stop_never
    from .waits import WaitStrategy as WaitStrategy
    from .waits import wait_chain as wait_chain
    from .waits import wait_combine as wait_combine
    from .waits import wait_exponential as wait_exponential
    from .waits import wait_exponential_jitter as wait_exponential_jitter
    from .waits import wait_fixed as wait_fixed
    from .waits import wait_full_jitter as wait_full_jitter
    from .waits import wait_incrementing as wait_incrementing
    from .waits import wait_none as wait_none
    from .waits import wait_random as wait_random
    from .waits import wait_random_exponential as wait_random_exponential
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "FailedAttempt": ".attempts",
            "FailedOutcome": ".attempts",
            "TakesRetryState": ".attempts",
            "RetryCondition": ".conditions",
            "retry_all": ".conditions",
            "retry_always": ".conditions",
            "retry_any": ".conditions",
            "retry_if_exception": ".conditions",
            "retry_if_exception_cause_type": ".conditions",
            "retry_if_exception_message": ".conditions",
            "retry_if_exception_type": ".conditions",
            "retry_if_not_exception_message": ".conditions",
            "retry_if_not_exception_type": ".conditions",
            "retry_never": ".conditions",
            "retry_unless_exception_type": ".conditions",
            "retry_policy": ".policy",
            "StopCondition": ".stops",
            "stop_after_attempt": ".stops",
            "stop_after_delay": ".stops",
            "stop_all": ".stops",
            "stop_any": ".stops",
            "stop_before_delay": ".stops",
            "stop_never": ".stops",
            "WaitStrategy": ".waits",
            "wait_chain": ".waits",
            "wait_combine": ".waits",
            "wait_exponential": ".waits",
            "wait_exponential_jitter": ".waits",
            "wait_fixed": ".waits",
            "wait_full_jitter": ".waits",
            "wait_incrementing": ".waits",
            "wait_none": ".waits",
            "wait_random": ".waits",
            "wait_random_exponential": ".waits",
        },
    )
