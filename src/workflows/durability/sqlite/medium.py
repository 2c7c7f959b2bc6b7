"""Medium: one connection to a SQLite file, transactions on it, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias, TypeVar

from ...errors import StoreDamaged, StoreError, StoreFormatError, StoreUnavailable, UsageError
from .schema import UPGRADES, VERSION, Upgrade, check, check_size, prepare

T = TypeVar("T")

Synchronous: TypeAlias = Literal["full", "normal"]
Connect: TypeAlias = Callable[..., sqlite3.Connection]

STATEMENTS = 256  # that stay prepared: more than there are

SWITCHES = 50  # that may fail, while others make the file at the same time

IN_MEMORY = ":memory:"
WRITING = "BEGIN IMMEDIATE"

# What SQLite reports, by its primary code: what has happened, and what to do about it.
UNAVAILABLE: Mapping[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("there's no room left", "Make room on the disk; the runs go on from what is stored."),
    sqlite3.SQLITE_READONLY: ("it can't be written", "Let this process write the file and its folder."),
    sqlite3.SQLITE_BUSY: (
        "something else holds its lock",
        "End what keeps a transaction open on it, or wait longer: SqliteStore(..., busy_timeout_s=...).",
    ),
    sqlite3.SQLITE_LOCKED: ("something else holds its lock", "End what keeps a transaction open on it."),
    sqlite3.SQLITE_IOERR: ("the disk fails", "See what the system reports about the disk, and that it's still there."),
    sqlite3.SQLITE_CANTOPEN: ("it can't be opened", "See that its folder exists, and that this process may use it."),
    sqlite3.SQLITE_PERM: ("this process may not use it", "Let this process read and write the file and its folder."),
    sqlite3.SQLITE_NOMEM: ("there's no memory left", "Give the process more memory."),
    sqlite3.SQLITE_TOOBIG: (
        "a text is too large for SQLite",
        "Keep large values elsewhere, and their names in the run.",
    ),
}
NOT_OURS = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH}


class Medium:
    """A SQLite file. One thread at a time may use it."""

    __slots__ = (
        "_busy_timeout_s", "_connect", "_connection", "_file", "_identity", "_is_open", "_synchronous", "openings",
        "path",
    )  # fmt: skip

    def __init__(self, path: str, synchronous: Synchronous, busy_timeout_s: float, connect: Connect) -> None:
        self.path: str = path
        is_full = path == IN_MEMORY or os.path.isabs(path)
        self._file: str = path if is_full else os.path.join(os.getcwd(), path)  # also when the folder is changed
        self._identity: tuple[int, int] | None = None
        self.openings: int = 0
        self._synchronous: Synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._is_open = False

    def open(self, version: int = VERSION, upgrades: Mapping[int, Upgrade] = UPGRADES) -> None:
        """Connect to the file; it's made if there's none, and brought up to date if it's older."""
        if self._is_open:
            raise UsageError(f"The store {self.path} is open already: close it before opening it again.")
        try:
            self._connection = self._connected(version, upgrades)
        except sqlite3.Error as error:
            raise self.told(error) from error
        except OSError as error:
            raise StoreUnavailable(f"{self.path} can't be read: {error}.") from error
        self._is_open = True

    def close(self) -> None:
        """Give the file back."""
        self._is_open = False
        self._drop()

    def write(self, work: Callable[[sqlite3.Connection], T], run_ids: Sequence[str] = ()) -> T:
        """Do something in a transaction of its own, in which nobody else writes: all of it, or nothing.

        Args:
            work: What is done; if it raises, everything is undone.
            run_ids: The runs that an error concerns.
        """
        return self._do(WRITING, work, run_ids)

    def read(self, work: Callable[[sqlite3.Connection], T], run_ids: Sequence[str] = ()) -> T:
        """Read several things that fit each other, whatever others write meanwhile."""
        return self._do("BEGIN", work, run_ids)

    def _do(self, begin: str, work: Callable[[sqlite3.Connection], T], run_ids: Sequence[str]) -> T:
        try:
            connection = self._usable()
            connection.execute(begin)
            try:
                result = work(connection)
                if begin == WRITING:
                    self._check_file(run_ids)
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise  # of who calls it, say with a value that isn't text
        except sqlite3.Error as error:
            raise self.told(error, run_ids) from error
        return result

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            with suppress(sqlite3.Error):
                if connection.in_transaction:  # not if SQLite has rolled back by itself
                    connection.execute("ROLLBACK")
        finally:
            if connection.in_transaction and self.path != IN_MEMORY:
                self._drop()

    def _usable(self) -> sqlite3.Connection:
        if not self._is_open:
            raise UsageError(f"The store {self.path} isn't open: await store.open() first.")
        if self._connection is None:  # the last one couldn't even be rolled back
            self._check_file(())  # or a new one would be made where it was
            self._connection = self._connected(VERSION, UPGRADES)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _connected(self, version: int, upgrades: Mapping[int, Upgrade]) -> sqlite3.Connection:
        connection = self._connect(
            self._file,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS,
        )
        try:
            self._settle(connection, version, upgrades)
        except BaseException:
            connection.close()
            raise
        self.openings += 1
        return connection

    def _check_file(self, run_ids: Sequence[str]) -> None:
        """See that what is written reaches the file of this name: SQLite goes on with one that was deleted.

        Raises:
            StoreUnavailable: It was deleted, moved or replaced since it was opened.
        """
        if self.path != IN_MEMORY and _identity_of(self._file) != self._identity:
            raise StoreUnavailable(
                f"{self.path} was deleted, moved or replaced while it was open{_runs_told(run_ids)}.\n"
                "  Nothing of this was stored. Put the file back, with those that end in -wal and -shm, or leave the "
                "runtime and open it again.",
                run_ids,
            )

    def _settle(self, connection: sqlite3.Connection, version: int, upgrades: Mapping[int, Upgrade]) -> None:
        if self.path != IN_MEMORY:
            check_size(self._file, self.path)
            self._identity = _identity_of(self._file)
        connection.execute("BEGIN")  # or it would see another that is making the file half-way
        try:
            found = check(connection, self.path, version)
        finally:
            self._undo(connection)
        mode = _write_ahead(connection)
        # Without a write-ahead log, as on some network drives, less than FULL doesn't survive a power cut whole.
        synchronous = self._synchronous if mode in {"wal", "memory"} else "full"
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA fullfsync = {synchronous == 'full'}")  # macOS doesn't write through otherwise
        if found == version:
            return
        connection.execute(WRITING)
        try:
            prepare(connection, self.path, version, upgrades)
            connection.execute("COMMIT")
        except BaseException:
            self._undo(connection)
            raise

    def told(self, error: sqlite3.Error, run_ids: Sequence[str] = ()) -> StoreError:
        """Give the error of ours for one of SQLite's."""
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        concerned = _runs_told(run_ids)
        if primary in NOT_OURS:
            return StoreFormatError(
                f"{self.path} is no SQLite database ({error}).\n"
                "  It was left as it is: give SqliteStore() another path, or put back a backup.",
                run_ids,
            )
        if primary is None or primary in DAMAGED:  # without a code it's text that can't be decoded
            return StoreDamaged(
                f"{self.path} is damaged: {error}{concerned}.\n"
                f"  See what `sqlite3 {self.path} 'PRAGMA integrity_check'` finds, and put back a backup.",
                run_ids,
            )
        happened, remedy = UNAVAILABLE.get(primary, ("SQLite refuses", "See what it says."))
        return StoreUnavailable(
            f"{self.path} can't be used: {happened} ({error}){concerned}.\n"
            f"  Nothing of this was stored, and what was stored before is unchanged. {remedy}",
            run_ids,
        )


def _identity_of(file: str) -> tuple[int, int] | None:
    """Tells a file from others, whatever name it has; None if there's none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: sqlite3.Connection) -> str:
    """Switch to a write-ahead log, and give what there is then."""
    for _ in range(SWITCHES):
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        # Others are making the file too. Unlike the switch, a transaction waits for them.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def _runs_told(run_ids: Sequence[str]) -> str:
    if not run_ids:
        return ""
    shown = ", ".join(repr(run_id) for run_id in run_ids[:3])
    more = f" and {len(run_ids) - 3} more" if len(run_ids) > 3 else ""
    return f"; it concerns {'run' if len(run_ids) == 1 else 'runs'} {shown}{more}"
