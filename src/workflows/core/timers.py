"""Timers: instants at which something of a run falls due.

A heap with lazy deletion: setting and dropping a timer costs no search; dropped entries leave when they come to the
top.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TypeAlias

import attrs

from .empty import EMPTY, EMPTY_LIST

TimerKey: TypeAlias = tuple[str, int | str]  # ("question", its id), ("retry", execution), ("grace", execution)


@attrs.define(weakref_slot=False)
class Timers:
    """The timers of a run, by key."""

    due: dict[TimerKey, float] = EMPTY
    heap: list[tuple[float, str, str, TimerKey]] = attrs.field(default=EMPTY_LIST, eq=False, repr=False)

    def set(self, key: TimerKey, at: float) -> None:
        """Set or move a timer."""
        if not self.due:
            self.due, self.heap = {}, []
        self.due[key] = at
        heappush(self.heap, (at, key[0], str(key[1]), key))
        if len(self.heap) > 64 and len(self.heap) > 2 * len(self.due):
            self._rebuild()

    def drop(self, key: TimerKey) -> None:
        """Drop a timer; one that isn't set stays so."""
        if self.due.pop(key, None) is not None and not self.due:
            self.clear()

    def next_at(self) -> float | None:
        """When the next timer is due."""
        heap = self.heap
        while heap and self.due.get(heap[0][3]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now: float) -> list[TimerKey]:
        """Take out all timers that are due, the earliest first."""
        taken: list[TimerKey] = []
        while (at := self.next_at()) is not None and at <= now:
            key = heappop(self.heap)[3]
            taken.append(key)
            self.drop(key)
        return taken

    def clear(self) -> None:
        """Drop all."""
        self.due, self.heap = EMPTY, EMPTY_LIST

    def _rebuild(self) -> None:
        self.heap = [(at, key[0], str(key[1]), key) for key, at in self.due.items()]
        heapify(self.heap)
