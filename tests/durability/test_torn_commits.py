"""Wherever a commit is cut, all of it is there afterwards, or nothing is."""

from pathlib import Path

import pytest

from tests.durability.media import NOW, OWNER, Line, change, entries, filled, image_of
from workflows.durability import SqliteStore

pytestmark = pytest.mark.anyio

GROUP = [
    change("a", 4, events=[(2, "e")], opened=[("q", "d")]),
    change("c", 1, is_new=True, events=[(1, "e")]),
    change("b", 6, snapshot="b at 6"),
    change("b", 7, replies=[(1, "done")], is_released=True),
    change("a", 5, closed=["q"], opened=[("r", "d")]),
]
BEFORE = (3, 5, None, 1, 0, None)
AFTER = (5, 7, 1, 2, 1, "done")


class Killed(BaseException):
    """Stands for the end of the process."""


async def state_of(path: Path) -> tuple[object, ...]:
    """What of the group is in a file, in each of its tables."""
    store = SqliteStore(path, synchronous="normal")
    await store.open()
    numbers = [await entries(store, run_id) for run_id in ("a", "b", "c")]
    events = await store.events("a", after=0, limit=9)
    questions = await store.questions(limit=9)
    state = (*numbers, len(events), len(questions), await store.reply(1))
    await store.commit(OWNER, [change("a", numbers[0] + 1 if numbers[0] else 1)], now=NOW)
    assert await entries(store, "a") == (numbers[0] or 0) + 1, "it can be written"
    await store.close()
    return state


async def a_store(path: Path) -> tuple[SqliteStore, Line]:
    line = Line()
    store = SqliteStore(path, synchronous="normal", connect=line)
    await filled(store)
    assert await store.post("b", "m") == 1
    return store, line


async def test_a_commit_that_is_cut_between_any_two_statements_leaves_nothing(tmp_path: Path) -> None:
    store, line = await a_store(tmp_path / "runs.db")
    connection = line.last
    begun = len(connection.statements)
    assert await store.commit(OWNER, GROUP, now=NOW) == []
    group = connection.statements[begun:]
    assert group[0] == "BEGIN IMMEDIATE"
    assert group[-1] == "COMMIT"
    await store.close()
    assert await state_of(tmp_path / "runs.db") == AFTER

    for cut in range(len(group)):
        folder = tmp_path / f"cut at {cut}"
        folder.mkdir()
        store, line = await a_store(folder / "runs.db")
        connection = line.last
        connection.fault = Killed()
        connection.fails_at = len(connection.statements) + cut
        with pytest.raises(Killed):
            await store.commit(OWNER, GROUP, now=NOW)
        left = image_of(folder / "runs.db", folder / "left")
        assert await state_of(left) == BEFORE, f"cut before {group[cut]}"
        await store.close()


async def test_a_store_whose_commit_was_interrupted_goes_on(tmp_path: Path) -> None:
    store, line = await a_store(tmp_path / "runs.db")
    connection = line.last
    begun = len(connection.statements)
    await store.commit(OWNER, [change("a", 4)], now=NOW)
    for cut in range(len(connection.statements) - begun):
        connection = line.last
        connection.fault, connection.fails_at = KeyboardInterrupt(), len(connection.statements) + cut
        with pytest.raises(KeyboardInterrupt):
            await store.commit(OWNER, [change("a", 5), change("c", 1, is_new=True)], now=NOW)
        connection.fails_at = None
        assert (await entries(store, "a"), await entries(store, "c")) == (4, None)
    await store.close()


async def test_a_commit_that_is_written_in_part_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    log = tmp_path / "runs.db-wal"
    store, _ = await a_store(path)
    before = len(log.read_bytes())
    await store.commit(OWNER, GROUP, now=NOW)
    after = len(log.read_bytes())
    assert after > before, "the group is what was appended to the log"
    states: list[tuple[object, ...]] = []
    for number, length in enumerate([*range(before, after, 301), after]):
        left = image_of(path, tmp_path / f"left {number}")
        part = left.with_name("runs.db-wal")
        part.write_bytes(part.read_bytes()[:length])
        states.append(await state_of(left))
    await store.close()
    torn, whole = states[:-1], states[-1]
    assert set(torn) == {BEFORE}
    assert whole == AFTER
