"""A run that waits says so: to readers of internal events each time, and to the log if nothing would ever wake it."""

import logging
from typing import Any

import anyio
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    WorkflowIdleEvent,
)

pytestmark = pytest.mark.anyio


class Note(Event):
    pass


class Lost(Event):
    pass


class Stalling(Workflow):
    """Ends when a note comes from outside."""

    def __init__(self, first: Event | None = None) -> None:
        super().__init__(types=[Lost], skip_graph_checks=["dead_end", "reachability"])
        self.first = first

    @step(skip_graph_checks=["dead_end"])
    async def begin(self, ev: StartEvent) -> Note | Lost | None:
        return self.first  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    @step
    async def end(self, ev: Note) -> StopEvent:
        return StopEvent(result="ended")


class Asking(Workflow):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        async def other() -> None:
            async with ctx.branch("other"):
                await ctx.ask(InputRequiredEvent(prefix="first"))

        async with anyio.create_task_group() as group:
            group.start_soon(other)
        await ctx.ask(InputRequiredEvent(prefix="second"))
        return StopEvent()


@pytest.mark.parametrize("first", [None, Lost()])
async def test_a_run_that_nothing_would_wake_says_so_once(
    first: Event | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), anyio.fail_after(5):
        handler = Stalling(first).run(run_id="r1")
        await wait_until_all_wait()
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "run r1 of Stalling has nothing left to do" in record.getMessage()
        assert ("that nobody has taken: Lost()" in record.getMessage()) == (first is not None)
        await handler.send_event(Lost())
        await wait_until_all_wait()
        assert len(caplog.records) == 1
        caplog.clear()
        await handler.send_event(Note())
        assert await handler == "ended"
        assert "has nothing left to do" not in caplog.text


async def test_a_run_that_waits_for_an_answer_a_deadline_or_a_retry_is_not_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING), anyio.fail_after(5):
        handler = Asking().run()
        for _ in range(2):
            await wait_until_all_wait()
            await handler.send_event(HumanResponseEvent(response="yes"))
        await handler
        assert await Stalling(Note()).run() == "ended"
    assert not caplog.records


@pytest.mark.parametrize("waits", ["replay", "park"])
async def test_readers_of_internal_events_are_told_each_time_that_a_run_comes_to_wait(waits: str) -> None:
    told: list[object] = []

    with anyio.fail_after(5):
        handler = Asking(waits=waits).run()

        async def read() -> None:
            async for event in handler.stream_events(expose_internal=True):
                if isinstance(event, InputRequiredEvent):
                    told.append(event.prefix)
                if isinstance(event, WorkflowIdleEvent):
                    told.append("idle")
                if isinstance(event, StepStateChanged):
                    assert event.step_state is not StepState.PREPARING

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            for _ in range(2):
                await wait_until_all_wait()
                await handler.send_event(HumanResponseEvent(response="yes"))
            await handler
    assert told == ["first", "idle", "second", "idle"]
