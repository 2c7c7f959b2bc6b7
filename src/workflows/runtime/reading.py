"""Reading the stream of a run: readers, with a cursor each.

Rules:
- A reader sees each event once, in order, and ends when the log is closed. Readers don't know of each other.
- It takes what it finds in the log by the batch, and hands it out without looking there again. Where it stands is
  behind the last event that it has handed out: that's what the log keeps events for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import length_hint

import anyio
from anyio.lowlevel import checkpoint

from ..errors import StreamEventsMissed, UsageError
from ..events import Event, InternalDispatchEvent
from .log import EventLog

BATCH = 64  # events that a reader may take without giving way to other tasks
NOTHING: Iterator[Event] = iter(())


class Cursor:
    """Where a reader stands: the index of its next entry, and the position of its last event.

    Attributes:
        batch: What was taken from the log and not handed out yet: events that follow one another.
    """

    __slots__ = ("_index", "_position", "batch")

    def __init__(self, index: int, position: int) -> None:
        self._index = index  # both when the batch has been handed out
        self._position = position
        self.batch: Iterator[Event] = NOTHING

    @property
    def index(self) -> int:
        """The index of the next entry in the log."""
        return self._index - length_hint(self.batch)

    @property
    def position(self) -> int:
        """The position of the last event."""
        return self._position - length_hint(self.batch)

    def move(self, index: int, position: int) -> None:
        """Stand elsewhere, with nothing taken."""
        self._index, self._position, self.batch = index, position, NOTHING

    def take(self, events: Sequence[Event]) -> None:
        """Take the events that come next, with a position each; what another task has taken stands among them."""
        self.move(self.index + len(events), self.position + len(events))
        self.batch = iter(events)

    def give_back(self) -> None:
        """Leave in the log what wasn't handed out."""
        self.move(self.index, self.position)


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
        self.cursor: Cursor = cursor
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
        return self.cursor.index

    @property
    def position(self) -> int:
        """The position of the last event that was read."""
        return self.cursor.position

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
        self.cursor.give_back()
        if self._log.blocked:
            self._log.unblock()

    async def __anext__(self) -> Event:
        """Give the next event; wait for it if need be. Safe to cancel.

        Raises:
            StreamEventsMissed: Events between the last one and the next one that is left are no longer kept.
        """
        for event in self.cursor.batch:
            return event
        return await self.from_log()

    async def from_log(self) -> Event:
        """As `__anext__`, when nothing is left of what was taken."""
        log, cursor = self._log, self.cursor
        self.is_left = False
        if self._taken >= BATCH:
            self._taken = 0
            await checkpoint()
        while True:
            index = cursor.index
            if index <= log.base:
                index = self._pass_gap()
            events = log.entries_from(index, 1 if log.blocked else BATCH - self._taken)
            if events:
                if log.blocked:
                    log.unblock()
                if log.position_at(index) > cursor.position:
                    self._taken += len(events)
                    cursor.take(events)
                    return next(cursor.batch)
                cursor.move(index + 1, cursor.position)
                if self.exposes_internal and isinstance(events[0], InternalDispatchEvent):
                    self._taken += 1
                    return events[0]  # has the position of the event before; others are from before what it asked for
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
        self.cursor.give_back()
        if self._log.blocked:
            self._log.unblock()

    def _pass_gap(self) -> int:
        """Go to where the log begins, if that's behind the cursor; gives the index of the next entry."""
        log, cursor = self._log, self.cursor
        first = log.first_position
        asked = cursor.position + 1
        missed = first - asked
        cursor.move(log.base, max(cursor.position, first - 1))
        if missed <= 0:
            return log.base
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

    __slots__ = ("_cursor", "_reader")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        reader.enter_loop()

    def __aiter__(self) -> Loop:
        return self

    async def __anext__(self) -> Event:
        for event in self._cursor.batch:
            return event
        return await self._reader.from_log()

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
