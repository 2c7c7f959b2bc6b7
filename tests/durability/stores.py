"""Stores for tests: copies of them as a crash leaves them, and ones that wait or fail when they're told to."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio

from workflows import Runtime, Workflow
from workflows.durability import Change, MemoryStore, Refusal, SqliteStore, Store
from workflows.errors import StoreUnavailable
from workflows.events import Event


def crashed(store: Store, where: Path) -> Store:
    """A store as it's left if the process dies now; what has the other one goes on with it."""
    if isinstance(store, MemoryStore):
        return copy.deepcopy(store)
    assert isinstance(store, SqliteStore)
    path = Path(store.path)
    where.mkdir()
    for suffix in ("", "-wal"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            shutil.copy(part, where / part.name)
    return SqliteStore(where / path.name, synchronous="normal")


PATIENCE_S = 3.0


class Gate(MemoryStore):
    """A store whose commits wait while it's closed, and fail when they're told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False
        self.fails_at: Callable[[Sequence[Change]], bool] = lambda changes: False
        self.commits: list[Sequence[Change]] = []
        self.is_waiting = False
        self._opened = anyio.Event()

    def shut(self) -> None:
        """Let commits wait from now on."""
        self.is_closed = True
        self.is_waiting, self._opened = False, anyio.Event()

    def let_through(self) -> None:
        """Let those that wait go on, and all others."""
        self.is_closed = False
        self._opened.set()

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        if self.is_closed:
            self.is_waiting = True
            with anyio.move_on_after(PATIENCE_S, shield=True) as patience:  # a test that fails opens it no more
                await self._opened.wait()
            if patience.cancelled_caught:
                raise StoreUnavailable("nobody let this commit through", [change.run_id for change in changes])
        if self.fails_at(changes):
            raise StoreUnavailable("the disk is full", [change.run_id for change in changes])
        self.commits.append(changes)
        return await super().commit(owner, changes, now=now)


class Counting:
    """Counts what was done to the world, outside of any run."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    async def do(self, what: Any) -> Any:
        self.done.append(what)
        return what


async def carried_on(left: Store, workflow: Workflow) -> list[Event]:
    """Have another runtime carry on the run `r` that a crash has left; gives its stream, up to its end."""
    async with Runtime(store=left, workflows=[workflow], poll=0.001) as runtime:
        return [event async for event in runtime.events("r")]


def begin(runtime: Runtime, workflow: Workflow, *, run_id: str | None = None, **inputs: Any) -> str:
    """Start a run, hold nothing of it, and give its id."""
    return runtime.run(workflow, run_id=run_id, **inputs).run_id


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()
