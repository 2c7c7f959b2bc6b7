"""A run that is over is gone when nobody holds it any more: no ring in it waits for the garbage collector."""

import gc
from collections.abc import Generator
from typing import Any
from weakref import ref

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.runtime.run import Run


class Said(HumanResponseEvent):
    number: int


class Asked(InputRequiredEvent, answer=Said):
    what: str


class Part(Event):
    number: int


class Many(Workflow):
    """Does its parts at once, each of which asks, and joins them."""

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(ev["parts"]):
            ctx.send_event(Part(number=number))
        return None

    @step
    async def work(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
        ctx.write_event_to_stream(ev)
        said = await ctx.ask(Asked(what=f"part {ev.number}"))
        return StopEvent(result=said.number) if said.number == 0 else None


@pytest.fixture
def no_collector() -> Generator[None]:
    """Leave it to reference counts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.guarantee("D4")
@pytest.mark.anyio
@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("ends_by", ["its result", "being cancelled", "being cancelled before it begins"])
async def test_a_run_that_is_over_leaves_nothing_to_the_garbage_collector(parts: int, ends_by: str) -> None:
    async def live() -> ref[Run]:
        handler: WorkflowHandler[Any] = Many(types=[Asked, Said]).run(parts=parts)
        if ends_by != "being cancelled before it begins":
            await wait_until_all_wait()
        if ends_by == "its result":
            async for event in handler.stream_events():
                if isinstance(event, Asked):
                    break
            for number, question in enumerate(reversed(handler.pending), start=1 - parts):
                await handler.send_event(Said(number=number), reply_to=question.id)
            assert await handler == 0
        else:
            await handler.cancel_run()
        return ref(handler.run)

    with anyio.fail_after(5):
        run = await live()
        await wait_until_all_wait()
    assert run() is None


@pytest.mark.anyio
async def test_a_task_that_outlives_its_step_finds_no_context_any_more() -> None:
    over = anyio.Event()
    told: list[Exception] = []

    class Leaving(Workflow):
        @step
        async def leave(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            group.start_soon(look)
            await checkpoint()
            return StopEvent()

    async def look() -> None:
        await over.wait()
        try:
            Context[Any].get_step_context()
        except ContextStateError as error:
            told.append(error)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            await Leaving().run()
            over.set()
    (error,) = told
    assert "over" in str(error)
