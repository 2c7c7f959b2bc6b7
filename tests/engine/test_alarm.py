"""The alarm of a run: it rings at its instant in a task of the run, however it's set, left and watched again."""

from typing import TypeAlias

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from workflows.runtime.alarm import Alarm
from workflows.testing import simulate
from workflows.testing.backends import Backend

Move: TypeAlias = int | str | None
"""What is done to an alarm: set to so many seconds from now, or to nothing; or left, or watched again."""


@pytest.mark.guarantee("R4")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nobody_waits_for_an_alarm_that_was_left_before_its_task_has_begun(backend: Backend) -> None:
    """The run's root task didn't end, so what came then wasn't begun till the alarm rang."""

    async def scenario() -> float:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            alarm = Alarm(anyio.current_time, lambda: None, group.start_soon)
            alarm.set(began + 5.0)
            alarm.watch()
            alarm.leave()
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

        group = anyio.create_task_group()
        alarm = Alarm(now, lambda: rung.append(now()), group.start_soon)
        async with group:
            alarm.watch()
            for pause, move in moves:
                await anyio.sleep(2.0 * pause)
                _make(alarm, move, now())
                await checkpoint()
            await anyio.sleep(20.0)
            alarm.leave()
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

        async with anyio.create_task_group() as group:
            alarm = Alarm(now, lambda: rung.append(now()), group.start_soon)
            alarm.set(5.0)
            alarm.watch()
            await anyio.sleep(1.0)
            set_back = 3.0
            await anyio.sleep(20.0)
        return rung

    assert simulate(scenario, backend=backend) == [5.0]
