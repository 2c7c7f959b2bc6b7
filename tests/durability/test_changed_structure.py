"""A run that was left in the middle of its work, and a workflow whose steps are others by now."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.durability.stores import Counting, begin, crashed, until
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore, RunContent, SqliteStore, Store
from workflows.errors import SnapshotMismatch
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

Make = Callable[[], Store]


class Approved(HumanResponseEvent):
    by: str


class Approval(InputRequiredEvent, answer=Approved):
    what: str


class Written(Event):
    text: str


class Checked(Event):
    text: str


class Publishing(Workflow):
    """Waits at a gate, or for somebody, before it publishes."""

    def __init__(self, world: Counting, gate: anyio.Event, *, asks: bool = False) -> None:
        super().__init__(types=[Approval, Approved], workflow_name="writing")
        self.world = world
        self.gate = gate
        self.asks = asks

    @step
    async def publish(self, ctx: Context[Any], ev: Written) -> StopEvent:
        await ctx.once(self.world.do, "noted")
        if self.asks:
            await ctx.ask(Approval(what=ev.text))
        await self.gate.wait()
        return StopEvent(result=await ctx.once(self.world.do, "published"))


class Writing(Publishing):
    """The first version: it writes, and publishes."""

    @step
    async def write(self, ctx: Context[Any], ev: StartEvent) -> Written:
        return Written(text=await ctx.once(self.world.do, "written"))


class WritingWithCheck(Publishing):
    """The next version: it has one more step, which its new runs go through."""

    @step
    async def write(self, ctx: Context[Any], ev: StartEvent) -> Checked:
        return Checked(text=await ctx.once(self.world.do, "written"))

    @step
    async def check(self, ev: Checked) -> Written:
        return Written(text=ev.text)


class Renamed(Workflow):
    """A version whose last step has another name."""

    def __init__(self, world: Counting, gate: anyio.Event) -> None:
        super().__init__(types=[Approval, Approved], workflow_name="writing")
        self.world = world
        self.gate = gate

    @step
    async def write(self, ctx: Context[Any], ev: StartEvent) -> Written:
        return Written(text=await ctx.once(self.world.do, "written"))

    @step
    async def print_it(self, ctx: Context[Any], ev: Written) -> StopEvent:
        await ctx.once(self.world.do, "noted")
        await ctx.ask(Approval(what=ev.text))
        await self.gate.wait()
        return StopEvent(result=await ctx.once(self.world.do, "published"))


def with_another_name(data: dict[str, Any]) -> dict[str, Any]:
    renamed: dict[str, Any] = json.loads(json.dumps(data).replace('"publish"', '"print_it"'))
    return renamed


def opened() -> anyio.Event:
    gate = anyio.Event()
    gate.set()
    return gate


@pytest.fixture(params=["memory", "normal"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a store, or opens the same one again."""
    memory = MemoryStore()
    return lambda: memory if request.param == "memory" else SqliteStore(tmp_path / "runs.db", synchronous="normal")


async def cut_in_its_work(make_store: Make, tmp_path: Path, world: Counting) -> Store:
    """The store of a run whose process has died in the middle of the second step."""
    async with Runtime(store=make_store()) as runtime:
        handler = runtime.run(Writing(world, anyio.Event()), run_id="r")
        await until(lambda: world.done == ["written", "noted"])
        await handler.run.driver.settled()
        return await left_by(runtime, tmp_path)


async def left_by(runtime: Runtime, tmp_path: Path) -> Store:
    """The store, as others see it when the lease of a runtime that died has passed."""
    left = crashed(runtime.store, tmp_path / "left")
    await left.open()
    await left.retire(runtime.owner)
    await left.close()
    return left


async def content(store: Store) -> RunContent:
    found = await store.load("r")
    assert found is not None
    return found


@pytest.mark.anyio
@pytest.mark.guarantee("W6", "R4")
async def test_a_run_cut_in_its_work_is_told_of_and_left_untouched_by_a_workflow_of_another_structure(
    make_store: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = Counting()
    with anyio.fail_after(5):
        left = await cut_in_its_work(make_store, tmp_path, world)
        await left.open()
        before = await content(left)
        await left.close()
        assert before.entries  # so it can't be read as a snapshot
        async with Runtime(store=left, workflows=[WritingWithCheck(world, opened())], poll=0.001) as runtime:
            await until(lambda: "r" in runtime.problems)
            assert isinstance(runtime.problems["r"], SnapshotMismatch)
            assert "Let a process with that version bring it to rest" in str(runtime.problems["r"])
            await runtime.store.post("r", "something that makes the runtime look again")
            await until_it_has_looked(runtime)
            assert runtime.in_memory == ()
            assert await content(left) == before
            assert caplog.text.count("can't be carried on here, and stays as it is") == 1
        async with Runtime(store=left, workflows=[Writing(world, opened())]) as runtime:
            assert await runtime.resume("r") == "published"
    assert world.done == ["written", "noted", "published"]


async def until_it_has_looked(runtime: Runtime) -> None:
    """Wait until what keeps the runs has seen all that's new in its store."""
    store = runtime.store
    looks, ask = list[object](), store.changed

    async def changed() -> object:
        looks.append(await ask())
        return looks[-1]

    store.changed = changed  # type: ignore[method-assign]
    await until(lambda: len(looks) > 1)
    del store.changed


@pytest.mark.anyio
@pytest.mark.guarantee("W6", "R4")
@pytest.mark.parametrize("carries_on", [True, False], ids=["recovers", "only looks"])
async def test_who_was_told_that_a_run_does_not_fit_lets_others_have_it(
    make_store: Make, tmp_path: Path, carries_on: bool
) -> None:
    """It kept the run for as long as it lived."""
    world = Counting()
    with anyio.fail_after(5):
        left = await cut_in_its_work(make_store, tmp_path, world)
        there = None if isinstance(left, SqliteStore) else left
        new = WritingWithCheck(world, opened())
        async with Runtime(store=left, workflows=[new], recover=carries_on, poll=0.001) as runtime:
            with pytest.raises(SnapshotMismatch, match="in the middle of its work"):
                _ = runtime.resume("r", on_mismatch="accept")
            if carries_on:
                with pytest.raises(SnapshotMismatch, match="in the middle of its work"):
                    await runtime.send("r", Approved(by="Ada"))
            other = there or SqliteStore(tmp_path / "left" / "runs.db", synchronous="normal")
            async with Runtime(store=other, workflows=[Writing(world, opened())], poll=0.001) as second:
                async for _ in second.events("r"):
                    pass
                assert await second.resume("r") == "published"
    assert world.done == ["written", "noted", "published"]


@pytest.mark.anyio
@pytest.mark.guarantee("W6", "R4")
async def test_a_run_that_was_taken_in_vain_and_then_migrated_stays(make_store: Make, tmp_path: Path) -> None:
    world = Counting()
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Writing(world, anyio.Event(), asks=True), run_id="r")
            await until(lambda: runtime.in_memory == () and world.done == ["written", "noted"])
        async with Runtime(store=make_store(), workflows=[Renamed(world, opened())], poll=0.001) as runtime:
            with pytest.raises(SnapshotMismatch, match="'publish' is gone"):
                _ = runtime.resume("r")
            handler = runtime.resume("r", on_mismatch=with_another_name)
            await until_it_has_looked(runtime)
            await runtime.send("r", Approved(by="Ada"), reply_to=handler.pending[0].id)
            assert await handler == "published"
    assert world.done == ["written", "noted", "published"]


@pytest.mark.anyio
@pytest.mark.guarantee("W6", "R4")
async def test_when_the_old_version_has_brought_it_to_rest_the_new_one_goes_on_with_it(
    make_store: Make, tmp_path: Path
) -> None:
    world = Counting()
    with anyio.fail_after(5):
        left = await cut_in_its_work(make_store, tmp_path, world)
        async with Runtime(store=left, workflows=[Writing(world, anyio.Event())]) as runtime:
            assert runtime.in_memory == ("r",)
        async with Runtime(store=left, workflows=[WritingWithCheck(world, opened())]) as runtime:
            assert await runtime.resume("r") == "published"
    assert world.done == ["written", "noted", "published"]


@pytest.mark.anyio
@pytest.mark.guarantee("W6", "R4")
async def test_a_run_whose_block_is_left_in_its_work_goes_on_by_a_workflow_of_another_structure(
    make_store: Make,
) -> None:
    world = Counting()
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Writing(world, anyio.Event()), run_id="r")
            await until(lambda: world.done == ["written", "noted"])
        async with Runtime(store=make_store(), workflows=[WritingWithCheck(world, opened())]) as runtime:
            assert await runtime.resume("r") == "published"
    assert world.done == ["written", "noted", "published"]


@pytest.mark.anyio
@pytest.mark.guarantee("W6", "R4")
async def test_a_run_that_waits_goes_on_by_a_workflow_of_another_structure_though_its_process_died_with_its_handler(
    make_store: Make, tmp_path: Path
) -> None:
    """Somebody held its handler, so it was in memory."""
    world = Counting()
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            handler = runtime.run(Writing(world, anyio.Event(), asks=True), run_id="r")
            await until(lambda: bool(handler.pending) and runtime.in_memory == ("r",))
            await until(lambda: handler.run.is_asleep)
            await handler.run.driver.settled()
            left = await left_by(runtime, tmp_path)
        async with Runtime(store=left, workflows=[WritingWithCheck(world, opened(), asks=True)]) as runtime:
            (question,) = await runtime.pending()
            await runtime.send("r", Approved(by="Ada"), reply_to=question.id)
            assert await runtime.resume("r") == "published"
    assert world.done == ["written", "noted", "published"]
