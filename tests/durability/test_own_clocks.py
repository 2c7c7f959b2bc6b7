"""A durable run whose workflow has a clock of its own, which is ahead of that of its host, or behind it."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest

from tests.durability.stores import begin, crashed, until
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore
from workflows.errors import WaitTimedOut
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import simulate

YEARS = timedelta(days=3650)
each_clock = pytest.mark.parametrize("ahead", [YEARS, -YEARS], ids=["ahead", "behind"])
both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class Reply(HumanResponseEvent):
    pass


class Ask(InputRequiredEvent, answer=Reply):
    pass


class Patient(Workflow):
    """Waits half a minute for an answer."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        try:
            await ctx.ask(Ask(), timeout=30)
        except WaitTimedOut:
            return StopEvent(result="too late")
        return StopEvent(result="answered")


class Clock:
    """Runs with the time of the simulation, years away from it."""

    def __init__(self, ahead: timedelta) -> None:
        self._start = datetime(2030, 1, 1, tzinfo=UTC) + ahead

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=anyio.current_time())


@both
@each_clock
@pytest.mark.parametrize("holds", [True, False], ids=["in memory", "released"])
@pytest.mark.guarantee("W8")
def test_a_wait_ends_in_time_by_the_clock_of_its_workflow(
    backend: Literal["asyncio", "trio"], ahead: timedelta, holds: bool
) -> None:
    async def scenario() -> None:
        workflow = Patient(types=[Ask, Reply], workflow_name="patient", clock=Clock(ahead))
        started = anyio.current_time()
        async with Runtime(store=MemoryStore(), workflows=[workflow], poll=3600, lease=1e6) as runtime:
            held = [runtime.run(workflow, run_id="r")] if holds else [begin(runtime, workflow, run_id="r")]
            gc.collect()
            await anyio.sleep(20)
            assert runtime.in_memory == (("r",) if holds else ())
            events = [event async for event in runtime.events("r")]
            assert events[-1] == StopEvent(result="too late")
            assert 30 <= anyio.current_time() - started < 31
            assert len(held) == 1

    simulate(scenario, backend=backend)


@both
@each_clock
@pytest.mark.guarantee("W8", "R4")
def test_a_run_spends_none_of_its_time_by_its_own_clock_while_its_process_is_dead(
    backend: Literal["asyncio", "trio"], ahead: timedelta, tmp_path: Path
) -> None:
    async def scenario() -> None:
        gate, begun = anyio.Event(), list[str]()

        class Slow(Workflow):
            @step
            async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
                await ctx.once(begun.append, "begun")
                await gate.wait()
                return StopEvent(result="in time")

        workflow = Slow(workflow_name="slow", timeout=45, clock=Clock(ahead))
        async with Runtime(store=MemoryStore(), poll=3600) as runtime:
            _ = runtime.run(workflow, run_id="r")
            await until(lambda: bool(begun))
            await anyio.wait_all_tasks_blocked()
            left = crashed(runtime.store, tmp_path / "left")
        await anyio.sleep(86_400)
        gate.set()
        async with Runtime(store=left, workflows=[workflow], poll=3600) as runtime:
            assert [event async for event in runtime.events("r")][-1] == StopEvent(result="in time")

    simulate(scenario, backend=backend)
