"""`async with workflow.running()`: the block owns the run."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from tests.conftest import Backend
from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError, InvalidStartEvent, WorkflowCancelledByUser
from workflows.events import StartEvent, StopEvent

user: ContextVar[str] = ContextVar("user", default="nobody")


class Greeting(StartEvent):
    name: str


class Greeter(Workflow):
    @step
    async def greet(self, ev: Greeting) -> StopEvent:
        return StopEvent(result=f"hello {ev.name}, says {user.get()}")


class Gated(Workflow):
    """Its one step waits for a gate, and takes a while to clean up."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = anyio.Event()
        self.gate = anyio.Event()
        self.is_cleaned_up = False
        self.times = 0

    @step
    async def hold(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        self.times += 1
        self.begun.set()
        try:
            await self.gate.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await wait_until_all_wait()
            self.is_cleaned_up = True
        return StopEvent(result=self.times)


class Stopped(Exception):
    """What a body raises in these tests."""


@pytest.mark.anyio
async def test_the_handler_of_the_block_gives_the_result() -> None:
    token = user.set("me")
    with anyio.fail_after(5):
        async with Greeter().running(name="you") as handler:
            assert await handler == "hello you, says me"
        assert await handler == "hello you, says me"
    user.reset(token)


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_leaving_the_block_ends_the_run_and_waits_for_its_clean_up() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            async with workflow.running() as handler:
                await workflow.begun.wait()
            assert workflow.is_cleaned_up
            assert handler.is_done()
            with pytest.raises(WorkflowCancelledByUser):
                await handler


@pytest.mark.anyio
async def test_a_run_whose_block_was_left_can_be_resumed() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with workflow.running() as handler:
            await workflow.begun.wait()
        assert handler.ctx.is_running
        workflow.gate.set()
        async with workflow.running(handler.ctx) as again:
            assert again.run_id == handler.run_id
            assert await again == 2
        restored: Context[Any] = Context[Any].from_dict(workflow, again.ctx.to_dict())
        async with workflow.running(restored) as finished:
            assert await finished == 2


@pytest.mark.anyio
async def test_a_block_that_is_left_before_the_run_began_leaves_it_to_be_resumed() -> None:
    workflow = Gated()
    workflow.gate.set()
    with anyio.fail_after(5):
        async with workflow.running() as handler:
            pass
        assert workflow.times == 0
        with pytest.raises(WorkflowCancelledByUser):
            await handler
        assert await workflow.run(handler.ctx) == 1


INTERRUPTS: list[Callable[[], BaseException]] = [
    Stopped,
    KeyboardInterrupt,
    lambda: SystemExit(3),
    StopIteration,
    StopAsyncIteration,
    lambda: ExceptionGroup("several", [Stopped(), ValueError()]),
    lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), Stopped()]),
]


@pytest.mark.anyio
@pytest.mark.guarantee("R1", "R2")
@pytest.mark.parametrize("make", INTERRUPTS)
async def test_what_the_body_raises_comes_out_as_it_is(make: Callable[[], BaseException]) -> None:
    workflow = Gated()
    error = make()
    with anyio.fail_after(5):
        async with no_task_left():
            with pytest.raises(type(error)) as caught:
                async with workflow.running():
                    await workflow.begun.wait()
                    raise error
            assert caught.value is error
            assert workflow.is_cleaned_up


@pytest.mark.anyio
async def test_what_the_body_raises_comes_out_when_its_scope_is_cancelled_too() -> None:
    workflow = Gated()
    error = Stopped()
    with anyio.fail_after(5), pytest.raises(Stopped) as caught:
        with anyio.CancelScope() as scope:
            async with workflow.running():
                await workflow.begun.wait()
                scope.cancel()
                raise error
    assert caught.value is error
    assert workflow.is_cleaned_up


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_a_cancelled_block_ends_its_run_and_lets_the_cancellation_through() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            with anyio.CancelScope() as scope:
                async with workflow.running() as handler:
                    await workflow.begun.wait()
                    scope.cancel()
                    await handler
            assert scope.cancelled_caught
            assert workflow.is_cleaned_up


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_a_block_in_a_scope_that_is_cancelled_already_ends_its_run() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            with anyio.CancelScope() as scope:
                scope.cancel()
                async with workflow.running() as handler:
                    await handler
            assert scope.cancelled_caught
            assert workflow.is_cleaned_up or workflow.times == 0


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_a_block_under_a_shield_outlives_the_cancellation_around_it() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            scope.cancel()
            with anyio.CancelScope(shield=True):
                async with workflow.running() as handler:
                    await workflow.begun.wait()
                    workflow.gate.set()
                    assert await handler == 1
            await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught


@pytest.mark.anyio
async def test_blocks_nest() -> None:
    outer, inner = Gated(), Gated()
    with anyio.fail_after(5):
        async with no_task_left(), outer.running() as first:
            async with inner.running():
                await inner.begun.wait()
            assert inner.is_cleaned_up
            assert not first.is_done()
            outer.gate.set()
            assert await first == 1


@pytest.mark.anyio
async def test_a_cancelled_await_leaves_the_run_to_its_block() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with workflow.running() as handler:
            with anyio.move_on_after(0):
                await handler
            assert not handler.is_done()
            workflow.gate.set()
            assert await handler == 1


@pytest.mark.anyio
async def test_a_failure_of_the_run_is_raised_by_the_handler_and_not_by_the_block() -> None:
    class Failing(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            raise Stopped

    with anyio.fail_after(5):
        async with Failing().running() as handler:
            with pytest.raises(Stopped):
                await handler


@pytest.mark.anyio
async def test_inputs_that_do_not_fit_are_refused_before_the_block() -> None:
    with pytest.raises(InvalidStartEvent, match="name"):
        async with Greeter().running(name=5):
            pytest.fail("the block was entered")


@pytest.mark.anyio
async def test_a_context_can_be_in_one_block_only() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with workflow.running() as handler:
            with pytest.raises(ContextStateError, match="still going on"):
                async with workflow.running(handler.ctx):
                    pytest.fail("the block was entered")


def test_main_that_raises_in_a_block_ends_as_any_main_does(anyio_backend: Backend) -> None:
    workflow: list[Gated] = []

    async def main() -> None:
        workflow.append(Gated())
        with anyio.fail_after(5):
            async with workflow[0].running():
                await workflow[0].begun.wait()
                raise SystemExit(7)

    name, options = anyio_backend
    with pytest.raises(SystemExit) as caught:
        anyio.run(main, backend=name, backend_options=options)
    assert caught.value.code == 7
    assert workflow[0].is_cleaned_up
