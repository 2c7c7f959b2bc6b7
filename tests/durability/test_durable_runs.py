"""Runs of a runtime with a store survive the end of its block, and the death of the process."""

import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.durability.stores import Counting, Gate, begin, carried_on, crashed, until
from tests.engine.orphans import no_task_left
from workflows import Context, Runtime, Workflow, step
from workflows.durability import Change, MemoryStore, Refusal, SqliteStore, Store, run_journal
from workflows.errors import (
    AlreadyAnswered,
    EncodeError,
    InvalidAnswer,
    OwnershipLost,
    RunExists,
    RunNotFound,
    RunOwnedElsewhere,
    SnapshotMismatch,
    StoreError,
    UsageError,
    WorkflowCancelledByUser,
    WorkflowDone,
)
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, wait_fixed
from workflows.testing import simulate

Make = Callable[[], Store]


class Approved(HumanResponseEvent):
    by: str


class Approval(InputRequiredEvent, answer=Approved):
    what: str


class Drafted(Event):
    text: str


class Asking(Workflow):
    """Asks, does something with the answer, and goes on when the gate is open."""

    def __init__(self, world: Counting, gate: anyio.Event) -> None:
        super().__init__(types=[Approval, Approved], workflow_name="asking")
        self.world = world
        self.gate = gate

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: Approved = await ctx.ask(Approval(what="?"))
        await ctx.once(self.world.do, answer.by)
        await self.gate.wait()
        return StopEvent(result=answer.by)


class Publishing(Workflow):
    """Drafts once, asks, and publishes."""

    def __init__(self, world: Counting | None = None, **options: Any) -> None:
        super().__init__(types=[Approval, Approved], **options)
        self.world = world or Counting()

    @step
    async def draft(self, ctx: Context[Any], ev: StartEvent) -> Drafted:
        text = await ctx.once(self.world.do, f"draft {ev.topic}", key="draft")
        ctx.write_event_to_stream(Drafted(text=text))
        return Drafted(text=text)

    @step
    async def publish(self, ctx: Context[Any], ev: Drafted) -> StopEvent:
        answer: Approved = await ctx.ask(Approval(what=ev.text))
        await ctx.once(self.world.do, f"publish {ev.text}", key="publish")
        return StopEvent(result=f"{ev.text}, approved by {answer.by}")


class Tea(StartEvent):
    topic: str = "tea"


@pytest.fixture(params=["memory", "images", "normal", "full"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a store, or opens the same one again; with images, each second entry of a run is one."""
    memory = MemoryStore()
    if request.param == "images":
        monkeypatch.setattr(run_journal, "SNAPSHOT_AFTER", 0)
        monkeypatch.setattr(run_journal, "SNAPSHOT_RATIO", 0)
    if request.param in ("memory", "images"):
        yield lambda: memory
    else:
        yield lambda: SqliteStore(tmp_path / "runs.db", synchronous=request.param)


async def the_question(runtime: Runtime) -> str:
    """Wait until a run has asked something, and give the question's id."""
    with anyio.fail_after(5):
        while not (found := await runtime.pending()):
            await anyio.lowlevel.checkpoint()
    return found[0].id


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W1", "W4")
async def test_a_run_goes_on_where_another_runtime_left_it(make_store: Make) -> None:
    world = Counting()
    with anyio.fail_after(5):
        async with no_task_left(), Runtime(store=make_store()) as runtime:
            handler = runtime.run(Publishing(world), topic="tea", run_id="r")
            question = await the_question(runtime)
        with pytest.raises(WorkflowCancelledByUser, match="its Runtime was left"):
            await handler
        async with no_task_left(), Runtime(store=make_store(), workflows=[Publishing(world)]) as runtime:
            (info,) = await runtime.runs(waiting=True)
            assert (info.run_id, info.status) == ("r", "running")
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            assert await runtime.resume("r") == "draft tea, approved by Ada"
        async with no_task_left(), Runtime(store=make_store(), workflows=[Publishing(world)]) as runtime:
            assert await runtime.resume("r") == "draft tea, approved by Ada"
            assert [info.status for info in await runtime.runs()] == ["completed"]
            assert await runtime.pending() == []
    assert world.done == ["draft tea", "publish draft tea"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W1")
async def test_a_run_goes_on_by_itself_after_its_process_died(make_store: Make, tmp_path: Path) -> None:
    """Cut in the middle of its second step: what was recorded isn't done again, and the attempt in flight is."""
    world, gate = Counting(), anyio.Event()

    class Two(Workflow):
        @step
        async def first(self, ctx: Context[Any], ev: StartEvent) -> Drafted:
            return Drafted(text=await ctx.once(world.do, "first"))

        @step
        async def second(self, ctx: Context[Any], ev: Drafted) -> StopEvent:
            world.done.append("bare")
            done = await ctx.once(world.do, "second")
            await gate.wait()
            return StopEvent(result=[ev.text, done])

    with anyio.fail_after(5):
        async with Runtime(store=make_store(), lease=0.01) as runtime:
            handler = runtime.run(Two(workflow_name="two"), run_id="r")
            await until(lambda: "second" in world.done)
            await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)
            left = crashed(runtime.store, tmp_path / "left")
        gate.set()
        world.done.append("crash")
        events = await carried_on(left, Two(workflow_name="two"))
    assert isinstance(events[-1], StopEvent)
    assert events[-1].result == ["first", "second"]
    assert world.done == ["first", "bare", "second", "crash", "bare"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W1")
async def test_a_run_that_waited_in_its_store_survives_the_death_of_the_process_that_went_on_with_it(
    make_store: Make, tmp_path: Path
) -> None:
    """What is stored then is the snapshot that it was left with, and a journal of what came after."""
    world, gate = Counting(), anyio.Event()
    workflow = Asking(world, gate)
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            _ = runtime.run(workflow, run_id="r")
            question = await the_question(runtime)
        async with Runtime(store=make_store(), workflows=[workflow], lease=0.01) as runtime:
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            await until(lambda: world.done == ["Ada"])
            handler = runtime.resume("r")
            await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)
            left = crashed(runtime.store, tmp_path / "left")
        gate.set()
        assert (await carried_on(left, workflow))[-1] == StopEvent(result="Ada")
    assert world.done == ["Ada"]


@pytest.mark.anyio
@pytest.mark.guarantee("W8", "R4")
async def test_a_retry_delay_survives_and_what_a_failed_attempt_recorded_is_kept(make_store: Make) -> None:
    world = Counting()

    class Failing(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(0.05)))
        async def fail(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.once(world.do, "paid")
            if len(world.done) < 2:
                world.done.append("failed")
                raise OSError("try again")
            return StopEvent(result=ctx.retry_info().retry_number)

    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Failing(workflow_name="failing"), run_id="r")
            await until(lambda: len(world.done) == 2)
        async with Runtime(store=make_store(), workflows=[Failing(workflow_name="failing")]) as runtime:
            assert [event.result async for event in runtime.events("r") if isinstance(event, StopEvent)] == [1]
    assert world.done == ["paid", "failed"]


@pytest.mark.anyio
async def test_a_run_in_which_everything_waits_leaves_memory_and_comes_back(make_store: Make) -> None:
    world = Counting()
    with anyio.fail_after(5):
        async with Runtime(store=make_store(), workflows=[Publishing(world)], poll=0.001) as runtime:
            begin(runtime, runtime.workflows[Publishing().workflow_name], topic="tea", run_id="r")
            question = await the_question(runtime)
            gc.collect()
            await until(lambda: runtime.in_memory == ())
            assert [info.is_waiting for info in await runtime.runs()] == [True]
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            assert await runtime.resume("r") == "draft tea, approved by Ada"
    assert world.done == ["draft tea", "publish draft tea"]


@pytest.mark.anyio
async def test_a_run_whose_handler_is_held_stays_in_memory(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store(), poll=0.001) as runtime:
            handler = runtime.run(Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
            await until(lambda: handler.run.is_asleep)
            assert runtime.in_memory == ("r",)
            assert [found.id for found in handler.pending] == [question]
            await handler.send_event(Approved(by="Ada"))
            assert await handler == "draft tea, approved by Ada"


@pytest.mark.anyio
async def test_a_handler_that_is_dropped_later_lets_its_run_leave_memory(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store(), poll=0.001) as runtime:
            held = [runtime.run(Publishing(), topic="tea", run_id="r")]
            await the_question(runtime)
            await until(lambda: held[0].run.is_asleep)
            assert runtime.in_memory == ("r",)
            held.clear()
            gc.collect()
            await until(lambda: runtime.in_memory == ())


class Hurried(Workflow):
    """Waits for an answer, for as long as it's told."""

    def __init__(self) -> None:
        super().__init__(types=[Approval], workflow_name="hurried")

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        try:
            await ctx.ask(Approval(what="?"), timeout=ev.patience_s)
        except TimeoutError:
            return StopEvent(result="too late")
        return StopEvent(result="in time")


@pytest.mark.guarantee("W8")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("make_store", ["memory", "images", "normal"], indirect=True)  # those that use no threads
def test_a_released_run_wakes_at_its_deadline(make_store: Make, backend: Any) -> None:
    async def scenario() -> None:
        workflow = Hurried()
        async with Runtime(store=make_store(), workflows=[workflow], poll=3600) as runtime:
            began = anyio.current_time()
            begin(runtime, workflow, run_id="r", patience_s=30)
            gc.collect()
            await anyio.sleep(20)
            assert runtime.in_memory == ()
            assert len(await runtime.pending()) == 1
            assert [event async for event in runtime.events("r")][-1] == StopEvent(result="too late")
            assert 30 <= anyio.current_time() - began < 31

    simulate(scenario, backend=backend)


@pytest.mark.anyio
@pytest.mark.guarantee("W8")
async def test_a_run_that_nobody_holds_ends_though_nobody_answers_in_time(make_store: Make) -> None:
    """Whether it's released before its deadline or not: how long storing takes is up to the machine."""
    workflow = Hurried()
    with anyio.fail_after(5):
        async with Runtime(store=make_store(), workflows=[workflow], poll=60) as runtime:
            begin(runtime, workflow, run_id="r", patience_s=0.05)
            assert [event async for event in runtime.events("r")][-1] == StopEvent(result="too late")


@pytest.mark.anyio
async def test_the_stream_of_a_run_can_be_read_before_its_beginning_is_stored(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            handler = runtime.run(Publishing(), topic="tea")
            async for event in runtime.events(handler.run_id):
                if isinstance(event, Approval):
                    break
            with pytest.raises(RunNotFound, match="no run 'x'"):
                await anext(runtime.events("x"))


class Slow(Gate):
    """A store that waits with the first commit which releases a run."""

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        if not self.is_waiting and any(change.is_released for change in changes):
            self.shut()
        return await super().commit(owner, changes, now=now)


@pytest.mark.anyio
async def test_a_block_that_is_left_while_a_run_is_being_released_leaves_the_run_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Slow()

    async def go_on_later() -> None:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        store.let_through()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group, Runtime(store=store) as runtime:
            _ = runtime.run(Publishing(), topic="tea", run_id="r").run_id
            await until(lambda: store.is_waiting)
            group.start_soon(go_on_later)
        async with Runtime(store=store, workflows=[Publishing()]) as runtime:
            assert [info.is_waiting for info in await runtime.runs(status="running")] == [True]
            await runtime.send("r", Approved(by="Ada"))
            assert await runtime.resume("r") == "draft tea, approved by Ada"
    assert "is stopped here" not in caplog.text


# --- two runtimes -----------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.guarantee("W5")
async def test_a_run_that_a_living_runtime_carries_can_be_reached_from_another(make_store: Make) -> None:
    world = Counting()
    with anyio.fail_after(5):
        async with (
            Runtime(store=make_store(), poll=0.001) as carrying,
            Runtime(store=make_store(), workflows=[Publishing(world)], poll=0.001) as other,
        ):
            handler = carrying.run(Publishing(world), topic="tea", run_id="r")
            question = await the_question(other)
            with pytest.raises(RunOwnedElsewhere, match="'r' is carried by another runtime"):
                _ = other.resume("r")
            with pytest.raises(InvalidAnswer, match="stays open"):
                await other.send("r", HumanResponseEvent(), reply_to=question)
            await other.send("r", Approved(by="Ada"), reply_to=question)
            assert await handler == "draft tea, approved by Ada"
            with pytest.raises((AlreadyAnswered, WorkflowDone)):
                await other.send("r", Approved(by="Bob"), reply_to=question)
            events = [event async for event in other.events("r")]
            assert events[0] == Drafted(text="draft tea")
            assert isinstance(events[-1], StopEvent)
    assert world.done == ["draft tea", "publish draft tea"]


@pytest.mark.anyio
async def test_a_run_is_cancelled_from_another_runtime_and_resumed_by_hand(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with (
            Runtime(store=make_store(), poll=0.001) as carrying,
            Runtime(store=make_store(), workflows=[Publishing()], poll=0.001) as other,
        ):
            handler = carrying.run(Publishing(), topic="tea", run_id="r")
            await the_question(other)
            await other.cancel("r")
            with pytest.raises(WorkflowCancelledByUser, match="It's stored as it was"):
                await handler
            assert [info.status for info in await other.runs()] == ["cancelled"]
            assert await other.recover() == []
            handler = other.resume("r")
            await until(lambda: bool(handler.pending))
            await handler.send_event(Approved(by="Ada"))
            assert await handler == "draft tea, approved by Ada"


@pytest.mark.anyio
async def test_a_runtime_that_carries_nothing_hands_answers_over(make_store: Make) -> None:
    """With recover=False it takes the answer, stores it, and leaves the run to whoever carries it on."""
    world = Counting()
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Publishing(world), topic="tea", run_id="r")
            question = await the_question(runtime)
        async with Runtime(store=make_store(), workflows=[Publishing(world)], recover=False) as desk:
            await desk.send("r", Approved(by="Ada"), reply_to=question)
            with pytest.raises(AlreadyAnswered):
                await desk.send("r", Approved(by="Bob"), reply_to=question)
            assert await desk.pending() == []
            assert world.done == ["draft tea"]
            assert [info.is_waiting for info in await desk.runs()] == [False]
        async with Runtime(store=make_store(), workflows=[Publishing(world)]) as runtime:
            assert [event async for event in runtime.events("r")][-1] == StopEvent(result="draft tea, approved by Ada")


@pytest.mark.anyio
@pytest.mark.guarantee("W5", "R4")
async def test_who_lets_its_lease_pass_loses_its_runs_and_its_steps_are_cancelled(make_store: Make) -> None:
    world, gate = Counting(), anyio.Event()

    class Slow(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.once(world.do, "recorded")
            try:
                await gate.wait()
            except BaseException:
                world.done.append("cancelled")
                raise
            return StopEvent(result=await ctx.once(world.do, "done"))

    with anyio.fail_after(5):
        async with Runtime(store=make_store(), poll=60) as first:
            handler = first.run(Slow(workflow_name="slow"), run_id="r")
            await until(lambda: world.done == ["recorded"])
            await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)
            await first.store.retire(first.owner)  # as others see it when its lease has passed
            async with Runtime(store=make_store(), workflows=[Slow(workflow_name="slow")], poll=0.001) as second:
                await until(lambda: second.in_memory == ("r",))
                gate.set()
                assert [event async for event in second.events("r")][-1] == StopEvent(result="done")
                with pytest.raises(OwnershipLost, match="another one has taken it over"):
                    await handler
    assert world.done.count("recorded") == 1
    assert world.done.count("done") <= 2


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W3")
async def test_a_refused_answer_leaves_no_gap_in_the_journal(make_store: Make, tmp_path: Path) -> None:
    world, gate = Counting(), anyio.Event()
    workflow = Asking(world, gate)
    with anyio.fail_after(5):
        async with Runtime(store=make_store(), lease=0.01) as runtime:
            handler = runtime.run(workflow, run_id="r")
            await until(lambda: bool(handler.pending))
            for _ in range(3):
                with pytest.raises(InvalidAnswer):
                    await handler.send_event(HumanResponseEvent(), step=None, reply_to=handler.pending[0].id)
            await handler.send_event(Approved(by="Ada"))
            await until(lambda: world.done == ["Ada"])
            with pytest.raises(AlreadyAnswered):
                await handler.send_event(Approved(by="Bob"))
            await handler.ctx.store.set("told", "Bob")  # what is stored next
            await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)
            left = crashed(runtime.store, tmp_path / "left")
        gate.set()
        assert (await carried_on(left, workflow))[-1] == StopEvent(result="Ada")
    assert world.done == ["Ada"]


# --- what can't be carried on -----------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
async def test_a_run_whose_workflow_is_not_registered_is_told_of_and_left(
    make_store: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
        async with Runtime(store=make_store()) as runtime:
            assert "isn't registered" in str(runtime.problems["r"])
            assert "1 unfinished runs are of workflow" in caplog.text
            with pytest.raises(UsageError, match="isn't registered here"):
                _ = runtime.resume("r")
            with pytest.raises(UsageError, match="isn't registered here"):
                await runtime.send("r", Approved(by="Ada"), reply_to=question)
            (found,) = await runtime.pending()
            assert (found.id, found.question) == (question, None)
        async with Runtime(store=make_store(), workflows=[Publishing()]) as runtime:
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            assert await runtime.resume("r") == "draft tea, approved by Ada"


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
async def test_a_run_that_no_longer_fits_is_told_of_and_left(
    make_store: Make, caplog: pytest.LogCaptureFixture
) -> None:
    name = Publishing().workflow_name

    class Changed(Workflow):
        @step
        async def other(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
        async with Runtime(store=make_store(), workflows=[Changed(workflow_name=name)]) as runtime:
            with pytest.raises(SnapshotMismatch, match="'publish' is gone"):
                _ = runtime.resume("r")
        async with Runtime(store=make_store(), workflows=[Publishing()]) as runtime:
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            assert await runtime.resume("r") == "draft tea, approved by Ada"


@pytest.mark.anyio
async def test_what_there_is_not_is_told(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store(), workflows=[Publishing()]) as runtime:
            with pytest.raises(RunNotFound, match="no run 'x'"):
                _ = runtime.resume("x")
            with pytest.raises(RunNotFound, match="no run 'x'"):
                await runtime.send("x", Approved(by="Ada"))
            with pytest.raises(RunNotFound, match="no run 'x'"):
                await runtime.cancel("x")
            with pytest.raises(RunNotFound, match="no run 'x'"):
                await runtime.export_run("x")
            with pytest.raises(RunNotFound, match="no run 'x'"):
                _ = [event async for event in runtime.events("x")]
            with pytest.raises(RunNotFound, match="no run 'x'"):
                await runtime.delete("x")


@pytest.mark.anyio
async def test_a_second_run_of_one_id_is_refused(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
        async with Runtime(store=make_store(), workflows=[Publishing()]) as runtime:
            with pytest.raises(RunExists, match="'r' is stored already"):
                await runtime.run(runtime.workflows[Publishing().workflow_name], topic="coffee", run_id="r")
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            assert await runtime.resume("r") == "draft tea, approved by Ada"


# --- nothing is ahead of what is stored -------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W4")
async def test_nothing_is_seen_before_it_is_stored() -> None:
    store, world = Gate(), Counting()
    seen: list[Any] = []

    async def read(handler: Any) -> None:
        async for event in handler.stream_events():
            seen.append(event)  # noqa: PERF401  (looked at while it's being read)

    async def answer(handler: Any) -> None:
        await handler.send_event(Approved(by="Ada"))
        seen.append("accepted")

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime, anyio.create_task_group() as group:
            store.shut()
            handler = runtime.run(Publishing(world), topic="tea")
            group.start_soon(read, handler)
            await until(lambda: store.is_waiting)
            await anyio.wait_all_tasks_blocked()
            assert (world.done, seen) == ([], [])
            store.let_through()
            await until(lambda: len(seen) == 2)
            assert seen == [Drafted(text="draft tea"), Approval(what="draft tea")]
            store.shut()
            group.start_soon(answer, handler)
            await until(lambda: store.is_waiting)
            await anyio.wait_all_tasks_blocked()
            assert (len(seen), world.done) == (2, ["draft tea"])
            store.let_through()
            await until(lambda: "accepted" in seen)
            assert await handler == "draft tea, approved by Ada"


@pytest.mark.anyio
@pytest.mark.guarantee("R3", "R4")
async def test_what_a_step_streams_and_the_end_of_its_run_are_read_when_they_are_stored() -> None:
    store, gate, seen = Gate(), anyio.Event(), list[Event]()

    class Telling(Workflow):
        @step
        async def tell(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await gate.wait()
            ctx.write_event_to_stream(Drafted(text="tea"))
            return StopEvent(result="told")

    async def read(handler: Any) -> None:
        async for event in handler.stream_events():
            seen.append(event)

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime, anyio.create_task_group() as group:
            handler = runtime.run(Telling(types=[Drafted]))
            group.start_soon(read, handler)
            await anyio.wait_all_tasks_blocked()
            store.shut()
            gate.set()
            await until(lambda: store.is_waiting)
            await anyio.wait_all_tasks_blocked()
            assert (seen, handler.is_done()) == ([], False)
            store.let_through()
            assert await handler == "told"
    assert seen == [Drafted(text="tea"), StopEvent(result="told")]


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W4")
async def test_what_is_sent_through_the_runtime_is_stored_when_sending_returns() -> None:
    store, sent = Gate(), list[str]()

    async def send(runtime: Runtime, question: str) -> None:
        await runtime.send("r", Approved(by="Ada"), reply_to=question)
        sent.append("accepted")

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime, anyio.create_task_group() as group:
            handler = runtime.run(Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
            store.shut()
            group.start_soon(send, runtime, question)
            await until(lambda: store.is_waiting)
            await anyio.wait_all_tasks_blocked()
            assert sent == []
            store.let_through()
            assert await handler == "draft tea, approved by Ada"
    assert sent == ["accepted"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_function_called_once_is_stored_before_the_step_goes_on() -> None:
    store, world = Gate(), Counting()

    class Paying(Workflow):
        @step
        async def pay(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.once(self.shut_and_pay)
            world.done.append("went on")
            return StopEvent()

        async def shut_and_pay(self) -> None:
            world.done.append("paid")
            store.shut()

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime:
            handler = runtime.run(Paying())
            await until(lambda: store.is_waiting)
            await anyio.wait_all_tasks_blocked()
            assert world.done == ["paid"]
            store.let_through()
            await handler
    assert world.done == ["paid", "went on"]


@pytest.mark.anyio
@pytest.mark.guarantee("W1")
async def test_what_is_on_record_is_given_though_a_scope_of_the_step_is_cancelled_while_it_is_stored() -> None:
    """A replay is given it too, and must not come to anything else."""
    store, scopes = Gate(), list[anyio.CancelScope]()

    class Hasty(Workflow):
        @step
        async def hurry(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            value = "cut short"
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                value = await ctx.once(self.shut)
            answer: Approved = await ctx.ask(Approval(what=value))
            return StopEvent(result=[value, answer.by])

        async def shut(self) -> str:
            store.shut()
            return "shut"

    with anyio.fail_after(5):
        async with Runtime(store=store) as runtime:
            handler = runtime.run(Hasty(types=[Approval, Approved]))
            await until(lambda: store.is_waiting)
            scopes[0].cancel()
            await anyio.wait_all_tasks_blocked()
            store.let_through()
            await until(lambda: bool(handler.pending))
            await handler.send_event(Approved(by="Ada"))
            assert await handler == ["shut", "Ada"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
@pytest.mark.parametrize("number", range(7))
async def test_a_run_that_cannot_be_stored_stops_and_can_be_recovered(number: int) -> None:
    store, world = Gate(), Counting()
    calls, told = list[Any](), list[StoreError]()

    def fails(changes: Any) -> bool:
        calls.append(changes)
        return len(calls) == number + 1

    store.fails_at = fails
    with anyio.fail_after(5):
        async with no_task_left(), Runtime(store=store) as runtime:
            handler = runtime.run(Publishing(world), topic="tea", run_id="r")
            try:
                await until(lambda: bool(handler.pending) or handler.is_done())
                await handler.send_event(Approved(by="Ada"))
                assert await handler == "draft tea, approved by Ada"
            except StoreError as error:
                told.append(error)
        async with no_task_left(), Runtime(store=store, workflows=[Publishing(world)]) as runtime:
            if await runtime.runs() == []:
                assert number == 0
                return
            handler = runtime.resume("r")
            await until(lambda: bool(handler.pending) or handler.is_done())
            if handler.pending:
                await handler.send_event(Approved(by="Ada"))
            assert await handler == "draft tea, approved by Ada"
    assert [error.run_ids for error in told] in ([], [("r",)])
    assert all("disk is full" in str(error) for error in told)
    assert world.done.count("draft tea") <= 2
    assert world.done.count("publish draft tea") <= 2
    assert len(world.done) <= 3


@pytest.mark.anyio
@pytest.mark.guarantee("D1")
async def test_a_step_that_returns_what_cannot_be_stored_fails(make_store: Make) -> None:
    class Bad(Workflow):
        @step
        async def bad(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=object())

    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            with pytest.raises(EncodeError, match="result"):
                await runtime.run(Bad())
            assert [info.status for info in await runtime.runs()] == ["failed"]


# --- reading and keeping ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.guarantee("R3")
async def test_a_stored_stream_is_read_from_any_position_and_across_runtimes(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            begin(runtime, Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
        async with Runtime(store=make_store(), workflows=[Publishing()], poll=0.001) as runtime:
            reader = runtime.events("r")
            first = await anext(reader)
            assert (first, reader.position) == (Drafted(text="draft tea"), 1)
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            rest = [event async for event in reader]
            assert rest == [Approval(what="draft tea"), StopEvent(result="draft tea, approved by Ada")]
            assert [event async for event in runtime.events("r", after=2)] == rest[1:]


@pytest.mark.anyio
async def test_runs_and_questions_are_listed_in_pages(make_store: Make) -> None:
    with anyio.fail_after(10):
        async with Runtime(store=make_store(), workflows=[Publishing()], poll=0.001) as runtime:
            workflow = runtime.workflows[Publishing().workflow_name]
            for number in range(7):
                begin(runtime, workflow, topic=str(number), run_id=f"r{number}")
            while len(await runtime.pending()) < 7:
                await anyio.lowlevel.checkpoint()
            first = await runtime.runs(limit=4)
            rest = await runtime.runs(after=first[-1].run_id)
            assert [info.run_id for info in [*first, *rest]] == [f"r{number}" for number in range(7)]
            some = await runtime.pending(limit=3)
            more = await runtime.pending(after=some[-1].number)
            assert len({found.id for found in [*some, *more]}) == 7
            (only,) = await runtime.pending(run_id="r3")
            assert only.question is not None
            assert only.question.event == Approval(what="draft 3")
            assert len(await runtime.runs(status="running", workflow=workflow)) == 7
            assert await runtime.runs(workflow="another") == []


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W4")
async def test_an_answered_question_leaves_the_list_while_its_run_asks_the_next(make_store: Make) -> None:
    class AskingTwice(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            heard = [(await ctx.ask(Approval(what=what))).by for what in ("tea", "cake")]
            return StopEvent(result=heard)

    with anyio.fail_after(5):
        async with Runtime(store=make_store(), poll=0.001) as runtime:
            handler = runtime.run(AskingTwice(types=[Approval, Approved]), run_id="r")
            question = await the_question(runtime)
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            await until(lambda: [asked.event for asked in handler.pending] == [Approval(what="cake")])
            await until(lambda: handler.run.journal is not None and handler.run.journal.is_settled)
            found = await runtime.pending()
            assert [one.question.event for one in found if one.question] == [Approval(what="cake")]
            await runtime.send("r", Approved(by="Eve"), reply_to=found[0].id)
            assert await handler == ["Ada", "Eve"]


@pytest.mark.anyio
async def test_a_run_is_exported_and_goes_on_in_another_store(make_store: Make) -> None:
    with anyio.fail_after(5):
        async with Runtime(store=make_store()) as runtime:
            handler = runtime.run(Publishing(), topic="tea", run_id="r")
            question = await the_question(runtime)
            with pytest.raises(RunOwnedElsewhere):
                await runtime.delete(handler.run_id)
        async with Runtime(store=make_store(), workflows=[Publishing()]) as runtime:
            data = await runtime.export_run("r")
            with pytest.raises(RunExists):
                await runtime.import_run(data)
            await runtime.delete("r")
            assert await runtime.runs() == []
        async with Runtime(store=MemoryStore(), workflows=[Publishing()]) as runtime:
            assert await runtime.import_run(data) == "r"
            assert [found.id for found in await runtime.pending()] == [question]
            await runtime.send("r", Approved(by="Ada"), reply_to=question)
            assert await runtime.resume("r") == "draft tea, approved by Ada"
            assert len([event async for event in runtime.events("r")]) == 3


@pytest.mark.anyio
async def test_a_runtime_without_a_store_says_so() -> None:
    async with Runtime() as runtime:
        with pytest.raises(UsageError, match="has no store"):
            await runtime.runs()
