"""The core: `feed(tick) -> commands`, on a state that it owns alone.

Rules:
- It's pure: no I/O, no clock, no randomness. The same ticks give an equal state.
- It's total: a tick that makes no sense (any more) gives no commands, one that must be turned down gives `Refuse`; both
  change nothing.
- It's idempotent: a tick whose id isn't greater than the last one's does nothing.
- It's small-stepped: a tick's work is in proportion to what it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..codec import Codec
from ..graph import Program
from . import attempts, children, delivery, edits, ending, recording, ticks
from .commands import Command
from .empty import EMPTY, EMPTY_LIST
from .state import Child, ChildKind, RunState

TRANSITIONS: Mapping[type[ticks.Tick], Callable[[RunState, Any], None]] = {
    ticks.RunStarted: ending.started,
    ticks.RunResumed: ending.resumed,
    ticks.StepReturned: attempts.returned,
    ticks.StepRaised: attempts.raised,
    ticks.StepSuspending: attempts.suspending,
    ticks.StepSuspended: attempts.suspended,
    ticks.StepHalted: attempts.halted,
    ticks.StepParked: attempts.parked,
    ticks.StepUnparked: attempts.unparked,
    ticks.TapeDropped: attempts.tape_dropped,
    ticks.EventReceived: delivery.received,
    ticks.EventSent: recording.sent,
    ticks.EventStreamed: recording.streamed,
    ticks.BurstStreamed: recording.burst_streamed,
    ticks.EventPublished: recording.published,
    ticks.ValueRecorded: recording.value_recorded,
    ticks.ValueReused: recording.value_reused,
    ticks.QuestionsAsked: recording.asked,
    ticks.ChildStarted: children.started,
    ticks.ChildWanted: children.wanted,
    ticks.ChildTick: children.told,
    ticks.EventCollected: recording.collected,
    ticks.StateRead: recording.state_read,
    ticks.StateWritten: recording.state_written,
    ticks.StateWrittenOutside: recording.state_written_outside,
    ticks.EditAsked: edits.edit_asked,
    ticks.EditCommitted: edits.edit_committed,
    ticks.EditDropped: edits.edit_dropped,
    ticks.TimerFired: ending.timer_fired,
    ticks.CancelRequested: ending.cancel_requested,
}


class Core:
    """The engine of one run, as far as decisions go."""

    __slots__ = ("state",)

    def __init__(
        self,
        program: Program,
        codec: Codec,
        *,
        state: RunState | None = None,
        children: Mapping[str, ChildKind] | None = None,
    ) -> None:
        self.state: RunState = RunState(program, codec, kinds=children or EMPTY) if state is None else state

    def feed(self, tick: ticks.Tick) -> list[Command]:
        """Apply a tick, and tell what must be done about it."""
        state = self.state
        if tick.id <= state.last_tick:
            return []
        state.last_tick = tick.id
        out: list[Command] = []
        state.out = out
        TRANSITIONS[type(tick)](state, tick)
        if state.orders:
            self._feed_children(tick.at)
        if state.timers.heap or state.alarm is not None:
            state.adjust_alarm()
        state.adjust_budget()
        state.out = EMPTY_LIST
        return out

    def _feed_children(self, at: float) -> None:
        """Carry out the orders for children, and those that come of them."""
        state = self.state
        while state.orders:
            orders, state.orders = state.orders, EMPTY_LIST
            for number, tick in orders:
                child = state.children.get(number)
                if child is not None:
                    self._feed_child(child, tick, at)

    def _feed_child(self, child: Child, tick: ticks.Tick, at: float) -> None:
        nested = child.state
        if not tick.id:
            tick = attrs.evolve(tick, id=nested.last_tick + 1, at=at)
        was_active = nested.budget.active > 0
        commands = Core(nested.program, nested.codec, state=nested).feed(tick)
        children.heed(self.state, child, commands, at, was_active=was_active)
