"""R3 as a property of the log: readers get what a plain list of all events says, in whatever turns with writers."""

from collections.abc import Iterator
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Backend
from workflows.errors import StreamEventsMissed
from workflows.events import Event, InternalDispatchEvent
from workflows.runtime.log import EventLog
from workflows.runtime.reading import BATCH, Reader, cursor_after, cursor_at_start

pytestmark = pytest.mark.guarantee("R3")


class Word(Event):
    number: int


class Aside(InternalDispatchEvent):
    number: int


@attrs.frozen
class Write:
    """Write so many events one by one or at once; a true in `asides` is an internal one."""

    asides: list[bool]
    at_once: bool


@attrs.frozen
class Open:
    """Open a reader: behind a position, or at the start."""

    after: int | None
    sees_internal: bool


@attrs.frozen
class Read:
    """Have a reader give its next events."""

    reader: int
    count: int


@attrs.frozen
class Close:
    """Leave a reader, be it by closing it or by letting go of it."""

    reader: int
    is_dropped: bool


writes = st.builds(Write, st.lists(st.sampled_from((False, False, False, True)), max_size=8), st.booleans())
long_writes = st.builds(Write, st.integers(0, 3 * BATCH).map(lambda count: [False] * count), st.booleans())
reads = st.builds(Read, st.integers(0, 3), st.integers(1, 5) | st.integers(1, 2 * BATCH))
opens = st.builds(Open, st.none() | st.integers(0, 12), st.booleans())
closes = st.builds(Close, st.integers(0, 3), st.booleans())
plans = st.lists(st.one_of(writes, long_writes, reads, reads, opens, closes), max_size=25)


@attrs.define
class Known:
    """A reader, and where it has to stand."""

    reader: Reader
    sees_internal: bool
    index: int  # in the list of all events
    position: int


async def missed_by(reader: Reader) -> int:
    """How many events a reader says that it has missed; nothing is left of the error, which would keep the reader."""
    try:
        await anext(reader)
    except StreamEventsMissed as missed:
        return missed.missed
    return 0


class Model:
    """A log, and a plain list of all that was ever written to it."""

    def __init__(self, history: int, position: int) -> None:
        self.log = EventLog(history, position, object)
        self.history = history
        self.before = position
        self.all: list[tuple[int, Event]] = []  # with their positions
        self.kept_from = 0
        self.readers: list[Known] = []

    def write(self, deed: Write) -> None:
        events: list[Event] = []
        for aside in deed.asides:
            number = len(self.all)
            last = self.all[-1][0] if self.all else self.before
            event: Event = Aside(number=number) if aside else Word(number=number)
            self.all.append((last + (not aside), event))
            events.append(event)
        if deed.at_once:
            self.log.extend(events)
            self.trim()
        else:
            for at, event in enumerate(events, len(self.all) - len(events) + 1):
                self.log.append(event)
                self.trim(at)

    def trim(self, end: int | None = None) -> None:
        """Forget what's older than the history and no reader needs."""
        surplus = (len(self.all) if end is None else end) - self.history
        needed = min((known.index for known in self.readers), default=surplus)
        self.kept_from = max(self.kept_from, min(surplus, needed))

    def open(self, deed: Open) -> None:
        if deed.after is None:
            cursor, index, position = cursor_at_start(self.log), 0, self.before
        else:
            cursor, position = cursor_after(self.log, deed.after), deed.after
            index = sum(found <= deed.after for found, _ in self.all)
        self.readers.append(
            Known(Reader(self.log, cursor, expose_internal=deed.sees_internal), deed.sees_internal, index, position)
        )

    async def read(self, deed: Read) -> None:
        if not self.readers:
            return
        known = self.readers[deed.reader % len(self.readers)]
        for _ in range(deed.count):
            found = next(self.ahead(known), None)
            if found is None:
                return
            if isinstance(found, int):
                assert await missed_by(known.reader) == found
            else:
                assert await anext(known.reader) is found
            assert known.reader.position == known.position
            assert known.reader.index == max(known.index, self.kept_from)

    def ahead(self, known: Known) -> Iterator[Event | int]:
        """What a reader gives next: an event, or how many it has missed; where it stands is changed accordingly."""
        before = known.index
        if known.index <= self.kept_from:
            known.index = self.kept_from
            first = self.first_position()
            missed = first - 1 - known.position
            if missed > 0:
                known.position = first - 1
                yield missed
                return
        while known.index < len(self.all):
            position, event = self.all[known.index]
            known.index += 1
            if position > known.position:
                known.position = position
                yield event
                return
            if known.sees_internal and isinstance(event, Aside):
                yield event
                return
        known.index = before  # it isn't asked, for it would wait

    def first_position(self) -> int:
        if self.kept_from >= len(self.all):
            return (self.all[-1][0] if self.all else self.before) + 1
        position, event = self.all[self.kept_from]
        return position + isinstance(event, Aside)

    async def close(self, deed: Close) -> None:
        if not self.readers:
            return
        place = deed.reader % len(self.readers)
        if deed.is_dropped:
            del self.readers[place]
        else:
            await self.readers[place].reader.aclose()


@given(plan=plans, history=st.integers(0, 6) | st.just(10**6), position=st.integers(0, 9))
def test_readers_get_what_a_list_of_all_events_says(
    anyio_backend: Backend, plan: list[Any], history: int, position: int
) -> None:
    async def go() -> None:
        model = Model(history, position)
        for deed in plan:
            if isinstance(deed, Write):
                model.write(deed)
            elif isinstance(deed, Open):
                model.open(deed)
            elif isinstance(deed, Read):
                await model.read(deed)
            else:
                await model.close(deed)
            log = model.log
            assert (log.base, log.end) == (model.kept_from, len(model.all))
            assert log.last_position == (model.all[-1][0] if model.all else position)
            assert log.first_position == model.first_position()

    name, options = anyio_backend
    anyio.run(go, backend=name, backend_options=options)
