"""Pruned: what must be so of a file whose runs were pruned while processes died."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from workflows import Runtime
from workflows.durability import SqliteStore
from workflows.durability.reading import RunInfo

from .load import World, load
from .oracle import Figures, Oracle
from .session import Ending
from .tidying import FILE, FOR_EVER, LASTS, LOG, kind_in

PARTS = ("snapshots", "journal", "stream", "questions", "messages")


class PruningOracle(Oracle):
    """Looks at the file of those who tidy up.

    Only runs that had ended are gone, with all that belonged to them; and none of them was begun again.
    """

    def __init__(self, folder: Path, endings: Mapping[int, Ending]) -> None:
        super().__init__(folder, endings, file=FILE, log=LOG)

    async def judge(self) -> Figures:
        figures = self.figures
        figures.problems += self._of_the_file()
        figures.problems += self.of_effects()
        figures.problems += self.of_cancels()
        figures.problems += self.of_leftovers()
        async with Runtime(store=SqliteStore(self._file), workflows=load(World()).values(), recover=False) as runtime:
            kept: dict[str, RunInfo] = {}
            while page := await runtime.runs(after=next(reversed(kept), None)):
                kept |= {run.run_id: run for run in page}
            asking = {found.run_id for found in await runtime.pending(limit=100_000)}
            figures.problems += self.of_runs({run_id: run.status for run_id, run in kept.items()}, asking)
            ended = sum(run.status not in {"running", "cancelled"} for run in kept.values())
            if (pruned := await runtime.prune(before=FOR_EVER)) != ended:
                figures.problems.append(f"of {ended} runs that have ended, {pruned} could be pruned")
        figures.problems += self.of_leftovers()
        return figures

    def of_runs(self, kept: Mapping[str, str], asking: set[str]) -> Iterator[str]:
        """What has become of each run that has done anything: it's there, unless it had ended."""
        seen = {(line.run_id, line.key) for line in self._lines if line.what == "seen"}
        cancelled = {line.run_id for line in self._lines if line.what == "cancelled"}
        for run_id in dict.fromkeys(line.run_id for line in self._lines if line.what == "did"):
            status, last = kept.get(run_id), LASTS.get(kind_in(run_id))
            self.figures.runs += 1
            self.figures.pruned += status is None
            if status is None and (last is None or (run_id, last) not in seen):
                yield f"{run_id} is gone, and hadn't ended"
            if last is None and (
                status not in {"running", "cancelled", None} or (status == "running") > (run_id in asking)
            ):
                yield f"{run_id} is {status}, and asks nothing any more"
            if run_id in cancelled and status != "cancelled":
                yield f"{run_id} was cancelled, and is {status}"

    def of_leftovers(self) -> Iterator[str]:
        """What there is of runs that are gone."""
        with closing(sqlite3.connect(self._file)) as connection:
            for part in PARTS:
                query = f"SELECT COUNT(*) FROM {part} WHERE run NOT IN (SELECT key FROM runs)"
                (count,) = connection.execute(query).fetchone()
                if count:
                    yield f"{part} has {count} rows of runs that are gone"
