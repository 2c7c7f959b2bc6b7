"""Reads a clock to log how long something took: nothing that the run does depends on it."""

import logging
import time

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

logger = logging.getLogger(__name__)


class Picked(HumanResponseEvent):
    number: int


class WhichOne(InputRequiredEvent, answer=Picked):
    found: list[str]


def search(words: str) -> list[str]:
    return [f"{words} {number}" for number in range(3)]


class MeasuredSearch(Workflow):
    @step
    async def find(self, ctx: Context, ev: StartEvent) -> StopEvent:
        started = time.perf_counter()  # safe, warned: clock
        found = await ctx.once(search, ev.words)
        logger.debug("searching took %s s", time.perf_counter() - started)  # safe, warned: clock
        picked = await ctx.ask(WhichOne(found=found))
        return StopEvent(result=found[picked.number])
