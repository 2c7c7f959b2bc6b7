"""`same`: whether two values are equal *and* of the same types, all the way down.

It's stricter than `==` (1 is not True, 0.0 is not -0.0, a UTC datetime isn't one of another zone), and more lenient in
that NaN is NaN. It shares no code with the codec.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import struct
from collections import Counter, OrderedDict, deque
from datetime import datetime, time, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from workflows.events import Event


def same(one: Any, other: Any) -> bool:
    """Whether one value is what the other is."""
    if type(one) is not type(other):
        return False
    kind = class_of(one)
    if issubclass(kind, enum.Enum):
        return one is other
    if kind is float:
        return bool(struct.pack("d", one) == struct.pack("d", other)) or (math.isnan(one) and math.isnan(other))
    if kind is complex:
        return same(one.real, other.real) and same(one.imag, other.imag)
    if kind is Decimal:
        return bool(one.as_tuple() == other.as_tuple())
    if kind in {datetime, time}:
        return _same_moment(one, other)
    if kind is timezone:
        return repr(one) == repr(other)
    if kind is ZoneInfo:
        return bool(one.key == other.key)
    if kind in {set, frozenset}:
        return _same_elements(list(one), list(other))
    if kind in {dict, OrderedDict, Counter}:
        return _same_items(list(one.items()), list(other.items()))
    if kind is deque:
        return one.maxlen == other.maxlen and _same_items(list(one), list(other))
    if issubclass(kind, list | tuple):
        return _same_items(list(one), list(other))
    if kind is range:
        return bool((one.start, one.stop, one.step) == (other.start, other.stop, other.step))
    state = state_of(one)
    return bool(one == other) if state is None else same(state, state_of(other))


def class_of(value: Any) -> Any:
    """The class of a value, of which nothing is known."""
    cls: type = value.__class__
    return cls


def _same_moment(one: Any, other: Any) -> bool:
    if one.replace(tzinfo=None) != other.replace(tzinfo=None) or one.fold != other.fold:
        return False
    return same(one.tzinfo, other.tzinfo)


def _same_items(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(same, one, other))


def _same_elements(one: list[Any], other: list[Any]) -> bool:
    left = list(other)
    for element in one:
        found = next((index for index, candidate in enumerate(left) if same(element, candidate)), None)
        if found is None:
            return False
        del left[found]
    return not left


def state_of(value: Any) -> dict[str, Any] | None:
    """What an object consists of; None if `==` tells all."""
    if isinstance(value, BaseException):
        return {
            "args": value.args,
            **{key: held for key, held in vars(value).items() if not key.startswith("__stored")},
        }
    state: dict[str, Any] | None = None
    cls = class_of(value)
    if attrs.has(cls):
        state = {field.name: getattr(value, field.name) for field in attrs.fields(cls)}
    elif dataclasses.is_dataclass(cls):
        state = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif hasattr(value, "__pydantic_fields_set__"):
        state = dict(value.__getstate__())
    elif cls.__module__.startswith("tests.") and hasattr(cls, "__dict__") and hasattr(value, "__dict__"):
        state = {**value.__dict__}
    if isinstance(value, Event):
        state = {**(state or {}), "extras": value.to_dict()}
    return state
