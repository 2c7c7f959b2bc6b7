"""Nesting: a step runs another workflow as its child, which ends at once, or asks somebody first."""

from __future__ import annotations

from typing import Any

from anyio.abc import TaskGroup

from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent

from . import floor
from .clock import seconds
from .stepping import Begin, Single, Turn, begin, timed_turns
from .suspending import Approval, Approved, Asking
from .workload import Workload, check, in_group, on_loop


class Nesting(Workflow):
    """One step that runs a child, and comes back to itself."""

    def __init__(self, child: Workflow[Any, Any], **inputs: Any) -> None:
        super().__init__(timeout=None, children=[child], types=[Approval, Approved])
        self.child = child
        self.inputs = inputs

    @step
    async def turn(self, ctx: Context[Any], event: Begin | Turn) -> Turn | StopEvent:
        """Run the child, and count down."""
        await ctx.run(self.child, **self.inputs)
        left = event.left if isinstance(event, Turn) else event.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


async def _nest(size: int) -> float:
    return await timed_turns(Nesting(Single(timeout=None), turns=1), size)


async def _nest_questions(size: int) -> float:
    """Each child asks, its parent is suspended, the child is answered, and the parent replayed."""
    workflow = Nesting(Asking(timeout=None, types=[Approval, Approved]))
    workflow.validate()
    start = seconds()
    handler = workflow.run(turns=size)
    async for event in handler.stream_events():
        if isinstance(event, Approval):
            await handler.send_event(Approved(ok=True), reply_to=handler.pending[0].id)
    check(await handler, 1)
    return seconds() - start


async def _floor_only(_run: floor.Run, event: StartEvent) -> StopEvent:
    return StopEvent(result=event)


FLOOR_SINGLE = floor.Flow((floor.Step(_floor_only, (StartEvent,)),), StopEvent)


async def _floor_nest(group: TaskGroup, size: int) -> float:
    """A child is a run of its own there."""

    async def turn(_run: floor.Run, event: Begin | Turn) -> Turn | StopEvent:
        await begin(FLOOR_SINGLE, StartEvent(), group).wait()
        left = event.left if isinstance(event, Turn) else event.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)

    flow = floor.Flow((floor.Step(turn, (Begin, Turn)),), StopEvent)
    start = seconds()
    stop = await begin(flow, Begin(turns=size), group).wait()
    took = seconds() - start
    check(stop.result, 1)
    return took


NESTING = (
    Workload(
        "child",
        "turn of a loop whose step runs a child of one step",
        on_loop(_nest),
        in_group(_floor_nest),
        sizes=(1_000, 10_000),
        quick_sizes=(300,),
    ),
    Workload(
        "child-question",
        "turn of a loop whose step runs a child that asks and is answered",
        on_loop(_nest_questions),
        sizes=(500,),
        quick_sizes=(100,),
    ),
)
