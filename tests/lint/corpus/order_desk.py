"""The workflow that everybody writes first: it charges the card again when the person answers."""

import uuid
from datetime import datetime

import requests

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Decision(HumanResponseEvent):
    approved: bool


class Approval(InputRequiredEvent, answer=Decision):
    order_id: str


class OrderDesk(Workflow):
    @step
    async def handle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        order_id = str(uuid.uuid4())  # unsafe: uuid
        received = datetime.now()  # unsafe: clock
        charge = requests.post(  # unsafe: network
            "https://bank.example/charges", json={"order": order_id, "cents": ev.cents}, timeout=10
        ).json()
        decision = await ctx.ask(Approval(order_id=order_id))
        if not decision.approved:
            requests.delete(f"https://bank.example/charges/{charge['id']}", timeout=10)
        return StopEvent(result=(order_id, datetime.now() - received))
