"""Runs that are in a file and not in memory: those that were cut short, and those that wait."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anyio

from workflows import Context, Runtime, Workflow, step
from workflows.durability import SqliteStore
from workflows.events import StopEvent

from .clock import seconds
from .stepping import Begin, Turn
from .suspending import Asking, asking
from .workload import BYTES, MILLISECONDS, Workload, check, on_loop

BATCH = 500
STEPS_BEFORE = 5
LEASE_S = 1.0


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where files are kept from round to round: making one takes longer than measuring it."""
    return tempfile.TemporaryDirectory(prefix="benchmarks")


def _path(name: str) -> Path:
    return Path(_folder().name) / name


class Interrupted(Workflow):
    """Takes some steps, and is in the middle of the next one when its process dies."""

    def __init__(self) -> None:
        super().__init__(timeout=None, workflow_name="interrupted")
        self.at_work = 0
        self.is_ready = anyio.Event()
        self.wanted = 0

    @step
    async def turn(self, ctx: Context[Any], event: Begin | Turn) -> Turn | StopEvent:
        """Count down, and stay."""
        left = event.left if isinstance(event, Turn) else event.turns
        if left > 0:
            return Turn(left=left - 1)
        await ctx.once(int, "7")
        self.at_work += 1
        if self.at_work == self.wanted:
            self.is_ready.set()
        await anyio.sleep_forever()
        return StopEvent()


async def _cut_short(path: Path, size: int) -> None:
    """Make a file as it's left by a process that dies while so many runs are in the middle of their work."""
    live = path.with_suffix(".live")
    workflow = Interrupted()
    workflow.wanted = size
    async with Runtime(store=SqliteStore(live, synchronous="normal"), lease=LEASE_S) as runtime:
        handlers = [runtime.run(workflow, turns=STEPS_BEFORE) for _ in range(size)]
        await workflow.is_ready.wait()
        check(any(handler.is_done() for handler in handlers), False)
        _copy(live, path)
    _remove(live)
    await anyio.sleep(LEASE_S)


def _copy(path: Path, to: Path) -> None:
    for suffix in ("", "-wal"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            shutil.copy(part, to.with_name(to.name + suffix))


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


async def _recovery(size: int) -> float:
    """Seconds until all of them are at work again."""
    kept = _path(f"cut-short-{size}.db")
    if not kept.exists():
        await _cut_short(kept, size)
    path = _path("recovered.db")
    _copy(kept, path)
    workflow = Interrupted()
    workflow.wanted = size
    start = seconds()
    async with Runtime(store=SqliteStore(path), workflows=[workflow]):
        await workflow.is_ready.wait()
        took = seconds() - start
        check(workflow.at_work, size)
    _remove(path)
    return took


async def park(runtime: Runtime, workflow: Asking, size: int) -> None:
    """Have so many runs wait, and leave memory."""
    for done in range(0, size, BATCH):
        for _ in range(min(BATCH, size - done)):
            check(runtime.run(workflow).is_done(), False)
        while runtime.in_memory:
            gc.collect(0)
            await anyio.sleep(0.005)


async def waiting_file(size: int) -> Path:
    """A file in which so many runs wait for an answer."""
    path = _path(f"waiting-{size}.db")
    if not path.exists():
        async with Runtime(store=SqliteStore(path, synchronous="normal")) as runtime:
            await park(runtime, asking(), size)
    return path


@asynccontextmanager
async def _opened(size: int) -> AsyncGenerator[Runtime]:
    path = await waiting_file(size)
    async with Runtime(store=SqliteStore(path), workflows=[asking()]) as runtime:
        yield runtime


async def _opening(size: int) -> float:
    """Seconds for opening a file, with a look at what could be recovered."""
    path = await waiting_file(size)
    start = seconds()
    async with Runtime(store=SqliteStore(path), workflows=[asking()]) as runtime:
        took = seconds() - start
        check(runtime.in_memory, ())
    return took


async def _listing(size: int) -> float:
    """Seconds for the first page of open questions."""
    async with _opened(size) as runtime:
        start = seconds()
        found = await runtime.pending()
        took = seconds() - start
    check(len(found), min(size, 100))
    return took


async def _on_disk(size: int) -> float:
    path = await waiting_file(size)
    return float(path.stat().st_size)  # noqa: ASYNC240  (nothing else runs)


async def released(size: int, held: Callable[[], float]) -> float:
    """Bytes of memory that so many runs take that wait in a file."""
    with tempfile.TemporaryDirectory(prefix="benchmarks") as folder:
        workflow = asking()
        async with Runtime(store=SqliteStore(Path(folder) / "runs.db", synchronous="normal")) as runtime:
            await park(runtime, workflow, BATCH)
            before = held()
            await park(runtime, workflow, size)
            return held() - before


KEPT_RUNS = (
    Workload(
        "recovery",
        "run that was cut short in its work: until it's at work again",
        on_loop(_recovery),
        sizes=(10_000,),
        quick_sizes=(500,),
    ),
    Workload(
        "waiting-on-disk",
        "run that waits in a file: bytes of the file",
        on_loop(_on_disk),
        sizes=(10_000,),
        quick_sizes=(500,),
        unit=BYTES,
    ),
    Workload(
        "waiting-opened",
        "open a file in which so many runs wait",
        on_loop(_opening),
        sizes=(10_000, 100_000),
        quick_sizes=(500, 2_000),
        unit=MILLISECONDS,
        is_shared=False,
    ),
    Workload(
        "waiting-listed",
        "list the first 100 open questions of so many runs",
        on_loop(_listing),
        sizes=(10_000, 100_000),
        quick_sizes=(500, 2_000),
        unit=MILLISECONDS,
        is_shared=False,
    ),
)
