"""Plain `def` steps, which run in a thread: a loop of them, beside as many hops to a thread and back."""

from __future__ import annotations

from anyio import to_thread

from workflows import Workflow, step
from workflows.events import StopEvent

from .clock import seconds
from .stepping import Begin, Turn, timed_turns
from .workload import Workload, check, on_loop


class PlainLoop(Workflow):
    """One step that comes back to itself, and isn't async."""

    @step
    def turn(self, event: Begin | Turn) -> Turn | StopEvent:
        """Count down."""
        left = event.left if isinstance(event, Turn) else event.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


async def _plain_loop(size: int) -> float:
    return await timed_turns(PlainLoop(timeout=None), size)


def _count_down(event: Begin | Turn) -> Turn | StopEvent:
    left = event.left if isinstance(event, Turn) else event.turns
    return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


async def _hops(size: int) -> float:
    event: Begin | Turn | StopEvent = Begin(turns=size)
    start = seconds()
    while not isinstance(event, StopEvent):
        event = await to_thread.run_sync(_count_down, event)
    took = seconds() - start
    check(event.result, 1)
    return took


DEF_STEPS = (
    Workload(
        "def-loop",
        "plain def step of a loop; the floor is a hop to a thread and back",
        on_loop(_plain_loop),
        on_loop(_hops),
        sizes=(1_000, 10_000),
        quick_sizes=(300,),
    ),
)
