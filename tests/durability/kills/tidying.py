"""Tidying: a process on a file whose ended runs are pruned, while others are at work, wait, or were cancelled."""

from __future__ import annotations

from datetime import UTC, datetime

from workflows import Runtime
from workflows.durability import SqliteStore
from workflows.errors import RunNotFound, WorkflowDone

from .load import Replied
from .worker import AT_ONCE, Worker

FILE, LOG = "kept.db", "kept.log"

KEPT_S = 0.05
FOR_EVER = datetime(9000, 1, 1, tzinfo=UTC)

WORKFLOWS = {"chain": "chain", "asking": "asking", "failing": "failing", "waits": "asking", "cancelled": "asking"}
"""By what becomes of a run, which is the end of its id: the workflow. What waits is never answered."""
LASTS = {"chain": "link-12", "asking": "after", "failing": "tried"}
"""What is done last in a run that ends."""


def kind_in(run_id: str) -> str:
    """What becomes of a run."""
    return run_id.rpartition("-")[2]


class Tidier(Worker):
    """Begins runs under ids of its own, answers some of them, cancels some, and prunes."""

    def _runtime(self, store: SqliteStore, *, carries_on: bool) -> Runtime:
        return Runtime(
            store=store,
            workflows=self._workflows.values(),
            recover=carries_on,
            lease=self._job.lease,
            poll=0.01,
            keep=KEPT_S if self._random.random() < 0.5 else None,
        )

    async def _turn(self, runtime: Runtime) -> None:
        if not self._is_closing:
            await self._begin(runtime)
        await self._answer(runtime)
        if self._random.random() < 0.1:
            await runtime.prune(before=FOR_EVER)

    async def _has_unfinished(self, runtime: Runtime) -> bool:
        running = await runtime.runs(status="running", limit=10_000)
        return any(kind_in(run.run_id) != "waits" and kind_in(run.run_id) != "cancelled" for run in running)

    async def _begin(self, runtime: Runtime) -> None:
        if len(await runtime.runs(status="running", waiting=False, limit=AT_ONCE)) < AT_ONCE // 3:
            (kind,) = self._random.choices(list(WORKFLOWS), [6, 6, 3, 1, 1])
            run_id = f"tidy-{self._job.life}-{self._next()}-{kind}"
            _ = runtime.run(runtime.workflows[WORKFLOWS[kind]], run_id=run_id)

    async def _answer(self, runtime: Runtime) -> None:
        for found in self._random.sample(pending := await runtime.pending(limit=1000), min(10, len(pending))):
            try:
                if kind_in(found.run_id) == "cancelled":
                    await self._cancel_once(runtime, found.run_id)
                elif kind_in(found.run_id) == "asking":
                    await self._tell_of(runtime, found.run_id, Replied(word="yes"), str(self._next()), found.id)
            except (RunNotFound, WorkflowDone):
                continue  # somebody else has answered it, and it was pruned

    async def _cancel_once(self, runtime: Runtime, run_id: str) -> None:
        run = await runtime.store.find(run_id)
        if run is not None and run.status == "running":
            await self._cancel_run(runtime, run_id)
