"""Records: what a step execution has already done through its context.

Each branch of a step has a *tape*: its records in the order in which they were made. A task that is no branch's own
has no order to rely on; what it does is *found* by content instead. A retry after an error starts with empty tapes,
but results and answers are *kept* and handed out again when the same thing is asked for.

Operations without a result (sending, streaming, writing state) that follow one another are one record: how many there
were, and a digest over them. So a million streamed tokens are one record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, MutableMapping, Sequence
from itertools import count as counting
from itertools import takewhile
from typing import TypeAlias, TypeGuard

import attrs

from ..codec import Json
from ..events import Event
from .effects import Effects, folded
from .empty import EMPTY, NEW_LIST, with_item
from .one import with_one
from .outcomes import Outcome
from .questions import Question

Branch: TypeAlias = str | None
FEW = 8  # so many records are looked through as quickly as they'd be looked up


@attrs.frozen(weakref_slot=False)
class Value:
    """A result in its stored form: of `once`, of a clock, …"""

    kind: str
    key: str
    value: Json

    def __str__(self) -> str:
        if self.kind == "refused":
            return f"an operation that was refused: {self.value!r}"
        if self.kind == RAISED:
            return f"once {self.key}, which raised"
        return f"{self.kind} {self.key}".rstrip()


@attrs.frozen(weakref_slot=False)
class Read:
    """Which versions of which fields a read of the state saw; `path` None is the whole state."""

    path: str | None
    versions: tuple[tuple[str, int], ...]
    kind: str = "read"

    @property
    def key(self) -> str:
        """The path, as replays compare it."""
        return "whole state" if self.path is None else self.path

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@attrs.frozen(weakref_slot=False)
class Edited:
    """An exclusive edit that was committed: the versions that it saw, and a digest of what it wrote."""

    versions: tuple[tuple[str, int], ...]
    digest: int
    kind: str = "edit"
    key: str = ""

    def __str__(self) -> str:
        return "edit_state"


@attrs.define(weakref_slot=False)
class Asked:
    """A wait: its question, and what came of it."""

    key: str
    question: Question
    answer: Event | None = None
    expired: bool = False
    kind: str = "wait"

    @property
    def name(self) -> str:
        """What the step waits for: the id of the question."""
        return self.question.id

    @property
    def is_settled(self) -> bool:
        """Whether the wait is over."""
        return self.answer is not None or self.expired

    def __str__(self) -> str:
        return f"wait {self.key}"


@attrs.frozen(weakref_slot=False)
class Collected:
    """What `collect_events` gave."""

    key: str
    events: tuple[Event, ...] | None
    kind: str = "collect"

    def __str__(self) -> str:
        return f"collect_events {self.key}"


@attrs.define(weakref_slot=False)
class Ran:
    """A child run: which of the run's, and how it ended. Kept by retries unless it failed."""

    key: str
    child: int
    workflow: str
    outcome: Outcome | None = None
    is_cut_short: bool = False
    kind: str = "run"

    @property
    def is_settled(self) -> bool:
        """Whether it's over."""
        return self.outcome is not None

    @property
    def name(self) -> str:
        """What the step waits for, beside the ids of questions."""
        return f"run {self.child}"

    @property
    def is_failed(self) -> bool:
        """Whether it ended without a result."""
        return self.outcome is not None and self.outcome.result is None

    def __str__(self) -> str:
        return f"run {self.key}"


Record: TypeAlias = Effects | Value | Read | Edited | Asked | Collected | Ran
Keepable: TypeAlias = Value | Asked | Ran
Found: TypeAlias = tuple[str, str]  # kind and key
Kept: TypeAlias = tuple[Branch, str, str, int]  # branch, kind, key, occurrence


@attrs.define(weakref_slot=False)
class Tape:
    """The records of one branch; those before `sealed` were made by earlier attempts."""

    records: list[Record] = attrs.field(factory=NEW_LIST)
    sealed: int = 0
    seen: dict[Found, int] | None = attrs.field(default=None, eq=False, repr=False)
    """How often each question or result stands here; not counted while there are few records to look through."""

    def occurrence(self, kind: str, key: str) -> int:
        """How many records of this kind and key there are already."""
        if self.seen is None:
            if len(self.records) <= FEW:
                return sum(_is_result(found) and found.kind == kind and found.key == key for found in self.records)
            self.seen = _counted(self.records)
        return self.seen.get((kind, key), 0)

    def add(self, record: Value | Read | Edited | Asked | Collected | Ran) -> None:
        """Append a record."""
        records = self.records
        if records and type(records[-1]) is Effects:
            records[-1].settle()
        records.append(record)
        if self.seen is not None and _is_result(record):
            place = (record.kind, record.key)
            self.seen[place] = self.seen.get(place, 0) + 1

    def replace(self, index: int, record: Value) -> None:
        """Put what a repeated `once` came to where it stands as one that had raised; anywhere else, nothing."""
        old = self.records[index] if 0 <= index < len(self.records) else None
        if not isinstance(old, Value) or (old.kind, old.key) != (RAISED, record.key):
            return
        self.records[index] = record
        self.seen = None

    def take_out(self, record: Ran) -> None:
        """Forget a record of this tape; one of another tape stays where it is."""
        for index, found in enumerate(self.records):
            if found is record:
                del self.records[index]
                self.sealed = min(self.sealed, len(self.records))
                self.seen = None
                return

    def add_effect(self, digest: int) -> None:
        """Append an operation without a result."""
        self._effects().add(digest)

    def add_effects(self, digests: Sequence[int]) -> None:
        """Append several operations without a result: one at least."""
        self._effects().add_all(digests)

    def _effects(self) -> Effects:
        """The last record, if that's of this attempt and of operations without a result; or else a new one."""
        records = self.records
        if len(records) > self.sealed:
            last = records[-1]
            if type(last) is Effects:
                return last
        records.append(made := Effects(0, 0))
        return made


@attrs.define(weakref_slot=False)
class Memory:
    """All records of a step execution."""

    tapes: MutableMapping[str, Tape] = EMPTY
    found: dict[Found, Record] = EMPTY
    sealed: dict[Found, int] = EMPTY
    kept: dict[Kept, Keepable] = EMPTY

    def tape(self, branch: str) -> Tape:
        """The tape of a branch, made when it's first needed."""
        tape = self.tapes.get(branch)
        if tape is None:
            self.tapes = with_one(self.tapes, branch, tape := Tape())
        return tape

    def add(self, branch: Branch, record: Value | Read | Edited | Asked | Collected | Ran) -> None:
        """Record something in a branch, or by content."""
        if branch is not None:
            self.tape(branch).add(record)
        elif record.kind == "refused":
            refused = sum(1 for _ in refusals_of(record.key, self.found))
            self.found = with_item(self.found, ("refused", f"{record.key}#{refused}"), record)
        else:
            self.found = with_item(self.found, (record.kind, record.key), record)

    def add_effect(self, branch: Branch, digest: int) -> None:
        """Record an operation without a result."""
        if branch is not None:
            self.tape(branch).add_effect(digest)
            return
        record = self.found.get(("effect", str(digest)))
        if isinstance(record, Effects):
            record.add(digest)
        else:
            self.found = with_item(self.found, ("effect", str(digest)), Effects(1, folded(0, digest)))

    def add_effects(self, branch: Branch, digests: Sequence[int]) -> None:
        """Record several operations without a result."""
        if branch is not None and digests:
            self.tape(branch).add_effects(digests)
            return
        for digest in digests:
            self.add_effect(branch, digest)

    def occurrence(self, branch: Branch, kind: str, key: str) -> int:
        """How often this has been recorded in this branch since the last failed attempt."""
        tape = None if branch is None else self.tapes.get(branch)
        return 0 if tape is None else tape.occurrence(kind, key)

    def seal(self) -> None:
        """An attempt begins: all that is there now is for it to replay."""
        for tape in self.tapes.values():
            tape.sealed = len(tape.records)
        self.sealed = {
            place: record.count if isinstance(record, Effects) else 1 for place, record in self.found.items()
        } or EMPTY

    def start_over(self) -> list[Record]:
        """An attempt failed: keep answers and results, and give back the records that were dropped."""
        dropped: list[Record] = []
        for branch, tape in self.tapes.items():
            seen: dict[Found, int] = {}
            for record in tape.records:
                self._keep_or_drop(branch, record, seen, dropped)
        for record in self.found.values():
            self._keep_or_drop(None, record, {}, dropped)
        self.tapes, self.found, self.sealed = EMPTY, EMPTY, EMPTY
        return dropped

    def drop_rest(self, branch: str, index: int, *, count: int = 0, digest: int = 0) -> list[Record]:
        """A replay departs here: keep the answers and results that follow, and give back the other records.

        Of the operations without a result in the record at `index`, the first `count` stay done.
        """
        tape = self.tape(branch)
        index = max(0, index)
        rest, tape.records[index:] = tape.records[index:], []
        if count > 0 and rest and isinstance(rest[0], Effects):
            tape.records.append(Effects(count, digest))
        tape.sealed = min(tape.sealed, len(tape.records))
        dropped: list[Record] = []
        tape.seen = None
        seen = _counted(tape.records)
        for record in rest:
            self._keep_or_drop(branch, record, seen, dropped)
        return dropped

    def _keep_or_drop(self, branch: Branch, record: Record, seen: dict[Found, int], dropped: list[Record]) -> None:
        if not _is_kept_by_retries(record):
            dropped.append(record)
            return
        occurrence = seen.get((record.kind, record.key), 0)
        seen[record.kind, record.key] = occurrence + 1
        self.kept = with_item(self.kept, (branch, record.kind, record.key, occurrence), record)

    def kept_for(self, branch: Branch, kind: str, key: str) -> Keepable | None:
        """What an earlier, failed attempt recorded for the operation that comes next."""
        return self.kept.get((branch, kind, key, self.occurrence(branch, kind, key))) if self.kept else None

    def take_kept(self, branch: Branch, kind: str, key: str) -> Keepable | None:
        """Move such a record to where this attempt's records are."""
        place = (branch, kind, key, self.occurrence(branch, kind, key))
        record = self.kept.pop(place, None)
        if record is not None:
            self.add(branch, record)
        return record

    def take_out(self, record: Ran) -> None:
        """Forget a record, wherever it is."""
        for tape in self.tapes.values():
            tape.take_out(record)
        self.found = {place: found for place, found in self.found.items() if found is not record} or EMPTY
        self.kept = {place: found for place, found in self.kept.items() if found is not record} or EMPTY

    def drop_kept_open(self, *, but: tuple[str, ...]) -> list[Asked]:
        """Take out, and give, the waits kept for a retry that nobody has answered, except for questions in `but`."""
        passed = {
            place: record
            for place, record in self.kept.items()
            if isinstance(record, Asked) and not record.is_settled and record.question.id not in but
        }
        for place in passed:
            del self.kept[place]
        return list(passed.values())

    def records(self) -> Iterator[Record]:
        """All records, those kept for a retry too."""
        for tape in self.tapes.values():
            yield from tape.records
        yield from self.found.values()
        yield from self.kept.values()

    def questions(self) -> Iterator[Asked]:
        """All waits, settled or open."""
        return (record for record in self.records() if isinstance(record, Asked))


def _is_result(record: Record) -> TypeGuard[Keepable]:
    return isinstance(record, Asked | Value | Ran)


def _counted(records: Iterable[Record]) -> dict[Found, int]:
    """How often each question or result stands there."""
    return Counter((record.kind, record.key) for record in records if _is_result(record))


def _is_kept_by_retries(record: Record) -> TypeGuard[Keepable]:
    if isinstance(record, Ran):
        return not record.is_failed
    return isinstance(record, Asked) or (isinstance(record, Value) and record.kind in KEPT_BY_RETRIES)


KEPT_BY_RETRIES = frozenset({"once"})
RAISED = "raised"  # the kind of the record that a `once` leaves whose function raised; its value is the error
EDIT_BEGUN = "edit begun"  # the kind of the record that an exclusive edit leaves when it begins


def refusals_of(digest: str, found: Container[Found]) -> Iterator[Found]:
    """Where the refusals of equal operations stand, in a task that is no branch's own: the n-th under `#n`."""
    return takewhile(found.__contains__, (("refused", f"{digest}#{n}") for n in counting()))
