"""Durable runs of every kind: with children, parked waits, turns, resources, groups of tasks, and long lives."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest

from tests.durability.stores import Counting, begin, carried_on, crashed, until
from tests.engine.orphans import no_task_left
from workflows import Context, Runtime, Workflow, catch_error, step
from workflows.durability import MemoryStore, SqliteStore, Store, run_journal
from workflows.errors import WorkflowTimeoutError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    WorkflowFailedEvent,
)
from workflows.resource import Resource

pytestmark = pytest.mark.anyio


class Said(HumanResponseEvent):
    what: str


class Ask(InputRequiredEvent, answer=Said):
    about: str


@pytest.fixture(params=["memory", "images", "normal"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "images":
        monkeypatch.setattr(run_journal, "SNAPSHOT_AFTER", 0)
        monkeypatch.setattr(run_journal, "SNAPSHOT_RATIO", 0)
    return SqliteStore(tmp_path / "runs.db", synchronous="normal") if request.param == "normal" else MemoryStore()


class Inner(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: Said = await ctx.ask(Ask(about=ev.about))
        return StopEvent(result=answer.what)


class Outer(Workflow):
    def __init__(self, inner: Inner, world: Counting) -> None:
        super().__init__(children=[inner], workflow_name="outer")
        self.inner = inner
        self.world = world

    @step
    async def both(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.once(self.world.do, "before")
        first = await ctx.run(self.inner, about="tea")
        await ctx.once(self.world.do, "between")
        second = await ctx.run(self.inner, about="milk")
        return StopEvent(result=[first, second])


async def answer_next(runtime: Runtime, what: str, seen: set[str]) -> None:
    while True:
        for found in await runtime.pending():
            if found.id not in seen:
                seen.add(found.id)
                assert found.question is not None
                await runtime.send(found.run_id, Said(what=what), reply_to=found.id)
                return
        await anyio.lowlevel.checkpoint()


@pytest.mark.guarantee("R4", "W1")
async def test_questions_of_children_survive_and_are_answered_by_id(store: Store, tmp_path: Path) -> None:
    world, seen = Counting(), set[str]()

    def outer() -> Outer:
        return Outer(Inner(types=[Ask, Said], workflow_name="inner"), world)

    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store, poll=0.001) as runtime:
            begin(runtime, outer(), run_id="r")
            await answer_next(runtime, "black", seen)
            while not await runtime.pending():
                await anyio.lowlevel.checkpoint()
            (found,) = await runtime.pending()
            assert found.question is not None
            assert found.question.event == Ask(about="milk")
            assert found.question.path == ("both/Inner",)
            gc.collect()
            await until(lambda: runtime.in_memory == ())
        async with no_task_left(), Runtime(store=store, workflows=[outer()], poll=0.001) as runtime:
            await answer_next(runtime, "none", seen)
            assert await runtime.resume("r") == ["black", "none"]
    assert world.done == ["before", "between"]


@pytest.mark.guarantee("W10", "R4")
async def test_an_answer_to_a_released_child_closes_its_question_in_the_list(store: Store) -> None:
    """It was listed on: whoever took the run up again hadn't looked at its children before the answer came."""
    outer = Outer(Inner(types=[Ask, Said], workflow_name="inner"), Counting())
    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store, workflows=[outer], poll=0.001) as runtime:
            begin(runtime, outer, run_id="r")
            while not (found := await runtime.pending()):
                await anyio.lowlevel.checkpoint()
            gc.collect()
            await until(lambda: runtime.in_memory == ())
            await runtime.send("r", Said(what="black"), reply_to=found[0].id)
            assert found[0].id not in {left.id for left in await runtime.pending()}


async def test_a_child_at_work_goes_on_after_a_crash(store: Store, tmp_path: Path) -> None:
    world, gate = Counting(), anyio.Event()

    class Working(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.once(world.do, "inside")
            await gate.wait()
            return StopEvent(result="worked")

    class Having(Workflow):
        @step
        async def have(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.run(self.child))

        def __init__(self) -> None:
            self.child = Working(workflow_name="working")
            super().__init__(children=[self.child], workflow_name="having")

    with anyio.fail_after(10):
        async with Runtime(store=store, lease=0.01) as runtime:
            handler = runtime.run(Having(), run_id="r")
            await until(lambda: world.done == ["inside"])
            await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)
            left = crashed(store, tmp_path / "left")
        gate.set()
        assert await carried_on(left, Having()) == [StopEvent(result="worked")]
    assert world.done == ["inside"]


async def test_a_parked_run_stays_in_memory_and_is_replayed_elsewhere(store: Store) -> None:
    world = Counting()

    class Parked(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            world.done.append("bare")
            await ctx.once(world.do, "once")
            answer: Said = await ctx.ask(Ask(about="?"))
            return StopEvent(result=answer.what)

    def workflow() -> Parked:
        return Parked(types=[Ask, Said], waits="park", workflow_name="parked")

    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store, poll=0.001) as runtime:
            begin(runtime, workflow(), run_id="r")
            while not await runtime.pending():
                await anyio.lowlevel.checkpoint()
            gc.collect()
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            assert runtime.in_memory == ("r",)
        async with no_task_left(), Runtime(store=store, workflows=[workflow()], poll=0.001) as runtime:
            (found,) = await runtime.pending()
            await runtime.send("r", Said(what="yes"), reply_to=found.id)
            assert await runtime.resume("r") == "yes"
    assert world.done == ["bare", "once", "bare"]


async def test_runs_that_wait_for_their_turn_are_stored_and_get_it_elsewhere(store: Store) -> None:
    gate, begun = anyio.Event(), list[str]()

    class Gated(Workflow):
        @step
        async def hold(self, ev: StartEvent) -> StopEvent:
            begun.append(ev.name)
            await gate.wait()
            return StopEvent(result=ev.name)

    def workflow() -> Gated:
        return Gated(num_concurrent_runs=1, workflow_name="gated")

    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store) as runtime:
            gated = workflow()
            for name in ("a", "b", "c"):
                begin(runtime, gated, run_id=name, name=name)
            await until(lambda: begun == ["a"])
            while len(await runtime.runs()) < 3:
                await anyio.lowlevel.checkpoint()
        gate.set()
        async with no_task_left(), Runtime(store=store, workflows=[workflow()]) as runtime:
            for name in ("a", "b", "c"):
                assert [event async for event in runtime.events(name)] == [StopEvent(result=name)]
    assert sorted(begun) == ["a", "a", "b", "c"]


async def test_resources_of_a_run_are_opened_again_after_it_left_memory(store: Store) -> None:
    opened: list[str] = []

    class Client:
        pass

    @asynccontextmanager
    async def client() -> AsyncGenerator[Client]:
        opened.append("opened")
        yield Client()
        opened.append("closed")

    class Using(Workflow):
        @step
        async def use(
            self, ctx: Context[Any], ev: StartEvent, client: Annotated[Client, Resource(client)]
        ) -> StopEvent:
            answer: Said = await ctx.ask(Ask(about="?"))
            return StopEvent(result=answer.what)

    workflow = Using(types=[Ask, Said], workflow_name="using")
    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store, workflows=[workflow], poll=0.001) as runtime:
            begin(runtime, workflow, run_id="r")
            while not await runtime.pending():
                await anyio.lowlevel.checkpoint()
            gc.collect()
            await until(lambda: runtime.in_memory == ())
            assert opened == ["opened", "closed"]
            (found,) = await runtime.pending()
            await runtime.send("r", Said(what="yes"), reply_to=found.id)
            assert await runtime.resume("r") == "yes"
    assert opened == ["opened", "closed"] * 2


class Part(Event):
    number: int


class Done(Event):
    number: int


@pytest.mark.guarantee("D4", "R4")
async def test_a_fan_out_with_retries_handlers_and_waits_survives_being_cut_after_each_commit(
    store: Store, tmp_path: Path
) -> None:
    """Each copy of the store comes to the same end."""
    world = Counting()

    class Fanning(Workflow):
        @step
        async def open(self, ev: StartEvent) -> list[Part]:
            return [Part(number=number) for number in range(4)]

        @step(num_workers=2)
        async def work(self, ctx: Context[Any], ev: Part) -> Done:
            await ctx.once(world.do, ev.number, key="work")
            if ev.number == 2:
                raise ValueError("two")
            if ev.number == 3:
                answer: Said = await ctx.ask(Ask(about="three"))
                return Done(number=int(answer.what))
            return Done(number=ev.number)

        @catch_error(for_steps=["work"])
        async def mend(self, ev: StepFailedEvent) -> Done:
            return Done(number=-1)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=sorted(ev.number for ev in evs))

    def workflow() -> Fanning:
        return Fanning(types=[Ask, Said], workflow_name="fanning")

    copies: list[tuple[Store, int]] = []
    commit = store.commit

    async def copying(*args: Any, **named: Any) -> Any:
        found = await commit(*args, **named)
        copies.append((crashed(store, tmp_path / f"left{len(copies)}"), len(world.done)))
        return found

    seen: set[str] = set()
    with anyio.fail_after(60):
        async with no_task_left(), Runtime(store=store, lease=0.01) as runtime:
            store.commit = copying  # type: ignore[method-assign]
            handler = runtime.run(workflow(), run_id="r")
            await answer_next(runtime, "30", seen)
            assert await handler == [-1, 0, 1, 30]
        assert len(copies) > 5
        for left, done in copies:
            left.__dict__.pop("commit", None)
            del world.done[done:]
            async with no_task_left(), Runtime(store=left, workflows=[workflow()], poll=0.001) as runtime:
                if not await runtime.runs():
                    continue
                seen.clear()
                async with anyio.create_task_group() as group:
                    group.start_soon(answer_next, runtime, "30", seen)
                    assert [event async for event in runtime.events("r")][-1] == StopEvent(result=[-1, 0, 1, 30])
                    group.cancel_scope.cancel()
            assert all(world.done.count(number) <= 2 for number in range(4))


async def test_how_a_durable_run_failed_is_stored(store: Store) -> None:
    class Failing(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            raise ValueError("broken")

    class Slow(Workflow):
        @step
        async def sleep(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    failing, slow = Failing(workflow_name="failing"), Slow(timeout=0.02, workflow_name="slow")
    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store) as runtime:
            with pytest.raises(ValueError, match="broken"):
                await runtime.run(failing, run_id="f")
            with pytest.raises(WorkflowTimeoutError):
                await runtime.run(slow, run_id="s")
        async with no_task_left(), Runtime(store=store, workflows=[failing, slow]) as runtime:
            assert {info.run_id: info.status for info in await runtime.runs()} == {"f": "failed", "s": "timed_out"}
            with pytest.raises(ValueError, match="broken"):
                await runtime.resume("f")
            with pytest.raises(WorkflowTimeoutError):
                await runtime.resume("s")
            (event,) = [event async for event in runtime.events("f")]
            assert isinstance(event, WorkflowFailedEvent)


@pytest.mark.guarantee("D4")
async def test_the_journal_of_a_long_loop_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_journal, "SNAPSHOT_AFTER", 2_000)

    class Count(Event):
        number: int

    class Loop(Workflow):
        @step
        async def count(self, ctx: Context[Any], ev: StartEvent | Count) -> Count | StopEvent:
            number = ev.number if isinstance(ev, Count) else 0
            await ctx.store.set("number", number)
            sizes.append(sum(map(len, store._runs["r"].entries)) if "r" in store._runs else 0)  # pyright: ignore[reportPrivateUsage]
            return Count(number=number + 1) if number < 300 else StopEvent(result=await ctx.store.get("number"))

    store, sizes = MemoryStore(), list[int]()
    with anyio.fail_after(10):
        async with no_task_left(), Runtime(store=store) as runtime:
            assert await runtime.run(Loop(), run_id="r") == 300
    assert max(sizes) < 15_000
