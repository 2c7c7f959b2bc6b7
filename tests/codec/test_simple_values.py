"""Classes whose values need no conversion are made at once: that comes to what looking at each field comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec, validation
from workflows.errors import InvalidInput
from workflows.events import Event, StartEvent


class Order(Event):
    number: int
    note: str | None = None
    price: Annotated[float, "in euros"] = 0.0
    is_paid: bool = False


class Loose(StartEvent, extra=True):
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


def outcome(codec: Codec, data: object, kind: type) -> object:
    try:
        return codec.validate(data, kind)
    except InvalidInput as error:
        return str(error), error.problems


@given(data=st.dictionaries(st.sampled_from(NAMES), values, max_size=4), kind=st.sampled_from(KINDS))
def test_what_is_made_at_once_is_what_is_made_field_by_field(data: dict[str, Any], kind: type) -> None:
    with patch.object(validation, "plain_types", lambda _: frozenset[type]()):
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
