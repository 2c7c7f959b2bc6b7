"""A context lives before, during and after runs; a method used in the wrong life says so."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import anyio
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError, UsageError, WorkflowRuntimeError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Note(Event):
    text: str


class Counting(Workflow):
    @step
    async def count(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        runs = await ctx.store.get("runs", 0) + 1
        await ctx.store.set("runs", runs)
        return StopEvent(result=runs)


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer = await ctx.ask(InputRequiredEvent())
        return StopEvent(result=answer.response)


async def test_what_is_set_before_a_run_is_seen_by_its_steps_and_what_they_set_afterwards() -> None:
    """Semantics 29."""
    workflow = Counting()
    context = Context[Any](workflow)
    assert not context.is_running
    assert context.run_id == ""
    assert context.pending == ()
    with anyio.fail_after(5):
        await context.store.set("runs", 41)
        assert await workflow.run(context) == 42
        assert not context.is_running
        assert await context.store.get("runs") == 42


async def test_runs_one_after_another_on_one_context_keep_its_state() -> None:
    """Semantics 12 and 18."""
    workflow = Counting()
    context = Context[Any](workflow)
    with anyio.fail_after(5):
        first = workflow.run(context)
        assert await first == 1
        second = workflow.run(context)
        assert await second == 2
        assert second.run_id != first.run_id
        assert context.run_id == second.run_id
        assert await first == 1
        assert await workflow.run(Context[Any].from_dict(workflow, context.to_dict()), StartEvent()) == 3


async def test_a_later_run_on_one_context_starts_clean() -> None:
    """Semantics 12."""

    class Leaving(Workflow):
        """Ends while other steps wait, are queued, and hold half a set."""

        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Note | None:
            for text in ("ask", "half", "end"):
                ctx.send_event(Note(text=text))
            return None

        @step(num_workers=1)
        async def work(self, ctx: Context[Any], ev: Note) -> StopEvent | None:
            if ev.text == "half":
                gathered = ctx.collect_events(ev, [Note, Note])
                return StopEvent(result="two halves") if gathered else None
            return StopEvent(result="end") if ev.text == "end" else None

        @step
        async def ask(self, ctx: Context[Any], ev: Note) -> None:
            if ev.text == "ask":
                await ctx.ask(InputRequiredEvent())

    workflow = Leaving(skip_graph_checks=["dead_end"])
    with anyio.fail_after(5):
        first = workflow.run()
        assert await first == "end"
        assert first.pending == ()
        assert await first.ctx.running_steps() == []
        assert await workflow.run(first.ctx) == "end"


async def test_a_context_whose_run_goes_on_is_refused() -> None:
    """Semantics 18."""
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        with pytest.raises(ContextStateError, match=r"still going on\. Await its handler"):
            _ = workflow.run(handler.ctx)
        await wait_until_all_wait()
        with pytest.raises(ContextStateError, match=r"still going on"):
            _ = workflow.run(handler.ctx)
        handler.ctx.send_event(HumanResponseEvent(response=1))
        assert await handler == 1


async def test_a_context_runs_again_after_a_failure() -> None:
    class Flaky(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            if ev.get("fails"):
                raise ValueError("broken")
            return StopEvent(result="fine")

    workflow = Flaky()
    with anyio.fail_after(5):
        handler = workflow.run(fails=True)
        with pytest.raises(ValueError, match="broken"):
            await handler
        assert await workflow.run(handler.ctx) == "fine"


async def test_is_running_is_true_from_the_start_to_the_end_and_in_a_cancelled_run() -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        assert handler.ctx.is_running
        await wait_until_all_wait()
        assert handler.ctx.is_running
        await handler.cancel_run()
        assert handler.ctx.is_running
        resumed = workflow.run(handler.ctx)
        resumed.ctx.send_event(HumanResponseEvent(response=1))
        await resumed
        assert not resumed.ctx.is_running


async def test_a_result_is_to_be_had_from_the_context_only_when_there_is_one() -> None:
    workflow = Asking()
    context = Context[Any](workflow)
    with pytest.raises(WorkflowRuntimeError, match="no result"):
        context.get_result()
    with anyio.fail_after(5):
        handler = workflow.run(context)
        await wait_until_all_wait()
        with pytest.raises(WorkflowRuntimeError, match="no result"):
            context.get_result()
        await handler.cancel_run()
        with pytest.raises(WorkflowRuntimeError, match="no result"):
            context.get_result()
        resumed = workflow.run(context)
        context.send_event(HumanResponseEvent(response="yes"))
        await resumed
        assert context.get_result() == "yes"


async def test_running_steps_are_those_at_work_and_not_those_that_wait() -> None:
    class Both(Workflow):
        def __init__(self) -> None:
            super().__init__(skip_graph_checks=["dead_end"])
            self.gate = anyio.Event()

        @step
        async def hold(self, ev: StartEvent) -> StopEvent:
            await self.gate.wait()
            return StopEvent()

        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> None:
            await ctx.ask(InputRequiredEvent())

    workflow = Both()
    with anyio.fail_after(5):
        handler = workflow.run()
        assert await handler.ctx.running_steps() == ["ask", "hold"]
        await wait_until_all_wait()
        assert await handler.ctx.running_steps() == ["hold"]
        workflow.gate.set()
        await handler
        assert await handler.ctx.running_steps() == []


# --- the wrong life ---------------------------------------------------------------------------------------------------

Use = Callable[[Context[Any]], object]


async def first_event(context: Context[Any]) -> object:
    return await anext(context.stream_events())


BEFORE: list[Use] = [
    lambda context: context.send_event(HumanResponseEvent()),
    first_event,
]
ONLY_IN_STEPS: list[Use] = [
    lambda context: context.collect_events(Note(text=""), [Note]),
    lambda context: context.wait_for_event(HumanResponseEvent),
    lambda context: context.ask(InputRequiredEvent()),
    lambda context: context.ask_all(InputRequiredEvent()),
    lambda context: context.once(dict[str, int]),
    lambda context: context.branch("x"),
    lambda context: context.write_event_to_stream(Note(text="")),
    lambda context: context.stream(Note(text="")),
    lambda context: context.now(),
    lambda context: context.random,
    lambda context: context.uuid4(),
    lambda context: context.suspending,
    lambda context: context.retry_info(),
]
PENDING: Use = lambda context: context.pending  # noqa: E731
ONLY_OUTSIDE: list[Use] = [
    lambda context: context.get_result(),
    first_event,
]


async def use(context: Context[Any], how: Use) -> None:
    result = how(context)
    if isinstance(result, Awaitable):
        await cast("Awaitable[object]", result)


@pytest.mark.parametrize("how", BEFORE)
async def test_a_context_before_its_run_can_not_be_sent_to_or_read_from(how: Use) -> None:
    with pytest.raises(ContextStateError, match=r"before its run.*workflow\.run"):
        await use(Context[Any](Asking()), how)


@pytest.mark.parametrize("how", ONLY_IN_STEPS)
async def test_what_only_steps_can_do_is_refused_outside(how: Use) -> None:
    workflow = Asking()
    context = Context[Any](workflow)
    with pytest.raises(ContextStateError, match="belongs into a step"):
        await use(context, how)
    with anyio.fail_after(5):
        handler = workflow.run(context)
        await wait_until_all_wait()
        with pytest.raises(ContextStateError, match="belongs into a step"):
            await use(handler.ctx, how)
        handler.ctx.send_event(HumanResponseEvent(response=1))
        await handler


@pytest.mark.parametrize("how", ONLY_OUTSIDE)
async def test_what_only_others_can_do_is_refused_in_a_step(how: Use) -> None:
    class Wrong(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await use(ctx, how)
            return StopEvent()

    with anyio.fail_after(5):
        with pytest.raises(ContextStateError, match="in a step"):
            await Wrong().run()


async def test_the_context_of_a_step_that_is_over_is_closed() -> None:
    kept: list[Context[Any]] = []

    class Keeping(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> Note:
            kept.append(ctx)
            return Note(text="")

        @step
        async def check(self, ctx: Context[Any], ev: Note) -> StopEvent:
            with pytest.raises(ContextStateError, match="'work' that is over"):
                kept[0].write_event_to_stream(ev)
            with pytest.raises(ContextStateError, match="'work' that is over"):
                kept[0].send_event(ev)
            for operation in (kept[0].store.get("x", 0), kept[0].store.set("x", 0), kept[0].once(dict[str, int])):
                with pytest.raises(ContextStateError, match="'work' that is over"):
                    await operation
            for use_late in [*ONLY_IN_STEPS, PENDING]:
                with pytest.raises(ContextStateError, match="'work' that is over"):
                    await enter(kept[0], use_late)
            return StopEvent(result="checked")

    async def enter(context: Context[Any], how: Use) -> None:
        result = how(context)
        if isinstance(result, AbstractAsyncContextManager):
            async with cast("AbstractAsyncContextManager[None]", result):
                pass
        elif isinstance(result, Awaitable):
            await cast("Awaitable[object]", result)

    with anyio.fail_after(5):
        assert await Keeping().run() == "checked"


async def test_the_context_of_the_executing_step_is_found_from_anywhere_in_its_call() -> None:
    def deep() -> Context[Any]:
        return Context[Any].get_step_context()

    class Finding(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> Note:
            return Note(text=str(deep() is ctx))

        @step
        def threaded(self, ctx: Context[Any], ev: Note) -> StopEvent:
            return StopEvent(result=[ev.text, deep() is ctx])

    with pytest.raises(WorkflowRuntimeError, match="No step is executing here"):
        deep()
    with anyio.fail_after(5):
        handler = Finding().run()
        assert await handler == ["True", True]
        with pytest.raises(WorkflowRuntimeError, match="No step is executing here"):
            deep()


async def test_a_context_of_one_instance_is_refused_by_another() -> None:
    with pytest.raises(UsageError, match="made for another workflow, Counting; this one is Asking"):
        _ = Asking().run(Context[Any](Counting()))
    with pytest.raises(UsageError, match="made for another instance of Asking"):
        _ = Asking().run(Context[Any](Asking()))


async def test_inputs_for_a_run_that_goes_on_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        await handler.cancel_run()
        data = handler.ctx.to_dict()
        for context in (handler.ctx, Context[Any].from_dict(workflow, data), Context[Any].from_dict(workflow, data)):
            caplog.clear()
            handler = workflow.run(context, topic="x", start_event=StartEvent())
            assert "whose run goes on, so ['start_event', 'topic'] are ignored" in caplog.text
            await wait_until_all_wait()
            await handler.send_event(HumanResponseEvent(response="yes"))
            assert await handler == "yes"
        caplog.clear()
        resumed = workflow.run(Context[Any].from_dict(workflow, data))
        await resumed.cancel_run()
        assert "ignored" not in caplog.text
