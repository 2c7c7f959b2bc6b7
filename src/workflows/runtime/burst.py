"""Burst: what a step writes to the stream without a pause is one tick.

Nobody can see an event before its step gives way to other tasks, unless by asking the run. So it needn't be told to the
core before somebody looks: a reader that wakes, a snapshot, or anything else that happens in the run. Each of them has
the burst told first, so that everything is as if each event had been told of at once.

A durable run tells of each: it has to be stored though nobody looks. So does a child, whose events stand between those
of the run that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.records import Branch
from ..core.ticks import BurstStreamed, EventStreamed
from ..events import Event
from .log import EventLog
from .spawn import uninterrupted

if TYPE_CHECKING:
    from .driver import Driver
    from .seam import Seam

LONGEST = 64  # events: a step that never pauses keeps no more from a log which forgets them


class Burst:
    """The events that an attempt has written and that the core hasn't been told of.

    Args:
        driver: Feeds the core.
        log: Where its readers look.
    """

    __slots__ = ("_at", "_branch", "_digests", "_driver", "_events", "_log", "_seam")

    def __init__(self, driver: Driver, log: EventLog) -> None:
        self._driver = driver
        self._log = log
        self._seam: Seam | None = None
        self._branch: Branch = None
        self._at = 0.0
        self._digests: list[int] = []
        self._events: list[Event] = []

    def __bool__(self) -> bool:
        return bool(self._events)

    @uninterrupted
    def add(self, seam: Seam, branch: Branch, digest: int, event: Event) -> None:
        """Add an event of an attempt's branch."""
        if seam is not self._seam or branch != self._branch or len(self._events) >= LONGEST:
            self.tell()
            self._at = self._driver.now()
            self._seam, self._branch = seam, branch
            self._log.wake()
        self._digests.append(digest)
        self._events.append(event)

    @uninterrupted
    def tell(self) -> None:
        """Tell the core, if there's anything to tell."""
        digests, events, seam = self._digests, self._events, self._seam
        if seam is None:
            return
        self._digests, self._events, self._seam = [], [], None
        speaker = (seam.execution, seam.number, self._branch)
        if len(events) == 1:
            self._driver.emit_at(self._at, EventStreamed, *speaker, digests[0], events[0])
        else:
            self._driver.emit_at(self._at, BurstStreamed, *speaker, tuple(digests), tuple(events))
