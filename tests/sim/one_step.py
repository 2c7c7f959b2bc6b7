"""A workflow of one step that does what it's given, and somebody who answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio

from tests.sim.living import Backend
from tests.sim.operations import Ask, Reply, Shown
from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import simulate

Body: TypeAlias = Callable[[Context, Counter[str]], Awaitable[object]]


class OneStep(Workflow):
    """Does what it's given, and counts."""

    def __init__(self, body: Body, **options: Any) -> None:
        super().__init__(options.pop("timeout", None), types=[Ask, Reply, Shown], **options)
        self.body = body
        self.counts: Counter[str] = Counter()

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.counts["calls"] += 1
        return StopEvent(result=await self.body(ctx, self.counts))


async def answered(handler: WorkflowHandler, *, after_s: float = 1.0) -> object:
    """Answer whatever comes to be asked, one question at a time, and give what the run comes to."""
    while not handler.is_done():
        await anyio.sleep(after_s)
        for question in handler.pending[:1]:
            assert isinstance(question.event, Ask)
            await handler.send_event(Reply(text=f"to {question.event.what}"), reply_to=question.id)
    return await handler


def run(body: Body, backend: Backend, *, seed: int = 0, **options: Any) -> tuple[object, Counter[str]]:
    """Run a one-step workflow to its end, its questions answered after a second each."""
    flow = OneStep(body, **options)
    return simulate(lambda: answered(flow.run()), backend=backend, seed=seed), flow.counts
