"""The stream of a run: a log of its last events.

Rules:
- Events have positions, counted from 1 over the whole life of the run, restarts included. Internal events stand in
  the log between them and have no position of their own; nor does the word that a run was left, which isn't over.
- The log keeps the last `history` events, and never less than a living reader still needs.
- Writers that wait for readers don't wait for one whose loop was left, or that was closed, until it's read again: a
  loop lets go of its iterator, whoever keeps the reader. One that is read by hand is waited for as long as it lives.
- A reader reads the log itself, and is only woken by it. So a burst costs no hop per event.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

import anyio

from ..core.empty import EMPTY, with_item
from ..events import Event, InternalDispatchEvent

if TYPE_CHECKING:
    from .burst import Burst
    from .reading import Reader

LEFT = Event()  # in the place of an entry that has left


class EventLog:
    """The log of one run. Appending never waits.

    Attributes:
        entries: The events; those before `start` have left.
        start: How many entries that have left still have a place in `entries`.
        base: How many entries have left at the front: the index of the first one that's here.
        start_position: The position behind which the log begins.
        last_position: The position of the last event.
    """

    __slots__ = (
        "_internal_readers",
        "_sleeping",
        "_uncounted",
        "_uncounted_left",
        "base",
        "blocked",
        "burst",
        "current_task",
        "entries",
        "history",
        "is_closed",
        "last_position",
        "readers",
        "start",
        "start_position",
    )

    def __init__(self, history: int, position: int, current_task: Callable[[], object]) -> None:
        self.current_task: Callable[[], object] = current_task
        self.entries: list[Event] = []
        self._uncounted: Sequence[int] = ()  # the indexes of the entries that have no position of their own
        self._uncounted_left = 0  # how many more there were, of entries that have left
        self.start: int = 0
        self.history: int = history
        self._sleeping: dict[Reader, None] = EMPTY
        self.blocked: tuple[anyio.Event, ...] = ()
        self.base: int = 0
        self.start_position: int = position
        self.last_position: int = position
        self.is_closed: bool = False
        self.burst: Burst | None = None
        self.readers: WeakSet[Reader] | None = None  # made when there is one: most runs have few readers or none
        self._internal_readers: WeakSet[Reader] | None = None

    @property
    def end(self) -> int:
        """The index after the last entry."""
        return self.base + len(self.entries) - self.start

    @property
    def first_position(self) -> int:
        """The position of the first event that is still here, or of the next one."""
        if self.base >= self.end:
            return self.last_position + 1
        position = self.position_at(self.base)
        return position + 1 if isinstance(self.entries[self.start], InternalDispatchEvent) else position

    def position_at(self, index: int) -> int:
        """The position of the entry at an index that hasn't left; of one that has none, that of the event before."""
        counted = index + 1 - self._uncounted_left
        return self.start_position + counted - (bisect_right(self._uncounted, index) if self._uncounted else 0)

    @property
    def wants_internal(self) -> bool:
        """Whether anybody would see an internal event."""
        return self._internal_readers is not None and len(self._internal_readers) > 0

    def append(self, event: Event, *, is_counted: bool = True) -> None:
        """Append an event, and wake the readers that sleep."""
        self.catch_up()
        if is_counted and not isinstance(event, InternalDispatchEvent):
            self.last_position += 1
        else:
            self._leave_uncounted(self.end)
        self.entries.append(event)
        self._has_grown()

    def extend(self, events: Sequence[Event]) -> None:
        """Append several events of a step."""
        counted = len(events)
        if any(issubclass(kind, InternalDispatchEvent) for kind in set(map(type, events))):
            for index, event in enumerate(events, self.end):
                if isinstance(event, InternalDispatchEvent):
                    self._leave_uncounted(index)
                    counted -= 1
        self.last_position += counted
        self.entries += events
        self._has_grown()

    def _leave_uncounted(self, index: int) -> None:
        if isinstance(self._uncounted, list):
            self._uncounted.append(index)
        else:
            self._uncounted = [index]

    def _has_grown(self) -> None:
        self.wake()
        if len(self.entries) - self.start > self.history:
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

    def entries_from(self, index: int, most: int) -> list[Event]:
        """Up to so many entries, from the one at an index that hasn't left; none at the end.

        Each of them has a position of its own, or there's only one.
        """
        if self._uncounted:
            found = bisect_left(self._uncounted, index)
            if found < len(self._uncounted):
                most = max(1, min(most, self._uncounted[found] - index))
        place = index - self.base + self.start
        return self.entries[place : place + most]

    def index_after(self, position: int) -> int:
        """The index of the first entry that belongs behind `position`."""
        low, high = self.base, self.end
        while low < high:
            middle = (low + high) // 2
            if self.position_at(middle) <= position:
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
        if reader.exposes_internal:
            if self._internal_readers is None:
                self._internal_readers = WeakSet()
            self._internal_readers.add(reader)

    async def wait_for_readers(self, is_stopping: Callable[[], bool]) -> None:
        """Wait while a reader is further behind than the history reaches, unless the run is being stopped.

        Safe to cancel.
        """
        self.catch_up()
        while not self.is_closed and self._is_far_behind() and not is_stopping():
            self._have_all_given_back()
            event = anyio.Event()
            self.blocked += (event,)
            await event.wait()

    def _have_all_given_back(self) -> None:
        """Have each reader come here for its next event: that's where it says that it has moved on."""
        for reader in self.readers or ():
            reader.cursor.give_back()

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
            not reader.is_left and self.end - reader.index > self.history for reader in self.readers
        )

    def wake(self) -> None:
        """Wake the readers that sleep."""
        if not self._sleeping:
            return
        sleeping, self._sleeping = self._sleeping, EMPTY
        for reader in sleeping:
            reader.wake()

    def _trim(self) -> None:
        surplus = self.end - self.base - self.history
        if self.readers:
            surplus = min(surplus, min(reader.index for reader in self.readers) - self.base)
        if surplus <= 0:
            return
        self.entries[self.start : self.start + surplus] = [LEFT] * surplus
        self.start += surplus
        self.base += surplus
        if self.start > 64 and 2 * self.start > len(self.entries):  # so that an append costs the same on average
            del self.entries[: self.start]
            self.start = 0
            left = bisect_right(self._uncounted, self.base - 1)
            self._uncounted_left += left
            self._uncounted = self._uncounted[left:]
