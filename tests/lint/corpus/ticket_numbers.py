"""Numbers tickets with a counter of the module, and remembers them there."""

import itertools

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

TICKETS: dict[int, str] = {}
last_number = 0
colours = itertools.cycle(["red", "blue"])


class Closed(HumanResponseEvent):
    reason: str


class Ticket(InputRequiredEvent, answer=Closed):
    number: int
    colour: str


def next_number() -> int:
    global last_number
    last_number += 1  # unsafe: state
    return last_number


class TicketNumbers(Workflow):
    created = 0

    @step
    async def open_ticket(self, ctx: Context, ev: StartEvent) -> StopEvent:
        number = next_number()
        TICKETS[number] = ev.title  # unsafe: state
        type(self).created += 1  # unsafe: state
        colour = next(colours)  # unsafe: state
        closed = await ctx.ask(Ticket(number=number, colour=colour))
        del TICKETS[number]
        return StopEvent(result=closed.reason)
