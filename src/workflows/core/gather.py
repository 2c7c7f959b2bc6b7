"""Gathering: the buffers of `collect_events`, and of steps that take several events."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import attrs

from ..events import Event


@attrs.define
class Buffer:
    """Events that wait until there's one for each expected type.

    An arrival costs the same however many are expected: `missing` counts down, and nothing is rebuilt until a set is
    full.
    """

    expected: Sequence[type[Event]]
    needed: dict[type[Event], int] = attrs.field(factory=dict[type[Event], int])
    events: dict[type[Event], deque[Event]] = attrs.field(factory=dict[type[Event], deque[Event]])
    missing: int = 0

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
        for events in self.events.values():
            for event in events:
                changed.add(event)
        return changed

    def add(self, event: Event, kind: type[Event] | None = None) -> bool:
        """Keep an event of an expected type; False if its type isn't expected. `kind`: stands for this one of them."""
        kind = type(event) if kind is None else kind
        waiting = self.events.get(kind)
        if waiting is None:
            return False
        waiting.append(event)
        if len(waiting) <= self.needed[kind]:
            self.missing -= 1
        return True

    def slot_for(self, event: Event) -> type[Event] | None:
        """Which expected type an event stands for: its own, or the closest that it's derived from."""
        return next((kind for kind in type(event).__mro__ if kind in self.needed), None)

    def take(self) -> tuple[Event, ...] | None:
        """A full set in the expected order, if there is one; the earliest arrivals of each type."""
        if self.missing:
            return None
        taken = tuple(self.events[kind].popleft() for kind in self.expected)
        self.missing = sum(max(0, n - len(self.events[kind])) for kind, n in self.needed.items())
        return taken
