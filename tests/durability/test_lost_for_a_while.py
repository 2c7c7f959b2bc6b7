"""Found by kills: a run that was lost for a while, or released and wanted back, each by itself.

Two runtimes of one store stand for two processes; what would be a question of moments is done step by step.
"""

import gc
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import pytest

from tests.durability.slow import SlowToLoad, TakesItsTime
from tests.durability.stores import PATIENCE_S, Counting, Gate, begin, until
from workflows import Context, Runtime, Workflow, step
from workflows.durability import Change, MemoryStore, Refusal, Store, StoredRun
from workflows.errors import AlreadyAnswered
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
)
from workflows.runtime.run import Run

pytestmark = pytest.mark.anyio

NEVER_LOOKS_S = 3600.0


class Told(Event, name="while.told"):
    pass


class Word(HumanResponseEvent, name="while.word"):
    word: str


class Asked(InputRequiredEvent, name="while.asked", answer=Word):
    pass


class TwoDeeds(Workflow):
    """Does one thing, waits until it's let go on, and does another."""

    def __init__(self, world: Counting) -> None:
        super().__init__(workflow_name="two deeds", types=[Told])
        self.world = world
        self.gate = anyio.Event()

    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.once(self.world.do, "first")
        await self.gate.wait()
        await ctx.once(self.world.do, "second")
        return StopEvent(result="done")


class Asking(Workflow):
    """Asks, and does what it's told."""

    def __init__(self, world: Counting) -> None:
        super().__init__(workflow_name="asking", types=[Asked, Word])
        self.world = world

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: Word = await ctx.ask(Asked())
        await ctx.once(self.world.do, answer.word)
        return StopEvent(result=answer.word)


async def the_question(runtime: Runtime) -> str:
    while not (found := await runtime.pending()):
        await anyio.lowlevel.checkpoint()
    return found[0].id


async def settled(runtime: Runtime, world: Counting) -> None:
    """Wait until the first deed is stored."""
    await until(lambda: world.done == ["first"])
    await anyio.wait_all_tasks_blocked()
    assert runtime.in_memory == ("r",)


async def own_again(store: Store, owner: str) -> None:
    """A runtime that was late owns a run again: whoever had taken it over is gone."""
    await store.enlist(owner, now=0.0, until=math.inf)
    assert [run.run_id for run in await store.claim(owner, ["r"], now=0.0)] == ["r"]


@pytest.mark.guarantee("W5", "R4")
async def test_who_owns_a_run_again_that_went_on_elsewhere_lets_go_of_it_and_it_goes_on() -> None:
    """It was refused what it wanted to store, and stayed the owner: nobody carried the run on any more."""
    world, store = Counting(), MemoryStore()
    late, other = TwoDeeds(world), TwoDeeds(world)
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=NEVER_LOOKS_S) as runtime:
            begin(runtime, late, run_id="r")
            await settled(runtime, world)
            await store.retire(runtime.owner)
            async with Runtime(store=store, workflows=[other], poll=NEVER_LOOKS_S) as second:
                await until(lambda: second.in_memory == ("r",))
            await own_again(store, runtime.owner)
            late.gate.set()
            assert [event async for event in runtime.events("r")] == [StopEvent(result="done")]
    assert world.done == ["first", "second", "second"]  # the first "second" wasn't recorded any more


@pytest.mark.guarantee("W5", "R4")
async def test_who_takes_over_a_run_that_it_still_has_as_it_was_before_begins_again_from_what_is_stored() -> None:
    """It took the run over, and left it to what it had in memory, which couldn't be stored any more."""
    world, store = Counting(), MemoryStore()
    late, other = TwoDeeds(world), TwoDeeds(world)
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=NEVER_LOOKS_S) as runtime:
            run = runtime.run(late, run_id="r").run
            await settled(runtime, world)
            await store.retire(runtime.owner)
            async with Runtime(store=store, workflows=[other], poll=NEVER_LOOKS_S) as second:
                await until(lambda: second.in_memory == ("r",))
            await runtime.recover()
            await run.outcome.wait()
            late.gate.set()
            assert [event async for event in runtime.events("r")] == [StopEvent(result="done")]
    assert world.done == ["first", "second"]


@pytest.mark.guarantee("W5")
async def test_who_comes_late_with_a_run_that_has_ended_elsewhere_leaves_it_as_it_is() -> None:
    """It claimed the run, and stored it again as it was: as if it had ended only now."""
    world, store = Counting(), MemoryStore()
    late, other = TwoDeeds(world), TwoDeeds(world)
    other.gate.set()
    with anyio.fail_after(5):
        async with Runtime(store=store, recover=False, poll=NEVER_LOOKS_S) as runtime:
            begin(runtime, late, run_id="r")
            await settled(runtime, world)
            await store.retire(runtime.owner)
            async with Runtime(store=store, workflows=[other]) as second:
                assert [event async for event in second.events("r")] == [StopEvent(result="done")]
            ended = await store.find("r")
            late.gate.set()
            await until(lambda: runtime.in_memory == ())
            await anyio.wait_all_tasks_blocked()
            assert await store.find("r") == ended
    assert world.done == ["first", "second", "second"]


class Releasing(MemoryStore):
    """A store that is slow to say that a run was released: it has been for a while when somebody hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_waiting = False
        self.says_it = anyio.Event()

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        refused = await super().commit(owner, changes, now=now)
        if not self.is_waiting and any(change.is_released for change in changes):
            self.is_waiting = True
            await self.says_it.wait()
        return refused


@pytest.mark.guarantee("W4", "R4")
async def test_a_run_that_is_cancelled_elsewhere_while_it_is_wanted_back_stays_cancelled() -> None:
    """It was taken back as what it was released as, though another had had it meanwhile: that was forgotten."""
    world, store = Counting(), Releasing()
    with anyio.fail_after(5):
        async with (
            Runtime(store=store, poll=NEVER_LOOKS_S) as runtime,
            Runtime(store=store, workflows=[Asking(world)], recover=False, poll=NEVER_LOOKS_S) as other,
        ):
            begin(runtime, Asking(world), run_id="r")
            gc.collect()
            question = await the_question(other)
            await until(lambda: store.is_waiting)
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: runtime.send("r", Word(word="yes"), reply_to=question))
                await anyio.wait_all_tasks_blocked()
                await other.cancel("r")
                store.says_it.set()
            await anyio.wait_all_tasks_blocked()
            assert [run.status for run in await other.runs()] == ["cancelled"]
            assert world.done == []
            assert await other.resume("r") == "yes"


class SlowToRelease(Gate):
    """A store that waits with the first commit which releases a run."""

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        if not self.is_waiting and any(change.is_released for change in changes):
            self.shut()
        return await super().commit(owner, changes, now=now)


@pytest.mark.guarantee("W4", "R4")
async def test_what_comes_for_a_run_while_its_release_is_being_stored_takes_it_back() -> None:
    """Only who had asked for the run before took it back; else it was dropped, with what it had been given."""
    world, store = Counting(), SlowToRelease()
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=NEVER_LOOKS_S) as runtime:
            run = runtime.run(Asking(world), run_id="r").run
            gc.collect()
            await until(lambda: store.is_waiting)
            run.receive(Word(word="yes"), step=None, reply_to=None)
            store.let_through()
            assert [event async for event in runtime.events("r")] == [Asked(), StopEvent(result="yes")]
    assert world.done == ["yes"]


@pytest.mark.guarantee("W4", "R4")
async def test_what_comes_for_a_run_before_its_release_is_being_stored_keeps_it_here() -> None:
    """It was released while it was at work, and went on without being stored."""
    world, store = Counting(), Gate()
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=NEVER_LOOKS_S) as runtime:
            held = [runtime.run(Asking(world), run_id="r")]
            run = held[0].run
            await the_question(runtime)
            await until(lambda: run.is_asleep)
            store.shut()
            begin(runtime, TwoDeeds(Counting()), run_id="another")
            await until(lambda: store.is_waiting)
            held.clear()
            gc.collect()
            await anyio.wait_all_tasks_blocked()  # the release waits for the commit before it
            run.receive(Word(word="yes"), step=None, reply_to=None)
            store.let_through()
            assert [event async for event in runtime.events("r")] == [Asked(), StopEvent(result="yes")]
    assert world.done == ["yes"]


# --- a step of a run that's lost, or told to end ----------------------------------------------------------------------


class GoesOn(Workflow):
    """Tells something, does something, and says that it goes on."""

    def __init__(self, world: Counting) -> None:
        super().__init__(workflow_name="goes on", types=[Told])
        self.world = world
        self.is_at_it = anyio.Event()
        self.gate = anyio.Event()

    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await self.is_at_it.wait()
        ctx.write_event_to_stream(Told())
        await ctx.once(self.do_it)
        self.world.done.append("went on")
        return StopEvent()

    async def do_it(self) -> None:
        self.world.done.append("at it")
        with anyio.CancelScope(shield=True):
            await self.gate.wait()


async def lost(run: Run) -> None:
    """Wait until a run is over here; what it's lost to concerns nobody."""
    await run.outcome.wait()
    run.outcome.is_retrieved = True


@pytest.mark.guarantee("W1", "R4")
async def test_what_a_call_depends_on_cannot_be_stored_so_it_is_not_made() -> None:
    """Else it would be made on the word of nobody."""
    world, store = Counting(), Gate()
    workflow = GoesOn(world)
    with anyio.fail_after(5):
        async with Runtime(store=store, recover=False, poll=NEVER_LOOKS_S) as runtime:
            run = runtime.run(workflow, run_id="r").run
            await anyio.wait_all_tasks_blocked()
            store.fails_at = bool
            workflow.is_at_it.set()
            workflow.gate.set()
            await lost(run)
    assert world.done == []


@pytest.mark.guarantee("W1", "R4")
async def test_the_result_of_a_call_cannot_be_stored_so_its_step_does_not_go_on() -> None:
    world, store = Counting(), Gate()
    workflow = GoesOn(world)
    workflow.is_at_it.set()
    with anyio.fail_after(5):
        async with Runtime(store=store, recover=False, poll=NEVER_LOOKS_S) as runtime:
            run = runtime.run(workflow, run_id="r").run
            await until(lambda: world.done == ["at it"])
            store.fails_at = bool
            workflow.gate.set()
            await lost(run)
    assert world.done == ["at it"]


@pytest.mark.guarantee("W1", "R4")
async def test_a_call_ends_between_a_cancel_and_its_being_stored_and_its_step_does_not_go_on() -> None:
    """What the call gave isn't on record any more, and the step went on as if it were."""
    world, store = Counting(), Gate()
    workflow = GoesOn(world)
    workflow.is_at_it.set()
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=NEVER_LOOKS_S) as runtime:
            run = runtime.run(workflow, run_id="r").run
            await until(lambda: world.done == ["at it"])
            store.shut()
            run.cancel("by the test")
            workflow.gate.set()
            await anyio.wait_all_tasks_blocked()
            store.let_through()
            await lost(run)
    assert world.done == ["at it"]


# --- a runtime that's being left --------------------------------------------------------------------------------------


@pytest.mark.guarantee("R1", "R4")
async def test_a_run_that_is_taken_over_while_the_runtime_is_being_left_is_left_to_the_next_one() -> None:
    """It began in a runtime that was being left, or was set aside as if it didn't fit."""
    world, store = Counting(), SlowToLoad()
    workflow, slow = TwoDeeds(world), TakesItsTime()
    workflow.gate.set()

    async def be_late(runtime: Runtime) -> None:
        assert await runtime.recover() == []

    async def leave_slowly() -> None:
        await slow.is_cleaning.wait()
        store.gives_it.set()
        await anyio.wait_all_tasks_blocked()
        slow.gate.set()

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime:
            waiting = TwoDeeds(world)
            begin(runtime, waiting, run_id="r")
            await settled(runtime, world)
        async with (
            anyio.create_task_group() as group,
            Runtime(store=store, workflows=[workflow], recover=False, poll=NEVER_LOOKS_S) as runtime,
        ):
            begin(runtime, slow, run_id="slow")
            await anyio.wait_all_tasks_blocked()
            group.start_soon(be_late, runtime)
            await store.is_asked.wait()
            group.start_soon(leave_slowly)
        async with Runtime(store=store, workflows=[workflow], poll=NEVER_LOOKS_S) as runtime:
            assert [event async for event in runtime.events("r")] == [StopEvent(result="done")]
    assert world.done == ["first", "second"]


class Tidying(Workflow):
    """Takes its time to clean up."""

    def __init__(self) -> None:
        super().__init__(workflow_name="tidying")
        self.begun = anyio.Event()
        self.tidying = anyio.Event()
        self.may_end = anyio.Event()

    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                self.tidying.set()
                await self.may_end.wait()
        return StopEvent()


@pytest.mark.guarantee("R4")
async def test_a_run_that_is_cancelled_while_its_runtime_is_left_does_not_go_on_elsewhere() -> None:
    """Whoever cancelled it was told that it had been, and another process went on with it."""
    workflow, store = Tidying(), MemoryStore()

    async def cancel(run: Run) -> None:
        await workflow.tidying.wait()
        run.cancel("enough")
        workflow.may_end.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group, Runtime(store=store, poll=NEVER_LOOKS_S) as runtime:
            handler = runtime.run(workflow, run_id="r")
            await workflow.begun.wait()
            group.start_soon(cancel, handler.run)
        found = await store.find("r")
        assert found is not None
        assert (found.status, found.owner) == ("cancelled", None)
        async with Runtime(store=store, workflows=[Tidying()], poll=NEVER_LOOKS_S) as second:
            await anyio.wait_all_tasks_blocked()
            assert second.in_memory == ()
            assert [type(event) async for event in second.events("r")] == [WorkflowCancelledEvent]


class Hesitant(Gate):
    """A store that another one takes the run `q` from, as it's stored with `r`, and then keeps whoever looks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_robbed = False
        self.looks = anyio.Event()
        self.goes_on = anyio.Event()

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        if self.is_robbed and [change.run_id for change in changes] == ["r", "q"]:
            await self.claim("another", ["q"], now=math.inf)
        return await super().commit(owner, changes, now=now)

    async def find(self, run_id: str) -> StoredRun | None:
        if run_id == "q":
            self.looks.set()
            with anyio.move_on_after(PATIENCE_S, shield=True):  # a test that fails lets it go on no more
                await self.goes_on.wait()
        return await super().find(run_id)


@pytest.mark.guarantee("W4", "W5")
async def test_who_sent_what_was_stored_is_not_told_of_a_loss_that_came_after() -> None:
    """It sent its answer again then, and was told that the question had been answered already: by itself."""
    world, store = Counting(), Hesitant()
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=NEVER_LOOKS_S) as runtime, anyio.create_task_group() as group:
            handlers = [runtime.run(Asking(world), run_id="r"), runtime.run(TwoDeeds(Counting()), run_id="q")]
            await until(lambda: bool(handlers[0].pending))
            await anyio.wait_all_tasks_blocked()
            (question,) = handlers[0].pending
            store.shut()
            handlers[1].ctx.send_event(Told(), step=None)  # what is stored first, so that the next two go together
            await until(lambda: store.is_waiting)
            group.start_soon(partial(runtime.send, "r", Word(word="Ada"), reply_to=question.id))
            await anyio.wait_all_tasks_blocked()
            handlers[1].ctx.send_event(Told(), step=None)
            store.is_robbed = True
            store.let_through()
            await store.looks.wait()  # the answer is stored, and `q` was lost
            assert await store.claim("another", ["r"], now=math.inf)
            await store.set_aside("another", "r", "")
            with pytest.raises(AlreadyAnswered):
                await runtime.send("r", Word(word="Bob"), reply_to=question.id)
            store.goes_on.set()
            assert await runtime.resume("r") == "Ada"
            handlers[1].run.outcome.is_retrieved = True
    assert set(world.done) == {"Ada"}
