"""Lists, dicts, sets, and the other containers of the standard library."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .problems import Refused, element_step, shown
from .reading import Decode, Reader, list_in
from .scalars import Standard, is_plain_text
from .writing import Encode, Json, Writer, canonical_text


def has_plain_keys(value: Mapping[Any, object]) -> bool:
    """Whether JSON can have the keys of a dict: text without surrogates, and not the key that marks a tag."""
    for key in value:
        if type(key) is not str or not (key.isascii() or is_plain_text(key)):
            return False
    return "$" not in value


def encode_list(value: list[object], writer: Writer) -> Json:
    """Store a list as a list."""
    return list[Json](writer.items(value, value))


def encode_dict(value: dict[Any, object], writer: Writer) -> Json:
    """Store a dict as an object, or, with keys that JSON can't have, as pairs."""
    if has_plain_keys(value):
        return writer.mapping(value, value)
    return {"$": ".dict", "v": _unordered_pairs(value, writer)}


def _unordered_pairs(value: Mapping[Any, object], writer: Writer) -> list[Json]:
    pairs = writer.pairs(value, value)
    return sorted(pairs, key=canonical_text) if writer.canonical else pairs


def _pairs(tag: str, write: Callable[[Mapping[Any, object], Writer], list[Json]]) -> Encode:
    def encode(value: Mapping[Any, object], writer: Writer) -> Json:
        return {"$": tag, "v": write(value, writer)}

    return encode


def _mapping_of(make: Callable[[list[tuple[object, object]]], dict[Any, Any]]) -> Decode:
    def decode(payload: Json, reader: Reader) -> object:
        pairs = reader.pairs(payload)
        try:
            value = make(pairs)
        except Exception as error:  # a key that can't be hashed, in whatever way
            raise Refused(f"has a key that can't be one: {shown(error)}") from error
        if len(value) != len(pairs):
            raise Refused("has a key twice")
        return value

    return decode


def _sequence(tag: str) -> Encode:
    def encode(value: tuple[object, ...], writer: Writer) -> Json:
        return {"$": tag, "v": list[Json](writer.items(value, value))}

    return encode


def _set(tag: str) -> Encode:
    def encode(value: set[object] | frozenset[object], writer: Writer) -> Json:
        # In the order of their text: the order of a set differs from process to process.
        return {"$": tag, "v": sorted(writer.items(value, value, element_step), key=canonical_text)}

    return encode


def _set_of(make: Callable[[Iterable[object]], set[object] | frozenset[object]]) -> Decode:
    def decode(payload: Json, reader: Reader) -> object:
        elements = reader.items(list_in(payload, "a list of elements"))
        try:
            value = make(elements)
        except Exception as error:  # an element that can't be hashed, in whatever way
            raise Refused(f"has an element that can't be one: {shown(error)}") from error
        if len(value) != len(elements):
            raise Refused("has an element twice")
        return value

    return decode


def _decode_tuple(payload: Json, reader: Reader) -> object:
    return tuple(reader.items(list_in(payload, "a list of items")))


def _encode_deque(value: deque[object], writer: Writer) -> Json:
    return {"$": ".deque", "v": [list[Json](writer.items(value, value)), value.maxlen]}


def _decode_deque(payload: Json, reader: Reader) -> object:
    parts = list_in(payload, "[items, maxlen]")
    if len(parts) != 2:
        raise Refused(f"should be [items, maxlen], and is {shown(payload)}")
    items, maxlen = list_in(parts[0], "a list of items"), parts[1]
    if maxlen is None:
        return deque(reader.items(items))
    if type(maxlen) is not int or not len(items) <= maxlen < 2**31:
        raise Refused(f"should have a maxlen of at least {len(items)}, and has {shown(maxlen)}")
    return deque(reader.items(items), maxlen)


def _decode_dict(payload: Json, reader: Reader) -> object:
    value = _any_dict(payload, reader)
    assert isinstance(value, dict)
    if has_plain_keys(value):  # pyright: ignore[reportUnknownArgumentType]
        raise Refused("is tagged, and has keys that need no tag")
    return value  # pyright: ignore[reportUnknownVariableType]


def _counter_of(pairs: list[tuple[object, object]]) -> dict[Any, Any]:
    return Counter(dict(pairs))  # of a dict it takes the values as they are; of pairs it would count


_any_dict = _mapping_of(dict)

CONTAINERS: tuple[Standard, ...] = (
    Standard(list, "", encode_list, _decode_tuple),
    Standard(dict, ".dict", encode_dict, _decode_dict),
    Standard(
        OrderedDict, ".ordered-dict", _pairs(".ordered-dict", lambda v, w: w.pairs(v, v)), _mapping_of(OrderedDict)
    ),
    Standard(Counter, ".counter", _pairs(".counter", _unordered_pairs), _mapping_of(_counter_of)),
    Standard(tuple, ".tuple", _sequence(".tuple"), _decode_tuple),
    Standard(set, ".set", _set(".set"), _set_of(set)),
    Standard(frozenset, ".frozenset", _set(".frozenset"), _set_of(frozenset)),
    Standard(deque, ".deque", _encode_deque, _decode_deque),
)
