"""Classes of every kind that a workflow can declare, and a codec that knows them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import cattrs

from workflows.codec import Codec
from workflows.events import Event, build_event

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"
    CRIMSON = RED


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mode(enum.StrEnum):
    FAST = "fast"
    SAFE = "safe"


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    ADMIN = enum.auto()
    ALL = READ | WRITE | ADMIN


class Bits(enum.IntFlag):
    ONE = 1
    FOUR = 4


class Point(NamedTuple):
    x: Any
    y: Any = 0


@attrs.define
class Node:
    """Mutable, slots, recursive."""

    value: Any
    children: list[Node] = attrs.field(factory=list["Node"])


@attrs.frozen
class Label:
    """Can be a key."""

    text: Any
    size: Any = 0


def split(found: str) -> list[str]:
    return found.split(",") if found else []


NO_TAGS: Any = ""


@attrs.define
class Account:
    """A private name, a validator, a converter that doesn't take what it gives, and a field that's no argument."""

    _token: Any
    cents: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    tags: list[Any] = attrs.field(converter=split, default=NO_TAGS)
    note: Any = attrs.field(init=False, default=None)


@attrs.define(slots=False)
class Visit:
    """What it does after its `__init__` must not be done twice."""

    places: list[Any]
    steps: int = 0

    def __attrs_post_init__(self) -> None:
        self.steps += 1
        self.seen = True


@dataclass
class Item:
    name: Any
    price: Any = None
    parts: list[Any] = dataclass_field(default_factory=list[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    start: Any
    end: Any = dataclass_field(default=0)
    length: Any = dataclass_field(init=False, default=-1)


@dataclass
class Tally:
    """Changes its own fields when it's made."""

    count: int
    doubled: int = dataclass_field(init=False)

    def __post_init__(self) -> None:
        self.count += 1
        self.doubled = self.count * 2


@attrs.define
class Box(Generic[T]):
    content: T


class Paid(Event, name="order.paid", aliases=["order.payed"]):
    order_id: Any
    cents: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    lines: list[Any] = attrs.field(factory=list[Any])


class Loose(Event):
    """Takes whatever it's given."""


class Half(Event, extra=True):
    declared: Any = None


def loose(**extras: Any) -> Loose:
    """Make a `Loose` out of sight of type checkers, which want declared fields."""
    return build_event(Loose, {}, extras)


def half(declared: Any, **extras: Any) -> Half:
    return build_event(Half, {"declared": declared}, extras)


class Money:
    """A class that only hooks can store."""

    def __init__(self, amount: Any, currency: str) -> None:
        self.amount = amount
        self.currency = currency

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"Money({self.amount}, {self.currency!r})"

    def __hash__(self) -> int:
        return hash(self.currency)


class Words(list[Any]):
    """A subclass of a builtin, which only hooks can store."""


class OutOfStock(Exception):
    """An exception whose arguments aren't those of its `__init__`."""

    def __init__(self, *, sku: str, left: int) -> None:
        super().__init__(f"{sku}: {left} left")
        self.sku = sku
        self.left = left


def money_from(parts: Any, _type: Any) -> Money:
    amount, currency = parts
    return Money(amount, currency)


def configure(converter: cattrs.Converter) -> None:
    converter.register_unstructure_hook(Money, lambda money: (money.amount, money.currency))
    converter.register_structure_hook(Money, money_from)
    converter.register_unstructure_hook(Words, lambda words: {"words": list(words)})
    converter.register_structure_hook(Words, lambda found, _: Words(found["words"]))


ENUMS: tuple[type[enum.Enum], ...] = (Colour, Priority, Mode, Access, Bits)
OBJECTS: tuple[type, ...] = (
    Point,
    Node,
    Label,
    Account,
    Visit,
    Item,
    Span,
    Tally,
    Box,
    Paid,
    Loose,
    Half,
    Money,
    Words,
)
DECLARED: tuple[type, ...] = (*ENUMS, *OBJECTS, OutOfStock)
CODEC = Codec(DECLARED, configure)


class Client:
    """Nobody declares it."""

    def __repr__(self) -> str:
        return "<Client>"


FIXED: Mapping[str, Any] = {
    "colours": {Colour.RED, Colour.BLUE},
    "words": frozenset({"one", "two", "three", "four"}),
    "odd": {3: "c", 1: "a", (2, "x"): {"b", "bb", "bbb"}},
    "event": loose(topic="x", tags={"p", "q", "r"}),
    "box": Box(Label("a", frozenset({1, 2, 3}))),
}
"""Values whose order in memory differs from process to process."""
