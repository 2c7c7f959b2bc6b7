"""The same plans come to the same in memory, in a store in memory, in a file, and released whenever everything waits.

The plans are those of `strategies.py`: branches, waits, retries, errors, timeouts, edits. They're compared with a run
without a store; what has to be the same is listed in `judging.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal
from uuid import UUID

import anyio
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.flow import Plan, PlanFlow
from tests.sim.judging import problems_of, unlike
from tests.sim.living import Backend, Report, Script, answer_for, live_through, shown
from tests.sim.strategies import plans
from tests.sim.test_replay import has_tasks
from tests.sim.world import Life
from workflows import Runtime
from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.errors import AnswerRefused, WorkflowDone
from workflows.runtime.identity import ambient_uuid4
from workflows.testing import simulate

BACKENDS: list[Backend] = ["asyncio", "trio"]
Place = Literal["memory", "sqlite"]


def live_in(store: Store, plan: Plan, *, backend: Backend, seed: int, is_held: bool) -> tuple[Report, int]:
    """Run a plan in a runtime on a store; gives what came of it, and how often the run was released."""
    report = Report()
    life = Life(report.world, 0)
    releases = 0

    async def main() -> None:
        nonlocal releases
        flow = PlanFlow(plan, life, is_asyncio=backend == "asyncio")
        async with Runtime(store=store, workflows=[flow], poll=3600) as runtime:
            uuids = Random("the same for all runs that are compared")
            ambient_uuid4.set(lambda: UUID(int=uuids.getrandbits(128), version=4))
            handler: Any = runtime.run(flow, run_id="the run")
            if not is_held:
                handler = None
            async with anyio.create_task_group() as group:
                group.start_soon(answer, runtime)
                reader = runtime.events("the run")
                while await store.find("the run") is None:
                    await anyio.lowlevel.checkpoint()
                async for published in reader:
                    report.world.streamed.append(shown(published))
                    if reader.position != len(report.world.streamed):
                        life.complain(f"{published!r} is at {reader.position}")
                group.cancel_scope.cancel()
            life.is_dead = True
            handler = runtime.resume("the run") if handler is None else handler
            report.result = await handler
            report.data = json.loads(json.dumps(handler.ctx.to_dict()))
            report.state = dict(await handler.ctx.store.get_state())

    async def answer(runtime: Runtime) -> None:
        nonlocal releases
        refused: set[str] = set()
        while True:
            await anyio.wait_all_tasks_blocked()
            if runtime.in_memory == ():
                releases += 1
            found = [one for one in await runtime.pending() if one.id not in refused]
            for one in found:
                assert one.question is not None
                reply = answer_for(one.question)
                if reply is None:
                    continue
                try:
                    await runtime.send("the run", reply, reply_to=one.id)
                    report.answered[one.id] = repr(reply)
                except (AnswerRefused, WorkflowDone):
                    refused.add(one.id)
            await anyio.sleep(0.1)

    simulate(main, backend=backend, seed=seed)
    return report, releases


@pytest.mark.guarantee("W1", "W3", "W7", "R3", "R4")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", ["memory", "sqlite"])
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "released when idle"])
def test_a_plan_comes_to_the_same_in_a_store(place: Place, backend: Backend, is_held: bool) -> None:
    @effort(0.2)
    @given(plan=plans, seed=st.integers(0, 2**32 - 1))
    def compare(plan: Plan, seed: int) -> None:
        reference = live_through(plan, Script("asyncio"))
        assert not problems_of(reference)
        with TemporaryDirectory() as folder:
            store: Store = (
                MemoryStore() if place == "memory" else SqliteStore(Path(folder, "runs.db"), synchronous="normal")
            )
            report, releases = live_in(
                store, plan, backend=backend, seed=seed if backend == "trio" else 0, is_held=is_held
            )
        assert not problems_of(report)
        assert not unlike(report, reference, is_sequential=not has_tasks(plan))
        event(f"{'released' if releases else 'never released'}, {'' if has_tasks(plan) else 'no '}tasks")

    compare()
