"""Tells a status page when it's over, in `finally`: which each suspension runs, too."""

import httpx

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Fixed(HumanResponseEvent):
    how: str


class Incident(InputRequiredEvent, answer=Fixed):
    title: str


async def publish(text: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.put("https://status.example/now", json={"text": text})  # unsafe: network


class StatusPage(Workflow):
    @step
    async def handle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.once(publish, ev.title)
        try:
            fixed = await ctx.ask(Incident(title=ev.title))
        finally:
            await publish("all is well")
        return StopEvent(result=fixed.how)
