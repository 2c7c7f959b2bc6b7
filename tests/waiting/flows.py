"""Workflows that wait, and how they're taken through JSON into another life."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio

from tests.deep.tally import cut
from workflows import Context, Workflow
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent
from workflows.handler import WorkflowHandler


class Said(HumanResponseEvent):
    """An answer."""

    number: int


class Asked(InputRequiredEvent, answer=Said):
    """A question."""

    what: str


class Shown(Event):
    """Something for the stream."""

    what: str


class Paid(Event):
    """An ordinary event that a step waits for."""

    cents: int


TYPES: tuple[type, ...] = (Asked, Said, Paid, Shown)


async def settle() -> None:
    """Let everything go on until it waits."""
    await anyio.wait_all_tasks_blocked()


def kept(handler: WorkflowHandler) -> dict[str, Any]:
    """A snapshot, through JSON text."""
    data: dict[str, Any] = json.loads(json.dumps(handler.ctx.to_dict(), allow_nan=False))
    return data


async def reborn(handler: WorkflowHandler, make: Callable[[], Workflow]) -> WorkflowHandler:
    """End a run, and go on with it from JSON, with another instance of the workflow."""
    cut("suspension")
    await settle()
    data = kept(handler)
    await handler.cancel_run()
    workflow = make()
    return workflow.run(ctx=Context.from_dict(workflow, data))


def question_about(handler: WorkflowHandler, what: str) -> str:
    """The id of the open question about something."""
    return next(found.id for found in handler.pending if isinstance(found.event, Asked) and found.event.what == what)
