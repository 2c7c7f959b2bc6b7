"""Injecting: a step of a loop that is given a resource, made once for the workflow, or opened for each call."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from workflows import Workflow, step
from workflows.events import StopEvent
from workflows.resource import Resource

from .clock import seconds
from .stepping import Begin, Turn
from .workload import Sample, Workload, check, on_loop


class Client:
    """What is injected."""

    closed = 0


def _made() -> Client:
    return Client()


@asynccontextmanager
async def _opened() -> AsyncGenerator[Client]:
    client = Client()
    yield client
    Client.closed += 1


class Injecting(Workflow):
    """A loop whose step is given a resource that was made once."""

    @step
    async def turn(self, event: Begin | Turn, client: Annotated[Client, Resource(_made)]) -> Turn | StopEvent:
        """Count down."""
        left = event.left if isinstance(event, Turn) else event.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


class Opening(Workflow):
    """The same with a resource that is opened and closed around each call."""

    @step
    async def turn(
        self, event: Begin | Turn, client: Annotated[Client, Resource(_opened, cache=False)]
    ) -> Turn | StopEvent:
        """Count down."""
        left = event.left if isinstance(event, Turn) else event.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


def _ours(workflow_class: type[Workflow]) -> Sample:
    async def loop(size: int) -> float:
        workflow = workflow_class(timeout=None)
        workflow.validate()
        before = Client.closed
        start = seconds()
        result = await workflow.run(turns=size)
        took = seconds() - start
        check(result, 1)
        check(Client.closed - before, size if workflow_class is Opening else 0)
        return took

    return on_loop(loop)


INJECTING = (
    Workload("cached-resource", "step with a resource that was made once", _ours(Injecting), sizes=(10_000,)),
    Workload(
        "opened-resource",
        "step with a resource that is opened and closed around it",
        _ours(Opening),
        sizes=(10_000,),
        quick_sizes=(500,),
    ),
)
