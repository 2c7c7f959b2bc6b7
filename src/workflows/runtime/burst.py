"""Burst: what a step writes to the stream without a pause is one tick.

Nobody can see an event before its step gives way to other tasks, unless by asking the run. So it needn't be told to the
core before somebody looks: a reader that wakes, a snapshot, or anything else that happens in the run. Each of them has
the burst told first, so that everything is as if each event had been told of at once.

Nor are digests of plain events made before somebody looks at them, which may be never: they're for replays, and most
steps that write much end without one. For that the record keeps events that the log keeps too, and no others.

A durable run tells of each: it has to be stored though nobody looks. So does a child, whose events stand between those
of the run that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..core.records import Branch
from ..core.ticks import BurstStreamed, EventStreamed
from ..events import Event
from . import spawn
from .attempt import Attempt, inside
from .digests import PLAIN, Digests
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
        "_at", "_branch", "_current_task", "_digests", "_driver", "_events", "_has_waited", "_kind", "_log",
        "_next_turn", "_own", "_seam", "_undigested",
    )  # fmt: skip

    def __init__(self, driver: Driver, log: EventLog) -> None:
        self._driver = driver
        self._log = log
        backend = spawn.backend()
        self._current_task: Callable[[], object] = backend.current_task_here()
        self._has_waited: Callable[[Any, object], bool] | None = backend.has_waited
        self._next_turn: Callable[[Callable[[], object]], object] | None = backend.next_turn_here()
        self._seam: Seam | None = None
        self._own: Seam | None = None  # that one, if it's of the attempt's own branch, and may take the short way
        self._kind: type = Event  # of the last event that took the short way
        self._branch: Branch = None
        self._at = 0.0
        self._digests: dict[int, int] = {}  # by the number of their event; the others are plain
        self._events: list[Event] = []
        self._undigested = 0  # how many events the core may have without their digests

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
        elif branch == "" and self._own is None:
            self._own = seam
            if self._next_turn is not None:
                self._next_turn(self._leave_short_way)
        self._digests[len(self._events)] = digest
        self._events.append(event)

    def _leave_short_way(self) -> None:
        self._own = None

    @uninterrupted
    def goes_on(self, attempt: Attempt, event: Event) -> bool:
        """Add one more event, if the attempt's own task goes on writing, and all is as it was at the event before.

        That's the short way that most events take; all else is looked at by the operation. Whatever the core is
        told of ends the burst: that the attempt is over, say, or is being suspended. It's called in the run's
        thread. Only while its task waits can the attempt be cut off; time may run out meanwhile, but whoever looks at
        that does so when the task waits. On asyncio, the short way ends when the event loop comes to its next turn.
        """
        events, task = self._events, attempt.task
        if (
            attempt is not self._own
            or len(events) >= LONGEST
            or (type(event) is not self._kind and not self._takes(event))
            or attempt.branches is not None
            or self._current_task() is not task
            or (self._has_waited is not None and self._has_waited(task, self) and attempt.run.crew.is_cut_off)
            or inside.get() == "once"
        ):
            return False
        for value in event.__dict__.values():
            if type(value) not in PLAIN:
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
        events, digests = tuple(self._events), self._digests
        self._digests, self._events, self._seam, self._own = {}, [], None, None
        speaker = (seam.execution, seam.number, self._branch)
        if len(events) == 1:
            self._driver.emit_at(self._at, EventStreamed, *speaker, digests[0], events[0])
        else:
            self._driver.emit_at(self._at, BurstStreamed, *speaker, self._digests_of(events, digests), events)

    def _digests_of(self, events: tuple[Event, ...], made: dict[int, int]) -> Sequence[int]:
        """The digests of a burst: to be made when they're asked for, as long as the log keeps the events anyway."""
        digests = Digests(self._driver.codec, events, made)
        self._undigested += len(events)
        if self._undigested <= self._log.history:
            return digests
        self._undigested = 0
        return tuple(digests)  # which has the core make those that came before
