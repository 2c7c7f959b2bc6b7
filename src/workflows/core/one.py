"""One: a table that has one item, in a quarter of the memory that a dict takes for it.

A run that waits has mostly one execution, which has asked one question, and whose records are on one tape: each of
these stands in a table where there may be ten thousand. A dict of one item takes 184 bytes or 224.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from enum import Enum
from typing import Any, Final, TypeVar, cast

from .empty import EMPTY

K = TypeVar("K")
V = TypeVar("V")


class _No(Enum):
    """What stands for a key where there's none: the same in copies as well."""

    KEY = "no key"


_NO_KEY: Final = _No.KEY


class One(MutableMapping[K, V]):
    """A table of one item, or of none when that was taken out. Another item doesn't fit: see `with_one`."""

    __slots__ = ("_key", "_value")

    def __init__(self, key: K, value: V) -> None:
        self._key: K | _No = key
        self._value: V = value

    def _as_dict(self) -> dict[K, V]:
        return {} if self._key is _NO_KEY else {self._key: self._value}

    def __getitem__(self, key: K) -> V:
        if key != self._key:
            raise KeyError(key)
        return self._value

    def get(self, key: K, default: Any = None) -> Any:
        """As a dict's."""
        return self._value if key == self._key else default

    def __setitem__(self, key: K, value: V) -> None:
        if key != self._key:
            raise TypeError(f"This table has room for {self._key!r} only: put another in its place, for {key!r} too.")
        self._value = value

    def __delitem__(self, key: K) -> None:
        if key != self._key:
            raise KeyError(key)
        self._key, self._value = _NO_KEY, cast("V", None)

    def __contains__(self, key: object) -> bool:
        return key == self._key

    def __len__(self) -> int:
        return self._key is not _NO_KEY

    def __iter__(self) -> Iterator[K]:
        return iter(self._as_dict())

    def keys(self) -> KeysView[K]:
        """As a dict's, of what's there now."""
        return self._as_dict().keys()

    def values(self) -> ValuesView[V]:
        """As a dict's, of what's there now."""
        return self._as_dict().values()

    def items(self) -> ItemsView[K, V]:
        """As a dict's, of what's there now."""
        return self._as_dict().items()

    def __repr__(self) -> str:
        return repr(self._as_dict())


def with_one(table: MutableMapping[K, V], key: K, value: V) -> MutableMapping[K, V]:
    """The table with one more item: itself, or another that has room for it. One alone is kept as `One`."""
    if not table:
        return One(key, value)
    if isinstance(table, One) and key not in table:
        return {**table, key: value}
    table[key] = value
    return table


def packed(table: MutableMapping[K, V]) -> MutableMapping[K, V]:
    """A table with the same items that takes the least memory, for as long as none is added."""
    if len(table) > 1:
        return table
    for key, value in table.items():
        return One(key, value)
    return EMPTY
