"""`to_dict()` works at any moment of a run, disturbs nothing, and what it gives can be resumed."""

import copy
import json
from typing import Any

import anyio
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import (
    ContextSerdeError,
    DecodeError,
    EncodeError,
    SnapshotMismatch,
    WorkflowCancelledByUser,
    WorkflowTimeoutError,
)
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    UnreconstructedException,
    WorkflowFailedEvent,
)
from workflows.handler import WorkflowHandler

pytestmark = pytest.mark.anyio


class Part(Event):
    number: int


class Done(Event):
    number: int


class Summing(Workflow):
    """Six parts on two workers, each held at a gate; their numbers are gathered."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = anyio.Event()
        self.worked: list[int] = []

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(6):
            ctx.send_event(Part(number=number))
        return None

    @step(num_workers=2)
    async def work(self, ctx: Context[Any], ev: Part) -> Done:
        self.worked.append(ev.number)
        if ev.number >= 2:
            await self.gate.wait()
        return Done(number=ev.number)

    @step
    async def join(self, ctx: Context[Any], ev: Done) -> StopEvent | None:
        done = ctx.collect_events(ev, [Done] * 6)
        return None if done is None else StopEvent(result=sorted(event.number for event in done if type(event) is Done))


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.store.set("asked", ["one"])
        answer: HumanResponseEvent = await ctx.ask(InputRequiredEvent(prefix="?"))
        return StopEvent(result=[answer.response, await ctx.store.get("asked", None)])


class Counting(Workflow):
    @step
    async def count(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        runs = await ctx.store.get("runs", 0) + 1
        await ctx.store.set("runs", runs)
        return StopEvent(result=runs)


def through_json(data: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    assert loaded == data
    return loaded


def resumed(workflow: Workflow, data: dict[str, Any]) -> WorkflowHandler:
    return workflow.run(Context[Any].from_dict(workflow, through_json(data)))


async def test_before_a_run_there_is_a_snapshot_and_it_keeps_the_state() -> None:
    """Semantics 9."""
    workflow = Counting()
    context = Context[Any](workflow)
    with anyio.fail_after(5):
        await context.store.set("runs", 5)
        data = context.to_dict()
        assert data["format_version"] == 1
        assert data["status"] == "new"
        assert await resumed(workflow, data) == 6
        assert await workflow.run(context) == 6


async def test_a_run_that_has_just_been_started_can_be_resumed_elsewhere() -> None:
    workflow = Counting()
    with anyio.fail_after(5):
        handler = workflow.run()
        data = handler.ctx.to_dict()
        assert data["status"] == "running"
        assert await resumed(workflow, data) == 1
        assert await handler == 1


async def test_while_steps_run_what_is_in_flight_queued_and_half_gathered_is_in_it() -> None:
    """Semantics 9 and 10."""
    workflow = Summing()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        assert sorted(workflow.worked) == [0, 1, 2, 3]
        data = handler.ctx.to_dict()
        copied = copy.deepcopy(data)

        other = Summing()
        other.gate.set()
        again = resumed(other, data)
        assert await again == [0, 1, 2, 3, 4, 5]
        assert sorted(other.worked) == [2, 3, 4, 5]

        workflow.gate.set()
        assert await handler == [0, 1, 2, 3, 4, 5]
        assert sorted(workflow.worked) == [0, 1, 2, 3, 4, 5]
        assert data == copied


async def test_in_the_loop_over_the_stream_after_leaving_it_and_after_cancelling() -> None:
    """Semantics 7 and 9: a cancelled run says that it is running, and can be resumed."""
    workflow = Asking()
    snapshots: list[dict[str, Any]] = []
    with anyio.fail_after(5):
        handler = workflow.run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                snapshots.append(handler.ctx.to_dict())
                break
        snapshots.append(handler.ctx.to_dict())
        await wait_until_all_wait()
        snapshots.append(handler.ctx.to_dict())
        await handler.cancel_run()
        snapshots.append(handler.ctx.to_dict())
        for number, data in enumerate(snapshots):
            assert data["status"] == "running"
            context = Context[Any].from_dict(workflow, through_json(data))
            assert context.is_running
            assert [question.event for question in context.pending] == [InputRequiredEvent(prefix="?")]
            again = workflow.run(context)
            assert again.run_id == handler.run_id
            await again.send_event(HumanResponseEvent(response=number))
            assert await again == [number, ["one"]]
            events = [event async for event in again.stream_events()]
            assert events == [StopEvent(result=[number, ["one"]])]


async def test_while_a_run_is_ending_its_snapshot_has_the_result() -> None:
    begun, release = anyio.Event(), anyio.Event()

    class Ending(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            ctx.send_event(Part(number=0))
            ctx.send_event(Part(number=1))
            return None

        @step
        async def work(self, ev: Part) -> StopEvent | None:
            if ev.number == 1:
                await begun.wait()
                return StopEvent(result="early")
            begun.set()
            with anyio.CancelScope(shield=True):
                await release.wait()
            return None

    workflow = Ending()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        assert not handler.is_done()
        data = handler.ctx.to_dict()
        assert data["status"] == "ended"
        assert await resumed(workflow, data) == "early"
        release.set()
        assert await handler == "early"


async def test_while_a_run_is_being_cancelled_its_snapshot_goes_on_with_it() -> None:
    release = anyio.Event()

    class Slow(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            with anyio.CancelScope(shield=not release.is_set()):
                await release.wait()
            return StopEvent(result="done")

    workflow = Slow()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        await handler.cancel_run(timeout=0)
        data = handler.ctx.to_dict()
        assert data["status"] == "running"
        release.set()
        with pytest.raises(WorkflowCancelledByUser):
            await handler
        assert await resumed(workflow, data) == "done"
        assert await resumed(workflow, handler.ctx.to_dict()) == "done"


async def test_a_step_can_not_be_told_from_outside_by_its_own_snapshot() -> None:
    """`ctx.to_dict()` in a step is the run's, in which that step is in flight."""
    taken: list[dict[str, Any]] = []

    class Taking(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            if not taken:
                taken.append(ctx.to_dict())
                return StopEvent(result="taken")
            return StopEvent(result="again")

    workflow = Taking()
    with anyio.fail_after(5):
        assert await workflow.run() == "taken"
        assert await resumed(workflow, taken[0]) == "again"


# --- finished runs ----------------------------------------------------------------------------------------------------


async def test_a_finished_run_that_is_resumed_gives_its_stored_result() -> None:
    workflow = Counting()
    with anyio.fail_after(5):
        handler = workflow.run()
        assert await handler == 1
        data = handler.ctx.to_dict()
        assert data["status"] == "ended"
        again = resumed(workflow, data)
        assert again.is_done()
        assert again.run_id == handler.run_id
        assert await again == 1
        assert again.ctx.get_result() == 1
        assert again.get_stop_event() == StopEvent(result=1)
        assert await again.ctx.store.get("runs") == 1
        async with workflow.running(Context[Any].from_dict(workflow, data)) as block:
            assert await block == 1


async def test_a_finished_run_that_is_given_inputs_runs_again_with_its_state() -> None:
    workflow = Counting()
    with anyio.fail_after(5):
        handler = workflow.run()
        await handler
        data = handler.ctx.to_dict()
        assert await workflow.run(Context[Any].from_dict(workflow, data), more=True) == 2
        assert await workflow.run(Context[Any].from_dict(workflow, data), StartEvent()) == 2


async def test_the_stream_of_a_finished_run_that_is_resumed_ends_at_once() -> None:
    workflow = Counting()
    with anyio.fail_after(5):
        handler = workflow.run()
        await handler
        again = resumed(workflow, handler.ctx.to_dict())
        assert [event async for event in again.stream_events()] == []


async def test_a_failed_run_that_is_resumed_raises_its_error_again() -> None:
    class Own(Exception):
        pass

    class Failing(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            if ev.get("builtin"):
                raise ValueError("broken", 5)
            raise Own("broken")

    workflow = Failing()
    with anyio.fail_after(5):
        handler = workflow.run(builtin=True)
        with pytest.raises(ValueError, match="broken"):
            await handler
        with pytest.raises(ValueError, match="broken") as caught:
            await resumed(workflow, handler.ctx.to_dict())
        assert caught.value.args == ("broken", 5)

        handler = workflow.run()
        with pytest.raises(Own):
            await handler
        with pytest.raises(UnreconstructedException, match="broken"):
            await resumed(workflow, handler.ctx.to_dict())

        knowing = Failing(types=[Own])
        handler = knowing.run()
        with pytest.raises(Own):
            await handler
        with pytest.raises(Own, match="broken"):
            await resumed(knowing, handler.ctx.to_dict())


async def test_a_run_that_timed_out_times_out_again_when_it_is_resumed() -> None:
    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    workflow = Slow(timeout=1e-9)
    with anyio.fail_after(5):
        handler = workflow.run()
        with pytest.raises(WorkflowTimeoutError):
            await handler
        with pytest.raises(WorkflowTimeoutError, match="1e-09 seconds; active steps: work"):
            await resumed(workflow, handler.ctx.to_dict())


# --- what is in it ----------------------------------------------------------------------------------------------------


async def test_the_state_can_be_left_out() -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        await handler.ctx.store.set("secret", "hidden")
        whole, bare = handler.ctx.to_dict(), handler.ctx.to_dict(include_state=False)
        assert "hidden" in json.dumps(whole)
        assert "hidden" not in json.dumps(bare)
        await handler.cancel_run()
        again = resumed(workflow, bare)
        await again.ctx.store.set("asked", "given anew")
        again.ctx.send_event(HumanResponseEvent(response=1))
        assert await again == [1, "given anew"]


async def test_a_snapshot_that_was_taken_does_not_change_any_more() -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        data = handler.ctx.to_dict()
        text = json.dumps(data)
        async with handler.ctx.store.edit_state() as state:
            state["asked"].append("two")
        handler.ctx.send_event(HumanResponseEvent(response=1))
        await handler
        assert json.dumps(data) == text


async def test_changing_a_snapshot_changes_no_run() -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        clear(handler.ctx.to_dict())
        context = Context[Any].from_dict(workflow, data := handler.ctx.to_dict())
        clear(data)
        handler.ctx.send_event(HumanResponseEvent(response=1))
        assert await handler == [1, ["one"]]
        again = workflow.run(context)
        again.ctx.send_event(HumanResponseEvent(response=2))
        assert await again == [2, ["one"]]


def clear(data: Any) -> None:
    """Empty every container in it, from the inside."""
    if isinstance(data, dict | list):
        inner: list[Any] = [*data.values()] if isinstance(data, dict) else [*data]
        for value in inner:
            clear(value)
        data.clear()


async def test_what_can_not_be_stored_is_told_all_at_once_and_the_run_goes_on() -> None:
    class Carrying(Event):
        what: object

    class Holding(Workflow):
        def __init__(self) -> None:
            super().__init__()
            self.gate = anyio.Event()

        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Carrying | None:
            ctx.send_event(Carrying(what=lambda: 1))
            ctx.send_event(Carrying(what=[object()]))
            return None

        @step
        async def hold(self, ctx: Context[Any], ev: Carrying) -> StopEvent | None:
            await self.gate.wait()
            return StopEvent() if ctx.collect_events(ev, [Carrying, Carrying]) else None

    workflow = Holding()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        with pytest.raises(EncodeError) as caught:
            handler.ctx.to_dict()
        assert len(caught.value.problems) == 2
        assert all(
            problem.startswith("$.executions[") and ".event.what" in problem for problem in caught.value.problems
        )
        workflow.gate.set()
        assert await handler is None


async def test_a_failed_event_that_is_read_after_a_restart_is_the_same() -> None:
    class Failing(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            raise ValueError("broken")

    with anyio.fail_after(5):
        handler = Failing().run()
        (last,) = [event async for event in handler.stream_events()]
        with pytest.raises(ValueError, match="broken"):
            await handler
    assert isinstance(last, WorkflowFailedEvent)
    assert str(last.exception) == "broken"


# --- what isn't a snapshot --------------------------------------------------------------------------------------------


async def test_data_that_is_no_snapshot_is_refused_before_anything_runs() -> None:
    workflow = Counting()
    good = Context[Any](workflow).to_dict()
    for bad in ({}, {"format_version": 99}, {**good, "format_version": None}, {**good, "executions": 5}):
        with pytest.raises(ContextSerdeError):
            Context[Any].from_dict(workflow, bad)
    for wrong in (None, 5, "text", [good]):
        with pytest.raises(ContextSerdeError):
            Context[Any].from_dict(workflow, wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_snapshot_of_another_workflow_is_refused_with_what_does_not_fit() -> None:
    with anyio.fail_after(5):
        handler = Asking().run()
        await wait_until_all_wait()
        with pytest.raises((SnapshotMismatch, DecodeError), match="ask"):
            Context[Any].from_dict(Counting(), handler.ctx.to_dict())
        await handler.cancel_run()
