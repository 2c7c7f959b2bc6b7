"""Crashing: a run is cut after each of its ticks, or its store at each of its writes, and goes on from what was stored.

A crash is simulated from the outside: what is stored is taken down at each point where the process could die. Then, for
each of these moments, the scenario begins again in a new event loop, with what was stored and the world as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from ..errors import UsageError
from .backends import Backend
from .disks import StoreKind, disk_for
from .faults import SimulationFault
from .process import Moment, Process
from .simulation import HORIZON_S, repeatable, simulated

SHOWN = 10
STORED_HORIZON_S = 7 * 86_400.0
"""How long a life with a store may last, in virtual seconds: a runtime renews its lease, so it never stands still."""


def sweep_crash(
    scenario: Callable[[Process], Awaitable[object]],
    *,
    backend: Backend = "trio",
    seed: int = 0,
    idle: float = 0.0,
    faults: int = 1,
    store: StoreKind | None = None,
) -> int:
    """Run a scenario once, then once more for each point at which its process could die, begun again from there.

    The scenario must come to the same value each time. It's an async function that is given a `Process`, starts its run
    with `process.run(workflow, **inputs)`, answers what's pending, and returns what is to be the same, for example
    `(result, process.stream, process.world)`. It's cut right after each tick of its run.

    With a store, its runs are durable ones of a `process.runtime()`; begin them with `process.begin()`, see them to
    their end with `process.finish()`. It's cut before and after each write of the store, and within: before each
    statement of a transaction in SQLite, and with each part of the pages that a commit writes. Cuts that leave the
    same behind, stored and in the world, are gone on from once. What `process.finish()` has seen of the streams must
    stay as it was, and no answer that was accepted may be asked for again.

    Args:
        scenario: The scenario. It's called once in each life, so it makes its workflow anew.
        backend: `"trio"` or `"asyncio"`.
        seed: The schedule; see `simulate`.
        idle: See `simulate`.
        faults: How many times a run is cut, at most: with 2, each of the runs that went on is cut again at each of its
            ticks or writes.
        store: `"memory"` or `"sqlite"`: the scenario's runs are kept in such a store.

    Returns:
        How many times a run was cut.

    Raises:
        SimulationFault: Something was different, or wrong; each problem has its tick or write.
        UsageError: There's nothing to cut: the scenario runs nothing by its process.
    """
    if faults < 1:
        raise UsageError(f"sweep_crash() was given faults={faults!r}. Give how many times a run is cut, 1 or more.")
    more = {**({"faults": faults} if faults != 1 else {}), **({"store": store} if store is not None else {})}
    again = repeatable(scenario, backend, seed, idle, by="sweep_crash", more=more)
    sweep = _Sweep(scenario, again, backend, seed, idle, store)
    expected, process = sweep.live(Moment(), is_cut=True)
    if not process.moments:
        raise UsageError(
            f"{again} has nothing to cut: its scenario has started no run by its process. Start it with process.run(), "
            "or with process.begin() in a process.runtime()."
        )
    sweep.cut(expected, process, Moment(), "", faults)
    if sweep.problems:
        shown = sweep.problems[:SHOWN]
        if len(sweep.problems) > SHOWN:
            shown.append(f"and {len(sweep.problems) - SHOWN} problems more")
        raise SimulationFault(
            f"{again} doesn't survive {len(sweep.problems)} of {sweep.lives} crashes:",
            shown,
        )
    return sweep.cuts


@attrs.define
class _Sweep:
    scenario: Callable[[Process], Awaitable[object]]
    again: str
    backend: Backend
    seed: int
    idle: float
    store: StoreKind | None
    cuts: int = 0
    lives: int = 0
    problems: list[str] = attrs.field(factory=list[str])

    def live(self, begins_from: Moment, *, is_cut: bool) -> tuple[object, Process]:
        """Run the scenario from a moment on; gives what it came to, and the process that was.

        Raises:
            SimulationFault: Something was seen that mustn't be.
        """
        disk = None if self.store is None else disk_for(self.store, begins_from.image, is_cut=is_cut)
        processes: list[Process] = []

        async def life() -> object:
            processes.append(Process(begins_from, disk))
            return await self.scenario(processes[0])

        try:
            result = simulated(
                life,
                again=self.again,
                backend=self.backend,
                seed=self.seed,
                idle=self.idle,
                starts_at=begins_from.at,
                horizon_s=HORIZON_S if self.store is None else STORED_HORIZON_S,
                life=0 if self.store is None else begins_from.number,
            )
        finally:
            if disk is not None:
                disk.close()
        if processes[0].problems:
            raise SimulationFault("promises were broken:", processes[0].problems)
        return result, processes[0]

    def cut(self, expected: object, process: Process, began_from: Moment, before: str, left: int) -> None:
        """Begin again from each moment of a process, and from those that come of that, so many times."""
        self.cuts += process.number - began_from.number
        lived: list[Moment] = []
        for moment in process.moments:
            if any(moment.is_as(other) for other in reversed(lived)):
                continue
            lived.append(moment)
            self.lives += 1
            where = f"{before}cut after {moment.tick}"
            try:
                result, further = self.live(moment, is_cut=left > 1)
            except Exception as error:
                self.problems.append(f"{where}: {type(error).__name__}: {error}")
                continue
            if result != expected:
                self.problems.append(f"{where}: came to {result!r}, uncut to {expected!r}")
            elif left > 1:
                self.cut(expected, further, moment, f"{where}, then ", left - 1)
