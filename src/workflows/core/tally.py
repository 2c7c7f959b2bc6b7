"""The tally: what each step has done in a run, counted as it happens.

Its size is bounded by the number of steps and of event classes, however long a run lives. It's on the hot path, so what
can be derived isn't counted: attempts are those that finished, failed, were interrupted, or are at work. And most steps
take events of one class and give those of another, so the first class that comes is counted without a dict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from ..events import CollectionReleaseEvent, Event
from .empty import EMPTY, with_item

Kind: TypeAlias = type[Event] | str
"""A class of events, or the stored name of one that isn't there any more."""


@attrs.define(weakref_slot=False)
class Counts:
    """How many events of each class: of the first one that came, and of others."""

    kind: Kind | None = None
    number: int = 0
    others: dict[Kind, int] = EMPTY

    def add(self, kind: Kind, number: int = 1) -> None:
        """Count so many more."""
        if self.kind is None:
            self.kind = kind
        if kind == self.kind:
            self.number += number
        else:
            self.others = with_item(self.others, kind, self.others.get(kind, 0) + number)

    def items(self) -> Iterator[tuple[Kind, int]]:
        """The classes, in the order in which they first came, and how many."""
        if self.kind is not None:
            yield self.kind, self.number
        yield from self.others.items()


@attrs.define(weakref_slot=False)
class Tally:
    """What a step has done, but for the attempts that are at work."""

    finished: int = 0
    failures: int = 0
    interrupted: int = 0  # suspended, or cancelled with their run
    seconds: float = 0.0
    took: Counts = attrs.field(factory=Counts)
    gave: Counts = attrs.field(factory=Counts)

    def take(self, event: Event) -> None:
        """Count what the step takes: an event, or each of several at once."""
        for taken in event.events if isinstance(event, CollectionReleaseEvent) else (event,):
            self.took.add(type(taken))

    def spend(self, since: float, at: float) -> None:
        """An attempt was at work; a clock that was set back doesn't count."""
        if at > since:
            self.seconds += at - since
