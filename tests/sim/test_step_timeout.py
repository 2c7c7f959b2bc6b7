"""`@step(timeout=...)`: the time that an attempt may be at work, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import anyio
import pytest
from anyio import from_thread
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from tests.sim.one_step import answered
from tests.sim.operations import Ask, Reply
from workflows import Context, Workflow, catch_error, step
from workflows.errors import StepTimedOut, WorkflowTimeoutError, WorkflowValidationError
from workflows.events import Event, StartEvent, StepFailedEvent, StopEvent, WorkflowFailedEvent
from workflows.testing import simulate, sweep_cancel

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
Body: TypeAlias = Callable[[Context, int], Awaitable[object]]


class Again:
    """A retry policy: so many times again, after a second each."""

    def __init__(self, times: int) -> None:
        self.times = times

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 1.0 if attempts <= self.times else None


def flow_of(body: Body, *, retries: int = 0, recovers: bool = False, **options: Any) -> Workflow:
    """A workflow of one step that has ten seconds for what it's given."""

    class Timed(Workflow):
        @step(timeout=10, retry_policy=Again(retries))
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await body(ctx, ctx.retry_info().retry_number))

    class Recovering(Timed):
        @catch_error
        async def mend(self, failed: StepFailedEvent) -> StopEvent:
            return StopEvent(result=[type(failed.exception).__name__, failed.attempts, failed.elapsed_seconds])

    return (Recovering if recovers else Timed)(options.pop("budget", None), types=[Ask, Reply], **options)


def run(flow: Workflow, backend: Backend, seed: int = 0) -> object:
    return simulate(lambda: answered(flow.run()), backend=backend, seed=seed)


async def sleep(ctx: Context, failures: int, seconds: float) -> float:
    await anyio.sleep(seconds)
    return seconds


@both
@effort(0.3)
@given(seconds=st.integers(0, 40).map(lambda n: n / 2).filter(lambda s: s != 10), seed=st.integers(0, 2**32 - 1))
def test_an_attempt_that_takes_longer_has_failed_and_one_that_does_not_has_not(
    backend: Backend, seconds: float, seed: int
) -> None:
    flow = flow_of(partial(sleep, seconds=seconds))
    if seconds < 10:
        assert run(flow, backend, seed) == seconds
        return
    with pytest.raises(StepTimedOut, match="hasn't ended within its 10 seconds") as caught:
        run(flow, backend, seed)
    assert isinstance(caught.value, TimeoutError)


@both
def test_it_counts_as_a_failure_that_is_tried_again_and_recovered(backend: Backend) -> None:
    async def late_twice(ctx: Context, failures: int) -> int:
        await anyio.sleep(20 if failures < 2 else 5)
        return failures

    assert run(flow_of(late_twice, retries=2), backend) == 2
    assert run(flow_of(late_twice, retries=1, recovers=True), backend) == ["StepTimedOut", 2, 21.0]


@both
def test_the_stream_tells_of_it(backend: Backend) -> None:
    async def scenario() -> list[Event]:
        handler = flow_of(partial(sleep, seconds=11)).run()
        events = [event async for event in handler.stream_events()]
        with pytest.raises(StepTimedOut):
            await handler
        return events

    (last,) = simulate(scenario, backend=backend)
    assert isinstance(last, WorkflowFailedEvent)
    assert isinstance(last.exception, StepTimedOut)


@both
@pytest.mark.guarantee("W8")
def test_waiting_takes_none_of_it_and_each_replay_has_its_own(backend: Backend) -> None:
    async def asks_for_days(ctx: Context, failures: int) -> list[str]:
        said: list[str] = []
        for number in range(3):
            await anyio.sleep(2)
            answer = await ctx.ask(Ask(what=str(number)))
            said.append(answer.text)
        return said

    async def scenario() -> object:
        return await answered(flow_of(asks_for_days).run(), after_s=86_400.0)

    assert simulate(scenario, backend=backend) == ["to 0", "to 1", "to 2"]


@both
@pytest.mark.guarantee("W8")
@pytest.mark.parametrize(("works_s", "is_late"), [(2.0, False), (3.5, True)])
def test_the_clock_stands_still_while_all_that_is_open_is_parked(
    backend: Backend, works_s: float, is_late: bool
) -> None:
    """Three stretches of work around two waits of a day each that park: the stretches count together."""

    async def parks(ctx: Context, failures: int) -> str:
        for number in range(2):
            await anyio.sleep(works_s)
            with anyio.CancelScope(shield=True):
                await ctx.ask(Ask(what=str(number)))
        await anyio.sleep(works_s)
        return "in time"

    async def scenario() -> object:
        return await answered(flow_of(parks, waits="park").run(), after_s=86_400.0)

    if is_late:
        with pytest.raises(StepTimedOut):
            simulate(scenario, backend=backend)
    else:
        assert simulate(scenario, backend=backend) == "in time"


@both
@pytest.mark.guarantee("W2")
def test_a_step_with_a_timeout_is_suspended_like_any_other(backend: Backend) -> None:
    """Also from within a task group of its own, and while a `once` is in flight that takes its time."""
    calls: list[str] = []

    async def slow_once() -> str:
        calls.append("once")
        await anyio.sleep(6)
        return "made"

    async def body(ctx: Context, failures: int) -> object:
        calls.append("body")
        made: list[str] = []

        async def make() -> None:
            async with ctx.branch("make"):
                made.append(await ctx.once(slow_once))

        async with anyio.create_task_group() as group:
            group.start_soon(make)
            await anyio.sleep(1)
            answer = await ctx.ask(Ask(what="?"))
        return [*made, answer.text]

    assert run(flow_of(body), backend) == ["made", "to ?"]
    assert calls == ["body", "once", "body"]


@both
@pytest.mark.guarantee("W1")
def test_time_that_runs_out_while_a_suspension_waits_for_a_once_is_a_failure(backend: Backend) -> None:
    async def slow_once(seconds: float) -> str:
        await anyio.sleep(seconds)
        return "made"

    async def body(ctx: Context, failures: int) -> object:
        made: list[str] = []

        async def make() -> None:
            async with ctx.branch("make"):
                made.append(await ctx.once(slow_once, 3 if failures else 20, key="make"))

        async with anyio.create_task_group() as group:
            group.start_soon(make)
            await anyio.sleep(1)
            answer = await ctx.ask(Ask(what="?"))
        return [*made, answer.text, failures]

    with pytest.raises(StepTimedOut):
        run(flow_of(body), backend)
    assert run(flow_of(body, retries=1), backend) == ["made", "to ?", 1]


@both
def test_clean_up_that_raises_is_the_failure_and_a_step_that_handles_it_has_returned(backend: Backend) -> None:
    async def raises(ctx: Context, failures: int) -> None:
        try:
            await anyio.sleep(20)
        finally:
            raise LookupError("in clean-up")

    async def goes_on(ctx: Context, failures: int) -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(20)
        return "late, and whole"

    with pytest.raises(LookupError, match="in clean-up"):
        run(flow_of(raises), backend)
    assert run(flow_of(goes_on), backend) == "late, and whole"


@both
def test_the_budget_of_the_run_comes_first_if_its_shorter(backend: Backend) -> None:
    with pytest.raises(WorkflowTimeoutError):
        run(flow_of(partial(sleep, seconds=20), budget=5.0, retries=1), backend)


@both
@pytest.mark.guarantee("R1")
def test_a_run_that_is_cancelled_while_the_clock_runs_is_cancelled(backend: Backend) -> None:
    async def scenario() -> None:
        async with flow_of(partial(sleep, seconds=20), retries=1).running() as handler:
            with anyio.move_on_after(12.0):
                await handler

    assert sweep_cancel(scenario, backend=backend) > 2


@both
def test_a_thread_is_waited_for_and_what_it_returns_late_counts(backend: Backend) -> None:
    """The time of the loop stands still while a thread works, so it's the loop's time that the thread lets pass."""

    class Threaded(Workflow):
        @step(timeout=10)
        def only(self, ev: StartEvent) -> StopEvent:
            from_thread.run(_shielded_sleep)
            return StopEvent(result="late")

    assert simulate(lambda: awaited(Threaded(None)), backend=backend, idle=THREADS_S) == "late"


async def _shielded_sleep() -> None:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(20)


@both
def test_a_thread_that_waits_for_the_loop_is_cancelled_there(backend: Backend) -> None:
    class Threaded(Workflow):
        @step(timeout=10, retry_policy=Again(1))
        def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            from_thread.run(anyio.sleep, 1 if ctx.retry_info().retry_number else 20)
            return StopEvent(result=ctx.retry_info().retry_number)

    assert simulate(lambda: awaited(Threaded(None)), backend=backend, idle=THREADS_S) == 1


THREADS_S = 1.0
"""Real seconds that a thread may need to begin, or to end, before time jumps: on a machine that others keep busy, too."""


async def awaited(workflow: Workflow) -> object:
    """What a run comes to. Nobody sleeps meanwhile: each jump of the time costs a real second."""
    return await workflow.run()


@pytest.mark.parametrize("timeout", [0, -1.0, True, "5", float("nan"), float("inf")])
def test_a_timeout_that_is_no_number_of_seconds_is_told_where_it_stands(timeout: Any) -> None:
    with pytest.raises(WorkflowValidationError, match=r"timeout=.* is no number of seconds above 0"):

        class Wrong(Workflow):  # pyright: ignore[reportUnusedClass]  # defining it is what's tested
            @step(timeout=timeout)
            async def work(self, ev: StartEvent) -> StopEvent:
                raise NotImplementedError
