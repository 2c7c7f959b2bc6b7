"""A worker thread that an async step calls acts for no task: the same on both backends."""

from typing import Any

import anyio
import pytest
from anyio import to_thread

from workflows import Context, Workflow, step
from workflows.errors import UsageError
from workflows.events import Event, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Word(Event):
    number: int


class Threaded(Workflow):
    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        def act() -> None:
            ctx.write_event_to_stream(Word(number=1))
            if ev.draws:
                ctx.uuid4()

        await to_thread.run_sync(act)
        return StopEvent(result=str(ctx.uuid4()))


async def test_what_content_tells_apart_can_be_done_from_a_thread() -> None:
    with anyio.fail_after(5):
        handler = Threaded(types=[Word]).run(draws=False)
        await handler
        assert [type(event) async for event in handler.stream_events()] == [Word, StopEvent]


@pytest.mark.guarantee("W7")
async def test_what_only_order_tells_apart_is_refused_from_a_thread() -> None:
    """On Trio it was recorded for the task that waited for the thread, on asyncio it was refused."""
    with anyio.fail_after(5), pytest.raises(UsageError, match="or a worker thread, that step 'work' started"):
        await Threaded(types=[Word]).run(draws=True)
