"""What a deep run counts of simulations is counted without their knowing."""

from collections.abc import Generator
from functools import partial
from typing import Any

import anyio
import pytest

from tests.deep.tally import Tally
from tests.deep.watching import watch
from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.testing import Process, StoreKind, simulate, sweep_cancel, sweep_crash
from workflows.testing.backends import Backend

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Generator[Tally]:
    """The figures of one test."""
    tally = Tally()
    with monkeypatch.context() as patch:
        patch.setattr("tests.deep.tally.TALLY", tally)
        patch.setattr("tests.deep.watching.TALLY", tally)
        watch(patch)
        yield tally


class Twice(Workflow):
    """Does two things."""

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=[await ctx.once(str, number) for number in range(2)])


async def turns(first: int, second: int) -> None:
    async with anyio.create_task_group() as group:
        for number in (first, second):
            group.start_soon(sleep_often, number)


async def sleep_often(times: int) -> None:
    for _ in range(times):
        await anyio.sleep(1)


@both
def test_lives_in_which_tasks_take_turns_alike_are_one_interleaving(tally: Tally, backend: Backend) -> None:
    for times in (2, 2, 3):
        simulate(partial(turns, 1, times), backend=backend)
    assert tally.lives == {backend: 3}
    assert len(tally.interleavings[backend]) == 2


def test_another_seed_of_trios_scheduler_is_another_interleaving(tally: Tally) -> None:
    pytest.importorskip("trio")
    for seed in range(20):
        simulate(partial(turns, 5, 5), backend="trio", seed=seed)
    assert len(tally.interleavings["trio"]) > 5


@both
@pytest.mark.parametrize(("store", "kind"), [(None, "tick"), ("memory", "write")])
def test_each_point_from_which_a_run_was_gone_on_with_is_a_crash_point(
    tally: Tally, backend: Backend, store: StoreKind | None, kind: str
) -> None:
    async def scenario(process: Process) -> Any:
        workflow = Twice(workflow_name="twice")
        if store is None:
            return await process.run(workflow)
        async with process.runtime(workflows=[workflow]) as runtime:
            await process.begin(runtime, workflow, run_id="r")
            return await process.finish(runtime, "r", lambda _: None)

    cuts = sweep_crash(scenario, backend=backend, store=store)
    assert 0 < tally.cuts[kind] <= cuts
    assert tally.lives == {backend: tally.cuts[kind] + 1}


@both
def test_each_point_at_which_a_scenario_is_cancelled_is_counted(tally: Tally, backend: Backend) -> None:
    points = sweep_cancel(lambda: turns(1, 2), backend=backend)
    assert tally.cancellations == points + 1
