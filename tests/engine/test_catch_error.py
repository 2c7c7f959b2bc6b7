"""Handlers of failures in whole runs: `@catch_error`."""

from typing import Any

import anyio
import pytest

from workflows import Context, Workflow, catch_error, step
from workflows.errors import WorkflowTimeoutError
from workflows.events import (
    CollectionReleaseEvent,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StepStateChanged,
    StopEvent,
    UnreconstructedException,
    WorkflowFailedEvent,
)
from workflows.testing import Process, simulate, sweep_cancel, sweep_crash

pytestmark = pytest.mark.anyio


class Broken(Exception):
    """What steps raise in these tests."""


class AtOnce:
    """A retry policy: so many times again, at once."""

    def __init__(self, times: int) -> None:
        self.times = times

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.0 if attempts <= self.times else None


class Task(Event):
    n: int


class Done(Event):
    n: int


async def test_a_handler_is_called_when_the_retries_are_used_up_and_its_event_goes_on() -> None:
    told: list[StepFailedEvent] = []

    class Recovering(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Task:
            return Task(n=1)

        @step(retry_policy=AtOnce(2))
        async def work(self, ev: Task) -> Done:
            raise Broken("no")

        @catch_error(for_steps=["work"])
        async def mend(self, failed: StepFailedEvent) -> Done:
            told.append(failed)
            return Done(n=7)

        @step
        async def end(self, ev: Done) -> StopEvent:
            return StopEvent(result=ev.n)

    with anyio.fail_after(5):
        assert await Recovering().run() == 7
    (failed,) = told
    assert (failed.step_name, failed.input_event, failed.attempts) == ("work", Task(n=1), 3)
    assert isinstance(failed.exception, Broken)
    assert failed.failed_at.utcoffset() is not None
    assert failed.elapsed_seconds >= 0


async def test_a_failure_that_no_handler_is_for_fails_the_run_under_its_own_name() -> None:
    class Elsewhere(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Task | StopEvent:
            raise Broken("here")

        @step
        async def work(self, ev: Task) -> StopEvent:
            raise NotImplementedError

        @catch_error(for_steps=["work"])
        async def mend(self, failed: StepFailedEvent) -> StopEvent:
            raise NotImplementedError

    with anyio.fail_after(5):
        handler = Elsewhere().run()
        (last,) = [event async for event in handler.stream_events()]
        with pytest.raises(Broken, match="here"):
            await handler
    assert isinstance(last, WorkflowFailedEvent)
    assert last.step_name == "begin"


async def test_a_loop_through_a_handler_ends_when_its_recoveries_are_used_up() -> None:
    """Semantics 27."""
    calls: list[str] = []

    class Stubborn(Workflow):
        @step
        async def work(self, ev: StartEvent | Task) -> StopEvent:
            calls.append("work")
            raise Broken(len(calls))

        @catch_error(max_recoveries=2)
        async def again(self, failed: StepFailedEvent) -> Task:
            calls.append("again")
            return Task(n=1)

    with anyio.fail_after(5), pytest.raises(Broken, match="5"):
        await Stubborn().run()
    assert calls == ["work", "again", "work", "again", "work"]


async def test_each_event_has_recoveries_of_its_own() -> None:
    class Many(Workflow):
        @step
        async def spread(self, ev: StartEvent) -> list[Task]:
            return [Task(n=n) for n in range(20)]

        @step
        async def work(self, ev: Task) -> Done:
            raise Broken(ev.n)

        @catch_error
        async def mend(self, failed: StepFailedEvent) -> Done:
            assert isinstance(failed.input_event, Task)
            return Done(n=-failed.input_event.n)

        @step
        async def end(self, done: list[Done]) -> StopEvent:
            return StopEvent(result=[ev.n for ev in done])

    with anyio.fail_after(5):
        assert await Many().run() == [-n for n in range(20)]


async def test_a_failed_join_is_handed_over_with_its_batch() -> None:
    """Semantics 23."""
    told: list[Event] = []

    class Joining(Workflow):
        @step
        async def spread(self, ev: StartEvent) -> list[Done]:
            return [Done(n=n) for n in range(3)]

        @step
        async def join(self, done: list[Done]) -> StopEvent:
            raise Broken("no")

        @catch_error
        async def mend(self, failed: StepFailedEvent) -> StopEvent:
            told.append(failed.input_event)
            return StopEvent(result="mended")

    with anyio.fail_after(5):
        assert await Joining().run() == "mended"
    (batch,) = told
    assert isinstance(batch, CollectionReleaseEvent)
    assert batch.events == [Done(n=n) for n in range(3)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_time_budget_of_a_run_is_no_handlers(backend: Any) -> None:
    """Semantics 27."""

    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            raise NotImplementedError

        @catch_error
        async def mend(self, failed: StepFailedEvent) -> StopEvent:
            raise NotImplementedError

    async def scenario() -> None:
        await Slow(timeout=5).run()

    with pytest.raises(WorkflowTimeoutError):
        simulate(scenario, backend=backend)


async def test_a_handlers_own_failure_ends_the_run_under_its_own_name() -> None:
    """Semantics 27."""

    class Worse(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            raise Broken("first")

        @catch_error
        async def mend(self, failed: StepFailedEvent) -> StopEvent:
            raise LookupError("second") from failed.exception

    with anyio.fail_after(5):
        handler = Worse().run()
        with pytest.raises(LookupError) as caught:
            await handler
    assert isinstance(caught.value.__cause__, Broken)
    assert any("step 'mend'" in note for note in caught.value.__notes__)


async def test_a_handler_is_a_step_like_others_for_those_who_look_on() -> None:
    class Recovering(Workflow):
        @step
        def work(self, ev: StartEvent) -> StopEvent:
            raise Broken

        @catch_error
        def mend(self, failed: StepFailedEvent) -> StopEvent:
            return StopEvent()

    with anyio.fail_after(5):
        handler = Recovering().run()
        events = [event async for event in handler.stream_events(expose_internal=True)]
    changes = [(event.name, event.input_event_name) for event in events if isinstance(event, StepStateChanged)]
    assert changes == [("work", "StartEvent")] * 2 + [("mend", "StepFailedEvent")] * 2


async def test_a_free_function_is_a_handler_when_it_is_attached() -> None:
    class Attached(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            raise Broken

    @catch_error
    async def mend(failed: StepFailedEvent) -> StopEvent:
        return StopEvent(result=failed.step_name)

    Attached.add_step(mend)
    with anyio.fail_after(5):
        assert await Attached().run() == "work"


class Decided(HumanResponseEvent):
    go_on: bool


class Decide(InputRequiredEvent, answer=Decided):
    what: str


class Asking(Workflow):
    """Its handler asks a person what to do about a failure."""

    def __init__(self, made: list[Any], **options: Any) -> None:
        super().__init__(types=[Decide], **options)
        self.made = made

    @step
    async def spread(self, ev: StartEvent) -> list[Task]:
        return [Task(n=n) for n in range(3)]

    @step(retry_policy=AtOnce(1))
    async def work(self, ctx: Context, ev: Task) -> Done:
        await ctx.once(self.made.append, ("worked", ev.n))
        if ev.n == 1:
            raise Broken("it's the middle one")
        return Done(n=ev.n)

    @catch_error(for_steps=["work"])
    async def mend(self, ctx: Context, failed: StepFailedEvent) -> Done | None:
        assert isinstance(failed.input_event, Task)
        await ctx.once(self.made.append, ("handled", str(failed.exception)))
        decided = await ctx.ask(Decide(what=f"drop {failed.input_event.n}?"))
        assert isinstance(decided, Decided)
        return Done(n=100) if decided.go_on else None

    @step
    async def end(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=[ev.n for ev in done])


@pytest.mark.guarantee("W1", "W2")
@pytest.mark.parametrize(("go_on", "result"), [(True, [0, 100, 2]), (False, [0, 2])])
async def test_a_handler_may_wait_for_a_human_in_another_process(go_on: bool, result: list[int]) -> None:
    made: list[Any] = []
    with anyio.fail_after(5):
        async with Asking(made).running() as handler:
            async for event in handler.stream_events():
                if isinstance(event, Decide):
                    break
            await anyio.wait_all_tasks_blocked()
            stored = handler.ctx.to_dict()
        flow = Asking(made)
        again = flow.run(ctx=Context.from_dict(flow, stored))
        (question,) = again.pending
        await again.send_event(Decided(go_on=go_on), reply_to=question.id)
        assert await again == result
    assert made.count(("handled", "it's the middle one")) == 1


async def test_a_failure_whose_class_is_not_declared_comes_as_data_after_a_restart() -> None:
    """Semantics 13."""
    told: list[str] = []

    class Telling(Asking):
        @catch_error(for_steps=["work"])
        async def mend(self, ctx: Context, failed: StepFailedEvent) -> Done | None:
            told.append(type(failed.exception).__name__)
            if isinstance(failed.exception, UnreconstructedException):
                told.append(str(failed.exception.original_type).rpartition(":")[2])
            await ctx.ask(Decide(what="?"))
            return None

    with anyio.fail_after(5):
        async with Telling([]).running() as handler:
            async for event in handler.stream_events():
                if isinstance(event, Decide):
                    break
            await anyio.wait_all_tasks_blocked()
            stored = handler.ctx.to_dict()
        flow = Telling([])
        again = flow.run(ctx=Context.from_dict(flow, stored))
        await again.send_event(Decided(go_on=False))
        assert await again == [0, 2]
    assert told == ["Broken", "UnreconstructedException", "Broken"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.guarantee("R4")
def test_a_recovered_run_cut_after_each_tick_comes_to_the_same_end(backend: Any) -> None:
    async def scenario(process: Process) -> Any:
        return await process.answer(process.run(Asking(process.world)), lambda question: Decided(go_on=True))

    assert sweep_crash(scenario, backend=backend) > 10


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.guarantee("R1")
def test_a_recovered_run_cancelled_at_each_point_leaves_nothing(backend: Any) -> None:
    async def scenario() -> None:
        async with Asking([]).running() as handler:
            with anyio.move_on_after(2.0):
                await handler

    assert sweep_cancel(scenario, backend=backend) > 5
