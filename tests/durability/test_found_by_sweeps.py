"""What the sweeps over stores have found (`tests/sim/test_stored_crashes.py`), each by itself."""

import gc
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.durability.clocks import YEARS, Clock
from tests.durability.stores import Counting, Gate, begin, carried_on, crashed, until
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import simulate


class Yes(HumanResponseEvent):
    by: str


class May(InputRequiredEvent, answer=Yes):
    what: str


class AsksTwice(Workflow):
    """Asks, works until it's let go on, and asks again."""

    def __init__(self, world: Counting, gate: anyio.Event) -> None:
        super().__init__(types=[May, Yes], workflow_name="asks twice")
        self.world = world
        self.gate = gate

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        first: Yes = await ctx.ask(May(what="first"))
        await ctx.once(self.world.do, first.by)
        await self.gate.wait()
        return StopEvent(result=first.by)


async def the_question(runtime: Runtime) -> str:
    with anyio.fail_after(5):
        while not (found := await runtime.pending()):
            await anyio.lowlevel.checkpoint()
    return found[0].id


async def all_is_stored(handler: WorkflowHandler) -> None:
    """Wait until what has happened to a run is stored."""
    await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W4")
async def test_a_run_that_was_released_and_came_back_and_died_is_recovered(tmp_path: Path) -> None:
    """Its journal goes on from a snapshot, not from an image: it could never be read again."""
    world, gate = Counting(), anyio.Event()
    workflow = AsksTwice(world, gate)
    with anyio.fail_after(5):
        async with Runtime(store=MemoryStore(), workflows=[workflow], lease=0.01) as runtime:
            begin(runtime, workflow, run_id="r")
            question = await the_question(runtime)
            gc.collect()
            await until(lambda: runtime.in_memory == ())
            await runtime.send("r", Yes(by="Ada"), reply_to=question)
            await until(lambda: world.done == ["Ada"])
            await all_is_stored(runtime.resume("r"))
            left = crashed(runtime.store, tmp_path / "left")
        gate.set()
        assert (await carried_on(left, workflow))[-1] == StopEvent(result="Ada")
    assert world.done == ["Ada"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W4")
async def test_a_run_that_is_wanted_back_while_it_is_being_released_is_recovered(tmp_path: Path) -> None:
    world, gate, store = Counting(), anyio.Event(), Gate()
    workflow = AsksTwice(world, gate)
    with anyio.fail_after(5):
        async with Runtime(store=store, workflows=[workflow], lease=0.01) as runtime:
            held = [runtime.run(workflow, run_id="r")]
            question = await the_question(runtime)
            await until(lambda: held[0].run.is_asleep)
            store.shut()
            held.clear()
            gc.collect()
            await until(lambda: store.is_waiting)
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: runtime.send("r", Yes(by="Ada"), reply_to=question))
                await anyio.wait_all_tasks_blocked()
                store.let_through()
            assert [change.is_released for changes in store.commits for change in changes].count(True) == 1
            await until(lambda: world.done == ["Ada"])
            await all_is_stored(runtime.resume("r"))
            left = MemoryStore()
            left.__dict__.update(crashed(_plain(store), tmp_path / "left").__dict__)
        gate.set()
        assert (await carried_on(left, workflow))[-1] == StopEvent(result="Ada")
    assert world.done == ["Ada"]


def _plain(store: Gate) -> MemoryStore:
    """What a store holds, without its gate."""
    plain = MemoryStore()
    for name in plain.__dict__:
        setattr(plain, name, getattr(store, name))
    return plain


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("clock", [None, Clock(YEARS), Clock(-YEARS)], ids=["the host's", "ahead of it", "behind it"])
@pytest.mark.guarantee("W8", "R4")
def test_a_run_spends_none_of_its_time_while_its_process_is_dead(
    backend: Any, clock: Clock | None, tmp_path: Path
) -> None:
    """The time until somebody took it over was counted as time that its step had worked."""
    world = Counting()

    async def scenario() -> None:
        gate = anyio.Event()

        class Slow(Workflow):
            @step
            async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
                await ctx.once(world.do, "done")
                await gate.wait()
                return StopEvent(result="in time")

        workflow = Slow(workflow_name="slow", timeout=45, clock=clock)
        async with Runtime(store=MemoryStore(), poll=3600) as runtime:
            _ = runtime.run(workflow, run_id="r")
            await until(lambda: world.done == ["done"])
            await anyio.wait_all_tasks_blocked()
            left = crashed(runtime.store, tmp_path / "left")
        await anyio.sleep(86_400)
        gate.set()
        async with Runtime(store=left, workflows=[workflow], poll=3600) as runtime:
            assert [event async for event in runtime.events("r")][-1] == StopEvent(result="in time")

    simulate(scenario, backend=backend)
    assert world.done == ["done"]


@pytest.mark.anyio
@pytest.mark.guarantee("R1", "R4", "W4")
async def test_clean_up_of_a_cancelled_block_can_still_send_and_that_is_stored() -> None:
    """Who stores was cancelled with the block: what waited for it under a shield waited for ever."""
    world, gate, store = Counting(), anyio.Event(), MemoryStore()
    workflow = AsksTwice(world, gate)
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            async with Runtime(store=store, workflows=[workflow]) as runtime:
                _ = runtime.run(workflow, run_id="r")
                question = await the_question(runtime)
                scope.cancel()
                with anyio.CancelScope(shield=True):
                    await runtime.send("r", Yes(by="Ada"), reply_to=question)
                await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        gate.set()
        async with Runtime(store=store, workflows=[workflow]) as runtime:
            assert [event async for event in runtime.events("r")][-1] == StopEvent(result="Ada")
    assert world.done == ["Ada"]


@pytest.mark.anyio
@pytest.mark.guarantee("W1", "R4")
async def test_nothing_is_called_between_a_cancel_and_its_being_stored() -> None:
    world, gate, store = Counting(), anyio.Event(), Gate()

    class Calling(Workflow):
        @step
        async def call(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.once(world.do, "first")
            await gate.wait()
            await ctx.once(world.do, "second")
            return StopEvent()

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime:
            handler = runtime.run(Calling(workflow_name="calling"), run_id="r")
            await until(lambda: world.done == ["first"])
            await anyio.wait_all_tasks_blocked()
            store.shut()
            handler.run.cancel("by the test")
            gate.set()
            await anyio.wait_all_tasks_blocked()
            assert world.done == ["first"]
            store.let_through()
            await handler.run.outcome.wait()
    assert world.done == ["first"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W4")
async def test_a_run_whose_wait_in_place_is_over_is_stored_as_one_that_has_something_to_do() -> None:
    """It was stored as one in which everything waits, so that no other process would ever have gone on with it."""
    store = Gate()

    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            async def in_branch() -> None:
                async with ctx.branch("only"):
                    await ctx.ask(May(what="go on?"))

            async with anyio.create_task_group() as group:
                group.start_soon(in_branch)
            return StopEvent()

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime:
            handler = runtime.run(Asking(types=[May, Yes], workflow_name="asking"), run_id="r")
            question = await the_question(runtime)
            await runtime.send("r", Yes(by="Ada"), reply_to=question)
            await handler
    stored = [change for changes in store.commits for change in changes]
    assert [change.is_waiting for change in stored if change.opened] == [True]
    assert [change.is_waiting for change in stored if '"received"' in (change.text or "")] == [False]
