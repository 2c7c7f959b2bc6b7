"""Running a workflow in a test, with everything that it published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Generic

import anyio
import attrs

from ..context import Context
from ..events import Event, EventType, StartEvent
from ..handler import WorkflowHandler
from ..types import ResultT_co
from ..workflow import Workflow
from .answering import Answerer, Answering, Answers, InOrder
from .process import observe

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
        *,
        answers: Answers | None = None,
    ) -> WorkflowTestResult[ResultT_co]:
        """Run the workflow, and wait for its end. Cancelling it ends the run.

        A run that asks somebody is given `answers`, or waits for one from elsewhere: answer it in a task beside this
        one, with `ctx.send_event()`.

        Args:
            start_event: The event to start with; by default one of the workflow's start class, without inputs.
            ctx: A context to go on with.
            expose_internal: Also collect the events in which the engine tells of itself.
            exclude_events: Classes whose events aren't collected; exactly these, subclasses are.
            answers: A function from a `Question` to the event that answers it, or to None, which leaves it open. Or a
                mapping from classes of questions, or of answers, to an event or to a list of events: for the first such
                question, the second, and so on.

        Raises:
            Exception: What the run failed with.
            UsageError: A question didn't take its answer, or a list of them is used up.
        """
        context: Context[Any] = Context(self._workflow) if ctx is None else ctx
        answerer = Answerer(Answering(answers or {}), InOrder())
        if answers is not None:
            observe(context, lambda _tick, _commands: answerer.something_happened())
        given = None if start_event is NO_INPUTS else start_event
        read = _Read(expose_internal, frozenset(exclude_events or ()))
        async with self._workflow.running(context, given) as handler:
            if answers is None:
                await read.all(handler)
            else:
                await read.all_while_answered(handler, answerer)
            result = await handler
        return WorkflowTestResult(read.events, dict(Counter(map(type, read.events))), result, handler.ctx)


@attrs.define
class _Read:
    """What is read of a stream."""

    expose_internal: bool
    excluded: frozenset[EventType]
    events: list[Event] = attrs.field(factory=list[Event])

    async def all(self, handler: WorkflowHandler[Any]) -> None:
        """Read it to its end."""
        async for event in handler.stream_events(expose_internal=self.expose_internal):
            if type(event) not in self.excluded:
                self.events.append(event)

    async def all_while_answered(self, handler: WorkflowHandler[Any], answerer: Answerer) -> None:
        """Read it to its end, while the run is answered."""
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(answerer.keep_answering, handler, group.cancel_scope)
            try:
                await self.all(handler)
            except Exception as error:
                failure = error
            group.cancel_scope.cancel()
        failure = answerer.failure or failure
        if failure is not None:
            raise failure
