"""Steps one after the other: a long loop, a run of one step, and a thousand short runs at once."""

from __future__ import annotations

from anyio.abc import TaskGroup

from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from . import floor
from .clock import seconds
from .workload import Workload, check, in_group, on_loop


class Begin(StartEvent):
    """How many turns to take."""

    turns: int


class Turn(Event):
    """Take another turn; so many are left."""

    left: int


class First(Event):
    """What the first of three steps gives."""

    number: int


class Second(Event):
    """What the second of three steps gives."""

    number: int


class Loop(Workflow):
    """One step that comes back to itself."""

    @step
    async def turn(self, event: Begin | Turn) -> Turn | StopEvent:
        """Count down."""
        left = event.left if isinstance(event, Turn) else event.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


class Single(Workflow):
    """One step."""

    @step
    async def only(self, event: Begin) -> StopEvent:
        """End at once."""
        return StopEvent(result=event.turns)


class Three(Workflow):
    """Three steps."""

    @step
    async def first(self, event: Begin) -> First:
        """Pass it on."""
        return First(number=event.turns)

    @step
    async def second(self, event: First) -> Second:
        """Pass it on."""
        return Second(number=event.number)

    @step
    async def third(self, event: Second) -> StopEvent:
        """End."""
        return StopEvent(result=event.number)


async def floor_turn(_run: floor.Run, event: Begin | Turn) -> Turn | StopEvent:
    """As `Loop.turn`."""
    left = event.left if isinstance(event, Turn) else event.turns
    return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


async def _floor_only(_run: floor.Run, event: Begin) -> StopEvent:
    return StopEvent(result=event.turns)


async def _floor_first(_run: floor.Run, event: Begin) -> First:
    return First(number=event.turns)


async def _floor_second(_run: floor.Run, event: First) -> Second:
    return Second(number=event.number)


async def _floor_third(_run: floor.Run, event: Second) -> StopEvent:
    return StopEvent(result=event.number)


FLOOR_LOOP = floor.Flow((floor.Step(floor_turn, (Begin, Turn)),), StopEvent)
FLOOR_SINGLE = floor.Flow((floor.Step(_floor_only, (Begin,)),), StopEvent)
FLOOR_THREE = floor.Flow(
    (floor.Step(_floor_first, (Begin,)), floor.Step(_floor_second, (First,)), floor.Step(_floor_third, (Second,))),
    StopEvent,
)


def begin(flow: floor.Flow, event: object, group: TaskGroup) -> floor.Run:
    """Start a run of the floor."""
    run = floor.Run(flow)
    run.send(event)
    group.start_soon(run.main)
    return run


async def timed_turns(workflow: Workflow, size: int) -> float:
    """Seconds for a run of so many turns."""
    workflow.validate()
    start = seconds()
    result = await workflow.run(turns=size)
    took = seconds() - start
    check(result, 1)
    return took


async def _loop(size: int) -> float:
    return await timed_turns(Loop(timeout=None), size)


async def _timed_loop(size: int) -> float:
    return await timed_turns(Loop(timeout=3600.0), size)


async def _floor_loop(group: TaskGroup, size: int) -> float:
    start = seconds()
    stop = await begin(FLOOR_LOOP, Begin(turns=size), group).wait()
    took = seconds() - start
    check(stop.result, 1)
    return took


async def _single(size: int) -> float:
    workflow = Single(timeout=None)
    await workflow.run(turns=0)
    start = seconds()
    for number in range(size):
        check(await workflow.run(turns=number), number)
    return seconds() - start


async def _first(size: int) -> float:
    """Workflows that are new each time: what is compiled and filled at first use counts."""
    start = seconds()
    for number in range(size):
        check(await Single(timeout=None).run(turns=number), number)
    return seconds() - start


async def _floor_single(group: TaskGroup, size: int) -> float:
    start = seconds()
    for number in range(size):
        check((await begin(FLOOR_SINGLE, Begin(turns=number), group).wait()).result, number)
    return seconds() - start


async def _concurrent(size: int) -> float:
    workflow = Three(timeout=None)
    await workflow.run(turns=0)
    start = seconds()
    handlers = [workflow.run(turns=number) for number in range(size)]
    results = [await handler for handler in handlers]
    took = seconds() - start
    check(results, list(range(size)))
    return took


async def _floor_concurrent(group: TaskGroup, size: int) -> float:
    start = seconds()
    runs = [begin(FLOOR_THREE, Begin(turns=number), group) for number in range(size)]
    results = [(await run.wait()).result for run in runs]
    took = seconds() - start
    check(results, list(range(size)))
    return took


STEPPING = (
    Workload(
        "loop",
        "step of a loop",
        on_loop(_loop),
        in_group(_floor_loop),
        sizes=(10_000, 1_000, 100_000),
        quick_sizes=(2_000,),
    ),
    Workload(
        "timed-loop",
        "step of a loop, in a run with a timeout",
        on_loop(_timed_loop),
        in_group(_floor_loop),
        quick_sizes=(2_000,),
    ),
    Workload(
        "one-step", "run of one step", on_loop(_single), in_group(_floor_single), sizes=(500,), quick_sizes=(100,)
    ),
    Workload(
        "first-run",
        "workflow made, checked, and run for the first time",
        on_loop(_first),
        sizes=(50,),
        quick_sizes=(10,),
    ),
    Workload(
        "concurrent",
        "run of three steps, of so many at once",
        on_loop(_concurrent),
        in_group(_floor_concurrent),
        sizes=(1_000, 10_000),
        quick_sizes=(200,),
    ),
)
