"""R3 as a property: whatever is emitted and read in whatever order, a reader gets what follows its position, once."""

import contextlib
from collections.abc import Sequence
from typing import Any, Literal

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import Backend
from workflows import Context, Workflow, step
from workflows.errors import StreamEventsMissed, WorkflowCancelledByUser
from workflows.events import (
    Event,
    HumanResponseEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
)
from workflows.handler import WorkflowHandler
from workflows.runtime.reading import Reader

Ending = Literal["result", "failure", "cancelled"]
LAST: dict[Ending, type[Event]] = {
    "result": StopEvent,
    "failure": WorkflowFailedEvent,
    "cancelled": WorkflowCancelledEvent,
}


class Word(Event):
    number: int


class Say(HumanResponseEvent):
    count: int


class End(HumanResponseEvent):
    fails: bool


class Speaking(Workflow):
    """Says words and ends as it's told to."""

    @step
    async def listen(self, ctx: Context[Any], ev: StartEvent) -> StopEvent | None:
        return None

    @step(num_workers=1)
    async def say(self, ctx: Context[Any], ev: Say) -> Word | None:
        async with ctx.store.edit_state() as state:
            said = state.get("said", 0)
            state["said"] = said + ev.count
        for number in range(said + 1, said + ev.count + 1):
            ctx.write_event_to_stream(Word(number=number))
        return None

    @step
    async def forget(self, ev: Word) -> StopEvent | None:
        return None

    @step
    async def end(self, ev: End) -> StopEvent:
        if ev.fails:
            raise ValueError("as planned")
        return StopEvent()


@attrs.frozen
class Emit:
    count: int


@attrs.frozen
class Attach:
    """Start a reader: in a task of its own, or one that's read now and then; `after` None is the handler's own loop."""

    after: int | None
    in_a_task: bool


@attrs.frozen
class Take:
    """Read so many events from a reader, as far as there are any; then leave it, maybe."""

    reader: int
    count: int
    leaves: bool


@attrs.frozen
class Pass:
    """Give way so many times."""

    times: int


Action = Emit | Attach | Take | Pass
actions = st.one_of(
    st.builds(Emit, st.integers(1, 6)),
    st.builds(Attach, st.none() | st.integers(0, 12), st.booleans()),
    st.builds(Take, st.integers(0, 5), st.integers(1, 8), st.booleans()),
    st.builds(Pass, st.integers(1, 4)),
)


@attrs.define
class Reading:
    """What a reader got, and what it was told that it missed; it has no reader any more when that was left."""

    reader: Reader | None
    start: int
    in_a_task: bool
    positions: list[int] = attrs.field(factory=list[int])
    missed: set[int] = attrs.field(factory=set[int])
    gaps: list[tuple[int, int]] = attrs.field(factory=list[tuple[int, int]])
    last: Event | None = None

    async def take(self) -> bool:
        """Read one; False at the end."""
        assert self.reader is not None
        before = self.reader.position
        try:
            event = await anext(self.reader)
        except StreamEventsMissed as error:
            self.missed |= set(range(before + 1, before + 1 + error.missed))
            self.gaps.append((before + error.missed + 1, error.first_kept))
            return True
        except StopAsyncIteration:
            return False
        assert self.last is None, "something came after the last event"
        if isinstance(event, Word):
            assert self.reader.position == event.number
            self.positions.append(event.number)
        else:
            self.last = event
        return True

    async def take_all(self) -> None:
        while await self.take():
            pass

    async def take_some(self, count: int) -> None:
        with anyio.move_on_after(0):
            for _ in range(count):
                if not await self.take():
                    return


async def carry_out(plan: Sequence[Action], ending: Ending, history: int) -> None:
    workflow = Speaking(stream_history=history)
    readings: list[Reading] = []
    said = 0
    with anyio.fail_after(5):
        handler = workflow.run()
        async with anyio.create_task_group() as group:
            for action in plan:
                match action:
                    case Emit(count):
                        said += count
                        handler.ctx.send_event(Say(count=count))
                    case Attach(after, in_a_task):
                        reading = Reading(handler.stream_events(after=after), after or 0, in_a_task)
                        if after is None:
                            reading.start = reading.reader.position if reading.reader else 0
                        readings.append(reading)
                        if in_a_task:
                            group.start_soon(reading.take_all)
                    case Take(number, count, leaves):
                        await read_now(readings, number, count, leaves=leaves)
                    case Pass(times):
                        for _ in range(times):
                            await checkpoint()
            await end(handler, ending)
            for reading in readings:
                if reading.reader is not None:
                    await reading.take_all()
        with contextlib.suppress(ValueError, WorkflowCancelledByUser):
            await handler
    for reading in readings:
        check(reading, said, LAST[ending])


async def read_now(readings: list[Reading], number: int, count: int, *, leaves: bool) -> None:
    if number < len(readings) and readings[number].reader is not None:
        await readings[number].take_some(count)
        if leaves and not readings[number].in_a_task:
            readings[number].reader = None


async def end(handler: WorkflowHandler, ending: Ending) -> None:
    while (await handler.ctx.running_steps()) or handler.ctx.driver.core.state.live:
        await checkpoint()
    if ending == "cancelled":
        await handler.cancel_run()
    else:
        handler.ctx.send_event(End(fails=ending == "failure"))


def check(reading: Reading, said: int, last: type[Event]) -> None:
    got = [*reading.positions]
    assert all(end == first_kept for end, first_kept in reading.gaps)
    assert got == sorted(set(got)), "out of order, or twice"
    assert not reading.missed & set(got), "one that was missed came all the same"
    if reading.reader is not None:  # it read to the end
        assert type(reading.last) is (last if reading.start <= said else type(None))
        assert {*got, *reading.missed} == set(range(reading.start + 1, said + 1))
    elif got:
        assert {*got, *reading.missed} >= set(range(reading.start + 1, got[-1] + 1))


@pytest.mark.guarantee("R3")
@example(  # two tasks that share a reader come to the log one after the other, before either has an event
    plan=[
        Emit(2),
        *[Attach(None, False)] * 2,
        Attach(None, True),
        Pass(1),
        Take(0, 1, False),
        Pass(1),
        Take(2, 1, False),
    ],
    ending="result",
    history=1,
)
@given(
    plan=st.lists(actions, max_size=20),
    ending=st.sampled_from(["result", "failure", "cancelled"]),
    history=st.sampled_from([1, 2, 5, 1000]),
)
def test_each_reader_gets_what_follows_its_position_once_in_order_and_ends_with_the_run(
    anyio_backend: Backend, plan: list[Action], ending: Ending, history: int
) -> None:
    name, options = anyio_backend
    anyio.run(carry_out, plan, ending, history, backend=name, backend_options=options)
