"""R3, W1 as a property: events that a step writes without a pause are as if each had been told of at once.

Whoever looks, whenever: a reader, a snapshot, another operation of the step. And a replay from any snapshot writes what
isn't there yet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import effort
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.runtime.burst import LONGEST
from workflows.testing import simulate
from workflows.testing.backends import Backend

BACKENDS: list[Backend] = ["asyncio", "trio"]


NOTES = (None, "text", "text", ["a list"], 2.5, "half a character: \ud800", 10**5000, True)


class Word(Event):
    number: int
    note: object = None


class Shout(Word):
    """A word of another class."""


class Mark(Event):
    """Sent to a step that does nothing with it."""


@attrs.frozen
class Write:
    """Write so many events; in a branch of its own, maybe."""

    count: int
    is_aside: bool = False


Other: TypeAlias = Literal["pause", "now", "once", "set", "read", "edit", "send", "snapshot", "look", "look back"]
OTHERS: tuple[Other, ...] = ("pause", "now", "once", "set", "read", "edit", "send", "snapshot", "look", "look back")
Deed: TypeAlias = Write | Other
writes = st.builds(Write, st.one_of(st.integers(1, 4), st.sampled_from((LONGEST, LONGEST + 1))), st.booleans())
deeds: st.SearchStrategy[Deed] = st.one_of(writes, st.builds(Write, st.integers(1, 4)), st.sampled_from(OTHERS))


@attrs.define
class Seen:
    """A life of the run, seen from outside.

    Attributes:
        start: How many events lives before this one had written.
        read: What a reader has got that was there all the time.
        snapshots: What was stored, and how many events had been written then.
    """

    start: int = 0
    handler: WorkflowHandler[Any] | None = None
    written: int = 0
    read: list[int] = attrs.field(factory=list[int])
    snapshots: list[tuple[int, str]] = attrs.field(factory=list[tuple[int, str]])

    async def look(self, after: int) -> None:
        """Read what stands behind a position now."""
        assert self.handler is not None
        reader = self.handler.stream_events(after=after)
        if self.written < self.start:
            return
        for number in range(after, self.written):
            event = await anext(reader)
            assert isinstance(event, Word)
            assert event.number == number
            assert reader.position == number + 1


class Writing(Workflow):
    """Does the deeds of a plan."""

    def __init__(self, plan: Sequence[Deed], seen: Seen) -> None:
        super().__init__(types=[Word, Mark])
        self.plan = plan
        self.seen = seen

    @step
    async def write(self, ctx: Context[Any], ev: StartEvent) -> Mark | StopEvent:
        for number, deed in enumerate(self.plan):
            if not isinstance(deed, Write):
                await self.do(ctx, deed)
            elif deed.is_aside:
                async with ctx.branch(str(number)):
                    self.write_words(ctx, deed.count)
            else:
                self.write_words(ctx, deed.count)
        return StopEvent()

    @step
    async def pass_over(self, ev: Mark) -> None:
        pass

    def write_words(self, ctx: Context[Any], count: int) -> None:
        for _ in range(count):
            number = self.seen.written
            kind = Shout if number % 7 > 4 else Word
            ctx.write_event_to_stream(kind(number=number, note=NOTES[number % len(NOTES)]))
            self.seen.written += 1

    async def do(self, ctx: Context[Any], deed: Other) -> None:
        seen = self.seen
        match deed:
            case "pause":
                await anyio.sleep(1)
                assert seen.read == list(range(seen.start, max(seen.start, seen.written)))
            case "now":
                ctx.now()
            case "once":
                await ctx.once(str, seen.written)
            case "set":
                await ctx.store.set("written", seen.written)
            case "read":
                await ctx.store.get("written", 0)
            case "edit":
                async with ctx.store.edit_state() as state:
                    state["edited"] = seen.written
            case "send":
                ctx.send_event(Mark())
            case "snapshot":
                assert seen.handler is not None
                seen.snapshots.append((seen.written, json.dumps(seen.handler.ctx.to_dict())))
            case "look" | "look back":
                await seen.look(max(seen.start, seen.written - 1) if deed == "look" else seen.start)


async def live(plan: Sequence[Deed], seen: Seen, stored: str | None) -> None:
    """Carry the run to its end, with a reader that's there all the time."""
    workflow = Writing(plan, seen)
    context: Context[Any] = Context(workflow) if stored is None else Context.from_dict(workflow, json.loads(stored))
    seen.handler = workflow.run(ctx=context)

    async def read() -> None:
        assert seen.handler is not None
        async for event in seen.handler.stream_events():
            if isinstance(event, Word):
                seen.read.append(event.number)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await seen.handler
    late = [event.number async for event in seen.handler.stream_events(after=seen.start) if isinstance(event, Word)]
    assert late == seen.read == list(range(seen.start, seen.written))


@pytest.mark.guarantee("R3", "W1")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_written_without_a_pause_is_there_for_whoever_looks_and_is_written_once(backend: Backend) -> None:
    @effort(1)
    @given(plan=st.lists(deeds, min_size=1, max_size=12), seed=st.integers(0, 2**32 - 1), which=st.integers(0, 11))
    def compare(plan: list[Deed], seed: int, which: int) -> None:
        seen = Seen()
        simulate(lambda: live(plan, seen, None), backend=backend, seed=seed)
        for count, stored in seen.snapshots[which % (len(seen.snapshots) or 1) :][:1]:
            assert json.loads(stored)["streamed"] == count
            again = Seen(start=count)
            simulate(lambda: live(plan, again, stored), backend=backend, seed=seed)  # noqa: B023  (called at once)
            assert again.written == seen.written

    compare()
