"""The tally: what each step has done in a run, counted as it happens.

Its size is bounded by the number of steps and of event classes, however long a run lives. It's on the hot path, so what
can be derived isn't counted: attempts are those that finished, failed, were interrupted, or are at work. And where an
event is counted for each step, it's `try` and `except KeyError`, which asks the dict once less than `in` does.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from ..events import CollectionReleaseEvent, Event

Kind: TypeAlias = type[Event] | str
"""A class of events, or the stored name of one that isn't there any more."""
Counts: TypeAlias = dict[Kind, int]


@attrs.define
class Tally:
    """What a step has done, but for the attempts that are at work."""

    finished: int = 0
    failures: int = 0
    interrupted: int = 0  # suspended, or cancelled with their run
    seconds: float = 0.0
    took: Counts = attrs.field(factory=dict[Kind, int])
    gave: Counts = attrs.field(factory=dict[Kind, int])

    def take(self, event: Event) -> None:
        """Count what the step takes: an event, or each of several at once."""
        for taken in event.events if isinstance(event, CollectionReleaseEvent) else (event,):
            count(self.took, taken)

    def spend(self, since: float, at: float) -> None:
        """An attempt was at work; a clock that was set back doesn't count."""
        if at > since:
            self.seconds += at - since


def count(counts: Counts, event: Event) -> None:
    """Count an event."""
    kind = type(event)
    counts[kind] = counts.get(kind, 0) + 1
