"""R3: what a run publishes comes to every reader, in order, once, and every reader's stream ends with the run."""

import contextlib
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import StreamEventsMissed, WorkflowCancelledByUser, WorkflowTimeoutError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    InternalDispatchEvent,
    StartEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.handler import WorkflowHandler
from workflows.runtime.reading import Reader

pytestmark = [pytest.mark.anyio, pytest.mark.guarantee("R3")]


class Word(Event):
    number: int


class Broken(Exception):
    """What a step raises in these tests."""


class Speaking(Workflow):
    """Says as many words as it's let: each `say()` publishes one; `ending` decides how the run ends."""

    def __init__(self, ending: Callable[[], StopEvent] = StopEvent, *, history: int = 65_536) -> None:
        super().__init__(stream_history=history)
        self.ending = ending
        self.context: Context[Any] | None = None
        self.over = anyio.Event()
        self.said = 0

    @step
    async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        self.context = ctx
        await self.over.wait()
        return self.ending()

    async def say(self, count: int) -> None:
        while self.context is None:
            await checkpoint()
        for _ in range(count):
            self.said += 1
            async with self.context.branch(f"word {self.said}"):
                self.context.write_event_to_stream(Word(number=self.said))


def words(*numbers: int) -> list[Event]:
    return [Word(number=number) for number in numbers]


async def read(reader: Reader, into: list[Event]) -> None:
    into.extend([event async for event in reader])


async def take(reader: Reader, count: int) -> list[Event]:
    return [await anext(reader) for _ in range(count)]


# --- order, and the end -----------------------------------------------------------------------------------------------


async def test_events_come_in_the_order_of_emission_and_the_stop_event_last() -> None:
    workflow = Speaking()
    events: list[Event] = []
    with anyio.fail_after(5):
        async with no_task_left(), anyio.create_task_group() as group:
            handler = workflow.run()
            group.start_soon(read, handler.stream_events(), events)
            for count in (1, 3, 200):
                await workflow.say(count)
                await wait_until_all_wait()
            workflow.over.set()
        assert events == [*words(*range(1, 205)), StopEvent()]


async def test_a_reader_that_starts_late_gets_everything_from_the_start() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(3)
        assert await take(handler.stream_events(), 3) == words(1, 2, 3)
        workflow.over.set()
        await handler


async def test_the_stream_can_be_read_after_the_run_has_ended() -> None:
    """Semantics 19."""
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(2)
        workflow.over.set()
        await handler
        assert [event async for event in handler.stream_events()] == [*words(1, 2), StopEvent()]
        assert [event async for event in handler.stream_events(after=0)] == [*words(1, 2), StopEvent()]


async def test_a_reader_that_is_through_stays_through() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        workflow.over.set()
        reader = handler.stream_events()
        assert [event async for event in reader] == [StopEvent()]
        assert [event async for event in reader] == []
        del reader
        assert [event async for event in handler.stream_events()] == []


def fail() -> StopEvent:
    raise Broken


async def cancelled(handler: WorkflowHandler, _workflow: Speaking) -> None:
    await handler.cancel_run()


async def let_end(_handler: WorkflowHandler, workflow: Speaking) -> None:
    workflow.over.set()


Ender = Callable[[WorkflowHandler, Speaking], Any]


@pytest.mark.parametrize(
    ("ending", "end", "last"),
    [
        pytest.param(StopEvent, let_end, StopEvent, id="result"),
        pytest.param(fail, let_end, WorkflowFailedEvent, id="failure"),
        pytest.param(StopEvent, cancelled, WorkflowCancelledEvent, id="cancelled"),
    ],
)
async def test_every_reader_ends_however_the_run_does(
    ending: Callable[[], StopEvent], end: Ender, last: type[Event]
) -> None:
    workflow = Speaking(ending)
    readings: list[list[Event]] = [[] for _ in range(4)]
    with anyio.fail_after(5):
        handler = workflow.run()
        async with anyio.create_task_group() as group:
            for events in readings[:3]:
                group.start_soon(read, handler.stream_events(after=0), events)
            await workflow.say(2)
            await wait_until_all_wait()
            await end(handler, workflow)
            group.start_soon(read, handler.stream_events(after=0), readings[3])
        with pytest.raises((Broken, WorkflowCancelledByUser)) if last is not StopEvent else anyio.CancelScope():
            await handler
    for events in readings:
        assert events[:2] == words(1, 2)
        assert [type(event) for event in events[2:]] == [last]


async def test_a_run_that_timed_out_ends_its_stream_with_how_long_it_had() -> None:
    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    with anyio.fail_after(5):
        handler = Slow(timeout=1e-9).run()
        events = [event async for event in handler.stream_events()]
        with pytest.raises(WorkflowTimeoutError):
            await handler
    assert [type(event) for event in events] == [WorkflowTimedOutEvent]
    assert events[0] == WorkflowTimedOutEvent(timeout=1e-9, active_steps=["work"])


async def test_a_failed_run_tells_which_step_failed_in_its_last_event() -> None:
    workflow = Speaking(fail)
    with anyio.fail_after(5):
        handler = workflow.run()
        workflow.over.set()
        (last,) = [event async for event in handler.stream_events()]
        with pytest.raises(Broken) as caught:
            await handler
    assert isinstance(last, WorkflowFailedEvent)
    assert last.step_name == "speak"
    assert last.exception is caught.value


async def test_the_last_event_comes_after_what_was_published_during_clean_up_is_dropped() -> None:
    class Late(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            try:
                await anyio.sleep_forever()
            finally:
                ctx.write_event_to_stream(Word(number=1))
            return StopEvent()

    with anyio.fail_after(5):
        handler = Late().run()
        await wait_until_all_wait()
        await handler.cancel_run()
        assert [event async for event in handler.stream_events()] == [WorkflowCancelledEvent()]


async def test_a_stop_event_that_a_step_only_writes_ends_nothing() -> None:
    """Semantics 14."""

    class Talking(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(StopEvent(result="not the end"))
            ctx.write_event_to_stream(None)
            await checkpoint()
            ctx.write_event_to_stream(Word(number=1))
            return StopEvent(result="the end")

    with anyio.fail_after(5):
        handler = Talking().run()
        events = [event async for event in handler.stream_events()]
        assert events == [StopEvent(result="not the end"), Word(number=1), StopEvent(result="the end")]
        assert await handler == "the end"


# --- many readers -----------------------------------------------------------------------------------------------------


async def test_each_reader_has_a_cursor_of_its_own() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(3)
        first, second = handler.stream_events(after=0), handler.stream_events(after=1)
        assert await take(first, 2) == words(1, 2)
        assert await take(second, 1) == words(2)
        assert await take(first, 1) == words(3)
        assert (first.position, second.position) == (3, 2)
        workflow.over.set()
        assert [event async for event in second] == [*words(3), StopEvent()]
        await handler


async def test_a_thousand_readers_each_get_everything() -> None:
    workflow = Speaking()
    readings: list[list[Event]] = [[] for _ in range(1000)]
    with anyio.fail_after(60):  # asyncio's debug mode takes seconds for a thousand tasks
        handler = workflow.run()
        async with anyio.create_task_group() as group:
            for events in readings:
                group.start_soon(read, handler.stream_events(after=0), events)
            for _ in range(3):
                await wait_until_all_wait()
                await workflow.say(1)
            workflow.over.set()
        await handler
    assert all(events == [*words(1, 2, 3), StopEvent()] for events in readings)


async def test_a_second_loop_beside_the_first_gets_everything_too() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(2)
        first = handler.stream_events()
        assert await take(first, 1) == words(1)
        second = handler.stream_events()
        assert await take(second, 2) == words(1, 2)
        assert await take(first, 1) == words(2)
        workflow.over.set()
        await handler


async def test_two_tasks_that_share_one_reader_get_each_event_once_and_both_end() -> None:
    workflow = Speaking()
    taken: list[Event] = []

    async def share(reader: Reader) -> None:
        async for event in reader:
            taken.append(event)
            await checkpoint()

    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        async with anyio.create_task_group() as group:
            group.start_soon(share, reader)
            group.start_soon(share, reader)
            for _ in range(5):
                await wait_until_all_wait()
                await workflow.say(1)
            await wait_until_all_wait()
            workflow.over.set()
        await handler
    assert sorted(taken[:-1], key=lambda event: getattr(event, "number", 0)) == words(1, 2, 3, 4, 5)
    assert taken[-1] == StopEvent()


# --- leaving and coming back ------------------------------------------------------------------------------------------


async def test_a_loop_that_was_left_goes_on_where_it_stood() -> None:
    """Semantics 19."""
    workflow = Speaking()
    seen: list[Event] = []
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(4)
        async for event in handler.stream_events():
            seen.append(event)
            break
        async for event in handler.stream_events():
            seen.append(event)
            if len(seen) == 3:
                break
        workflow.over.set()
        seen += [event async for event in handler.stream_events()]
        await handler
    assert seen == [*words(1, 2, 3, 4), StopEvent()]


async def test_a_reader_of_its_own_position_leaves_the_others_alone() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(3)
        async for event in handler.stream_events():
            assert event == Word(number=1)
            break
        assert await take(handler.stream_events(after=2), 1) == words(3)
        async for event in handler.stream_events():
            assert event == Word(number=2)
            break
        workflow.over.set()
        await handler


async def test_a_reader_behind_a_position_that_is_still_to_come_waits_for_what_follows_it() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(1)
        reader = handler.stream_events(after=3)
        await workflow.say(4)
        assert await take(reader, 1) == words(4)
        assert reader.position == 4
        workflow.over.set()
        await handler


async def test_a_cancelled_reader_has_lost_nothing() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        for number in range(1, 6):
            with anyio.move_on_after(0):
                await anext(reader)
                pytest.fail("there was nothing to read")
            await workflow.say(1)
            assert await anext(reader) == Word(number=number)
        workflow.over.set()
        assert [event async for event in reader] == [StopEvent()]
        await handler


@pytest.mark.parametrize("pauses", range(5))
async def test_a_reader_that_is_cancelled_as_an_event_comes_disturbs_nobody(pauses: int) -> None:
    workflow = Speaking()
    other: list[Event] = []
    got: list[Event] = []

    async def read_one(reader: Reader, scope: anyio.CancelScope) -> None:
        with scope:
            got.append(await anext(reader))

    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        reader = handler.stream_events()
        async with anyio.create_task_group() as group:
            group.start_soon(read, handler.stream_events(after=0), other)
            for _ in range(4):
                scope = anyio.CancelScope()
                group.start_soon(read_one, reader, scope)
                for _ in range(pauses):
                    await checkpoint()
                await workflow.say(1)
                scope.cancel()
                await wait_until_all_wait()
            workflow.over.set()
        got += [event async for event in reader]
        await handler
    assert other == [*words(1, 2, 3, 4), StopEvent()]
    assert got == other


async def test_a_reader_that_raises_disturbs_nobody() -> None:
    workflow = Speaking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(2)
        with pytest.raises(Broken):
            async for _ in handler.stream_events():
                raise Broken
        assert await take(handler.stream_events(), 1) == words(2)
        workflow.over.set()
        await handler


# --- how much is kept -------------------------------------------------------------------------------------------------


async def test_a_reader_who_asks_for_what_is_gone_is_told_how_much_that_is() -> None:
    workflow = Speaking(history=5)
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(20)
        reader = handler.stream_events(after=10)
        with pytest.raises(StreamEventsMissed, match=r"5 events.*from position 11.*first one left is at 16") as caught:
            await anext(reader)
        assert (caught.value.missed, caught.value.first_kept) == (5, 16)
        assert await take(reader, 2) == words(16, 17)
        workflow.over.set()
        assert await handler is None


async def test_a_reader_from_the_start_is_told_too_when_the_start_is_gone() -> None:
    workflow = Speaking(history=5)
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(20)
        reader = handler.stream_events()
        with pytest.raises(StreamEventsMissed) as caught:
            await anext(reader)
        assert (caught.value.missed, caught.value.first_kept) == (15, 16)
        workflow.over.set()
        await handler


async def test_a_loop_that_was_left_long_ago_is_told_what_it_missed() -> None:
    workflow = Speaking(history=5)
    with anyio.fail_after(5):
        handler = workflow.run()
        await workflow.say(3)
        async for _ in handler.stream_events():
            break
        await workflow.say(17)
        with pytest.raises(StreamEventsMissed) as caught:
            await anext(handler.stream_events())
        assert caught.value.missed == 14
        workflow.over.set()
        await handler


async def test_an_attached_reader_misses_nothing_however_slow_it_is() -> None:
    workflow = Speaking(history=5)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        await workflow.say(500)
        assert await take(reader, 500) == words(*range(1, 501))
        workflow.over.set()
        await handler


async def test_what_no_reader_needs_any_more_is_let_go() -> None:
    workflow = Speaking(history=5)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        await workflow.say(100)
        await take(reader, 100)
        await workflow.say(1)
        with pytest.raises(StreamEventsMissed) as caught:
            await anext(handler.stream_events(after=0))
        assert caught.value.first_kept == 97
        workflow.over.set()
        await handler


# --- backpressure -----------------------------------------------------------------------------------------------------


class Pouring(Workflow):
    """Streams ten words with backpressure."""

    def __init__(self, *, history: int) -> None:
        super().__init__(stream_history=history)
        self.poured = 0

    @step
    async def pour(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        for number in range(1, 11):
            await ctx.stream(Word(number=number))
            self.poured = number
        return StopEvent()


async def test_a_writer_waits_while_the_slowest_reader_is_too_far_behind() -> None:
    workflow = Pouring(history=3)
    with anyio.fail_after(5):
        handler = workflow.run()
        slow, fast = handler.stream_events(after=0), handler.stream_events(after=0)
        await wait_until_all_wait()
        assert workflow.poured == 3
        await take(fast, 4)
        await wait_until_all_wait()
        assert workflow.poured == 3
        for number in range(1, 5):
            assert await anext(slow) == Word(number=number)
            await wait_until_all_wait()
            assert workflow.poured == number + 3
        rest: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, fast, rest)
            assert await take(slow, 6) == words(*range(5, 11))
        assert rest == [*words(*range(5, 11)), StopEvent()]
        await handler


async def test_a_writer_goes_on_when_its_reader_moves_on_among_events_that_it_had_already_taken() -> None:
    class Bursting(Pouring):
        @step
        async def pour(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            for number in range(1, 6):
                ctx.write_event_to_stream(Word(number=number))
            await self.may_go_on.wait()
            await ctx.stream(Word(number=6))
            self.poured = 6
            return StopEvent()

        may_go_on = anyio.Event()

    workflow = Bursting(history=3)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        assert await take(reader, 1) == words(1)
        workflow.may_go_on.set()
        await wait_until_all_wait()
        assert await take(reader, 1) == words(2)
        await wait_until_all_wait()
        assert workflow.poured == 0, "there are more than three that the reader hasn't seen"
        assert await take(reader, 1) == words(3)
        await wait_until_all_wait()
        assert workflow.poured == 6
        assert await take(reader, 3) == words(4, 5, 6)
        await handler


async def test_a_writer_goes_on_when_the_slow_reader_leaves() -> None:
    workflow = Pouring(history=3)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        await wait_until_all_wait()
        assert workflow.poured == 3
        del reader
        assert await handler is None


@pytest.mark.guarantee("R3")
@pytest.mark.parametrize("how", ["break", "error", "cancelled"])
async def test_a_writer_waits_for_no_reader_whose_loop_was_left_though_somebody_keeps_it(how: str) -> None:
    workflow = Pouring(history=3)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        with contextlib.suppress(ZeroDivisionError), anyio.CancelScope() as scope:
            async for event in reader:
                assert event == Word(number=1)
                await wait_until_all_wait()
                assert workflow.poured == 4, "it's waited for while it's at work between two events"
                if how == "error":
                    raise ZeroDivisionError
                if how == "cancelled":
                    scope.cancel()
                    await anyio.sleep_forever()
                break
        assert await handler is None
        assert [event async for event in reader] == [*words(*range(2, 11)), StopEvent()], "nothing is lost to it"


async def test_a_writer_waits_for_no_reader_that_was_closed() -> None:
    workflow = Pouring(history=3)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        assert await anext(reader) == Word(number=1)
        await wait_until_all_wait()
        assert workflow.poured == 4
        await reader.aclose()
        assert await handler is None
        assert await anext(reader) == Word(number=2)


async def test_a_reader_whose_loop_was_left_is_waited_for_again_when_it_is_read_again() -> None:
    workflow = Pouring(history=3)
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        async for _ in reader:
            break
        again = aiter(reader)
        await wait_until_all_wait()
        assert workflow.poured == 4
        assert await anext(again) == Word(number=2)
        await wait_until_all_wait()
        assert workflow.poured == 5
        del again
        assert await handler is None


async def test_a_reader_in_another_task_whose_loop_was_left_keeps_no_run_alive() -> None:
    workflow = Pouring(history=3)
    readers = [None]

    async def look(reader: Any) -> None:
        async for _ in reader:
            break
        readers[0] = reader

    with anyio.fail_after(5):
        handler = workflow.run()
        own = handler.stream_events(after=0)
        async with anyio.create_task_group() as group:
            group.start_soon(look, handler.stream_events(after=0))
        with anyio.move_on_after(0):
            await handler
        assert handler.is_done()
        del own


async def test_without_readers_a_writer_never_waits() -> None:
    with anyio.fail_after(5):
        assert await Pouring(history=1).run() is None


async def test_a_writer_that_waits_is_cancelled_with_its_run() -> None:
    workflow = Pouring(history=3)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            reader = handler.stream_events()
            await wait_until_all_wait()
            await handler.cancel_run()
            events = [event async for event in reader]
            assert events == [*words(1, 2, 3, 4), WorkflowCancelledEvent()]


# --- across a restart -------------------------------------------------------------------------------------------------


class TwoParts(Workflow):
    """Says a word, asks, and says another."""

    @step
    async def speak(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Word(number=1))
        answer: HumanResponseEvent = await ctx.ask(InputRequiredEvent(prefix="?"))
        ctx.write_event_to_stream(Word(number=2))
        return StopEvent(result=answer.response)


async def test_positions_go_on_counting_after_a_restart() -> None:
    workflow = TwoParts()
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.stream_events()
        assert await take(reader, 2) == [*words(1), InputRequiredEvent(prefix="?")]
        assert reader.position == 2
        data = handler.ctx.to_dict()
        await handler.cancel_run()
        resumed = workflow.run(Context[Any].from_dict(workflow, data))
        resumed.ctx.send_event(HumanResponseEvent(response="yes"))
        reader = resumed.stream_events(after=2)
        assert [event async for event in reader] == [*words(2), StopEvent(result="yes")]
        assert reader.position == 4
        assert [event async for event in resumed.stream_events()] == [*words(2), StopEvent(result="yes")]
        with pytest.raises(StreamEventsMissed, match="1 event") as caught:
            await anext(resumed.stream_events(after=1))
        assert (caught.value.missed, caught.value.first_kept) == (1, 3)


async def test_a_second_run_on_one_context_goes_on_counting() -> None:
    workflow = Pouring(history=100)
    with anyio.fail_after(5):
        first = workflow.run()
        await first
        second = workflow.run(first.ctx)
        reader = second.stream_events()
        await take(reader, 11)
        assert reader.position == 22
        await second


# --- internal events --------------------------------------------------------------------------------------------------


async def test_internal_events_are_seen_only_where_they_are_asked_for() -> None:
    """Semantics 19."""
    workflow = Speaking()
    inner: list[Event] = []
    outer: list[Event] = []
    with anyio.fail_after(5):
        handler = workflow.run()
        async with anyio.create_task_group() as group:
            group.start_soon(read, handler.stream_events(expose_internal=True), inner)
            group.start_soon(read, handler.stream_events(after=0), outer)
            await workflow.say(2)
            workflow.over.set()
        await handler
    assert outer == [*words(1, 2), StopEvent()]
    assert [event for event in inner if not isinstance(event, InternalDispatchEvent)] == outer
    states = [event for event in inner if isinstance(event, StepStateChanged)]
    assert [(event.name, event.step_state) for event in states] == [
        ("speak", StepState.RUNNING),
        ("speak", StepState.NOT_RUNNING),
    ]
    assert [(event.input_event_name, event.output_event_name) for event in states] == [
        ("StartEvent", None),
        ("StartEvent", "StopEvent"),
    ]


async def test_the_stream_of_a_context_shows_internal_events() -> None:
    workflow = TwoParts()
    with anyio.fail_after(5):
        handler = workflow.run()
        reader = handler.ctx.stream_events()
        assert isinstance(await anext(reader), StepStateChanged)
        await wait_until_all_wait()
        handler.ctx.send_event(HumanResponseEvent(response=1))
        assert [event async for event in reader][-1] == StopEvent(result=1)


async def test_steps_at_work_at_once_have_workers_of_different_names() -> None:
    """Semantics 19."""

    class Many(Workflow):
        def __init__(self) -> None:
            super().__init__()
            self.gate = anyio.Event()
            self.at_work = 0

        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Word | None:
            for number in range(8):
                ctx.send_event(Word(number=number))
            return None

        @step(num_workers=3)
        async def work(self, ctx: Context[Any], ev: Word) -> StopEvent | None:
            self.at_work += 1
            if self.at_work == 3:
                self.gate.set()
            await self.gate.wait()
            return StopEvent() if ctx.collect_events(ev, [Word] * 8) else None

    at_work: dict[str, str] = {}
    most = 0
    with anyio.fail_after(5):
        handler = Many().run()
        async for event in handler.stream_events(expose_internal=True):
            if isinstance(event, StepStateChanged) and event.step_state is StepState.RUNNING:
                assert event.worker_id not in at_work
                at_work[event.worker_id] = event.name
                most = max(most, len(at_work))
            elif isinstance(event, StepStateChanged):
                assert at_work.pop(event.worker_id) == event.name
        await handler
    assert at_work == {}
    assert most == 3


async def test_internal_events_do_not_count_among_what_was_missed() -> None:
    workflow = Speaking(history=5)
    with anyio.fail_after(5):
        handler = workflow.run()
        watching = handler.stream_events(expose_internal=True)
        await workflow.say(1)
        assert isinstance(await anext(watching), StepStateChanged)
        assert await anext(watching) == Word(number=1)
        del watching
        await workflow.say(5)
        with pytest.raises(StreamEventsMissed) as caught:
            await anext(handler.stream_events(after=0))
        assert (caught.value.missed, caught.value.first_kept) == (1, 2)
        workflow.over.set()
        await handler
