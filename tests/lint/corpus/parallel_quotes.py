"""Child tasks that talk to suppliers while others of them wait for a person."""

import asyncio
import time

import aiohttp

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Accepted(HumanResponseEvent):
    yes: bool


class Quote(InputRequiredEvent, answer=Accepted):
    supplier: str
    cents: int


class ParallelQuotes(Workflow):
    @step
    async def collect(self, ctx: Context, ev: StartEvent) -> StopEvent:
        accepted: list[str] = []

        async def ask_about(session: aiohttp.ClientSession, supplier: str) -> None:
            async with ctx.branch(supplier):
                response = await session.get(f"https://{supplier}.example/quote")  # unsafe: network
                quote = await response.json()
                answer = await ctx.ask(Quote(supplier=supplier, cents=quote["cents"]))
                if answer.yes:
                    accepted.append(supplier)

        async def heartbeat() -> None:
            for _ in range(10):
                ctx.write_event_to_stream(StartEvent(at=time.time()))  # unsafe: clock
                await asyncio.sleep(1)

        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for supplier in ev.suppliers:
                group.create_task(ask_about(session, supplier))
            group.create_task(heartbeat())
        return StopEvent(result=accepted)
