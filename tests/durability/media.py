"""Media: stores with something in them, and files that fail, are cut or are tampered with."""

import sqlite3
from pathlib import Path
from shutil import copy
from typing import Any

from workflows.durability import Change, SqliteStore, Store

OWNER = "me"
NOW = 100.0


def change(run_id: str, entry: int, **details: Any) -> Change:
    details = {"text": f"{run_id} {entry} {'.' * 60}", **details}
    return Change(run_id, "Shop", "running", is_waiting=False, wake_at=None, entry=entry, **details)


async def filled(store: Store) -> None:
    """Open it, and have two runs in it, one with a snapshot, both with entries and a stream."""
    await store.open()
    await store.enlist(OWNER, now=NOW, until=NOW + 30)
    for run_id in ("a", "b"):
        await store.commit(OWNER, [change(run_id, 1, is_new=True, events=[(1, f"{run_id} tells {'.' * 60}")])], now=NOW)
        await store.commit(OWNER, [change(run_id, 2), change(run_id, 3)], now=NOW)
    await store.commit(OWNER, [change("b", 4, snapshot=f"b at 4 {'.' * 60}")], now=NOW)
    await store.commit(OWNER, [change("b", 5)], now=NOW)


async def a_file(path: Path) -> Path:
    """A closed file with that in it."""
    store = SqliteStore(path, synchronous="normal")
    await filled(store)
    await store.close()
    return path


async def entries(store: Store, run_id: str) -> int | None:
    """The number of a run's last entry, if all of its entries are there as they were written."""
    content = await store.load(run_id)
    if content is None:
        return None
    begin = content.run.entry - len(content.entries)
    expected = [change(run_id, entry).text for entry in range(begin + 1, content.run.entry + 1)]
    assert list(content.entries) == expected
    return content.run.entry


def image_of(path: Path, folder: Path) -> Path:
    """What would be left of a file if everything stopped now."""
    folder.mkdir()
    for part in (path, path.with_name(f"{path.name}-wal")):
        if part.exists():
            copy(part, folder / part.name)
    return folder / path.name


class Faulty(sqlite3.Connection):
    """A connection that fails when it's told to.

    Attributes:
        statements: What was executed, in order.
        fails_at: How many statements are executed before it fails, for good.
        fault: What it fails with.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.statements: list[str] = []
        self.fails_at: int | None = None
        self.fault: BaseException = io_error()

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self._record(sql)
        return super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self._record(sql)
        return super().executemany(sql, *args)

    def _record(self, sql: str) -> None:
        if self.fails_at is not None and len(self.statements) >= self.fails_at:
            raise self.fault
        self.statements.append(sql)


class Line:
    """Connects, and keeps the connections: `SqliteStore(path, connect=line)`."""

    def __init__(self, factory: type[Faulty] = Faulty) -> None:
        self.factory = factory
        self.connections: list[Faulty] = []

    def __call__(self, path: str, **options: Any) -> sqlite3.Connection:
        connection: Faulty = sqlite3.connect(path, factory=self.factory, **options)
        self.connections.append(connection)
        return connection

    @property
    def last(self) -> Faulty:
        return self.connections[-1]


def io_error() -> sqlite3.OperationalError:
    """What SQLite raises when the disk does."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    return error
