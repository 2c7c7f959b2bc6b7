"""Gathering: the buffers of `collect_events`, and of steps that take several events."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from ..events import Event
from .places import OUTSIDE, Place

Arrival: TypeAlias = tuple[Place, Event]
"""Where an event stood that has arrived somewhere, and the event."""


@attrs.define
class Buffer:
    """Events that wait until there's one for each expected type.

    An arrival costs the same however many are expected: `missing` counts down, and nothing is rebuilt until a set is
    full.
    """

    expected: Sequence[type[Event]]
    needed: dict[type[Event], int]
    arrived: dict[type[Event], deque[Arrival]]
    missing: int

    @classmethod
    def expecting(cls, expected: Sequence[type[Event]]) -> Buffer:
        """An empty buffer."""
        needed = dict(Counter(expected))
        return cls(list(expected), needed, {kind: deque() for kind in needed}, len(expected))

    def gathers(self, expected: Sequence[type[Event]]) -> bool:
        """Whether these are the types that it's for, in whatever order."""
        return self.expected == expected or self.needed == Counter(expected)

    def changed(self, expected: Sequence[type[Event]]) -> Buffer:
        """A buffer for other types, or in another order: what it holds of them stays."""
        changed = Buffer.expecting(expected)
        for arrivals in self.arrived.values():
            for place, event in arrivals:
                changed.add(event, place)
        return changed

    def add(self, event: Event, place: Place = OUTSIDE, *, kind: type[Event] | None = None) -> bool:
        """Keep an event of an expected type; False if its type isn't expected. `kind`: stands for this one of them."""
        kind = type(event) if kind is None else kind
        waiting = self.arrived.get(kind)
        if waiting is None:
            return False
        waiting.append((place, event))
        if len(waiting) <= self.needed[kind]:
            self.missing -= 1
        return True

    def slot_for(self, event: Event) -> type[Event] | None:
        """Which expected type an event stands for: its own, or the closest that it's derived from."""
        return next((kind for kind in type(event).__mro__ if kind in self.needed), None)

    def take(self) -> tuple[Arrival, ...] | None:
        """A full set in the expected order, if there is one; the earliest arrivals of each type."""
        if self.missing:
            return None
        taken = tuple(self.arrived[kind].popleft() for kind in self.expected)
        self.missing = sum(max(0, n - len(self.arrived[kind])) for kind, n in self.needed.items())
        return taken

    def waiting(self) -> list[Event]:
        """All that it holds."""
        return [event for arrivals in self.arrived.values() for _, event in arrivals]
