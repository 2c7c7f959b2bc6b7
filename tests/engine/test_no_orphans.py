"""R1: when a run ends, however it ends, no task of it is alive and every `finally` of its steps has run."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio import to_thread

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import WorkflowCancelledByUser, WorkflowTimeoutError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.handler import WorkflowHandler

pytestmark = [pytest.mark.anyio, pytest.mark.guarantee("R1")]


class Part(Event):
    number: int


class Broken(Exception):
    """What the deciding step raises in these tests."""


class Siblings(Workflow):
    """Three steps at work beside the one that decides how the run ends."""

    def __init__(self, ending: Callable[[], StopEvent | None], *, timeout: float = 45.0) -> None:
        super().__init__(timeout)
        self.ending = ending
        self.begun: set[int] = set()
        self.cleaned_up: set[int] = set()
        self.all_begun = anyio.Event()
        self.effects: list[int] = []

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(4):
            ctx.send_event(Part(number=number))
        return None

    @step
    async def work(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
        self.begun.add(ev.number)
        if len(self.begun) == 4:
            self.all_begun.set()
        try:
            await self.all_begun.wait()
            if ev.number == 0:
                return self.ending()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await wait_until_all_wait()
            self.cleaned_up.add(ev.number)
        self.effects.append(ev.number)
        return None


def stop() -> StopEvent:
    return StopEvent(result="done")


def fail() -> StopEvent:
    raise Broken


async def last_event(handler: WorkflowHandler) -> Event:
    return [event async for event in handler.stream_events()][-1]


async def test_a_stop_event_ends_the_steps_beside_it_before_their_next_effect() -> None:
    """Semantics 14."""
    workflow = Siblings(stop)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            assert await last_event(handler) == StopEvent(result="done")
            assert await handler == "done"
            assert workflow.cleaned_up == {0, 1, 2, 3}
            assert workflow.effects == []


async def test_a_failure_ends_the_steps_beside_it() -> None:
    workflow = Siblings(fail)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            assert isinstance(await last_event(handler), WorkflowFailedEvent)
            with pytest.raises(Broken):
                await handler
            assert workflow.cleaned_up == {0, 1, 2, 3}


async def test_a_timeout_ends_all_steps() -> None:
    workflow = Siblings(lambda: None, timeout=1e-9)  # over as soon as the clock is looked at
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            assert isinstance(await last_event(handler), WorkflowTimedOutEvent)
            with pytest.raises(WorkflowTimeoutError):
                await handler
            assert workflow.cleaned_up == workflow.begun


async def test_a_cancelled_run_has_ended_when_cancel_run_returns() -> None:
    workflow = Siblings(lambda: None)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            await workflow.all_begun.wait()
            await handler.cancel_run()
            assert workflow.cleaned_up == {0, 1, 2, 3}
            assert handler.is_done()
            assert isinstance(await last_event(handler), WorkflowCancelledEvent)
            with pytest.raises(WorkflowCancelledByUser):
                await handler


async def test_effects_of_a_step_that_is_being_cancelled_do_nothing() -> None:
    class Late(Workflow):
        def __init__(self) -> None:
            super().__init__()
            self.begun = anyio.Event()

        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            ctx.send_event(Part(number=0))
            ctx.send_event(Part(number=1))
            return None

        @step
        async def work(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
            if ev.number == 0:
                await self.begun.wait()
                return StopEvent(result="first")
            try:
                self.begun.set()
                await anyio.sleep_forever()
            finally:
                ctx.send_event(Part(number=2))
                ctx.write_event_to_stream(Part(number=3))
                with anyio.CancelScope(shield=True):
                    await ctx.store.set("late", True)
            return StopEvent(result="second")

    with anyio.fail_after(5):
        handler = Late().run()
        assert await handler == "first"
        assert [event async for event in handler.stream_events()] == [StopEvent(result="first")]
        assert await handler.ctx.store.get("late", None) is None


async def test_task_groups_in_steps_are_gone_too() -> None:
    cleaned_up: list[str] = []

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cleaned_up.append("child")

    class Nested(Workflow):
        @step
        async def nest(self, ev: StartEvent) -> StopEvent:
            async with anyio.create_task_group() as outer, anyio.create_task_group() as inner:
                outer.start_soon(child)
                inner.start_soon(child)
            return StopEvent()

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Nested().run()
            await wait_until_all_wait()
            await handler.cancel_run()
            assert cleaned_up == ["child", "child"]


async def test_a_suspended_run_that_is_cancelled_leaves_nothing() -> None:
    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.ask(InputRequiredEvent(), timeout=1000)
            return StopEvent()

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Asking().run()
            await wait_until_all_wait()
            assert len(handler.pending) == 1
            await handler.cancel_run()
            with pytest.raises(WorkflowCancelledByUser):
                await handler


async def test_a_run_with_a_timer_leaves_nothing_when_it_is_answered() -> None:
    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            answer = await ctx.ask(InputRequiredEvent(), timeout=1000)
            return StopEvent(result=answer.response)

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Asking().run()
            await wait_until_all_wait()
            await handler.send_event(HumanResponseEvent(response=1))
            assert await handler == 1


async def test_shielded_clean_up_is_waited_for_and_reported_after_a_grace(caplog: pytest.LogCaptureFixture) -> None:
    release = anyio.Event()

    class Shielding(Workflow):
        @step
        async def stubborn(self, ev: StartEvent) -> StopEvent:
            with anyio.CancelScope(shield=True):
                await release.wait()
            return StopEvent()

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Shielding().run(run_id="held")
            handler.run.grace_s = 0.0
            await wait_until_all_wait()
            async with anyio.create_task_group() as group:
                group.start_soon(handler.cancel_run)
                while not caplog.records:
                    await anyio.lowlevel.checkpoint()
                assert not handler.is_done()
                release.set()
            assert handler.is_done()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "held" in record.getMessage()
    assert "stubborn" in record.getMessage()


async def test_clean_up_within_the_grace_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    workflow = Siblings(stop)
    with anyio.fail_after(5):
        await workflow.run()
    assert caplog.records == []


async def test_waiting_for_a_cancelled_run_can_be_given_up(caplog: pytest.LogCaptureFixture) -> None:
    release = anyio.Event()

    class Shielding(Workflow):
        @step
        async def stubborn(self, ev: StartEvent) -> StopEvent:
            with anyio.CancelScope(shield=True):
                await release.wait()
            return StopEvent()

    with anyio.fail_after(5):
        handler = Shielding().run()
        await wait_until_all_wait()
        await handler.cancel_run(timeout=0)
        assert not handler.is_done()
        release.set()
        with pytest.raises(WorkflowCancelledByUser):
            await handler


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("workflows")]


async def test_a_step_in_a_thread_is_waited_for_and_reported_after_a_grace(caplog: pytest.LogCaptureFixture) -> None:
    begun, release = threading.Event(), threading.Event()
    ended: list[bool] = []

    class Threaded(Workflow):
        @step
        def work(self, ev: StartEvent) -> StopEvent:
            begun.set()
            ended.append(release.wait(5))
            return StopEvent()

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Threaded().run()
            handler.run.grace_s = 0.0
            await to_thread.run_sync(begun.wait, 5)
            async with anyio.create_task_group() as group:
                group.start_soon(handler.cancel_run)
                while not told(caplog):  # asyncio tells of slow callbacks, too
                    await anyio.lowlevel.checkpoint()
                assert not handler.is_done()
                release.set()
    assert ended == [True]
    assert "work" in told(caplog)[0]


async def test_a_step_that_returns_although_it_was_cancelled_ends_nothing() -> None:
    begun = anyio.Event()

    class Swallowing(Workflow):
        @step
        async def swallow(self, ev: StartEvent) -> StopEvent:
            begun.set()
            with anyio.CancelScope(shield=True):
                await wait_until_all_wait()
            return StopEvent(result="too late")

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Swallowing().run()
            await begun.wait()
            await handler.cancel_run()
            with pytest.raises(WorkflowCancelledByUser):
                await handler
            assert handler.ctx.is_running
            assert await handler.ctx.store.get("anything", None) is None


async def test_a_run_is_over_for_readers_and_awaits_only_when_its_tasks_are() -> None:
    workflow = Siblings(stop)
    with anyio.fail_after(5):
        handler = workflow.run()
        seen: list[set[int]] = []

        async def read() -> None:
            seen.extend([set(workflow.cleaned_up) async for _ in handler.stream_events()])

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await handler
            seen.append(set(workflow.cleaned_up))
    assert seen == [{0, 1, 2, 3}] * 2


async def test_a_step_may_cancel_its_own_run() -> None:
    handlers: list[WorkflowHandler] = []

    class Suicidal(Workflow):
        @step
        async def end(self, ev: StartEvent) -> StopEvent:
            await handlers[0].cancel_run()
            return StopEvent()

    with anyio.fail_after(5):
        async with no_task_left():
            handlers.append(Suicidal().run())
            with pytest.raises(WorkflowCancelledByUser):
                await handlers[0]


@pytest.mark.parametrize("turns", range(8))
async def test_a_run_can_be_cancelled_at_each_moment_of_its_beginning(turns: int) -> None:
    begun, cleaned_up = anyio.Event(), anyio.Event()

    class Long(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            begun.set()
            try:
                await anyio.sleep_forever()
            finally:
                cleaned_up.set()
            return StopEvent()

    for limit in (None, 1):
        with anyio.fail_after(5):
            async with no_task_left():
                handler = Long(num_concurrent_runs=limit).run()
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                await handler.cancel_run()
                with pytest.raises(WorkflowCancelledByUser):
                    await handler
                assert cleaned_up.is_set() is begun.is_set()
                assert await last_event(handler) == WorkflowCancelledEvent()


@pytest.mark.parametrize("limit", [None, 1])
async def test_a_run_that_waits_for_a_person_can_be_cancelled(limit: int | None) -> None:
    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.ask(InputRequiredEvent())
            return StopEvent()

    workflow = Asking(num_concurrent_runs=limit)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            await wait_until_all_wait()
            await handler.cancel_run()
            assert await last_event(handler) == WorkflowCancelledEvent()
            async with workflow.running():
                await wait_until_all_wait()
