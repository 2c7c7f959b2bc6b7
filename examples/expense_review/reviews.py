"""Reviews: the runs in the store, and which of them is the one of a CSV.

Rules:
- A run's id is the name of its CSV and a digest of what stands in it. So the same claims find their run again, also
  under another name, and a file that was changed in the middle of its review isn't taken for the one that it was.
- What somebody said is never deleted without a copy.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from workflows import Runtime
from workflows.durability import SqliteStore
from workflows.durability.reading import RunInfo

from .claims import Claim
from .decisions import write_whole
from .workflow import NAME, ExpenseReview, Submitted

LEASE_S = 2.0


class Failure(Exception):
    """Something outside of the program is in the way; the message says what to do."""


def runtime_on(store: Path) -> Runtime:
    """Carries the reviews that are stored in a file. If it's killed, others take it for dead two seconds later."""
    return Runtime(store=SqliteStore(store), workflows=[ExpenseReview()], lease=LEASE_S)


def run_id_of(source: str, data: bytes) -> str:
    """The id of the run about a CSV: its name, and a digest of what stands in it."""
    return f"{source}-{_digest(data)}"


def begin(runtime: Runtime, run_id: str, source: str, claims: list[Claim]) -> None:
    """Begin a review. Nobody holds on to its handler, so that it takes no memory, and has no owner, while it waits."""
    submitted = Submitted(source=source, claims=claims)
    _ = runtime.run(runtime.workflows[NAME], start_event=submitted, run_id=run_id)


async def review_of(runtime: Runtime, source: str, data: bytes) -> RunInfo | None:
    """The review of a CSV, under whatever name it was begun; None if there's none yet.

    Raises:
        Failure: The file was changed since its review began.
    """
    known = await _reviews(runtime)
    for run in known:
        if run.run_id.endswith(f"-{_digest(data)}"):
            return run
    for run in known:
        if _is_unfinished(run, source):
            raise Failure(
                f"{source} was changed since its review began, and that isn't finished: it's run {run.run_id!r}.\n"
                "Put the CSV back as it was; or start from nothing with --fresh, which keeps a copy of what was said. "
                "Nothing was changed."
            )
    return None


async def set_aside(runtime: Runtime, source: str, data: bytes, folder: Path) -> None:
    """Take the reviews that are in the way of a fresh one out of the store, each into a file of its own.

    `Runtime.import_run` takes such a file back.

    Raises:
        RunOwnedElsewhere: A living process has one.
    """
    for run in await _reviews(runtime):
        if run.run_id.endswith(f"-{_digest(data)}") or _is_unfinished(run, source):
            write_whole(folder / f"{run.run_id}.old.json", json.dumps(await runtime.export_run(run.run_id)))
            await runtime.delete(run.run_id)


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:12]


def _is_unfinished(run: RunInfo, source: str) -> bool:
    return run.run_id.rpartition("-")[0] == source and run.status in {"running", "cancelled"}


async def _reviews(runtime: Runtime) -> list[RunInfo]:
    found = page = await runtime.runs(workflow=NAME)
    while page:
        page = await runtime.runs(workflow=NAME, after=page[-1].run_id)
        found += page
    return found
