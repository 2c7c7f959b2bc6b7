"""Oracle: what must be so of a file after whatever number of kills, told from the file and from what was done."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from workflows import Runtime
from workflows.durability import SqliteStore
from workflows.durability.reading import RunInfo
from workflows.events import Event, StopEvent, WorkflowCancelledEvent, WorkflowTimedOutEvent

from .effects import Line, lines_of
from .load import (
    BUDGET_S,
    CHILDREN,
    FAILURES,
    LINKS,
    MEMBERS,
    QUESTIONS,
    TIMEOUTS,
    Asked,
    Ignored,
    Told,
    World,
    load,
)
from .session import Ending

ENDS = {"failing": "failed", "overdue": "timed_out"}
"""How runs of a workflow end, if they don't complete."""


@attrs.define
class Figures:
    """What was seen.

    Attributes:
        runs: How many runs there were.
        effects: How often the body of a `once` was at work.
        repetitions: How often one was, that had been before.
        most_repetitions: At most so often for one of them.
        accepted: How many events were sent.
        refused: How many were refused.
        cancelled: How often a run was cancelled.
        pruned: How many runs were pruned.
        lost: How often a living process has lost a run to another.
        problems: What isn't as it must be.
    """

    runs: int = 0
    effects: int = 0
    repetitions: int = 0
    most_repetitions: int = 0
    accepted: int = 0
    refused: int = 0
    cancelled: int = 0
    pruned: int = 0
    lost: int = 0
    problems: list[str] = attrs.field(factory=list[str])


class Oracle:
    """Looks at what a session has left.

    Args:
        folder: Where.
        endings: How its processes have ended.
    """

    def __init__(
        self, folder: Path, endings: Mapping[int, Ending], *, file: str = "runs.db", log: str = "effects.log"
    ) -> None:
        self._file = folder / file
        self._lines = list(lines_of(folder / log))
        self._endings = endings
        self._lost = {(line.life, line.run_id) for line in self._lines if line.what == "lost"}
        self._cancels = Counter(line.run_id for line in self._lines if line.what == "cancelling")
        self.figures = Figures(lost=sum(line.what == "lost" for line in self._lines))

    async def judge(self) -> Figures:
        """Say what isn't as it must be."""
        figures = self.figures
        figures.problems += self._of_the_file()
        figures.problems += self.of_effects()
        figures.problems += self.of_cancels()
        async with Runtime(store=SqliteStore(self._file), workflows=load(World()).values(), recover=False) as runtime:
            words: dict[str, list[str]] = {}
            after: str | None = None
            while page := await runtime.runs(after=after):
                for info in page:
                    stream = await self._stream(runtime, info)
                    figures.problems += self._of_run(info, stream, words)
                after = page[-1].run_id
                figures.runs += len(page)
            if await runtime.pending():
                figures.problems.append("there are questions of runs that are over")
        figures.problems += self.of_words(words)
        return figures

    def _of_the_file(self) -> Iterator[str]:
        connection = sqlite3.connect(self._file)
        try:
            for (found,) in connection.execute("PRAGMA integrity_check"):
                if found != "ok":
                    yield f"integrity check: {found}"
        finally:
            connection.close()

    # What was done once

    def of_effects(self) -> Iterator[str]:
        """What was done, or done again, though it mustn't have been."""
        done: dict[tuple[str, str], list[Line]] = {}
        seen: set[tuple[str, str]] = set()
        for number, line in enumerate(self._lines):
            what = (line.run_id, line.key)
            if line.what == "seen":
                seen.add(what)
                if what not in done:
                    yield f"{what} was recorded, and never done"
            elif line.what == "did":
                if what in seen and self._is_in_vain(number):
                    self.figures.effects += 1
                    self.figures.repetitions += 1
                    continue
                if what in seen:
                    yield f"{what} was done again by {line.life}, though its record was seen"
                done.setdefault(what, []).append(line)
        closed = {line.run_id for line in self._lines if line.what == "closing"}  # which ends what is at work
        for what, lines in done.items():
            if what not in seen and what[0] not in closed:
                yield f"{what} was done, and never recorded"
            self.figures.effects += len(lines)
            self.figures.repetitions += len(lines) - 1
            self.figures.most_repetitions = max(self.figures.most_repetitions, len(lines) - 1)
            yield from self._of_repetitions(lines)

    def _is_in_vain(self, number: int) -> bool:
        """Whether who does something has lost the run before, and hears of it after: what it does is on no record."""
        line = self._lines[number]
        for later in self._lines[number + 1 :]:
            if later.life == line.life and later.what == "lost" and later.run_id == line.run_id.partition("/")[0]:
                return True
            if later.what == "seen" and later[1:] == line[1:]:
                return False
        return False

    def _of_repetitions(self, lines: list[Line]) -> Iterator[str]:
        """Who has done something that was done again was killed before that was recorded, or has lost the run."""
        for line in lines[:-1]:
            is_killed = self._endings[line.life].how == "killed"
            if not is_killed and not self._has_lost(line):
                yield f"{line.run_id} {line.key}: {line.life} did it, wasn't killed, and it was done again"
        often = Counter(line.life for line in lines if not self._has_lost(line))
        for life, count in often.items():
            if count > 1:
                yield f"{lines[0].run_id} {lines[0].key}: {life} alone did it {count} times"

    def _has_lost(self, line: Line) -> bool:
        """Whether a process has lost the run of which a line tells; a child is lost with its parent."""
        return (line.life, line.run_id.partition("/")[0]) in self._lost

    def of_cancels(self) -> Iterator[str]:
        """From when a cancel has returned, nothing is done in a run until somebody has it resumed."""
        begun: dict[tuple[int, str], int] = {}
        resumed: dict[str, int] = {}
        standing: set[str] = set()
        for number, line in enumerate(self._lines):
            run_id = line.run_id.partition("/")[0]
            if line.what == "cancelling":
                begun[line.life, run_id] = number
            elif line.what == "cancelled":
                self.figures.cancelled += 1
                if resumed.get(run_id, -1) < begun[line.life, run_id]:
                    standing.add(run_id)
            elif line.what == "resuming":
                resumed[run_id] = number
                standing.discard(run_id)
            elif line.what == "did" and run_id in standing and not self._has_lost(line):
                yield f"{line.run_id} {line.key}: {line.life} did it though the run was cancelled"

    # What came of each run

    async def _stream(self, runtime: Runtime, info: RunInfo) -> list[Event]:
        events: list[Event] = []
        reader = runtime.events(info.run_id)
        async for event in reader:
            events.append(event)
            if reader.position != len(events):
                self.figures.problems.append(f"{info.run_id}: event {len(events)} stands at {reader.position}")
        return events

    def _of_run(self, info: RunInfo, stream: list[Event], words: dict[str, list[str]]) -> Iterator[str]:
        status = ENDS.get(info.workflow, "completed")
        if info.status != status:
            yield f"{info.run_id} is {info.status}"
            return
        last = stream.pop() if stream else None
        cuts = sum(type(event) is WorkflowCancelledEvent for event in stream)
        if cuts > self._cancels[info.run_id]:
            yield f"{info.run_id} says {cuts} times that it was cancelled"
        stream = [event for event in stream if type(event) is not WorkflowCancelledEvent]
        told = [event.what if isinstance(event, Told) else event for event in stream]
        if info.workflow == "failing":
            if told:
                yield f"{info.run_id} has streamed {told}"
            return
        if info.workflow == "overdue":
            yield from _of_overdue(info.run_id, told, last)
            return
        if not isinstance(last, StopEvent):
            yield f"{info.run_id} ends with {last!r}"
            return
        result = last.result
        if info.workflow in {"asking", "parent", "collecting"}:
            words[info.run_id] = result
        wanted, streamed = expected(info.workflow, result)
        found: list[Any] = sorted(told) if info.workflow == "fan-out" else told
        if result != wanted:
            yield f"{info.run_id} of {info.workflow} gives {result}, not {wanted}"
        if found != streamed:
            yield f"{info.run_id} of {info.workflow} has streamed {found}, not {streamed}"

    def of_words(self, words: Mapping[str, list[str]]) -> Iterator[str]:
        """What was accepted has come to its run once, what was refused hasn't, and nothing has twice.

        What is sent to a run while somebody closes it may be accepted behind that, and then nobody takes it.
        """
        closed: set[str] = set()
        arrived = {run_id: Counter(found) for run_id, found in words.items()}
        for run_id, counts in arrived.items():
            yield from (f"{run_id} has {word} {count} times" for word, count in counts.items() if count > 1)
        for line in self._lines:
            count = arrived.get(line.run_id, Counter[str]())[line.key]
            if line.what == "closing":
                closed.add(line.run_id)
            elif line.what == "accepted":
                self.figures.accepted += 1
                if count != 1 and not (count == 0 and line.run_id in closed):
                    yield f"{line.run_id}: {line.key} was accepted, and has arrived {count} times"
            elif line.what == "refused":
                self.figures.refused += 1
                if count:
                    yield f"{line.run_id}: {line.key} was refused, and has arrived"


def _of_overdue(run_id: str, told: list[Any], last: Event | None) -> Iterator[str]:
    """Its time is up once, and by its own budget; before that it may have come to say something or not."""
    if not isinstance(last, WorkflowTimedOutEvent) or last.timeout != BUDGET_S:
        yield f"{run_id} ends with {last!r}"
    if told not in ([], ["begun"]):
        yield f"{run_id} has streamed {told}"


def expected(workflow: str, result: Any) -> tuple[Any, list[Any]]:
    """What a run must give, and what it must have streamed. What it was sent is looked at elsewhere."""
    match workflow:
        case "fan-out":
            return [list(range(MEMBERS)), MEMBERS], [f"member {number}" for number in range(MEMBERS)]
        case "asking":
            return [*result[:QUESTIONS]], [Asked(number=number) for number in range(QUESTIONS)]
        case "retrying":
            return FAILURES, [f"attempt {number}" for number in range(FAILURES + 1)]
        case "limited":
            return TIMEOUTS, [f"attempt {number}" for number in range(TIMEOUTS + 1)]
        case "hurried":
            return "too late", [Ignored()]
        case "parent":
            told: list[Any] = []
            for number in range(CHILDREN):
                told += [Asked(number=number), f"child {number}"]
            return [*result[:CHILDREN]], told
        case "chain":
            return sum(range(LINKS + 1)), [f"link {number}" for number in range(LINKS + 1)]
        case _:
            return result, [*result]
