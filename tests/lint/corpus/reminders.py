"""Asks again and again; what stands behind the wait precedes the one of the next pass."""

import httpx

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Reply(HumanResponseEvent):
    text: str


class Ask(InputRequiredEvent, answer=Reply):
    attempt: int


class Reminders(Workflow):
    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__(timeout=None, types=[Ask, Reply])
        self.http = client

    @step
    async def chase(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for attempt in range(5):
            try:
                reply = await ctx.ask(Ask(attempt=attempt), timeout=86_400)
            except TimeoutError:
                await self.http.post("https://chat.example/remind", json={"who": ev.who})  # unsafe: network
                continue
            await self.http.post("https://chat.example/thanks", json={"who": ev.who})
            return StopEvent(result=reply.text)
        await self.http.post("https://chat.example/escalate", json={"who": ev.who})
        return StopEvent(result=None)
