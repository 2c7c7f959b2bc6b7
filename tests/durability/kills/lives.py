"""Lives: how a process of the session ends: at random from outside, or by its own hand at the worst moment.

What is at a process's own hand is at the same place each time, so that the narrow moments are hit as often as the wide
ones: with a commit begun and not ended, while it's being written, when it's there and nobody has acted upon it, and
when the world was changed and that isn't recorded.

Random instants need a real clock: a process that is to be hit anywhere, in C code and in the kernel too, can't be asked
where it is. It's the kernel's timer, which each process sets for itself, and nothing else here looks at a clock.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from mmap import mmap
from random import Random
from typing import Any, Literal, TypeAlias, get_args

import attrs

Moment: TypeAlias = Literal["outside", "before", "within", "after", "effect"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)

CLOSING = 0
"""The byte of the shared memory that tells that nothing new is begun; those behind it tell who is in a commit."""


def ring_in(delay_s: float) -> None:
    """Have the kernel ring after so long, in place of any ring to come: that ends a process that doesn't listen."""
    signal.setitimer(signal.ITIMER_REAL, delay_s)


@attrs.frozen
class Fate:
    """How a process will be killed.

    Attributes:
        moment: At which moment: from outside, or around its own commits and effects.
        count: At which of these moments.
        delay_s: Within a commit: how long after the beginning of it.
        rings_in_s: From outside: how long after its start. Otherwise too, for whoever doesn't come to the moment.
    """

    moment: Moment
    count: int
    delay_s: float
    rings_in_s: float

    @classmethod
    def drawn(cls, random: Random, *, pace: float) -> Fate:
        """Draw one, for a machine that takes `pace` times as long for everything as an idle one."""
        moment = random.choice(MOMENTS)
        rings_in_s = random.expovariate(1 / 0.06) if moment == "outside" else random.uniform(0.3, 0.6)
        return cls(moment, 1 + int(random.expovariate(1 / 12)), random.uniform(1e-6, 4e-4), rings_in_s * pace)


class Life:
    """What a process does at the moments that could be its last.

    Args:
        fate: How it ends; None if it's left alone.
        shared: Memory that all share.
        slot: The byte of it that tells whether this process is in a commit.
    """

    def __init__(self, fate: Fate | None, shared: mmap, slot: int) -> None:
        self._fate = fate
        self._shared = shared
        self._slot = slot
        self._left = 0 if fate is None else fate.count

    def comes(self, *moments: Moment) -> bool:
        """Whether the last moment has come, which is one of these."""
        if self._fate is None or self._fate.moment not in moments:
            return False
        self._left -= 1
        return self._left == 0

    def end(self) -> None:
        """Die, as if killed by somebody else."""
        os.kill(os.getpid(), signal.SIGKILL)

    def commit(self, commit: Callable[[], Any]) -> Any:
        """Go through a commit of something that was written."""
        comes = self.comes("before", "within", "after")
        if comes and self._fate is not None:
            if self._fate.moment == "before":
                self.end()
            if self._fate.moment == "within":  # without a handler it's the kernel that ends the process, at once
                ring_in(self._fate.delay_s)
        self._shared[self._slot] = 1
        try:
            return commit()
        finally:
            self._shared[self._slot] = 0
            if comes:
                self.end()

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        """Connect to a file, such that commits go through here."""
        return sqlite3.connect(*arguments, **options, factory=_connection_of(self))


def _connection_of(life: Life) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        """Tells of the commits of what was written."""

        is_writing = False

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and self.is_writing:
                self.is_writing = False
                life.commit(lambda: super(Connection, self).execute(sql))
                return self.cursor()
            if sql.startswith("BEGIN"):
                self.is_writing = "IMMEDIATE" in sql
            return super().execute(sql, *arguments)

    return Connection
