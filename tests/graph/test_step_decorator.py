"""`@step` itself: what it leaves on a function, and what it refuses at once."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.graph.standin import Context, Ordered, unchecked
from workflows.decorators import StepConfig, step
from workflows.errors import WorkflowValidationError
from workflows.events import Event, StartEvent, StopEvent
from workflows.retry_policy import RetryInfo, RetryPolicy
from workflows.steps import config_of


class Attaching:
    """A workflow class, as far as the decorator can see."""

    attached: list[Callable[..., Any]]

    def __init__(self) -> None:
        self.attached = []

    def add_step(self, func: Callable[..., Any]) -> None:
        self.attached.append(func)


class Twice:
    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.5 if attempts < 2 else None


def test_a_decorated_function_is_the_same_object_with_its_options_on_it() -> None:
    policy = Twice()

    class Flow:
        async def plain(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    for decorate in (
        step,
        step(),
        step(num_workers=1, retry_policy=policy, skip_graph_checks=["dead_end"], accept_event_subclasses=True),
    ):

        async def go(self: Flow, ev: StartEvent) -> StopEvent:
            return StopEvent()

        go.__qualname__ = "Flow.go"
        assert decorate(go) is go
        assert isinstance(config_of(go), StepConfig)
    assert config_of(go) == StepConfig(1, policy, frozenset({"dead_end"}), True)
    assert config_of(Flow.plain) is None


def test_options_have_the_known_defaults() -> None:
    class Flow:
        @step
        async def go(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    assert config_of(Flow.go) == StepConfig(
        num_workers=4, retry_policy=None, skip_graph_checks=frozenset(), accept_event_subclasses=False
    )


def test_a_free_function_is_attached_to_its_workflow() -> None:
    flow = Attaching()

    @step(workflow=flow)
    async def go(ev: StartEvent) -> StopEvent:
        return StopEvent()

    assert flow.attached == [go]
    assert config_of(go) is not None


def test_a_free_function_without_a_workflow_is_refused() -> None:
    async def go(ev: StartEvent) -> StopEvent:
        return StopEvent()

    for decorate in (step, step(num_workers=2)):
        with pytest.raises(WorkflowValidationError, match=r"Step 'go' is a free function.*@step\(workflow="):
            decorate(go)
    assert config_of(go) is None


def test_a_workflow_that_cannot_take_steps_is_refused() -> None:
    with pytest.raises(WorkflowValidationError, match="workflow='Flow' isn't a workflow class"):

        @step(workflow=unchecked("Flow"))
        async def go(ev: StartEvent) -> StopEvent:
            return StopEvent()


def test_a_method_with_a_workflow_is_refused() -> None:
    with pytest.raises(WorkflowValidationError, match=r"'Flow.go' is a method.*leave out workflow="):

        class Flow:  # pyright: ignore[reportUnusedClass]  # its definition fails
            @step(workflow=Attaching())
            async def go(self, ev: StartEvent) -> StopEvent:
                return StopEvent()


@pytest.mark.parametrize("workers", [0, -1, True, False, 1.0, 1.5, "4", None])
def test_a_number_of_workers_that_is_no_whole_number_above_zero_is_refused(workers: Any) -> None:
    with pytest.raises(WorkflowValidationError, match="num_workers=") as caught:

        class Flow:  # pyright: ignore[reportUnusedClass]  # its definition fails
            @step(num_workers=workers)
            async def go(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

    assert repr(workers) in str(caught.value)
    assert "Flow.go" in str(caught.value)


def test_all_wrong_options_of_a_step_are_told_at_once() -> None:
    with pytest.raises(WorkflowValidationError, match=r"Step 'Flow.go' has 5 problems") as caught:

        class Flow:  # pyright: ignore[reportUnusedClass]  # its definition fails
            @step(
                num_workers=0,
                retry_policy=unchecked(3),
                skip_graph_checks=unchecked(["dead_end", "terminal_event", 7]),
                accept_event_subclasses=unchecked("yes"),
            )
            async def go(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    for shown in ("num_workers=0", "retry_policy=3", "'terminal_event'", "has 7", "accept_event_subclasses='yes'"):
        assert shown in told
    assert "'dead_end', which is no" not in told


def test_a_policy_class_instead_of_a_policy_is_refused() -> None:
    with pytest.raises(WorkflowValidationError, match=r"write|make one of it: retry_policy=Twice\(...\)"):
        step(retry_policy=unchecked(Twice))(_method())


def test_a_single_name_of_a_check_instead_of_a_list_is_refused() -> None:
    with pytest.raises(WorkflowValidationError, match=r"skip_graph_checks='dead_end' isn't a list"):
        step(skip_graph_checks=unchecked("dead_end"))(_method())


def test_what_is_no_function_is_refused() -> None:
    class Thing:
        def __call__(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    strangers: list[Any] = [Thing(), functools.partial(_method(), None), 4, unchecked(classmethod)(_method())]
    for strange in strangers:
        with pytest.raises(WorkflowValidationError, match="isn't a plain function"):
            step(strange)


def test_decorating_a_step_again_is_refused_since_it_would_change_the_first() -> None:
    method = step(_method())
    with pytest.raises(WorkflowValidationError, match="decorated with @step already"):
        step(num_workers=1)(method)


def test_a_wrapper_around_a_step_may_be_a_step_with_options_of_its_own() -> None:
    inner = step(_method())

    @step(num_workers=1)
    @functools.wraps(inner)
    async def outer(self: object, ev: Ordered) -> StopEvent:
        result: StopEvent = await inner(self, ev)
        return result

    before, after = config_of(inner), config_of(outer)
    assert before is not None
    assert after is not None
    assert (before.num_workers, after.num_workers) == (4, 1)


def test_no_local_of_a_function_is_kept_but_those_that_annotations_mention() -> None:
    class Local(Event):
        pass

    unmentioned = Local()

    class Flow:
        @step
        async def go(self, ev: "Local") -> "StopEvent":
            return StopEvent(result=unmentioned)

    config = config_of(Flow.go)
    assert config is not None
    assert dict(config.scope) == {"Local": Local}


def test_any_object_with_next_is_a_retry_policy() -> None:
    assert isinstance(Twice(), RetryPolicy)
    assert not isinstance(Context[int](), RetryPolicy)
    assert RetryInfo(0, 0.0) == RetryInfo(retry_number=0, elapsed_seconds=0.0, last_exception=None, last_failed_at=None)


def _method() -> Callable[[object, Ordered], Any]:
    async def go(self: object, ev: Ordered) -> StopEvent:
        return StopEvent()

    go.__qualname__ = "Flow.go"
    return go
