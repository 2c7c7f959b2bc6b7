"""Has many runs wait, and prints the bytes that they hold: `python -m benchmarks.parked ours traced trio 1000`."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable

import anyio
from anyio.lowlevel import checkpoint

from workflows.events import StartEvent

from .backends import run
from .kept_runs import released
from .peers.programs.speaking import resident
from .snapshots import Historied
from .stepping import begin
from .suspending import FLOOR_ASKING, Approval, Approved, asking
from .workload import check

Meter = Callable[[], float]
BATCH = 100
TURNS = 100


def _batches(size: int) -> list[int]:
    """So many at a time, as waiting runs come together in life: else the peak is that of runs at work."""
    return [min(BATCH, size - done) for done in range(0, size, BATCH)]


async def _settled() -> None:
    """Until every task that has something left to do has done it: a suspension takes several turns to unwind.

    Not by waiting until all tasks are blocked: that looks at each of them, time and again.
    """
    for _ in range(TURNS):
        await checkpoint()


async def _ours(size: int, held: Meter) -> float:
    workflow = asking()
    handlers = [workflow.run()]
    await _settled()
    before = held()
    for batch in _batches(size):
        handlers += [workflow.run() for _ in range(batch)]
        await _settled()
    grown = held() - before
    check(all(handler.pending for handler in handlers), True)
    for handler in handlers:
        await handler.cancel_run()
    return grown


async def _floor(size: int, held: Meter) -> float:
    grown = 0.0
    async with anyio.create_task_group() as group:
        runs = [begin(FLOOR_ASKING, StartEvent(), group)]
        await _settled()
        before = held()
        for batch in _batches(size):
            runs += [begin(FLOOR_ASKING, StartEvent(), group) for _ in range(batch)]
            await _settled()
        grown = held() - before
        check(all(run.log for run in runs), True)
    return grown


async def _steps(size: int, held: Meter) -> float:
    """What a run of many steps holds beyond one of few; both wait."""
    workflow = Historied(timeout=None, types=[Approval, Approved])
    short, long = 100, 100 + size
    marks: list[float] = []
    for turns in (short, short, long):
        before = held()
        handler = workflow.run(turns=turns)
        await anyio.wait_all_tasks_blocked()
        await _settled()
        marks.append(held() - before)
        check(len(handler.pending), 1)
        await handler.cancel_run()
    return marks[2] - marks[1]


def traced() -> float:
    """Bytes that Python's allocator has given out."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


ENGINES: dict[str, Callable[[int, Meter], Awaitable[float]]] = {
    "ours": _ours,
    "floor": _floor,
    "steps": _steps,
    "released": released,
}
METERS: dict[str, Meter] = {"traced": traced, "resident": resident}


def main(engine: str, meter: str, backend: str, size: str) -> None:
    """Print the bytes."""
    if meter == "traced":
        tracemalloc.start()
    print(run(ENGINES[engine], int(size), METERS[meter], backend=backend))


if __name__ == "__main__":
    main(*sys.argv[1:])
