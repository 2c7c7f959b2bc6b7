"""Plain `def` steps run in worker threads: with the caller's variables, and with a context that works from there."""

import threading
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
from anyio import from_thread, to_thread

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError, SuspensionSwallowed, WorkflowCancelledByUser
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytestmark = pytest.mark.anyio

user: ContextVar[str] = ContextVar("user", default="nobody")


class Word(Event):
    number: int


async def test_a_def_step_runs_in_another_thread_with_the_variables_of_the_caller() -> None:
    class Threaded(Workflow):
        @step
        def work(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=(threading.get_ident(), user.get()))

    token = user.set("me")
    with anyio.fail_after(5):
        thread, name = await Threaded().run()
    user.reset(token)
    assert thread != threading.get_ident()
    assert name == "me"


async def test_synchronous_operations_work_directly() -> None:
    class Threaded(Workflow):
        @step
        def split(self, ctx: Context[Any], ev: StartEvent) -> Word | None:
            assert ctx.now().tzinfo is not None
            assert ctx.uuid4() != ctx.uuid4()
            assert 0 <= ctx.random.random() < 1
            assert not ctx.suspending
            assert ctx.retry_info().retry_number == 0
            assert ctx.pending == ()
            for number in range(3):
                ctx.write_event_to_stream(Word(number=number))
                ctx.send_event(Word(number=number))  # last of all: the third one may end the run
            return None

        @step
        def join(self, ctx: Context[Any], ev: Word) -> StopEvent | None:
            done = ctx.collect_events(ev, [Word] * 3)
            return None if done is None else StopEvent(result=sorted(getattr(word, "number", -1) for word in done))

    with anyio.fail_after(5):
        handler = Threaded().run()
        events = [event async for event in handler.stream_events()]
        assert await handler == [0, 1, 2]
    assert events == [*[Word(number=number) for number in range(3)], StopEvent(result=[0, 1, 2])]


async def test_awaitable_operations_work_through_from_thread() -> None:
    calls: list[int] = []

    def fetch(number: int) -> int:
        calls.append(number)
        return number * 10

    async def fetch_async(number: int) -> int:
        calls.append(number)
        return number * 100

    class Threaded(Workflow):
        @step
        def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            first = from_thread.run(lambda: ctx.once(fetch, 1))
            once: Any = ctx.once  # pyright can't see arguments through to overloads; mypy can
            second = from_thread.run(once, fetch_async, 2)
            from_thread.run(ctx.store.set, "sum", first + second)
            from_thread.run(ctx.stream, Word(number=3))
            return StopEvent(result=from_thread.run(ctx.store.get, "sum"))

    with anyio.fail_after(5):
        handler = Threaded().run()
        events = [event async for event in handler.stream_events()]
        assert await handler == 210
    assert calls == [1, 2]
    assert events[0] == Word(number=3)


@pytest.mark.guarantee("W1", "W2")
async def test_a_wait_in_a_thread_suspends_the_step_and_is_replayed_with_the_answer() -> None:
    calls: list[str] = []
    attempts: list[int] = []

    def charge() -> str:
        calls.append("charged")
        return f"receipt {len(calls)}"

    class Threaded(Workflow):
        @step
        def pay(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            attempts.append(threading.get_ident())
            receipt = from_thread.run(ctx.once, charge)
            ctx.write_event_to_stream(Word(number=1))
            answer = from_thread.run(ctx.ask, InputRequiredEvent(prefix="sure?"))
            return StopEvent(result=[receipt, answer.response])

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Threaded().run()
            reader = handler.stream_events()
            assert await anext(reader) == Word(number=1)
            assert await anext(reader) == InputRequiredEvent(prefix="sure?")
            while await handler.ctx.running_steps():
                await anyio.lowlevel.checkpoint()
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
            assert [event async for event in reader] == [StopEvent(result=["receipt 1", "yes"])]
            assert await handler == ["receipt 1", "yes"]
    assert calls == ["charged"]
    assert len(attempts) == 2


@pytest.mark.guarantee("W2")
async def test_a_thread_that_swallows_its_suspension_is_named() -> None:
    class Threaded(Workflow):
        @step
        def pay(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            try:
                from_thread.run(ctx.ask, InputRequiredEvent())
            except BaseException:
                return StopEvent(result="swallowed")
            return StopEvent()

    with anyio.fail_after(5):
        with pytest.raises(SuspensionSwallowed, match="'pay'"):
            await Threaded().run()


async def test_threads_work_at_the_same_time() -> None:
    barrier = threading.Barrier(3, timeout=5)

    class Threaded(Workflow):
        @step
        def split(self, ctx: Context[Any], ev: StartEvent) -> Word | None:
            for number in range(3):
                ctx.send_event(Word(number=number))
            return None

        @step
        def work(self, ctx: Context[Any], ev: Word) -> StopEvent | None:
            barrier.wait()  # passes only when all three are here
            return StopEvent(result="together") if ctx.collect_events(ev, [Word] * 3) else None

    with anyio.fail_after(5):
        assert await Threaded().run() == "together"


async def test_a_thread_does_not_keep_async_steps_from_running() -> None:
    release = threading.Event()

    class Both(Workflow):
        @step
        def threaded(self, ev: StartEvent) -> StopEvent:
            assert release.wait(5)
            return StopEvent(result="released")

        @step
        async def loop(self, ev: StartEvent) -> None:
            release.set()

    with anyio.fail_after(5):
        assert await Both(skip_graph_checks=["dead_end"]).run() == "released"


@pytest.mark.guarantee("R1")
async def test_a_cancelled_thread_is_waited_for_and_its_context_does_nothing_any_more() -> None:
    begun, release = threading.Event(), threading.Event()
    ended: list[str] = []

    class Threaded(Workflow):
        @step
        def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            begun.set()
            assert release.wait(5)
            ctx.write_event_to_stream(Word(number=1))
            ctx.send_event(HumanResponseEvent())
            ended.append("here")
            return StopEvent(result="too late")

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Threaded().run()
            await to_thread.run_sync(begun.wait, 5)
            async with anyio.create_task_group() as group:
                group.start_soon(handler.cancel_run)
                await wait_until_all_wait()  # the run is cancelled before its thread goes on
                assert not handler.is_done()
                release.set()
            with pytest.raises(WorkflowCancelledByUser):
                await handler
    assert ended == ["here"]
    events = [type(event).__name__ async for event in handler.stream_events()]
    assert events == ["WorkflowCancelledEvent"]


async def test_a_thread_that_outlives_its_step_finds_its_context_closed() -> None:
    go = threading.Event()
    outcome: list[BaseException | None] = []

    class Leaving(Workflow):
        @step
        def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            def later() -> None:
                assert go.wait(5)
                try:
                    ctx.write_event_to_stream(Word(number=1))
                except BaseException as error:
                    outcome.append(error)

            thread = threading.Thread(target=later)
            thread.start()
            threads.append(thread)
            return StopEvent()

    threads: list[threading.Thread] = []
    with anyio.fail_after(5):
        await Leaving().run()
        go.set()
        await to_thread.run_sync(threads[0].join, 5)
    assert len(outcome) == 1
    assert isinstance(outcome[0], ContextStateError | RuntimeError)


async def test_a_def_step_in_a_branch_keeps_its_records_apart() -> None:
    class Branching(Workflow):
        @step
        def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            async def both() -> list[str]:
                async with ctx.branch("one"):
                    first = ctx.uuid4()
                async with ctx.branch("two"):
                    second = ctx.uuid4()
                return [str(first), str(second)]

            ids = from_thread.run(both)
            answer = from_thread.run(ctx.ask, InputRequiredEvent(ids=ids))
            return StopEvent(result=[ids, answer.response])

    with anyio.fail_after(5):
        handler = Branching().run()
        reader = handler.stream_events()
        question = await anext(reader)
        assert isinstance(question, InputRequiredEvent)
        while await handler.ctx.running_steps():
            await wait_until_all_wait()
        handler.ctx.send_event(HumanResponseEvent(response=1))
        assert await handler == [question.ids, 1]
