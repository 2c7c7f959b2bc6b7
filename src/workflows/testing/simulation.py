"""Simulation: a scenario in virtual time, on either backend, with a schedule that its seed repeats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import TypeVar
from uuid import UUID

import anyio

from ..runtime.clock import ambient_clock
from ..runtime.identity import ambient_uuid4
from .backends import Backend, Point, living_tasks, run_virtually
from .faults import SimulationFault

T = TypeVar("T")
EPOCH = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
"""What the clock of a simulation shows at its start, in UTC seconds."""
HORIZON_S = 10 * 365 * 86_400.0
"""How long a scenario may last, in virtual seconds: if nothing else is left to happen, that's when it's stuck."""


def simulate(scenario: Callable[[], Awaitable[T]], *, backend: Backend = "trio", seed: int = 0, idle: float = 0.0) -> T:
    """Run a scenario in virtual time, and give what it returns.

    Time stands still while anything can go on, and jumps to the next timer when nothing can: a day of timeouts takes
    milliseconds. Workflows that have no clock of their own follow it, and so do `anyio.sleep` and deadlines. When the
    scenario is over, no task may be left: neither of a run nor of anything else.

    Args:
        scenario: An async function without arguments.
        backend: `"trio"` or `"asyncio"`, the latter in debug mode.
        seed: The same seed repeats the run exactly: Trio's schedule, and the ids and seeds of runs. Draw it in
            properties; otherwise all examples share one schedule.
        idle: Real seconds without anything happening before time jumps. Threads don't mix with virtual time; a scenario
            that needs them passes `idle=0.2`.

    Raises:
        SimulationFault: Tasks were left, the scenario was stuck, or the loop complained.
        Exception: What the scenario raises comes out as it is, with a note that says how to repeat it.
    """
    return simulated(scenario, backend=backend, seed=seed, idle=idle)


def simulated(
    scenario: Callable[[], Awaitable[T]],
    *,
    backend: Backend,
    seed: int,
    idle: float,
    starts_at: float = EPOCH,
    at_point: Point | None = None,
) -> T:
    """As `simulate`, from a given instant on, with a callback at each scheduling point. For this package."""
    faults: list[str] = []
    uuids = Random(f"uuids of {seed}")

    async def main(clock: Callable[[], float]) -> T:
        start = clock()
        ambient_clock.set(lambda: starts_at + clock() - start)
        ambient_uuid4.set(lambda: UUID(int=uuids.getrandbits(128), version=4))
        return await _judged(scenario, faults)

    try:
        result = run_virtually(main, backend=backend, seed=seed, idle=idle, at_point=at_point, on_fault=faults.append)
    except Exception as error:
        error.add_note(f"again with: {repeatable(scenario, backend, seed, idle)}")
        for fault in () if isinstance(error, SimulationFault) else faults:
            error.add_note(f"and the simulation found: {fault}")
        raise
    if faults:
        raise SimulationFault(f"{repeatable(scenario, backend, seed, idle)} went wrong:", faults)
    return result


def repeatable(scenario: Callable[..., object], backend: Backend, seed: int, idle: float) -> str:
    """The call that repeats a simulation."""
    name = getattr(scenario, "__qualname__", repr(scenario)).rpartition("<locals>.")[2]
    more = f", idle={idle:g}" if idle else ""
    return f"simulate({name}, backend={backend!r}, seed={seed}{more})"


async def _judged(scenario: Callable[[], Awaitable[T]], faults: list[str]) -> T:
    before = living_tasks()
    with anyio.move_on_after(HORIZON_S) as horizon:
        result = await scenario()
        await _settle(before, faults)
        return result
    assert horizon.cancelled_caught
    raise SimulationFault(
        "The scenario is stuck: nothing that it waits for can happen any more. Does somebody answer its questions?"
    )


async def _settle(before: dict[object, str], faults: list[str]) -> None:
    """Let what is about to end do so, and tell of tasks that are left."""
    await anyio.wait_all_tasks_blocked()
    faults += [f"a task is left: {name}" for task, name in living_tasks().items() if task not in before]
