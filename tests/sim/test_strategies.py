"""`from_event_type`: events drawn from what their classes declare, each of which can be stored."""

import enum
import json
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import cattrs
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from workflows import Context, Workflow, step
from workflows.codec import Codec
from workflows.errors import UsageError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import simulate
from workflows.testing.strategies import from_event_type

T = TypeVar("T")
Key = NewType("Key", str)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(NamedTuple):
    x: int
    y: float = 0.0


@dataclass(frozen=True)
class Line:
    what: str
    price: Decimal
    tags: list[str] = dataclass_field(default_factory=list[str])


@attrs.define
class Node:
    value: int
    children: list["Node"] = attrs.field(factory=list["Node"])


@attrs.frozen
class Box(Generic[T]):
    inside: T


class Options(TypedDict):
    name: str
    size: NotRequired[int]


class Everything(Event):
    nothing: None
    flag: bool
    number: int
    ratio: float
    text: str
    data: bytes
    exact: Decimal
    part: Fraction
    wave: complex
    name: UUID
    when: datetime
    day: date
    hour: time
    span: timedelta
    path: Path
    address: IPv4Address
    anything: Any
    colour: Colour
    access: Access
    choice: Literal["a", 1, None]
    maybe: int | None
    either: str | Point
    key: Key
    noted: Annotated[int, "a note"]
    numbers: list[int]
    words: Sequence[str]
    pair: tuple[int, str]
    many: tuple[int, ...]
    some: set[int]
    few: frozenset[str]
    last: deque[int]
    by_key: dict[Key, list[int]]
    by_number: Mapping[int, str]
    ordered: OrderedDict[str, int]
    counts: Counter[str]
    line: Line
    tree: Node
    box: Box[int]
    options: Options


def is_stored_and_read_back(event: Event, codec: Codec | None = None) -> bool:
    codec = codec or Codec([type(event)])
    data = json.loads(json.dumps(codec.encode(event)))
    return bool(codec.decode(data) == event)


@effort(0.5)
@given(event=from_event_type(Everything))
def test_events_of_all_kinds_of_fields_can_be_stored(event: Everything) -> None:
    assert is_stored_and_read_back(event)
    assert event.when.tzinfo is UTC
    assert isinstance(event.tree, Node)
    assert isinstance(event.box.inside, int)


def must_be_even(_event: object, _field: object, value: int) -> None:
    if value % 2:
        raise ValueError(f"{value} isn't even")


class Limited(Event):
    cents: int = attrs.field(validator=attrs.validators.ge(0))
    odds: float = attrs.field(validator=[attrs.validators.gt(0), attrs.validators.lt(1)])
    size: int = attrs.field(validator=attrs.validators.in_([36, 38, 40]))
    code: str = attrs.field(validator=attrs.validators.matches_re(r"[A-Z]{2}\d{4}"))
    names: list[str] = attrs.field(validator=[attrs.validators.min_len(7), attrs.validators.max_len(8)])
    maybe: int | None = attrs.field(validator=attrs.validators.optional(attrs.validators.gt(10)))
    even: int = attrs.field(validator=must_be_even)
    first: int = 0
    last: int = attrs.field(default=0, alias="until")
    fixed: str = attrs.field(default="fixed", init=False)

    def __attrs_post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError("first comes before last")


@effort(0.5)
@given(event=from_event_type(Limited))
def test_what_validators_refuse_is_not_drawn(event: Limited) -> None:
    assert is_stored_and_read_back(event)
    assert event.cents >= 0
    assert 0 < event.odds < 1
    assert re.fullmatch(r"[A-Z]{2}\d{4}", event.code)
    assert event.even % 2 == 0
    assert event.first <= event.last


class Marked(Event):
    mark: int = attrs.field(default=-1)


def test_a_field_with_a_default_is_drawn_and_left_out() -> None:
    drawn = from_event_type(Marked)
    assert find(drawn, lambda event: event.mark == -1).mark == -1
    assert find(drawn, lambda event: event.mark != -1).mark == 0


class Money:
    """Its fields can't be seen."""

    def __init__(self, cents: int, currency: str = "EUR") -> None:
        self.of = (cents, currency)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.of == other.of

    __hash__ = None  # type: ignore[assignment]  # nobody needs it


class Bare:
    def __init__(self, of) -> None:  # type: ignore[no-untyped-def]  # what is to be found
        self.of = of


class Paid(Event):
    price: Money


class Paying(Workflow):
    def __init__(self) -> None:
        super().__init__(types=[Money])

    def configure_converter(self, converter: cattrs.Converter) -> None:
        converter.register_unstructure_hook(Money, lambda money: list(money.of))
        converter.register_structure_hook(Money, lambda data, _: Money(*data))

    @step
    async def pay(self, ev: StartEvent) -> Paid:
        return Paid(price=Money(1))

    @step
    async def end(self, ev: Paid) -> StopEvent:
        return StopEvent(result=ev.price)


@effort(0.3)
@given(event=from_event_type(Paid, workflow=Paying()))
def test_a_class_with_hooks_is_built_of_its_arguments(event: Paid) -> None:
    assert is_stored_and_read_back(event, Paying().definition.codec)


@effort(0.3)
@given(event=from_event_type(Paid, given={Money: st.builds(Money, st.integers(1, 3))}))
def test_a_strategy_for_a_class_can_be_given(event: Paid) -> None:
    assert event.price.of[0] in (1, 2, 3)
    assert is_stored_and_read_back(event, Paying().definition.codec)


class Unknown(Event):
    prices: list[Money]
    bare: Bare
    act: type[int]


def test_all_classes_that_need_a_strategy_are_listed() -> None:
    with pytest.raises(UsageError) as caught:
        from_event_type(Unknown)
    assert "Unknown.prices (Money), Unknown.bare (Bare), Unknown.act (type[int])" in str(caught.value)
    assert "given={Money: st.builds(...)}" in str(caught.value)


class Open(Event, extra=True):
    topic: str = "tea"


@effort(0.3)
@given(event=from_event_type(Open, topic=st.just("coffee"), cups=st.integers(1, 3)))
def test_single_fields_and_further_keywords_of_an_open_event_can_be_given(event: Open) -> None:
    assert event.topic in ("tea", "coffee")
    assert event["cups"] in (1, 2, 3)
    assert is_stored_and_read_back(event)


class Decision(HumanResponseEvent):
    approved: bool
    reason: str | None = None


class Approval(InputRequiredEvent, answer=Decision):
    what: str


class Reviewing(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        decision = await ctx.ask(Approval(what=ev.what))
        return StopEvent(result=decision.reason)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@effort(0.2)
@given(decision=from_event_type(Decision), seed=st.integers(0, 2**32 - 1))
def test_a_workflow_takes_every_answer_that_is_drawn(backend: Any, decision: Decision, seed: int) -> None:
    async def scenario() -> Any:
        workflow = Reviewing(types=[Approval, Decision])
        async with workflow.running(what="a desk") as handler:
            async for event in handler.stream_events():
                if isinstance(event, Approval):
                    await handler.send_event(decision)
            return await handler

    assert simulate(scenario, backend=backend, seed=seed) == decision.reason


class Sized(Event):
    size: int


def test_a_field_that_a_class_does_not_have_is_refused_and_an_open_class_takes_it() -> None:
    with pytest.raises(UsageError, match=r"was given sise=, and Sized has no such field. Its fields: size\."):
        from_event_type(Sized, sise=st.integers())
    assert find(from_event_type(HumanResponseEvent, response=st.just("yes")), bool).response == "yes"


@pytest.mark.parametrize("wrong", [int, "Sized", Colour])
def test_what_is_no_class_of_events_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="Give a class of events"):
        from_event_type(wrong)
