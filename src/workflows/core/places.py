"""Places: where an event or an execution stands, and what has happened to it on its way there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs

Recoveries: TypeAlias = tuple[tuple[str, int], ...]
"""By `@catch_error` handler: how often it has taken over on the way to an event."""


@attrs.frozen
class Place:
    """Where an event or an execution stands: in which batch (0: in none), and which of its members it came from.

    What comes of an event has its place, unless a step opens or joins a batch; and it always has its `recoveries`.
    """

    batch: int = 0
    member: int = 0
    recoveries: Recoveries = ()

    def recovered_by(self, handler: str) -> Place:
        """The same place, after one more recovery."""
        counted = dict(self.recoveries)
        counted[handler] = counted.get(handler, 0) + 1
        return Place(self.batch, self.member, tuple(sorted(counted.items())))

    def after(self, places: Iterable[Place]) -> Place:
        """The same place, for what comes of several events: of each handler's recoveries, the most that one had."""
        merged = dict(self.recoveries)
        for place in places:
            for handler, count in place.recoveries:
                merged[handler] = max(count, merged.get(handler, 0))
        return self if len(merged) == 0 else Place(self.batch, self.member, tuple(sorted(merged.items())))

    @property
    def outside(self) -> Place:
        """In no batch, with the same recoveries: where what a step sends stands."""
        return Place(recoveries=self.recoveries) if self.recoveries else OUTSIDE


OUTSIDE = Place()
"""In no batch, and never recovered."""
