"""Owning: who may change which runs, and which runs have something to do for whoever takes them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from ..store import StoredRun
from .reading import COLUMNS, Reader

LIVES = "EXISTS (SELECT 1 FROM owners AS o WHERE o.id = r.owner AND o.until > ?)"

ENLIST = "INSERT OR REPLACE INTO owners (id, until) VALUES (?, ?)"
FORGET_DEAD = "DELETE FROM owners WHERE until <= ? AND NOT EXISTS (SELECT 1 FROM runs AS r WHERE r.owner = owners.id)"
FORGET_UNANSWERED = """
DELETE FROM messages WHERE number IN (
    SELECT m.number FROM messages AS m INDEXED BY messages_unanswered CROSS JOIN runs AS r ON r.key = m.run
    WHERE m.reply IS NULL AND r.ended_at < ?
)
"""
CLAIMABLE = f"SELECT r.key FROM runs AS r WHERE r.id = ? AND (r.owner IS NULL OR r.owner = ? OR NOT {LIVES})"
SET_ASIDE = "UPDATE runs SET owner = NULL, mark = ? WHERE id = ? AND owner = ?"
CLAIM = "UPDATE runs SET owner = ? WHERE key = ?"
DELETABLE = f"SELECT r.key, r.tail FROM runs AS r WHERE r.id = ? AND NOT {LIVES}"

# Without being told, SQLite takes the index of all running runs instead.
BY_DUE = "FROM runs INDEXED BY runs_due WHERE status = 'running' AND due IS NOT NULL"
OF_OWNER = f"{BY_DUE} AND owner IS ? AND workflow = ? AND mark IS NOT ?"
DUE = f"SELECT due, key {OF_OWNER} AND due <= ? ORDER BY due, key LIMIT ?"
NEXT_DUE = f"SELECT MIN(due) {OF_OWNER}"
# From each owner to the next, rather than over all runs.
OWNERS_WITH_DUE_RUNS = f"""
WITH RECURSIVE owned (owner) AS (
    SELECT MIN(owner) {BY_DUE} AND owner IS NOT NULL
    UNION ALL
    SELECT (SELECT MIN(runs.owner) {BY_DUE} AND runs.owner > owned.owner) FROM owned WHERE owned.owner IS NOT NULL
)
SELECT owned.owner, o.until FROM owned LEFT JOIN owners AS o ON o.id = owned.owner WHERE owned.owner IS NOT NULL
"""
# From the messages, which are few, to their runs: that's what CROSS JOIN asks for.
WRITTEN_TO = """
SELECT DISTINCT r.key, r.workflow, r.mark, r.owner, o.until FROM messages AS m INDEXED BY messages_unanswered
CROSS JOIN runs AS r ON r.key = m.run LEFT JOIN owners AS o ON o.id = r.owner
WHERE m.reply IS NULL AND r.status = 'running'
"""


def enlist(connection: sqlite3.Connection, owner: str, now: float, until: float) -> None:
    """Make an owner known; those who died and have left nothing are forgotten, and what they wrote in vain."""
    connection.execute(FORGET_DEAD, (now,))
    connection.execute(FORGET_UNANSWERED, (now - (until - now),))
    connection.execute(ENLIST, (owner, until))


def renew(connection: sqlite3.Connection, owner: str, until: float) -> bool:
    """Prolong the life of an owner, if it's known."""
    return connection.execute("UPDATE owners SET until = ? WHERE id = ?", (until, owner)).rowcount == 1


def retire(connection: sqlite3.Connection, owner: str) -> None:
    """Forget an owner, and that it had runs."""
    connection.execute("DELETE FROM owners WHERE id = ?", (owner,))
    connection.execute("UPDATE runs SET owner = NULL WHERE owner = ?", (owner,))


def claim(
    reader: Reader, connection: sqlite3.Connection, owner: str, run_ids: Sequence[str], now: float
) -> list[StoredRun]:
    """Take runs that no other living owner has."""
    keys: list[int] = []
    for run_id in dict.fromkeys(run_ids):
        keys += [key for (key,) in connection.execute(CLAIMABLE, (run_id, owner, now))]
    return _take(reader, connection, owner, keys)


def claim_due(
    reader: Reader, connection: sqlite3.Connection, owner: str, workflows: Mapping[str, str], now: float, limit: int
) -> list[StoredRun]:
    """Take runs that have something to do, those first that are due first."""
    return _take(reader, connection, owner, due_keys(connection, owner, workflows, now, limit))


def due_keys(
    connection: sqlite3.Connection, owner: str, workflows: Mapping[str, str], now: float, limit: int
) -> list[int]:
    """The runs that `claim_due` would take."""
    found: dict[int, float] = {}
    for having, until in _other_owners(connection, owner):
        if until <= now:
            for workflow, mark in workflows.items():
                rows = connection.execute(DUE, (having, workflow, mark, now, limit))
                found |= {key: _instant(due) for due, key in rows}
    found |= {key: -math.inf for key, until in _written_to(connection, owner, workflows) if until <= now}
    return sorted(found, key=lambda key: (found[key], key))[:limit]


def next_due(
    connection: sqlite3.Connection, owner: str | None, workflows: Mapping[str, str], now: float
) -> float | None:
    """When `claim_due` would find something next."""
    instants = [until for _, until in _written_to(connection, owner, workflows)]
    for having, until in _other_owners(connection, owner):
        for workflow, mark in workflows.items():
            (due,) = connection.execute(NEXT_DUE, (having, workflow, mark)).fetchone()
            if due is not None:
                instants.append(max(_instant(due), until))
    return max(min(instants), now) if instants else None


def deletable(connection: sqlite3.Connection, run_ids: Sequence[str], now: float) -> dict[str, tuple[int, int | None]]:
    """Key and end of journal of those of these runs that no living owner has."""
    found: dict[str, tuple[int, int | None]] = {}
    for run_id in run_ids:
        row = connection.execute(DELETABLE, (run_id, now)).fetchone()
        if row is not None:
            found[run_id] = row
    return found


def _other_owners(connection: sqlite3.Connection, owner: str | None) -> Iterator[tuple[str | None, float]]:
    """Who else has unfinished runs that are due some time, nobody included, and until when they live."""
    yield None, -math.inf
    for having, until in connection.execute(OWNERS_WITH_DUE_RUNS).fetchall():
        if having != owner:
            yield having, -math.inf if until is None else until


def _written_to(
    connection: sqlite3.Connection, owner: str | None, workflows: Mapping[str, str]
) -> Iterator[tuple[int, float]]:
    """Unfinished runs of others for which there are messages, and until when their owners live."""
    for key, workflow, mark, having, until in connection.execute(WRITTEN_TO).fetchall():
        if workflow in workflows and workflows[workflow] != mark and (having is None or having != owner):
            yield key, -math.inf if until is None else until


def _instant(due: object) -> float:
    if not isinstance(due, float):
        raise sqlite3.DatabaseError(f"the index of due runs has {due!r} for an instant")
    return due


def _take(reader: Reader, connection: sqlite3.Connection, owner: str, keys: Sequence[int]) -> list[StoredRun]:
    connection.executemany(CLAIM, [(owner, key) for key in keys])
    query = f"SELECT {COLUMNS} FROM runs AS r WHERE r.key = ?"
    return [reader.run_of(connection.execute(query, (key,)).fetchone()) for key in keys]
