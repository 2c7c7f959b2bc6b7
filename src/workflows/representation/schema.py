"""The declared fields of a class, in the words of JSON Schema: to show what an event holds, not to judge data.

A class that is mentioned stands under `$defs` once, and is referred to. What JSON Schema has no word for has only a
`title`, as the annotation would be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import attrs

from ..codec.annotations import is_union, text_of, unwrapped
from ..codec.classes import fields_of, kind_of, types_of
from ..events import Event

_WORDS: Mapping[Any, dict[str, Any]] = {
    NoneType: {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    timedelta: {"type": "number"},
    Decimal: {"type": "string", "format": "decimal"},
    UUID: {"type": "string", "format": "uuid"},
    Path: {"type": "string", "format": "path"},
    dict: {"type": "object"},
    Any: {},
    object: {},
}
_LISTS = (list, tuple, set, frozenset)


def schema_of(cls: type) -> dict[str, Any]:
    """Describe the declared fields of a class."""
    described = _Described()
    schema = described.fields(cls)
    return {**schema, "$defs": described.classes} if described.classes else schema


@attrs.define
class _Described:
    """The classes that were met on the way, by name."""

    classes: dict[str, Any] = attrs.field(factory=dict[str, Any])
    names: dict[type, str] = attrs.field(factory=dict[type, str])

    def fields(self, cls: type) -> dict[str, Any]:
        types = types_of(cls, {})
        fields = [field for field in fields_of(cls) if field.keyword is not None]
        schema: dict[str, Any] = {
            "title": cls.__name__,
            "type": "object",
            "properties": {str(field.keyword): self.annotation(types[field.name]) for field in fields},
        }
        required = [field.keyword for field in fields if field.is_needed]
        if required:
            schema["required"] = required
        if issubclass(cls, Event):
            schema["additionalProperties"] = cls.__event_open__
        return schema

    def annotation(self, annotation: Any) -> dict[str, Any]:
        found = unwrapped(annotation)
        if _is_word(found):
            return dict(_WORDS[found])
        origin, arguments = get_origin(found), get_args(found)
        if is_union(found):
            return {"anyOf": [self.annotation(member) for member in arguments]}
        if origin is Literal:
            return {"enum": [_plain(value) for value in arguments]}
        if (origin or found) in _LISTS:
            return self.items(origin or found, arguments)
        if origin is dict:
            return {"type": "object", "additionalProperties": self.annotation(arguments[1])}
        return self.mentioned(found) if isinstance(found, type) else {"title": text_of(found, _short)}

    def items(self, kind: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
        members = [member for member in arguments if member is not Ellipsis]
        if kind is tuple and len(members) == len(arguments) and members:
            return {"type": "array", "prefixItems": [self.annotation(member) for member in members]}
        schema: dict[str, Any] = {"type": "array"}
        if members:
            schema["items"] = self.annotation(members[0])
        return {**schema, "uniqueItems": True} if kind in (set, frozenset) else schema

    def mentioned(self, cls: type[Any]) -> dict[str, Any]:
        if issubclass(cls, Enum):
            return {"title": cls.__name__, "enum": list(cls.__members__)}
        if kind_of(cls) in ("class", "error"):
            return {"title": cls.__name__}
        if cls not in self.names:
            name = cls.__name__ if cls.__name__ not in self.classes else f"{cls.__module__}.{cls.__qualname__}"
            self.names[cls] = name
            self.classes[name] = {}  # it may mention itself
            self.classes[name] = self.fields(cls)
        return {"$ref": f"#/$defs/{self.names[cls]}"}


def _is_word(found: Any) -> bool:
    try:
        return found in _WORDS
    except TypeError:  # what can't be hashed is none
        return False


def _plain(value: object) -> Any:
    """A value of a Literal, as JSON can say it."""
    if isinstance(value, Enum):
        return value.name
    return repr(value) if isinstance(value, bytes) else value


def _short(cls: type) -> str:
    return cls.__name__
