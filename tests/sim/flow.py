"""A workflow of three steps that do what a plan says."""

from __future__ import annotations

import attrs

from tests.sim.operations import Ask, Block, Here, Parcel, Reply, Shown, act_all
from tests.sim.world import Life
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent


class Middle(Event):
    number: int = 1
    marks: list[str] = attrs.field(factory=list[str])


class Last(Event):
    number: int = 2
    marks: list[str] = attrs.field(factory=list[str])


@attrs.frozen
class Plan:
    """What the three steps of a workflow do, one block each."""

    first: Block = ()
    second: Block = ()
    third: Block = ()


class ThreeTries:
    """A retry policy: twice again, after a second each."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 1.0 if attempts < 3 else None


class PlanFlow(Workflow):
    """Does what its plan says; each instance belongs to one life of the process."""

    def __init__(self, plan: Plan, life: Life, *, is_asyncio: bool, parks: bool = False) -> None:
        super().__init__(None, types=[Ask, Reply, Parcel, Shown], waits="park" if parks else "replay")
        self.plan = plan
        self.life = life
        self.is_asyncio = is_asyncio

    @step(retry_policy=ThreeTries())
    async def first(self, ctx: Context, ev: StartEvent) -> Middle:
        await self._act("first", self.plan.first, ctx)
        return Middle()

    @step(retry_policy=ThreeTries())
    async def second(self, ctx: Context, ev: Middle) -> Last:
        self._mark(ev.marks, "second")
        await self._act("second", self.plan.second, ctx)
        return Last()

    @step(retry_policy=ThreeTries())
    async def third(self, ctx: Context, ev: Last) -> StopEvent:
        self._mark(ev.marks, "third")
        await self._act("third", self.plan.third, ctx)
        return StopEvent(result=str(ctx.uuid4()))

    def _mark(self, marks: list[str], name: str) -> None:
        """Change the input event in place: no later attempt may see that."""
        if marks:
            self.life.complain(f"{name} is given an event that another attempt has changed: {marks}")
        marks.append("seen")

    async def _act(self, name: str, block: Block, ctx: Context) -> None:
        self.life.call(name)
        failures = ctx.retry_info().retry_number
        await act_all(block, Here(ctx, self.life, name, failures, "0", is_asyncio=self.is_asyncio))
