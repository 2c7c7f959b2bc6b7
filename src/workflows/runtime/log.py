"""The stream of a run: a log of its last events, and readers with a cursor each.

Rules:
- Events have positions, counted from 1 over the whole life of the run, restarts included. Internal events stand in
  the log between them and have no position of their own.
- A reader sees each event once, in order, and ends when the log is closed. Readers don't know of each other.
- The log keeps the last `history` events, and never less than a living reader still needs.
- Writers that wait for readers don't wait for one whose loop was left, or that was closed, until it's read again: a
  loop lets go of its iterator, whoever keeps the reader. One that is read by hand is waited for as long as it lives.
- A reader reads the log itself, and is only woken by it. So a burst costs no hop per event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

import anyio
from anyio.lowlevel import checkpoint

from ..core.empty import EMPTY, with_item
from ..errors import StreamEventsMissed, UsageError
from ..events import Event, InternalDispatchEvent

if TYPE_CHECKING:
    from .burst import Burst

BATCH = 64  # events that a reader may take without giving way to other tasks
LEFT = (0, Event())  # in the place of an entry that has left


class EventLog:
    """The log of one run. Appending never waits.

    Attributes:
        entries: Position and event of each entry; those before `start` have left.
        start: How many entries that have left still have a place in `entries`.
        base: How many entries have left at the front: the index of the first one that's here.
        start_position: The position behind which the log begins.
        last_position: The position of the last event.
    """

    __slots__ = (
        "_history",
        "_sleeping",
        "base",
        "blocked",
        "burst",
        "current_task",
        "entries",
        "is_closed",
        "last_position",
        "readers",
        "start",
        "start_position",
    )

    def __init__(self, history: int, position: int, current_task: Callable[[], object]) -> None:
        self.current_task: Callable[[], object] = current_task
        self.entries: list[tuple[int, Event]] = []
        self.start: int = 0
        self._history = history
        self._sleeping: dict[Reader, None] = EMPTY
        self.blocked: tuple[anyio.Event, ...] = ()
        self.base: int = 0
        self.start_position: int = position
        self.last_position: int = position
        self.is_closed: bool = False
        self.burst: Burst | None = None
        self.readers: WeakSet[Reader] | None = None  # made when there is one: most runs have few readers or none

    @property
    def end(self) -> int:
        """The index after the last entry."""
        return self.base + len(self.entries) - self.start

    @property
    def first_position(self) -> int:
        """The position of the first event that is still here, or of the next one."""
        first = self.entry(self.base)
        if first is None:
            return self.last_position + 1
        position, event = first
        return position + 1 if isinstance(event, InternalDispatchEvent) else position

    @property
    def wants_internal(self) -> bool:
        """Whether anybody would see an internal event."""
        return self.readers is not None and any(reader.exposes_internal for reader in self.readers)

    def append(self, event: Event, *, is_counted: bool = True) -> None:
        """Append an event, and wake the readers that sleep."""
        self.catch_up()
        if is_counted and not isinstance(event, InternalDispatchEvent):
            self.last_position += 1
        entries = self.entries
        entries.append((self.last_position, event))
        self.wake()
        if len(entries) - self.start > self._history:
            self._trim()

    def extend(self, events: Sequence[Event]) -> None:
        """Append several events of a step."""
        position, entries = self.last_position, self.entries
        if any(issubclass(kind, InternalDispatchEvent) for kind in set(map(type, events))):
            for event in events:
                position += not isinstance(event, InternalDispatchEvent)
                entries.append((position, event))
            self.last_position = position
        else:
            self.last_position += len(events)
            entries += zip(range(position + 1, self.last_position + 1), events, strict=True)
        self.wake()
        if len(entries) - self.start > self._history:
            self._trim()

    def catch_up(self) -> None:
        """Let it have what a step has written and nobody has looked at yet."""
        if self.burst:
            self.burst.tell()

    def close(self) -> None:
        """No event will come any more."""
        self.is_closed = True
        self.wake()
        self.unblock()

    def entry(self, index: int) -> tuple[int, Event] | None:
        """Position and event at an index that hasn't left; None at the end."""
        place = index - self.base + self.start
        return self.entries[place] if place < len(self.entries) else None

    def index_after(self, position: int) -> int:
        """The index of the first entry that belongs behind `position`."""
        low, high = self.base, self.end
        while low < high:
            middle = (low + high) // 2
            found = self.entry(middle)
            if found is None or found[0] <= position:
                low = middle + 1
            else:
                high = middle
        return low

    def add_reader(self, reader: Reader) -> None:
        """Keep what this reader needs, for as long as it lives."""
        self.catch_up()
        if self.readers is None:
            self.readers = WeakSet()
        self.readers.add(reader)

    async def wait_for_readers(self, is_stopping: Callable[[], bool]) -> None:
        """Wait while a reader is further behind than the history reaches, unless the run is being stopped.

        Safe to cancel.
        """
        self.catch_up()
        while not self.is_closed and self._is_far_behind() and not is_stopping():
            event = anyio.Event()
            self.blocked += (event,)
            await event.wait()

    def unblock(self) -> None:
        """A reader has moved on, or has gone."""
        blocked, self.blocked = self.blocked, ()
        for event in blocked:
            event.set()

    def put_to_sleep(self, reader: Reader) -> None:
        """Wake this reader at the next event."""
        self._sleeping = with_item(self._sleeping, reader, None)

    def take_from_sleep(self, reader: Reader) -> None:
        """Don't wake it any more."""
        self._sleeping.pop(reader, None)

    def is_read_by_others(self, task: object) -> bool:
        """Whether another task than this one reads."""
        return self.readers is not None and any(reader.task not in (None, task) for reader in self.readers)

    def _is_far_behind(self) -> bool:
        return self.readers is not None and any(
            not reader.is_left and self.end - reader.index > self._history for reader in self.readers
        )

    def wake(self) -> None:
        """Wake the readers that sleep."""
        if not self._sleeping:
            return
        sleeping, self._sleeping = self._sleeping, EMPTY
        for reader in sleeping:
            reader.wake()

    def _trim(self) -> None:
        surplus = self.end - self.base - self._history
        if self.readers:
            surplus = min(surplus, min(reader.index for reader in self.readers) - self.base)
        for _ in range(surplus):
            self.entries[self.start] = LEFT
            self.start += 1
            self.base += 1
        if self.start > 64 and 2 * self.start > len(self.entries):  # so that an append costs the same on average
            del self.entries[: self.start]
            self.start = 0


class Cursor:
    """Where a reader stands: the index of its next entry, and the position of its last event."""

    __slots__ = ("index", "position")

    def __init__(self, index: int, position: int) -> None:
        self.index: int = index
        self.position: int = position


class Reader:
    """The events of a run, one after the other: an asynchronous iterator with a cursor of its own.

    It ends when the run ends. Leaving the loop disturbs nobody, and iterating over the same reader again goes on
    where it stood; what it needs for that is kept for as long as it lives. `Context.stream()` doesn't wait for a reader
    whose loop was left; one that is read by hand, with `anext()`, is left with `aclose()`, or when it's collected. A
    reader that is cancelled while it waits has lost nothing. When a reader falls so far behind that events are gone
    (only one that starts late can), `StreamEventsMissed` tells how many; iterating on goes on with the first one left.

    Attributes:
        position: The position of the last event that was read.
    """

    def __init__(self, log: EventLog, cursor: Cursor, *, expose_internal: bool = False) -> None:
        self._log = log
        self._cursor = cursor
        self._taken = 0
        self._woken: anyio.Event | None = None
        self._sleepers = 0  # tasks that wait: more than one if they share the reader
        self.exposes_internal = expose_internal
        log.add_reader(self)
        self.task: object = None  # who iterates over it
        self.is_left: bool = False
        self._loops = 0  # that are being executed

    @property
    def index(self) -> int:
        """The index of the next entry in the log."""
        return self._cursor.index

    @property
    def position(self) -> int:
        """The position of the last event that was read."""
        return self._cursor.position

    def __aiter__(self) -> Loop:
        return Loop(self)

    def enter_loop(self) -> None:
        """A loop over it begins."""
        self._loops += 1
        self.is_left = False
        self.task = self._log.current_task()

    def leave_loop(self) -> None:
        """A loop over it was left, or has come to its end."""
        self._loops -= 1
        if not self._loops:
            self._leave()

    async def aclose(self) -> None:
        """Leave it: nobody waits for it any more. It may be read again, from where it stands.

        A loop that is left does this by itself; call it for a reader that you read by hand, with `anext()`.
        """
        self._leave()
        await checkpoint()

    def _leave(self) -> None:
        self.is_left, self.task = True, None
        if self._log.blocked:
            self._log.unblock()

    async def __anext__(self) -> Event:
        """Give the next event; wait for it if need be. Safe to cancel.

        Raises:
            StreamEventsMissed: Events between the last one and the next one that is left are no longer kept.
        """
        log, cursor = self._log, self._cursor
        self.is_left = False
        self._taken += 1
        if self._taken >= BATCH:
            self._taken = 0
            await checkpoint()
        while True:
            if cursor.index <= log.base:
                self._check_gap()
            index, entries = cursor.index, log.entries
            place = index - log.base + log.start  # as `log.entry()` finds it, without a call for each event
            if place < len(entries):
                cursor.index = index + 1
                if log.blocked:
                    log.unblock()
                position, event = entries[place]
                if position > cursor.position:
                    cursor.position = position
                    return event
                if self.exposes_internal and isinstance(event, InternalDispatchEvent):
                    return event  # has the position of the event before; others are from before what it asked for
            elif log.burst:
                log.burst.tell()
            elif log.is_closed:
                await checkpoint()
                raise StopAsyncIteration
            else:
                await self._sleep()

    def wake(self) -> None:
        """Something has happened."""
        if self._woken is not None:
            self._woken.set()
            self._woken = None

    def __del__(self) -> None:
        if self._log.blocked:
            self._log.unblock()

    def _check_gap(self) -> None:
        cursor, first = self._cursor, self._log.first_position
        asked = cursor.position + 1
        missed = first - asked
        cursor.index = self._log.base
        if missed <= 0:
            return
        cursor.position = first - 1
        raise StreamEventsMissed(
            f"{missed} events of this stream, from position {asked} on, are no longer kept; the first one left is at "
            f"{first}.\n  Go on iterating to read from there, or keep more: Workflow(stream_history=...).",
            missed=missed,
            first_kept=first,
        )

    async def _sleep(self) -> None:
        if self._woken is None:
            self._woken = anyio.Event()
            self._log.put_to_sleep(self)
        self._sleepers += 1
        try:
            await self._woken.wait()
        finally:
            self._sleepers -= 1
            if not self._sleepers:  # the log holds no reader that nobody reads
                self._woken = None
                self._log.take_from_sleep(self)


class Loop:
    """One `async for` over a reader: for as long as it lives, somebody is at it.

    The loop alone holds it, so that it's gone as soon as the loop is left, in whatever way.
    """

    __slots__ = ("_reader",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        reader.enter_loop()

    def __aiter__(self) -> Loop:
        return self

    def __anext__(self) -> Awaitable[Event]:
        return self._reader.__anext__()

    def __del__(self) -> None:
        self._reader.leave_loop()


def check_position(position: object) -> None:
    """Check a position from outside.

    Raises:
        UsageError: It's none.
    """
    if isinstance(position, bool) or not isinstance(position, int) or position < 0:
        raise UsageError(f"after={position!r} is no position in a stream: positions are whole numbers, 0 is its start.")


def cursor_at_start(log: EventLog) -> Cursor:
    """A cursor before the first event that this process has had."""
    return Cursor(0, log.start_position)


def cursor_after(log: EventLog, position: int) -> Cursor:
    """A cursor right behind a position."""
    log.catch_up()
    return Cursor(log.index_after(position), position)
