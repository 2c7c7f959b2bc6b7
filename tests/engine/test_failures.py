"""R2: what a step raises surfaces as it is, on whoever awaits the run; what nobody awaits is logged."""

import gc
import logging
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.conftest import Backend
from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import WorkflowCancelledByUser, WorkflowRuntimeError, WorkflowsError
from workflows.events import Event, InputRequiredEvent, StartEvent, StopEvent, WorkflowFailedEvent

pytestmark = [pytest.mark.guarantee("R2")]


class Broken(Exception):
    """What a step raises in these tests."""


class Part(Event):
    number: int


class Failing(Workflow):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        await checkpoint()
        raise self.error


class Parted(Workflow):
    """Three parts at work at once; each then does what `acts` says, and cleans up as `cleans_up` says."""

    def __init__(self, *acts: Callable[[], StopEvent | None], cleans_up: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.acts = acts
        self.cleans_up = cleans_up
        self.begun = 0
        self.gate = anyio.Event()

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(len(self.acts)):
            ctx.send_event(Part(number=number))
        return None

    @step
    async def work(self, ev: Part) -> StopEvent | None:
        self.begun += 1
        if self.begun == len(self.acts):
            self.gate.set()
        try:
            await self.gate.wait()
            if ev.number == 0:
                return self.acts[0]()
            await anyio.sleep_forever()
        finally:
            if self.cleans_up is not None:
                self.cleans_up(ev.number)
        return None


def fail_with(error: BaseException) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


def nothing() -> None:
    return None


ERRORS: list[Callable[[], BaseException]] = [
    Broken,
    lambda: ExceptionGroup("of the step's own", [Broken(), ValueError()]),
    KeyboardInterrupt,
    lambda: SystemExit(3),
    lambda: StopAsyncIteration("by hand"),
    lambda: WorkflowRuntimeError("ours, raised by a step"),
    lambda: TimeoutError("of the step's own"),
    lambda: BaseExceptionGroup("mixed", [SystemExit(1), Broken()]),
]


@pytest.mark.anyio
@pytest.mark.parametrize("make", ERRORS)
async def test_one_failing_step_surfaces_as_its_own_exception(make: Callable[[], BaseException]) -> None:
    error = make()
    with anyio.fail_after(5):
        async with no_task_left():
            handler = Failing(error).run(run_id="r1")
            with pytest.raises(type(error)) as caught:
                await handler
    assert caught.value is error
    assert error.__notes__ == ["in step 'fail' of Failing, run 'r1'"]


@pytest.mark.anyio
async def test_a_plain_def_step_that_fails_surfaces_as_its_own_exception_too() -> None:
    error = Broken()

    class Threaded(Workflow):
        @step
        def fail(self, ev: StartEvent) -> StopEvent:
            raise error

    with anyio.fail_after(5):
        with pytest.raises(Broken) as caught:
            await Threaded().run()
    assert caught.value is error


@pytest.mark.anyio
async def test_an_exception_of_a_task_group_in_a_step_stays_the_group_that_it_is() -> None:
    async def child() -> None:
        raise Broken

    class Grouped(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            async with anyio.create_task_group() as group:
                group.start_soon(child)
                group.start_soon(anyio.sleep_forever)
            return StopEvent()

    with anyio.fail_after(5):
        with pytest.raises(ExceptionGroup) as caught:
            await Grouped().run()
    assert [type(error) for error in caught.value.exceptions] == [Broken]


@pytest.mark.anyio
async def test_several_failing_steps_surface_as_a_group_with_their_names() -> None:
    first, second = Broken("first"), ValueError("second")

    def clean_up(number: int) -> None:
        if number == 1:
            raise second

    workflow = Parted(fail_with(first), nothing, nothing, cleans_up=clean_up)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run(run_id="r1")
            with pytest.raises(ExceptionGroup, match="2 steps of Parted failed") as caught:
                await handler
    assert caught.value.exceptions == (first, second)
    assert first.__notes__ == ["in step 'work' of Parted, run 'r1'"]
    assert second.__notes__ == ["in step 'work' of Parted, run 'r1'"]


@pytest.mark.anyio
async def test_a_sibling_that_is_only_cancelled_makes_no_group() -> None:
    error = Broken()
    with anyio.fail_after(5):
        with pytest.raises(Broken) as caught:
            await Parted(fail_with(error), nothing, nothing).run()
    assert caught.value is error


@pytest.mark.anyio
async def test_a_sibling_whose_task_group_was_cancelled_makes_no_group() -> None:
    gate = anyio.Event()

    class Nested(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            ctx.send_event(Part(number=0))
            ctx.send_event(Part(number=1))
            return None

        @step
        async def work(self, ev: Part) -> StopEvent | None:
            if ev.number == 0:
                await gate.wait()
                raise Broken
            async with anyio.create_task_group() as outer, anyio.create_task_group() as inner:
                outer.start_soon(anyio.sleep_forever)
                inner.start_soon(anyio.sleep_forever)
                gate.set()
            return None

    with anyio.fail_after(5):
        with pytest.raises(Broken):
            await Nested().run()


@pytest.mark.anyio
async def test_a_sibling_s_task_group_that_fails_in_clean_up_gives_that_error_alone() -> None:
    gate = anyio.Event()

    async def child() -> None:
        try:
            gate.set()
            await anyio.sleep_forever()
        finally:
            raise ValueError("in clean-up")

    class Nested(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            ctx.send_event(Part(number=0))
            ctx.send_event(Part(number=1))
            return None

        @step
        async def work(self, ev: Part) -> StopEvent | None:
            if ev.number == 0:
                await gate.wait()
                raise Broken
            async with anyio.create_task_group() as group:
                group.start_soon(child)
                group.start_soon(anyio.sleep_forever)
            return None

    with anyio.fail_after(5):
        with pytest.raises(ExceptionGroup) as caught:
            await Nested().run()
    assert isinstance(caught.value.exceptions[0], Broken)
    assert isinstance(caught.value.exceptions[1], ExceptionGroup)
    assert "in clean-up" in "".join(traceback.format_exception(caught.value))


@pytest.mark.anyio
async def test_clean_up_that_fails_after_the_result_leaves_the_result_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = Broken("in clean-up")

    def clean_up(number: int) -> None:
        if number == 1:
            raise error

    workflow = Parted(lambda: StopEvent(result="done"), nothing, cleans_up=clean_up)
    with anyio.fail_after(5):
        assert await workflow.run() == "done"
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "'work'" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.anyio
async def test_clean_up_that_fails_in_a_cancelled_run_surfaces_with_the_cancellation_as_its_context() -> None:
    error = Broken("in clean-up")

    def clean_up(number: int) -> None:
        if number == 1:
            raise error

    workflow = Parted(nothing, nothing, cleans_up=clean_up)
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.gate.wait()
        await handler.cancel_run()
        with pytest.raises(Broken) as caught:
            await handler
    assert caught.value is error
    assert isinstance(error.__context__, WorkflowCancelledByUser)


@pytest.mark.anyio
async def test_what_a_step_returns_that_is_no_event_fails_the_run_with_the_value() -> None:
    class Wrong(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            return ["not", "an", "event"]  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    with anyio.fail_after(5):
        with pytest.raises(WorkflowRuntimeError, match=r"'work' returned \['not', 'an', 'event'\].*\n.*StopEvent"):
            await Wrong().run()


@pytest.mark.anyio
async def test_an_error_raised_while_a_step_waits_for_an_answer_fails_the_run() -> None:
    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            try:
                await ctx.ask(InputRequiredEvent())
            finally:
                self.clean_up()
            return StopEvent()

        def clean_up(self) -> None:
            raise Broken

    with anyio.fail_after(5):
        with pytest.raises(Broken):
            await Asking().run()


# --- many awaits ------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_awaiting_twice_raises_twice_with_the_same_traceback_and_one_note() -> None:
    error = Broken()
    tracebacks: list[list[str]] = []
    with anyio.fail_after(5):
        handler = Failing(error).run()
        for _ in range(3):
            try:
                await handler
            except Broken as caught:
                tracebacks.append([frame.name for frame in traceback.extract_tb(caught.__traceback__)])
    assert len(tracebacks) == 3
    assert tracebacks[0] == tracebacks[1] == tracebacks[2]
    assert tracebacks[0][-1] == "fail"
    assert len(error.__notes__) == 1
    assert error.__context__ is None


@pytest.mark.anyio
async def test_every_task_that_awaits_gets_the_error() -> None:
    error = Broken()
    caught: list[BaseException] = []
    handler = Failing(error).run()

    async def wait() -> None:
        try:
            await handler
        except Broken as found:
            caught.append(found)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(wait)
    assert caught == [error] * 5


@pytest.mark.anyio
async def test_an_error_of_ours_and_those_of_users_share_no_surprise() -> None:
    """All that is raised of our own derives from one class; a user's error is never wrapped in it."""
    with anyio.fail_after(5):
        with pytest.raises(Broken) as caught:
            await Failing(Broken()).run()
    assert not isinstance(caught.value, WorkflowsError)
    assert caught.value.__cause__ is None


# --- nobody awaits ----------------------------------------------------------------------------------------------------


def errors_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    gc.collect()
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.anyio
async def test_a_failed_run_that_nobody_awaited_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    handler = Failing(Broken("unheard")).run(run_id="forgotten")
    await wait_until_all_wait()
    assert handler.is_done()
    assert errors_in(caplog) == []
    del handler
    (record,) = errors_in(caplog)
    assert record.name.startswith("workflows")
    assert "forgotten" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], Broken)
    assert "in fail" in "".join(traceback.format_exception(record.exc_info[1]))


@pytest.mark.anyio
async def test_a_failed_run_that_was_awaited_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    handler = Failing(Broken()).run()
    with anyio.fail_after(5), pytest.raises(Broken):
        await handler
    del handler
    assert errors_in(caplog) == []


@pytest.mark.anyio
async def test_reading_the_stream_alone_is_no_hearing_of_the_failure(caplog: pytest.LogCaptureFixture) -> None:
    handler = Failing(Broken()).run()
    with anyio.fail_after(5):
        events = [event async for event in handler.stream_events()]
    assert isinstance(events[-1], WorkflowFailedEvent)
    del handler, events
    assert len(errors_in(caplog)) == 1


@pytest.mark.anyio
async def test_a_cancelled_run_that_nobody_awaited_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    workflow = Parted(nothing, nothing)
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.gate.wait()
        await handler.cancel_run()
    del handler
    assert errors_in(caplog) == []


@pytest.mark.anyio
async def test_a_run_whose_await_was_cancelled_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    workflow = Parted(nothing, nothing)
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.gate.wait()
        with anyio.move_on_after(0):
            await handler
    del handler
    assert errors_in(caplog) == []


@pytest.mark.anyio
async def test_a_failure_whose_handler_was_dropped_at_once_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    _ = Failing(Broken()).run()
    await wait_until_all_wait()
    del _
    assert len(errors_in(caplog)) == 1


def test_a_failure_that_main_left_behind_is_logged(anyio_backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        handler = Failing(Broken()).run()
        await wait_until_all_wait()
        assert handler.is_done()

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
    assert len(errors_in(caplog)) == 1


# --- cancellation that isn't ours -------------------------------------------------------------------------------------


def test_a_cancellation_that_a_step_meets_is_told_from_its_own_on_asyncio(caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    class Meeting(Workflow):
        @step
        async def meet(self, ev: StartEvent) -> StopEvent:
            task = asyncio.ensure_future(asyncio.sleep(1000))
            asyncio.get_running_loop().call_soon(task.cancel)
            await task
            return StopEvent()

    async def main() -> None:
        async with asyncio.timeout(5):
            handler = Meeting().run()
            with pytest.raises(WorkflowRuntimeError, match="'meet' raised CancelledError of its own") as caught:
                await handler
            assert isinstance(caught.value.__cause__, asyncio.CancelledError)
            assert not handler.ctx.is_running

    asyncio.run(main(), debug=True)


def test_a_step_that_raises_asyncio_s_cancellation_by_hand_fails(anyio_backend: Backend) -> None:
    import asyncio

    async def main() -> None:
        handler = Failing(asyncio.CancelledError("by hand")).run()
        with anyio.fail_after(5):
            if anyio_backend[0] == "asyncio":
                with pytest.raises(WorkflowRuntimeError, match="of its own"):
                    await handler
            else:  # there it's an exception like any other
                with pytest.raises(asyncio.CancelledError, match="by hand"):
                    await handler

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
