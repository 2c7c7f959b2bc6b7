"""Replay: a step that has recorded much is run again from the beginning, after its run was restored and answered."""

from __future__ import annotations

import json
from typing import Any

from workflows import Context, Workflow, step
from workflows.events import StopEvent

from .clock import seconds
from .stepping import Begin
from .suspending import Approval, Approved
from .workload import Workload, check, on_loop


class Recording(Workflow):
    """Records as many values as it's told to, then asks, and adds them up."""

    calls = 0

    async def _value(self) -> int:
        self.calls += 1
        return 1

    @step
    async def record(self, ctx: Context[Any], event: Begin) -> StopEvent:
        """Record, ask, add."""
        total = 0
        for number in range(event.turns):
            total += await ctx.once(self._value, key=str(number))
        answer = await ctx.ask(Approval(what="go on?"))
        return StopEvent(result=total if answer.ok else 0)


async def _replay(size: int) -> float:
    """Seconds from the answer to the end: the step is run again, and given what it has recorded."""
    workflow = Recording(timeout=None, types=[Approval, Approved])
    handler = workflow.run(turns=size)
    async for event in handler.stream_events():
        if isinstance(event, Approval):
            break
    text = json.dumps(handler.ctx.to_dict())
    resumed = workflow.run(ctx=Context[Any].from_dict(workflow, json.loads(text)))
    start = seconds()
    await resumed.send_event(Approved(ok=True), reply_to=resumed.pending[0].id)
    result = await resumed
    took = seconds() - start
    check((result, workflow.calls), (size, size))
    await handler.cancel_run()
    return took


REPLAYING = (
    Workload(
        "replay",
        "record of a step that is replayed",
        on_loop(_replay),
        sizes=(1_000, 100, 10_000),
        quick_sizes=(200,),
    ),
)
