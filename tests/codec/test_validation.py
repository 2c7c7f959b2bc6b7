"""Data from outside becomes what is declared, strictly, or all of its problems are named."""

from __future__ import annotations

import enum
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, is_typeddict
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.errors import DefinitionError, InvalidInput, UsageError
from workflows.events import Event, HumanResponseEvent, StartEvent, build_event

from .same import same
from .samples import CODEC, Access, Client, Colour, Label, Money, Priority

T = TypeVar("T")
UserId = NewType("UserId", int)


@attrs.define
class Item:
    name: str
    cents: int = attrs.field(validator=attrs.validators.ge(0))
    _tags: list[str] = attrs.field(factory=list[str])
    colour: Colour | None = None
    made: int = attrs.field(init=False, default=1)


@dataclass
class Order:
    items: list[Item]
    by_day: dict[date, Decimal] = field(default_factory=dict[date, Decimal])
    next: Order | None = None


class Submitted(StartEvent):
    order: Order
    priority: Priority = Priority.LOW


class Answer(HumanResponseEvent):
    approved: bool
    note: str = ""


class Box(NamedTuple, Generic[T]):
    content: T
    size: int = 1


class Row(TypedDict):
    id: int
    note: str | None


def split(given: str | list[str]) -> list[str]:
    return given.split(",") if isinstance(given, str) else given


@attrs.define
class Split:
    names: list[str] = attrs.field(converter=split)


def problems_of(value: Any, annotation: Any, path: str = "$") -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        CODEC.validate(value, annotation, path)
    error = refused.value
    assert isinstance(error, UsageError)
    assert isinstance(error, ValueError)
    assert all(problem in str(error) for problem in error.problems)
    return list(error.problems)


UTC_DAY = datetime(2024, 1, 31, tzinfo=UTC)

FITS: list[tuple[Any, Any, Any]] = [
    (5, int, 5),
    (5, float, 5.0),
    (1.5, float, 1.5),
    (5, complex, 5 + 0j),
    (True, bool, True),
    ("a", str, "a"),
    (None, None, None),
    ("YQ==", bytes, b"a"),
    (b"a", bytes, b"a"),
    ("YQ==", bytearray, bytearray(b"a")),
    ("2024-01-31T00:00:00+00:00", datetime, UTC_DAY),
    (UTC_DAY, datetime, UTC_DAY),
    ("2024-01-31", date, date(2024, 1, 31)),
    ("12:30", time, time(12, 30)),
    (1.5, timedelta, timedelta(seconds=1.5)),
    ("Europe/Paris", ZoneInfo, ZoneInfo("Europe/Paris")),
    ("1.50", Decimal, Decimal("1.50")),
    (0.1, Decimal, Decimal("0.1")),
    (3, Decimal, Decimal(3)),
    ("1/3", Fraction, Fraction(1, 3)),
    ("00000000-0000-0000-0000-000000000001", UUID, UUID(int=1)),
    ("a/b", Path, Path("a/b")),
    ("1.2.3.4", IPv4Address, IPv4Address("1.2.3.4")),
    ("a+", re.Pattern, re.compile("a+")),
    ("red", Colour, Colour.RED),
    ("RED", Colour, Colour.RED),
    (Colour.RED, Colour, Colour.RED),
    (2, Priority, Priority.HIGH),
    (3, Access, Access.READ | Access.WRITE),
    ([1, 2], list[int], [1, 2]),
    ((1, 2), list[int], [1, 2]),
    ([1, 2], list, [1, 2]),
    ([1, 2], Sequence[int], [1, 2]),
    ([1, 2], Iterable[int], [1, 2]),
    ([1, 2], tuple[int, ...], (1, 2)),
    ([1, 2], tuple, (1, 2)),
    ([1, "a"], tuple[int, str], (1, "a")),
    ([], tuple[()], ()),
    ([1, 2], set[int], {1, 2}),
    ([1, 2], frozenset[int], frozenset({1, 2})),
    ([1, 2], AbstractSet[int], {1, 2}),
    ([1, 2], deque[int], deque([1, 2])),
    ({"a": 1}, dict[str, int], {"a": 1}),
    ({"5": 1}, dict[int, int], {5: 1}),
    ({5: 1}, dict[int, int], {5: 1}),
    ({"1.5": 1}, dict[float, int], {1.5: 1}),
    ({"2024-01-31": "1"}, dict[date, Decimal], {date(2024, 1, 31): Decimal(1)}),
    ({"a": 1}, Mapping[str, int], {"a": 1}),
    ({"a": 1}, dict, {"a": 1}),
    ({"b": 1, "a": 2}, OrderedDict[str, int], OrderedDict(b=1, a=2)),
    ({"a": 1}, Counter[str], Counter(a=1)),
    (None, int | None, None),
    (5, Optional[int], 5),  # noqa: UP045  # users may write so
    ("5", int | str, "5"),
    (5, float | str, 5.0),
    (True, int | bool, True),
    ("2024-01-31", int | date, date(2024, 1, 31)),
    ([1], str | list[int], [1]),
    ("a", Literal["a", 1], "a"),
    ("red", Literal[Colour.RED], Colour.RED),
    (None, Literal[None, 1], None),
    (5, Annotated[int, ["unhashable"]], 5),
    (5, UserId, 5),
    ({"any": [1]}, Any, {"any": [1]}),
    ([{"any": 1}], list[Any], [{"any": 1}]),
    (5, object, 5),
    (5, T, 5),
    (Money(1, "EUR"), Money, Money(1, "EUR")),
    ([1, "EUR"], Money, Money(1, "EUR")),
    ({"id": 1, "note": None}, Row, {"id": 1, "note": None}),
    ({"content": 5}, Box[int], Box(5)),
    ({"names": "a,b"}, Split, Split("a,b")),
    ({"names": ["a"]}, Split, Split(["a"])),
    (len, Callable[[str], int], len),
]


@pytest.mark.guarantee("W9")
@pytest.mark.parametrize(("value", "annotation", "made"), FITS, ids=[f"{v!r}-{a}"[:50] for v, a, _ in FITS])
def test_what_fits_becomes_what_is_declared(value: Any, annotation: Any, made: Any) -> None:
    assert same(CODEC.validate(value, annotation), made)


REFUSED: list[tuple[Any, Any, str]] = [
    ("5", int, "expected an integer, got '5' (str)"),
    (True, int, "expected an integer, got True (bool)"),
    (1.0, int, "expected an integer, got 1.0 (float)"),
    (True, float, "expected a number, got True (bool)"),
    ("1.5", float, "expected a number"),
    (1, bool, "expected true or false, got 1 (int)"),
    ("true", bool, "expected true or false"),
    (5, str, "expected text, got 5 (int)"),
    (None, str, "expected text, got None"),
    (0, None, "expected nothing"),
    ("é", bytes, "expected bytes, or base64 text"),
    ("yesterday", datetime, "expected a date and time in ISO format, got 'yesterday' (str)"),
    (20240131, date, "expected a date in ISO format"),
    ("os.path", ZoneInfo, "expected the name of a time zone"),
    ("x", Decimal, "expected a decimal number, got 'x' (str)"),
    (True, Decimal, "expected a decimal number"),
    ("x", UUID, "expected a UUID"),
    ("(", re.Pattern, "expected a regular expression"),
    ("green", Colour, "expected one of 'red', 'blue', got 'green' (str)"),
    (True, Priority, "expected one of 1, 2"),
    ([1], Priority, "expected one of 1, 2"),
    ("abc", list[str], "expected list[str], got 'abc' (str)"),
    ({"a": 1}, list[str], "expected list[str]"),
    (5, set[int], "expected set[int]"),
    ([1, 1], set[int], "without an element twice"),
    ([[1]], set[list[int]], "expected set[list[int]]"),
    ([1], tuple[int, str], "expected tuple[int, str], got [1] (list)"),
    ([["a", 1]], dict[str, int], "expected dict[str, int]"),
    ("5", int | None, "expected an integer"),
    ("x", int | date, "expected date | int"),
    (1, Literal["a", True], "expected one of 'a', True, got 1 (int)"),
    ([], Literal["a"], "expected one of 'a'"),
    (Client(), Colour, "expected one of"),
    (5, Client, "expected a Client, got 5 (int)"),
    ([1], Item, "expected Item or an object with its fields, got [1] (list)"),
    (5, Row, "expected Row"),
    (5, Callable[[str], int], "expected a Callable"),
    ([1], Money, "ValueError: not enough values to unpack"),
]


@pytest.mark.guarantee("W9")
@pytest.mark.parametrize(("value", "annotation", "words"), REFUSED, ids=[f"{v!r}-{a}"[:50] for v, a, _ in REFUSED])
def test_what_does_not_fit_is_refused_with_the_value(value: Any, annotation: Any, words: str) -> None:
    (problem,) = problems_of(value, annotation)
    assert problem.startswith("$: ")
    assert words in problem


ORDER: Any = {
    "order": {
        "items": [{"name": "a", "cents": 5, "tags": ["x"]}, {"name": "b", "cents": 0, "colour": "red"}],
        "by_day": {"2024-01-31": "1.50"},
        "next": {"items": []},
    },
    "priority": 2,
}


@pytest.mark.guarantee("W9")
def test_objects_are_made_at_any_depth() -> None:
    assert CODEC.validate(ORDER, Submitted) == Submitted(
        order=Order(
            [Item("a", 5, ["x"]), Item("b", 0, colour=Colour.RED)],
            {date(2024, 1, 31): Decimal("1.50")},
            Order([]),
        ),
        priority=Priority.HIGH,
    )


@pytest.mark.guarantee("W9")
def test_instances_stand_for_themselves_at_any_depth() -> None:
    item = Item("a", 5)
    made = CODEC.validate({"order": {"items": [item, {"name": "b", "cents": 1}]}}, Submitted)
    assert made.order.items[0] is item
    event = Submitted(order=Order([]))
    assert CODEC.validate(event, Submitted) is event
    assert CODEC.validate(event, StartEvent) is event


@pytest.mark.guarantee("W9")
def test_all_problems_are_named_with_their_paths() -> None:
    data: Any = {
        "order": {
            "items": [
                {"name": 5, "cents": "5"},
                {"cents": -1, "colour": "green", "sku": 1},
                "c",
                {"name": "d", "cents": -1},
            ],
            "by_day": {"tomorrow": "1", "2024-01-31": "much"},
            "next": {"items": {}},
        },
        "prioritty": 1,
    }
    assert problems_of(data, Submitted, "$.input") == [
        "$.input.order.items[0].name: expected text, got 5 (int)",
        "$.input.order.items[0].cents: expected an integer, got '5' (str)",
        "$.input.order.items[1].name: is missing: expected str",
        "$.input.order.items[1].colour: expected one of 'red', 'blue', got 'green' (str)",
        "$.input.order.items[1].sku: Item has no such field; its fields: name, cents, tags, colour",
        "$.input.order.items[2]: expected Item or an object with its fields, got 'c' (str)",
        "$.input.order.items[3]: Item refuses these values: ValueError: 'cents' must be >= 0: -1",
        "$.input.order.by_day.tomorrow: expected a date in ISO format, got 'tomorrow' (str)",
        "$.input.order.by_day['2024-01-31']: expected a decimal number, got 'much' (str)",
        "$.input.order.next.items: expected list[Item], got {} (dict)",
        "$.input.prioritty: Submitted has no such field; its fields: order, priority",
    ]


@pytest.mark.guarantee("W9")
def test_an_open_event_takes_what_it_does_not_declare() -> None:
    class Half(Event, extra=True):
        number: int

    assert CODEC.validate({"topic": "x", "n": [1]}, StartEvent) == StartEvent(topic="x", n=[1])
    assert CODEC.validate({"number": 1, "x": "y"}, Half) == build_event(Half, {"number": 1}, {"x": "y"})
    assert problems_of({"number": "1", "x": "y"}, Half) == ["$.number: expected an integer, got '1' (str)"]
    assert problems_of({1: 2}, StartEvent)[0].startswith("$: StartEvent refuses these values: TypeError")


@pytest.mark.guarantee("W9")
def test_private_names_are_given_as_to_the_class() -> None:
    assert CODEC.validate({"name": "a", "cents": 1, "tags": []}, Item) == Item("a", 1, [])
    assert CODEC.validate({"name": "a", "cents": 1, "_tags": ["x"]}, Item) == Item("a", 1, ["x"])
    assert problems_of({"name": "a", "cents": 1, "made": 2}, Item)[0].startswith("$.made: Item has no such field")


@attrs.define
class Circle:
    radius: float


@attrs.define
class Square:
    side: float


@attrs.define
class Cube:
    side: float
    depth: float = 1


@pytest.mark.guarantee("W9")
def test_of_a_union_the_only_class_that_fits_is_made() -> None:
    assert CODEC.validate({"radius": 1}, Circle | Square) == Circle(1)
    assert CODEC.validate({"side": 1}, Circle | Square | None) == Square(1)
    either: Any = Square | Cube
    assert CODEC.validate({"side": 1, "depth": 2}, either) == Cube(1, 2)
    assert CODEC.validate(Cube(1), either) == Cube(1)
    assert CODEC.validate([{"radius": 1}, {"side": 2}], list[Circle | Square]) == [Circle(1), Square(2)]
    (problem,) = problems_of({"side": 1}, Square | Cube)
    assert "fits Square and Cube alike" in problem
    assert problems_of({"radius": "x"}, Circle | str) == ["$.radius: expected a number, got 'x' (str)"]
    (problem,) = problems_of({"x": 1}, Circle | Square)
    assert "expected Circle | Square, got {'x': 1} (dict)" in problem


@attrs.define
class ByCard:
    kind: Literal["card"]
    number: str


@attrs.define
class ByCash:
    kind: Literal["cash"]
    number: str


@pytest.mark.guarantee("W9")
def test_a_literal_tells_two_classes_apart() -> None:
    either: Any = ByCard | ByCash
    assert CODEC.validate({"kind": "cash", "number": "1"}, either) == ByCash("cash", "1")


@pytest.mark.guarantee("W9")
def test_generic_classes_are_made_of_what_they_were_parametrized_with() -> None:
    @attrs.define
    class Inner(Generic[T]):
        values: list[T]

    class Outer(Event, Generic[T]):
        inner: Inner[T]

    @dataclass
    class Ints(Box[int]):  # type: ignore[misc]  # only its annotations matter here
        pass

    assert CODEC.validate({"inner": {"values": [1]}}, Outer[int]) == Outer(inner=Inner([1]))
    assert problems_of({"inner": {"values": ["1"]}}, Outer[int]) == [
        "$.inner.values[0]: expected an integer, got '1' (str)"
    ]
    assert CODEC.validate({"values": ["1", 1]}, Inner) == Inner(["1", 1])


def test_classes_local_to_a_function_are_found() -> None:
    @attrs.define
    class Part:
        number: int

    @dataclass
    class Whole:
        parts: list[Part]

    codec = Codec([Part, Whole])
    assert codec.validate({"parts": [{"number": 1}]}, Whole) == Whole([Part(1)])


def test_an_annotation_that_can_not_be_resolved_is_a_fault_of_the_class() -> None:
    @attrs.define
    class Broken:
        a: NoSuchName  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(DefinitionError, match="NoSuchName"):
        CODEC.validate({"a": 1}, Broken)


@pytest.mark.guarantee("W9")
def test_data_that_is_nested_too_deep_is_refused() -> None:
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    for annotation in (Any, list[Any], Item):
        assert problems_of(deep, annotation) == ["$: is nested more than 200 levels deep"]
    order: dict[str, Any] = {"items": []}
    for _ in range(90):
        order = {"items": [], "next": order}
    assert CODEC.validate(order, Order).next is not None
    for _ in range(200):
        order = {"items": [], "next": order}
    assert problems_of(order, Order) == ["$: is nested more than 200 levels deep"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "cents", "items", "next", "order", "a"]), inner, max_size=3)
    ),
    max_leaves=10,
)
declared: st.SearchStrategy[Any] = st.sampled_from(
    [annotation for _, annotation, _ in FITS] + [Submitted, Order, Item, list[Item], Answer, Label]
)


@pytest.mark.guarantee("W9")
@given(data=json_like, annotation=declared)
def test_any_data_gives_what_is_declared_or_problems_with_paths(data: Any, annotation: Any) -> None:
    try:
        made = CODEC.validate(data, annotation)
    except InvalidInput as error:
        problems = error.problems
        made = None
    else:
        problems = ("$: none",)
    assert all(problem.startswith("$") for problem in problems)
    if made is not None and isinstance(annotation, type) and annotation is not Any and not is_typeddict(annotation):
        assert isinstance(made, annotation)


class Mixed(enum.Enum):
    """Values that can't be keys, and two that are equal to Python."""

    A = 1
    B = 1.0
    C = ("x", [1])


def test_members_with_values_that_are_no_json_are_given_by_name() -> None:
    assert CODEC.validate("C", Mixed) is Mixed.C
    assert CODEC.validate(1, Mixed) is Mixed.A
    assert problems_of(["x"], Mixed)[0].startswith("$: expected one of 1, ('x', [1])")
