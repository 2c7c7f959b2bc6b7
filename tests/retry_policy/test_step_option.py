"""`@step(retry_policy=...)` takes what can be asked, and says at the decorator what can't."""

import operator
from typing import Any

import pytest

from workflows import Workflow, step
from workflows.errors import WorkflowValidationError
from workflows.events import StartEvent, StopEvent
from workflows.retry_policy import retry_policy, wait_fixed
from workflows.retry_policy.definition import policy_problem


class Async:
    async def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> None:
        return None


class Seedless:
    def next(self, elapsed_time: float, attempts: int, error: Exception) -> None:
        return None


class Anything:
    def next(self, *arguments: object, **keywords: object) -> None:
        return None


def decorate(policy: Any) -> type[Workflow]:
    class Flow(Workflow):
        @step(retry_policy=policy)
        async def work(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    return Flow


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (3, r"retry_policy=3 has no method next\(elapsed_time, attempts, error, \*, seed=None\)"),
        (wait_fixed(5), r"retry_policy=wait_fixed\(wait=5.0\) has no method next"),
        (retry_policy, r"is a class; make one of it: retry_policy=retry_policy\(\.\.\.\)"),
        (Async(), r"has an async next\(\)"),
        (Seedless(), r"can't be called as next\(.*unexpected keyword argument 'seed'"),
        (iter([1]), "has no method next"),
    ],
)
def test_what_is_no_policy_is_refused_where_it_is_written(policy: object, message: str) -> None:
    with pytest.raises(WorkflowValidationError, match=message):
        decorate(policy)


@pytest.mark.parametrize("policy", [retry_policy(), Anything(), None])
def test_what_can_be_asked_is_taken(policy: object) -> None:
    decorate(policy)


def test_a_policy_that_does_not_tell_its_signature_is_taken() -> None:
    class Opaque:
        next = operator.itemgetter  # a class written in C

    assert policy_problem(Opaque()) is None
