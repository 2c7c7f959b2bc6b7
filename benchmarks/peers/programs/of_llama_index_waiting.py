"""Runs that wait, and snapshots, in `llama-index-workflows`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from speaking import check, held, seconds

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

SNAPSHOTS_A_SAMPLE = 3

# --- asking somebody --------------------------------------------------------------------------------------------------


class Approval(InputRequiredEvent):
    what: str


class Approved(HumanResponseEvent):
    ok: bool


class Asking(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> Approval:
        return Approval(what="pay?")

    @step
    async def answered(self, ev: Approved) -> StopEvent:
        return StopEvent(result=ev.ok)


async def until_asked(handler: Any, turns: int = 20) -> None:
    """Until it has asked, and has done what was left to do besides."""
    async for event in handler.stream_events():
        if isinstance(event, Approval):
            break
    for _ in range(turns):
        await asyncio.sleep(0)


async def trip(size: int) -> float:
    """The run that was left behind is ended after each trip, which isn't counted: in life its process is gone."""
    workflow = Asking(timeout=None)
    took = 0.0
    for number in range(size + 1):
        start = seconds()
        handler = workflow.run()
        await until_asked(handler, turns=0)
        text = json.dumps(handler.ctx.to_dict())
        resumed = workflow.run(ctx=Context.from_dict(workflow, json.loads(text)))
        resumed.ctx.send_event(Approved(ok=True))
        check(await resumed, True)
        if number > 0:
            took += seconds() - start
        await handler.cancel_run()
    return took


async def waiting(size: int) -> float:
    workflow = Asking(timeout=None)
    handlers = [workflow.run()]
    await until_asked(handlers[0])
    before = held()
    for _ in range(size):
        handlers.append(workflow.run())
        await until_asked(handlers[-1])
    grown = held() - before
    check(any(handler.done() for handler in handlers), False)
    for handler in handlers:
        await handler.cancel_run()
    return grown


# --- snapshots --------------------------------------------------------------------------------------------------------


class Begin(StartEvent):
    turns: int


class Turn(Event):
    left: int


class Historied(Workflow):
    @step
    async def turn(self, ev: Begin | Turn) -> Turn | Approval:
        left = ev.left if isinstance(ev, Turn) else ev.turns
        return Turn(left=left - 1) if left > 1 else Approval(what="go on?")

    @step
    async def answered(self, ev: Approved) -> StopEvent:
        return StopEvent()


class Waiting(StartEvent):
    notes: int


class Note(Event):
    text: str
    number: int


class Pending(Workflow):
    """One note is at work, and the others wait for it."""

    @step
    async def send(self, ctx: Context, ev: Waiting) -> Note | Approval:
        for number in range(ev.notes):
            ctx.send_event(Note(text="note", number=number))
        return Approval(what="go on?")

    @step(num_workers=1)
    async def take(self, ev: Note) -> StopEvent | None:
        await asyncio.Event().wait()
        return None

    @step
    async def answered(self, ev: Approved) -> StopEvent:
        return StopEvent()


async def timed_snapshots(handler: Any, pending: int) -> float:
    await until_asked(handler, turns=20 * (pending + 1))
    text = ""
    start = seconds()
    for _ in range(SNAPSHOTS_A_SAMPLE):
        text = json.dumps(handler.ctx.to_dict())
    took = seconds() - start
    check(text.count("note") >= pending, True)
    await handler.cancel_run()
    return took / SNAPSHOTS_A_SAMPLE


async def snapshot_after(size: int) -> float:
    return await timed_snapshots(Historied(timeout=None).run(turns=size), 0)


async def snapshot_pending(size: int) -> float:
    return await timed_snapshots(Pending(timeout=None).run(notes=size), size)
