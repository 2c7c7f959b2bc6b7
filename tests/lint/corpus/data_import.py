"""Reads a file in a step that doesn't wait, and asks about what is odd in another one."""

import csv
from pathlib import Path

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Upload(StartEvent):
    path: Path


class Rows(Event):
    good: list[dict[str, str]]
    odd: list[dict[str, str]]


class Fix(HumanResponseEvent):
    row: dict[str, str] | None


class OddRow(InputRequiredEvent, answer=Fix):
    row: dict[str, str]


class DataImport(Workflow):
    @step
    async def read(self, ev: Upload) -> Rows:
        with ev.path.open(newline="") as file:
            rows = [*csv.DictReader(file)]
        return Rows(good=[row for row in rows if all(row.values())], odd=[row for row in rows if not all(row.values())])

    @step
    async def mend(self, ctx: Context, ev: Rows) -> StopEvent:
        rows = list(ev.good)
        for row in ev.odd:
            fix = await ctx.ask(OddRow(row=row))
            if fix.row is not None:
                rows.append(fix.row)
        rows.sort(key=lambda row: row["id"])
        Path("imported.csv").write_text("\n".join(",".join(row.values()) for row in rows))
        return StopEvent(result=len(rows))
