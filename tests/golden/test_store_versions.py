"""Files of every version of the store that was released can be read and gone on with; they're brought up to date whole.

`store_version_1.sql` has what SQLite gives as the dump of such a file. It never changes.
"""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from workflows.durability import Change, RunContent, SqliteStore, StoredRun
from workflows.durability.sqlite import schema
from workflows.durability.sqlite.medium import Medium
from workflows.errors import StoreFormatError, StoreUnavailable

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent


def file_of_version_1(folder: Path) -> Path:
    path = folder / "runs.db"
    connection = sqlite3.connect(path)
    connection.executescript((FOLDER / "store_version_1.sql").read_text(encoding="utf-8"))
    connection.close()
    return path


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    lines += [str(connection.execute(f"PRAGMA {name}").fetchone()) for name in ("application_id", "user_version")]
    connection.close()
    return lines


async def test_a_file_of_version_1_has_all_that_was_stored_in_it(tmp_path: Path) -> None:
    store = SqliteStore(file_of_version_1(tmp_path))
    await store.open()
    journal = StoredRun("journal", "shop.Shop", "running", False, None, "one", 3, 100.5, 102.0)
    snapshot = StoredRun("snapshot", "shop.Shop", "running", True, None, "one", 3, 100.5, 102.0)
    ended = StoredRun("ended", "shop.Shop", "completed", False, None, None, 2, 100.5, 101.0)
    sleeping = StoredRun("sleeping", "shop.Shop", "running", True, 500.25, None, 1, 100.5, 102.0)
    cancelled = StoredRun("cancelled", "shop.Shop", "cancelled", False, None, None, 2, 100.5, 102.0)
    assert await store.runs(limit=9) == [journal, snapshot, ended, sleeping, cancelled]
    assert await store.load("journal") == RunContent(journal, None, ("entry 1", "entry 2", "entry 3"))
    assert await store.load("snapshot") == RunContent(snapshot, "snapshot 2", ("entry 3",))
    assert await store.load("sleeping") == RunContent(sleeping, None, ("schläft",))
    assert await store.events("journal", after=0, limit=9) == [(1, "event 1"), (2, "event 2")]
    asked = [(question.run_id, question.id, question.data) for question in await store.questions(limit=9)]
    assert asked == [("journal", "q 2", "question 2"), ("snapshot", "q 1", "question 3")]
    assert [(message.run_id, message.data) for message in await store.messages("one")] == [("journal", "message 1")]
    assert await store.reply(2) == "reply 2"
    assert await store.ended_before(102.0, limit=9) == ["ended"]
    assert await store.next_due({"shop.Shop": "1"}, now=110.0) == 130.0
    await store.close()


async def test_a_file_of_version_1_can_be_gone_on_with(tmp_path: Path) -> None:
    store = SqliteStore(file_of_version_1(tmp_path))
    await store.open()
    await store.enlist("two", now=130.0, until=160.0)
    claimed = await store.claim_due("two", {"shop.Shop": "1"}, now=130.0, limit=9)
    assert [run.run_id for run in claimed] == ["journal"]
    change = Change("journal", "shop.Shop", "running", False, None, 4, "entry 4", replies=[(1, "reply 1")])
    assert await store.commit("two", [change], now=130.0) == []
    content = await store.load("journal")
    assert content is not None
    assert content.entries == ("entry 1", "entry 2", "entry 3", "entry 4")
    assert await store.delete(["journal", "ended", "cancelled"], now=130.0) == ["ended", "cancelled"]
    await store.close()


def test_a_new_file_has_the_tables_of_the_newest_version(tmp_path: Path) -> None:
    old = sqlite3.connect(file_of_version_1(tmp_path))
    new = sqlite3.connect(":memory:")
    schema.prepare(new, ":memory:", schema.VERSION, schema.UPGRADES)
    tables = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    assert new.execute(tables).fetchall() == old.execute(tables).fetchall()
    old.close()
    new.close()


# --- the way up, with a version that there isn't yet ------------------------------------------------------------------


def add_a_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs ADD COLUMN label TEXT NOT NULL DEFAULT ''")
    connection.execute("UPDATE runs SET label = id")


def fail_half_way(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE owners SET until = 0.0")
    connection.execute("DROP TABLE questions")
    raise failure


failure = sqlite3.OperationalError("disk I/O error")
failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE


def medium_of(path: Path) -> Medium:
    return Medium(str(path), "full", 0.0, sqlite3.connect)


def labels(connection: sqlite3.Connection) -> list[Any]:
    return connection.execute("SELECT label FROM runs ORDER BY key").fetchall()


def test_an_older_file_is_brought_up_to_date_step_by_step(tmp_path: Path) -> None:
    def rename_it(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE runs SET label = label || '!'")

    path = file_of_version_1(tmp_path)
    medium = medium_of(path)
    medium.open(version=3, upgrades={1: add_a_column, 2: rename_it})
    assert medium.read(labels) == [("journal!",), ("snapshot!",), ("ended!",), ("sleeping!",), ("cancelled!",)]
    medium.close()
    again = medium_of(path)
    again.open(version=3, upgrades={})
    again.close()
    with pytest.raises(StoreFormatError, match=r"version 3; .* up to 1"):
        medium_of(path).open()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = file_of_version_1(tmp_path)
    before = dump(path)
    with pytest.raises(StoreUnavailable, match="the disk fails"):
        medium_of(path).open(version=3, upgrades={1: add_a_column, 2: fail_half_way})
    assert dump(path) == before
    medium = medium_of(path)
    medium.open()
    medium.close()


def test_a_file_from_which_nothing_leads_on_is_left_as_it_was(tmp_path: Path) -> None:
    path = file_of_version_1(tmp_path)
    before = dump(path)
    with pytest.raises(StoreFormatError, match="from which nothing leads to 3"):
        medium_of(path).open(version=3, upgrades={1: add_a_column})
    assert dump(path) == before
