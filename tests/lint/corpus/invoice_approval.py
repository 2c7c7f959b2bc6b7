"""Invoices above a limit are approved by a person, and paid once."""

import httpx

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Invoice(StartEvent):
    number: str
    cents: int


class Verdict(HumanResponseEvent):
    approved: bool


class Approval(InputRequiredEvent, answer=Verdict):
    number: str
    cents: int


class Paid(Event):
    receipt: str


async def pay(number: str, cents: int) -> str:
    async with httpx.AsyncClient(base_url="https://bank.example") as bank:
        response = await bank.post("/payments", json={"number": number, "cents": cents})
        response.raise_for_status()
        return response.json()["receipt"]


class InvoiceApproval(Workflow):
    @step
    async def review(self, ctx: Context, ev: Invoice) -> Paid | StopEvent:
        await ctx.store.set("received", ctx.now())
        if ev.cents > 100_00:
            verdict = await ctx.ask(Approval(number=ev.number, cents=ev.cents), timeout=7 * 86_400)
            if not verdict.approved:
                return StopEvent(result="rejected")
        receipt = await ctx.once(pay, ev.number, ev.cents)
        return Paid(receipt=receipt)

    @step
    async def notify(self, ctx: Context, ev: Paid) -> StopEvent:
        async with httpx.AsyncClient() as client:
            await client.post("https://chat.example/hook", json={"text": f"paid: {ev.receipt}"})
        return StopEvent(result=ev.receipt)
