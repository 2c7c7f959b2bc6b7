"""R3: what a step writes without a pause is told to the core at once, and nobody can tell."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from weakref import WeakSet

import anyio
import pytest
from anyio import to_thread
from anyio.lowlevel import checkpoint

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.core.commands import Command
from workflows.core.ticks import BurstStreamed, EventStreamed, Tick
from workflows.errors import UsageError, WorkflowTimeoutError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    InternalDispatchEvent,
    StartEvent,
    StepStateChanged,
    StopEvent,
)
from workflows.runtime.burst import LONGEST
from workflows.testing import simulate
from workflows.testing.backends import Backend
from workflows.testing.process import observe

pytestmark = [pytest.mark.anyio, pytest.mark.guarantee("R3")]


class Word(Event):
    number: int
    notes: list[str] | None = None


class Approved(HumanResponseEvent):
    ok: bool


class Approval(InputRequiredEvent, answer=Approved):
    what: str


class Talking(Workflow):
    """Does what it's told to with its context."""

    def __init__(self, talk: Callable[[Context[Any]], object], **options: Any) -> None:
        super().__init__(types=[Word, Approval, Approved], **options)
        self.talk = talk
        self.over = anyio.Event()

    @step
    async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        self.talk(ctx)
        await self.over.wait()
        return StopEvent()


def words(ctx: Context[Any], count: int = 5) -> None:
    for number in range(count):
        ctx.write_event_to_stream(Word(number=number))


def ticks_of(context: Context[Any]) -> list[Tick]:
    found: list[Tick] = []

    def note(tick: Tick, _commands: list[Command]) -> None:
        found.append(tick)

    observe(context, note)
    return found


async def numbers(events: Any) -> list[int]:
    return [event.number async for event in events if isinstance(event, Word)]


async def test_what_is_written_without_a_pause_is_one_tick() -> None:
    workflow = Talking(words)
    context: Context[Any] = Context(workflow)
    ticks = ticks_of(context)
    workflow.over.set()
    await workflow.run(ctx=context)
    (burst,) = [tick for tick in ticks if isinstance(tick, BurstStreamed | EventStreamed)]
    assert isinstance(burst, BurstStreamed)
    assert [event.number for event in burst.events if isinstance(event, Word)] == [0, 1, 2, 3, 4]


async def test_one_that_never_pauses_tells_of_what_it_has_written_now_and_then() -> None:
    workflow = Talking(lambda ctx: words(ctx, 2 * LONGEST + 1), stream_history=3)
    context: Context[Any] = Context(workflow)
    ticks = ticks_of(context)
    workflow.over.set()
    handler = workflow.run(ctx=context)
    await handler
    streamed = [tick for tick in ticks if isinstance(tick, BurstStreamed | EventStreamed)]
    assert [len(tick.events) if isinstance(tick, BurstStreamed) else 1 for tick in streamed] == [LONGEST, LONGEST, 1]
    assert await numbers(handler.stream_events(after=2 * LONGEST)) == [2 * LONGEST]


async def test_for_digests_nothing_is_kept_that_the_log_has_forgotten() -> None:
    living: WeakSet[Word] = WeakSet()
    most = 0

    def talk(ctx: Context[Any]) -> None:
        nonlocal most
        for number in range(8 * LONGEST):
            word = Word(number=number)
            living.add(word)
            ctx.write_event_to_stream(word)
            most = max(most, len(living))

    workflow = Talking(talk, stream_history=LONGEST)
    workflow.over.set()
    await workflow.run()
    assert LONGEST < most <= 4 * LONGEST, "those of the log, of the burst, and as many without a digest"


async def test_a_reader_that_waits_is_woken_by_the_first_event_of_a_burst() -> None:
    may_speak = anyio.Event()

    class Waiting(Talking):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await may_speak.wait()
            words(ctx)
            await self.over.wait()
            return StopEvent()

    workflow = Waiting(words)
    handler = workflow.run()
    seen: list[int] = []

    async def read() -> None:
        async for event in handler.stream_events():
            if isinstance(event, Word):
                seen.append(event.number)  # noqa: PERF401  (looked at meanwhile)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await wait_until_all_wait()
        may_speak.set()
        await wait_until_all_wait()
        assert seen == [0, 1, 2, 3, 4]
        workflow.over.set()
        await handler


async def test_a_reader_that_comes_later_sees_what_nobody_has_looked_at() -> None:
    workflow = Talking(words)
    handler = workflow.run()
    await wait_until_all_wait()
    late = handler.stream_events(after=3)
    assert [(await anext(late)).number, (await anext(late)).number] == [3, 4]  # type: ignore[attr-defined]
    assert late.position == 5
    workflow.over.set()
    await handler


async def test_a_snapshot_has_what_was_written_before_it() -> None:
    workflow = Talking(words)
    handler = workflow.run()
    await wait_until_all_wait()
    stored = json.loads(json.dumps(handler.ctx.to_dict()))
    assert stored["streamed"] == 5
    await handler.cancel_run()
    again = Talking(words)
    again.over.set()
    resumed = again.run(ctx=Context.from_dict(again, stored))
    await resumed
    assert await numbers(resumed.stream_events()) == [], "the replay writes none of it again"


@pytest.mark.guarantee("W1")
async def test_each_event_is_recorded_as_it_was_when_it_was_written() -> None:
    def talk(ctx: Context[Any]) -> None:
        word = Word(number=1, notes=["first"])
        ctx.write_event_to_stream(word)
        assert word.notes is not None
        word.notes.append("second")
        ctx.write_event_to_stream(word)

    first = Talking(talk)
    handler = first.run()
    await wait_until_all_wait()
    stored = json.loads(json.dumps(handler.ctx.to_dict()))
    await handler.cancel_run()
    again = Talking(talk)
    again.over.set()
    await again.run(ctx=Context.from_dict(again, stored))


async def test_what_a_burst_stands_between_stays_in_its_order() -> None:
    class Mixed(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> Word | StopEvent:
            ctx.write_event_to_stream(Word(number=1))
            ctx.write_event_to_stream(Word(number=2))
            ctx.send_event(Word(number=10))
            ctx.write_event_to_stream(Word(number=3))
            async with ctx.branch("aside"):
                ctx.write_event_to_stream(Word(number=4))
            ctx.write_event_to_stream(Word(number=5))
            return StopEvent()

        @step
        async def hear(self, ev: Word) -> None:
            pass

    workflow = Mixed()
    context: Context[Any] = Context(workflow)
    ticks = ticks_of(context)
    handler = workflow.run(ctx=context)
    await handler
    assert await numbers(handler.stream_events()) == [1, 2, 3, 4, 5]
    names = [type(tick).__name__ for tick in ticks]
    assert names[1:6] == ["BurstStreamed", "EventSent", "EventStreamed", "EventStreamed", "EventStreamed"]


async def test_internal_events_stand_behind_what_was_written_before_them() -> None:
    workflow = Talking(words)
    handler = workflow.run()
    events = handler.stream_events(expose_internal=True)
    workflow.over.set()
    await handler
    seen = [event async for event in events]
    places = [place for place, event in enumerate(seen) if isinstance(event, StepStateChanged)]
    first_word = next(place for place, event in enumerate(seen) if isinstance(event, Word))
    last_word = max(place for place, event in enumerate(seen) if isinstance(event, Word))
    assert places[0] < first_word
    assert last_word < places[-1]


async def test_tasks_of_one_step_that_write_by_turns_keep_their_order() -> None:
    class Both(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            turn = [anyio.Event(), anyio.Event(), anyio.Event()]

            async def aside() -> None:
                async with ctx.branch("aside"):
                    await turn[0].wait()
                    ctx.write_event_to_stream(Word(number=2))
                    turn[1].set()

            async with anyio.create_task_group() as group:
                group.start_soon(aside)
                ctx.write_event_to_stream(Word(number=1))
                turn[0].set()
                await turn[1].wait()
                ctx.write_event_to_stream(Word(number=3))
            return StopEvent()

    handler = Both().run()
    await handler
    assert await numbers(handler.stream_events()) == [1, 2, 3]


async def test_a_clock_that_fails_is_the_writers_affair() -> None:
    is_broken = [False]

    def now() -> datetime:
        if is_broken[0]:
            raise OSError("no clock")
        return datetime(2026, 1, 1, tzinfo=UTC)

    heard: list[str] = []

    def talk(ctx: Context[Any]) -> None:
        is_broken[0] = True
        try:
            words(ctx)
        except OSError as error:
            heard.append(str(error))
        is_broken[0] = False

    workflow = Talking(talk, clock=now)
    workflow.over.set()
    handler = workflow.run()
    await handler
    assert heard == ["no clock"]
    assert await numbers(handler.stream_events()) == []


class Cleaning(Workflow):
    """Writes, and when it's cancelled writes more."""

    @step
    async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        words(ctx, 2)
        try:
            await anyio.sleep_forever()
        finally:
            words(ctx, 3)
        return StopEvent()


async def test_what_clean_up_writes_when_the_run_is_cancelled_from_outside_comes_to_nothing() -> None:
    async with Cleaning().running() as handler:
        await wait_until_all_wait()
    assert await numbers(handler.stream_events()) == [0, 1]


async def test_what_clean_up_writes_when_the_budget_is_spent_comes_to_nothing(anyio_backend_name: Backend) -> None:
    seen: list[Event] = []

    async def scenario() -> None:
        handler = Cleaning(timeout=60).run()
        with pytest.raises(WorkflowTimeoutError):
            await handler
        seen.extend([event async for event in handler.stream_events()])

    await to_thread.run_sync(partial(simulate, scenario, backend=anyio_backend_name))
    assert [event.number for event in seen if isinstance(event, Word)] == [0, 1]


async def test_what_the_function_of_a_once_writes_belongs_to_the_once() -> None:
    class Careful(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            words(ctx, 2)
            await ctx.once(words, ctx, 1)
            words(ctx, 1)
            approved = await ctx.wait_for_event(Approved)
            return StopEvent(result=approved.ok)

    workflow = Careful(types=[Word, Approved])
    handler = workflow.run()
    await wait_until_all_wait()
    snapshot = handler.ctx.to_dict()
    await handler.cancel_run()
    assert await numbers(handler.stream_events()) == [0, 1, 0, 0]
    resumed = workflow.run(ctx=Context[Any].from_dict(workflow, snapshot))
    await resumed.send_event(Approved(ok=True))
    assert await resumed is True
    assert await numbers(resumed.stream_events()) == []


async def test_what_is_no_event_is_refused_in_the_middle_of_a_burst() -> None:
    def talk(ctx: Context[Any]) -> None:
        words(ctx, 2)
        with pytest.raises(UsageError, match="'nothing'"):
            ctx.write_event_to_stream("nothing")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        words(ctx, 1)

    workflow = Talking(talk)
    workflow.over.set()
    handler = workflow.run()
    await handler
    assert await numbers(handler.stream_events()) == [0, 1, 0]


async def test_a_task_without_a_branch_breaks_into_the_burst_of_the_steps_own() -> None:
    class Both(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            spoken = anyio.Event()

            async def aside() -> None:
                words(ctx, 2)
                spoken.set()

            async with anyio.create_task_group() as group:
                group.start_soon(aside)
                words(ctx, 2)
                await spoken.wait()
                words(ctx, 2)
            return StopEvent()

    handler = Both().run()
    told = ticks_of(handler.ctx)
    await handler
    assert [tick.branch for tick in told if isinstance(tick, EventStreamed | BurstStreamed)] == ["", None, ""]


async def test_a_child_tells_of_each_event_where_it_stands_among_those_of_its_run() -> None:
    class Child(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            words(ctx, 2)
            await checkpoint()
            ctx.write_event_to_stream(Word(number=2))
            return StopEvent()

    child = Child()

    class Parent(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(Word(number=-1))
            await ctx.run(child)
            ctx.write_event_to_stream(Word(number=3))
            return StopEvent()

    handler = Parent(children=[child]).run()
    await handler
    assert await numbers(handler.stream_events()) == [-1, 0, 1, 2, 3]


class Sign(InternalDispatchEvent):
    number: int


async def test_internal_events_of_a_step_stand_in_a_burst_without_a_position() -> None:
    def talk(ctx: Context[Any]) -> None:
        for event in (Word(number=1), Sign(number=2), Word(number=3)):
            ctx.write_event_to_stream(event)

    workflow = Talking(talk)
    context: Context[Any] = Context(workflow)
    ticks = ticks_of(context)
    workflow.over.set()
    handler = workflow.run(ctx=context)
    await handler
    assert [len(tick.events) for tick in ticks if isinstance(tick, BurstStreamed)] == [3]
    reader = handler.stream_events(after=0, expose_internal=True)
    seen = [(event.number, reader.position) async for event in reader if isinstance(event, Word | Sign)]
    assert seen == [(1, 1), (2, 1), (3, 2)]


async def test_what_is_written_after_a_pause_that_nobody_used_goes_on_with_the_burst() -> None:
    class Pausing(Talking):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            words(ctx, 2)
            await checkpoint()
            words(ctx, 3)
            return StopEvent()

    workflow = Pausing(words)
    context: Context[Any] = Context(workflow)
    ticks = ticks_of(context)
    await workflow.run(ctx=context)
    assert [len(tick.events) for tick in ticks if isinstance(tick, BurstStreamed)] == [5]


async def test_what_clean_up_writes_after_several_pauses_of_a_burst_comes_to_nothing() -> None:
    class Lingering(Workflow):
        @step
        async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            words(ctx, 2)
            for _ in range(2):
                await checkpoint()
                words(ctx, 1)
            try:
                await anyio.sleep_forever()
            finally:
                words(ctx, 3)
            return StopEvent()

    async with Lingering().running() as handler:
        await wait_until_all_wait()
    assert await numbers(handler.stream_events()) == [0, 1, 0, 0]
