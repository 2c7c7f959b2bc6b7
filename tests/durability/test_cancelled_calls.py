"""In full synchronous mode a call runs in a thread: what has begun there is finished, whoever is cancelled."""

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import from_thread

from tests.durability.media import NOW, OWNER, Faulty, Line, change, entries, filled
from workflows.durability import SqliteStore

pytestmark = pytest.mark.anyio


class Held:
    """A commit that waits in its thread."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.gate = threading.Event()


class Gated(Faulty):
    """A connection whose next commit can be held."""

    held: Held | None = None

    def execute(self, sql: str, *args: Any) -> Any:
        if sql == "COMMIT" and self.held is not None:
            held, self.held = self.held, None
            from_thread.run_sync(held.begun.set)
            assert held.gate.wait(5)
        return super().execute(sql, *args)


async def store_that_holds_its_next_commit(folder: Path) -> tuple[SqliteStore, Held]:
    line = Line(Gated)
    store = SqliteStore(folder / "runs.db", connect=line)
    await filled(store)
    connection = line.last
    assert isinstance(connection, Gated)
    held = connection.held = Held()
    return store, held


async def test_a_commit_that_has_begun_is_finished_although_it_is_cancelled(tmp_path: Path) -> None:
    store, held = await store_that_holds_its_next_commit(tmp_path)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: store.commit(OWNER, [change("a", 4)], now=NOW))
            await held.begun.wait()
            group.cancel_scope.cancel()
            held.gate.set()
        assert await entries(store, "a") == 4
        assert await store.commit(OWNER, [change("a", 5)], now=NOW) == []
        await store.close()


async def test_a_call_that_is_cancelled_before_it_begins_does_nothing(tmp_path: Path) -> None:
    store, held = await store_that_holds_its_next_commit(tmp_path)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: store.commit(OWNER, [change("a", 4)], now=NOW))
            await held.begun.wait()
            async with anyio.create_task_group() as second:
                second.start_soon(lambda: store.commit(OWNER, [change("b", 6)], now=NOW))
                await anyio.wait_all_tasks_blocked()
                second.cancel_scope.cancel()
            held.gate.set()
        assert (await entries(store, "a"), await entries(store, "b")) == (4, 5)
        await store.close()
