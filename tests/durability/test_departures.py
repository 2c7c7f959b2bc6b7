"""A replay that departs from what is stored leaves that as it is: a version which the run fits goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.durability.stores import Counting, Gate
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.errors import ReplayMismatch, UsageError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt

pytestmark = [pytest.mark.anyio, pytest.mark.guarantee("W6", "R4")]


class Word(HumanResponseEvent, name="departures.word"):
    word: str


class Asked(InputRequiredEvent, name="departures.asked", answer=Word):
    pass


class Asking(Workflow):
    """Does something, asks, and does something else."""

    before: tuple[str, ...] = ("old",)

    def __init__(self, world: Counting, name: str = "asking") -> None:
        super().__init__(workflow_name=name, types=[Asked, Word])
        self.world = world

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        for what in self.before:
            await ctx.once(self.world.do, what)
        answer: Word = await ctx.ask(Asked())
        await ctx.once(self.world.do, answer.word)
        return StopEvent(result=answer.word)


class AskingLater(Asking):
    """A version that does one thing more before it asks."""

    before = ("new", "old")


class AskingAtOnce(Asking):
    """A version that does one thing less: that's noticed at the question."""

    before = ()


class InTasks(AskingLater):
    """A version that departs in a task of a group, so that the error comes in a group too."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        async with anyio.create_task_group():
            await ctx.once(self.world.do, "new")
        return StopEvent()


class Silent(Asking):
    """A version that asks nothing any more: that's noticed at its end."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        return StopEvent()


class Outer(Workflow):
    """Has a child that asks."""

    def __init__(self, inner: Asking) -> None:
        super().__init__(children=[inner], workflow_name="outer")
        self.inner = inner

    @step
    async def go(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run(self.inner))


@pytest.fixture(params=["memory", "normal", "full"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return SqliteStore(tmp_path / "runs.db", synchronous=request.param)


async def asleep(runtime: Runtime) -> None:
    """Wait until the run has asked, and has left memory."""
    while not await runtime.pending() or runtime.in_memory:
        await anyio.lowlevel.checkpoint()


async def asked(store: Store, workflow: Workflow) -> None:
    """Begin a run that asks, and leave it."""
    async with Runtime(store=store, poll=0.001) as runtime:
        _ = runtime.run(workflow, run_id="r").run_id
        await asleep(runtime)


@pytest.mark.parametrize("version", [AskingLater, AskingAtOnce, InTasks, Silent])
async def test_a_run_that_departs_goes_on_with_the_version_that_it_fits(version: type[Asking], store: Store) -> None:
    """It failed, so that neither the old version nor a mended one could go on with it."""
    world = Counting()
    with anyio.fail_after(20):
        await asked(store, Asking(world))
        async with Runtime(store=store, workflows=[version(world)], poll=0.001) as runtime:
            await runtime.send("r", Word(word="well"))
            while "r" not in runtime.problems or runtime.in_memory:
                await anyio.lowlevel.checkpoint()
            assert isinstance(runtime.problems["r"], ReplayMismatch)
            assert [run.status for run in await runtime.runs()] == ["running"]
        assert world.done == ["old"]
        async with Runtime(store=store, workflows=[Asking(world)], poll=0.001) as runtime:
            assert await runtime.resume("r") == "well"
            assert runtime.problems == {}
    assert world.done == ["old", "well"]


async def test_whoever_waits_for_a_run_that_departs_is_told_why_and_it_is_tried_when_it_is_resumed(
    store: Store,
) -> None:
    world = Counting()
    with anyio.fail_after(20):
        await asked(store, Asking(world))
        async with Runtime(store=store, workflows=[AskingLater(world)], poll=0.001) as runtime:
            handler = runtime.resume("r")
            await handler.send_event(Word(word="well"))
            with pytest.raises(ReplayMismatch, match="departs from what it did before"):
                await handler
            with pytest.raises(ReplayMismatch):
                await runtime.resume("r")
            assert await runtime.recover() == []
            assert await runtime.resume("r", on_mismatch="accept") == "well"
    assert world.done == ["old", "new", "well"]


async def test_whoever_reads_the_stream_of_a_run_that_departs_is_told_why_it_goes_on_no_more(store: Store) -> None:
    """It waited for an event that nobody would bring."""
    world = Counting()
    with anyio.fail_after(20):
        await asked(store, Asking(world))
        async with Runtime(store=store, workflows=[AskingLater(world)], poll=0.001) as runtime:
            events = runtime.events("r")
            assert isinstance(await anext(events), Asked)
            await runtime.send("r", Word(word="well"))
            with pytest.raises(ReplayMismatch):
                await anext(events)
        async with Runtime(store=store, workflows=[Asking(world)], poll=0.001) as runtime:
            assert [type(event) async for event in runtime.events("r", after=1)] == [StopEvent]


async def test_a_run_whose_child_departs_stands_still_too(store: Store) -> None:
    world = Counting()
    with anyio.fail_after(20):
        await asked(store, Outer(Asking(world, "inner")))
        async with Runtime(store=store, workflows=[Outer(AskingLater(world, "inner"))], poll=0.001) as runtime:
            (question,) = await runtime.pending()
            await runtime.send("r", Word(word="well"), reply_to=question.id)
            while "r" not in runtime.problems or runtime.in_memory:
                await anyio.lowlevel.checkpoint()
        assert world.done == ["old"]
        async with Runtime(store=store, workflows=[Outer(Asking(world, "inner"))], poll=0.001) as runtime:
            assert await runtime.resume("r") == "well"
    assert world.done == ["old", "well"]


class Two(Event, name="departures.two"):
    pass


class Busy(Workflow):
    """One step asks, while another one is in the middle of its work."""

    def __init__(self, world: Counting, *, more: bool) -> None:
        super().__init__(workflow_name="busy", types=[Asked, Word])
        self.world = world
        self.more = more
        self.gate = anyio.Event()
        self.is_at_work = anyio.Event()

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Two | None:
        if self.more:
            await ctx.once(self.world.do, "more")
        await ctx.ask(Asked())
        return Two()

    @step
    async def work(self, ctx: Context[Any], ev: Two) -> StopEvent:
        return StopEvent(result="done")

    @step
    async def beside(self, ctx: Context[Any], ev: StartEvent) -> None:
        await ctx.once(self.world.do, "beside")
        self.is_at_work.set()
        try:
            await self.gate.wait()
        finally:
            self.world.done.append("cleaned up")


async def test_a_step_beside_one_that_departs_is_stopped_and_begins_anew(store: Store) -> None:
    world = Counting()
    with anyio.fail_after(20):
        first = Busy(world, more=False)
        async with Runtime(store=store, poll=0.001) as runtime:
            handler = runtime.run(first, run_id="r")
            await first.is_at_work.wait()
            while not await runtime.pending():
                await anyio.lowlevel.checkpoint()
        other = Busy(world, more=True)
        async with Runtime(store=store, workflows=[other], poll=0.001) as runtime:
            handler = runtime.resume("r")
            await other.is_at_work.wait()
            await handler.send_event(Word(word="well"))
            with pytest.raises(ReplayMismatch):
                await handler
        last = Busy(world, more=False)
        last.gate.set()
        async with Runtime(store=store, workflows=[last], poll=0.001) as runtime:
            assert await runtime.resume("r") == "done"
    assert world.done == ["beside", "cleaned up", "cleaned up", "cleaned up"]


async def test_an_error_of_another_kind_that_a_departing_step_raises_fails_the_run(store: Store) -> None:
    """A departure that the step has caught isn't what has failed."""

    class Catching(Asking):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            try:
                await ctx.once(self.world.do, "new")
            except ReplayMismatch:
                raise UsageError("another error") from None
            return StopEvent()

    with anyio.fail_after(20):
        await asked(store, Asking(Counting()))
        async with Runtime(store=store, workflows=[Catching(Counting())], poll=0.001) as runtime:
            handler = runtime.resume("r")
            await handler.send_event(Word(word="well"))
            with pytest.raises(UsageError, match="another error"):
                await handler
            assert [run.status for run in await runtime.runs()] == ["failed"]


async def test_a_run_that_stands_still_is_cancelled_from_another_runtime(store: Store) -> None:
    """It waited for as long as the runtime was open in which the run stood still."""
    world = Counting()
    with anyio.fail_after(20):
        await asked(store, Asking(world))
        elsewhere = SqliteStore(store.path, synchronous="normal") if isinstance(store, SqliteStore) else store
        async with Runtime(store=store, workflows=[AskingLater(world)], poll=0.001) as runtime:
            await runtime.send("r", Word(word="well"))
            while "r" not in runtime.problems or runtime.in_memory:
                await anyio.lowlevel.checkpoint()
            async with Runtime(store=elsewhere, workflows=[Asking(world)], recover=False, poll=0.001) as other:
                await other.cancel("r")
                assert [run.status for run in await other.runs()] == ["cancelled"]
    assert world.done == ["old"]


class Wrapping(AskingLater):
    """A version that departs, and raises an error of its own from that."""

    @step(retry_policy=retry_policy(stop=stop_after_attempt(3)))
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        try:
            await ctx.once(self.world.do, "new")
        except Exception as error:
            raise ValueError("it went wrong") from error
        return StopEvent(result="wrong")


async def test_a_departure_is_found_behind_the_error_that_a_step_makes_of_it_and_not_tried_again(store: Store) -> None:
    world = Counting()
    with anyio.fail_after(20):
        await asked(store, Asking(world))
        async with Runtime(store=store, workflows=[Wrapping(world)], poll=0.001) as runtime:
            handler = runtime.resume("r")
            await handler.send_event(Word(word="well"))
            with pytest.raises(ReplayMismatch):
                await handler
        async with Runtime(store=store, workflows=[Asking(world)], poll=0.001) as runtime:
            assert await runtime.resume("r") == "well"
    assert world.done == ["old", "well"]


class Racing(Workflow):
    """One step departs, while another one works."""

    def __init__(self, world: Counting, *, departs: bool) -> None:
        super().__init__(workflow_name="racing", types=[Asked, Word, Two])
        self.world = world
        self.departs = departs
        self.may_depart, self.may_end = anyio.Event(), anyio.Event()
        self.paying = world.do
        self.cleans_up = anyio.Event()

    async def pay(self, what: str) -> None:
        """The function that is called once."""
        await self.paying(what)

    @step
    async def asks(self, ctx: Context[Any], ev: StartEvent) -> StopEvent | None:
        try:
            if self.departs:
                await self.may_depart.wait()
                await ctx.once(self.world.do, "new")
        except ReplayMismatch:
            self.cleans_up.set()
            with anyio.CancelScope(shield=True):
                await self.may_end.wait()
            raise
        await ctx.ask(Asked())
        return None if self.departs else StopEvent(result="the old version")

    @step
    async def pays(self, ctx: Context[Any], ev: StartEvent) -> StopEvent | None:
        if not self.departs:
            await ctx.once(self.pay, "paid")
            return None
        await ctx.once(self.pay, "paid")
        await self.cleans_up.wait()
        return StopEvent(result="the other step")


async def waiting(store: Store, world: Counting) -> None:
    """Have a run ask, whose other step stands still in the middle."""
    first = Racing(world, departs=False)
    never = anyio.Event()

    async def pay(what: str) -> None:
        await never.wait()

    first.paying = pay
    async with Runtime(store=store, poll=0.001) as runtime:
        _ = runtime.run(first, run_id="r").run_id
        while not await runtime.pending():
            await anyio.lowlevel.checkpoint()


async def test_a_departure_that_comes_to_its_end_late_changes_nothing_of_what_was_decided(store: Store) -> None:
    world = Counting()
    with anyio.fail_after(20):
        await waiting(store, world)
        second = Racing(world, departs=True)
        second.may_depart.set()
        async with Runtime(store=store, workflows=[second], poll=0.001) as runtime:
            handler = runtime.resume("r")
            await handler.send_event(Word(word="well"))
            async with anyio.create_task_group() as group:

                async def let_it_end() -> None:
                    await second.cleans_up.wait()
                    await anyio.wait_all_tasks_blocked()  # till the other step has ended the run
                    second.may_end.set()

                group.start_soon(let_it_end)
                assert await handler == "the other step"
            assert runtime.problems == {}
            assert [run.status for run in await runtime.runs()] == ["completed"]


async def test_what_another_step_has_recorded_when_one_departs_stays_on_record() -> None:
    """What was about to be stored was dropped, and done again."""
    world, store = Counting(), Gate()
    with anyio.fail_after(20):
        await waiting(store, world)
        second = Racing(world, departs=True)
        second.may_end.set()
        is_answered = anyio.Event()

        async def pay(what: str) -> None:
            await is_answered.wait()
            world.done.append(what)
            second.may_depart.set()

        second.paying = pay
        async with Runtime(store=store, workflows=[second], poll=0.001) as runtime:
            handler = runtime.resume("r")
            await handler.send_event(Word(word="well"))
            await anyio.wait_all_tasks_blocked()
            store.shut()
            handler.ctx.send_event(Two())  # nobody takes it
            while not store.is_waiting:
                await anyio.lowlevel.checkpoint()
            is_answered.set()  # what follows is to be stored after that
            await second.cleans_up.wait()
            store.let_through()
            with pytest.raises(ReplayMismatch):
                await handler
        async with Runtime(store=store, workflows=[Racing(world, departs=False)], poll=0.001) as runtime:
            assert await runtime.resume("r") == "the old version"
    assert world.done == ["paid"]
