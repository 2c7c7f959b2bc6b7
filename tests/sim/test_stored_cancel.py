"""Durable runs cancelled at each scheduling point: no task is left, each `finally` ran, and what's stored comes to its end."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest

from tests.sim.living import Backend
from tests.sim.test_stored_crashes import Working, answer, see_to_the_world
from workflows import Context, Runtime, step
from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.events import StartEvent
from workflows.testing import StoreKind, simulate, sweep_cancel
from workflows.testing.cancelling import How

BACKENDS: list[tuple[Backend, How]] = [("asyncio", "scope"), ("asyncio", "task"), ("trio", "scope")]


class Watched(Working):
    """Counts which of its steps are at work."""

    inside = 0

    @step
    async def watch(self, ctx: Context, ev: StartEvent) -> None:
        self.inside += 1
        try:
            await self.do(ctx, "watch")
        finally:
            self.inside -= 1


async def carry(store: Store, workflow: Watched) -> Any:
    """Begin a run, or go on with it, answer it, and give its result."""
    async with Runtime(store=store, workflows=[workflow], poll=3600, lease=30) as runtime:
        handler = runtime.run(workflow, run_id="r") if await store.find("r") is None else runtime.resume("r")
        while not handler.is_done():
            for found in await runtime.pending():
                assert found.question is not None
                await runtime.send("r", answer(found.question), reply_to=found.id)
            await anyio.sleep(0.25)
        return await handler


@pytest.mark.guarantee("R1", "R4")
@pytest.mark.parametrize(("backend", "how"), BACKENDS)
@pytest.mark.parametrize("place", ["memory", "sqlite"])
def test_a_durable_run_cancelled_anywhere_leaves_nothing_and_can_be_recovered(
    place: StoreKind, backend: Backend, how: How
) -> None:
    lives: list[tuple[Store, Watched]] = []

    with TemporaryDirectory() as folder:

        async def scenario() -> None:
            path = Path(folder, f"{len(lives)}.db")
            store: Store = MemoryStore() if place == "memory" else SqliteStore(path, synchronous="normal")
            lives.append((store, Watched([], parts=1)))
            await carry(*lives[-1])

        def check() -> None:
            if not lives:
                return
            store, workflow = lives[-1]
            assert workflow.inside == 0, "a step didn't clean up"
            left = store
            if isinstance(store, SqliteStore):
                left = SqliteStore(store.path, synchronous="normal")
            again = Watched(workflow.world, parts=1)
            assert simulate(lambda: carry(left, again), backend=backend) == [0]
            see_to_the_world(workflow.world, deaths=1)

        assert sweep_cancel(scenario, backend=backend, how=how, check=check) > 20
