"""Without an event loop: the core's share of a step, and the making of an event."""

from __future__ import annotations

import attrs

from workflows.core.engine import Core
from workflows.core.ticks import RunStarted, StepReturned
from workflows.events import Event, StopEvent

from .clock import seconds
from .stepping import Begin, Loop, Turn
from .workload import Workload, check, off_loop


class Order(Event):
    """An event of three fields."""

    name: str
    cents: int
    paid: bool


@attrs.define
class PlainOrder:
    """The same, as attrs makes it."""

    name: str
    cents: int
    paid: bool


def _feed(size: int) -> float:
    """A loop's ticks, made beforehand: what is measured is `feed` alone."""
    definition = Loop(timeout=None).definition
    core = Core(definition.program, definition.codec)
    core.feed(RunStarted(1, 0.0, "run", Begin(turns=size), 0))
    ticks = [StepReturned(number + 1, 0.0, number, 1, (Turn(left=1),)) for number in range(1, size)]
    start = seconds()
    for tick in ticks:
        core.feed(tick)
    took = seconds() - start
    core.feed(StepReturned(size + 1, 0.0, size, 1, (StopEvent(result=1),)))
    outcome = core.state.outcome
    check(outcome is not None and outcome.result, StopEvent(result=1))
    return took


def _make_events(size: int) -> float:
    start = seconds()
    for _ in range(size):
        Order(name="a", cents=1, paid=True)
    return seconds() - start


def _make_plain_objects(size: int) -> float:
    start = seconds()
    for _ in range(size):
        PlainOrder(name="a", cents=1, paid=True)
    return seconds() - start


CORE_ALONE = (
    Workload("core", "step, the core alone", off_loop(_feed), sizes=(10_000, 1_000, 100_000), has_backend=False),
    Workload(
        "event",
        "event of three fields made",
        off_loop(_make_events),
        off_loop(_make_plain_objects),
        sizes=(50_000,),
        has_backend=False,
    ),
)
