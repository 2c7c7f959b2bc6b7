"""W6: a durable run whose replay departs stands still, and comes to what it would have come to with the version it fits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal
from uuid import UUID

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.flow import Plan, PlanFlow
from tests.sim.judging import problems_of, unlike
from tests.sim.living import Backend, Report, Script, answer_for, live_through, shown
from tests.sim.operations import Block
from tests.sim.test_changed_code import changes
from tests.sim.world import Life
from workflows import Runtime
from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.durability.reading import OpenQuestion
from workflows.errors import ReplayMismatch
from workflows.runtime.identity import ambient_uuid4
from workflows.testing import simulate

RUN = "the run"


class Lives:
    """A run over three lives: the version that begins it, one that departs, and the first one again."""

    def __init__(self, store: Store, *, questions: int, backend: Backend) -> None:
        self.store = store
        self.report = Report()
        self._questions = questions  # how many the first version asks, before it waits for the last of them
        self._backend = backend
        self._seen: set[str] = set()
        self._last: tuple[str, Any] | None = None

    @asynccontextmanager
    async def life(self, block: Block, number: int) -> AsyncIterator[tuple[Runtime, PlanFlow]]:
        """One life of the process."""
        life = Life(self.report.world, number)
        flow = PlanFlow(Plan(block), life, is_asyncio=self._backend == "asyncio")
        async with Runtime(store=self.store, workflows=[flow], poll=3600) as runtime:
            yield runtime, flow
        life.is_dead = True

    async def main(self, old: Block, new: Block) -> None:
        """Live through all three."""
        async with self.life(old, 0) as (runtime, flow):
            uuids = Random("the same for all runs that are compared")
            ambient_uuid4.set(lambda: UUID(int=uuids.getrandbits(128), version=4))
            _ = runtime.run(flow, run_id=RUN).run_id
            await self._till_the_last_question(runtime)
        before = self._done()
        async with self.life(new, 1) as (runtime, _):
            handler = runtime.resume(RUN)
            assert self._last is not None
            name, reply = self._last
            await handler.send_event(reply, reply_to=name)
            self.report.answered[name] = repr(reply)
            with pytest.raises(ReplayMismatch):
                await handler
            assert isinstance(runtime.problems[RUN], ReplayMismatch)
            assert [run.status for run in await runtime.runs()] == ["running"]
        assert self._done() == before
        async with self.life(old, 2) as (runtime, _):
            handler = runtime.resume(RUN)
            self.report.result = await handler
            self.report.data = json.loads(json.dumps(handler.ctx.to_dict()))
            self.report.state = dict(await handler.ctx.store.get_state())
            self.report.world.streamed = [shown(event) async for event in runtime.events(RUN)]

    async def _till_the_last_question(self, runtime: Runtime) -> None:
        """Answer all questions but the last one."""
        while self._last is None:
            await anyio.wait_all_tasks_blocked()
            for one in await runtime.pending():
                await self._answer(runtime, one)
            await anyio.sleep(0.1)

    async def _answer(self, runtime: Runtime, one: OpenQuestion) -> None:
        if one.id in self._seen:
            return
        self._seen.add(one.id)
        assert one.question is not None
        reply = answer_for(one.question)
        if reply is None:
            return
        if len(self._seen) == self._questions:
            self._last = one.id, reply
            return
        await runtime.send(RUN, reply, reply_to=one.id)
        self.report.answered[one.id] = repr(reply)

    def _done(self) -> dict[str, int]:
        """How often each function of a `once` was called to its end."""
        return dict(self.report.world.finished)


@pytest.mark.guarantee("W6", "R4", "W1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("place", ["memory", "sqlite"])
def test_a_run_that_departs_comes_to_the_same_with_the_version_that_it_fits(
    place: Literal["memory", "sqlite"], backend: Backend
) -> None:
    @effort(0.5)
    @given(blocks=changes(), seed=st.integers(0, 2**32 - 1))
    def compare(blocks: tuple[Block, Block], seed: int) -> None:
        old, new = blocks
        reference = live_through(Plan(old), Script("asyncio"))
        assert not problems_of(reference)
        with TemporaryDirectory() as folder:
            store: Store = (
                MemoryStore() if place == "memory" else SqliteStore(Path(folder, "runs.db"), synchronous="normal")
            )
            lives = Lives(store, questions=len(reference.asked), backend=backend)
            simulate(lambda: lives.main(old, new), backend=backend, seed=seed if backend == "trio" else 0)
        assert not problems_of(lives.report)
        assert not unlike(lives.report, reference, is_sequential=True)

    compare()
