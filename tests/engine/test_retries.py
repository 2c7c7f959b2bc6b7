"""Retries: a policy decides after each failure, its decision is recorded, and the step is told what happened."""

import json
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from tests.engine.clocks import StoppedClock
from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError, ReplayMismatch, SuspensionSwallowed, UsageError
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, WorkflowFailedEvent
from workflows.retry_policy import RetryInfo

pytestmark = pytest.mark.anyio


class Broken(Exception):
    """What a step raises in these tests."""


class Delays:
    """A policy that waits so many seconds after each failure, and then gives up; it keeps what it was asked."""

    def __init__(self, *delays: float | None) -> None:
        self.delays = delays
        self.asked: list[tuple[float, int, Exception, int | None]] = []

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        self.asked.append((elapsed_time, attempts, error, seed))
        return self.delays[attempts - 1] if attempts <= len(self.delays) else None


async def test_a_step_is_tried_again_until_it_succeeds() -> None:
    policy = Delays(0, 0, 0)
    told: list[RetryInfo] = []

    class Flaky(Workflow):
        @step(retry_policy=policy)
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            told.append(ctx.retry_info())
            if len(told) < 3:
                raise Broken(len(told))
            return StopEvent(result=len(told))

    clock = StoppedClock()
    with anyio.fail_after(5):
        assert await Flaky(clock=clock).run() == 3
    assert [(info.retry_number, str(info.last_exception)) for info in told] == [(0, "None"), (1, "1"), (2, "2")]
    assert [info.last_failed_at for info in told] == [None, clock.now, clock.now]
    assert [info.elapsed_seconds for info in told] == [0, 0, 0]
    assert [(attempts, str(error)) for _, attempts, error, _ in policy.asked] == [(1, "1"), (2, "2")]


async def test_a_step_whose_policy_gives_up_fails_with_its_last_error() -> None:
    policy = Delays(0, 0)
    errors: list[Broken] = []

    class Hopeless(Workflow):
        @step(retry_policy=policy)
        async def work(self, ev: StartEvent) -> StopEvent:
            errors.append(Broken(len(errors)))
            raise errors[-1]

    with anyio.fail_after(5):
        handler = Hopeless().run()
        events = [event async for event in handler.stream_events()]
        with pytest.raises(Broken) as caught:
            await handler
    assert len(errors) == 3
    assert caught.value is errors[-1]
    (last,) = events
    assert isinstance(last, WorkflowFailedEvent)
    assert (last.step_name, last.exception, last.attempts) == ("work", errors[-1], 3)


async def test_the_time_of_all_attempts_is_told_to_the_policy_and_to_the_step() -> None:
    clock = StoppedClock()
    policy = Delays(0, 0)
    told: list[RetryInfo] = []

    class Slow(Workflow):
        @step(retry_policy=policy)
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            told.append(ctx.retry_info())
            clock.advance(10)
            if len(told) < 3:
                raise Broken
            return StopEvent()

    began = clock.now
    with anyio.fail_after(5):
        await Slow(clock=clock, timeout=None).run()
    assert [elapsed for elapsed, *_ in policy.asked] == [10, 20]
    assert [info.elapsed_seconds for info in told] == [0, 10, 20]
    assert [info.last_failed_at for info in told[1:]] == [
        datetime.fromtimestamp(began.timestamp() + seconds, UTC) for seconds in (10, 20)
    ]


async def test_the_seed_of_each_failure_is_another_one() -> None:
    policy = Delays(0, 0, 0)

    class Hopeless(Workflow):
        @step(retry_policy=policy)
        async def work(self, ev: StartEvent) -> StopEvent:
            raise Broken

    with anyio.fail_after(5), pytest.raises(Broken):
        await Hopeless().run()
    seeds = [seed for *_, seed in policy.asked]
    assert len(set(seeds)) == 4
    assert None not in seeds


@pytest.mark.guarantee("W1")
async def test_a_retry_keeps_answers_and_results_of_once_and_does_the_rest_again() -> None:
    """Semantics 2."""
    calls: list[str] = []

    class Paying(Workflow):
        @step(retry_policy=Delays(0, 0))
        async def pay(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            answer: HumanResponseEvent = await ctx.ask(InputRequiredEvent(prefix="pay?"))
            receipt = await ctx.once(self.charge, answer.response)
            async with ctx.store.edit_state() as state:
                state["tries"] = state.get("tries", 0) + 1
            if state["tries"] < 3:
                raise Broken
            return StopEvent(result=receipt)

        def charge(self, cents: int) -> str:
            calls.append(f"charged {cents}")
            return f"receipt {len(calls)}"

    workflow = Paying()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        handler.ctx.send_event(HumanResponseEvent(response=5))
        asked = [event async for event in handler.stream_events() if isinstance(event, InputRequiredEvent)]
        assert await handler == "receipt 1"
    assert calls == ["charged 5"]
    assert len(asked) == 1
    assert await handler.ctx.store.get("tries") == 3


@pytest.mark.guarantee("W8")
async def test_a_delay_is_an_instant_that_a_snapshot_keeps_and_a_restart_waits_for_the_rest_of() -> None:
    """Semantics 11."""
    clock = StoppedClock()
    policy = Delays(3600)
    attempts: list[int] = []

    class Patient(Workflow):
        @step(retry_policy=policy)
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            attempts.append(ctx.retry_info().retry_number)
            if len(attempts) == 1:
                raise Broken("once")
            return StopEvent(result=str(ctx.retry_info().last_exception))

    workflow = Patient(clock=clock, types=[Broken])
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        first = handler.ctx.to_dict()
        clock.advance(1000)
        second = handler.ctx.to_dict()
        await handler.cancel_run()
        assert due_of(first) == due_of(second) == clock.now.timestamp() - 1000 + 3600

        early = workflow.run(Context[Any].from_dict(workflow, json.loads(json.dumps(second))))
        await wait_until_all_wait()
        assert attempts == [0]
        assert await early.ctx.running_steps() == []
        await early.cancel_run()
        clock.advance(2600)
        late = workflow.run(Context[Any].from_dict(workflow, json.loads(json.dumps(early.ctx.to_dict()))))
        assert await late == "once"
    assert attempts == [0, 1]
    assert len(policy.asked) == 1


def due_of(snapshot: dict[str, Any]) -> float:
    (execution,) = snapshot["executions"]
    due = execution["due"]
    assert isinstance(due, float)
    return due


async def test_a_step_that_waits_for_its_retry_takes_no_worker() -> None:
    clock = StoppedClock()
    done: list[object] = []

    class Busy(Workflow):
        @step(num_workers=1, retry_policy=Delays(3600))
        async def work(self, ev: StartEvent | HumanResponseEvent) -> StopEvent | None:
            done.append(ev.get("number"))
            if ev.get("number") == 0:
                raise Broken
            return StopEvent(result="the other one") if ev.get("number") == 2 else None

    with anyio.fail_after(5):
        handler = Busy(clock=clock).run(number=0)
        for number in (1, 2):
            handler.ctx.send_event(HumanResponseEvent(number=number))
        assert await handler == "the other one"
    assert done == [0, 1, 2]


async def test_a_policy_that_fails_fails_the_step_with_the_step_s_error_as_its_context() -> None:
    error = Broken()

    class Wrong:
        def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float:
            raise ZeroDivisionError

    class Hopeless(Workflow):
        @step(retry_policy=Wrong())
        async def work(self, ev: StartEvent) -> StopEvent:
            raise error

    with anyio.fail_after(5):
        with pytest.raises(ZeroDivisionError) as caught:
            await Hopeless().run()
    assert caught.value.__context__ is error


async def test_a_step_that_swallows_its_suspension_is_not_tried_again() -> None:
    policy = Delays(0, 0, 0)

    class Swallowing(Workflow):
        @step(retry_policy=policy)
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            try:
                await ctx.ask(InputRequiredEvent())
            except BaseException:
                return StopEvent(result="swallowed")
            return StopEvent()

    with anyio.fail_after(5):
        with pytest.raises(SuspensionSwallowed, match="'ask'"):
            await Swallowing().run()
    assert policy.asked == []


async def test_a_replay_that_departs_from_its_record_is_not_tried_again() -> None:
    policy = Delays(0, 0, 0)
    times: list[int] = []

    class Wavering(Workflow):
        @step(retry_policy=policy)
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            times.append(len(times))
            await ctx.ask(InputRequiredEvent(number=len(times)))
            return StopEvent()

    with anyio.fail_after(5):
        handler = Wavering().run()
        await wait_until_all_wait()
        handler.ctx.send_event(HumanResponseEvent())
        with pytest.raises(ReplayMismatch):
            await handler
    assert policy.asked == []


async def test_a_wrong_call_of_ours_is_not_tried_again() -> None:
    policy = Delays(0, 0, 0)

    class Wrong(Workflow):
        @step(retry_policy=policy)
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.store.set("client", object())
            return StopEvent()

    with anyio.fail_after(5):
        with pytest.raises(UsageError):
            await Wrong().run()
    assert policy.asked == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
async def test_an_interrupt_is_not_tried_again(error: BaseException) -> None:
    policy = Delays(0, 0, 0)

    class Interrupted(Workflow):
        @step(retry_policy=policy)
        async def work(self, ev: StartEvent) -> StopEvent:
            raise error

    with anyio.fail_after(5):
        with pytest.raises(type(error)) as caught:
            await Interrupted().run()
    assert caught.value is error
    assert policy.asked == []


async def test_a_plain_def_step_is_tried_again_as_well() -> None:
    told: list[int] = []

    class Threaded(Workflow):
        @step(retry_policy=Delays(0))
        def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            told.append(ctx.retry_info().retry_number)
            if not told[-1]:
                raise Broken
            return StopEvent(result=told)

    with anyio.fail_after(5):
        assert await Threaded().run() == [0, 1]


async def test_a_run_can_be_cancelled_while_a_retry_waits() -> None:
    class Patient(Workflow):
        @step(retry_policy=Delays(3600))
        async def work(self, ev: StartEvent) -> StopEvent:
            raise Broken

    with anyio.fail_after(5):
        handler = Patient().run()
        await wait_until_all_wait()
        await handler.cancel_run()
        assert handler.ctx.is_running


async def test_retry_info_belongs_into_a_step() -> None:
    class Plain(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    with pytest.raises(ContextStateError, match=r"retry_info\(\) belongs into a step"):
        Context[Any](Plain()).retry_info()


@pytest.mark.guarantee("W3")
async def test_a_retry_that_takes_another_path_asks_its_own_question_and_withdraws_the_old_one() -> None:
    failing = anyio.Event()

    class Turning(Workflow):
        @step(retry_policy=Delays(0))
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            async def ask(prefix: str) -> None:
                async with ctx.branch(prefix):
                    await ctx.ask(InputRequiredEvent(prefix=prefix))

            async with anyio.create_task_group() as group:
                if ctx.retry_info().retry_number == 0:
                    group.start_soon(ask, "old")
                    await failing.wait()
                    raise Broken
            answer = await ctx.ask(InputRequiredEvent(prefix="new"))
            return StopEvent(result=answer.response)

    with anyio.fail_after(5):
        handler = Turning().run()
        reader = handler.stream_events()
        assert await anext(reader) == InputRequiredEvent(prefix="old")
        failing.set()
        assert await anext(reader) == InputRequiredEvent(prefix="new")
        await wait_until_all_wait()
        assert [question.event for question in handler.pending] == [InputRequiredEvent(prefix="new")]
        await handler.send_event(HumanResponseEvent(response="yes"))
        assert await handler == "yes"
