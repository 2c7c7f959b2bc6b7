"""SqliteStore: what a store does, in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, get_args

from anyio import CapacityLimiter, to_thread

from ...errors import UsageError
from ..store import ENDED, Change, Message, Refusal, RunContent, RunStatus, StoredQuestion, StoredRun
from . import owning
from .committing import FORGET_JOURNAL, Group, KnownRun, StaleKnowledge
from .medium import Connect, Medium, Synchronous
from .reading import Reader

T = TypeVar("T")


class SqliteStore:
    """Keeps durable runs in a SQLite file: `Runtime(store=SqliteStore("runs.db"))`.

    Several processes of one machine may use a file at the same time. A call that has begun is finished, even if it's
    cancelled meanwhile; one that is cancelled before has done nothing.

    Args:
        path: The file; it's made if there's none. `":memory:"` keeps everything in memory, for tests.
        synchronous: What is stored survives: `"full"`, the death of the machine too; it's written in a thread. Or
            `"normal"`, the death of the process, but of the last moments before the power fails something may be
            missing; it's written at once, in the thread of the event loop, which is faster than to change threads.
        busy_timeout_s: How long to wait for other processes that are writing.
        connect: How to connect, for tests; with the arguments of `sqlite3.connect`.

    Raises:
        UsageError: `synchronous` or `busy_timeout_s` isn't what it can be.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "full",
        busy_timeout_s: float = 5.0,
        connect: Connect = sqlite3.connect,
    ) -> None:
        _check(synchronous, busy_timeout_s)
        self._medium = Medium(os.fspath(path), synchronous, busy_timeout_s, connect)
        self._in_thread = synchronous == "full"
        self._limiter: CapacityLimiter | None = None
        self._lock = threading.Lock()
        self._kept: dict[str, KnownRun] = {}

    @property
    def path(self) -> str:
        """The file."""
        return self._medium.path

    def __repr__(self) -> str:
        return f"SqliteStore({self._medium.path!r})"

    async def open(self) -> None:
        """Open the file; it's made if there's none.

        Raises:
            StoreFormatError: It's no store, or one of a version that this one doesn't know. It was left as it is.
            StoreUnavailable: It can't be opened, or not be written.
            StoreDamaged: It's a database, but a damaged one.
        """
        self._limiter = CapacityLimiter(1)
        await self._do(self._medium.open)

    async def close(self) -> None:
        """Close the file."""
        self._kept.clear()
        await self._do(self._medium.close)

    # Owners

    async def enlist(self, owner: str, *, now: float, until: float) -> None:
        """See `Store.enlist`."""
        await self._write(lambda connection: owning.enlist(connection, owner, now, until))

    async def renew(self, owner: str, *, now: float, until: float) -> bool:
        """See `Store.renew`."""
        return await self._write(lambda connection: owning.renew(connection, owner, until))

    async def retire(self, owner: str) -> None:
        """See `Store.retire`."""
        await self._write(lambda connection: owning.retire(connection, owner))
        self._kept.clear()

    # Runs

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        """See `Store.commit`."""
        return await self._do(lambda: self._commit(owner, changes, now))

    def _commit(self, owner: str, changes: Sequence[Change], now: float) -> list[Refusal]:
        run_ids = list({change.run_id: None for change in changes})
        try:
            return self._commit_knowing(owner, changes, now, run_ids)
        except StaleKnowledge:
            return self._commit_knowing(owner, changes, now, run_ids)

    def _commit_knowing(self, owner: str, changes: Sequence[Change], now: float, run_ids: list[str]) -> list[Refusal]:
        groups: list[Group] = []

        def write(connection: sqlite3.Connection) -> list[Refusal]:
            groups.append(Group(connection, owner, now, self._kept))
            return groups[0].write(changes)

        try:
            refused = self._medium.write(write, run_ids)
        except BaseException:
            self._kept.clear()
            raise
        groups[0].learn()
        return refused

    async def claim(self, owner: str, run_ids: Sequence[str], *, now: float) -> list[StoredRun]:
        """See `Store.claim`."""
        path = self._medium.path
        claimed = await self._write(lambda c: owning.claim(Reader(c, path), c, owner, run_ids, now))
        return self._changed_hands(claimed)

    def take(self, owner: str, run_id: str, *, now: float) -> RunContent | None:
        """See `Store.take`. It waits for a commit that's being written."""
        path = self._medium.path

        def work(connection: sqlite3.Connection) -> RunContent | None:
            reader = Reader(connection, path)
            run = reader.find(run_id)
            if run is not None and run.status not in ENDED:
                owning.claim(reader, connection, owner, [run_id], now)
            return None if run is None else reader.load(run_id)

        self._kept.pop(run_id, None)
        return self._locked(lambda: self._medium.write(work, [run_id]))

    async def set_aside(self, owner: str, run_id: str, mark: str) -> None:
        """See `Store.set_aside`."""
        await self._write(lambda connection: connection.execute(owning.SET_ASIDE, (mark, run_id, owner)), run_id)
        self._kept.pop(run_id, None)

    async def claim_due(self, owner: str, workflows: Mapping[str, str], *, now: float, limit: int) -> list[StoredRun]:
        """See `Store.claim_due`."""
        return self._changed_hands(await self._do(lambda: self._claim_due(owner, workflows, now, limit)))

    def _claim_due(self, owner: str, workflows: Mapping[str, str], now: float, limit: int) -> list[StoredRun]:
        medium = self._medium
        if not medium.read(lambda c: owning.due_keys(c, owner, workflows, now, 1)):
            return []  # without the lock for writing: whoever has nothing to do keeps nobody from anything
        return medium.write(lambda c: owning.claim_due(Reader(c, medium.path), c, owner, workflows, now, limit))

    def _changed_hands(self, runs: list[StoredRun]) -> list[StoredRun]:
        for run in runs:
            self._kept.pop(run.run_id, None)
        return runs

    async def next_due(self, workflows: Mapping[str, str], *, now: float, owner: str | None = None) -> float | None:
        """See `Store.next_due`."""
        return await self._do(lambda: self._medium.read(lambda c: owning.next_due(c, owner, workflows, now)))

    async def load(self, run_id: str) -> RunContent | None:
        """See `Store.load`.

        Raises:
            StoreDamaged: Something of it is missing, or isn't as it was written.
        """
        return await self._read(lambda reader: reader.load(run_id), run_id)

    async def find(self, run_id: str) -> StoredRun | None:
        """See `Store.find`."""
        return await self._read(lambda reader: reader.find(run_id), run_id)

    async def runs(
        self,
        *,
        status: RunStatus | None = None,
        workflow: str | None = None,
        is_waiting: bool | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[StoredRun]:
        """See `Store.runs`."""
        return await self._read(lambda reader: reader.runs(status, workflow, is_waiting, after, limit))

    async def questions(
        self, *, workflow: str | None = None, run_id: str | None = None, after: int = 0, limit: int
    ) -> list[StoredQuestion]:
        """See `Store.questions`."""
        return await self._read(lambda reader: reader.questions(workflow, run_id, after, limit))

    async def events(self, run_id: str, *, after: int, limit: int) -> list[tuple[int, str]]:
        """See `Store.events`.

        Raises:
            StoreDamaged: One isn't as it was written.
        """
        return await self._read(lambda reader: reader.events(run_id, after, limit), run_id)

    async def delete(self, run_ids: Sequence[str], *, now: float) -> list[str]:
        """See `Store.delete`."""
        deleted = await self._write(lambda connection: _delete(connection, run_ids, now))
        for run_id in deleted:
            self._kept.pop(run_id, None)
        return deleted

    async def ended_before(self, instant: float, *, limit: int) -> list[str]:
        """See `Store.ended_before`."""
        return await self._read(lambda reader: reader.ended_before(instant, limit))

    # Messages

    async def post(self, run_id: str, data: str) -> int | None:
        """See `Store.post`."""
        return await self._write(lambda connection: _post(connection, run_id, data), run_id)

    async def messages(self, owner: str) -> list[Message]:
        """See `Store.messages`."""
        return await self._read(lambda reader: reader.messages(owner))

    async def reply(self, number: int) -> str | None:
        """See `Store.reply`."""
        return await self._read(lambda reader: reader.reply(number))

    async def withdraw(self, number: int) -> str | None:
        """See `Store.withdraw`."""
        return await self._write(lambda connection: _withdraw(connection, number))

    async def changed(self) -> object:
        """See `Store.changed`."""
        medium = self._medium
        return await self._do(lambda: (medium.openings, medium.read(_version)))

    # How all of it is called

    async def _write(self, work: Callable[[sqlite3.Connection], T], *run_ids: str) -> T:
        return await self._do(lambda: self._medium.write(work, run_ids))

    async def _read(self, work: Callable[[Reader], T], *run_ids: str) -> T:
        medium = self._medium
        return await self._do(lambda: medium.read(lambda c: work(Reader(c, medium.path)), run_ids))

    async def _do(self, work: Callable[[], T]) -> T:
        if not self._in_thread:
            return work()
        return await to_thread.run_sync(self._locked, work, limiter=self._limiter)

    def _locked(self, work: Callable[[], T]) -> T:
        with self._lock:  # whoever cancels a task past anyio leaves its thread at work
            return work()


def _check(synchronous: object, busy_timeout_s: object) -> None:
    if synchronous not in get_args(Synchronous):  # SQLite knows others, with which a file can be lost
        known = " or ".join(map(repr, get_args(Synchronous)))
        raise UsageError(f"synchronous={synchronous!r} is none that a store knows. Give {known}.")
    if not (isinstance(busy_timeout_s, int | float) and busy_timeout_s >= 0):
        raise UsageError(f"busy_timeout_s={busy_timeout_s!r} is no length of time. Give seconds, not less than 0.")


def _delete(connection: sqlite3.Connection, run_ids: Sequence[str], now: float) -> list[str]:
    found = owning.deletable(connection, run_ids, now)
    for key, tail in found.values():
        connection.execute(FORGET_JOURNAL, (tail,))
        for table in ("snapshots", "stream", "questions", "messages"):
            connection.execute(f"DELETE FROM {table} WHERE run = ?", (key,))
        connection.execute("DELETE FROM runs WHERE key = ?", (key,))
    return list(found)


def _post(connection: sqlite3.Connection, run_id: str, data: str) -> int | None:
    posted = connection.execute("INSERT INTO messages (run, data) SELECT key, ? FROM runs WHERE id = ?", (data, run_id))
    return posted.lastrowid if posted.rowcount == 1 else None


def _withdraw(connection: sqlite3.Connection, number: int) -> str | None:
    row = connection.execute("SELECT reply FROM messages WHERE number = ?", (number,)).fetchone()
    connection.execute("DELETE FROM messages WHERE number = ?", (number,))
    return None if row is None else row[0]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
