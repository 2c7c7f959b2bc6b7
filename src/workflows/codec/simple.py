"""Simple values: text, numbers and nothing, which a class takes from outside as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from .annotations import is_union, unwrapped
from .classes import Field
from .scalars import PLAIN


class Simple:
    """The fields of a class, as far as simple values go.

    Args:
        fields: Those that can be given.
        types: Their annotations, resolved, by name.
    """

    __slots__ = ("_by_keyword", "_by_name", "_needed")

    def __init__(self, fields: Iterable[Field], types: Mapping[str, Any]) -> None:
        self._by_name = {field.name: plain_types(types[field.name]) for field in fields}
        self._by_keyword = {field.keyword or field.name: self._by_name[field.name] for field in fields}
        self._needed = {field.keyword or field.name for field in fields if field.required}

    def makes_one(self, values: Mapping[str, Any]) -> bool:
        """Whether none of the values, by keyword, has to be made another one, and none is missing or too many."""
        for name, value in values.items():
            if type(value) not in self._by_keyword.get(name, ()):
                return False
        return values.keys() >= self._needed

    def has_made(self, values: Mapping[str, Any]) -> bool:
        """Whether an instance with these values, by the name of their field, is what its class declares."""
        for name, value in values.items():
            if type(value) not in self._by_name.get(name, ()):
                return False
        return len(values) == len(self._by_name)


def plain_types(annotation: Any) -> frozenset[type]:
    """The types of simple values that an annotation takes; structure hooks aren't asked for instances."""
    found = unwrapped(annotation)
    members = get_args(found) if is_union(found) else (found,)
    return frozenset(member for member in map(unwrapped, members) if member in PLAIN)
