"""What isn't a store is left alone, and what was changed or cut off in one is never taken for what was written."""

import sqlite3
from pathlib import Path

import pytest

from tests.durability.media import NOW, a_file, change, entries
from workflows.durability import SqliteStore
from workflows.errors import StoreDamaged, StoreError, StoreFormatError

pytestmark = pytest.mark.anyio


def store_at(path: Path) -> SqliteStore:
    return SqliteStore(path, synchronous="normal")


async def opened(path: Path) -> SqliteStore:
    store = store_at(path)
    await store.open()
    return store


def alter(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(";\n".join(statements))
    connection.close()


# --- what is no store -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"run,workflow\n", b"\x00" * 5000, bytes(range(256)) * 40])
async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(content)
    with pytest.raises(StoreFormatError, match=r"runs\.db is no SQLite database(.|\n)*another path"):
        await store_at(path).open()
    assert path.read_bytes() == content
    assert not path.with_name("runs.db-wal").exists()


@pytest.mark.parametrize(
    "statements",
    [["CREATE TABLE owners (id)"], ["PRAGMA application_id = 7"], ["CREATE TABLE x (y)", "PRAGMA user_version = 1"]],
)
async def test_the_database_of_something_else_is_left_as_it_is(tmp_path: Path, statements: list[str]) -> None:
    path = tmp_path / "runs.db"
    alter(path, *statements)
    before = path.read_bytes()
    with pytest.raises(StoreFormatError, match=r"database of something else(.|\n)*a file of its own"):
        await store_at(path).open()
    assert path.read_bytes() == before


async def test_a_store_from_the_future_is_left_as_it_is(tmp_path: Path) -> None:
    path = await a_file(tmp_path / "runs.db")
    alter(path, "PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(StoreFormatError, match=r"is a store of version 2; .* up to 1\.(.|\n)*newer one"):
        await store_at(path).open()
    assert path.read_bytes() == before


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(b"")
    store = await opened(path)
    assert await store.runs(limit=1) == []
    await store.close()


# --- what was changed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE journal SET text = CAST('a 2!' AS BLOB) WHERE run = 1 AND entry = 2", "journal entry 2 isn't as it"),
        ("UPDATE journal SET text = 'as text' WHERE run = 1 AND entry = 2", "journal entry 2 isn't as it"),
        ("UPDATE journal SET crc = crc + 1 WHERE run = 1 AND entry = 3", "journal entry 3 isn't as it"),
        ("UPDATE journal SET entry = 7 WHERE run = 1 AND entry = 2", "its journal has 3 entries between 1 and 7"),
        ("DELETE FROM journal WHERE run = 1 AND entry = 1", "its journal has entries 2 to 3, not entries 1 to 3"),
        ("DELETE FROM journal WHERE run = 1 AND entry = 2", "its journal has entry 3, not entries 1 to 3"),
        ("DELETE FROM journal WHERE run = 1 AND entry = 3", "its journal has no entries, not entries 1 to 3"),
        ("UPDATE journal SET run = 2 WHERE run = 1 AND entry = 2", "its journal has entry 3, not entries 1 to 3"),
        ("UPDATE journal SET previous = number WHERE run = 1 AND entry = 2", "its journal has entries 2 to 3, not"),
        ("UPDATE runs SET entry = 2 WHERE key = 1", "its journal has entries 1 to 3, not entries 1 to 2"),
        ("UPDATE runs SET tail = NULL WHERE key = 1", "its journal has no entries, not entries 1 to 3"),
        ("UPDATE runs SET status = 'happy' WHERE key = 1", "its status is 'happy', which is none"),
        ("UPDATE runs SET entry = 'x' WHERE key = 1", "its entry is 'x'"),
    ],
)
async def test_a_run_that_was_changed_is_not_loaded_and_named(tmp_path: Path, statement: str, found: str) -> None:
    path = await a_file(tmp_path / "runs.db")
    alter(path, statement)
    store = await opened(path)
    with pytest.raises(StoreDamaged) as raised:
        await store.load("a")
    assert raised.value.run_ids == ("a",)
    assert str(path) in str(raised.value)
    assert f"of run 'a', {found}" in str(raised.value)
    assert await entries(store, "b") == 5, "other runs aren't concerned"
    assert await store.delete(["a"], now=NOW + 30) == ["a"], "and it can be deleted"
    await store.close()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE snapshots SET text = x'00'", "the snapshot at entry 4 isn't as it was written"),
        ("UPDATE snapshots SET entry = 3", "its journal has entry 5, not entries 4 to 5"),
        ("DELETE FROM snapshots", "its journal has entry 5, not entries 1 to 5"),
    ],
)
async def test_a_snapshot_that_was_changed_is_not_loaded(tmp_path: Path, statement: str, found: str) -> None:
    path = await a_file(tmp_path / "runs.db")
    alter(path, statement)
    store = await opened(path)
    with pytest.raises(StoreDamaged, match=found) as raised:
        await store.load("b")
    assert raised.value.run_ids == ("b",)
    assert await entries(store, "a") == 3
    await store.close()


async def test_an_event_that_was_changed_is_not_given(tmp_path: Path) -> None:
    path = await a_file(tmp_path / "runs.db")
    alter(path, "UPDATE stream SET text = x'00' WHERE run = 1")
    store = await opened(path)
    with pytest.raises(StoreDamaged, match="of run 'a', event 1 isn't as it was written") as raised:
        await store.events("a", after=0, limit=9)
    assert raised.value.run_ids == ("a",)
    assert len(await store.events("b", after=0, limit=9)) == 1
    await store.close()


async def test_a_missing_table_is_damage(tmp_path: Path) -> None:
    path = await a_file(tmp_path / "runs.db")
    alter(path, "DROP TABLE journal")
    store = await opened(path)
    with pytest.raises(StoreDamaged, match=r"no such table(.|\n)*integrity_check"):
        await store.load("a")
    await store.close()


async def test_text_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    path = await a_file(tmp_path / "runs.db")
    alter(path, "UPDATE runs SET workflow = CAST(x'ff' AS TEXT) WHERE key = 1")
    store = await opened(path)
    with pytest.raises(StoreDamaged, match="is damaged"):
        await store.find("a")
    await store.close()


# --- what was hit blindly ---------------------------------------------------------------------------------------------


async def what_is_read(path: Path) -> list[object]:
    """Everything that was written with a checksum, as it's read from a file."""
    store = store_at(path)
    try:
        await store.open()
        found: list[object] = []
        for run_id in ("a", "b"):
            content = await store.load(run_id)
            found.append(None if content is None else (content.snapshot, content.entries))
            assert set(await store.events(run_id, after=0, limit=9)) <= {(1, f"{run_id} tells {'.' * 60}")}
        await store.runs(limit=9)
        await store.questions(limit=9)
        await store.claim_due("other", {"Shop": "1"}, now=NOW + 30, limit=9)
        await store.commit("other", [change("a", 4), change("b", 6)], now=NOW + 30)
        return found
    finally:
        await store.close()


async def test_any_bytes_that_change_are_noticed_or_change_nothing(tmp_path: Path) -> None:
    path = await a_file(tmp_path / "runs.db")
    whole = path.read_bytes()
    expected = await what_is_read(path)
    noticed = 0
    for position in range(0, len(whole), 97):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            found = await what_is_read(path)
        except StoreError:
            noticed += 1
        else:
            for one, whole_one in zip(found, expected, strict=True):
                assert one is None or one == whole_one, f"byte {position}"
    assert noticed


async def test_a_file_that_is_cut_short_is_noticed(tmp_path: Path) -> None:
    path = await a_file(tmp_path / "runs.db")
    whole = path.read_bytes()
    for length in range(1, len(whole), 2011):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match="cut short" if length > 100 else "it has 1 bytes"):
            await store_at(path).open()
