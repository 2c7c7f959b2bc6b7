"""Hypothesis strategies for whatever can be stored, of all kinds.

`storable_values()` is for any test that needs "some value": it goes through JSON and comes back the same, by `CODEC` of
`tests.codec.samples`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeAlias

from hypothesis import strategies as st

from .samples import (
    ENUMS,
    Access,
    Account,
    Bits,
    Box,
    Item,
    Label,
    Money,
    Node,
    Paid,
    Point,
    Span,
    Tally,
    Visit,
    Words,
    half,
    loose,
)

Values: TypeAlias = "st.SearchStrategy[Any]"

_PATTERNS = [
    re.compile(r"a+"),
    re.compile("(?i)ü", re.DOTALL),
    re.compile(rb"\xff"),
    re.compile("x", re.ASCII | re.VERBOSE),
]


@st.composite
def named(draw: st.DrawFn, make: Callable[[], Values]) -> Any:
    """Draw from a strategy that is known by its name: written out, these are tens of kilobytes long."""
    return draw(_once(make))


@functools.cache
def _once(make: Callable[[], Values]) -> Values:
    return make()


def any_text() -> Values:
    """Text with surrogates, too, alone and in pairs; and the key that marks a tag."""
    return st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(["$", "v", "\ud83d\ude00", ""])


def integers() -> Values:
    at_the_edge = st.integers(2**63 - 2, 2**63 + 2)
    return st.integers() | at_the_edge | at_the_edge.map(lambda number: -number)


def fixed_zones() -> Values:
    day = timedelta(hours=23, minutes=59)
    offsets = st.timedeltas(-day, day) | st.integers(-23, 23).map(lambda hours: timedelta(hours=hours))
    return (
        st.just(UTC)
        | st.builds(timezone, offsets)
        | st.builds(timezone, offsets, st.text(st.characters(exclude_categories=()), max_size=4))
    )


def zones() -> Values:
    return st.timezones() | fixed_zones()


def moments() -> Values:
    folded = st.booleans()
    optional = st.none() | zones()
    return (
        st.builds(_in_zone, st.datetimes(), optional, folded)
        | st.builds(_in_zone, st.times(), optional, folded)
        | st.dates()
        | st.timedeltas()
        | zones()
    )


def _in_zone(when: datetime | time, zone: tzinfo | None, fold: bool) -> datetime | time:
    return when.replace(tzinfo=zone, fold=int(fold))


def decimals() -> Values:
    odd = st.sampled_from(["NaN", "-NaN12", "-0", "-0.000", "1E+5", "Infinity", "-Infinity", "1.50"])
    return st.decimals(allow_nan=False) | odd.map(Decimal)


def enum_members() -> Values:
    members = st.sampled_from([member for cls in ENUMS for member in cls])
    flags = st.integers(0, 7).map(Access)
    return members | flags | st.integers(0, 15).map(Bits)


def paths() -> Values:
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=()), max_size=8)
    return st.one_of([text.map(cls) for cls in (Path, PurePosixPath, PureWindowsPath)])


def networks() -> Values:
    addresses = st.ip_addresses()
    interfaces = addresses.map(lambda address: f"{address}/12")
    return (
        addresses
        | interfaces.map(ipaddress.ip_interface)
        | interfaces.map(lambda text: ipaddress.ip_network(text, False))
    )


def hashable_scalars() -> Values:
    return (
        st.none()
        | st.booleans()
        | integers()
        | st.floats()
        | any_text()
        | st.binary(max_size=8)
        | moments()
        | decimals()
        | st.fractions()
        | st.complex_numbers()
        | st.uuids()
        | enum_members()
        | paths()
        | networks()
        | st.builds(range, st.integers(-9, 9), st.integers(), st.integers(1, 5))
        | st.sampled_from(_PATTERNS)
    )


def hashable_values() -> Values:
    """What may be a key, or an element of a set."""
    return st.recursive(
        named(hashable_scalars),
        lambda inner: (
            st.lists(inner, max_size=3).map(tuple)
            | st.frozensets(inner, max_size=3)
            | st.builds(Label, inner, inner)
            | st.builds(Point, inner, inner)
            | st.builds(Span, start=inner, end=inner)
            | st.builds(Money, inner, st.sampled_from(["EUR", "JPY"]))
        ),
        max_leaves=4,
    )


def scalars() -> Values:
    return hashable_scalars() | st.binary(max_size=8).map(bytearray) | st.just(Decimal("sNaN3"))


def storable_values(max_leaves: int = 12) -> Values:
    """Any value that a workflow with the types of `tests.codec.samples` can store."""
    return st.recursive(named(scalars), lambda inner: containers(inner) | objects(inner), max_leaves=max_leaves)


def containers(inner: Values) -> Values:
    keys = named(hashable_values)
    dicts = st.dictionaries(any_text(), inner, max_size=4) | st.dictionaries(keys, inner, max_size=3)
    lists = st.lists(inner, max_size=4)
    return (
        lists
        | lists.map(tuple)
        | dicts
        | dicts.map(OrderedDict)
        | dicts.map(Counter)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
        | lists.map(deque)
        | lists.map(lambda items: deque(items, maxlen=len(items) + 1))
    )


def objects(inner: Values) -> Values:
    """Instances of the declared classes, with drawn values in them."""
    lists = st.lists(inner, max_size=3)
    names = st.dictionaries(st.sampled_from(["topic", "x", "größe"]), inner, max_size=3)
    return (
        st.builds(Point, inner, inner)
        | st.builds(Node, inner, st.lists(st.builds(Node, inner), max_size=2))
        | st.builds(Label, inner, inner)
        | st.builds(_account, inner, st.integers(0, 10**30), lists, inner)
        | st.builds(Visit, lists, st.integers())
        | st.builds(Item, inner, inner, lists)
        | st.builds(Span, start=inner, end=inner)
        | st.builds(Tally, st.integers())
        | st.builds(Box, inner)
        | st.builds(Paid, order_id=inner, cents=st.integers(0), lines=lists)
        | names.map(lambda extras: loose(**extras))
        | st.builds(half_of, inner, names)
        | st.builds(Money, inner, st.sampled_from(["EUR", "JPY"]))
        | lists.map(Words)
    )


def half_of(declared: Any, extras: dict[str, Any]) -> Any:
    return half(declared, **extras)


def _account(token: Any, cents: int, tags: list[Any], note: Any) -> Account:
    account = Account(token, cents)
    account.tags.extend(tags)
    account.note = note
    return account


def json_values() -> Values:
    """Any JSON."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text()
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text(), inner, max_size=4), max_leaves=8
    )
