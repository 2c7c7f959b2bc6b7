"""Snapshots: their cost after few and many steps, and with few and many events pending."""

from __future__ import annotations

import json
from typing import Any

import anyio

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent
from workflows.handler import WorkflowHandler

from . import floor
from .clock import seconds
from .stepping import Begin, Turn
from .suspending import Approval, Approved
from .workload import MILLISECONDS, Workload, check, on_loop

SNAPSHOTS_A_SAMPLE = 20


class Note(Event):
    """An event that nobody takes for now."""

    text: str
    number: int


class Historied(Workflow):
    """Takes many steps, then asks."""

    @step
    async def turn(self, ctx: Context[Any], event: Begin | Turn) -> Turn | StopEvent:
        """Count down, then ask."""
        left = event.left if isinstance(event, Turn) else event.turns
        if left > 1:
            return Turn(left=left - 1)
        return StopEvent(result=await ctx.ask(Approval(what="go on?")))


class Waiting(StartEvent):
    """How many notes to send first."""

    notes: int


class Pending(Workflow):
    """Sends itself many events, and asks before it takes them."""

    @step
    async def wait(self, ctx: Context[Any], event: Waiting) -> StopEvent:
        """Send, ask, take one."""
        for number in range(event.notes):
            ctx.send_event(Note(text="note", number=number))
        await ctx.ask(Approval(what="go on?"))
        await ctx.wait_for_event(Note)
        return StopEvent()


async def _timed(handler: WorkflowHandler, pending: int) -> float:
    """Seconds for one snapshot, to JSON text, of a run that has come to its question."""
    async for event in handler.stream_events():
        if isinstance(event, Approval):
            break
    await anyio.wait_all_tasks_blocked()
    text = ""
    start = seconds()
    for _ in range(SNAPSHOTS_A_SAMPLE):
        text = json.dumps(handler.ctx.to_dict())
    took = seconds() - start
    check(text.count('"note"'), pending)
    await handler.cancel_run()
    return took / SNAPSHOTS_A_SAMPLE


async def _after_steps(size: int) -> float:
    return await _timed(Historied(timeout=None, types=[Approval, Approved]).run(turns=size), 0)


async def _with_pending(size: int) -> float:
    return await _timed(Pending(timeout=None, types=[Approval, Approved, Note]).run(notes=size), size)


async def _floor_with_pending(size: int) -> float:
    run = floor.Run(floor.Flow((), StopEvent))
    run.buffer = [Note(text="note", number=number) for number in range(size)]
    text = ""
    start = seconds()
    for _ in range(SNAPSHOTS_A_SAMPLE):
        text = run.to_json()
    took = seconds() - start
    check(text.count('"note"'), size)
    return took / SNAPSHOTS_A_SAMPLE


SNAPSHOTS = (
    Workload(
        "snapshot-after",
        "snapshot after so many steps",
        on_loop(_after_steps),
        sizes=(10_000, 100),
        quick_sizes=(1_000, 100),
        unit=MILLISECONDS,
        is_shared=False,
    ),
    Workload(
        "snapshot-pending",
        "snapshot with so many events pending",
        on_loop(_with_pending),
        on_loop(_floor_with_pending),
        sizes=(1_000, 10, 10_000),
        quick_sizes=(1_000, 10),
        unit=MILLISECONDS,
        is_shared=False,
    ),
)
