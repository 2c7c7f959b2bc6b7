"""Effects that can't be seen in the source of the module, or only by running it."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime

import attrs
from acme_billing import Client, charge

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Yes(HumanResponseEvent):
    pass


class Proceed(InputRequiredEvent, answer=Yes):
    what: str


class Logged(Event):
    at: datetime = attrs.field(factory=lambda: datetime.now(UTC))  # unsafe, missed: clock


def beep() -> None:
    print("\a")


class OutOfSight(Workflow):
    def __init__(self, notify: Callable[[str], None]) -> None:
        super().__init__(timeout=None, types=[Yes, Proceed, Logged])
        self.notify = notify
        self.billing = Client()
        self.actions = {"beep": beep, "mail": notify}

    @property
    def today(self) -> str:
        return datetime.now(UTC).date().isoformat()  # unsafe: clock

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        charge(ev.customer, ev.cents)  # unsafe, missed: network
        await self.billing.invoices.create(ev.customer)  # unsafe, missed: network
        self.notify(f"{self.today}: {ev.customer} is charged")  # unsafe, missed: network
        self.actions["mail"](ev.customer)  # unsafe, missed: network
        importlib.import_module("os").remove("lock")  # unsafe, missed: file
        ctx.write_event_to_stream(Logged())
        getattr(self, "seen", []).append(ev.customer)  # unsafe, missed: state
        await ctx.ask(Proceed(what=ev.customer))
        return StopEvent()
