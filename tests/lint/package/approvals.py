"""Workflows that are imported, to be checked by their classes."""

import uuid
from datetime import UTC, datetime
from typing import Any

from workflows import Context, Workflow, step
from workflows.events import Event, InputRequiredEvent, StartEvent, StopEvent


class Begun(Event):
    number: str


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: Begun) -> StopEvent:
        at = datetime.now(UTC)
        await ctx.ask(InputRequiredEvent(prefix=ev.number))
        return StopEvent(result=at)


class TwoSteps(Asking):
    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Begun:
        number = str(uuid.uuid4())
        await ctx.ask(InputRequiredEvent(prefix=number))
        return Begun(number=number)


class Overriding(Asking):
    @step
    async def ask(self, ctx: Context[Any], ev: Begun) -> StopEvent:
        await ctx.ask(InputRequiredEvent(prefix=ev.number))
        return StopEvent(result=ctx.now())

    @step
    async def begin(self, ev: StartEvent) -> Begun:
        return Begun(number="1")
