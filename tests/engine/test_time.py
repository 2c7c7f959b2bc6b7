"""W8: waiting costs a run no time, and deadlines are instants; seen with a clock that goes only when it's told to."""

import json
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Backend
from tests.engine.clocks import StoppedClock
from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import AlreadyAnswered, WorkflowTimeoutError
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler

pytestmark = pytest.mark.guarantee("W8")


class Deadlined(Workflow):
    """Asks with a deadline, and tells what became of it; then asks whether to end."""

    def __init__(self, clock: StoppedClock) -> None:
        super().__init__(clock=clock, timeout=None)
        self.attempts = 0

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.attempts += 1
        try:
            answer = await ctx.ask(InputRequiredEvent(prefix="in time?"), timeout=60)
            outcome = answer.response
        except TimeoutError:
            outcome = "nobody answered"
        end = await ctx.ask(InputRequiredEvent(prefix="end?"))
        return StopEvent(result=[outcome, end.response])


class Working(Workflow):
    """Each of its steps takes so many seconds, then asks."""

    def __init__(self, clock: StoppedClock, *, timeout: float, seconds: float) -> None:
        super().__init__(clock=clock, timeout=timeout)
        self.clock = clock
        self.seconds = seconds
        self.worked = 0

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(ev.times):
            await ctx.once(self.take_time)
            await ctx.ask(InputRequiredEvent(number=number))
        return StopEvent(result=self.worked)

    def take_time(self) -> None:
        self.clock.advance(self.seconds)
        self.worked += 1


def through_json(handler: WorkflowHandler) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(handler.ctx.to_dict()))
    return data


async def answer(handler: WorkflowHandler, response: object = None) -> None:
    await wait_until_all_wait()
    handler.ctx.send_event(HumanResponseEvent(response=response))
    await wait_until_all_wait()


@pytest.mark.anyio
async def test_a_deadline_is_an_aware_instant_and_the_same_in_every_snapshot() -> None:
    clock = StoppedClock()
    workflow = Deadlined(clock)
    began = clock.now
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        (question,) = handler.pending
        assert question.deadline == began + timedelta(seconds=60)
        clock.advance(10)
        data = through_json(handler)
        await handler.cancel_run()
        clock.advance(10)
        restored = Context.from_dict(workflow, data)
        assert [found.deadline for found in restored.pending] == [began + timedelta(seconds=60)]


@pytest.mark.anyio
async def test_a_deadline_that_has_passed_fires_on_resume_and_is_raised_again_on_each_replay() -> None:
    clock = StoppedClock()
    workflow = Deadlined(clock)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        data = through_json(handler)
        await handler.cancel_run()
        clock.advance(61)
        resumed = workflow.run(Context.from_dict(workflow, data))
        await wait_until_all_wait()
        assert [question.event for question in resumed.pending] == [InputRequiredEvent(prefix="end?")]
        again = workflow.run(Context.from_dict(workflow, through_json(resumed)))
        await resumed.cancel_run()
        await answer(again, "yes")
        assert await again == ["nobody answered", "yes"]


@pytest.mark.anyio
async def test_a_deadline_that_has_not_passed_goes_on_and_an_answer_in_time_counts() -> None:
    clock = StoppedClock()
    workflow = Deadlined(clock)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        data = through_json(handler)
        await handler.cancel_run()
        clock.advance(59)
        resumed = workflow.run(Context.from_dict(workflow, data))
        await answer(resumed, "in time")
        await answer(resumed, "yes")
        assert await resumed == ["in time", "yes"]


@pytest.mark.anyio
async def test_an_answer_after_the_deadline_comes_too_late() -> None:
    clock = StoppedClock()
    workflow = Deadlined(clock)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        (question,) = handler.pending
        data = through_json(handler)
        await handler.cancel_run()
        clock.advance(61)
        resumed = workflow.run(Context.from_dict(workflow, data))
        with pytest.raises(AlreadyAnswered, match="closed"):
            resumed.ctx.send_event(HumanResponseEvent(response="late"), reply_to=question.id)
        await answer(resumed, "yes")
        assert await resumed == ["nobody answered", "yes"]


@pytest.mark.anyio
async def test_a_deadline_of_no_seconds_has_passed_at_once() -> None:
    class Impatient(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            with pytest.raises(TimeoutError, match="nobody answered before"):
                await ctx.ask(InputRequiredEvent(), timeout=0)
            return StopEvent(result="at once")

    with anyio.fail_after(5):
        assert await Impatient().run() == "at once"


@pytest.mark.anyio
async def test_waiting_spends_none_of_the_time_of_a_run() -> None:
    clock = StoppedClock()
    workflow = Working(clock, timeout=100, seconds=30)
    with anyio.fail_after(5):
        handler = workflow.run(times=3)
        for _ in range(3):
            await wait_until_all_wait()
            clock.advance(1_000_000)
            await answer(handler)
        assert await handler == 3


@pytest.mark.anyio
async def test_what_was_spent_survives_a_restart() -> None:
    clock = StoppedClock()
    workflow = Working(clock, timeout=100, seconds=60)
    with anyio.fail_after(5):
        handler = workflow.run(times=3)
        await wait_until_all_wait()
        data = through_json(handler)
        assert data["spent_s"] == 60
        await handler.cancel_run()
        clock.advance(1_000_000)
        resumed = workflow.run(Context.from_dict(workflow, data))
        await answer(resumed)
        assert through_json(resumed)["spent_s"] == 120
        await answer(resumed)
        with pytest.raises(WorkflowTimeoutError, match="has spent its 100 seconds"):
            await resumed


@pytest.mark.anyio
async def test_a_resumed_run_has_the_time_that_its_workflow_gives_it_now() -> None:
    clock = StoppedClock()
    with anyio.fail_after(5):
        handler = Working(clock, timeout=100, seconds=60).run(times=2)
        await wait_until_all_wait()
        data = through_json(handler)
        await handler.cancel_run()
        generous = Working(clock, timeout=1000, seconds=60)
        resumed = generous.run(Context.from_dict(generous, data))
        await answer(resumed)
        await answer(resumed)
        assert await resumed == 1


@pytest.mark.anyio
async def test_an_attempt_in_flight_has_spent_its_time_in_a_snapshot() -> None:
    clock = StoppedClock()
    gate = anyio.Event()

    class Held(Workflow):
        @step
        async def hold(self, ev: StartEvent) -> StopEvent:
            await gate.wait()
            return StopEvent()

    with anyio.fail_after(5):
        handler = Held(clock=clock, timeout=100).run()
        await wait_until_all_wait()
        clock.advance(30)
        assert handler.ctx.to_dict()["spent_s"] == 30
        gate.set()
        await handler


@pytest.mark.anyio
async def test_ctx_now_reads_the_workflow_s_clock_and_is_the_same_on_a_replay() -> None:
    clock = StoppedClock()
    seen: list[datetime] = []

    class Reading(Workflow):
        @step
        async def read(self, ctx: Context, ev: StartEvent) -> StopEvent:
            seen.append(ctx.now())
            await ctx.ask(InputRequiredEvent())
            return StopEvent(result=ctx.now())

    began = clock.now
    with anyio.fail_after(5):
        handler = Reading(clock=clock).run()
        await wait_until_all_wait()
        clock.advance(1000)
        await answer(handler)
        assert await handler == began + timedelta(seconds=1000)
    assert seen == [began, began]


@given(
    stretches=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    pauses=st.lists(st.integers(0, 10**6), min_size=6, max_size=6),
    restarts=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_a_run_spends_what_its_steps_take_whatever_it_waits_and_wherever_it_goes_on(
    anyio_backend: Backend, stretches: list[int], pauses: list[int], restarts: list[bool]
) -> None:
    clock = StoppedClock()

    class Stretching(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            for number, seconds in enumerate(stretches):
                await ctx.once(clock.advance, seconds, key=str(number))
                await ctx.ask(InputRequiredEvent(number=number))
            return StopEvent(result="done")

    async def main() -> None:
        workflow = Stretching(clock=clock, timeout=1000)
        with anyio.fail_after(5):
            handler = workflow.run()
            for number in range(len(stretches)):
                await wait_until_all_wait()
                assert handler.ctx.to_dict()["spent_s"] == pytest.approx(sum(stretches[: number + 1]))
                clock.advance(pauses[number])
                if restarts[number]:
                    data = through_json(handler)
                    await handler.cancel_run()
                    handler = workflow.run(Context.from_dict(workflow, data))
                handler.ctx.send_event(HumanResponseEvent())
            assert await handler == "done"

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
