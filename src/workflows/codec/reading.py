"""The way back, from the stored form to new values.

Rules:
- Only what stands in the two tables is built. A tag is looked up there, and nothing else is ever done with it.
- A document that isn't exactly what writing would give is refused: unknown keys, a wrong payload, parts too many.
- Depth and number of parts are bounded, so that no document ends in a `RecursionError` or takes all memory.
- Reading a level of a value takes three frames of the interpreter's stack at most, so that the bound on depth is met
  before that of the stack.
- A `Reader` stops at the first problem, and knows no path; an `ExplainingReader` finds all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from .problems import Exhausted, Refused, Reported, index_step, key_step, problem_of, shown
from .writing import Json, Limits

Decode: TypeAlias = "Callable[[Json, Reader], object]"
"""Reads what stands under `v`."""

DecodeWide: TypeAlias = "Callable[[dict[str, Json], Reader], object]"
"""Reads a document that has more keys than `$` and `v`."""

_PLAIN = frozenset({str, int, float, bool, type(None)})
FAILED = object()
"""What reading gives for a part that has a problem, once it's in the list."""


@attrs.frozen
class Tags:
    """What each tag means, as far as it has been needed."""

    decoders: Mapping[str, Decode]
    wide: Mapping[str, DecodeWide]
    learn: Callable[[str], None]  # adds what a tag means to both; refuses an unknown one


class Reader:
    """Reads one document; refuses it at its first problem."""

    __slots__ = ("depth", "limits", "room", "tags")

    def __init__(self, tags: Tags, limits: Limits) -> None:
        self.tags: Tags = tags
        self.limits: Limits = limits
        self.depth: int = 0
        self.room: int = limits.values

    def value(self, data: Json) -> object:
        """Read any document."""
        if type(data) in _PLAIN:
            return data
        depth = self.depth
        try:
            if type(data) is list:
                return self.items(data)
            if type(data) is not dict:
                raise Refused(f"is a {type(data).__name__}, and JSON has none: {shown(data)}")
            if "$" not in data:
                return self.mapping(data)
            read, payload = self._opened(data)
            return read(payload, self)
        except Exhausted:
            raise
        except Exception as error:
            self.depth = depth
            return self.failed(error)

    def items(self, data: list[Json], step: Callable[[int], str] = index_step) -> list[object]:
        """Read the parts of something, one after the other."""
        self.enter(len(data))
        read: list[object] = []
        for item in data:
            read.append(item if type(item) in _PLAIN else self.value(item))  # noqa: PERF401  # one frame less
        self.depth -= 1
        return read

    def mapping(self, data: dict[str, Json], step: Callable[[str], str] = key_step) -> dict[str, object]:
        """Read the values of a mapping."""
        self.enter(len(data))
        read: dict[str, object] = {}
        for key, item in data.items():
            read[key] = item if type(item) in _PLAIN else self.value(item)
        self.depth -= 1
        return read

    def pairs(self, data: Json) -> list[tuple[object, object]]:
        """Read the keys and values of a mapping that stands as pairs."""
        entries = pairs_in(data)
        self.enter(2 * len(entries))
        read = [(self.value(key), self.value(item)) for key, item in entries]
        self.depth -= 1
        return read

    def enter(self, size: int) -> None:
        """Begin with the parts of a value, `size` of them."""
        self.depth += 1
        self.room -= size
        if self.depth > self.limits.depth:
            raise Refused(f"is nested more than {self.limits.depth} levels deep")
        if self.room < 0:
            raise Exhausted

    def leave(self) -> None:
        """End with the parts of a value."""
        self.depth -= 1

    def part(self, data: Json) -> object:
        """Read a document that another can't do without."""
        read = self.value(data)
        if read is FAILED:
            raise Reported
        return read

    def failed(self, error: Exception) -> object:
        """Deal with what went wrong with a value."""
        raise error

    def _opened(self, data: dict[str, Json]) -> tuple[Callable[[Any, Reader], object], Json]:
        """Find what reads a document, and what of it is read."""
        tag = data["$"]
        if type(tag) is not str:
            raise Refused(f"should have the name of a type under '$', and has {shown(tag)}")
        if tag not in self.tags.decoders:
            self.tags.learn(tag)
        if len(data) == 2 and "v" in data:
            return self.tags.decoders[tag], data["v"]
        wide = self.tags.wide.get(tag)
        if wide is None:
            raise Refused(f"should have the keys '$' and 'v', and has {shown(list(data))}")
        return wide, data


class ExplainingReader(Reader):
    """Reads one document, and collects all of its problems with their paths."""

    __slots__ = ("path", "problems")

    def __init__(self, tags: Tags, limits: Limits) -> None:
        super().__init__(tags, limits)
        self.path: list[str] = ["$"]
        self.problems: list[str] = []

    def items(self, data: list[Json], step: Callable[[int], str] = index_step) -> list[object]:
        before = self._begin(len(data))
        read: list[object] = []
        for index, item in enumerate(data):
            self.path.append(step(index))
            read.append(self.value(item))
            self.path.pop()
        self._end(before)
        return read

    def mapping(self, data: dict[str, Json], step: Callable[[str], str] = key_step) -> dict[str, object]:
        before = self._begin(len(data))
        read: dict[str, object] = {}
        for key, item in data.items():
            self.path.append(step(key))
            read[key] = self.value(item)
            self.path.pop()
        self._end(before)
        return read

    def pairs(self, data: Json) -> list[tuple[object, object]]:
        entries = pairs_in(data)
        before = self._begin(2 * len(entries))
        read: list[tuple[object, object]] = []
        for index, (stored_key, item) in enumerate(entries):
            self.path.append(f".keys(){index_step(index)}")
            key = self.value(stored_key)
            self.path[-1] = index_step(index) if key is FAILED else key_step(key)
            read.append((key, self.value(item)))
            self.path.pop()
        self._end(before)
        return read

    def failed(self, error: Exception) -> object:
        if not isinstance(error, Reported):
            step, reason = problem_of(error)
            self.problems.append(f"{''.join(self.path)}{step}: {reason}")
        return FAILED

    def _begin(self, size: int) -> int:
        self.enter(size)
        return len(self.problems)

    def _end(self, before: int) -> None:
        self.leave()
        if len(self.problems) > before:
            raise Reported


def named_values(read: object) -> dict[str, object]:
    """Narrow what was read to values by name."""
    if read is FAILED:
        raise Reported
    values: Any = read
    if type(read) is not dict or any(type(name) is not str for name in values):
        raise Refused(f"should be values by name, and is {shown(values)}")
    named: dict[str, object] = values
    return named


def fields_in(data: Json) -> dict[str, Json]:
    """Narrow a payload to the fields of an object."""
    if type(data) is not dict:
        raise Refused(f"should have its fields under 'v', by name, and has {shown(data)}")
    return data


def list_in(data: Json, what: str) -> list[Json]:
    """Narrow a payload to a list."""
    if type(data) is not list:
        raise Refused(f"should be {what}, and is {shown(data)}")
    return data


def pairs_in(data: Json) -> list[tuple[Json, Json]]:
    """Narrow a payload to a list of pairs."""
    pairs: list[tuple[Json, Json]] = []
    for entry in list_in(data, "a list of [key, value]"):
        if type(entry) is not list or len(entry) != 2:
            raise Refused(f"should be a list of [key, value], and has {shown(entry)}")
        pairs.append((entry[0], entry[1]))
    return pairs
