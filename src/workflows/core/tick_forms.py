"""Forms of ticks: how each field of each tick is stored, and read back.

One table has all of them. The name of a tick and the order of its fields are what journals consist of: both stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias, cast

import attrs

from ..codec import Json
from ..events import Event, StartEvent
from . import ticks
from .delivery import find_target
from .questions import Ask, Question
from .state import ChildKind, RunState
from .stored import Malformed, count, items, of, seconds
from .tick_parts import TickReader, TickWriter
from .ticks import Tick, Write

Before: TypeAlias = Mapping[str, Any]
"""The fields of a tick that have been read, by name."""
Put: TypeAlias = Callable[[Any, TickWriter, Any], Json]
Take: TypeAlias = Callable[[Any, TickReader, Before], object]


@attrs.frozen
class Form:
    """How a field is stored: `put` is given its value and the tick (None: as it is). `take` is given what is stored."""

    put: Put | None
    take: Take


def _or_none(form: Form) -> Form:
    return Form(form.put, lambda data, reader, before: None if data is None else form.take(data, reader, before))


# --- plain values -----------------------------------------------------------------------------------------------------


def _put_text(value: object, _writer: TickWriter, _tick: Any) -> Json:
    if type(value) is str or value is None:
        return value
    return str.__str__(value) if isinstance(value, str) else str(value)


def _put_seconds(value: Any, _writer: TickWriter, _tick: Any) -> Json:
    return value if value is None or type(value) is float else float(value)


def _put_list(values: Iterable[Any], _writer: TickWriter, _tick: Any) -> Json:
    return list(values)


def _take_texts(data: Any, _reader: TickReader, _before: Before) -> tuple[str, ...]:
    return tuple(of(str, text) for text in items(data))


_COUNT = Form(None, lambda data, _reader, _before: count(data))
_WHOLE = Form(None, lambda data, _reader, _before: of(int, data))
_FLAG = Form(None, lambda data, _reader, _before: of(bool, data))
_JSON = Form(None, lambda data, _reader, _before: data)
_TEXT = Form(_put_text, lambda data, _reader, _before: of(str, data))
_TEXTS = Form(_put_list, _take_texts)
_WHOLES = Form(_put_list, lambda data, _reader, _before: tuple(of(int, number) for number in items(data)))
_SECONDS = Form(_put_seconds, lambda data, _reader, _before: seconds(data))
_COUNT_OR_NONE, _WHOLE_OR_NONE, _TEXT_OR_NONE, _SECONDS_OR_NONE = map(_or_none, (_COUNT, _WHOLE, _TEXT, _SECONDS))


def _put_write(write: Write, _writer: TickWriter, _tick: Any) -> Json:
    fields = None if write.fields is None else dict(write.fields)
    return [write.path, write.value, fields, write.only, write.base]


def _take_write(data: Any, _reader: TickReader, _before: Before) -> Write:
    path, value, fields, only, base = items(data)
    if path is not None:
        of(str, path)
    if fields is not None:
        of(dict, fields)
    return Write(path, value, fields, of(bool, only), base)


_WRITE = Form(_put_write, _take_write)

# --- events, classes and errors ---------------------------------------------------------------------------------------


def _put_event(event: Event, writer: TickWriter, _tick: Any) -> Json:
    return writer.value(event, "event")


def _take_event(data: Any, reader: TickReader, _before: Before) -> Event | None:
    return reader.needed_event(data, "an event")


def _put_given(event: Event, writer: TickWriter, tick: Any) -> Json:
    """An event that may be for a question of a child: then it may be of a class that only the child's workflow has.

    So may one that comes too late for that, and is refused, even if there's no child any more.
    """
    state = writer.state
    if not state.kinds or writer.codec.knows(type(event)):
        return writer.value(event, "event")
    target = find_target(state, event, step=tick.step, reply_to=tick.reply_to)
    if target is None or (isinstance(target, Question) and not target.path):
        return writer.value(event, "event")
    found = next(((way, kind) for way, kind in _within(state.kinds) if kind.codec.knows(type(event))), None)
    if found is None:
        return writer.value(event, "event")
    way, kind = found
    return [list(way), writer.within(_blank(kind)).value(event, "event")]


def _within(kinds: Mapping[str, ChildKind], way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ChildKind]]:
    """The workflows that children may be of, and their children, each with the way to it."""
    for name, kind in kinds.items():
        if name not in way:  # a workflow may be its own child
            yield (*way, name), kind
            yield from _within(kind.children, (*way, name))


def _blank(kind: ChildKind) -> RunState:
    return RunState(kind.program, kind.codec, kinds=kind.children)


def _take_given(data: Any, reader: TickReader, before: Before) -> Event | None:
    if not isinstance(data, list):
        return _take_event(data, reader, before)
    way, stored = items(data)
    state = reader.state
    for name in items(way):
        state = _blank(state.kinds[of(str, name)])
    nested = TickReader.of(state)
    event = _take_event(stored, nested, before)
    reader.mismatches += nested.mismatches
    return event


def _put_events(events: Iterable[Event], writer: TickWriter, _tick: Any) -> Json:
    return writer.values(events, "events")


def _take_events(data: Any, reader: TickReader, _before: Before) -> tuple[Event | None, ...]:
    return tuple(reader.needed_event(event, "an event") for event in items(data))


def _take_start(data: Any, reader: TickReader, _before: Before) -> Event | None:
    event = reader.needed_event(data, "a start event")
    if event is not None and not isinstance(event, StartEvent):
        raise Malformed(f"a run starts with {event!r:.200}, which is no StartEvent")
    return event


def _put_error(error: BaseException, writer: TickWriter, _tick: Any) -> Json:
    return writer.codec.encode_exception(error)


def _take_error(data: Any, reader: TickReader, _before: Before) -> Exception:
    error = reader.error(data, "what a step raised")
    if error is None:
        raise Malformed("a step raised nothing")
    return error


def _put_kinds(kinds: Iterable[type[Event]], writer: TickWriter, _tick: Any) -> Json:
    return [writer.kind(kind, f"expected[{number}]") for number, kind in enumerate(kinds)]


def _take_kinds(data: Any, reader: TickReader, _before: Before) -> list[type[Event] | None]:
    return [reader.kind(of(str, name), "what a step collects") for name in items(data)]


_EVENT, _EVENTS, _START = Form(_put_event, _take_event), Form(_put_events, _take_events), Form(_put_event, _take_start)
_GIVEN = Form(_put_given, _take_given)
_ERROR, _KINDS = Form(_put_error, _take_error), Form(_put_kinds, _take_kinds)

# --- questions --------------------------------------------------------------------------------------------------------


def _put_asks(asks: Iterable[Ask], writer: TickWriter, tick: Any) -> Json:
    return [
        [
            writer.kind(ask.answer_type, f"asks[{number}].answer_type"),
            None if ask.prompt is None else writer.value(ask.prompt, f"asks[{number}].prompt"),
            _put_text(ask.waiter_id, writer, tick),
            writer.value(dict(ask.requirements), f"asks[{number}].requirements") if ask.requirements else None,
            _put_seconds(ask.timeout_s, writer, tick),
            ask.subclasses,
        ]
        for number, ask in enumerate(asks)
    ]


def _take_asks(data: Any, reader: TickReader, _before: Before) -> tuple[Ask | None, ...]:
    return tuple(_ask(reader, *items(ask)) for ask in items(data))


def _ask(
    reader: TickReader, kind: Any, prompt: Any, waiter_id: Any, required: Any, timeout_s: Any, subclasses: Any
) -> Ask | None:
    answer_type = reader.kind(of(str, kind), "the answer to a question")
    event = reader.event(prompt, "a question")
    requirements = None if required is None else reader.value(required, "what a question requires")
    if answer_type is None or reader.mismatches:
        return None
    return Ask(
        answer_type,
        event,
        None if waiter_id is None else of(str, waiter_id),
        None if required is None else cast("dict[str, object]", of(dict, requirements)),
        None if timeout_s is None else seconds(timeout_s),
        of(bool, subclasses),
    )


_ASKS = Form(_put_asks, _take_asks)

# --- children: in the types of their own workflows; of one that there isn't, nothing ----------------------------------


def _put_childs_event(event: Event, writer: TickWriter, tick: ticks.ChildStarted) -> Json:
    kind = writer.state.kinds.get(tick.workflow)
    return None if kind is None else writer.within(_blank(kind)).value(event, "event")


def _take_childs_event(data: Any, reader: TickReader, before: Before) -> Event | None:
    workflow: str = before["workflow"]
    kind = reader.kinds.get(workflow)
    if kind is None:
        return StartEvent()
    nested = TickReader(kind.program, kind.codec, kind.children, state=reader.state)
    event = _take_start(data, nested, before)
    reader.mismatches += [f"{workflow}: {mismatch}" for mismatch in nested.mismatches]
    return event


def _put_childs_tick(inner: Tick, writer: TickWriter, tick: ticks.ChildTick) -> Json:
    child = writer.state.children.get(tick.child)
    return None if child is None else row(inner, writer.within(child.state, "tick"))


def _take_childs_tick(data: Any, reader: TickReader, before: Before) -> Tick | None:
    child = reader.state.children.get(before["child"])
    if (child is None) is not (data is None):
        raise Malformed(f"child {before['child']} is there only now, or was there only then")
    if child is None:
        return Tick(0, 0.0)
    nested = TickReader.of(child.state)
    tick = tick_in(data, nested)
    reader.mismatches += [f"{child.label}: {mismatch}" for mismatch in nested.mismatches]
    return tick


_CHILDS_EVENT = Form(_put_childs_event, _take_childs_event)
_CHILDS_TICK = Form(_put_childs_tick, _take_childs_tick)

# --- the table --------------------------------------------------------------------------------------------------------

_TICK = {"id": _COUNT, "at": _SECONDS}
_STEP = {**_TICK, "execution": _COUNT, "attempt": _COUNT}
_EFFECT = {**_STEP, "branch": _TEXT_OR_NONE, "digest": _WHOLE}
_ADDRESS = {"step": _TEXT_OR_NONE, "reply_to": _TEXT_OR_NONE}

FORMS: Mapping[str, tuple[type[Tick], Mapping[str, Form]]] = {
    "started": (
        ticks.RunStarted,
        {
            **_TICK,
            "run_id": _TEXT,
            "event": _START,
            "seed": _WHOLE,
            "budget_s": _SECONDS_OR_NONE,
            "is_held": _FLAG,
            "trace": _TEXT,
        },
    ),
    "resumed": (ticks.RunResumed, {**_TICK, "run_id": _TEXT, "budget_s": _SECONDS_OR_NONE, "trace": _TEXT}),
    "returned": (ticks.StepReturned, {**_STEP, "events": _EVENTS, "is_list": _FLAG}),
    "raised": (
        ticks.StepRaised,
        {**_STEP, "error": _ERROR, "retry_in_s": _SECONDS_OR_NONE, "surfaces": _FLAG, "has_swallowed": _FLAG},
    ),
    "suspending": (ticks.StepSuspending, {**_STEP, "on": _TEXTS, "grace_s": _SECONDS}),
    "suspended": (ticks.StepSuspended, _STEP),
    "halted": (ticks.StepHalted, _STEP),
    "parked": (ticks.StepParked, _STEP),
    "unparked": (ticks.StepUnparked, _STEP),
    "departed": (ticks.TapeDropped, {**_STEP, "branch": _TEXT, "index": _WHOLE, "count": _WHOLE, "digest": _WHOLE}),
    "received": (ticks.EventReceived, {**_TICK, "event": _GIVEN, **_ADDRESS}),
    "sent": (ticks.EventSent, {**_EFFECT, "event": _GIVEN, **_ADDRESS}),
    "streamed": (ticks.EventStreamed, {**_EFFECT, "event": _EVENT}),
    "burst": (ticks.BurstStreamed, {**_STEP, "branch": _TEXT_OR_NONE, "digests": _WHOLES, "events": _EVENTS}),
    "published": (ticks.EventPublished, {**_STEP, "event": _EVENT}),
    "recorded": (
        ticks.ValueRecorded,
        {
            **_STEP,
            "branch": _TEXT_OR_NONE,
            "kind": _TEXT,
            "key": _TEXT,
            "value": _JSON,
            "instead_of": _WHOLE_OR_NONE,
        },
    ),
    "reused": (ticks.ValueReused, {**_STEP, "branch": _TEXT_OR_NONE, "kind": _TEXT, "key": _TEXT}),
    "asked": (ticks.QuestionsAsked, {**_STEP, "branch": _TEXT_OR_NONE, "asks": _ASKS}),
    "child started": (
        ticks.ChildStarted,
        {
            **_STEP,
            "branch": _TEXT_OR_NONE,
            "key": _TEXT,
            "workflow": _TEXT,
            "label": _TEXT,
            "event": _CHILDS_EVENT,
        },
    ),
    "child wanted": (ticks.ChildWanted, {**_STEP, "child": _COUNT, "is_wanted": _FLAG}),
    "child": (ticks.ChildTick, {**_TICK, "child": _COUNT, "tick": _CHILDS_TICK}),
    "collected": (
        ticks.EventCollected,
        {
            **_STEP,
            "branch": _TEXT_OR_NONE,
            "key": _TEXT,
            "event": _EVENT,
            "expected": _KINDS,
            "buffer_id": _TEXT_OR_NONE,
        },
    ),
    "read": (ticks.StateRead, {**_STEP, "branch": _TEXT_OR_NONE, "path": _TEXT_OR_NONE}),
    "written": (ticks.StateWritten, {**_EFFECT, "write": _WRITE, "owner": _TEXT_OR_NONE}),
    "written outside": (ticks.StateWrittenOutside, {**_TICK, "write": _WRITE, "owner": _TEXT_OR_NONE}),
    "edit asked": (ticks.EditAsked, {**_TICK, "owner": _TEXT, "execution": _COUNT_OR_NONE, "attempt": _COUNT}),
    "edit committed": (
        ticks.EditCommitted,
        {
            **_TICK,
            "owner": _TEXT,
            "write": _WRITE,
            "execution": _COUNT_OR_NONE,
            "attempt": _COUNT,
            "branch": _TEXT_OR_NONE,
            "digest": _WHOLE,
        },
    ),
    "edit dropped": (ticks.EditDropped, {**_TICK, "owner": _TEXT}),
    "due": (ticks.TimerFired, _TICK),
    "cancelled": (ticks.CancelRequested, {**_TICK, "reason": _TEXT, "is_left": _FLAG}),
}


@attrs.frozen
class _Layout:
    """A row of the table, as writing wants it: all fields at once, and what has to be done about some of them."""

    name: str
    fields: Callable[[Tick], tuple[Any, ...]]
    puts: Sequence[tuple[int, Put]]


_LAYOUTS: dict[type[Tick], _Layout] = {
    kind: _Layout(
        name,
        cast("Callable[[Tick], tuple[Any, ...]]", attrgetter(*forms)),
        [(place, form.put) for place, form in enumerate(forms.values(), start=1) if form.put is not None],
    )
    for name, (kind, forms) in FORMS.items()
}


def row(tick: Tick, writer: TickWriter) -> Json:
    """A tick in its stored form."""
    layout = _LAYOUTS[type(tick)]
    stored: list[Any] = [layout.name, *layout.fields(tick)]
    for place, put in layout.puts:
        stored[place] = put(stored[place], writer, tick)
    return stored


def tick_in(data: Any, reader: TickReader) -> Tick | None:
    """A tick from its stored form; None, and mismatches, if it doesn't fit."""
    name, *parts = items(data)
    kind, forms = FORMS[of(str, name)]
    found: dict[str, Any] = {}
    for (field, form), part in zip(forms.items(), parts, strict=True):
        found[field] = form.take(part, reader, found)
    return None if reader.mismatches else kind(**found)
