"""Streams a file through a generator while it asks about single lines."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Kept(HumanResponseEvent):
    keep: bool


class OddLine(InputRequiredEvent, answer=Kept):
    line: str


class PollingImport(Workflow):
    def lines(self, path: Path) -> Iterator[str]:
        with path.open() as file:  # unsafe: file
            yield from file

    def is_odd(self, line: str) -> bool:
        return date.fromisoformat(line[:10]) > date.today()  # unsafe: clock

    @step
    async def read(self, ctx: Context, ev: StartEvent) -> StopEvent:
        kept = []
        for line in self.lines(Path(ev.path)):
            if self.is_odd(line):
                answer = await ctx.ask(OddLine(line=line))
                if not answer.keep:
                    continue
            kept.append(line)
        Path("kept.txt").write_text("".join(kept))
        return StopEvent(result=len(kept))
