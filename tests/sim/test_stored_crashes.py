"""Durable runs whose process dies at each write of their store, and within each, come to the same; so do scenarios that
die twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import anyio
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.sim import test_children, test_joins
from tests.sim.effort import few, long
from tests.sim.living import Backend
from workflows import Context, Workflow, step
from workflows.core.questions import Question
from workflows.errors import WorkflowDone
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_fixed
from workflows.testing import Process, SimulationFault, StoreKind, crashing, sweep_crash

BACKENDS: list[Backend] = ["asyncio", "trio"]
STORES: list[StoreKind] = ["memory", "sqlite"]
both = pytest.mark.parametrize("backend", BACKENDS)
each_store = pytest.mark.parametrize("store", STORES)


class Reply(HumanResponseEvent):
    text: str


class Ask(InputRequiredEvent, answer=Reply):
    what: str


class Told(Event):
    what: str


class Part(Event):
    number: int


class Made(Event):
    number: int


class Working(Workflow):
    """Fans out, asks, fails once, and joins; takes down what it has done, and what it knows to be on record."""

    def __init__(self, world: list[Any], *, parts: int = 2, asks: bool = True) -> None:
        super().__init__(types=[Ask, Reply, Told], workflow_name="working")
        self.world = world
        self.parts = parts
        self.asks = asks

    async def do(self, ctx: Context, what: str) -> None:
        await ctx.once(self.world.append, ("did", what))
        self.world.append(("recorded", what))

    @step
    async def split(self, ctx: Context, ev: StartEvent) -> list[Part]:
        await self.do(ctx, "split")
        ctx.write_event_to_stream(Told(what="split"))
        return [Part(number=number) for number in range(self.parts)]

    @step(num_workers=2, retry_policy=retry_policy(stop=stop_after_attempt(2), wait=wait_fixed(1)))
    async def make(self, ctx: Context, ev: Part) -> Made:
        await self.do(ctx, f"make {ev.number}")
        if ev.number == 1 and not ctx.retry_info().retry_number:
            raise ConnectionError("once")
        if self.asks and ev.number == 0:
            answer: Reply = await ctx.ask(Ask(what="may I?"))
            await self.do(ctx, f"heard {answer.text}")
        ctx.write_event_to_stream(Told(what=f"made {ev.number}"))
        return Made(number=ev.number)

    @step
    async def join(self, ctx: Context, made: list[Made]) -> StopEvent:
        await self.do(ctx, "join")
        return StopEvent(result=[ev.number for ev in made])


def answer(question: Question) -> Event:
    assert isinstance(question.event, Ask)
    return Reply(text=question.event.what)


def see_to_the_world(world: list[Any], *, deaths: int) -> None:
    """What is on record isn't done again; what isn't is done again at most once for each death."""
    recorded: set[str] = set()
    done: Counter[str] = Counter()
    for kind, what in world:
        if kind == "recorded":
            recorded.add(what)
        else:
            assert what not in recorded, f"{what!r} was done again: {world}"
            done[what] += 1
    assert set(done) == recorded
    assert max(done.values()) <= 1 + deaths, world


async def finished(
    process: Process, workflow: Workflow[Any, Any], answer: Callable[[Question], Event | None], **options: Any
) -> Any:
    """Have a run begun and carried on, in whichever life this is; gives its result."""
    async with process.runtime(workflows=[workflow], **options) as runtime:
        await process.begin(runtime, workflow, run_id="r")
        return await process.finish(runtime, "r", answer)


def working(*, parts: int, asks: bool, deaths: int) -> Any:
    async def scenario(process: Process) -> Any:
        result = await finished(process, Working(process.world, parts=parts, asks=asks), answer)
        see_to_the_world(process.world, deaths=deaths)
        told = Counter(event.what for event in process.streams["r"] if isinstance(event, Told))
        return result, told, {what for _, what in process.world}

    return scenario


@pytest.mark.guarantee("R4", "W1", "W4", "R3")
@both
@each_store
def test_a_run_whose_store_is_cut_at_each_write_comes_to_the_same(backend: Backend, store: StoreKind) -> None:
    assert sweep_crash(working(parts=2, asks=True, deaths=1), backend=backend, store=store) > 40


@pytest.mark.guarantee("R4", "W1", "W4", "R3")
@both
@each_store
@long
def test_a_run_whose_process_dies_twice_comes_to_the_same(backend: Backend, store: StoreKind) -> None:
    cuts = sweep_crash(working(parts=1, asks=True, deaths=2), backend=backend, store=store, faults=2)
    assert cuts > 300


@pytest.mark.guarantee("R4", "W1", "W7")
@both
@each_store
@long
def test_a_fan_out_whose_store_is_cut_comes_to_what_its_plan_says(backend: Backend, store: StoreKind) -> None:
    @few()
    @given(plan=test_joins.plans, seed=st.integers(0, 2**32 - 1))
    def compare(plan: test_joins.Plan, seed: int) -> None:
        async def scenario(process: Process) -> Any:
            result = await finished(process, test_joins.Spreading(plan, process.world), test_joins.answer)
            assert result == test_joins.comes_to(plan)
            test_joins.see_that_each_was_called_once(plan, process.world)
            return result

        cuts = sweep_crash(scenario, backend=backend, store=store, seed=seed if backend == "trio" else 0)
        event(f"{cuts // 100 * 100} cuts")

    compare()


@pytest.mark.guarantee("R4", "W1", "W3")
@both
@each_store
@long
def test_children_whose_store_is_cut_come_to_what_their_plan_says(backend: Backend, store: StoreKind) -> None:
    @few()
    @given(plan=test_children.plans, seed=st.integers(0, 2**32 - 1))
    def compare(plan: test_children.Plan, seed: int) -> None:
        async def scenario(process: Process) -> Any:
            result = await finished(process, test_children.Parent(plan, process.world), test_children.answer)
            assert result == test_children.comes_to(plan)
            test_children.see_that_each_was_called_once(plan, process.world)
            return result

        cuts = sweep_crash(scenario, backend=backend, store=store, seed=seed if backend == "trio" else 0)
        event(f"{cuts // 100 * 100} cuts")

    compare()


# --- what the sweep finds, and what it found --------------------------------------------------------------------------


class Bare(Workflow):
    """Does bare work in a step, which isn't recorded."""

    def __init__(self, world: list[Any]) -> None:
        super().__init__(workflow_name="bare")
        self.world = world

    @step
    async def pay(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.world.append("paid")
        await ctx.once(str, 1)
        return StopEvent()


@both
@each_store
def test_bare_work_that_is_done_twice_is_told(backend: Backend, store: StoreKind) -> None:
    async def scenario(process: Process) -> Any:
        await finished(process, Bare(process.world), answer)
        return process.world

    with pytest.raises(SimulationFault, match=r"came to \['paid', 'paid'\]"):
        sweep_crash(scenario, backend=backend, store=store)


@both
def test_a_scenario_that_nobody_answers_is_found_to_be_stuck(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crashing, "STORED_HORIZON_S", 3600.0)

    async def scenario(process: Process) -> None:
        await finished(process, Working(process.world), lambda question: None)

    with pytest.raises(SimulationFault, match="stuck"):
        sweep_crash(scenario, backend=backend, store="memory")


@pytest.mark.guarantee("W8", "R4")
@both
@each_store
def test_a_run_spends_none_of_its_time_while_its_process_is_dead(backend: Backend, store: StoreKind) -> None:
    """Found by dying twice: the time until a run was taken over was counted as the time of its steps."""

    class Slow(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.once(str, 1)
            await anyio.sleep(20)
            return StopEvent(result=await ctx.once(str, 2))

    async def scenario(process: Process) -> Any:
        return await finished(process, Slow(workflow_name="slow", timeout=45), answer, lease=100)

    assert sweep_crash(scenario, backend=backend, store=store) > 10


class Inner(Workflow):
    """Comes to its end after a while, in which it waits for its retry."""

    @step(retry_policy=retry_policy(stop=stop_after_attempt(2), wait=wait_fixed(1)))
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if not ctx.retry_info().retry_number:
            raise ConnectionError("once")
        return StopEvent(result="inner")


class InPlace(Workflow):
    """Waits in branches, in place: for what a child comes to, and for an answer."""

    def __init__(self, *, what: Literal["child", "answer"]) -> None:
        self.inner = Inner(workflow_name="inner")
        super().__init__(types=[Ask, Reply], children=[self.inner], workflow_name="in place")
        self.what = what

    @step
    async def wait(self, ctx: Context, ev: StartEvent) -> StopEvent:
        got: list[str] = []

        async def in_branch() -> None:
            async with ctx.branch("only"):
                got.append(await self.wait_for_it(ctx))

        async with anyio.create_task_group() as group:
            group.start_soon(in_branch)
        return StopEvent(result=got)

    async def wait_for_it(self, ctx: Context) -> str:
        if self.what == "child":
            return str(await ctx.run(self.inner))
        reply: Reply = await ctx.ask(Ask(what="answer"))
        return reply.text


@pytest.mark.guarantee("R4", "W4")
@both
@pytest.mark.parametrize("what", ["child", "answer"])
def test_a_wait_in_place_that_is_over_when_the_process_dies_is_gone_on_from(
    what: Literal["child", "answer"], backend: Backend
) -> None:
    """Found by `test_children_whose_store_is_cut_come_to_what_their_plan_says`: until its task had gone on, the run was
    stored as one in which everything waits, so that no process ever took it over.
    """

    async def scenario(process: Process) -> Any:
        return await finished(process, InPlace(what=what), answer)

    assert sweep_crash(scenario, backend=backend, store="memory") > 10


class Word(Event):
    text: str


class Enough(Event):
    pass


class Collecting(Workflow):
    """Takes words one at a time, till there are enough."""

    def __init__(self, world: list[Any]) -> None:
        super().__init__(types=[Word, Enough], workflow_name="collecting")
        self.world = world

    @step
    async def open(self, ctx: Context, ev: StartEvent) -> None:
        await ctx.once(self.world.append, ("did", "open"))

    @step(num_workers=1, skip_graph_checks=["reachability"])  # what it takes comes from outside
    async def take(self, ctx: Context, ev: Word | Enough) -> StopEvent | None:
        if isinstance(ev, Enough):
            return StopEvent(result=await ctx.store.get("words", []))
        await ctx.once(self.world.append, ("did", ev.text))
        await ctx.store.set("words", [*await ctx.store.get("words", []), ev.text])
        return None


@pytest.mark.guarantee("R4", "W4")
@both
@each_store
def test_what_was_accepted_before_the_last_event_is_worked_on_before_it_wherever_the_store_is_cut(
    backend: Backend, store: StoreKind
) -> None:
    async def scenario(process: Process) -> Any:
        workflow = Collecting(process.world)
        async with process.runtime(workflows=[workflow]) as runtime:
            await process.begin(runtime, workflow, run_id="r")
            for text in ("one", "two"):
                with suppress(WorkflowDone):
                    await runtime.send("r", Word(text=text))
                    process.world.append(("accepted", text))
            with suppress(WorkflowDone):
                await runtime.send("r", Enough())
            words = await process.finish(runtime, "r", lambda _: None)
        accepted = [what for kind, what in process.world if kind == "accepted"]
        assert set(accepted) <= set(words), (accepted, words)
        return set(words)

    assert sweep_crash(scenario, backend=backend, store=store) > 15
