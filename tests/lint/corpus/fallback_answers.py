"""Takes a default when anything goes wrong; and a suspension looks as if it had."""

import asyncio
import logging
from contextlib import suppress

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

logger = logging.getLogger(__name__)


class Number(HumanResponseEvent):
    value: int


class HowMany(InputRequiredEvent, answer=Number):
    what: str


class FallbackAnswers(Workflow):
    async def number_of(self, ctx: Context, what: str, default: int) -> int:
        try:
            answer = await ctx.ask(HowMany(what=what), timeout=60)
        except:  # unsafe: cancellation
            logger.exception("taking %s for %s", default, what)
            return default
        return answer.value

    @step
    async def order(self, ctx: Context, ev: StartEvent) -> StopEvent:
        desks = await self.number_of(ctx, "desks", 1)
        lamps = 0
        with suppress(asyncio.CancelledError, TimeoutError):  # unsafe: cancellation
            lamps = (await ctx.ask(HowMany(what="lamps"), timeout=60)).value
        try:
            chairs = (await ctx.ask(HowMany(what="chairs"))).value
        except BaseException as error:  # unsafe: cancellation
            raise RuntimeError("nobody knows how many chairs") from error
        return StopEvent(result=(desks, lamps, chairs))
