"""How the golden stores in `found/` are recorded: SQLite's dump of a file that a process has left when it died.

A file is never changed. `python -m tests.golden.found_in_stores` records what is missing.
"""

import gc
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import attrs

from tests.durability.stores import crashed
from tests.golden import found_v1 as v1
from tests.golden.found_runs import FOLDER
from workflows import Runtime, Workflow
from workflows.durability import Change, Refusal, SqliteStore, Store
from workflows.testing import simulate

BEFORE = "PRAGMA application_id = {application_id};\nPRAGMA user_version = {user_version};\n"


@attrs.frozen
class FoundInStore:
    """A bug that a property found in stores: whose run it was, and how a process comes to leave it like that."""

    make: Callable[[], Workflow[Any, Any]]
    leave: Callable[[Runtime, Path], Awaitable[Store]]


async def answered(runtime: Runtime) -> None:
    (question,) = await runtime.pending()
    await runtime.send("r", v1.Reply(text="yes"), reply_to=question.id)


async def left_at_work(runtime: Runtime, where: Path) -> Store:
    """It's released since it waits, comes back with its answer, and works when its process dies."""
    await anyio.sleep(1)
    gc.collect()
    await anyio.sleep(1)
    assert runtime.in_memory == ()
    await answered(runtime)
    await anyio.sleep(1)
    return crashed(runtime.store, where)


async def left_with_its_answer(runtime: Runtime, where: Path) -> Store:
    """Its answer is stored, and its process dies before the step has gone on."""
    await anyio.sleep(1)
    store = runtime.store
    assert isinstance(store, Dying)
    store.leaves_at, store.where = '"received"', where
    await answered(runtime)
    await anyio.sleep(1)
    assert store.left is not None
    return store.left


class Dying(SqliteStore):
    """A store that takes down what it would leave once something was stored."""

    leaves_at: str = ""
    where: Path = Path()
    left: Store | None = None

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        refused = await super().commit(owner, changes, now=now)
        if self.leaves_at and self.left is None and any(self.leaves_at in (change.text or "") for change in changes):
            self.left = crashed(self, self.where)
        return refused


STORES: Mapping[str, FoundInStore] = {
    "a_run_that_came_back_from_its_release": FoundInStore(v1.Released, left_at_work),
    "a_wait_in_place_that_is_over": FoundInStore(v1.InPlace, left_with_its_answer),
}


async def recorded(found: FoundInStore, folder: Path) -> str:
    workflow = found.make()
    store = Dying(folder / "runs.db", synchronous="normal")
    async with Runtime(store=store, workflows=[workflow], lease=10, poll=3600) as runtime:
        assert runtime.run(workflow, run_id="r").run_id == "r"
        left = await found.leave(runtime, folder / "left")
        await runtime.cancel("r")
    assert isinstance(left, SqliteStore)
    return dump_of(Path(left.path))


def dump_of(path: Path) -> str:
    connection = sqlite3.connect(path)
    names = ("application_id", "user_version")
    values = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    lines = "\n".join(connection.iterdump()).replace("-Inf", "-9e999")  # SQLite doesn't read what it writes there
    connection.close()
    return BEFORE.format(**values) + lines + "\n"


def store_of(name: str, folder: Path) -> SqliteStore:
    """The store, as the process has left it."""
    path = folder / "runs.db"
    connection = sqlite3.connect(path)
    connection.executescript((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    connection.close()
    return SqliteStore(path, synchronous="normal")


def main() -> None:
    """Record what is missing."""
    for name, found in STORES.items():
        file = FOLDER / f"{name}.sql"
        if not file.exists():
            with TemporaryDirectory() as folder:
                text = simulate(partial(recorded, found, Path(folder)), backend="asyncio")
                file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
