"""Reading: runs with and without their content, checked against what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, TypeAlias, get_args
from zlib import crc32

from ...errors import RunNotFound, StoreDamaged
from ..store import Message, RunContent, RunStatus, StoredQuestion, StoredRun

Row: TypeAlias = tuple[Any, ...]

COLUMNS = "r.id, r.workflow, r.status, r.is_waiting, r.wake_at, r.owner, r.entry, r.created_at, r.changed_at"
STATUSES = frozenset(get_args(RunStatus))

FIND = f"SELECT {COLUMNS} FROM runs AS r WHERE r.id = ?"
FIND_WITH_KEY = f"SELECT {COLUMNS}, r.key, r.tail FROM runs AS r WHERE r.id = ?"
SNAPSHOT = "SELECT entry, text, crc FROM snapshots WHERE run = ?"
JOURNAL = """
WITH RECURSIVE chain (number, run, entry, previous, text, crc) AS (
    SELECT number, run, entry, previous, text, crc FROM journal WHERE number = ? AND run = ?
    UNION ALL
    SELECT j.number, j.run, j.entry, j.previous, j.text, j.crc FROM chain JOIN journal AS j
    ON j.number = chain.previous AND j.run = chain.run AND j.number < chain.number
)
SELECT entry, text, crc FROM chain
"""
EVENTS = """
SELECT s.position, s.text, s.crc FROM runs AS r JOIN stream AS s ON s.run = r.key
WHERE r.id = ? AND s.position > ? ORDER BY s.position LIMIT ?
"""
QUESTIONS = """
SELECT q.number, r.id, r.workflow, q.id, q.data FROM questions AS q CROSS JOIN runs AS r ON r.key = q.run
WHERE r.status = 'running' AND q.number > ?
"""
MESSAGES = """
SELECT m.number, r.id, m.data FROM messages AS m INDEXED BY messages_unanswered CROSS JOIN runs AS r ON r.key = m.run
WHERE m.reply IS NULL AND r.owner = ? ORDER BY m.number
"""
ENDED = """
SELECT id FROM runs WHERE ended_at < ? ORDER BY ended_at, key LIMIT ?
"""


class Reader:
    """Reads from a file, through a connection; `path` is what its errors name."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def find(self, run_id: str) -> StoredRun | None:
        """A run without its content."""
        row = self._connection.execute(FIND, (run_id,)).fetchone()
        return None if row is None else self.run_of(row)

    def load(self, run_id: str) -> RunContent | None:
        """A run with its content."""
        row = self._connection.execute(FIND_WITH_KEY, (run_id,)).fetchone()
        if row is None:
            return None
        *columns, key, tail = row
        run = self.run_of(columns)
        snapshot, begin = None, 0
        kept = self._connection.execute(SNAPSHOT, (key,)).fetchone()
        if kept is not None:
            begin, data, crc = kept
            snapshot = self._text(run_id, f"the snapshot at entry {begin}", data, crc)
        rows = [] if tail is None else self._connection.execute(JOURNAL, (tail, key)).fetchall()
        entries = self._entries(run, begin, rows[::-1])
        return RunContent(run, snapshot, entries)

    def _entries(self, run: StoredRun, begin: int, rows: Sequence[Row]) -> tuple[str, ...]:
        found = [entry for entry, _, _ in rows]
        if found != list(range(begin + 1, run.entry + 1)):
            raise self._damaged(run.run_id, f"its journal has {_ranges(found)}, not {_range(begin + 1, run.entry)}")
        return tuple(self._text(run.run_id, f"journal entry {entry}", data, crc) for entry, data, crc in rows)

    def events(self, run_id: str, after: int, limit: int) -> list[tuple[int, str]]:
        """A part of a run's stream."""
        rows = self._connection.execute(EVENTS, (run_id, after, limit))
        return [(position, self._text(run_id, f"event {position}", data, crc)) for position, data, crc in rows]

    def runs(
        self, status: str | None, workflow: str | None, is_waiting: bool | None, after: str | None, limit: int
    ) -> list[StoredRun]:
        """A page of the list of runs."""
        wanted: dict[str, object] = {"r.status": status, "r.workflow": workflow, "r.is_waiting": is_waiting}
        wanted = {column: value for column, value in wanted.items() if value is not None}
        conditions = "".join(f" AND {column} = ?" for column in wanted)
        values = (0 if after is None else self._key_of(after), *wanted.values(), limit)
        query = f"SELECT {COLUMNS} FROM runs AS r WHERE r.key > ?{conditions} ORDER BY r.key LIMIT ?"
        return [self.run_of(row) for row in self._connection.execute(query, values)]

    def _key_of(self, run_id: str) -> int:
        row = self._connection.execute("SELECT key FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"There's no run {run_id!r} any more, behind which to go on: begin the list anew.")
        return int(row[0])

    def questions(self, workflow: str | None, run_id: str | None, after: int, limit: int) -> list[StoredQuestion]:
        """A page of the open questions."""
        wanted = {"r.workflow": workflow, "r.id": run_id}
        wanted = {column: value for column, value in wanted.items() if value is not None}
        # From one run to its questions, or from the questions on to the run of each.
        query = QUESTIONS if run_id is None else QUESTIONS.replace("CROSS JOIN", "JOIN")
        query += "".join(f" AND {column} = ?" for column in wanted) + " ORDER BY q.number LIMIT ?"
        return [StoredQuestion(*row) for row in self._connection.execute(query, (after, *wanted.values(), limit))]

    def messages(self, owner: str) -> list[Message]:
        """What was left for an owner's runs."""
        return [Message(*row) for row in self._connection.execute(MESSAGES, (owner,))]

    def reply(self, number: int) -> str | None:
        """The reply to a message."""
        row = self._connection.execute("SELECT reply FROM messages WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def ended_before(self, instant: float, limit: int) -> list[str]:
        """The ids of runs that ended before an instant."""
        return [run_id for (run_id,) in self._connection.execute(ENDED, (instant, limit))]

    def run_of(self, row: Sequence[Any]) -> StoredRun:
        """A run, of its columns."""
        run_id, workflow, status, is_waiting, wake_at, owner, entry, created_at, changed_at = row
        if status not in STATUSES:
            raise self._damaged(run_id, f"its status is {status!r}, which is none")
        if not isinstance(entry, int):
            raise self._damaged(run_id, f"its entry is {entry!r}, which is no number")
        instants = (wake_at or 0.0, created_at, changed_at)
        if not all(isinstance(instant, float) for instant in instants):
            raise self._damaged(run_id, f"its instants are {instants!r}, which are no numbers")
        return StoredRun(run_id, workflow, status, bool(is_waiting), wake_at, owner, entry, created_at, changed_at)

    def _text(self, run_id: str, what: str, data: Any, crc: object) -> str:
        if not isinstance(data, bytes) or crc32(data) != crc:
            raise self._damaged(run_id, f"{what} isn't as it was written")
        return data.decode()

    def _damaged(self, run_id: str, found: str) -> StoreDamaged:
        return StoreDamaged(
            f"{self._path} is damaged: of run {run_id!r}, {found}.\n"
            "  The run can't go on from it. Put back a backup, or delete the run; other runs aren't concerned.",
            [run_id],
        )


def _range(first: int, last: int) -> str:
    return "none" if last < first else f"entry {first}" if first == last else f"entries {first} to {last}"


def _ranges(found: Sequence[int]) -> str:
    if not found:
        return "no entries"
    if list(found) == list(range(found[0], found[-1] + 1)):
        return _range(found[0], found[-1])
    return f"{len(found)} entries between {min(found)} and {max(found)}"
