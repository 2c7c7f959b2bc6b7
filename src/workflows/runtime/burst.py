"""Burst: what a step writes to the stream without a pause is one tick.

Nobody can see an event before its step gives way to other tasks, unless by asking the run. So it needn't be told to the
core before somebody looks: a reader that wakes, a snapshot, or anything else that happens in the run. Each of them has
the burst told first, so that everything is as if each event had been told of at once.

A durable run tells of each: it has to be stored though nobody looks. So does a child, whose events stand between those
of the run that has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.records import Branch
from ..core.ticks import BurstStreamed, EventStreamed
from ..events import Event
from . import spawn
from .attempt import Attempt, inside
from .digests import STREAM, is_plain, plain_digests
from .log import EventLog
from .spawn import uninterrupted

if TYPE_CHECKING:
    from .driver import Driver
    from .seam import Seam

LONGEST = 256  # events: a step that never pauses keeps no more from a log which forgets them


class Burst:
    """The events that an attempt has written and that the core hasn't been told of.

    Args:
        driver: Feeds the core.
        log: Where its readers look.
    """

    __slots__ = (
        "_at", "_branch", "_current_task", "_digests", "_driver", "_events", "_has_waited", "_kind", "_log", "_own",
        "_seam",
    )  # fmt: skip

    def __init__(self, driver: Driver, log: EventLog) -> None:
        self._driver = driver
        self._log = log
        backend = spawn.backend()
        self._current_task: Callable[[], object] = backend.current_task_here()
        self._has_waited: Callable[[Any, object], bool] | None = backend.has_waited
        self._seam: Seam | None = None
        self._own: Seam | None = None  # that one, if it's of the attempt's own branch
        self._kind: type = Event  # of the last event that took the short way
        self._branch: Branch = None
        self._at = 0.0
        self._digests: list[int] = []
        self._events: list[Event] = []  # the last ones, which are plain, may lack their digests

    def __bool__(self) -> bool:
        return bool(self._events)

    @uninterrupted
    def add(self, seam: Seam, branch: Branch, digest: int, event: Event) -> None:
        """Add an event of an attempt's branch."""
        if seam is not self._seam or branch != self._branch or len(self._events) >= LONGEST:
            self.tell()
            self._at = self._driver.now()
            self._seam, self._branch = seam, branch
            self._own = seam if branch == "" else None
            self._log.wake()
        else:
            self._digest()
        self._digests.append(digest)
        self._events.append(event)

    @uninterrupted
    def goes_on(self, attempt: Attempt, event: Event) -> bool:
        """Add one more event, if the attempt's own task goes on writing, and all is as it was at the event before.

        That's the short way that most events take; all else is looked at by the operation. Whatever the core is
        told of ends the burst: that the attempt is over, say, or is being suspended. It's called in the run's
        thread. Only while its task waits can the attempt be cut off; time may run out meanwhile, but whoever looks at
        that does so when the task waits.
        """
        events, task = self._events, attempt.task
        if (
            attempt is not self._own
            or len(events) >= LONGEST
            or (type(event) is not self._kind and not self._takes(event))
            or not is_plain(event)
            or attempt.branches is not None
            or self._current_task() is not task
            or ((self._has_waited is None or self._has_waited(task, self)) and attempt.run.crew.is_cut_off)
            or inside.get() == "once"
        ):
            return False
        events.append(event)
        return True

    def _takes(self, event: object) -> bool:
        """Whether it's an event, of another class than the last one: events of one class come one after the other."""
        if not isinstance(event, Event):
            return False
        self._kind = type(event)
        return True

    @uninterrupted
    def tell(self) -> None:
        """Tell the core, if there's anything to tell."""
        seam = self._seam
        if seam is None:
            return
        self._digest()
        digests, events = self._digests, self._events
        self._digests, self._events, self._seam, self._own = [], [], None, None
        speaker = (seam.execution, seam.number, self._branch)
        if len(events) == 1:
            self._driver.emit_at(self._at, EventStreamed, *speaker, digests[0], events[0])
        else:
            self._driver.emit_at(self._at, BurstStreamed, *speaker, tuple(digests), tuple(events))

    def _digest(self) -> None:
        """Digest what isn't yet."""
        digests, events = self._digests, self._events
        if len(digests) < len(events):
            digests += plain_digests(self._driver.codec, events[len(digests) :], what=STREAM)
