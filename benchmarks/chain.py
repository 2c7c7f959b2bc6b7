"""A chain of ten different steps, each taking an event class of its own."""

from __future__ import annotations

from itertools import pairwise

from anyio.abc import TaskGroup

from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from . import floor
from .clock import seconds
from .stepping import begin
from .workload import Workload, check, in_group, on_loop

STEPS = 10


class Link(Event):
    """A link of the chain: how many steps there have been."""

    steps: int


class Link1(Link):
    """After the first step."""


class Link2(Link):
    """After the second step."""


class Link3(Link):
    """After the third step."""


class Link4(Link):
    """After the fourth step."""


class Link5(Link):
    """After the fifth step."""


class Link6(Link):
    """After the sixth step."""


class Link7(Link):
    """After the seventh step."""


class Link8(Link):
    """After the eighth step."""


class Link9(Link):
    """After the ninth step."""


LINKS: tuple[type[Link], ...] = (Link1, Link2, Link3, Link4, Link5, Link6, Link7, Link8, Link9)


class Chain(Workflow):
    """Ten steps, one after the other."""

    @step
    async def step1(self, event: StartEvent) -> Link1:
        """Begin."""
        return Link1(steps=1)

    @step
    async def step2(self, event: Link1) -> Link2:
        """Pass it on."""
        return Link2(steps=event.steps + 1)

    @step
    async def step3(self, event: Link2) -> Link3:
        """Pass it on."""
        return Link3(steps=event.steps + 1)

    @step
    async def step4(self, event: Link3) -> Link4:
        """Pass it on."""
        return Link4(steps=event.steps + 1)

    @step
    async def step5(self, event: Link4) -> Link5:
        """Pass it on."""
        return Link5(steps=event.steps + 1)

    @step
    async def step6(self, event: Link5) -> Link6:
        """Pass it on."""
        return Link6(steps=event.steps + 1)

    @step
    async def step7(self, event: Link6) -> Link7:
        """Pass it on."""
        return Link7(steps=event.steps + 1)

    @step
    async def step8(self, event: Link7) -> Link8:
        """Pass it on."""
        return Link8(steps=event.steps + 1)

    @step
    async def step9(self, event: Link8) -> Link9:
        """Pass it on."""
        return Link9(steps=event.steps + 1)

    @step
    async def step10(self, event: Link9) -> StopEvent:
        """End."""
        return StopEvent(result=event.steps + 1)


def _floor_steps() -> tuple[floor.Step, ...]:
    def passing_on(taken: type[Link], given: type[Link]) -> floor.Step:
        async def pass_on(_run: floor.Run, event: Link) -> Link:
            return given(steps=event.steps + 1)

        return floor.Step(pass_on, (taken,))

    async def first(_run: floor.Run, _event: StartEvent) -> Link:
        return Link1(steps=1)

    async def last(_run: floor.Run, event: Link9) -> StopEvent:
        return StopEvent(result=event.steps + 1)

    middle = [passing_on(taken, given) for taken, given in pairwise(LINKS)]
    return (floor.Step(first, (StartEvent,)), *middle, floor.Step(last, (Link9,)))


FLOOR_CHAIN = floor.Flow(_floor_steps(), StopEvent)


async def _chain(size: int) -> float:
    workflow = Chain(timeout=None)
    await workflow.run()
    start = seconds()
    for _ in range(-(-size // STEPS)):
        check(await workflow.run(), STEPS)
    return seconds() - start


async def _floor_chain(group: TaskGroup, size: int) -> float:
    start = seconds()
    for _ in range(-(-size // STEPS)):
        check((await begin(FLOOR_CHAIN, StartEvent(), group).wait()).result, STEPS)
    return seconds() - start


CHAIN = (
    Workload(
        "chain", "step of a run of ten", on_loop(_chain), in_group(_floor_chain), sizes=(2_000,), quick_sizes=(500,)
    ),
)
