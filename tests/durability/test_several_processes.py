"""Several may use one file at the same time, from its making on. Threads stand for processes: each has a connection."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import anyio

from workflows.durability import Change, SqliteStore

PARTIES = 4
RUNS = [f"run {number}" for number in range(8)]


async def take_part(path: Path, owner: str, barrier: Barrier) -> tuple[list[str], list[str]]:
    """Make what runs one can, release them, and claim what one can."""
    store = SqliteStore(path, synchronous="normal", busy_timeout_s=60)
    barrier.wait()
    await store.open()
    await store.enlist(owner, now=0.0, until=9.0)
    made: list[str] = []
    for run_id in RUNS:
        change = Change(run_id, "Shop", "running", False, None, 1, owner, is_new=True)
        if await store.commit(owner, [change], now=0.0) == []:
            made.append(run_id)
    barrier.wait()
    changes = [Change(run_id, "Shop", "running", False, None, 2, "released", is_released=True) for run_id in made]
    assert await store.commit(owner, changes, now=0.0) == []
    barrier.wait()
    claimed = [run.run_id for _ in RUNS for run in await store.claim_due(owner, {"Shop": "1"}, now=0.0, limit=1)]
    refused = await store.commit(
        owner, [Change(run_id, "Shop", "running", False, None, 3, owner) for run_id in RUNS], now=0.0
    )
    assert [refusal.run_id for refusal in refused] == [run_id for run_id in RUNS if run_id not in claimed]
    for run_id in claimed:
        content = await store.load(run_id)
        assert content is not None
        assert content.entries[1:] == ("released", owner)
    barrier.wait()
    await store.close()
    return made, claimed


def at_once(path: Path) -> None:
    barrier = Barrier(PARTIES, timeout=60)
    with ThreadPoolExecutor(PARTIES) as threads:
        begun = [threads.submit(anyio.run, take_part, path, f"owner {number}", barrier) for number in range(PARTIES)]
        parts = [future.result() for future in begun]
    for number, what in enumerate(["made", "claimed"]):
        had = [run_id for one in parts for run_id in one[number]]
        assert sorted(had) == RUNS, f"each run is {what} once"


def test_each_run_is_made_once_and_claimed_once_by_those_who_make_the_file_at_the_same_time(tmp_path: Path) -> None:
    for number in range(10):
        at_once(tmp_path / f"{number}.db")
