"""Streaming: a step writes many events, and one or ten readers see each of them."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

import anyio
from anyio.abc import TaskGroup

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from . import floor
from .clock import seconds
from .stepping import begin
from .workload import Sample, Workload, check, in_group, on_loop


class Speak(StartEvent):
    """How many words to say."""

    words: int


class Word(Event):
    """One word."""

    text: str


class Burst(Workflow):
    """Says everything without a pause."""

    @step
    async def speak(self, ctx: Context[Any], event: Speak) -> StopEvent:
        """Write all words at once."""
        for _ in range(event.words):
            ctx.write_event_to_stream(Word(text="word"))
        return StopEvent(result=event.words)


class Paced(Workflow):
    """Lets its readers keep up."""

    @step
    async def speak(self, ctx: Context[Any], event: Speak) -> StopEvent:
        """Wait for the readers after each word."""
        for _ in range(event.words):
            await ctx.stream(Word(text="word"))
        return StopEvent(result=event.words)


async def _floor_burst(run: floor.Run, event: Speak) -> StopEvent:
    for _ in range(event.words):
        run.write(Word(text="word"))
    return StopEvent(result=event.words)


async def _floor_paced(run: floor.Run, event: Speak) -> StopEvent:
    for _ in range(event.words):
        run.write(Word(text="word"))
        await run.checkpoint()
    return StopEvent(result=event.words)


FLOOR_BURST = floor.Flow((floor.Step(_floor_burst, (Speak,)),), StopEvent)
FLOOR_PACED = floor.Flow((floor.Step(_floor_paced, (Speak,)),), StopEvent)


async def _count(events: AsyncIterable[object], expected: int) -> None:
    seen = 0
    async for event in events:
        seen += type(event) is Word
    check(seen, expected)


def _ours(workflow_class: type[Workflow], readers: int) -> Sample:
    async def stream(size: int) -> float:
        workflow = workflow_class(timeout=None)
        workflow.validate()
        start = seconds()
        handler = workflow.run(words=size)
        async with anyio.create_task_group() as group:
            for _ in range(readers):
                group.start_soon(_count, handler.stream_events(after=0), size)
        took = seconds() - start
        check(await handler, size)
        return took

    return on_loop(stream)


def _floor(flow: floor.Flow, readers: int) -> Sample:
    async def stream(group: TaskGroup, size: int) -> float:
        start = seconds()
        run = begin(flow, Speak(words=size), group)
        async with anyio.create_task_group() as reading:
            for _ in range(readers):
                reading.start_soon(_count, floor.Reader(run), size)
        took = seconds() - start
        check(run.result.result, size)
        return took

    return in_group(stream)


STREAMING = (
    Workload(
        "stream",
        "streamed event, one reader",
        _ours(Burst, 1),
        _floor(FLOOR_BURST, 1),
        sizes=(100_000, 1_000),
        quick_sizes=(10_000,),
    ),
    Workload(
        "stream-to-ten",
        "streamed event, ten readers",
        _ours(Burst, 10),
        _floor(FLOOR_BURST, 10),
        sizes=(100_000, 1_000),
        quick_sizes=(10_000,),
    ),
    Workload(
        "paced-stream",
        "streamed event that waits for its reader",
        _ours(Paced, 1),
        _floor(FLOOR_PACED, 1),
        quick_sizes=(2_000,),
    ),
)
