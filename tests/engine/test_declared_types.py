"""`Workflow[StartT, ResultT]` changes nothing at run time, and says so at once if the steps say otherwise."""

from typing import Any, Generic, TypeVar

import anyio
import pytest

from workflows import Workflow, step
from workflows.errors import WorkflowConfigurationError
from workflows.events import Event, StartEvent, StopEvent

pytestmark = pytest.mark.anyio

ItemT = TypeVar("ItemT")
BeginT = TypeVar("BeginT", bound=StartEvent)


class Claim(StartEvent):
    euros: int


class Wider(Claim):
    what: str = ""


class Decided(StopEvent):
    approved: bool


class Plain:
    @step
    async def work(self, ev: Claim) -> StopEvent:
        return StopEvent(result=str(ev.euros))


class Deciding:
    @step
    async def work(self, ev: Claim) -> Decided:
        return Decided(approved=ev.euros < 100)


class Bare(Plain, Workflow):
    pass


class Both(Plain, Workflow[Claim, str]):
    pass


class OnlyStart(Plain, Workflow[Claim]):
    pass


class Listing(Plain, Workflow[BeginT, list[ItemT]], Generic[BeginT, ItemT]):
    pass


class Derived(Listing[Claim, int]):
    pass


class NoResult(Plain, Workflow[Claim, None]):
    pass


class Unknown(Plain, Workflow["Claim", Any]):
    pass


class Event_(Deciding, Workflow[Claim, Decided]):  # noqa: N801
    pass


class AnyStop(Deciding, Workflow[Claim, StopEvent]):
    pass


class Maybe(Deciding, Workflow[Claim, Decided | None]):
    pass


@pytest.mark.parametrize("workflow", [Bare, Both, OnlyStart, Listing, Listing[Claim, int], Derived, NoResult, Unknown])
async def test_what_a_class_declares_changes_nothing_at_run_time(workflow: Any) -> None:
    with anyio.fail_after(5):
        assert await workflow().run(euros=3) == "3"
        async with workflow().running(start_event=Claim(euros=4)) as handler:
            assert await handler == "4"


@pytest.mark.parametrize("workflow", [Event_, AnyStop, Maybe])
async def test_a_subclass_of_the_stop_event_comes_back_as_it_is(workflow: Any) -> None:
    """Semantics 15."""
    with anyio.fail_after(5):
        assert await workflow().run(euros=3) == Decided(approved=True)


ANY: Any = Workflow  # so that what a type checker would refuse is tried all the same


def declared_as(steps: type, *arguments: Any) -> Any:
    return type("Flow", (steps, Workflow), {"__orig_bases__": (steps, ANY[arguments])})


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        (declared_as(Plain, StartEvent, str), "starts with StartEvent, which isn't what its steps accept"),
        (declared_as(Plain, Wider, str), "starts with Wider, which isn't what its steps accept"),
        (declared_as(Plain, str), "starts with str, which isn't a start event: they accept Claim"),
        (declared_as(Plain, Event), "starts with Event, which isn't a start event"),
        (declared_as(Plain, Claim | Wider), r"starts with Claim | Wider, which"),
        (declared_as(Deciding, Claim, str), "gives str, and its steps return Decided, which is what awaiting gives"),
        (declared_as(Deciding, Claim, str | None), "gives str | None, and its steps return Decided"),
        (declared_as(Deciding, Claim, list[str]), "gives list[str], and its steps return Decided"),
        (declared_as(Plain, Claim, Decided), "Write the type of that, or return Decided from the steps."),
        (declared_as(Plain, Claim, StopEvent), "`result` is what awaiting gives. Write the type of that."),
    ],
)
def test_a_class_that_declares_what_its_steps_contradict_is_refused(flow: Any, told: str) -> None:
    """Semantics 16: at construction."""
    with pytest.raises(WorkflowConfigurationError) as caught:
        flow()
    assert told in str(caught.value)
    assert len(caught.value.problems) == 1


def test_both_contradictions_are_told_together() -> None:
    with pytest.raises(WorkflowConfigurationError) as caught:
        declared_as(Deciding, Wider, str)()
    assert len(caught.value.problems) == 2


def test_too_many_parameters_are_refused_by_python() -> None:
    with pytest.raises(TypeError, match="Too many"):
        ANY[Claim, str, int]
