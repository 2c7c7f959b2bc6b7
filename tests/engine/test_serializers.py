"""`JsonSerializer`: values as JSON text and back; nothing is built that wasn't allowed."""

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from workflows.context import BaseSerializer, JsonSerializer
from workflows.errors import DecodeError, EncodeError
from workflows.events import StopEvent


@attrs.define
class Point:
    x: int


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "text",
        [1, (2, 3)],
        {"a": {1, 2}},
        datetime(2030, 1, 1, tzinfo=UTC),
        Point(1),
        StopEvent(result=Point(2)),
    ],
)
def test_a_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    serializer: BaseSerializer = JsonSerializer(allowed_types=[Point, StopEvent])
    text = serializer.serialize(value)
    json.loads(text)
    assert serializer.deserialize(text) == value
    assert type(serializer.deserialize(text)) is type(value)


def test_what_is_not_allowed_is_neither_written_nor_read() -> None:
    text = JsonSerializer(allowed_types=[Point]).serialize(Point(1))
    with pytest.raises(ValueError, match="Point"):
        JsonSerializer().serialize([Point(1)])
    with pytest.raises(EncodeError):
        JsonSerializer().serialize(object())
    with pytest.raises(DecodeError, match="Point"):
        JsonSerializer().deserialize(text)


def test_data_goes_through_a_serializer_without_being_text() -> None:
    serializer = JsonSerializer(allowed_types=[Point])
    value = {"at": [Point(1), datetime(2030, 1, 1, tzinfo=UTC)]}
    data = serializer.serialize_value(value)
    assert json.loads(serializer.serialize(value)) == data
    assert serializer.deserialize_value(data) == value
    with pytest.raises(DecodeError, match="Point"):
        JsonSerializer().deserialize_value(data)


def test_a_serializer_with_more_types_leaves_the_first_one_as_it_was() -> None:
    first = JsonSerializer(allowed_types=[Point])
    second = first.with_types(StopEvent, Point)
    value = StopEvent(result=Point(2))
    assert second.deserialize(second.serialize(value)) == value
    with pytest.raises(EncodeError):
        first.serialize(value)


@pytest.mark.guarantee("D2")
def test_a_class_is_found_by_its_stored_name_among_those_that_are_allowed() -> None:
    serializer = JsonSerializer(allowed_types=[Point])
    assert serializer.resolve_class(f"{Point.__module__}:{Point.__qualname__}") is Point
    for name in ("os:system", "builtins:print", "datetime:datetime"):
        with pytest.raises(DecodeError):
            serializer.resolve_class(name)


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"$": "os:system", "v": ["ls"]}', "[" * 100_000, '{"$": 5}'])
def test_text_that_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        JsonSerializer().deserialize(text)
