"""Keeps a log of its own, and reads its limits from a file that may change."""

import json
import os
import shutil
from pathlib import Path

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

ROOT = Path("/var/lib/expenses")


class Verdict(HumanResponseEvent):
    approved: bool


class Approval(InputRequiredEvent, answer=Verdict):
    claim: str
    limit: int


def limit_for(category: str) -> int:
    limits = json.loads((ROOT / "limits.json").read_text())  # unsafe: file
    return limits[category]


class ExpenseLog(Workflow):
    log = ROOT / "log"

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        folder = ROOT / ev.claim
        os.makedirs(folder, exist_ok=True)  # unsafe: file
        shutil.copy(ev.receipt, folder)  # unsafe: file
        limit = limit_for(ev.category)
        with open(self.log, "a") as log:  # unsafe: file
            log.write(f"{ev.claim}: {ev.cents} of {limit}\n")
        if ev.cents <= limit:
            (folder / "approved").touch()
            return StopEvent(result=True)
        verdict = await ctx.ask(Approval(claim=ev.claim, limit=limit))
        (folder / ("approved" if verdict.approved else "rejected")).touch()
        return StopEvent(result=verdict.approved)
