"""Replay: serve an attempt what earlier attempts of the same execution recorded, and notice where it departs.

Rules:
- Within a branch, order counts. The n-th operation of a branch gets the n-th record; another kind of operation or
  another key there is a departure, refused before it has an effect.
- Operations without a result stand in one record, a count and a digest. The replay counts along; if the digests
  differ when the count is reached, or something else comes before that, it has departed. None of those operations has
  an effect again.
- In a task that is no branch's own, kind and key find the record. What was made there once is found once.
- What this attempt adds is never served to it: `Tape.sealed` is where the old records end.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from ..codec import Json
from ..errors import ReplayMismatch
from .effects import Effects, folded
from .empty import NEW_DICT
from .records import EDIT_BEGUN, RAISED, Branch, Edited, Found, Memory, Record, Tape, Value, refusals_of

Served: TypeAlias = Record | None


@attrs.define
class Cursor:
    """How far the replay of one branch has come."""

    tape: Tape
    index: int = 0
    count: int = 0
    digest: int = 0

    @property
    def is_at_end(self) -> bool:
        """Whether everything recorded has been read: from here on, the branch acts."""
        return self.index >= self.tape.sealed


@attrs.frozen
class Raised:
    """Where a `once` that raised stands on its tape, its error as data, and whether nothing stands behind it."""

    index: int
    error: Json
    is_last: bool


@attrs.define
class Replay:
    """The replay of one attempt."""

    step: str
    memory: Memory
    cursors: dict[str, Cursor] = attrs.field(factory=NEW_DICT)
    taken: dict[Found, int] = attrs.field(factory=NEW_DICT)

    def effect(self, branch: Branch, what: object, digest: int) -> Served:
        """What became of an operation without a result; None if it hasn't been done, else it mustn't be done again.

        What was refused before is given as a `Value` of kind "refused". The text of `what` tells of a
        departure."""
        if branch is None:
            return self._effect_found(digest)
        cursor = self._cursor(branch)
        if cursor.is_at_end:
            return None
        record = cursor.tape.records[cursor.index]
        if isinstance(record, Value) and (record.kind, record.key) == ("refused", str(digest)):
            cursor.index += 1
            return record
        if not isinstance(record, Effects):
            raise self._departure(branch, str(record), str(what))
        count, digest = cursor.count + 1, folded(cursor.digest, digest)
        if count < record.count:
            cursor.count, cursor.digest = count, digest
            return record
        if digest != record.digest:
            now = f"{what}, the last of {count}, with digest {digest:016x}"
            raise self._departure(branch, str(record), now)
        cursor.index, cursor.count, cursor.digest = cursor.index + 1, 0, 0
        return record

    def next(self, branch: Branch, kind: str, key: str) -> Served:
        """The record of an operation with a result; None if it hasn't been done yet."""
        if branch is None:
            place = (kind, key)
            if self.memory.sealed.get(place) and not self.taken.get(place):
                self.taken[place] = 1
                return self.memory.found[place]
            return None
        cursor = self._cursor(branch)
        if cursor.is_at_end:
            return None
        record = cursor.tape.records[cursor.index]
        now = f"{kind} {key}".rstrip()
        if isinstance(record, Effects):
            done = f", of which {cursor.count} were repeated" if cursor.count else ""
            raise self._departure(branch, f"{record}{done}", now)
        if record.kind != kind or record.key != key:
            raise self._departure(branch, str(record), now)
        cursor.index += 1
        return record

    def peek(self, branch: Branch) -> Served:
        """The record that `branch` comes to next, if there is one."""
        if branch is None:
            return None
        cursor = self._cursor(branch)
        return None if cursor.is_at_end else cursor.tape.records[cursor.index]

    def raised(self, branch: Branch, key: str) -> Raised | None:
        """The record of the `once` that comes next, if its function had raised; else None."""
        record = self.peek(branch)
        if branch is None or not isinstance(record, Value) or (record.kind, record.key) != (RAISED, key):
            return None
        cursor = self._cursor(branch)
        cursor.index += 1
        return Raised(cursor.index - 1, record.value, cursor.is_at_end)

    def commit_ahead(self, branch: str) -> Edited | None:
        """The commit of the edit that has just begun in this branch, if it came to one."""
        cursor = self._cursor(branch)
        for record in cursor.tape.records[cursor.index : cursor.tape.sealed]:
            if isinstance(record, Edited):
                return record
            if isinstance(record, Value) and record.kind == EDIT_BEGUN:
                return None
        return None

    def give_up(self, branch: str) -> tuple[int, int, int]:
        """Replay no more of this branch; gives where it departed.

        That's the index of a record, and how many of the operations in it were repeated, which stay done, with their
        digest.
        """
        cursor = self._cursor(branch)
        place = cursor.index, cursor.count, cursor.digest
        cursor.index, cursor.count, cursor.digest = cursor.tape.sealed, 0, 0
        return place

    def unread(self) -> list[str]:
        """What was recorded by earlier attempts and not asked for in this one."""
        left: list[str] = []
        for branch, tape in self.memory.tapes.items():
            start = self._cursor(branch).index
            left += [f"{_place(branch)}: {record}" for record in tape.records[start : tape.sealed]]
        for place, count in self.memory.sealed.items():
            if self.taken.get(place, 0) < count:
                left.append(f"{_place(None)}: {self.memory.found[place]}")
        return left

    def _cursor(self, branch: str) -> Cursor:
        cursor = self.cursors.get(branch)
        if cursor is None:
            tape = self.memory.tapes.get(branch)  # reading makes none
            cursor = self.cursors[branch] = Cursor(Tape() if tape is None else tape)
        return cursor

    def _effect_found(self, digest: int) -> Served:
        place = ("effect", str(digest))
        taken = self.taken.get(place, 0)
        if taken < self.memory.sealed.get(place, 0):
            self.taken[place] = taken + 1
            return self.memory.found[place]
        for place in refusals_of(str(digest), self.memory.sealed):
            if not self.taken.get(place):
                self.taken[place] = 1
                return self.memory.found[place]
        return None

    def _departure(self, branch: Branch, recorded: str, now: str) -> ReplayMismatch:
        return ReplayMismatch(
            f"Step {self.step!r} departs from what it did before ({_place(branch)}).\n"
            f"  recorded: {recorded}\n  now:      {now}\n"
            "  A step must come to the same operations in the same order when it's replayed: take what varies from "
            "ctx.now(), ctx.random, ctx.uuid4() or ctx.once(), and give concurrent tasks a ctx.branch(key) each. "
            "If the code was changed on purpose, see on_mismatch= of Context.from_dict().",
            recorded=recorded,
            now=now,
        )


def _place(branch: Branch) -> str:
    if branch is None:
        return "in a task that is no branch's own"
    return f"in branch {branch!r}" if branch else "in the step's own task"
