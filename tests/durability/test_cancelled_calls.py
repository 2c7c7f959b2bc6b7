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


class Gated(Faulty):
    """A connection whose next commit waits in its thread."""

    begun: anyio.Event | None = None
    gate: threading.Event

    def execute(self, sql: str, *args: Any) -> Any:
        if sql == "COMMIT" and self.begun is not None:
            begun, self.begun = self.begun, None
            from_thread.run_sync(begun.set)
            assert self.gate.wait(5)
        return super().execute(sql, *args)


def close_to(line: Line) -> Gated:
    connection = line.last
    assert isinstance(connection, Gated)
    connection.begun = anyio.Event()
    connection.gate = threading.Event()
    return connection


async def test_a_commit_that_has_begun_is_finished_although_it_is_cancelled(tmp_path: Path) -> None:
    line = Line(Gated)
    store = SqliteStore(tmp_path / "runs.db", connect=line)
    await filled(store)
    connection = close_to(line)
    begun = connection.begun
    assert begun is not None
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: store.commit(OWNER, [change("a", 4)], now=NOW))
            await begun.wait()
            group.cancel_scope.cancel()
            connection.gate.set()
        assert await entries(store, "a") == 4
        assert await store.commit(OWNER, [change("a", 5)], now=NOW) == []
        await store.close()


async def test_a_call_that_is_cancelled_before_it_begins_does_nothing(tmp_path: Path) -> None:
    line = Line(Gated)
    store = SqliteStore(tmp_path / "runs.db", connect=line)
    await filled(store)
    connection = close_to(line)
    begun = connection.begun
    assert begun is not None
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: store.commit(OWNER, [change("a", 4)], now=NOW))
            await begun.wait()
            async with anyio.create_task_group() as second:
                second.start_soon(lambda: store.commit(OWNER, [change("b", 6)], now=NOW))
                await anyio.wait_all_tasks_blocked()
                second.cancel_scope.cancel()
            connection.gate.set()
        assert (await entries(store, "a"), await entries(store, "b")) == (4, 5)
        await store.close()
