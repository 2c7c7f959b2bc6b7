"""Somebody new gets a desk, and confirms the day on which they begin."""

from datetime import date, timedelta

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Hired(StartEvent):
    name: str


class FirstDay(HumanResponseEvent):
    day: date


class WhichDay(InputRequiredEvent, answer=FirstDay):
    name: str
    earliest: date


class DeskReady(Event):
    room: str


def free_room() -> str:
    with open("/srv/rooms.txt") as rooms:
        return rooms.readline().strip()


class Onboarding(Workflow):
    @step
    async def prepare(self, ctx: Context, ev: Hired) -> StopEvent:
        earliest = (ctx.now() + timedelta(days=14)).date()
        try:
            answer = await ctx.ask(WhichDay(name=ev.name, earliest=earliest), timeout=30 * 86_400)
        except TimeoutError:
            return StopEvent(result=f"{ev.name} never answered")
        room = await ctx.once(free_room)
        await ctx.store.set("first_day", answer.day)
        ready = await ctx.wait_for_event(DeskReady, requirements={"room": room})
        return StopEvent(result=(ready.room, answer.day))
