"""Three bookings at a time, each with a question of its own."""

from typing import Any

import anyio

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Pick(HumanResponseEvent):
    offer: str


class Offers(InputRequiredEvent, answer=Pick):
    what: str
    offers: list[str]


async def offers_for(what: str) -> list[str]:
    process = await anyio.run_process(["search-offers", what])
    return process.stdout.decode().splitlines()


async def book(offer: str, reference: str) -> None:
    await anyio.run_process(["book", offer, "--reference", reference])


class TravelBooking(Workflow):
    @step
    async def book_all(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        booked: dict[str, str] = {}

        async def one(what: str) -> None:
            async with ctx.branch(what):
                reference = str(ctx.uuid4())
                offers = await ctx.once(offers_for, what)
                pick = await ctx.ask(Offers(what=what, offers=offers))
                await ctx.once(book, pick.offer, reference)
                booked[what] = reference

        async with anyio.create_task_group() as group:
            for what in ("train", "hotel", "car"):
                group.start_soon(one, what)
        return StopEvent(result=booked)
