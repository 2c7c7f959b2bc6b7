"""A change of the code that was accepted for a run stays accepted, if the run leaves memory before its replay."""

from typing import Any

import anyio
import pytest

from tests.durability.stores import Counting
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Word(HumanResponseEvent, name="accepted.word"):
    word: str


class Asked(InputRequiredEvent, name="accepted.asked", answer=Word):
    pass


class Asking(Workflow):
    def __init__(self, world: Counting) -> None:
        super().__init__(workflow_name="asking", types=[Asked, Word])
        self.world = world

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.once(self.world.do, "old")
        answer: Word = await ctx.ask(Asked())
        return StopEvent(result=answer.word)


class AskingLater(Asking):
    """Does something before it asks that runs of the other version haven't done."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.once(self.world.do, "new")
        await ctx.once(self.world.do, "old")
        answer: Word = await ctx.ask(Asked())
        return StopEvent(result=answer.word)


async def asleep(runtime: Runtime) -> None:
    """Wait until the run has asked, and has left memory."""
    while not await runtime.pending() or runtime.in_memory:
        await anyio.lowlevel.checkpoint()


async def test_what_was_accepted_is_accepted_when_the_run_comes_back() -> None:
    """It was forgotten with the handler, and the answer ended the run."""
    world, store = Counting(), MemoryStore()
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=0.001) as runtime:
            _ = runtime.run(Asking(world), run_id="r").run_id
            await asleep(runtime)
        async with Runtime(store=store, workflows=[AskingLater(world)], poll=0.001) as runtime:
            _ = runtime.resume("r", on_mismatch="accept").run_id
            await asleep(runtime)
            await runtime.send("r", Word(word="well"))
            assert await runtime.resume("r") == "well"
    assert world.done == ["old", "new"]
