"""What is to be reached, and what the floor and the primitives cost on the machine that the goals were set on."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .backends import NO_BACKEND

PairOfBackends = Mapping[str, float]


def _both(asyncio: float, trio: float) -> PairOfBackends:
    return {"asyncio": asyncio, "trio": trio}


def _neutral(figure: float) -> PairOfBackends:
    return {NO_BACKEND: figure}


@attrs.frozen
class Goal:
    """At most so much, for a workload of this size; in the workload's unit."""

    size: int
    at_most: PairOfBackends


GATES: Mapping[str, Goal] = {"loop": Goal(10_000, _both(20, 25))}
"""What no change may miss."""

GOALS: Mapping[str, Goal] = {
    "loop": Goal(10_000, _both(15, 18)),
    "core": Goal(10_000, _neutral(4)),
    "event": Goal(50_000, _neutral(0.6)),
    "fan-out": Goal(1_000, _both(25, 28)),
    "concurrent": Goal(1_000, _both(180, 180)),
    "stream": Goal(100_000, _both(3, 3)),
    "trip": Goal(200, _both(500, 500)),
    "waiting-run": Goal(10_000, _both(4_096, 4_096)),
    "durable": Goal(2_000, _both(100, 100)),
    "import": Goal(3, _neutral(120)),
}
"""What the design aims at. On a slower machine the ratio to the floor counts."""

FLOOR_GOALS: Mapping[str, float] = {"durable": 5}
"""At most so many times the floor."""

GROWTH_AT_MOST = 1.2
GROWTH_FROM = 1_000
GROWTH_FROM_FEW: Mapping[str, int] = {"durable-after": 10}
"""Where growth counts from, for those whose figures are the cost of one item after so many."""

FLOOR_THEN: Mapping[str, PairOfBackends] = {
    "loop": _both(4.5, 5.1),
    "fan-out": _both(7.1, 7.4),
    "concurrent": _both(80, 80),
    "one-step": _both(88, 88),
    "trip": _both(215, 215),
    "stream": _both(0.63, 0.63),
}
"""A floor of the same kind as ours, on the machine of the goals."""

PRIMITIVES_THEN: Mapping[str, PairOfBackends] = {
    "await": _both(0.08, 0.08),
    "checkpoint": _both(3.3, 4.0),
    "native-checkpoint": _both(2.2, 3.5),
    "spawn": _both(25.0, 20.6),
    "native-spawn": _both(4.2, 6.6),
    "hop": _both(6.8, 7.9),
}
"""The primitives, on the machine of the goals."""
