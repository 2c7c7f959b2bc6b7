"""Durable steps: what storing them costs, beside the same bytes committed by bare sqlite3 in the same groups."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from workflows import Runtime, Workflow, step
from workflows.durability import Change, Refusal, SqliteStore
from workflows.events import StartEvent, StopEvent

from .clock import seconds
from .fanning import ListFanOut, Scatter
from .stepping import Begin, Loop, Turn
from .workload import Sample, Unit, Workload, check, off_loop, on_loop

COMMITS = Unit("commits", 1)
AT_ONCE = 100
STEPS_TIMED = 500

Mode: TypeAlias = Literal["full", "normal"]
Groups: TypeAlias = "list[list[int]]"
"""How many bytes each row has, of each commit."""


class RecordingStore(SqliteStore):
    """Remembers what was committed together."""

    def __init__(self, path: Path, mode: Mode) -> None:
        super().__init__(path, synchronous=mode)
        self.commits: list[Sequence[Change]] = []

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        """As in any store."""
        self.commits.append(changes)
        return await super().commit(owner, changes, now=now)

    def groups(self) -> Groups:
        """How many bytes each row has had that went into the file, of each commit."""
        return [[len(text.encode()) for change in changes for text in _texts(change)] for changes in self.commits]


def _texts(change: Change) -> Iterator[str]:
    """What a change has to store, without what the store keeps beside it: numbers, checksums, where the run stands."""
    yield from (text for text in (change.text, change.snapshot) if text is not None)
    for rows in (change.events, change.opened, change.replies):
        yield from (text for _, text in rows)


@attrs.define
class Kind:
    """Durable runs of one kind, and what they have committed at each size."""

    at_once: int
    mode: Mode
    workflow: type[Workflow[Any, Any]] = Loop
    groups: dict[tuple[str, int], Groups] = attrs.field(factory=dict[tuple[str, int], Groups])

    def beginning(self, size: int) -> tuple[int, StartEvent]:
        """How many runs there are, and with what each begins, to take so many steps in all."""
        runs = min(self.at_once, size)
        return runs, Begin(turns=size // runs)

    async def work(self, size: int) -> tuple[float, Groups]:
        """Seconds, and what was committed."""
        runs, event = self.beginning(size)
        workflow = self.workflow(timeout=None)
        with tempfile.TemporaryDirectory(prefix="benchmarks") as folder:
            store = RecordingStore(Path(folder) / "runs.db", self.mode)
            async with Runtime(store=store, workflows=[workflow]) as runtime:
                await runtime.run(workflow, start_event=self.beginning(1)[1])  # fills what is filled at first use
                store.commits.clear()
                start = seconds()
                handlers = [runtime.run(workflow, start_event=event) for _ in range(runs)]
                for handler in handlers:
                    await handler
                took = seconds() - start
                check(all(handler.is_done() for handler in handlers), True)
                return took, store.groups()

    def ours(self) -> Sample:
        """Run them, and remember what was committed."""

        def sample(backend: str, size: int) -> float:
            async def work(size: int) -> float:
                took, self.groups[backend, size] = await self.work(size)
                return took

            return on_loop(work)(backend, size)

        return sample

    def recorded(self, backend: str, size: int) -> Groups:
        """What the runs commit at this size."""
        if (backend, size) not in self.groups:
            self.ours()(backend, size)
        return self.groups[backend, size]

    def floor(self) -> Sample:
        """Commit the same bytes."""
        return lambda backend, size: committed(self.recorded(backend, size), self.mode)

    def commits(self) -> Sample:
        """Count the commits; with full sync each is an fsync."""
        return lambda backend, size: float(len(self.recorded(backend, size)))


class FannedOut(Kind):
    """One run that fans out."""

    def beginning(self, size: int) -> tuple[int, StartEvent]:
        """One run, with all the parts."""
        return 1, Scatter(parts=size)


def committed(groups: Groups, mode: Mode) -> float:
    """Seconds in which sqlite3 alone commits rows of these sizes, in these groups."""
    with tempfile.TemporaryDirectory(prefix="benchmarks") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {mode}")
        connection.execute("CREATE TABLE journal (number INTEGER PRIMARY KEY, text BLOB NOT NULL)")
        rows = [[(b"x" * size,) for size in group] for group in groups]
        start = seconds()
        for group in rows:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO journal (text) VALUES (?)", group)
            connection.execute("COMMIT")
        took = seconds() - start
        connection.close()
    return took


class Lengthy(Workflow):
    """Takes many steps, and then some that are timed."""

    since: float = 0.0

    @step
    async def turn(self, event: Begin | Turn) -> Turn | StopEvent:
        """Count down."""
        left = event.left if isinstance(event, Turn) else event.turns
        if left == STEPS_TIMED:
            self.since = seconds()
        return Turn(left=left - 1) if left > 0 else StopEvent(result=seconds() - self.since)


async def _after(size: int) -> float:
    """Seconds that a step takes when its run has taken so many."""
    workflow = Lengthy(timeout=None)
    with tempfile.TemporaryDirectory(prefix="benchmarks") as folder:
        store = SqliteStore(Path(folder) / "runs.db", synchronous="normal")
        async with Runtime(store=store, workflows=[workflow]) as runtime:
            return float(await runtime.run(workflow, turns=size + STEPS_TIMED)) / STEPS_TIMED


HUNDRED, HUNDRED_NORMAL = Kind(AT_ONCE, "full"), Kind(AT_ONCE, "normal")
ALONE, ALONE_NORMAL = Kind(1, "full"), Kind(1, "normal")
FANNED = FannedOut(1, "full", ListFanOut)

DURABLE = (
    Workload(
        "commit",
        "commit of 200 bytes by sqlite3, full sync",
        off_loop(lambda size: committed([[200]] * size, "full")),
        sizes=(200,),
        quick_sizes=(50,),
        has_backend=False,
    ),
    Workload(
        "commit-normal",
        "commit of 200 bytes by sqlite3, normal sync",
        off_loop(lambda size: committed([[200]] * size, "normal")),
        sizes=(2_000,),
        has_backend=False,
    ),
    Workload(
        "durable",
        "durable step, 100 runs at once, full sync",
        HUNDRED.ours(),
        HUNDRED.floor(),
        sizes=(2_000,),
        quick_sizes=(2_000,),
    ),
    Workload(
        "durable-normal",
        "durable step, 100 runs at once, normal sync",
        HUNDRED_NORMAL.ours(),
        HUNDRED_NORMAL.floor(),
        sizes=(2_000,),
        quick_sizes=(2_000,),
    ),
    Workload(
        "durable-alone",
        "durable step, one run alone, full sync",
        ALONE.ours(),
        ALONE.floor(),
        sizes=(500,),
        quick_sizes=(100,),
    ),
    Workload(
        "durable-alone-normal",
        "durable step, one run alone, normal sync",
        ALONE_NORMAL.ours(),
        ALONE_NORMAL.floor(),
        sizes=(500,),
        quick_sizes=(100,),
    ),
    Workload(
        "durable-fan-out",
        "member of a durable fan-out and join by list, full sync",
        FANNED.ours(),
        FANNED.floor(),
        sizes=(100,),
        quick_sizes=(100,),
    ),
    Workload(
        "durable-commits",
        "durable step, 100 runs at once: commits",
        HUNDRED.commits(),
        sizes=(2_000,),
        quick_sizes=(2_000,),
        unit=COMMITS,
    ),
    Workload(
        "durable-after",
        "durable step after so many of its run, normal sync",
        on_loop(_after),
        sizes=(10, 100_000),
        quick_sizes=(10, 2_000),
        is_shared=False,
    ),
)
