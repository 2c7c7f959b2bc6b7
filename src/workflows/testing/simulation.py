"""Simulation: a scenario in virtual time, on either backend, with a schedule that its seed repeats."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

import anyio

from ..runtime.clock import ambient_clock
from ..runtime.identity import ambient_uuid4
from .backends import BUSY_TURNS, Backend, Livelock, Point, living_tasks, run_virtually
from .faults import SimulationFault

T = TypeVar("T")
EPOCH = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
"""What the clock of a simulation shows at its start, in UTC seconds."""
HORIZON_S = 10 * 365 * 86_400.0
"""How long a scenario may last, in virtual seconds: if nothing else is left to happen, that's when it's stuck."""
IN_THREADS = (
    "The scenario is stuck: it waits for work in a thread, and time doesn't. Pass idle=0.2, so that time waits too."
)
STUCK = "The scenario is stuck: nothing that it waits for can happen any more. Does somebody answer its questions?\n  "
PERHAPS_IN_THREADS = "If it waits for work in a thread, pass idle=0.2, so that time waits too."
LONGER_IN_THREADS = "If it waits for work in a thread, that takes longer than idle={idle:g} seconds: pass more."
BUSY = (
    f"The scenario is busy for ever: the loop has turned {BUSY_TURNS} times without time passing.\n"
    "  Something never blocks: a loop around a checkpoint, or one that swallows its cancellation."
)


def simulate(scenario: Callable[[], Awaitable[T]], *, backend: Backend = "trio", seed: int = 0, idle: float = 0.0) -> T:
    """Run a scenario in virtual time, and give what it returns.

    Time stands still while anything can go on, and jumps to the next timer when nothing can, or when the loop only
    spins: a day of timeouts takes milliseconds. Workflows that have no clock of their own follow it, and so do
    `anyio.sleep` and deadlines. When the scenario is over, no task may be left: neither of a run nor of anything else.

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
    horizon_s: float = HORIZON_S,
    life: int = 0,
    again: str = "",
) -> T:
    """As `simulate`, from a given instant on, with a callback at each scheduling point. For this package.

    Each life of a process has ids of its own. `again` is the call that repeats it, if it isn't one of `simulate`.
    """
    watch = _Watch(horizon_s, idle)
    again = again or repeatable(scenario, backend, seed, idle)
    uuids = Random(f"uuids of {seed}" if not life else f"uuids of {seed} in life {life}")

    async def main(clock: Callable[[], float]) -> T:
        start = clock()
        ambient_clock.set(lambda: starts_at + clock() - start)
        ambient_uuid4.set(lambda: UUID(int=uuids.getrandbits(128), version=4))
        return await watch.see_to_the_end(scenario)

    try:
        result = run_virtually(
            main,
            backend=backend,
            seed=seed,
            idle=idle,
            at_point=at_point,
            on_fault=watch.faults.append,
            on_busy=watch.give_up,
        )
    except Exception as error:
        tell_of_threads(error, idle)
        error.add_note(f"again with: {again}")
        for fault in watch.faults:
            error.add_note(f"and the simulation found: {fault}")
        raise
    if watch.faults:
        raise SimulationFault(f"{again} went wrong:", watch.faults)
    return result


def tell_of_threads(error: Exception, idle: float) -> None:
    """Time may have been up since it didn't wait for work in a thread: say so."""
    if isinstance(error, TimeoutError) and not idle:
        error.add_note(PERHAPS_IN_THREADS.replace("waits for", "waited for"))


class _Watch:
    """Watches over a scenario: that it comes to an end, and leaves no task."""

    def __init__(self, horizon_s: float, idle: float) -> None:
        self._horizon_s = horizon_s
        self._idle = idle
        self.faults: list[str] = []
        self._is_busy = False
        self._horizon: anyio.CancelScope | None = None

    async def see_to_the_end(self, scenario: Callable[[], Awaitable[T]]) -> T:
        """Run the scenario, let what is about to end do so, and take down which tasks are left."""
        before, threads = living_tasks(), set(threading.enumerate())
        with anyio.move_on_after(self._horizon_s) as self._horizon:
            result = await scenario()
            await anyio.wait_all_tasks_blocked()
            self.faults += [f"a task is left: {name}" for task, name in living_tasks().items() if task not in before]
            return result
        if self._is_busy:
            raise Livelock(BUSY)
        if self._idle:
            raise SimulationFault(STUCK + LONGER_IN_THREADS.format(idle=self._idle))
        is_in_threads = not threads.issuperset(threading.enumerate())
        raise SimulationFault(IN_THREADS if is_in_threads else STUCK + PERHAPS_IN_THREADS)

    def give_up(self) -> None:
        """Time stands still for ever."""
        self._is_busy = True
        if self._horizon is not None:
            self._horizon.cancel()


def repeatable(
    scenario: Callable[..., object],
    backend: Backend,
    seed: int,
    idle: float,
    *,
    by: str = "simulate",
    more: Mapping[str, object] = MappingProxyType({}),
) -> str:
    """The call that repeats a simulation, or a sweep of them."""
    name = getattr(scenario, "__qualname__", repr(scenario)).rpartition("<locals>.")[2]
    given = {"backend": backend, "seed": seed, **({"idle": idle} if idle else {}), **more}
    return f"{by}({', '.join([name, *(f'{key}={value!r}' for key, value in given.items())])})"
