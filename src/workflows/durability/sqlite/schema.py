"""Schema: the tables of a store in SQLite, how a file is known to be one, and how older files are brought up to date.

- A file says in its header what it is (`application_id`) and of which version (`user_version`). What is neither empty
  nor ours is left as it is.
- A new version adds a step to `UPGRADES`; all steps that a file needs are one transaction. `SCHEMA` is the newest
  version, for new files. There's a golden file of each version that was released.
- The journal is in the order of writing, for all runs together, and each row knows the one before it of its run: then
  a commit for a hundred runs writes a few pages at the end of the file. With an index by run it writes twice as many,
  and kept in the order of runs a page for each.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TypeAlias

from ...errors import StoreDamaged, StoreFormatError

APPLICATION_ID = 0x77666C77
VERSION = 1

MAGIC = b"SQLite format 3\x00"
HEADER = 100  # bytes

SCHEMA = """
CREATE TABLE owners (
    id TEXT PRIMARY KEY,
    until REAL NOT NULL
) WITHOUT ROWID;

-- due: when there's something to do in it, if nobody writes to it: -infinity if it doesn't wait, NULL if never.
-- tail: the last row of its journal. mark: who has set it aside.
-- ended_at: as changed_at, if it has ended: an index on changed_at would make each change of a run three times as slow.
-- No key is ever used again: they're the order in which runs were made.
CREATE TABLE runs (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    is_waiting INTEGER NOT NULL,
    wake_at REAL,
    due REAL,
    owner TEXT,
    entry INTEGER NOT NULL,
    tail INTEGER,
    mark TEXT,
    created_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX runs_due ON runs (owner, workflow, due) WHERE status = 'running' AND due IS NOT NULL;
CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_of_status ON runs (status);
CREATE INDEX runs_of_workflow ON runs (workflow);
CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE snapshots (
    run INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE journal (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    previous INTEGER,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE stream (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);
CREATE UNIQUE INDEX stream_positions ON stream (run, position);

CREATE TABLE questions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (run, id)
);

CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    data TEXT NOT NULL,
    reply TEXT
);
CREATE INDEX messages_of_run ON messages (run);
CREATE INDEX messages_unanswered ON messages (run) WHERE reply IS NULL;
"""

Upgrade: TypeAlias = Callable[[sqlite3.Connection], None]
"""Brings a file from one version to the next, inside a transaction that it neither begins nor ends."""

UPGRADES: Mapping[int, Upgrade] = MappingProxyType({})
"""By the version that a file has: what makes it one of the next version. Version 1 is the first there is."""


def check(connection: sqlite3.Connection, path: str, version: int) -> int | None:
    """Give the version of a file, or None if it's empty; nothing is changed.

    Raises:
        StoreFormatError: The file is something else, or of a version after `version`.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID:
        if not 1 <= found <= version:
            raise StoreFormatError(
                f"{path} is a store of version {found}; this version of the package knows those up to {version}.\n"
                "  It was left as it is: open it with the version of the package that has made it, or a newer one."
            )
        return int(found)
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if application or found or tables:
        raise StoreFormatError(
            f"{path} is a database of something else: its application_id is {application:#x}, a store has "
            f"{APPLICATION_ID:#x}.\n  It was left as it is: give SqliteStore() a file of its own."
        )
    return None


def check_size(file_path: str, path: str) -> None:
    """See that a file isn't shorter than it says: SQLite finds that out only when it comes to what is missing.

    Args:
        file_path: Where it is.
        path: What it was called by whoever opens it.

    Raises:
        StoreDamaged: It is.
        StoreFormatError: It's too short for a database, which SQLite may take for an empty file.
    """
    may_be_elsewhere = _has_log(file_path)
    with open(file_path, "rb") as file:
        header = file.read(HEADER)
    size = os.path.getsize(file_path)
    if 0 < size < HEADER:
        raise StoreFormatError(f"{path} is no SQLite database: it has {size} bytes. Give SqliteStore() another path.")
    page = int.from_bytes(header[16:18], "big")
    said = int.from_bytes(header[28:32], "big") * (65536 if page == 1 else page)
    if header.startswith(MAGIC) and size < said and not (may_be_elsewhere or _has_log(file_path)):
        raise StoreDamaged(
            f"{path} is damaged: it was cut short, it has {size} bytes and says that it has {said}.\n"
            "  It was left as it is: put back a backup."
        )


def _has_log(path: str) -> bool:
    with suppress(OSError):
        return os.path.getsize(f"{path}-wal") > 0
    return False


def prepare(connection: sqlite3.Connection, path: str, version: int, upgrades: Mapping[int, Upgrade]) -> None:
    """Make the tables, or bring them up to date, inside a transaction.

    Raises:
        StoreFormatError: Somebody has made something else of the file in the meantime, or there's no way to `version`.
    """
    found = check(connection, path, version)
    if found is None:
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        found = VERSION
    for old in range(found, version):
        if old not in upgrades:
            raise StoreFormatError(f"{path} is a store of version {old}, from which nothing leads to {old + 1}.")
        upgrades[old](connection)
    connection.execute(f"PRAGMA user_version = {version}")
