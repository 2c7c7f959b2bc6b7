"""Runs that can't go on any more can be given up: cancelled, or deleted, as the errors say."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.durability.asking import Asked, Asking, Word
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.errors import RunNotFound, SnapshotMismatch, StoreDamaged, WorkflowCancelledByUser
from workflows.events import StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Renamed(Workflow):
    def __init__(self) -> None:
        super().__init__(workflow_name="asking", types=[Asked, Word])

    @step
    async def inquire(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        return StopEvent()


async def ask(store: Store) -> None:
    """Leave a run `r` that waits for an answer."""
    async with Runtime(store=store, poll=0.001) as runtime:
        _ = runtime.run(Asking(), run_id="r").run_id
        while not await runtime.pending() or runtime.in_memory:
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("recover", [True, False])
@pytest.mark.parametrize("workflows", [[], [Renamed()]])
async def test_a_run_that_cannot_go_on_here_is_cancelled_all_the_same(
    workflows: list[Workflow], *, recover: bool
) -> None:
    """A runtime that would have gone on with it refused to."""
    store = MemoryStore()
    with anyio.fail_after(5):
        await ask(store)
        async with Runtime(store=store, workflows=workflows, recover=recover, poll=0.001) as runtime:
            await runtime.cancel("r")
            assert [run.status for run in await runtime.runs()] == ["cancelled"]
            assert await runtime.pending() == []
        async with Runtime(store=store, workflows=[Asking()], poll=0.001) as runtime:  # who knows it may resume it
            handler = runtime.resume("r")
            await runtime.send("r", Word(word="well"))
            assert await handler == "well"


async def test_a_run_of_a_living_runtime_is_cancelled_by_one_that_does_not_know_its_workflow() -> None:
    store = MemoryStore()
    with anyio.fail_after(5):
        async with (
            Runtime(store=store, poll=0.001) as carrying,
            Runtime(store=store, recover=False, poll=0.001) as other,
        ):
            handler = carrying.run(Asking(), run_id="r")
            while not await other.pending():
                await anyio.lowlevel.checkpoint()
            await other.cancel("r")
            with pytest.raises(WorkflowCancelledByUser):
                await handler


async def test_a_run_that_does_not_fit_can_be_deleted_by_who_was_told_so() -> None:
    store = MemoryStore()
    with anyio.fail_after(5):
        await ask(store)
        async with Runtime(store=store, workflows=[Renamed()], poll=3600) as runtime:
            with pytest.raises(SnapshotMismatch):
                _ = runtime.resume("r")
            await runtime.delete("r")
            with pytest.raises(RunNotFound):
                _ = runtime.resume("r")


async def test_a_damaged_run_can_be_deleted_as_its_error_says(tmp_path: Path) -> None:
    """Who had sent to it owned it from then on: it couldn't be deleted, and not be cancelled either."""
    path = tmp_path / "runs.db"
    with anyio.fail_after(5):
        await ask(SqliteStore(path))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE snapshots SET crc = crc + 1")
        async with (
            Runtime(store=SqliteStore(path), workflows=[Asking()], poll=0.001) as runtime,
            Runtime(store=SqliteStore(path), workflows=[Asking()], poll=0.001) as other,
        ):
            with pytest.raises(StoreDamaged, match="or delete the run") as caught:
                await runtime.send("r", Word(word="well"))
            assert caught.value.run_ids == ("r",)
            await runtime.delete("r")
            assert await other.runs() == []
