"""Empty: what stands for a dict or list in which there's nothing, of which all runs have the same one.

A waiting run has some thirty tables, and two thirds of them are empty: no children, no batches, no values of a state.
An empty one takes 64 bytes, and there may be a hundred thousand runs that wait. So a table that most runs never need
begins as `EMPTY`, is read like any other, and is replaced when the first item comes, by `with_item`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("This stands for all dicts, or lists, that are empty: put one of your own in its place.")


class _Empty(dict[Any, Any]):
    """A dict that stays empty, and one, in copies of what refers to it as well."""

    __slots__ = ()
    __setitem__ = __ior__ = setdefault = update = _refuse

    def __deepcopy__(self, _: object) -> _Empty:
        return self


class _EmptyList(list[Any]):
    """As `_Empty`, a list."""

    __slots__ = ()
    __setitem__ = __iadd__ = append = extend = insert = _refuse

    def __deepcopy__(self, _: object) -> _EmptyList:
        return self


EMPTY: dict[Any, Any] = _Empty()
EMPTY_LIST: list[Any] = _EmptyList()


def with_item(table: dict[K, V], key: K, value: V) -> dict[K, V]:
    """The table with one more item: itself, or a new one in place of `EMPTY`."""
    if table is EMPTY:
        return {key: value}
    table[key] = value
    return table


NEW_LIST: Callable[[], list[Any]] = list
"""The factory of a field: `list[str]` is one too, which takes six times as long, as it tries to note its own type."""
NEW_DICT: Callable[[], dict[Any, Any]] = dict
"""As `NEW_LIST`, a dict."""
