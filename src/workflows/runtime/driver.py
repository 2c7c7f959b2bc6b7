"""Driver: feeds a core, and sends each command to whoever carries it out.

It outlives runs: a context has one before, during and after its runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from ..codec import Codec
from ..core.commands import GrantEdit, Refuse
from ..core.empty import EMPTY, with_item
from ..core.engine import Core
from ..core.state import Child
from ..core.ticks import ChildTick, EditAsked, EditDropped, Tick
from .burst import Burst
from .journalling import Journal
from .log import EventLog
from .spawn import uninterrupted

if TYPE_CHECKING:
    from .run import Run

logger: logging.Logger = logging.getLogger(__name__)

OUTSIDE = "outside"
"""In the name of an edit: nobody's step makes it."""


class Driver:
    """A core with a clock, and with a journal if its run is durable."""

    __slots__ = ("_edits", "_last_at", "burst", "codec", "core", "grants", "journal", "now", "run")

    def __init__(self, core: Core, now: Callable[[], float]) -> None:
        self.core: Core = core
        self.codec: Codec = core.state.codec
        self.now: Callable[[], float] = now
        self.run: Run | None = None  # that carries out what the core commands
        self.journal: Journal | None = None
        self.burst: Burst | None = None
        self.grants: dict[str, anyio.Event] = EMPTY
        self._edits = 0
        self._last_at = 0.0

    def emit(self, tick_type: Callable[..., Tick], *parts: object) -> Refuse | None:
        """Make a tick, feed it, and have the commands carried out; gives the refusal, if it's one."""
        return self.emit_at(self.now(), tick_type, *parts)

    def now_or_last(self) -> float:
        """The time, for the end of a run: a clock of the user's that fails can't keep a run from ending."""
        try:
            return self.now()
        except Exception:
            logger.exception("the clock of a workflow failed while its run was ending")
            return self._last_at

    @uninterrupted
    def emit_at(self, at: float, tick_type: Callable[..., Tick], *parts: object) -> Refuse | None:
        """As `emit`, at a time in UTC seconds."""
        if self.burst:
            self.burst.tell()
        self._last_at = at
        core, journal = self.core, self.journal
        refusal: Refuse | None = None
        tick = tick_type(core.state.last_tick + 1, at, *parts)
        for command in core.feed(tick) if journal is None else journal.feed(core, tick):
            if type(command) is Refuse:
                refusal = command
            elif type(command) is GrantEdit:
                self.grant(command.owner)
            elif self.run is not None:
                self.run.carry_out(command)
        return refusal

    def gathering(self, log: EventLog) -> Burst | None:
        """What gathers the events that a step writes without a pause; None if the core is told of each at once."""
        if self.journal is not None:
            return None
        if self.burst is None:
            self.burst = log.burst = Burst(self, log)
        return self.burst

    def has_told(self) -> Core:
        """The core, when it has been told of everything that has happened."""
        if self.burst:
            self.burst.tell()
        return self.core

    async def settled(self) -> None:
        """Wait until all that has happened so far is stored, if the run is durable. Safe to cancel.

        Raises:
            StoreError: It can't be stored; the run is being stopped.
        """
        if self.journal is not None:
            await self.journal.settled()

    async def acquire_edit(self, *, execution: int | None, attempt: int) -> str:
        """Wait until the state may be edited exclusively; gives the name of the edit.

        When the run is being stopped, a step isn't kept waiting; what it writes then comes to nothing.

        Safe to cancel: the place in the queue is given up.
        """
        self._edits += 1
        owner = f"{OUTSIDE if execution is None else execution}:{self._edits}"
        granted = anyio.Event()
        self.grants = with_item(self.grants, owner, granted)
        try:
            self.emit(EditAsked, owner, execution, attempt)
            await granted.wait()
        except BaseException:
            self.emit(EditDropped, owner)
            raise
        finally:
            del self.grants[owner]
        return owner

    def grant(self, owner: str) -> None:
        """An edit may begin."""
        event = self.grants.get(owner)
        if event is not None:
            event.set()

    def give_up_edits(self) -> None:
        """The run is being stopped: no step will be granted an edit any more, so nobody waits for one."""
        for owner, event in self.grants.items():
            if not owner.startswith(OUTSIDE):
                event.set()

    def drop_edit(self, owner: str) -> None:
        """End an edit without a commit; one that is over stays so."""
        self.emit(EditDropped, owner)


class ChildDriver(Driver):
    """Feeds a child run: what happens to it happens to the run that has it."""

    __slots__ = ("_child", "_parent")

    def __init__(self, parent: Driver, child: Child) -> None:
        nested = child.state
        super().__init__(Core(nested.program, nested.codec, state=nested), parent.now)
        self.journal: Journal | None = parent.journal
        self._parent = parent
        self._child = child.id

    def emit_at(self, at: float, tick_type: Callable[..., Tick], *parts: object) -> Refuse | None:
        """As `emit`, at a time in UTC seconds."""
        self._last_at = at
        tick = tick_type(self.core.state.last_tick + 1, at, *parts)
        return self._parent.emit_at(at, ChildTick, self._child, tick)

    def gathering(self, log: EventLog) -> Burst | None:
        """Nothing: its events stand between those of the run that has it."""
        return None
