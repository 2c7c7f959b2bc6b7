"""Fan-out and joins around members that wait, fail and are dropped, cut after each tick and gone on with elsewhere.

The plans are random, and what they come to is worked out beside the engine (`comes_to`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import anyio
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from workflows import Context, Workflow, catch_error, step
from workflows.collect import Collect, Take
from workflows.core.questions import Question
from workflows.errors import StepTimedOut
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StepFailedEvent, StopEvent
from workflows.testing import Process, sweep_cancel, sweep_crash

Deed: TypeAlias = Literal[
    "gives", "drops", "waits", "waits in vain", "returns a question", "fails", "fails for good", "hangs", "sleeps"
]
Plan: TypeAlias = tuple[tuple[Deed, ...] | Literal["drops", "gives"], ...]
DEEDS: tuple[Deed, ...] = (
    *("gives", "drops", "waits", "waits in vain", "returns a question"),
    *("fails", "fails for good", "hangs", "sleeps"),
)
NEVER = ("fails for good", "hangs")
BACKENDS: list[Backend] = ["asyncio", "trio"]

branches: st.SearchStrategy[Any] = st.one_of(
    st.lists(st.sampled_from(DEEDS), max_size=3).map(tuple), st.sampled_from(("drops", "gives"))
)
plans: st.SearchStrategy[Plan] = st.lists(branches, max_size=3).map(tuple)


class Branch(Event):
    number: int


class Leaf(Event):
    branch: int
    number: int


class Result(Event):
    branch: int
    number: int


class Done(Event):
    branch: int
    numbers: list[int]


class Reply(HumanResponseEvent):
    branch: int
    number: int


class Ask(InputRequiredEvent, answer=Reply):
    branch: int
    number: int


class Again:
    """A retry policy: once more, after a second."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 1.0 if attempts < 2 else None


class Spreading(Workflow):
    """Does what its plan says, and takes down in the world what each of its steps was given."""

    def __init__(self, plan: Plan, world: list[Any]) -> None:
        super().__init__(None, types=[Ask, Reply])
        self.plan = plan
        self.world = world

    @step
    async def split(self, ev: StartEvent) -> list[Branch]:
        return [Branch(number=number) for number in range(len(self.plan))]

    @step(num_workers=2)
    async def branch(self, ev: Branch) -> list[Leaf] | Done | None:
        plan = self.plan[ev.number]
        if plan == "drops":
            return None
        if plan == "gives":
            return Done(branch=ev.number, numbers=[-1])
        return [Leaf(branch=ev.number, number=number) for number in range(len(plan))]

    @step(retry_policy=Again(), num_workers=2, timeout=10.0)
    async def leaf(self, ctx: Context, ev: Leaf) -> Result | Ask | None:
        deed = self.plan[ev.branch][ev.number]
        await ctx.once(self.world.append, ("leaf", ev.branch, ev.number))
        if deed == "sleeps":
            await anyio.sleep(3.0 - ev.number)
        elif deed == "fails" and not ctx.retry_info().retry_number:
            raise ConnectionError("not yet")
        elif deed == "fails for good":
            raise ConnectionError("never")
        elif deed == "hangs":
            await anyio.sleep_forever()
        elif deed == "returns a question":
            return Ask(branch=ev.branch, number=ev.number)
        elif deed.startswith("waits"):
            await ctx.ask(Ask(branch=ev.branch, number=ev.number))
        return None if deed in ("drops", "waits in vain") else Result(branch=ev.branch, number=ev.number)

    @catch_error(for_steps=["leaf"])
    async def mend(self, ctx: Context, failed: StepFailedEvent) -> Result:
        assert isinstance(failed.input_event, Leaf)
        assert isinstance(failed.exception, ConnectionError | StepTimedOut)
        assert failed.attempts == 2
        place = (failed.input_event.branch, failed.input_event.number)
        await ctx.once(self.world.append, ("mend", *place))
        if failed.input_event.number % 2:
            await ctx.ask(Ask(branch=place[0], number=place[1]))
        return Result(branch=place[0], number=place[1])

    @step
    async def hear(self, ev: Reply) -> Result:
        return Result(branch=ev.branch, number=ev.number)

    @step
    async def join(self, ctx: Context, results: list[Result]) -> Done | None:
        numbers = [ev.number for ev in results]
        await ctx.once(self.world.append, ("join", [ev.branch for ev in results], numbers))
        return Done(branch=results[0].branch, numbers=numbers) if results else None

    @step(retry_policy=Again())
    async def early(self, ctx: Context, results: Annotated[list[Result], Collect(Take(2))]) -> None:
        await ctx.once(self.world.append, ("early", [(ev.branch, ev.number) for ev in results]))
        if not ctx.retry_info().retry_number:
            raise ConnectionError("not yet")

    @step
    async def end(self, done: list[Done]) -> StopEvent:
        await anyio.sleep(5.0)  # whatever was taken early is told of by then
        return StopEvent(result=[(ev.branch, ev.numbers) for ev in done])


def comes_to(plan: Plan) -> list[tuple[int, list[int]]]:
    """What each branch comes to, in order, without those that come to nothing."""
    found: list[tuple[int, list[int]]] = []
    for branch, deeds in enumerate(plan):
        if deeds == "gives":
            found.append((branch, [-1]))
        elif deeds != "drops":
            numbers = [number for number, deed in enumerate(deeds) if deed not in ("drops", "waits in vain")]
            found += [(branch, numbers)] if numbers else []
    return found


def see_that_each_was_called_once(plan: Plan, world: list[Any]) -> None:
    """Whatever was recorded was recorded once; a process that dies while `once` runs may do it again (W1)."""
    lists = [deeds for deeds in plan if not isinstance(deeds, str)]
    leaves = [item[1:] for item in world if item[0] == "leaf"]
    assert len(set(leaves)) == sum(len(deeds) for deeds in lists)
    early = {str(item[1]) for item in world if item[0] == "early"}
    sizes = [len(numbers) for branch, numbers in comes_to(plan) if not isinstance(plan[branch], str)]
    failed = [(b, n) for b, deeds in enumerate(plan) for n, deed in enumerate(deeds) if deed in NEVER]
    assert sorted({item[1:] for item in world if item[0] == "mend"}) == failed
    full = [item[1] for item in world if item[0] == "early" and item[1]]
    assert len(early - {"[]"}) == len(sizes)
    assert sorted({branch for found in full for branch, _ in found}) == sorted(
        branch for branch, _ in comes_to(plan) if not isinstance(plan[branch], str)
    )
    assert all(len(found) == min(2, len(dict(comes_to(plan))[found[0][0]])) for found in full)
    assert all(len(set(item[1])) <= 1 for item in world if item[0] == "join"), "batches never merge"


def answer(question: Question) -> Event:
    assert isinstance(question.event, Ask)
    return Reply(branch=question.event.branch, number=question.event.number)


@pytest.mark.guarantee("W1", "W4", "W7")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fan_out_cut_at_each_tick_comes_to_what_its_plan_says(backend: Backend) -> None:
    """Semantics 10, 22 and 23."""

    @effort(0.5)
    @given(plan=plans, seed=st.integers(0, 2**32 - 1))
    def compare(plan: Plan, seed: int) -> None:
        async def scenario(process: Process) -> Any:
            result = await process.answer(process.run(Spreading(plan, process.world)), answer)
            assert result == comes_to(plan)
            see_that_each_was_called_once(plan, process.world)
            return result

        cuts = sweep_crash(scenario, backend=backend, seed=seed if backend == "trio" else 0)
        event(f"{cuts // 10 * 10} cuts")

    compare()


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fan_out_cancelled_at_each_point_leaves_nothing(backend: Backend) -> None:
    async def scenario() -> None:
        async with Spreading(
            (("hangs", "fails", "sleeps"), "gives", ("fails for good", "waits")), []
        ).running() as handler:
            with anyio.move_on_after(12.0):
                await handler

    assert sweep_cancel(scenario, backend=backend) > 5
