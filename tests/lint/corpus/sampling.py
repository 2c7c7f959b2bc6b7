"""Draws what a person has to look at: after a restart the answers belong to other papers."""

import random as rnd
import secrets

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Mark(HumanResponseEvent):
    points: int


class Paper(InputRequiredEvent, answer=Mark):
    name: str
    token: str


class Sampling(Workflow):
    @step
    async def spot_check(self, ctx: Context, ev: StartEvent) -> StopEvent:
        chosen = rnd.sample(ev.papers, k=2)  # unsafe: random
        marks = await ctx.ask_all(
            *(Paper(name=name, token=secrets.token_urlsafe(8)) for name in chosen)  # unsafe: random
        )
        return StopEvent(result={name: mark.points for name, mark in zip(chosen, marks)})
