"""Journalling: what happens to a durable run is stored before anybody acts upon it.

Rules:
- A tick is encoded before it's applied: what can't be stored changes nothing.
- What the core commands because of it is held until it's stored: the next step, the event in the stream, the end of the
  run. Only a refusal, and the grant of an edit, concern nobody but the one who asks.
- Whoever gives a step's work to the world waits until it's stored: a worker between two steps, `once` before it calls
  and before it returns, and who sends an event from outside.
- A run that can't be stored any more, that another runtime has taken over, or that departs from what is stored, is lost
  here: it's stopped without another word to the store, and those who wait for it are told why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import anyio

from ..core.commands import Command, ForChild, GrantEdit, PublishEvent, PublishEvents, Refuse, RunStep, published
from ..core.journal import tick_data
from ..core.ticks import EventReceived, Tick

if TYPE_CHECKING:
    from ..core.engine import Core
    from ..events import Event
    from .driver import Driver
    from .run import Run

as_text: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False
).encode
"""JSON data as text, in the order in which it is, without what nobody reads. What the codec gives isn't circular."""
Held: TypeAlias = "Command | Callable[[], None]"


class Journal:
    """What has happened to one run and isn't stored yet, and what is to be done about it then.

    Args:
        driver: Feeds the run's core; from now on through this journal.
        on_staged: Called when there's something to store; gives what is set when that, and all before it, is stored.

    Attributes:
        lost: Why the run can't be stored any more.
        run: What carries the run here; None before it begins.
    """

    def __init__(self, driver: Driver, on_staged: Callable[[], anyio.Event]) -> None:
        self.driver: Driver = driver
        self._on_staged = on_staged
        self.run: Run | None = None
        self.lost: Exception | None = None
        self.ticks: list[str] = []
        self.events: list[tuple[int, Event]] = []
        self._held: list[Held] = []  # of what is staged
        self._in_flight: list[Held] = []  # of what is being stored
        self._staged = self._taken = self._stored = 0  # how often something was
        self._word: anyio.Event | None = None
        driver.journal = self

    # What happens to the run

    def feed(self, core: Core, tick: Tick) -> list[Command]:
        """Feed a tick and take it down; gives the commands that needn't wait for that.

        Raises:
            EncodeError: It can't be stored. Nothing has happened.
        """
        if self.lost is not None:
            return [command for command in core.feed(tick) if not _goes_on(command)]
        state = core.state
        text = as_text(tick_data(state, tick))
        position = state.streamed
        commands = core.feed(tick)
        self.ticks.append(text)
        if type(tick) is EventReceived and any(type(command) is Refuse for command in commands):
            return commands  # nothing has changed, so it can wait for what comes next
        if state.streamed > position:
            events = published(command for command in commands if _is_counted(command))
            self.events += enumerate(events, start=position + 1)
        urgent: list[Command] = []
        for command in commands:
            (urgent if _is_urgent(command) else self._held).append(command)
        self.stage()
        return urgent

    def stage(self) -> None:
        """Have what there is stored."""
        self._staged += 1
        self._word = self._on_staged()

    def stage_again(self) -> None:
        """What is staged wasn't all taken: have the rest stored after it."""
        self._word = self._on_staged()

    def when_settled(self, function: Callable[[], None]) -> None:
        """Call a function when all that has happened so far is stored; at once, if it is, or never will be."""
        if self.is_settled or self.lost is not None:
            function()
        elif self._staged > self._taken:
            self._held.append(function)
        else:
            self._in_flight.append(function)

    def fell_asleep(self) -> None:
        """Everything in the run waits, and no task of it is left."""

    @property
    def is_settled(self) -> bool:
        """Whether all that has happened is stored."""
        return self._stored == self._staged

    @property
    def has_more(self) -> bool:
        """Whether something has happened since what is being stored."""
        return self._staged > self._taken

    async def settled(self) -> None:
        """Wait until all that has happened so far is stored. Safe to cancel.

        Raises:
            StoreError: It can't be.
        """
        goal = self._staged if self.lost is None else float("inf")
        await self.done()
        if self.lost is not None and self._stored < goal:  # else it was lost with what came after that
            raise self.lost

    async def done(self) -> None:
        """As `settled`, for those who are stopped if it can't be stored."""
        goal = self._staged
        while self._stored < goal and self.lost is None and self._word is not None:
            await self._word.wait()

    # Whoever stores it

    def begin_storing(self) -> tuple[Sequence[str], Sequence[tuple[int, Event]]]:
        """Take what is staged, to store it now; one group at a time."""
        ticks, self.ticks = self.ticks, []
        events, self.events = self.events, []
        self._in_flight, self._held = self._held, []
        self._taken = self._staged
        return ticks, events

    def stored(self) -> None:
        """What was taken is stored: act upon it."""
        self._stored = self._taken
        self._release()

    def depart(self, error: Exception) -> None:
        """A replay has departed from what is stored: let that stay as it is."""
        self.lose(error)

    def lose(self, error: Exception) -> None:
        """The run can't be stored any more, or mustn't: stop it here."""
        if self.lost is not None:
            return
        self.lost = error
        self._in_flight += self._held
        self._held, self.ticks, self.events = [], [], []
        self._release()
        if self.run is not None:
            self.run.lose()

    def _release(self) -> None:
        held, self._in_flight = self._in_flight, []
        for item in held:
            if callable(item):
                item()
            elif self.driver.run is not None and not (self.lost and _goes_on(item)):
                self.driver.run.carry_out(item)
        if self.run is not None:
            self.run.crew.hand_out()


def _goes_on(command: Command) -> bool:
    """Whether it would let a run go on that is lost."""
    if isinstance(command, ForChild):
        return _goes_on(command.command)
    return isinstance(command, RunStep) or _is_counted(command)


def _is_counted(command: Command) -> bool:
    """Whether it appends to the stream, rather than to tell those alone who read here."""
    return isinstance(command, PublishEvents) or (isinstance(command, PublishEvent) and command.is_counted)


def _is_urgent(command: Command) -> bool:
    """Whether it concerns only the one who asks."""
    kind = type(command)
    return kind is Refuse or kind is GrantEdit or (isinstance(command, ForChild) and _is_urgent(command.command))
