"""Copies for a step: what it changes in place in what it's given isn't changed for a replay, a retry or another step.

Rules:
- What can't change is its own copy; so an event whose fields hold text and numbers costs one look at each.
- Containers of the standard library are copied with what's in them. Keys, and elements of sets, can be hashed, and are
  taken to be frozen.
- An instance of a declared class is copied by way of its stored form. What has none (a client, a lock, an instance of
  a class that isn't declared) is handed on as it is.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from enum import Enum
from typing import Any, TypeVar

from ..errors import DecodeError, EncodeError
from ..events import Event
from ..events.construction import EXTRAS
from .classes import derives
from .codec import Codec
from .moments import MOMENTS
from .scalars import PLAIN, SCALARS

EventT = TypeVar("EventT", bound=Event)

_FROZEN = frozenset({*PLAIN, *(standard.type for standard in (*SCALARS, *MOMENTS)), frozenset} - {bytearray})


def own_event(event: EventT, codec: Codec) -> EventT:
    """Give a copy of an event that a step may do with what it likes; the event itself if nothing in it can change."""
    for value in event.__dict__.values():
        if type(value) not in _FROZEN:
            copied: EventT = own_copy(event, codec)
            return copied
    return event


def own_copy(value: Any, codec: Codec) -> Any:
    """Give a copy of a value that a step may do with what it likes; the value itself if nothing in it can change."""
    try:
        return _copied(value, codec)
    except RecursionError:  # it contains itself, which can't be stored either
        return value


def _copied(value: Any, codec: Codec) -> Any:
    kind: type = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind in _FROZEN:
        return value
    copier = _CONTAINERS.get(kind)
    if copier is not None:
        return copier(value, codec)
    if derives(kind, Event):
        return _copied_event(value, codec)
    return _stored_and_read(value, codec) if codec.knows(kind) and not derives(kind, Enum, BaseException) else value


def _copied_items(items: Iterable[Any], codec: Codec) -> list[Any]:
    return [item if type(item) in _FROZEN else _copied(item, codec) for item in items]


def _copied_pairs(value: Mapping[Any, Any], codec: Codec) -> zip[tuple[Any, Any]]:
    return zip(value, _copied_items(value.values(), codec), strict=True)


def _copied_tuple(value: tuple[Any, ...], codec: Codec) -> tuple[Any, ...]:
    """A copy of a tuple if something in it has one."""
    items = _copied_items(value, codec)
    is_same = all(own is item for own, item in zip(items, value, strict=True))
    return value if is_same else tuple(items)


_CONTAINERS: dict[type, Callable[[Any, Codec], Any]] = {
    list: _copied_items,
    dict: lambda value, codec: dict(_copied_pairs(value, codec)),
    OrderedDict: lambda value, codec: OrderedDict(_copied_pairs(value, codec)),
    Counter: lambda value, codec: Counter(dict(_copied_pairs(value, codec))),
    deque: lambda value, codec: deque(_copied_items(value, codec), value.maxlen),
    tuple: _copied_tuple,
    set: lambda value, codec: set(value),
    bytearray: lambda value, codec: bytearray(value),
}


def _copied_event(event: Event, codec: Codec) -> Event:
    changed: dict[str, object] = {}
    for name, value in event.__dict__.items():
        own = _copied(value, codec)
        if own is not value and (name != EXTRAS or any(own[key] is not value[key] for key in value)):
            changed[name] = own
    if not changed:
        return event
    kind = type(event)
    if kind.__basicsize__ > Event.__basicsize__:  # a mixin keeps something in slots
        copied = copy(event)
        vars(copied).update(changed)
    else:  # a tenth of the price
        copied = object.__new__(kind)
        vars(copied).update({**vars(event), **changed})
    return copied


def _stored_and_read(value: object, codec: Codec) -> object:
    try:
        return codec.decode(codec.encode(value))
    except (EncodeError, DecodeError):
        return value
