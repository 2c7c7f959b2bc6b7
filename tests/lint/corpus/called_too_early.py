"""Calls the function instead of handing it over: `once` gets its result, and the effect is bare."""

import subprocess

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Yes(HumanResponseEvent):
    pass


class Restart(InputRequiredEvent, answer=Yes):
    host: str


def drain(host: str) -> int:
    return subprocess.call(["drain", host])  # unsafe: process


class CalledTooEarly(Workflow):
    @step
    async def restart(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.once(lambda status: status, drain(ev.host))
        await ctx.ask(Restart(host=ev.host))
        subprocess.run(["reboot", ev.host], check=True)
        return StopEvent()
