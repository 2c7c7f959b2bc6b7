"""What a deep run counts besides cases: lives, the orders in which tasks took turns, and where lives were cut short.

Tests that end a life themselves say so with `cut()`; whatever goes through `workflows.testing` is counted by
`watching.py`. Outside of a deep run nobody reads it.
"""

from collections import Counter
from typing import Literal, TypeAlias

import attrs

Cut: TypeAlias = Literal["tick", "write", "release", "suspension", "handover", "core"]
"""After a tick; at a write of a store; released, since all of it waits; suspended and stored, to go on elsewhere; left
by its runtime, or taken over from one that stalls; and in the core alone, between two ticks."""


@attrs.define
class Tally:
    """Figures that add up.

    Attributes:
        lives: How many event loops there were in virtual time, by backend.
        interleavings: A digest of each order in which tasks took turns and ticks came, by backend.
        cuts: From how many points a run was gone on with, by what they were.
        cancellations: At how many scheduling points a scenario was cancelled.
    """

    lives: Counter[str] = attrs.field(factory=Counter[str])
    interleavings: dict[str, set[int]] = attrs.field(factory=dict[str, set[int]])
    cuts: Counter[str] = attrs.field(factory=Counter[str])
    cancellations: int = 0

    def lived(self, backend: str, interleaving: int) -> None:
        """A life is over."""
        self.lives[backend] += 1
        self.interleavings.setdefault(backend, set()).add(interleaving)


TALLY = Tally()


def cut(what: Cut) -> None:
    """A life is cut short here, and another one goes on."""
    TALLY.cuts[what] += 1
