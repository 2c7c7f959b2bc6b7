"""What the properties of this folder have found: the shrunk examples, kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import anyio
import pytest

from tests.sim import operations as op
from tests.sim.flow import Plan
from tests.sim.judging import differences, problems_of
from tests.sim.living import Backend, Script, live_through
from tests.sim.one_step import OneStep, run
from workflows import Context
from workflows.testing import simulate
from workflows.testing.backends import Livelock

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def survives_every_crash(plan: Plan, backend: Backend) -> None:
    """The plan comes to the same end when it's cut after its 1st, 2nd, 3rd … tick."""
    reference = live_through(plan, Script("asyncio"))
    assert not problems_of(reference)
    report = reference
    for dies_after in range(1, 100):
        report = live_through(plan, Script(backend, deaths=(dies_after,)))
        assert not problems_of(report)
        assert not differences(report, reference, is_sequential=True)
        if report.lives == 1:
            return
    raise AssertionError("a plan of a hundred ticks is no shrunk example")


@pytest.mark.guarantee("W1")
@both
@pytest.mark.parametrize("inner", [op.Send(), op.Stream(), op.Once(), op.Now(), op.Get("x"), op.GetAll()], ids=repr)
def test_an_edit_with_other_operations_inside_is_committed_once(inner: op.Operation, backend: Backend) -> None:
    """What's recorded inside stands before the commit, so a replay took the edit for one that had been dropped."""
    survives_every_crash(Plan((op.Edit(inner=(inner,)), op.EditInVain(), op.Edit(), op.AskPerson())), backend)


@pytest.mark.guarantee("W1", "W2")
@both
def test_a_function_that_raised_in_once_is_called_again_by_a_replay_which_goes_on(backend: Backend) -> None:
    """It left no record, so a replay took what was recorded next for a departure."""
    survives_every_crash(Plan((op.OnceInVain(), op.Now(), op.OnceInVain(), op.Stream(), op.AskPerson())), backend)


@pytest.mark.guarantee("W1", "W2")
@both
def test_a_function_that_a_deadline_of_the_steps_own_cuts_short_is_called_again_by_a_replay(backend: Backend) -> None:
    cut_short = op.MoveOn(block=(op.Once(is_async=True, sleeps=10.0),), seconds=1.0)
    plan = Plan((cut_short, op.Now(), op.AskPerson(), op.Stream(), op.AskPerson()))
    for dies_after in range(1, 9):
        report = live_through(plan, Script(backend, deaths=(dies_after,)))
        assert not problems_of(report)
        assert not report.world.finished


@pytest.mark.guarantee("W1")
@both
def test_a_result_that_only_a_replay_gets_is_recorded_where_the_function_had_raised(backend: Backend) -> None:
    calls: list[int] = []

    def flaky() -> str:
        calls.append(len(calls))
        if len(calls) == 1:
            raise op.Boom("not yet")
        return f"call {len(calls)}"

    async def body(ctx: Context, counts: Counter[str]) -> list[str]:
        got: list[str] = []
        for function in (flaky, lambda: "another"):
            try:
                got.append(await ctx.once(function, key="equal"))
            except op.Boom:
                got.append("fallback")
        for number in range(3):
            await ctx.ask(op.Ask(what=f"{number}?"))
        return got

    assert run(body, backend) == (["call 2", "another"], {"calls": 4})
    assert calls == [0, 1]


@pytest.mark.guarantee("R1")
def test_clean_up_that_sleeps_in_a_task_group_of_asyncios_own_is_waited_for() -> None:
    """AnyIO cancels the step at each turn of the loop, which was never idle, so that virtual time stood still."""
    said: list[str] = []

    async def clean_up() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(1)
            said.append("cleaned up")

    async def body(ctx: Context, counts: Counter[str]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(clean_up())

    async def scenario() -> float:
        handler = OneStep(body).run()
        await anyio.sleep(1)
        before = anyio.current_time()
        await handler.cancel_run(timeout=100)
        assert handler.is_done()
        return anyio.current_time() - before

    assert simulate(scenario, backend="asyncio") == 1.0
    assert said == ["cleaned up"]


@both
def test_a_loop_that_spins_for_ever_is_told_of_whatever_timers_there_are(backend: Any) -> None:
    async def scenario() -> None:
        with anyio.move_on_after(10**9):
            while True:
                await anyio.lowlevel.checkpoint()

    with pytest.raises(Livelock):
        simulate(scenario, backend=backend)


@pytest.mark.guarantee("W7")
@both
def test_a_retry_shows_a_question_again_if_it_has_come_to_wait_for_something_else_before(backend: Backend) -> None:
    """Suspended, it has come to wait; in place it hasn't if its answer comes at once. All else is the same."""
    waits = op.InBranch((op.WaitForParcel(), op.AskInVain(timeout=5.0)))
    plan = Plan((waits, op.MoveOn((op.AskInVain(timeout=None),)), op.Fail(times=1)), (), ())
    suspended, in_place = live_through(plan, Script(backend)), live_through(plan, Script(backend, parks=True))
    assert not problems_of(suspended)
    assert not problems_of(in_place)
    assert not differences(in_place, suspended, is_sequential=True, waits_alike=False)
    again = "Ask ignore 0.1.0"
    assert (suspended.world.streamed.count(again), in_place.world.streamed.count(again)) == (2, 1)


@pytest.mark.guarantee("W1")
@both
@pytest.mark.parametrize("parks", [False, True])
def test_a_body_whose_result_is_not_on_record_when_the_process_dies_is_called_again(
    backend: Backend, parks: bool
) -> None:
    """The core is told of what was streamed before, then of the result: a death in between was held against `once`."""
    plan = Plan((op.Within((op.Stream(), op.Once()), is_shield=True), op.AskPerson()))
    repeated = 0
    for dies_after in range(1, 9):
        report = live_through(plan, Script(backend, deaths=(dies_after,), parks=parks))
        assert not problems_of(report)
        repeated += report.world.repeated.total()
    assert repeated == 1
