"""What a call costs depends on what it finds, and not on how many runs wait: 100,000 of those cost disk only."""

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from workflows.durability import Change, SqliteStore, Store

pytestmark = pytest.mark.anyio

NOW = 100.0


def change(run_id: str, entry: int, **details: object) -> Change:
    details = {"is_waiting": True, "wake_at": None, "text": "", **details}
    return Change(run_id, "Shop", "running", entry=entry, **details)  # type: ignore[arg-type]  # they're right


class Meter:
    """Counts what SQLite does, in tens of its instructions."""

    def __init__(self) -> None:
        self.ticks = 0

    def __call__(self, path: str, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(path, **cast(Any, options))
        connection.set_progress_handler(self.tick, 10)
        return connection

    def tick(self) -> int:
        self.ticks += 1
        return 0


async def next_due(store: Store) -> object:
    return await store.next_due({"Shop": "1"}, now=NOW)


async def claim_due(store: Store) -> object:
    return await store.claim_due("other", {"Shop": "1"}, now=NOW, limit=9)


async def messages(store: Store) -> object:
    return await store.messages("other")


async def commit(store: Store) -> object:
    return await store.commit("me", [change("mine", 2, is_waiting=False)], now=NOW)


async def snapshot(store: Store) -> object:
    return await store.commit("me", [change("mine", 1, text=None, snapshot="s", is_released=True)], now=NOW)


async def load(store: Store) -> object:
    return await store.load("mine")


async def runs(store: Store) -> object:
    return await store.runs(status="failed", limit=9)


async def questions(store: Store) -> object:
    return await store.questions(run_id="mine", limit=9)


async def ended_before(store: Store) -> object:
    return await store.ended_before(NOW, limit=9)


async def delete(store: Store) -> object:
    return await store.delete(["run 1"], now=NOW)


async def retire(store: Store) -> object:
    await store.retire("me")
    return None


CALLS = [next_due, claim_due, messages, commit, snapshot, load, runs, questions, ended_before, delete, retire]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_a_call_costs_the_same_however_many_runs_wait(
    tmp_path: Path, call: Callable[[Store], Awaitable[object]]
) -> None:
    costs: list[int] = []
    for waiting in (200, 4000):
        meter = Meter()
        store = SqliteStore(tmp_path / f"{waiting}.db", synchronous="normal", connect=meter)
        await store.open()
        await store.enlist("me", now=NOW, until=NOW + 30)
        new = [
            change(f"run {number}", 1, is_new=True, is_released=True, wake_at=NOW + number if number % 2 else None)
            for number in range(1, waiting)
        ]
        await store.commit("me", [*new, change("mine", 1, is_new=True, opened=[("q", "d")])], now=NOW)
        before = meter.ticks
        await call(store)
        costs.append(meter.ticks - before)
        await store.close()
    few, many = costs
    assert many <= few + 10
