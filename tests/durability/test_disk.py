"""What a disk that fails does to runs: a clear error that names them, and nothing goes on as if it were stored."""

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore, SqliteStore
from workflows.durability.sqlite.medium import Synchronous
from workflows.errors import StoreDamaged, StoreError, StoreFormatError, StoreUnavailable
from workflows.events import Event, StartEvent, StopEvent
from workflows.testing import simulate
from workflows.testing.backends import Backend


class Page(Event, name="disk.page"):
    number: int
    text: str


class Filling(Workflow):
    """Writes more and more, for as long as it may."""

    def __init__(self, *, limit: int = 1000, gate: anyio.Event | None = None) -> None:
        super().__init__(workflow_name="filling", timeout=None)
        self.limit = limit
        self.gate = gate
        self.reached = 0

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Page:
        return Page(number=1, text="")

    @step
    async def go_on(self, ctx: Context[Any], ev: Page) -> Page | StopEvent:
        self.reached = max(self.reached, ev.number)
        if self.gate is not None and ev.number == 3:
            await self.gate.wait()
        ctx.write_event_to_stream(ev)
        if ev.number == self.limit:
            return StopEvent(result=ev.number)
        return Page(number=ev.number + 1, text="x" * 2000)


def limited(pages: int) -> Callable[..., sqlite3.Connection]:
    """Connect to files that can't grow beyond so many pages."""

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(*arguments, **options)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    return connect


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_full_disk_stops_the_run_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    file, workflow = tmp_path / "runs.db", Filling(limit=200)
    with anyio.fail_after(30):  # it writes some hundred pages
        async with Runtime(store=SqliteStore(file, connect=limited(80))) as runtime:
            with pytest.raises(StoreUnavailable, match="no room left") as told:
                await runtime.run(workflow, run_id="r")
            assert told.value.run_ids == ("r",)
            stopped_at = workflow.reached
            assert stopped_at < 200
            assert [run.status for run in await runtime.runs()] == ["running"]
            kept = await runtime.store.events("r", after=0, limit=1000)
            assert [position for position, _ in kept] == list(range(1, len(kept) + 1))
        again = Filling(limit=200)
        async with Runtime(store=SqliteStore(file), workflows=[again]) as runtime:
            assert await runtime.resume("r") == 200
            numbers = [event.number async for event in runtime.events("r") if isinstance(event, Page)]
    assert numbers == list(range(1, 201))


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_file_that_somebody_else_keeps_locked_stops_the_run(tmp_path: Path) -> None:
    file, gate = tmp_path / "runs.db", anyio.Event()
    workflow = Filling(limit=5, gate=gate)
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file, busy_timeout_s=0.05)) as runtime:
            handler = runtime.run(workflow, run_id="r")
            while workflow.reached < 3:
                await anyio.lowlevel.checkpoint()
            other = sqlite3.connect(file, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            gate.set()
            with pytest.raises(StoreUnavailable, match="holds its lock") as told:
                await handler
            assert told.value.run_ids == ("r",)
            assert workflow.reached == 3
            other.execute("ROLLBACK")
            other.close()
            assert await runtime.resume("r") == 5


def deleted(file: Path) -> None:
    file.unlink()


def moved(file: Path) -> None:
    file.rename(file.with_suffix(".old"))


def replaced(file: Path) -> None:
    backup = file.with_suffix(".backup")
    backup.write_bytes(file.read_bytes())
    backup.replace(file)


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
@pytest.mark.skipif(sys.platform == "win32", reason="there, nobody can delete a file that is open")
@pytest.mark.parametrize("synchronous", ["full", "normal"])
@pytest.mark.parametrize("happens", [deleted, moved, replaced])
async def test_a_file_that_is_taken_away_stops_the_run(
    happens: Callable[[Path], None], synchronous: Synchronous, tmp_path: Path
) -> None:
    file, gate = tmp_path / "runs.db", anyio.Event()
    workflow = Filling(limit=5, gate=gate)
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file, synchronous=synchronous)) as runtime:
            handler = runtime.run(workflow, run_id="r")
            while workflow.reached < 3:
                await anyio.lowlevel.checkpoint()
            happens(file)
            gate.set()
            with pytest.raises(StoreUnavailable, match="deleted, moved or replaced") as told:
                await handler
            assert told.value.run_ids == ("r",)
            assert workflow.reached == 3
            with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
                await runtime.resume("r")


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_run_goes_on_when_the_file_that_was_moved_is_put_back(tmp_path: Path) -> None:
    file, gate = tmp_path / "runs.db", anyio.Event()
    workflow = Filling(limit=5, gate=gate)
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file)) as runtime:
            handler = runtime.run(workflow, run_id="r")
            while workflow.reached < 3:
                await anyio.lowlevel.checkpoint()
            moved(file)
            gate.set()
            with pytest.raises(StoreUnavailable):
                await handler
            file.with_suffix(".old").rename(file)
            assert await runtime.resume("r") == 5
        async with Runtime(store=SqliteStore(file)) as runtime:
            assert [run.status for run in await runtime.runs()] == ["completed"]


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_store_stays_where_it_was_opened_when_the_folder_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("runs.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with Runtime(store=store) as runtime:
        assert await runtime.run(Filling(limit=2), run_id="r") == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []
    async with Runtime(store=SqliteStore(tmp_path / "runs.db")) as runtime:
        assert [run.run_id for run in await runtime.runs()] == ["r"]


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform == "win32", reason="it needs a right there to make a link")
async def test_a_relative_path_means_what_it_means_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner" / "deeper").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "inner" / "deeper")
    monkeypatch.chdir(tmp_path)
    async with Runtime(store=SqliteStore("link/../runs.db")) as runtime:
        assert await runtime.run(Filling(limit=2), run_id="r") == 2
    assert (tmp_path / "inner" / "runs.db").exists()
    assert not (tmp_path / "runs.db").exists()


class Unlooked(MemoryStore):
    """A store that can't be looked after."""

    def __init__(self) -> None:
        super().__init__()
        self.renewals = 0

    async def renew(self, owner: str, *, now: float, until: float) -> bool:
        self.renewals += 1
        raise StoreUnavailable("it's gone")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_store_that_fails_is_looked_after_again_after_a_pause(backend: Backend) -> None:
    """It was tried again at once, by the thousand, and each time that was logged."""
    store = Unlooked()

    async def scenario() -> None:
        async with Runtime(store=store, lease=3, poll=1):
            await anyio.sleep(30)

    simulate(scenario, backend=backend)
    assert 25 <= store.renewals <= 30


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_file_that_becomes_read_only_stops_the_run(tmp_path: Path) -> None:
    file, gate = tmp_path / "runs.db", anyio.Event()
    connections: list[sqlite3.Connection] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connections.append(sqlite3.connect(*arguments, **options))
        return connections[-1]

    workflow = Filling(limit=5, gate=gate)
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file, synchronous="normal", connect=connect)) as runtime:
            handler = runtime.run(workflow, run_id="r")
            while workflow.reached < 3:
                await anyio.lowlevel.checkpoint()
            connections[0].execute("PRAGMA query_only = ON")
            gate.set()
            with pytest.raises(StoreUnavailable, match="can't be written") as told:
                await handler
            assert told.value.run_ids == ("r",)
            assert [run.run_id for run in await runtime.runs(status="running")] == ["r"]
            connections[0].execute("PRAGMA query_only = OFF")
            assert await runtime.resume("r") == 5


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_a_damaged_journal_concerns_its_own_run_only(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file)) as runtime:
            workflow = Filling(limit=5, gate=anyio.Event())
            _ = runtime.run(workflow, run_id="bad")
            while workflow.reached < 3:
                await anyio.lowlevel.checkpoint()
        connection = sqlite3.connect(file)
        connection.execute("UPDATE snapshots SET text = replace(text, 'x', 'y')")
        connection.commit()
        connection.close()
        async with Runtime(store=SqliteStore(file), workflows=[Filling(limit=5)]) as runtime:
            assert isinstance(runtime.problems["bad"], StoreDamaged)
            assert runtime.problems["bad"].run_ids == ("bad",)
            with pytest.raises(StoreDamaged, match="bad"):
                _ = runtime.resume("bad")
            assert await runtime.run(runtime.workflows["filling"], run_id="good") == 5
            assert {run.run_id: run.status for run in await runtime.runs()} == {"bad": "running", "good": "completed"}


@pytest.mark.anyio
@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 40, b"SQLite format 3\0 cut"])
async def test_a_file_that_is_no_database_is_told_of_and_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    file.write_bytes(content)
    with pytest.raises(StoreError, match="runs"):
        async with Runtime(store=SqliteStore(file)):
            raise AssertionError("it was opened")
    assert file.read_bytes() == content


@pytest.mark.anyio
async def test_a_store_of_the_future_is_told_of_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    with anyio.fail_after(10):
        async with Runtime(store=SqliteStore(file)) as runtime:
            assert await runtime.run(Filling(limit=2), run_id="r") == 2
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreFormatError, match="version 99"):
        async with Runtime(store=SqliteStore(file)):
            raise AssertionError("it was opened")
    assert file.read_bytes() == before
