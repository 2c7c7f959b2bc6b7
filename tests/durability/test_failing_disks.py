"""A disk that is full, locked, read-only or broken gives a clear error, and nothing half done."""

import sqlite3
from pathlib import Path

import pytest

from tests.durability.media import NOW, OWNER, Line, a_file, change, entries, filled
from workflows.durability import SqliteStore
from workflows.errors import StoreUnavailable, UsageError

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["full", "normal"])
def synchronous(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pages(connection: sqlite3.Connection, limit: int) -> None:
    connection.execute(f"PRAGMA max_page_count = {limit}")


async def test_a_full_disk_leaves_what_was_stored_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    line = Line()
    store = SqliteStore(tmp_path / "runs.db", connect=line)
    await filled(store)
    pages(line.last, 1)
    with pytest.raises(StoreUnavailable, match="no room left") as raised:
        await store.commit(OWNER, [change("b", 6, text="." * 100_000), change("a", 4, text="." * 100_000)], now=NOW)
    assert raised.value.run_ids == ("b", "a")
    assert str(tmp_path / "runs.db") in str(raised.value)
    assert (await entries(store, "a"), await entries(store, "b")) == (3, 5)
    pages(line.last, 1_000_000)
    assert await store.commit(OWNER, [change("a", 4), change("b", 6)], now=NOW) == []
    assert (await entries(store, "a"), await entries(store, "b")) == (4, 6)
    assert len(line.connections) == 1
    await store.close()


async def test_a_disk_that_is_full_from_the_beginning_makes_no_store(tmp_path: Path) -> None:
    def connect(path: str, **options: object) -> sqlite3.Connection:
        connection = Line()(path, **options)
        pages(connection, 3)
        return connection

    with pytest.raises(StoreUnavailable, match="no room left"):
        await SqliteStore(tmp_path / "runs.db", connect=connect).open()
    await filled(store := SqliteStore(tmp_path / "runs.db"))
    await store.close()


async def test_a_file_that_another_locks_is_unavailable_until_it_gives_it_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db", busy_timeout_s=0)
    await filled(store)
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"holds its lock.*run 'a'(.|\n)*busy_timeout_s") as raised:
        await store.commit(OWNER, [change("a", 4)], now=NOW)
    assert raised.value.run_ids == ("a",)
    assert await entries(store, "a") == 3, "it can be read all the same"
    other.execute("ROLLBACK")
    other.close()
    assert await store.commit(OWNER, [change("a", 4)], now=NOW) == []
    await store.close()


async def test_who_has_nothing_to_claim_needs_no_lock(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db", busy_timeout_s=0)
    await filled(store)
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await store.claim_due("other", {"Shop": "1"}, now=NOW, limit=9) == []
    other.close()
    await store.close()


async def test_a_file_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    line = Line()
    store = SqliteStore(tmp_path / "runs.db", connect=line)
    await filled(store)
    line.last.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="can't be written") as raised:
        await store.commit(OWNER, [change("a", 4)], now=NOW)
    assert raised.value.run_ids == ("a",)
    assert await entries(store, "a") == 3
    line.last.execute("PRAGMA query_only = OFF")
    assert await store.commit(OWNER, [change("a", 4)], now=NOW) == []
    await store.close()


async def test_a_file_that_was_made_read_only_is_unavailable_and_unchanged(tmp_path: Path) -> None:
    def connect(path: str, **options: object) -> sqlite3.Connection:
        return Line()(f"file:{path}?mode=ro", uri=True, **options)  # who runs as root may write any file

    path = await a_file(tmp_path / "runs.db")
    before = path.read_bytes()
    store = SqliteStore(path, connect=connect)
    with pytest.raises(StoreUnavailable):
        await store.open()
        await store.enlist("other", now=NOW, until=NOW)
    await store.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["no/such/folder/runs.db", "."])
async def test_a_path_at_which_there_can_be_no_file_is_unavailable(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"can't be opened(.|\n)*its folder exists"):
        await SqliteStore(tmp_path / name).open()


async def test_a_commit_that_fails_in_the_end_is_undone_and_can_be_done_again(tmp_path: Path, synchronous: str) -> None:
    line = Line()
    store = SqliteStore(tmp_path / "runs.db", synchronous=synchronous, connect=line)  # type: ignore[arg-type]
    await filled(store)
    connection = line.last
    begun = len(connection.statements)
    await store.commit(OWNER, [change("a", 4)], now=NOW)
    assert connection.statements[-1] == "COMMIT"
    connection.fails_at = 2 * len(connection.statements) - begun - 1
    with pytest.raises(StoreUnavailable, match="the disk fails") as raised:
        await store.commit(OWNER, [change("a", 5), change("c", 1, is_new=True)], now=NOW)
    assert raised.value.run_ids == ("a", "c")
    assert (await entries(store, "a"), await entries(store, "c")) == (4, None)
    assert len(line.connections) == 2, "the connection couldn't even be rolled back, so there's another one"
    assert await store.commit(OWNER, [change("a", 5), change("c", 1, is_new=True)], now=NOW) == []
    assert (await entries(store, "a"), await entries(store, "c")) == (5, 1)
    await store.close()


async def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db", synchronous="normal")
    with pytest.raises(UsageError, match=r"isn't open: await store\.open\(\)"):
        await store.find("a")
    await store.open()
    with pytest.raises(UsageError, match="is open already"):
        await store.open()
    await store.close()
    await store.close()
    with pytest.raises(UsageError, match="isn't open"):
        await store.find("a")
