"""Committing: what changes in runs, in one transaction.

Most changes add a journal entry to a run that stays as it was. What is known of a run (its key, where its journal
ends, where it stands) is kept from commit to commit, so that such a change costs one row, and one update that touches
no index. What is kept holds as long as the run's owner stays the same: the update checks owner and entry, and if one
isn't as expected, the transaction is undone and done again with everything read anew. It's changed while a group is
written, so if that is undone, for whatever reason, nothing that was kept is of use any more.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, TypeAlias
from zlib import crc32

import attrs

from ..store import ENDED, Change, Refusal

Row: TypeAlias = tuple[Any, ...]

MAKE = (
    "INSERT INTO runs (id, workflow, status, is_waiting, wake_at, due, owner,"
    " entry, tail, created_at, changed_at, ended_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
KNOW = "SELECT key, owner, workflow, status, is_waiting, wake_at, entry, tail FROM runs WHERE id = ?"
ADVANCE = "UPDATE runs SET mark = NULL, entry = ?, tail = ?, changed_at = ? WHERE key = ? AND owner = ? AND entry = ?"
MOVE = (
    "UPDATE runs SET workflow = ?, status = ?, is_waiting = ?, wake_at = ?, due = ?, owner = ?, ended_at = ?,"
    " mark = NULL, entry = ?, tail = ?, changed_at = ? WHERE key = ? AND owner = ? AND entry = ?"
)
APPEND = "INSERT INTO journal (number, run, entry, previous, text, crc) VALUES (?, ?, ?, ?, ?, ?)"
FORGET_JOURNAL = """
WITH RECURSIVE chain (number, run, previous) AS (
    SELECT number, run, previous FROM journal WHERE number = ?
    UNION ALL
    SELECT j.number, j.run, j.previous FROM chain JOIN journal AS j
    ON j.number = chain.previous AND j.run = chain.run AND j.number < chain.number
)
DELETE FROM journal WHERE number IN (SELECT number FROM chain)
"""
SNAPSHOT = "INSERT OR REPLACE INTO snapshots (run, entry, text, crc) VALUES (?, ?, ?, ?)"
PUBLISH = "INSERT OR REPLACE INTO stream (run, position, text, crc) VALUES (?, ?, ?, ?)"
CLOSE = "DELETE FROM questions WHERE run = ? AND id = ?"
ASK = "INSERT INTO questions (run, id, data) VALUES (?, ?, ?)"
ASK_AGAIN = "UPDATE questions SET data = ? WHERE run = ? AND id = ?"
POSTED = "SELECT 1 FROM messages WHERE number = ?"
REPLY = "UPDATE messages SET reply = ? WHERE number = ? AND run = ? AND reply IS NULL"

KEPT = 10_000  # runs; those of more are read again


class StaleKnowledge(Exception):
    """What was kept of a run doesn't hold any more."""


@attrs.define
class KnownRun:
    """What the store knows of a run that its owner changes: as it is stored, or will be with this commit.

    The last four say how its row has to change with the group that it's in.
    """

    key: int
    workflow: str
    status: str
    is_waiting: bool
    wake_at: float | None
    entry: int
    tail: int | None
    entry_before: int
    is_changed: bool = False
    is_moved: bool = False
    is_released: bool = False

    def stands_as(self, change: Change) -> bool:
        """Whether a change leaves it where it stands, but for its journal."""
        return (
            self.status == change.status
            and self.is_waiting == change.is_waiting
            and self.wake_at == change.wake_at
            and self.workflow == change.workflow
            and not change.is_released
            and change.status not in ENDED
        )


def due_of(is_waiting: bool, wake_at: float | None) -> float | None:
    """When there's something to do in a run, if nobody writes to it."""
    return wake_at if is_waiting else -math.inf


class Group:
    """A group of changes on its way into the file, in one transaction."""

    def __init__(self, connection: sqlite3.Connection, owner: str, now: float, kept: dict[str, KnownRun]) -> None:
        self._connection = connection
        self._owner = owner
        self._now = now
        self._kept = kept
        self._touched: dict[str, KnownRun] = {}
        self._refused: dict[str, Refusal] = {}
        self._numbers: Iterator[int] | None = None
        self._journal: list[Row] = []
        self._chains: list[Row] = []
        self._snapshots: list[Row] = []
        self._stream: list[Row] = []
        self._replies: list[Row] = []

    def write(self, changes: Sequence[Change]) -> list[Refusal]:
        """Write all of it, but for what has to be refused, which is given.

        Raises:
            StaleKnowledge: Undo everything, and begin again with nothing kept.
        """
        for change in changes:
            if change.run_id not in self._refused:
                self._take(change)
        self._update_runs()
        for statement, rows in (
            (APPEND, self._journal),
            (FORGET_JOURNAL, self._chains),
            (SNAPSHOT, self._snapshots),
            (PUBLISH, self._stream),
            (REPLY, self._replies),
        ):
            if rows:
                self._connection.executemany(statement, rows)
        return list(self._refused.values())

    def learn(self) -> None:
        """Keep what is known now of the runs in it. After the commit: until then it may be undone."""
        if len(self._kept) > KEPT:
            self._kept.clear()
        for run_id, run in self._touched.items():
            if run.is_released:
                self._kept.pop(run_id, None)
            else:
                self._kept[run_id] = run

    def _take(self, change: Change) -> None:
        if change.replies and not self._are_there(change):
            key = None
        elif change.is_new:
            key = self._make(change)
        else:
            key = self._change(change)
        if key is None:
            self._refused[change.run_id] = Refusal(change.run_id, "exists" if change.is_new else "lost")
            return
        if change.events:
            self._stream += [(key, position, data := text.encode(), crc32(data)) for position, text in change.events]
        if change.replies:
            self._replies += [(reply, number, key) for number, reply in change.replies]
        for question in change.closed:
            self._connection.execute(CLOSE, (key, question))
        for question, asked in change.opened:
            self._open_question(key, question, asked)

    def _are_there(self, change: Change) -> bool:
        """Whether no message that it replies to was withdrawn."""
        return all(self._connection.execute(POSTED, (number,)).fetchone() for number, _ in change.replies)

    def _make(self, change: Change) -> int | None:
        """Give the key of the new run, or None if there's one of its id."""
        has_entry = change.text is not None and change.snapshot is None
        number = self._next_number() if has_entry else None
        owner = None if change.is_released else self._owner
        due = due_of(change.is_waiting, change.wake_at)
        stands = (change.workflow, change.status, change.is_waiting, change.wake_at)
        row = (
            change.run_id,
            *stands,
            due,
            owner,
            change.entry,
            number,
            self._now,
            self._now,
            self._ended_at(change.status),
        )
        made = self._connection.execute(MAKE, row)
        if made.rowcount != 1 or made.lastrowid is None:
            return None
        key = made.lastrowid
        run = KnownRun(key, *stands, change.entry, number, change.entry, is_released=change.is_released)
        self._touched[change.run_id] = run
        if change.snapshot is not None:
            self._snapshot(key, change.entry, change.snapshot)
        elif number is not None and change.text is not None:
            self._append(number, key, change.entry, None, change.text)
        return key

    def _change(self, change: Change) -> int | None:
        """Give the key of the run, or None if it's lost."""
        run = self._touched.get(change.run_id) or self._find(change.run_id)
        if run is None or run.is_released:
            return None
        if change.entry < run.entry + (change.text is not None or change.snapshot is not None):
            return None  # somebody else has gone on with the run meanwhile
        run.is_changed = True
        run.is_released = change.is_released
        if not run.stands_as(change):
            run.is_moved = True
            run.workflow, run.status = change.workflow, change.status
            run.is_waiting, run.wake_at = change.is_waiting, change.wake_at
        run.entry = change.entry
        if change.snapshot is not None:
            self._snapshot(run.key, change.entry, change.snapshot)
            if run.tail is not None:
                self._chains.append((run.tail,))
                run.tail = None
        elif change.text is not None:
            number = self._next_number()
            self._append(number, run.key, change.entry, run.tail, change.text)
            run.tail = number
        return run.key

    def _find(self, run_id: str) -> KnownRun | None:
        run = self._kept.get(run_id)
        if run is not None:
            run.entry_before = run.entry
            run.is_changed = run.is_moved = False
        else:
            row = self._connection.execute(KNOW, (run_id,)).fetchone()
            if row is None or row[1] != self._owner:
                return None
            key, _, workflow, status, is_waiting, wake_at, entry, tail = row
            run = KnownRun(key, workflow, status, bool(is_waiting), wake_at, entry, tail, entry)
        self._touched[run_id] = run
        return run

    def _update_runs(self) -> None:
        advanced: list[Row] = []
        moved: list[Row] = []
        for run in self._touched.values():
            if not run.is_changed:
                continue
            row = (run.entry, run.tail, self._now, run.key, self._owner, run.entry_before)
            if run.is_moved:
                due = due_of(run.is_waiting, run.wake_at)
                owner = None if run.is_released else self._owner
                stands = (run.workflow, run.status, run.is_waiting, run.wake_at, due, owner)
                moved.append((*stands, self._ended_at(run.status), *row))
            else:
                advanced.append(row)
        for statement, rows in ((ADVANCE, advanced), (MOVE, moved)):
            if rows and self._connection.executemany(statement, rows).rowcount != len(rows):
                raise StaleKnowledge

    def _ended_at(self, status: str) -> float | None:
        return self._now if status in ENDED else None

    def _snapshot(self, key: int, entry: int, text: str) -> None:
        data = text.encode()
        self._snapshots.append((key, entry, data, crc32(data)))

    def _append(self, number: int, key: int, entry: int, previous: int | None, text: str) -> None:
        data = text.encode()
        self._journal.append((number, key, entry, previous, data, crc32(data)))

    def _next_number(self) -> int:
        if self._numbers is None:
            (last,) = self._connection.execute("SELECT MAX(number) FROM journal").fetchone()
            self._numbers = count((last or 0) + 1)
        return next(self._numbers)

    def _open_question(self, key: int, question: str, data: str) -> None:
        again = self._connection.execute(ASK_AGAIN, (data, key, question))
        if again.rowcount == 0:
            self._connection.execute(ASK, (key, question, data))
