"""The claims of `docs/explanation/replay.md` that its own blocks don't show."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from tests.docs.asking import TYPES, YES, Approval, Progress, Snapshot, resumed, settled, tapes, until_asked
from tests.docs.pages import ROOT
from workflows import Context, Workflow, step
from workflows.errors import (
    AnswerRefused,
    ContextStateError,
    ReplayMismatch,
    SuspensionSwallowed,
    UsageError,
    WaitTimedOut,
)
from workflows.events import Event, StartEvent, StopEvent
from workflows.testing import simulate

PAGE = (ROOT / "docs" / "explanation" / "replay.md").read_text(encoding="utf-8")


class Once(Workflow):
    """Does something, asks, and gives what the first thing gave."""

    def __init__(self, act: Callable[[Context], Awaitable[Any]], **options: Any) -> None:
        super().__init__(types=TYPES, **options)
        self.act = act
        self.calls = 0

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.calls += 1
        result = await self.act(ctx)
        await ctx.ask(Approval(what="a desk"))
        return StopEvent(result=result)


# --- what is recorded, and under which key ----------------------------------------------------------------------------


async def sends(ctx: Context) -> None:
    ctx.send_event(Progress(done=1))


async def writes_to_the_stream(ctx: Context) -> None:
    ctx.write_event_to_stream(Progress(done=1))
    await ctx.stream(Progress(done=2))


async def sets(ctx: Context) -> None:
    await ctx.store.set("a", 1)
    await ctx.store.set_state({"b": 2})
    await ctx.store.clear()


async def gets(ctx: Context) -> object:
    return await ctx.store.get("a", None)


async def edits(ctx: Context) -> None:
    async with ctx.store.edit_state() as state:
        state["a"] = 1


async def calls_once(ctx: Context) -> object:
    return await ctx.once(str, 5)


async def reads_the_clock(ctx: Context) -> object:
    return [str(ctx.now()), len(ctx.pending), await ctx.running_steps()]


async def collects(ctx: Context) -> object:
    return ctx.collect_events(Progress(done=1), [Progress, Progress])


async def asks(ctx: Context) -> None:
    with pytest.raises(WaitTimedOut):
        await ctx.ask(Approval(what="nothing"), timeout=0)


async def draws(ctx: Context) -> object:
    return [ctx.random.random(), str(ctx.uuid4())]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("act", "operations", "kinds"),
    [
        (sends, ["ctx.send_event"], ["effects"]),
        (writes_to_the_stream, ["ctx.write_event_to_stream", "ctx.stream"], ["effects"]),
        (sets, ["ctx.store.set", "set_state", "clear"], ["effects"]),
        (gets, ["ctx.store.get"], ["read"]),
        (edits, ["ctx.store.edit_state"], ["value", "edited"]),
        (calls_once, ["ctx.once"], ["value"]),
        (reads_the_clock, ["ctx.now", "ctx.pending", "ctx.running_steps"], ["value", "value", "value"]),
        (collects, ["ctx.collect_events"], ["collected"]),
        (asks, ["ctx.ask"], ["asked"]),
        (draws, ["ctx.random", "ctx.uuid4"], []),
    ],
)
async def test_each_row_of_the_table_is_true(
    act: Callable[[Context], Awaitable[Any]], operations: list[str], kinds: list[str]
) -> None:
    workflow = Once(act, disable_validation=True)
    snapshot = await until_asked(workflow)
    *records, asked = tapes(snapshot).get("", [])
    assert [record["is"] for record in records] == kinds
    assert asked["is"] == "asked"
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{operations[0]}`")]
    assert all(f"`{name}`" in row for name in operations)
    assert f"| {', '.join(dict.fromkeys(kinds)) or 'none'} |" in row
    first, published = await resumed(workflow, snapshot, YES), list[Event]()
    assert await resumed(workflow, snapshot, YES, published=published) == first
    assert published == [StopEvent(result=first)]


@pytest.mark.anyio
async def test_a_loop_finds_its_passes_in_their_order() -> None:
    async def act(ctx: Context) -> list[str]:
        return [str(await ctx.once(next, counter)) for _ in range(3)]

    counter = iter(range(100))
    workflow = Once(act)
    snapshot = await until_asked(workflow)
    assert await resumed(workflow, snapshot, YES) == ["0", "1", "2"]
    assert next(counter) == 3


# --- departures -------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_changed_one_of_many_writes_is_noticed_at_the_last_and_none_is_done() -> None:
    came_to: list[int] = []

    async def act(ctx: Context) -> None:
        for done in range(10):
            came_to.append(done)
            ctx.write_event_to_stream(Progress(done=-1 if workflow.calls > 1 and done == 4 else done))

    workflow = Once(act)
    snapshot = await until_asked(workflow)
    came_to.clear()
    published: list[Event] = []
    with pytest.raises(ReplayMismatch):
        await resumed(workflow, snapshot, YES, published=published)
    assert came_to == list(range(10))
    assert not [event for event in published if isinstance(event, Progress)]


class Later(Event):
    pass


@pytest.mark.anyio
async def test_a_step_that_ends_before_its_record_fails_and_its_event_goes_nowhere() -> None:
    class Ending(Workflow):
        calls = 0
        others = 0

        @step(retry_policy=Always())
        async def review(self, ctx: Context, ev: StartEvent) -> Later:
            self.calls += 1
            if self.calls == 1:
                await ctx.ask(Approval(what="a desk"))
            return Later()

        @step
        async def later(self, ev: Later) -> StopEvent:
            self.others += 1
            return StopEvent()

    workflow = Ending(types=TYPES)
    snapshot = await until_asked(workflow)
    with pytest.raises(ReplayMismatch) as caught:
        await resumed(workflow, snapshot, YES)
    assert "approval" in caught.value.recorded
    assert (workflow.calls, workflow.others) == (2, 0)
    workflow.calls = 0
    assert await resumed(workflow, snapshot, YES) is None, "the snapshot is what it was"


class Always:
    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.0


@pytest.mark.anyio
async def test_a_branch_notices_a_changed_question_at_once_and_a_loose_task_when_its_step_ends() -> None:
    class Concurrent(Workflow):
        what = "a desk"

        @step
        async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def loose() -> None:
                await ctx.ask(Approval(what=self.what))

            async def branched() -> None:
                async with ctx.branch("own"):
                    await loose()

            async with anyio.create_task_group() as group:
                group.start_soon(branched if ev.own else loose)
            return StopEvent()

    async def departed(own: bool) -> list[Event]:
        workflow, published = Concurrent(types=TYPES), list[Event]()
        snapshot = await until_asked(workflow, own=own)
        workflow.what = "a chair"
        ctx: Context[Any] = Context.from_dict(workflow, snapshot)
        with pytest.RaisesGroup(ReplayMismatch) if own else pytest.raises(ReplayMismatch):
            async with workflow.running(ctx) as handler:
                await settled()
                if not own:
                    await handler.send_event(YES, reply_to=handler.pending[-1].id)
                published += [event async for event in handler.stream_events(after=snapshot["streamed"])]
                await handler
        return [event for event in published if isinstance(event, Approval)]

    assert await departed(own=True) == []
    assert await departed(own=False) == [Approval(what="a chair")]


# --- branches and question ids ----------------------------------------------------------------------------------------


@pytest.mark.guarantee("W7")
@pytest.mark.parametrize("seed", range(20))
def test_branches_give_each_task_its_own_answer_on_every_schedule(seed: int) -> None:
    pytest.importorskip("trio")

    async def act(ctx: Context) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def one(what: str) -> None:
            async with ctx.branch(what):
                number = str(ctx.uuid4())
                answer = await ctx.wait_for_event(Progress, Approval(what=what))
                found[what] = [number, answer.done]

        async with anyio.create_task_group() as group:
            for what in "abc":
                group.start_soon(one, what)
        return found

    async def scenario(questions: int, snapshot: Snapshot | None = None) -> Any:
        if snapshot is None:
            return await until_asked(Once(act), questions)
        workflow = Once(act)
        ctx: Context[Any] = Context.from_dict(workflow, snapshot)
        asked = {asked.event.what: asked.id for asked in ctx.pending if isinstance(asked.event, Approval)}
        async with workflow.running(ctx) as handler:
            for number, what in enumerate("abc"):
                await handler.send_event(Progress(done=number), reply_to=asked[what])
            await settled()
            await handler.send_event(YES)
            return await handler

    snapshot = simulate(lambda: scenario(3), seed=seed)
    found = simulate(lambda: scenario(3, snapshot), seed=seed + 1000)
    assert {what: answer for what, (_, answer) in found.items()} == {"a": 0, "b": 1, "c": 2}
    again = simulate(lambda: scenario(3, snapshot), seed=seed + 2000)
    assert found == again


@pytest.mark.anyio
async def test_equal_questions_of_a_loop_have_ids_of_their_own_which_stay() -> None:
    async def act(ctx: Context) -> None:
        await ctx.ask(Approval(what="a desk"))

    ids: list[str] = []
    workflow = Once(act)
    for _ in range(2):
        handler = workflow.run(run_id="run 1")
        await settled()
        ids.append(handler.pending[0].id)
        await handler.send_event(YES)
        await settled()
        ids.append(handler.pending[0].id)
        await handler.cancel_run()
    assert ids[0] != ids[1]
    assert ids[:2] == ids[2:]


# --- edits and refusals -----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_an_edit_runs_again_on_what_it_saw_and_is_not_committed_again() -> None:
    seen: list[int] = []

    async def act(ctx: Context) -> None:
        async with ctx.store.edit_state() as state:
            seen.append(state.get("count", 0))
            state["count"] = state.get("count", 0) + 1 + surplus

    surplus = 0
    workflow = Once(act)
    snapshot = await until_asked(workflow)
    ctx: Context[Any] = Context.from_dict(workflow, snapshot)
    handler = workflow.run(ctx)
    await handler.send_event(YES)
    await handler
    assert seen == [0, 0]
    assert await handler.ctx.store.get("count") == 1
    surplus = 1
    with pytest.raises(ReplayMismatch, match="another state"):
        await resumed(workflow, snapshot, YES)


@pytest.mark.anyio
async def test_an_edit_that_raised_is_done_again_on_fresh_state() -> None:
    seen: list[object] = []

    async def act(ctx: Context) -> None:
        with pytest.raises(ConnectionError):
            async with ctx.store.edit_state() as state:
                seen.append(state.get("count"))
                raise ConnectionError

    workflow = Once(act)
    handler = workflow.run()
    await settled()
    await handler.ctx.store.set("count", 7)
    await handler.send_event(YES)
    await handler
    assert seen == [None, 7]


@pytest.mark.anyio
async def test_nothing_waits_inside_an_edit_or_a_once() -> None:
    async def act(ctx: Context) -> None:
        async with ctx.store.edit_state():
            with pytest.raises(UsageError, match="edit_state"):
                await ctx.ask(Approval(what="a desk"))

        async def inner() -> None:
            with pytest.raises(UsageError, match="once"):
                await ctx.ask(Approval(what="a desk"))

        await ctx.once(inner)

    workflow = Once(act)
    assert await resumed(workflow, await until_asked(workflow), YES) is None


@pytest.mark.anyio
async def test_a_refusal_is_raised_again_on_a_replay() -> None:
    refused: list[str] = []

    async def act(ctx: Context) -> None:
        try:
            ctx.send_event(YES)
        except AnswerRefused as error:
            refused.append(str(error))

    workflow = Once(act)
    await resumed(workflow, await until_asked(workflow), YES)
    assert len(refused) == 2
    assert refused[0] == refused[1]


# --- retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_once_that_raised_is_called_again() -> None:
    calls: list[int] = []

    def pay() -> int:
        calls.append(len(calls))
        if len(calls) < 3:
            raise ConnectionError
        return len(calls)

    class Paying(Workflow):
        @step(retry_policy=Always())
        async def pay(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.once(pay))

    assert await Paying().run() == 3


@pytest.mark.anyio
async def test_a_retry_reads_fresh_state_and_draws_afresh() -> None:
    seen: list[tuple[object, float]] = []

    class Reading(Workflow):
        @step(retry_policy=Always())
        async def read(self, ctx: Context, ev: StartEvent) -> StopEvent:
            seen.append((await ctx.store.get("count", 0), ctx.random.random()))
            if len(seen) == 1:
                await ctx.store.set("count", 1)
                raise ConnectionError
            return StopEvent()

    await Reading().run()
    assert [count for count, _ in seen] == [0, 1]
    assert seen[0][1] != seen[1][1]


# --- suspending -------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_while_it_is_suspended_the_context_of_a_step_does_nothing() -> None:
    class Cleaning(Workflow):
        @step
        async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.ask(Approval(what="a desk"))
            finally:
                ctx.write_event_to_stream(Progress(done=int(ctx.suspending)))
            return StopEvent()

    workflow, published = Cleaning(types=TYPES), list[Event]()
    snapshot = await until_asked(workflow)
    assert snapshot["streamed"] == 2, "the question and the end of the stream"
    await resumed(workflow, snapshot, YES, published=published)
    assert published == [Progress(done=0), StopEvent()]


@pytest.mark.anyio
async def test_clean_up_that_raises_while_suspending_fails_the_attempt() -> None:
    class Cleaning(Workflow):
        @step
        async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.ask(Approval(what="a desk"))
            finally:
                if ctx.suspending:
                    raise ConnectionError("the lock can't be given back")
            return StopEvent()

    with pytest.raises(ConnectionError, match="lock"):
        await Cleaning(types=TYPES).run()


@pytest.mark.anyio
async def test_a_once_in_flight_is_finished_and_recorded_before_the_step_is_suspended() -> None:
    workflow = Finishing()
    handler = workflow.run()
    await workflow.began.wait()
    await settled()
    assert workflow.paid == []
    assert len(handler.pending) == 1
    workflow.gate.set()
    await settled()
    assert workflow.paid == ["paid"]
    await handler.send_event(YES)
    assert await handler == ["paid"]
    assert workflow.payments == 1


class Finishing(Workflow):
    """While one of its tasks pays, the step itself asks."""

    def __init__(self) -> None:
        super().__init__(types=TYPES)
        self.began, self.gate = anyio.Event(), anyio.Event()
        self.payments = 0
        self.paid: list[str] = []

    async def pay(self) -> str:
        self.payments += 1
        self.began.set()
        await self.gate.wait()
        self.paid.append("paid")
        return "paid"

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        results: list[str] = []

        async def child() -> None:
            results.append(await ctx.once(self.pay))

        async with anyio.create_task_group() as group:
            group.start_soon(child)
            await self.began.wait()
            await ctx.ask(Approval(what="a desk"))
        return StopEvent(result=results)


def test_a_step_that_does_not_end_is_named_after_five_seconds(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("trio")

    class Stubborn(Workflow):
        @step
        async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.ask(Approval(what="a desk"))
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(8)
                raise
            return StopEvent()

    async def scenario() -> float:
        started = anyio.current_time()
        with pytest.raises(SuspensionSwallowed, match="review"):
            await Stubborn(types=TYPES).run()
        return anyio.current_time() - started

    with caplog.at_level(logging.ERROR):
        assert simulate(scenario) == pytest.approx(8)
    assert any("'review'" in record.getMessage() and "5 s" in record.getMessage() for record in caplog.records)


# --- parking ----------------------------------------------------------------------------------------------------------


async def in_the_own_task(ctx: Context) -> None:
    await ctx.ask(Approval(what="a train"))


async def in_a_child(ctx: Context) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(in_the_own_task, ctx)


async def under_a_deadline(ctx: Context) -> None:
    with anyio.fail_after(60):
        await in_the_own_task(ctx)


async def under_a_shield(ctx: Context) -> None:
    with anyio.CancelScope(shield=True):
        await in_the_own_task(ctx)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("act", "waits", "calls"),
    [
        (in_the_own_task, "replay", 2),
        (in_a_child, "replay", 1),
        (under_a_deadline, "replay", 1),
        (under_a_shield, "replay", 1),
        (in_the_own_task, "park", 1),
    ],
)
async def test_a_wait_that_parks_goes_on_in_place_and_is_replayed_after_a_restart(
    act: Callable[[Context], Awaitable[Any]], waits: str, calls: int
) -> None:
    workflow = Once(act, waits=waits)
    with anyio.fail_after(5):
        handler = workflow.run()
        await settled()
        data = handler.ctx.to_dict()
        await handler.send_event(YES)
        await settled()
        assert workflow.calls == calls
        await handler.cancel_run()
    workflow.calls = 0
    ctx: Context[Any] = Context.from_dict(workflow, data)
    async with workflow.running(ctx) as again:
        with anyio.fail_after(5):
            await again.send_event(YES)
            await settled()
            assert workflow.calls >= 1
            await again.send_event(YES)
            assert await again is None


@pytest.mark.parametrize(
    ("place", "is_in_time"), [("own task", True), ("ask_all", True), ("branch", True), ("loose", False)]
)
def test_a_wait_spends_no_budget_unless_it_is_parked_where_more_may_go_on(place: str, is_in_time: bool) -> None:
    pytest.importorskip("trio")

    async def act(ctx: Context) -> None:
        async def branched() -> None:
            async with ctx.branch("x"):
                await in_the_own_task(ctx)

        async def loose() -> None:
            await in_the_own_task(ctx)

        if place == "own task":
            await in_the_own_task(ctx)
        elif place == "ask_all":
            await ctx.ask_all(Approval(what="a train"))
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(branched if place == "branch" else loose)

    async def scenario() -> bool:
        handler = Once(act, timeout=10).run()
        await anyio.sleep(1000)
        if handler.is_done():
            with pytest.raises(TimeoutError):
                await handler
            return False
        await handler.send_event(YES)
        await settled()
        await handler.send_event(YES)
        await handler
        return True

    assert simulate(scenario) is is_in_time


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_one_more_random_draw_is_not_noticed_of_its_own() -> None:
    async def act(ctx: Context) -> float:
        if workflow.calls > 1:
            ctx.random.random()
        return ctx.random.random()

    workflow = Once(act)
    assert isinstance(await resumed(workflow, await until_asked(workflow), YES), float)


def test_a_task_of_asyncio_that_outlives_its_step_finds_its_context_closed() -> None:
    import asyncio

    outcome: list[BaseException] = []

    class Leaving(Workflow):
        @step
        async def leave(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def late() -> None:
                await gate.wait()
                try:
                    ctx.write_event_to_stream(Progress(done=1))
                except ContextStateError as error:
                    outcome.append(error)

            gate = asyncio.Event()
            gates.append((gate, asyncio.create_task(late())))
            return StopEvent()

    gates: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def main() -> None:
        await Leaving(types=TYPES).run()
        ((gate, task),) = gates
        gate.set()
        await task

    anyio.run(main, backend="asyncio")
    assert len(outcome) == 1


@pytest.mark.anyio
async def test_a_value_that_many_steps_read_stands_once_in_a_snapshot() -> None:
    class Reading(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Progress | None:
            await ctx.store.set("text", "needle")
            for number in range(5):
                ctx.send_event(Progress(done=number))
            return None

        @step(num_workers=5)
        async def read(self, ctx: Context, ev: Progress) -> StopEvent:
            await ctx.store.get("text")
            await ctx.ask(Approval(what=str(ev.done)))
            return StopEvent()

    snapshot = await until_asked(Reading(types=TYPES), 5)
    assert len(snapshot["executions"]) == 5
    assert str(snapshot).count("needle") == 1
