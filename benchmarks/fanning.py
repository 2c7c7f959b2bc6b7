"""Fan-out and join: one step sends many events, workers take them, and one step collects what they give."""

from __future__ import annotations

from typing import Any

from anyio.abc import TaskGroup

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from . import floor
from .clock import seconds
from .stepping import begin
from .workload import Sample, Workload, check, in_group, on_loop

WORKERS = 4


class Scatter(StartEvent):
    """How many parts there are."""

    parts: int


class Part(Event):
    """One part of the work."""

    number: int
    of: int


class Done(Event):
    """One part is done."""

    number: int
    of: int


class FanOut(Workflow):
    """Scatter, work, join; the list of what is expected is made once."""

    expected: list[type[Event]]

    @step
    async def scatter(self, ctx: Context[Any], event: Scatter) -> Part | None:
        """Send all parts."""
        self.expected = [Done] * event.parts
        for number in range(event.parts):
            ctx.send_event(Part(number=number, of=event.parts))
        return None

    @step(num_workers=WORKERS)
    async def work(self, event: Part) -> Done:
        """Do one part."""
        return Done(number=event.number, of=event.of)

    @step
    async def join(self, ctx: Context[Any], event: Done) -> StopEvent | None:
        """Wait for all."""
        done = ctx.collect_events(event, self.expected)
        return None if done is None else StopEvent(result=len(done))


class FreshFanOut(FanOut):
    """The same, with a list of what is expected that is made anew for each event."""

    @step
    async def join(self, ctx: Context[Any], event: Done) -> StopEvent | None:
        """Wait for all."""
        done = ctx.collect_events(event, [Done] * event.of)
        return None if done is None else StopEvent(result=len(done))


class ListFanOut(Workflow):
    """The same by lists: what is returned in one is joined by a step that takes one."""

    @step
    async def scatter(self, event: Scatter) -> list[Part]:
        """Return all parts."""
        return [Part(number=number, of=event.parts) for number in range(event.parts)]

    @step(num_workers=WORKERS)
    async def work(self, event: Part) -> Done:
        """Do one part."""
        return Done(number=event.number, of=event.of)

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        """Take all."""
        return StopEvent(result=len(done))


async def _floor_scatter(run: floor.Run, event: Scatter) -> None:
    for number in range(event.parts):
        run.send(Part(number=number, of=event.parts))


async def _floor_work(_run: floor.Run, event: Part) -> Done:
    return Done(number=event.number, of=event.of)


async def _floor_join(run: floor.Run, event: Done) -> StopEvent | None:
    done = run.collect(event)
    return None if done is None else StopEvent(result=len(done))


FLOOR_FAN_OUT = floor.Flow(
    (
        floor.Step(_floor_scatter, (Scatter,)),
        floor.Step(_floor_work, (Part,), WORKERS),
        floor.Step(_floor_join, (Done,)),
    ),
    StopEvent,
)


def _ours(workflow_class: type[Workflow]) -> Sample:
    async def fan_out(size: int) -> float:
        workflow = workflow_class(timeout=None)
        workflow.validate()
        start = seconds()
        result = await workflow.run(parts=size)
        took = seconds() - start
        check(result, size)
        return took

    return on_loop(fan_out)


async def _floor_fan_out(group: TaskGroup, size: int) -> float:
    start = seconds()
    run = begin(FLOOR_FAN_OUT, Scatter(parts=size), group)
    run.expected = size
    stop = await run.wait()
    took = seconds() - start
    check(stop.result, size)
    return took


FANNING = (
    Workload(
        "fan-out",
        "member of a fan-out and join",
        _ours(FanOut),
        in_group(_floor_fan_out),
        sizes=(1_000, 100, 10_000, 100_000),
        quick_sizes=(500,),
    ),
    Workload(
        "list-fan-out",
        "member of a fan-out and join by list",
        _ours(ListFanOut),
        in_group(_floor_fan_out),
        sizes=(1_000, 100, 10_000, 100_000),
        quick_sizes=(500,),
    ),
    Workload(
        "fresh-fan-out",
        "member of a fan-out and join whose list is made anew each time",
        _ours(FreshFanOut),
        in_group(_floor_fan_out),
        sizes=(1_000, 10_000),
        quick_sizes=(500,),
    ),
)
