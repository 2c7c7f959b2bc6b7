"""The workflow of the page that this project was started from, and one that has everything that can be drawn."""

from typing import Annotated

from workflows import Context, Workflow, step
from workflows.collect import Collect, Take
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class HumanInTheLoopWorkflow(Workflow):
    @step
    async def step1(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Enter a number: ")

    @step
    async def step2(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)


class Month(StartEvent, name="month"):
    claims: list[int]


class Claim(Event, name="claim"):
    cents: int


class Checked(Event, name="checked"):
    cents: int


class Refused(Event, name="refused"):
    why: str = ""


class Sent(Event, name="sent"):
    pass


class Claims(Workflow):
    """Check the claims of a month.

    And more of that.
    """

    @step
    async def read(self, ctx: Context, ev: Month) -> list[Claim] | Sent:
        """Split the month into claims."""
        ctx.send_event(Sent())
        return [Claim(cents=cents) for cents in ev.claims]

    @step(num_workers=2)
    async def check(self, ev: Claim) -> Checked | Refused | None:
        if ev.cents > 1000:
            return Refused()
        return Checked(cents=ev.cents) if ev.cents > 0 else None

    @step
    async def add_up(self, checked: Annotated[list[Checked | Refused], Collect(Take(9))]) -> StopEvent:
        return StopEvent(result=len(checked))

    @step(accept_event_subclasses=True, skip_graph_checks=["reachability"])
    async def note(self, first: Sent, second: Sent) -> None:
        return None
