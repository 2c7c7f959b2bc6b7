"""What a durable runtime still does while it's being left, and what a step doesn't do any more that was lost."""

from typing import Any

import anyio
import pytest

from tests.durability.asking import Asking, Word
from tests.durability.slow import SlowToLoad, TakesItsTime
from tests.durability.stores import Counting, Gate, begin, until
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore
from workflows.errors import OwnershipLost, UsageError
from workflows.events import Event, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Told(Event, name="leaving.told"):
    pass


@pytest.mark.guarantee("R1", "W4")
async def test_a_runtime_whose_block_is_cancelled_looks_after_its_runs_till_the_block_is_left() -> None:
    """What looks after them was cancelled with the block: nobody renewed its lease, or heard of what was sent."""
    store, answered = MemoryStore(), list[Any]()
    with anyio.fail_after(5):
        async with Runtime(store=store, workflows=[Asking()], recover=False, poll=0.001) as other:
            with anyio.CancelScope() as scope:
                async with Runtime(store=store, poll=0.001) as runtime:
                    handler = runtime.run(Asking(), run_id="r")
                    await until(lambda: bool(handler.pending))
                    scope.cancel()
                    with anyio.move_on_after(3, shield=True):
                        await other.send("r", Word(word="Ada"), reply_to=handler.pending[0].id)
                        answered.append(await handler)
            assert scope.cancelled_caught
    assert answered == ["Ada"]


@pytest.mark.guarantee("R1", "W4")
async def test_no_run_begins_for_what_is_sent_to_it_while_the_runtime_is_being_left() -> None:
    store, slow = SlowToLoad(), TakesItsTime()
    refused = list[UsageError]()

    async def send(runtime: Runtime) -> None:
        with pytest.raises(UsageError, match="is being left") as caught:
            await runtime.send("r", Word(word="Ada"))
        refused.append(caught.value)
        slow.gate.set()

    async def leave() -> None:
        await slow.is_cleaning.wait()
        store.gives_it.set()

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime:
            begin(runtime, Asking(), run_id="r")
            await until(lambda: runtime.in_memory == ())
        async with (
            anyio.create_task_group() as group,
            Runtime(store=store, workflows=[Asking()], poll=3600.0) as runtime,
        ):
            begin(runtime, slow, run_id="slow")
            await anyio.wait_all_tasks_blocked()
            group.start_soon(send, runtime)
            await store.is_asked.wait()
            group.start_soon(leave)
        assert len(refused) == 1
        async with Runtime(store=store, workflows=[Asking()]) as runtime:
            await runtime.send("r", Word(word="Bob"))
            assert await runtime.resume("r") == "Bob"


@pytest.mark.guarantee("R4", "W5")
async def test_a_step_of_a_run_that_is_lost_as_it_is_stored_calls_nothing_any_more() -> None:
    """The word that it's stored had been given, so the step would have gone on up to its next await."""
    store, world, gate, done = Gate(), Counting(), anyio.Event(), list[str]()

    class TwoDeeds(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.once(world.do, "first")
            await gate.wait()
            ctx.write_event_to_stream(Told())
            await ctx.once(world.do, "second")
            return StopEvent()

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime, anyio.create_task_group() as group:
            handler = runtime.run(TwoDeeds(types=[Told]), run_id="r")
            await until(lambda: world.done == ["first"])
            await anyio.wait_all_tasks_blocked()
            journal = handler.run.journal
            assert journal is not None

            async def lose() -> None:
                await handler.run.driver.settled()
                done.extend(world.done)  # Trio wakes in any order those who wait for one word
                journal.lose(OwnershipLost("by the test", ["r"]))

            store.shut()
            handler.ctx.send_event(Told())
            await until(lambda: store.is_waiting)
            handler.ctx.send_event(Told())
            group.start_soon(lose)
            await anyio.wait_all_tasks_blocked()
            gate.set()  # the step waits for the same word; on asyncio behind whoever loses the run
            await anyio.wait_all_tasks_blocked()
            store.let_through()
            with pytest.raises(OwnershipLost, match="by the test"):
                await handler
    assert world.done == done
