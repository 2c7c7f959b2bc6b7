"""D1: a value goes through JSON text and comes back equal and of the same type."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from .same import class_of, same
from .samples import CODEC
from .strategies import storable_values


def through_json(value: Any) -> Any:
    text = json.dumps(CODEC.encode(value), allow_nan=False)
    return CODEC.decode(json.loads(text))


@pytest.mark.guarantee("D1")
@given(value=storable_values())
def test_any_storable_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    assert same(through_json(value), value)


@pytest.mark.guarantee("D1")
@given(value=storable_values())
def test_a_value_that_came_back_is_stored_in_the_same_way(value: Any) -> None:
    assert CODEC.encode(through_json(value)) == CODEC.encode(value)


@pytest.mark.guarantee("D1")
@given(value=storable_values())
def test_what_is_encoded_changes_with_neither_the_value_nor_the_copy(value: Any) -> None:
    encoded = CODEC.encode(value)
    before = copy.deepcopy(encoded)
    spoil(value)
    assert encoded == before
    spoil(CODEC.decode(encoded))
    assert encoded == before


@pytest.mark.guarantee("D1")
@given(value=storable_values())
def test_each_reading_gives_a_value_of_its_own(value: Any) -> None:
    encoded = CODEC.encode(value)
    spoil(CODEC.decode(encoded))
    assert same(CODEC.decode(encoded), value)


def spoil(value: Any) -> None:
    """Change everything that can be changed in a value."""
    kind = class_of(value)
    if issubclass(kind, list | dict | set | bytearray):
        parts: list[Any] = [*value.values()] if issubclass(kind, dict) else [*value]
        for part in parts:
            spoil(part)
        value.clear()
    elif hasattr(value, "__dict__") or hasattr(value, "__attrs_attrs__"):
        for name in ("children", "tags", "places", "parts", "content", "lines", "declared", "topic"):
            spoil(getattr(value, name, None))
