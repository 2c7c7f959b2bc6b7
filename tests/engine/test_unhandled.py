"""An event that nobody takes is told of when it comes, to readers of internal events. (Semantics 19)"""

from typing import Any

import anyio
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import WorkflowStepDoesNotExistError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InternalDispatchEvent,
    StartEvent,
    StopEvent,
    UnhandledEvent,
    WorkflowIdleEvent,
)
from workflows.handler import WorkflowHandler
from workflows.runtime.reading import Reader

pytestmark = pytest.mark.anyio


class Note(Event):
    text: str = ""


class Part(Event):
    pass


async def told_of(reader: Reader) -> UnhandledEvent:
    """The next one that is told of."""
    while True:
        event = await anext(reader)
        if isinstance(event, UnhandledEvent):
            return event


class Waiting(Workflow):
    def __init__(self) -> None:
        super().__init__(types=[Note, Part])

    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.wait_for_event(HumanResponseEvent)
        note = await ctx.wait_for_event(Note)
        return StopEvent(result=note.text)


async def waiting(handler: WorkflowHandler[Any], reader: Reader) -> None:
    while not isinstance(await anext(reader), WorkflowIdleEvent):
        pass


async def test_an_event_from_outside_that_nobody_takes_is_told_of_at_once_and_kept() -> None:
    with anyio.fail_after(5):
        handler = Waiting().run()
        reader = handler.stream_events(expose_internal=True)
        await waiting(handler, reader)
        await handler.send_event(Note(text="early"))
        assert await told_of(reader) == UnhandledEvent(
            event_type="Note", qualified_name=f"{__name__}.Note", step_name=None, idle=True
        )
        await handler.send_event(HumanResponseEvent())
        assert await handler == "early"
        assert not [event async for event in reader if isinstance(event, UnhandledEvent)]


async def test_an_event_that_a_step_sends_and_nobody_takes_is_told_of_while_the_step_is_at_work() -> None:
    class Sending(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            ctx.send_event(StopEvent(result="sent"))
            return StopEvent(result="returned")

    with anyio.fail_after(5):
        handler = Sending().run()
        events = [event async for event in handler.stream_events(expose_internal=True)]
        assert await handler == "returned"
    unhandled = [event for event in events if isinstance(event, UnhandledEvent)]
    assert [(event.event_type, event.idle) for event in unhandled] == [("StopEvent", False)]
    assert events.index(unhandled[0]) == 1  # right after the step began


async def test_what_a_step_that_takes_a_list_ignores_is_told_of_with_its_name() -> None:
    class Joining(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> list[Part]:
            ctx.send_event(Part())
            return [Part()]

        @step
        async def join(self, parts: list[Part]) -> StopEvent:
            return StopEvent(result=len(parts))

    with anyio.fail_after(5):
        handler = Joining().run()
        events = [event async for event in handler.stream_events(expose_internal=True)]
        assert await handler == 1
    told = [(event.event_type, event.step_name) for event in events if isinstance(event, UnhandledEvent)]
    assert told[0] == ("Part", "join")


async def test_an_event_that_was_refused_is_not_told_of() -> None:
    with anyio.fail_after(5):
        handler = Waiting().run()
        reader = handler.stream_events(expose_internal=True)
        await waiting(handler, reader)
        with pytest.raises(WorkflowStepDoesNotExistError):
            await handler.send_event(Note(), "nowhere")
        for answer in HumanResponseEvent(), Note():
            await handler.send_event(answer)
            await wait_until_all_wait()
        await handler
        assert not [event async for event in reader if isinstance(event, UnhandledEvent)]


async def test_other_readers_are_not_told() -> None:
    with anyio.fail_after(5):
        handler = Waiting().run()
        internal = handler.stream_events(expose_internal=True, after=0)
        reader = handler.stream_events()
        await waiting(handler, internal)
        await handler.send_event(Note())
        await handler.send_event(HumanResponseEvent())
        await handler
        assert not [event async for event in reader if isinstance(event, InternalDispatchEvent)]
