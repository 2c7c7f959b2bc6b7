"""`WorkflowHandler`: what can be asked of a run, and done to it, at any time."""

from typing import Any

import anyio
import pytest
from anyio import from_thread, to_thread

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import AlreadyAnswered, UsageError, WorkflowCancelledByUser, WorkflowDone
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
)
from workflows.handler import WorkflowHandler

pytestmark = pytest.mark.anyio


class Note(Event):
    text: str


class Approved(HumanResponseEvent):
    ok: bool


class Approval(InputRequiredEvent, answer=Approved):
    what: str


class Verdict(StopEvent):
    ok: bool


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: Approved = await ctx.ask(Approval(what="pay"))
        return StopEvent(result=answer.ok)


def asking() -> Asking:
    return Asking(types=[Approval, Approved])


class Judging(Workflow):
    @step
    async def judge(self, ev: StartEvent) -> Verdict:
        return Verdict(ok=True)


class Failing(Workflow):
    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise ValueError("broken")


async def test_a_plain_stop_event_is_unwrapped_and_one_of_a_subclass_is_not() -> None:
    """Semantics 15."""
    with anyio.fail_after(5):
        handler = Judging().run()
        assert await handler == Verdict(ok=True)
        assert await handler.stop_event_result() == Verdict(ok=True)
        assert handler.get_stop_event() == Verdict(ok=True)
        assert handler.ctx.get_result() == Verdict(ok=True)


async def test_the_result_of_a_plain_stop_event_may_be_none() -> None:
    class Quiet(Workflow):
        @step
        async def end(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    with anyio.fail_after(5):
        handler = Quiet().run()
        assert await handler is None
        assert await handler.stop_event_result() == StopEvent()


async def test_extras_of_a_stop_event_are_on_the_event() -> None:
    class Rich(Workflow):
        @step
        async def end(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=1, cost=2)

    with anyio.fail_after(5):
        handler = Rich().run()
        assert await handler == 1
        assert (await handler.stop_event_result()).cost == 2


async def test_a_handler_tells_before_during_and_after_whether_the_run_is_over() -> None:
    with anyio.fail_after(5):
        handler = asking().run(run_id="r1")
        assert not handler.is_done()
        assert handler.get_stop_event() is None
        assert str(handler) == "Asking, run r1: running"
        await wait_until_all_wait()
        assert not handler.is_done()
        await handler.send_event(Approved(ok=True))
        assert await handler is True
        assert handler.is_done()
        assert handler.get_stop_event() == StopEvent(result=True)
        assert str(handler) == "Asking, run r1: result: True"
        assert repr(handler) == "<WorkflowHandler Asking, run r1: result: True>"


async def test_a_handler_of_a_failed_run_has_no_stop_event() -> None:
    with anyio.fail_after(5):
        handler = Failing().run(run_id="r1")
        with pytest.raises(ValueError, match="broken"):
            await handler
        assert handler.is_done()
        assert handler.get_stop_event() is None
        with pytest.raises(ValueError, match="broken"):
            await handler.stop_event_result()
        assert str(handler) == "Failing, run r1: ended without a result"


async def test_every_run_has_an_id_of_its_own_or_the_one_it_was_given() -> None:
    workflow = Judging()
    handlers = [workflow.run(), workflow.run(), workflow.run(run_id="mine")]
    with anyio.fail_after(5):
        for handler in handlers:
            await handler
            assert handler.ctx.run_id == handler.run_id
    assert len({handler.run_id for handler in handlers}) == 3
    assert handlers[2].run_id == "mine"


async def test_the_context_of_a_handler_is_the_one_that_was_passed() -> None:
    """Semantics 18."""
    workflow = Judging()
    context = Context[Any](workflow)
    with anyio.fail_after(5):
        handler = workflow.run(context)
        assert handler.ctx is context
        await handler


async def test_pending_questions_are_those_of_the_context() -> None:
    with anyio.fail_after(5):
        handler = asking().run()
        assert not handler.pending
        await wait_until_all_wait()
        (question,) = handler.pending
        assert question.event == Approval(what="pay")
        assert question.answer_type is Approved
        assert question.step == "ask"
        assert question.deadline is None
        assert handler.ctx.pending == handler.pending
        await handler.send_event(Approved(ok=False), reply_to=question.id)
        assert await handler is False
        assert not handler.pending


async def test_an_answer_to_a_run_that_is_over_is_refused_and_so_is_any_event() -> None:
    with anyio.fail_after(5):
        handler = asking().run()
        await wait_until_all_wait()
        (question,) = handler.pending
        await handler.send_event(Approved(ok=True))
        await handler
        with pytest.raises(AlreadyAnswered, match="is over"):
            await handler.send_event(Approved(ok=False))
        with pytest.raises(AlreadyAnswered, match="is over"):
            await handler.send_event(Approved(ok=False), reply_to=question.id)
        with pytest.raises(WorkflowDone, match=r"came too late: run .* is over"):
            handler.ctx.send_event(StartEvent())


async def test_sending_that_is_cancelled_sends_nothing() -> None:
    with anyio.fail_after(5):
        handler = asking().run()
        await wait_until_all_wait()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await handler.send_event(Approved(ok=False))
        assert scope.cancelled_caught
        assert len(handler.pending) == 1
        await handler.send_event(Approved(ok=True))
        assert await handler is True


async def test_events_are_sent_to_one_step_or_to_all() -> None:
    class Notes(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Note | None:
            return None

        @step
        async def keep(self, ctx: Context[Any], ev: Note) -> None:
            async with ctx.store.edit_state() as state:
                state["kept"] = [*state.get("kept", []), ev.text]

        @step
        async def end(self, ctx: Context[Any], ev: Note) -> StopEvent | None:
            return StopEvent(result=await ctx.store.get("kept")) if ev.text == "end" else None

    with anyio.fail_after(5):
        handler = Notes(skip_graph_checks=["dead_end"]).run()
        handler.ctx.send_event(Note(text="all"))
        await wait_until_all_wait()
        await handler.send_event(Note(text="one"), step="keep")
        await wait_until_all_wait()
        handler.ctx.send_event(Note(text="end"), "end")
        assert await handler == ["all", "one"]


# --- awaiting ---------------------------------------------------------------------------------------------------------


async def test_a_handler_is_awaited_by_many_tasks_and_again_afterwards() -> None:
    """Semantics 15."""
    results: list[object] = []

    async def wait(handler: WorkflowHandler) -> None:
        results.append(await handler)

    with anyio.fail_after(5):
        async with no_task_left():
            handler = asking().run()
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(wait, handler)
                await wait_until_all_wait()
                handler.ctx.send_event(Approved(ok=True))
            assert results == [True] * 20
            assert await handler is True


async def test_awaiting_a_run_that_is_over_lets_others_run() -> None:
    turns: list[int] = []

    async def other() -> None:
        turns.append(1)

    with anyio.fail_after(5):
        handler = Judging().run()
        await handler
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            await handler
            await handler
            assert turns == [1]


async def test_a_run_awaits_another_in_a_step() -> None:
    class Outer(Workflow):
        @step
        async def call(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await Judging().run())

    with anyio.fail_after(5):
        assert await Outer().run() == Verdict(ok=True)


async def test_a_run_started_in_a_step_of_another_is_not_part_of_it() -> None:
    """Its steps are their own run's: the context variables that it inherits don't make it act for the outer one."""

    class Inner(Workflow):
        @step
        async def first(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.store.set("who", "inner")
            async with ctx.branch("own"):
                ctx.write_event_to_stream(Note(text="inner"))
            return StopEvent(result=Context[Any].get_step_context() is ctx)

    class Outer(Workflow):
        @step
        async def call(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            async with ctx.branch("a branch"), ctx.store.edit_state() as state:
                state["inner"] = await Inner().run()
                state["mine"] = Context[Any].get_step_context() is ctx
            return StopEvent(result=[state["inner"], state["mine"]])

    with anyio.fail_after(5):
        handler = Outer().run()
        assert await handler == [True, True]
        assert [event async for event in handler.stream_events()] == [StopEvent(result=[True, True])]


# --- cancelling -------------------------------------------------------------------------------------------------------


async def test_cancelling_twice_is_as_cancelling_once() -> None:
    with anyio.fail_after(5):
        handler = asking().run()
        await wait_until_all_wait()
        await handler.cancel_run()
        data = handler.ctx.to_dict()
        await handler.cancel_run()
        assert handler.ctx.to_dict()["executions"] == data["executions"]
        with pytest.raises(WorkflowCancelledByUser, match=r"was cancelled.*\n.*resume"):
            await handler
        assert [event async for event in handler.stream_events()] == [Approval(what="pay"), WorkflowCancelledEvent()]


async def test_cancelling_by_several_tasks_at_once_ends_all_of_them() -> None:
    with anyio.fail_after(5):
        handler = asking().run()
        await wait_until_all_wait()
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(handler.cancel_run)
        assert handler.is_done()


async def test_cancelling_a_run_that_is_over_leaves_it_as_it_is() -> None:
    with anyio.fail_after(5):
        handler = Judging().run()
        await handler
        await handler.cancel_run()
        assert await handler == Verdict(ok=True)
        failed = Failing().run()
        await wait_until_all_wait()
        await failed.cancel_run()
        with pytest.raises(ValueError, match="broken"):
            await failed


async def test_a_cancelled_run_tells_so_and_keeps_its_questions() -> None:
    with anyio.fail_after(5):
        handler = asking().run(run_id="r1")
        await wait_until_all_wait()
        (question,) = handler.pending
        await handler.cancel_run()
        assert handler.is_done()
        assert handler.ctx.is_running
        assert handler.pending == (question,)
        assert handler.get_stop_event() is None
        assert str(handler) == "Asking, run r1: ended without a result"


async def test_an_event_sent_to_a_cancelled_run_is_there_when_it_is_resumed() -> None:
    workflow = asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        await handler.cancel_run()
        handler.ctx.send_event(Approved(ok=True))
        resumed = workflow.run(Context[Any].from_dict(workflow, handler.ctx.to_dict()))
        assert await resumed is True


async def test_the_old_handler_of_a_resumed_run_stays_cancelled() -> None:
    workflow = asking()
    with anyio.fail_after(5):
        first = workflow.run()
        await wait_until_all_wait()
        await first.cancel_run()
        second = workflow.run(first.ctx)
        assert second.run_id == first.run_id
        second.ctx.send_event(Approved(ok=True))
        assert await second is True
        with pytest.raises(WorkflowCancelledByUser):
            await first


async def test_cancel_run_that_is_cancelled_itself_has_cancelled_the_run() -> None:
    with anyio.fail_after(5):
        handler = asking().run()
        await wait_until_all_wait()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await handler.cancel_run()
        assert scope.cancelled_caught
        await wait_until_all_wait()
        assert handler.is_done()


async def test_sending_from_another_thread_is_refused_with_the_way_out_and_changes_nothing() -> None:
    refused: list[UsageError] = []

    def in_a_thread(handler: WorkflowHandler) -> None:
        try:
            handler.ctx.send_event(Approved(ok=False))
        except UsageError as error:
            refused.append(error)
        from_thread.run_sync(handler.ctx.send_event, Approved(ok=True))

    with anyio.fail_after(5):
        handler = asking().run()
        await wait_until_all_wait()
        await to_thread.run_sync(in_a_thread, handler)
        assert await handler is True
    assert "from_thread.run_sync" in str(refused[0])
