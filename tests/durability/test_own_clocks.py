"""A durable run whose workflow has a clock of its own, which is ahead of that of its host, or behind it."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import Any, Literal

import anyio
import pytest

from tests.durability.clocks import YEARS, Clock
from tests.durability.stores import begin
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore
from workflows.errors import WaitTimedOut
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import simulate

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
