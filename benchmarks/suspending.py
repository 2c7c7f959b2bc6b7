"""Suspending: a run asks, is written to JSON, is restored, answered, and ends."""

from __future__ import annotations

import json
from typing import Any

from anyio.abc import TaskGroup

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from . import floor
from .clock import seconds
from .stepping import begin
from .workload import Workload, check, in_group, on_loop


class Approved(HumanResponseEvent):
    """The answer."""

    ok: bool


class Approval(InputRequiredEvent, answer=Approved):
    """The question."""

    what: str


class Asking(Workflow):
    """Asks one question."""

    @step
    async def ask(self, ctx: Context[Any], event: StartEvent) -> StopEvent:
        """Ask."""
        answer = await ctx.ask(Approval(what="pay?"))
        return StopEvent(result=answer.ok)


def asking() -> Asking:
    """The workflow, checked."""
    workflow = Asking(timeout=None, types=[Approval, Approved])
    workflow.validate()
    return workflow


async def _floor_ask(_run: floor.Run, _event: StartEvent) -> Approval:
    return Approval(what="pay?")


async def _floor_answered(_run: floor.Run, event: Approved) -> StopEvent:
    return StopEvent(result=event.ok)


FLOOR_ASKING = floor.Flow(
    (floor.Step(_floor_ask, (StartEvent,)), floor.Step(_floor_answered, (Approved,))), StopEvent, question=Approval
)


async def _trip(size: int) -> float:
    """The run that was left behind is ended after each trip, which isn't counted: in life its process is gone."""
    workflow = asking()
    took = 0.0
    for number in range(size + 1):
        start = seconds()
        handler = workflow.run()
        async for event in handler.stream_events():
            if isinstance(event, Approval):
                break
        text = json.dumps(handler.ctx.to_dict())
        context = Context[Any].from_dict(workflow, json.loads(text))
        resumed = workflow.run(ctx=context)
        await resumed.send_event(Approved(ok=True), reply_to=resumed.pending[0].id)
        check(await resumed, True)
        if number > 0:  # the first trip fills what is filled at first use
            took += seconds() - start
        await handler.cancel_run()
    return took


async def _floor_trip(group: TaskGroup, size: int) -> float:
    start = seconds()
    for _ in range(size):
        run = begin(FLOOR_ASKING, StartEvent(), group)
        async for event in floor.Reader(run):
            if isinstance(event, Approval):
                break
        resumed = floor.restored(FLOOR_ASKING, run.to_json())
        resumed.send(Approved(ok=True))
        group.start_soon(resumed.main)
        check((await resumed.wait()).result, True)
    return seconds() - start


SUSPENDING = (
    Workload(
        "trip",
        "suspend, JSON, restore, answer, finish",
        on_loop(_trip),
        in_group(_floor_trip),
        sizes=(200,),
        quick_sizes=(50,),
    ),
)
