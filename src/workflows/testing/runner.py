"""Running a workflow in a test, with everything that it published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Generic

import attrs

from ..context import Context
from ..events import Event, EventType, StartEvent
from ..types import ResultT_co
from ..workflow import Workflow

NO_INPUTS = StartEvent()


@attrs.frozen(eq=False)
class WorkflowTestResult(Generic[ResultT_co]):
    """What came of a run.

    Attributes:
        collected: The events that it published, in order.
        event_types: How many there are of each class.
        result: What awaiting the run gives.
        ctx: Its context, for a look at `ctx.store` or for another run.
    """

    collected: list[Event]
    event_types: dict[EventType, int]
    result: ResultT_co
    ctx: Context[Any]


class WorkflowTestRunner(Generic[ResultT_co]):
    """Runs a workflow to its end, and gives what it published beside its result.

    It works in any test, on asyncio and on Trio, and in `simulate`.

    Args:
        workflow: The workflow.
    """

    def __init__(self, workflow: Workflow[Any, ResultT_co]) -> None:
        self._workflow = workflow

    async def run(
        self,
        start_event: StartEvent = NO_INPUTS,
        ctx: Context[Any] | None = None,
        expose_internal: bool = True,
        exclude_events: Collection[EventType] | None = None,
    ) -> WorkflowTestResult[ResultT_co]:
        """Run the workflow, and wait for its end. Cancelling it ends the run.

        A run that asks somebody waits for an answer from elsewhere: answer it in a task beside this one, with
        `ctx.send_event()`.

        Args:
            start_event: The event to start with; by default one of the workflow's start class, without inputs.
            ctx: A context to go on with.
            expose_internal: Also collect the events in which the engine tells of itself.
            exclude_events: Classes whose events aren't collected; exactly these, subclasses are.

        Raises:
            Exception: What the run failed with.
        """
        given = None if start_event is NO_INPUTS else start_event
        excluded = frozenset(exclude_events or ())
        async with self._workflow.running(ctx, given) as handler:
            reader = handler.stream_events(expose_internal=expose_internal)
            collected = [event async for event in reader if type(event) not in excluded]
            result = await handler
        return WorkflowTestResult(collected, dict(Counter(map(type, collected))), result, handler.ctx)
