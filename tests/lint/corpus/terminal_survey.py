"""Mixes questions on the terminal with one to somebody else."""

import os
import sys
import webbrowser

import anyio
from anyio import to_thread

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Boss(HumanResponseEvent):
    agrees: bool


class AskBoss(InputRequiredEvent, answer=Boss):
    plan: str


class TerminalSurvey(Workflow):
    @step
    async def plan(self, ctx: Context, ev: StartEvent) -> StopEvent:
        name = await to_thread.run_sync(input, "Your name: ")  # unsafe: input
        plan = input("Your plan: ")  # unsafe: input
        webbrowser.open(f"https://wiki.example/{name}")  # unsafe: process
        os.environ["PLANNER"] = name  # unsafe: state
        await anyio.to_process.run_sync(print, plan)  # unsafe: process
        sys.stdout.flush()
        boss = await ctx.ask(AskBoss(plan=plan))
        return StopEvent(result=boss.agrees)
