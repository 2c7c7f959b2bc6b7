"""A run of a bare `workflow.run()` belongs to whoever awaits it. Readers own nothing, but keep it alive."""

import gc
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.conftest import Backend
from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import WorkflowCancelledByUser
from workflows.events import Event, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler


class Said(Event):
    text: str


class Gated(Workflow):
    """Its one step waits for a gate, and takes a while to clean up."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = anyio.Event()
        self.gate = anyio.Event()
        self.is_cleaned_up = False

    @step
    async def hold(self, ev: StartEvent) -> StopEvent:
        self.begun.set()
        try:
            await self.gate.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await wait_until_all_wait()
            self.is_cleaned_up = True
        return StopEvent(result="through")


async def read_all(handler: WorkflowHandler, into: list[Event]) -> None:
    into.extend([event async for event in handler.stream_events()])


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_cancelling_the_only_await_cancels_the_run_and_waits_for_its_clean_up() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            await workflow.begun.wait()
            with anyio.CancelScope() as scope:
                scope.cancel()
                try:
                    await handler
                finally:
                    assert workflow.is_cleaned_up
            assert scope.cancelled_caught
            with pytest.raises(WorkflowCancelledByUser):
                await handler


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_a_timeout_around_the_only_await_ends_the_run() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            await workflow.begun.wait()
            with pytest.raises(TimeoutError):
                with anyio.fail_after(0):
                    await handler
            assert workflow.is_cleaned_up


@pytest.mark.anyio
async def test_a_run_that_was_cancelled_so_can_be_resumed() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.begun.wait()
        with anyio.move_on_after(0):
            await handler
        assert handler.ctx.is_running
        workflow.gate.set()
        assert await workflow.run(handler.ctx) == "through"


@pytest.mark.anyio
@pytest.mark.parametrize("began", [False, True])
async def test_awaiting_in_a_scope_that_is_cancelled_already_ends_the_run(began: bool) -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            if began:
                await workflow.begun.wait()
            with anyio.CancelScope() as scope:
                scope.cancel()
                await handler
            assert scope.cancelled_caught
            assert handler.is_done()
            assert workflow.is_cleaned_up is workflow.begun.is_set()


@pytest.mark.anyio
async def test_a_run_that_is_started_in_a_cancelled_scope_belongs_to_no_scope() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        handlers: list[WorkflowHandler] = []
        with anyio.CancelScope() as scope:
            scope.cancel()
            handlers.append(workflow.run())
            await checkpoint()
        await workflow.begun.wait()
        workflow.gate.set()
        assert await handlers[0] == "through"


@pytest.mark.anyio
async def test_a_shielded_await_is_not_cancelled() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            handler = workflow.run()
            await workflow.begun.wait()
            scope.cancel()
            with anyio.CancelScope(shield=True):
                workflow.gate.set()
                assert await handler == "through"


@pytest.mark.anyio
async def test_an_inner_scope_alone_is_enough_to_end_the_run() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        with anyio.CancelScope() as outer:
            with anyio.CancelScope() as inner:
                handler = workflow.run()
                await workflow.begun.wait()
                inner.cancel()
                await handler
            assert inner.cancelled_caught
            assert workflow.is_cleaned_up
        assert not outer.cancel_called


@pytest.mark.anyio
async def test_cancelling_one_of_several_awaits_leaves_the_run_alone() -> None:
    """Semantics 15."""
    workflow = Gated()
    results: list[object] = []
    handler = workflow.run()
    first = anyio.CancelScope()

    async def in_the_scope() -> None:
        with first:
            await handler

    async def outside() -> None:
        results.append(await handler)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(in_the_scope)
            group.start_soon(outside)
            await workflow.begun.wait()
            first.cancel()
            await wait_until_all_wait()
            assert first.cancelled_caught
            assert not handler.is_done()
            workflow.gate.set()
    assert results == ["through"]


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_cancelling_all_awaits_at_once_ends_the_run() -> None:
    workflow = Gated()
    handler = workflow.run()

    async def wait() -> None:
        await handler

    with anyio.fail_after(5):
        async with no_task_left():
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(wait)
                await workflow.begun.wait()
                group.cancel_scope.cancel()
            assert workflow.is_cleaned_up
            assert handler.is_done()


@pytest.mark.anyio
@pytest.mark.guarantee("R3")
async def test_with_a_reader_elsewhere_the_run_goes_on() -> None:
    workflow = Gated()
    handler = workflow.run()
    events: list[Event] = []
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(read_all, handler, events)
            await workflow.begun.wait()
            await wait_until_all_wait()
            with anyio.move_on_after(0):
                await handler
            assert not handler.is_done()
            workflow.gate.set()
        assert await handler == "through"
    assert events == [StopEvent(result="through")]


class Half(Event):
    is_first: bool


class Halves(Workflow):
    """One half ends the run, and the other one, which has a task of its own, ends when it's cancelled."""

    @step
    async def split(self, ev: StartEvent) -> list[Half]:
        return [Half(is_first=True), Half(is_first=False)]

    @step
    async def work(self, ev: Half) -> StopEvent:
        if not ev.is_first:
            await anyio.sleep_forever()
        await wait_until_all_wait()
        return StopEvent(result="through")


@pytest.mark.anyio
@pytest.mark.guarantee("R3")
async def test_a_reader_that_has_had_the_last_event_is_told_of_the_end() -> None:
    """The task that ends the last step isn't the one that ends the run: the reader may come to sleep between."""
    handler = Halves().run()
    events: list[Event] = []
    with anyio.fail_after(5):
        await read_all(handler, events)
    assert events == [StopEvent(result="through")]


@pytest.mark.anyio
async def test_a_loop_that_was_left_keeps_no_run_alive() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.begun.wait()
        with anyio.move_on_after(0):
            async for _ in handler.stream_events():
                pytest.fail("nothing is published before the end")
        with anyio.move_on_after(0):
            await handler
        assert handler.is_done()


@pytest.mark.anyio
async def test_readers_own_nothing() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.begun.wait()
        async with anyio.create_task_group() as group:
            group.start_soon(read_all, handler, list[Event]())
            await wait_until_all_wait()
            group.cancel_scope.cancel()
        assert not handler.is_done()
        workflow.gate.set()
        assert await handler == "through"


@pytest.mark.anyio
async def test_an_await_that_is_cancelled_after_the_end_changes_nothing() -> None:
    workflow = Gated()
    workflow.gate.set()
    with anyio.fail_after(5):
        handler = workflow.run()
        await handler
        with anyio.CancelScope() as scope:
            scope.cancel()
            await handler
        assert scope.cancelled_caught
        assert await handler == "through"


@pytest.mark.anyio
async def test_a_second_cancellation_while_the_run_cleans_up_is_kept_for_afterwards() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        with anyio.CancelScope() as outer:
            with anyio.CancelScope() as inner:
                handler = workflow.run()
                await workflow.begun.wait()
                inner.cancel()
                outer.cancel()
                await handler
            assert workflow.is_cleaned_up
            await checkpoint()
            pytest.fail("the cancellation was swallowed")
        assert outer.cancelled_caught


@pytest.mark.guarantee("R1", backend="asyncio")
def test_asyncio_s_own_cancellation_ends_the_run_too() -> None:
    import asyncio

    async def main() -> None:
        workflow = Gated()

        async def caller() -> object:
            return await workflow.run()

        task = asyncio.create_task(caller())
        await workflow.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert workflow.is_cleaned_up
        assert task.cancelled()

    async def with_a_limit() -> None:
        async with asyncio.timeout(5):
            await main()

    asyncio.run(with_a_limit(), debug=True)


def test_wait_for_of_asyncio_times_the_run_out() -> None:
    import asyncio

    async def main() -> None:
        workflow = Gated()
        handler = workflow.run()
        await workflow.begun.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await handler
        assert workflow.is_cleaned_up
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(main(), debug=True)


def test_gather_awaits_handlers_as_they_are() -> None:
    import asyncio

    async def main() -> list[object]:
        workflows = [Gated() for _ in range(3)]
        for workflow in workflows:
            workflow.gate.set()

        async def result(workflow: Gated) -> object:
            return await workflow.run()

        return await asyncio.gather(*map(result, workflows))

    assert asyncio.run(main(), debug=True) == ["through"] * 3


@pytest.mark.guarantee("R1")
def test_main_that_returns_first_ends_the_run_and_its_clean_up_is_done(anyio_backend: Backend) -> None:
    kept: list[tuple[Gated, WorkflowHandler]] = []

    async def main() -> str:
        workflow = Gated()
        kept.append((workflow, workflow.run()))
        with anyio.fail_after(5):
            await workflow.begun.wait()
        return "main is done"

    name, options = anyio_backend
    assert anyio.run(main, backend=name, backend_options=options) == "main is done"
    ((workflow, handler),) = kept
    assert workflow.is_cleaned_up
    assert handler.is_done()
    assert handler.ctx.is_running

    async def resume() -> object:
        workflow.gate = anyio.Event()
        workflow.gate.set()
        workflow.begun = anyio.Event()
        return await workflow.run(handler.ctx)

    assert anyio.run(resume, backend=name, backend_options=options) == "through"


@pytest.mark.guarantee("R1")
def test_main_that_returns_at_once_leaves_a_run_that_can_be_resumed(anyio_backend: Backend) -> None:
    kept: list[tuple[Gated, WorkflowHandler]] = []

    async def main() -> None:
        workflow = Gated()
        kept.append((workflow, workflow.run()))

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
    ((workflow, handler),) = kept
    assert handler.ctx.is_running
    snapshot = handler.ctx.to_dict()
    assert snapshot["status"] == "running"
    assert workflow.is_cleaned_up is workflow.begun.is_set()  # whether it had its turn is the loop's to say


@pytest.mark.guarantee("R1")
def test_main_that_raises_first_ends_the_run_too(anyio_backend: Backend) -> None:
    kept: list[Gated] = []

    async def main() -> None:
        kept.append(Gated())
        _ = kept[0].run()
        await kept[0].begun.wait()
        raise ValueError("main is broken")

    name, options = anyio_backend
    with pytest.raises(ValueError, match="main is broken"):
        anyio.run(main, backend=name, backend_options=options)
    assert kept[0].is_cleaned_up


@pytest.mark.guarantee("R1")
def test_main_that_returns_while_everything_waits_leaves_nothing_open(anyio_backend: Backend) -> None:
    class Asked(Event):
        number: int

    class Asking(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Asked | None:
            for number in range(3):
                ctx.send_event(Asked(number=number))
            return None

        @step
        async def ask(self, ctx: Context[Any], ev: Asked) -> StopEvent | None:
            await ctx.ask(InputRequiredEvent(number=ev.number))
            return StopEvent()

    kept: list[WorkflowHandler] = []

    async def main() -> None:
        kept.append(Asking().run())
        await wait_until_all_wait()

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
    assert len(kept[0].pending) == 3
    assert kept[0].ctx.to_dict()["status"] == "running"
    kept.clear()
    gc.collect()  # what was left open would warn, and a warning fails the test
