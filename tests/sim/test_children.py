"""Child runs in virtual time: cut after each tick, cancelled at each point, and come to what their plan says.

The plans are random, and what they come to is worked out beside the engine (`comes_to`).
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import anyio
import attrs
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from workflows import Context, Workflow, step
from workflows.core.questions import Question
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import Process, sweep_cancel, sweep_crash

Deed: TypeAlias = Literal["gives", "asks", "asks twice", "sleeps", "fails once", "fails", "runs another"]
BACKENDS: list[Backend] = ["asyncio", "trio"]


@attrs.frozen
class Plan:
    """What the children of a step do, each; one after the other, or all at once in branches of their own."""

    deeds: tuple[Deed, ...]
    at_once: bool = False
    retries: bool = False


plans: st.SearchStrategy[Plan] = st.builds(
    Plan,
    st.lists(
        st.sampled_from(("gives", "asks", "asks twice", "sleeps", "fails once", "fails", "runs another")), max_size=3
    ).map(tuple),
    st.booleans(),
    st.booleans(),
)


class Reply(HumanResponseEvent):
    text: str


class Ask(InputRequiredEvent, answer=Reply):
    what: str


class Errand(StartEvent):
    number: int
    deed: str


class Half(Event):
    number: int


class Seen(Event):
    what: str


class Failed(Exception):
    """What a child fails with."""


class Again:
    """A retry policy: once more, after a second."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 1.0 if attempts < 2 else None


class Child(Workflow):
    """Does what it's told in two steps; what each was called for stands in the world."""

    def __init__(self, world: list[Any], inner: Workflow | None = None) -> None:
        name = "inner" if inner is None else "outer"
        super().__init__(None, types=[Ask, Reply, Seen], workflow_name=name, children=[] if inner is None else [inner])
        self.world = world
        self.inner = inner

    @step(retry_policy=Again())
    async def begin(self, ctx: Context, ev: Errand) -> Half:
        await ctx.once(self.world.append, ("begin", ev.deed, ev.number))
        ctx.write_event_to_stream(Seen(what=f"{ev.deed} {ev.number}"))
        if ev.deed.startswith("asks"):
            await ctx.ask(Ask(what=f"{ev.deed} {ev.number}"))
        if ev.deed == "asks twice":
            await ctx.ask(Ask(what=f"once more {ev.number}"))
        if ev.deed == "sleeps":
            await anyio.sleep(5.0)
        if ev.deed == "fails" or (ev.deed == "fails once" and not ctx.retry_info().retry_number):
            raise Failed(f"{ev.deed} {ev.number}")
        if ev.deed == "runs another" and self.inner is not None:
            given = await ctx.run(self.inner, number=ev.number + 100, deed="asks")
            await ctx.once(self.world.append, ("inner gave", given))
        return Half(number=ev.number)

    @step
    async def end(self, ctx: Context, ev: Half) -> StopEvent:
        await ctx.once(self.world.append, ("end", ev.number))
        return StopEvent(result=ev.number)


class Parent(Workflow):
    """Runs children as its plan says, and gives what they gave."""

    def __init__(self, plan: Plan, world: list[Any]) -> None:
        self.child = Child(world, Child(world))
        super().__init__(None, types=[Ask, Reply, Seen], children=[self.child])
        self.plan = plan
        self.world = world

    @step(retry_policy=Again())
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        results: dict[int, object] = {}

        async def run(number: int, deed: Deed) -> None:
            try:
                results[number] = await ctx.run(self.child, number=number, deed=deed)
            except Exception as error:
                results[number] = str(error)

        async def run_in_branch(number: int, deed: Deed) -> None:
            async with ctx.branch(number):
                await run(number, deed)

        if self.plan.at_once:
            async with anyio.create_task_group() as group:
                for number, deed in enumerate(self.plan.deeds):
                    group.start_soon(run_in_branch, number, deed)
        else:
            for number, deed in enumerate(self.plan.deeds):
                await run(number, deed)
        await ctx.once(self.world.append, ("all", [results[number] for number in sorted(results)]))
        if self.plan.retries and not ctx.retry_info().retry_number:
            raise Failed("the parent, once")
        return StopEvent(result=[results[number] for number in sorted(results)])


def comes_to(plan: Plan) -> list[object]:
    return [f"fails {number}" if deed == "fails" else number for number, deed in enumerate(plan.deeds)]


def see_that_each_was_called_once(plan: Plan, world: list[Any]) -> None:
    """What a child does is on record, and so is what it came to: a retry of its step keeps what was given."""
    ends = [item[1] for item in world if item[0] == "end"]
    finished = [number for number, deed in enumerate(plan.deeds) if deed != "fails"]
    inner = [number + 100 for number, deed in enumerate(plan.deeds) if deed == "runs another"]
    assert set(ends) == {*finished, *inner}


def answer(question: Question) -> Event:
    assert isinstance(question.event, Ask)
    assert question.path[0].startswith("work/")
    return Reply(text=question.event.what)


@pytest.mark.guarantee("W1", "W3", "R4")
@pytest.mark.parametrize("backend", BACKENDS)
def test_children_cut_at_each_tick_come_to_what_their_plan_says(backend: Backend) -> None:
    @effort(0.5)
    @given(plan=plans, seed=st.integers(0, 2**32 - 1))
    def compare(plan: Plan, seed: int) -> None:
        async def scenario(process: Process) -> Any:
            result = await process.answer(process.run(Parent(plan, process.world)), answer)
            assert result == comes_to(plan)
            see_that_each_was_called_once(plan, process.world)
            return result

        cuts = sweep_crash(scenario, backend=backend, seed=seed if backend == "trio" else 0)
        event(f"{cuts // 10 * 10} cuts")

    compare()


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("at_once", [False, True])
def test_children_cancelled_at_each_point_leave_nothing(backend: Backend, at_once: bool) -> None:
    async def scenario() -> None:
        plan = Plan(("sleeps", "fails once", "runs another", "asks"), at_once)
        async with Parent(plan, []).running() as handler:
            with anyio.move_on_after(12.0):
                await handler

    assert sweep_cancel(scenario, backend=backend) > 5
