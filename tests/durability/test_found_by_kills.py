"""What was found by killing processes, each by itself."""

import gc
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.durability.stores import carried_on, crashed, until
from tests.engine.orphans import no_task_left
from workflows import Context, Runtime, Workflow, step
from workflows.durability import Change, MemoryStore, Refusal, SqliteStore
from workflows.errors import AlreadyAnswered, RunExists
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler


class Word(HumanResponseEvent, name="found.word"):
    word: str


class Asked(InputRequiredEvent, name="found.asked", answer=Word):
    pass


class Next(Event, name="found.next"):
    pass


class Asking(Workflow):
    """Asks, and then does something that takes its time."""

    def __init__(self, gate: anyio.Event | None = None) -> None:
        super().__init__(workflow_name="asking", types=[Asked, Word])
        self.gate = gate
        self.begun = 0

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> Next:
        await ctx.ask(Asked())
        return Next()

    @step
    async def go_on(self, ctx: Context[Any], ev: Next) -> StopEvent:
        self.begun += 1
        if self.gate is not None:
            await self.gate.wait()
        return StopEvent(result="done")


class Child(Workflow):
    """Only this one knows what it asks, and what answers that."""

    def __init__(self) -> None:
        super().__init__(workflow_name="child", types=[Asked, Word])

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: Word = await ctx.ask(Asked())
        return StopEvent(result=answer.word)


class Parent(Workflow):
    """Has a child."""

    def __init__(self) -> None:
        self.child = Child()
        super().__init__(workflow_name="parent", children=[self.child])

    @step
    async def run_it(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        word = await ctx.run(self.child)
        await ctx.wait_for_event(HumanResponseEvent)
        return StopEvent(result=word)


async def the_question(runtime: Runtime) -> str:
    """Wait until a run has asked something, and give the question's id."""
    while not (found := await runtime.pending()):
        await anyio.lowlevel.checkpoint()
    return found[0].id


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_run_that_came_back_from_its_release_survives_the_death_of_the_process(tmp_path: Path) -> None:
    """Its journal goes on from a snapshot, in which no attempt is at work, rather than from an image."""
    workflow = Asking(anyio.Event())
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(tmp_path / "runs.db"), lease=0.01, poll=0.001) as runtime:
            assert runtime.run(workflow, run_id="r").run_id == "r"
            question = await the_question(runtime)
            gc.collect()
            await until(lambda: runtime.in_memory == ())
            await runtime.send("r", Word(word="yes"), reply_to=question)
            await until(lambda: workflow.begun == 1)
            left = crashed(runtime.store, tmp_path / "left")
        events = await carried_on(left, Asking())
    assert events == [Asked(), StopEvent(result="done")]


@pytest.mark.anyio
@pytest.mark.guarantee("W3", "W5")
async def test_a_childs_question_is_answered_from_another_runtime_by_an_event_that_only_the_child_knows(
    tmp_path: Path,
) -> None:
    """And a second answer is refused as one to any other question is, though the child has ended."""
    file = tmp_path / "runs.db"
    with anyio.fail_after(10):
        async with (
            Runtime(store=SqliteStore(file), poll=0.001) as carrying,
            Runtime(store=SqliteStore(file), workflows=[Parent()], poll=0.001) as other,
        ):
            handler = carrying.run(Parent(), run_id="r")
            question = await the_question(other)
            await other.send("r", Word(word="yes"), reply_to=question)
            while question in {found.id for found in await other.pending()}:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(AlreadyAnswered):
                await other.send("r", Word(word="no"), reply_to=question)
            await other.cancel("r")
            await handler.run.outcome.wait()
            handler.run.outcome.is_retrieved = True


@pytest.mark.anyio
@pytest.mark.guarantee("R1", "R4")
@pytest.mark.parametrize("synchronous", ["full", "normal"])
async def test_a_runtime_whose_block_is_cancelled_stores_what_its_runs_come_to_rest_with(
    synchronous: Any, tmp_path: Path
) -> None:
    """Whoever stores was cancelled with the block, and its runs waited for that for ever."""
    file, workflow = tmp_path / "runs.db", Asking(anyio.Event())
    with anyio.fail_after(10):
        async with no_task_left():
            held: list[WorkflowHandler[Any]] = []
            with anyio.CancelScope() as scope:
                async with Runtime(store=SqliteStore(file, synchronous=synchronous)) as runtime:
                    handler = runtime.run(workflow, run_id="r")
                    held.append(handler)
                    question = await the_question(runtime)
                    await handler.send_event(Word(word="yes"), reply_to=question)
                    await until(lambda: workflow.begun == 1)
                    scope.cancel()
                    await anyio.sleep_forever()
        held[0].run.outcome.is_retrieved = True
        async with Runtime(store=SqliteStore(file), workflows=[Asking()]) as runtime:
            assert await runtime.resume("r") == "done"


@pytest.mark.anyio
@pytest.mark.guarantee("W5")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_an_owner_that_lost_a_run_for_a_while_stores_nothing_that_others_have_overtaken(
    kind: str, tmp_path: Path
) -> None:
    """It owned the run again, since the other one had died; so the owner alone told nothing."""
    store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "runs.db")

    def change(entry: int, **options: Any) -> Change:
        return Change("r", "w", "running", False, None, entry, text=f"[{entry}]", **options)

    await store.open()
    await store.enlist("late", now=0.0, until=1.0)
    assert await store.commit("late", [change(1, is_new=True)], now=0.0) == []
    await store.enlist("other", now=2.0, until=3.0)
    assert [run.run_id for run in await store.claim("other", ["r"], now=2.0)] == ["r"]
    assert await store.commit("other", [change(2)], now=2.0) == []
    assert [run.run_id for run in await store.claim("late", ["r"], now=4.0)] == ["r"]
    assert await store.commit("late", [change(2)], now=4.0) == [Refusal("r", "lost")]
    content = await store.load("r")
    assert content is not None
    assert content.entries == ("[1]", "[2]")
    await store.close()


@pytest.mark.anyio
@pytest.mark.guarantee("W4")
@pytest.mark.parametrize("deed", ["send", "cancel"])
async def test_what_is_for_a_run_that_was_just_begun_here_a_second_time_reaches_the_one_that_is_stored(
    deed: str, tmp_path: Path
) -> None:
    """`RunExists` was raised, which is for whoever began the run: it was to be sent to the run of this id."""
    file = tmp_path / "runs.db"
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file), poll=0.001) as first:
            held = first.run(Asking(), run_id="r")
            await the_question(first)
            async with Runtime(store=SqliteStore(file), poll=0.001, recover=False) as second:
                again = second.run(Asking(), run_id="r")
                if deed == "send":
                    await second.send("r", Next())
                    assert await held == "done"
                else:
                    await second.cancel("r")
                    assert [run.status for run in await first.runs()] == ["cancelled"]
                    held.run.outcome.is_retrieved = True
                with pytest.raises(RunExists):
                    await again
