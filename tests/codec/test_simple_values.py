"""Classes whose values need no conversion are made at once: that comes to what looking at each field comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec, simple, validation
from workflows.errors import InvalidInput
from workflows.events import Event, StartEvent, build_event


class Order(Event):
    number: int
    note: str | None = None
    price: Annotated[float, "in euros"] = 0.0
    is_paid: bool = False


class Loose(StartEvent, extra=True):
    number: int


class Half(Event):
    number: int
    made: int = attrs.field(init=False, default=1)


class Made(Event):
    number: int


@attrs.define
class Item:
    _name: str
    cents: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    tags: list[str] = attrs.field(factory=list[str])
    made: int = attrs.field(init=False, default=1)


@attrs.define
class Price:
    cents: int = attrs.field(converter=int)


@dataclass
class Row:
    name: str | int
    made: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        if self.name == "":
            raise ValueError("needs a name")


class Pair(NamedTuple):
    number: int
    note: object = None


KINDS: tuple[type[Any], ...] = (Order, Loose, Item, Price, Row, Pair)
NAMES = ("number", "note", "price", "is_paid", "name", "_name", "cents", "tags", "made", "other")
values = st.sampled_from((1, -1, 2.5, "text", "", "2", True, None, ["a"], [1]))


def nothing(_annotation: object) -> frozenset[type]:
    """Take no types for simple: then each value is looked at by itself."""
    return frozenset()


def outcome(codec: Codec, data: object, kind: type[Any]) -> Any:
    try:
        return codec.validate(data, kind)
    except InvalidInput as error:
        return str(error), error.problems


@given(data=st.dictionaries(st.sampled_from(NAMES), values, max_size=4), kind=st.sampled_from(KINDS))
def test_what_is_made_at_once_is_what_is_made_field_by_field(data: dict[str, Any], kind: type) -> None:
    with patch.object(simple, "plain_types", nothing):
        slowly = outcome(Codec(KINDS), data, kind)
    assert outcome(Codec(KINDS), data, kind) == slowly


SIMPLE: tuple[tuple[type[Any], dict[str, Any]], ...] = (
    (Order, {"number": 1, "note": "x"}),
    (Loose, {"number": 1}),
    (Item, {"name": "a"}),
    (Price, {"cents": 2}),
    (Row, {"name": 3}),
    (Pair, {"number": 1}),
)


@pytest.mark.parametrize(("kind", "data"), SIMPLE)
def test_some_values_of_each_class_are_taken_at_once(kind: type[Any], data: dict[str, Any]) -> None:
    codec = Codec(KINDS)
    made = codec.validate(data, kind)
    with patch.object(validation.Validator, "_fields_from", None):
        assert codec.validate(data, kind) == made


@given(data=st.dictionaries(st.sampled_from(NAMES), values, max_size=4), kind=st.sampled_from((Order, Loose, Half)))
def test_an_event_that_is_as_declared_is_what_its_values_come_to(data: dict[str, Any], kind: type[Event]) -> None:
    try:
        event = kind(**data)
    except TypeError:
        return
    codec = Codec([*KINDS, Half])
    if codec.is_as_declared(event):
        given = {name: value for name, value in vars(event).items() if name in data}
        assert codec.validate(given, kind) == event
        assert not any(isinstance(value, list) for value in data.values())


def of_its_own(hooks: Any) -> None:
    def number_of(made: Made) -> int:
        return made.number

    def made_of(number: int, _: object) -> Made:
        return Made(number=number)

    hooks.register_unstructure_hook(Made, number_of)
    hooks.register_structure_hook(Made, made_of)


def test_it_is_seen_of_plain_events_alone_that_they_are_as_declared() -> None:
    codec = Codec([*KINDS, Half, Made], of_its_own)
    assert codec.is_as_declared(Order(number=1, note="x"))
    assert codec.is_as_declared(Order(number=1))
    assert not codec.is_as_declared(Order(number=True))
    assert not codec.is_as_declared(Order(number=1, price=2))
    assert not codec.is_as_declared(build_event(Loose, {"number": 1}, {"more": 2}))
    assert not codec.is_as_declared(Half(number=1)), "it has a field that only it can fill"
    assert not codec.is_as_declared(Made(number=1)), "a hook of the user's makes it"
