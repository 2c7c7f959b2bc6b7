"""W8: waiting spends nothing, deadlines are instants that survive, and all of it in virtual time."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from tests.sim.operations import Ask, Reply
from workflows import Context, Workflow, step
from workflows.errors import WorkflowTimeoutError
from workflows.events import StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import simulate

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
Body = Callable[[Context], Awaitable[object]]


class Timed(Workflow):
    """One step that does what it's given."""

    def __init__(self, body: Body, *, timeout: float | None = None, **options: Any) -> None:
        super().__init__(timeout, types=[Ask, Reply], **options)
        self.body = body

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await self.body(ctx))


async def first_question(handler: WorkflowHandler) -> str:
    """Wait for a question, and give its id."""
    while not handler.pending:
        await anyio.sleep(0.5)
    return handler.pending[0].id


# --- the budget -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Stretch:
    """The step works for so many seconds, then asks; the answer comes so many seconds later."""

    works_s: int
    waits_s: int
    restarts: bool = False


stretches = st.lists(st.builds(Stretch, st.integers(0, 9), st.integers(0, 10**6), st.booleans()), max_size=4)


def spent(stretches: list[Stretch], last_s: int) -> int:
    """What the run works: each replay works again up to where it waits."""
    works = [stretch.works_s for stretch in stretches] + [last_s]
    return sum(sum(works[: number + 1]) for number in range(len(works)))


@pytest.mark.guarantee("W8")
@both
def test_a_run_spends_its_budget_while_it_works_and_nothing_while_it_waits(backend: Backend) -> None:
    @effort(1)
    @given(stretches=stretches, last_s=st.integers(0, 9), budget_s=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
    def compare(stretches: list[Stretch], last_s: int, budget_s: int, seed: int) -> None:
        needed = spent(stretches, last_s)
        assume(needed != budget_s)  # to the second: either may come first

        async def body(ctx: Context) -> str:
            for number, stretch in enumerate(stretches):
                await anyio.sleep(stretch.works_s)
                await ctx.ask(Ask(what=f"{number}?"))
            await anyio.sleep(last_s)
            return "in time"

        flow = Timed(body, timeout=budget_s)

        async def scenario() -> object:
            handler = flow.run()
            for stretch in stretches:
                with anyio.move_on_after(budget_s + 1):
                    await first_question(handler)
                if handler.is_done():
                    break
                await anyio.sleep(stretch.waits_s)
                if stretch.restarts:
                    stored = json.dumps(handler.ctx.to_dict())
                    await handler.cancel_run()
                    handler = flow.run(ctx=Context.from_dict(flow, json.loads(stored)))
                handler.ctx.send_event(Reply(text="go on"), reply_to=handler.pending[0].id)
            return await handler

        event("enough" if needed < budget_s else "not enough")
        if needed < budget_s:
            assert simulate(scenario, backend=backend, seed=seed) == "in time"
        else:
            with pytest.raises(WorkflowTimeoutError, match=f"{budget_s} seconds"):
                simulate(scenario, backend=backend, seed=seed)

    compare()


async def ask_at_once(ctx: Context) -> object:
    return [reply.text for reply in await ctx.ask_all(Ask(what="a"), Ask(what="b"))]


async def ask_in_branches(ctx: Context) -> object:
    async def child(name: str) -> None:
        async with ctx.branch(name):
            await ctx.ask(Ask(what=name))

    async with anyio.create_task_group() as group:
        group.start_soon(child, "a")
        group.start_soon(child, "b")
    return "done"


async def ask_in_a_shield(ctx: Context) -> object:
    with anyio.CancelScope(shield=True):
        reply = await ctx.ask(Ask(what="a"))
    return reply.text


async def ask_in_a_loose_task(ctx: Context) -> object:
    async with anyio.create_task_group() as group:
        group.start_soon(ctx.ask, Ask(what="a"))
    return "done"


async def ask_beside_work(ctx: Context) -> object:
    async def work() -> None:
        async with ctx.branch("work"):
            await anyio.sleep(10**5)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        group.start_soon(ask_in_branches, ctx)
    return "done"


@pytest.mark.guarantee("W8")
@both
@pytest.mark.parametrize("body", [ask_at_once, ask_in_branches, ask_in_a_shield], ids=lambda body: body.__name__)
def test_an_attempt_all_of_which_is_known_to_wait_spends_nothing(body: Body, backend: Backend) -> None:
    flow = Timed(body, timeout=5)

    async def scenario() -> object:
        handler = flow.run()
        await first_question(handler)
        await anyio.sleep(10**6)
        for question in handler.pending:
            handler.ctx.send_event(Reply(text="yes"), reply_to=question.id)
        return await handler

    assert simulate(scenario, backend=backend) in ("done", "yes", ["yes", "yes"])


@pytest.mark.guarantee("W8")
@both
@pytest.mark.parametrize("body", [ask_in_a_loose_task, ask_beside_work], ids=lambda body: body.__name__)
def test_an_attempt_that_may_be_at_work_spends_time(body: Body, backend: Backend) -> None:
    flow = Timed(body, timeout=5)

    async def scenario() -> float:
        start = anyio.current_time()
        with pytest.raises(WorkflowTimeoutError):
            await flow.run()
        return anyio.current_time() - start

    assert simulate(scenario, backend=backend) == pytest.approx(5, abs=0.2)


# --- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W8")
@both
def test_a_deadline_is_an_instant_that_a_restart_does_not_move(backend: Backend) -> None:
    """Asked at 0 with a timeout; the process is away for a while, or several times; the wait ends when it would have."""

    @effort(1)
    @given(
        timeout_s=st.integers(1, 1000),
        lives=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=4),
        seed=st.integers(0, 2**32 - 1),
    )
    def compare(timeout_s: int, lives: list[tuple[int, int]], seed: int) -> None:
        asked_at: list[datetime] = []

        async def body(ctx: Context) -> float:
            asked_at.append(ctx.now())
            with pytest.raises(TimeoutError):
                await ctx.ask(Ask(what="now?"), timeout=timeout_s)
            return (ctx.now() - asked_at[0]).total_seconds()

        flow = Timed(body)

        async def scenario() -> object:
            handler = flow.run()
            await first_question(handler)
            deadline = handler.pending[0].deadline
            assert deadline is not None
            assert deadline == asked_at[0] + timedelta(seconds=timeout_s)
            for lived_s, away_s in lives:
                with anyio.move_on_after(lived_s):
                    await handler.run.outcome.wait()
                stored = json.dumps(handler.ctx.to_dict())
                await handler.cancel_run()
                await anyio.sleep(away_s)
                context: Context[Any] = Context.from_dict(flow, json.loads(stored))
                assert all(question.deadline == deadline for question in context.pending)
                handler = flow.run(ctx=context)
            return await handler

        fires_at = first_instant_alive_after(timeout_s, lives)
        assume(fires_at is not None)
        assert simulate(scenario, backend=backend, seed=seed) == pytest.approx(fires_at, abs=0.9)

    compare()


def first_instant_alive_after(timeout_s: int, lives: list[tuple[int, int]]) -> int | None:
    """The first instant from the deadline on at which the process lives; None where that's within a second of a change."""
    now = 0
    for lived_s, away_s in lives:
        if min(abs(now - timeout_s), abs(now + lived_s - timeout_s), abs(now + lived_s + away_s - timeout_s)) <= 1:
            return None
        if now + lived_s > timeout_s:
            return max(now, timeout_s) if lived_s else None
        now += lived_s + away_s
    return max(now, timeout_s)


@pytest.mark.guarantee("W8")
@both
def test_a_deadline_that_has_passed_while_nothing_ran_fires_on_resume_without_waiting(backend: Backend) -> None:
    async def body(ctx: Context) -> str:
        try:
            await ctx.ask(Ask(what="now?"), timeout=60)
        except TimeoutError:
            return "timed out"
        return "answered"

    flow = Timed(body)

    async def scenario() -> tuple[object, float]:
        handler = flow.run()
        await first_question(handler)
        stored = json.dumps(handler.ctx.to_dict())
        await handler.cancel_run()
        await anyio.sleep(3600)
        start = anyio.current_time()
        again = flow.run(ctx=Context.from_dict(flow, json.loads(stored)))
        assert again.pending == ()
        return await again, anyio.current_time() - start

    assert simulate(scenario, backend=backend) == ("timed out", 0)


@pytest.mark.guarantee("W8", "W1")
@both
def test_a_timeout_is_raised_again_on_each_replay(backend: Backend) -> None:
    timeouts: list[float] = []

    async def body(ctx: Context) -> str:
        for number in range(3):
            try:
                await ctx.ask(Ask(what=f"ignored {number}"), timeout=30)
            except TimeoutError:
                timeouts.append(number)
        return str((await ctx.ask(Ask(what="now?"))).text)

    async def scenario() -> tuple[object, float]:
        start = anyio.current_time()
        handler = Timed(body).run()
        while "now?" not in repr(handler.pending):
            await anyio.sleep(1)
        handler.ctx.send_event(Reply(text="yes"), reply_to=handler.pending[0].id)
        return await handler, anyio.current_time() - start

    result, lasted = simulate(scenario, backend=backend)
    assert result == "yes"
    assert lasted == pytest.approx(90, abs=2)  # each deadline was waited for once
    assert timeouts == [0, 0, 1, 0, 1, 2, 0, 1, 2]


@pytest.mark.guarantee("W1")
@both
def test_a_call_that_a_deadline_cut_short_is_cut_short_again_and_not_made(backend: Backend) -> None:
    calls: list[str] = []

    async def slow() -> str:
        calls.append("slow")
        await anyio.sleep_forever()
        return "never"

    async def body(ctx: Context) -> object:
        with anyio.move_on_after(60) as scope:
            await ctx.once(slow)
        seen = await ctx.once(lambda: scope.cancelled_caught, key="seen")
        return seen, scope.cancelled_caught, (await ctx.ask(Ask(what="now?"))).text

    async def scenario() -> object:
        handler = Timed(body).run()
        await first_question(handler)
        data = json.loads(json.dumps(handler.ctx.to_dict()))
        await handler.cancel_run()
        workflow, resumed_at = Timed(body), anyio.current_time()
        resumed = workflow.run(Context.from_dict(workflow, data))
        await resumed.send_event(Reply(text="yes"))
        assert await resumed == (True, True, "yes")
        return anyio.current_time() - resumed_at

    assert simulate(scenario, backend=backend) == pytest.approx(60, abs=0.01)
    assert calls == ["slow"]


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W8")
@both
def test_the_clock_of_a_workflow_tells_its_steps_the_time_and_dates_its_deadlines(backend: Backend) -> None:
    times = iter(datetime(2031, 5, 17, tzinfo=UTC) + timedelta(minutes=minutes) for minutes in range(600))
    last: list[datetime] = []

    def clock() -> datetime:
        last.append(next(times))
        return last[-1]

    async def body(ctx: Context) -> list[datetime]:
        before = ctx.now()
        await ctx.ask(Ask(what="now?"), timeout=3600)
        return [before, ctx.now()]

    flow = Timed(body, clock=clock)

    async def scenario() -> list[datetime]:
        handler = flow.run()
        await anyio.wait_all_tasks_blocked()
        (question,) = handler.pending
        assert question.deadline is not None
        assert question.deadline - timedelta(seconds=3600) in last
        handler.ctx.send_event(Reply(text="yes"), reply_to=question.id)
        told: list[datetime] = await handler
        return told

    before, after = simulate(scenario, backend=backend)
    assert before in last
    assert after in last
    assert before < after


@pytest.mark.guarantee("W8")
@both
def test_a_year_of_waiting_takes_no_time(backend: Backend) -> None:
    async def body(ctx: Context) -> int:
        days = 0
        while days < 365:
            try:
                await ctx.ask(Ask(what="still there?"), timeout=86_400)
            except TimeoutError:
                days += 1
        return days

    async def scenario() -> float:
        start = anyio.current_time()
        assert await Timed(body, waits="park").run() == 365
        return anyio.current_time() - start

    assert simulate(scenario, backend=backend) == pytest.approx(365 * 86_400, rel=1e-6)
