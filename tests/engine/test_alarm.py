"""The alarm of a run: it rings at its instant in a task of the run, however it's set, left and watched again."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeAlias

import anyio
import pytest
import trio
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.runtime.alarm import Alarm
from workflows.runtime.spawn import backend as running
from workflows.testing import simulate
from workflows.testing.backends import Backend


class Said(HumanResponseEvent):
    text: str


class Asked(InputRequiredEvent, answer=Said):
    pass


Move: TypeAlias = int | str | None
"""What is done to an alarm: set to so many seconds from now, or to nothing; or left, or watched again."""


def start(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a task as a run does."""
    running().spawn(function, copy_context())


@pytest.mark.guarantee("R4")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nobody_waits_for_an_alarm_that_was_left_before_its_task_has_begun(backend: Backend) -> None:
    """The run's root task didn't end, so what came then wasn't begun till the alarm rang."""

    async def scenario() -> float:
        began = anyio.current_time()
        for turns in range(20):  # on Trio, a task is started in one of the first
            alarm = Alarm(anyio.current_time, lambda: None, start, running())
            alarm.set(began + 5.0)
            alarm.watch()
            for _ in range(turns):
                await checkpoint()
            alarm.leave()
        await anyio.wait_all_tasks_blocked()  # and the simulation looks whether a task is left
        return anyio.current_time() - began

    assert simulate(scenario, backend=backend) == 0.0


@pytest.mark.guarantee("W8")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(
    moves=st.lists(st.tuples(st.integers(1, 4), st.none() | st.sampled_from(("leave", "watch")) | st.integers(1, 6))),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_alarm_rings_at_its_instant_and_at_no_other(
    backend: Backend, moves: list[tuple[int, Move]], seed: int
) -> None:
    """Moves come at even seconds, and instants are odd ones, so that no order at one instant is asked for."""

    async def scenario() -> tuple[list[float], bool]:
        began = anyio.current_time()
        rung: list[float] = []

        def now() -> float:
            return anyio.current_time() - began

        alarm = Alarm(now, lambda: rung.append(now()), start, running())
        alarm.watch()
        for pause, move in moves:
            await anyio.sleep(2.0 * pause)
            _make(alarm, move, now())
            await checkpoint()
        await anyio.sleep(20.0)
        alarm.leave()
        await anyio.wait_all_tasks_blocked()
        return rung, alarm.is_watched

    assert simulate(scenario, backend=backend, seed=seed) == (_expected(moves), False)


def _make(alarm: Alarm, move: Move, now: float) -> None:
    """As a crew does: an alarm that's set is watched, unless it is already."""
    if move == "leave":
        alarm.leave()
    elif move == "watch":
        alarm.watch()
    else:
        assert not isinstance(move, str)
        alarm.set(None if move is None else now + 2.0 * move - 1.0)
        if move is not None and not alarm.is_watched:
            alarm.watch()


def _expected(moves: list[tuple[int, Move]]) -> list[float]:
    rung: list[float] = []
    now, at, is_left = 0.0, None, False
    for pause, move in [*moves, (10, "leave")]:
        now += 2.0 * pause
        if at is not None and at < now and not is_left:
            rung.append(at)
            at = None
        if move == "leave":
            is_left = True
        elif move == "watch":
            is_left = False
            if at is not None and at < now:  # it has passed while nobody looked
                rung.append(now)
                at = None
        else:
            assert not isinstance(move, str)
            at = None if move is None else now + 2.0 * move - 1.0
            is_left = is_left and at is None
    return rung


@pytest.mark.guarantee("W8")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_alarm_waits_for_a_clock_that_is_behind_the_loops(backend: Backend) -> None:
    """The clock of a run may be set back meanwhile."""

    async def scenario() -> list[float]:
        began = anyio.current_time()
        set_back = 0.0
        rung: list[float] = []

        def now() -> float:
            return anyio.current_time() - began - set_back

        alarm = Alarm(now, lambda: rung.append(now()), start, running())
        alarm.set(5.0)
        alarm.watch()
        await anyio.sleep(1.0)
        set_back = 3.0
        await anyio.sleep(20.0)
        return rung

    assert simulate(scenario, backend=backend) == [5.0]


class Hasty(Workflow):
    """Waits for an answer that must be there at once, so that its alarm rings at the loop's next turn."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        try:
            await ctx.ask(Asked(), timeout=0.0)
        except TimeoutError:
            return StopEvent(result="nobody came")
        return StopEvent()


def on_anyios_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    anyio.run(main, backend="asyncio")


def on_plain_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def on_plain_trio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    trio.run(main)


@pytest.mark.guarantee("W8")
@pytest.mark.parametrize("loop", [on_anyios_asyncio, on_plain_asyncio, on_plain_trio])
@pytest.mark.parametrize("is_owned", [True, False])
def test_the_alarm_of_a_run_rings_in_whatever_loop_it_is_in(
    loop: Callable[[Callable[[], Coroutine[Any, Any, None]]], None], is_owned: bool
) -> None:
    """asyncio calls it where no task is, and AnyIO can't tell there which loop it is unless it has started it."""

    async def main() -> None:
        with anyio.fail_after(5):
            if is_owned:
                async with Hasty(types=[Asked, Said]).running() as handler:
                    assert await handler == "nobody came"
            else:
                assert await Hasty(types=[Asked, Said]).run() == "nobody came"

    loop(main)
