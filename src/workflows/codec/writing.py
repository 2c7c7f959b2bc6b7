"""The way from values to their stored form.

Rules:
- The *type* of a value decides how it's stored, never an annotation: the stored form says itself what it is.
- None, booleans, integers of 64 bits, finite floats, text, lists, and dicts whose keys are text stay what they are.
  Everything else is `{"$": tag, "v": ...}`; tags with a dot at the front are the codec's own, others name classes.
- Types are compared exactly: a subclass of `list` isn't a list.
- What is written shares nothing with the value.
- Writing a level of a value takes three frames of the interpreter's stack at most, so that the bound on depth is met
  before that of the stack.
- A `Writer` stops at the first problem, and knows no path. After a failure an `ExplainingWriter` walks the value again
  and finds all of them; so that what succeeds pays nothing for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from .problems import Exhausted, Refused, Reported, attribute_step, index_step, key_step, problem_of

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What `json.dumps` takes, and `json.loads` gives."""

Encode: TypeAlias = "Callable[[Any, Writer], Json]"


@attrs.frozen
class Limits:
    """How much the codec takes, in both directions."""

    depth: int = 200
    values: int = 10_000_000


def canonical_text(data: Json) -> str:
    """Write data as JSON in the one way that doesn't depend on the order of keys."""
    return _CANONICAL.encode(data)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class Writer:
    """Writes one value; refuses it at its first problem.

    `canonical` also sorts what may be in any order, and leaves out what tells nothing about the value.
    """

    __slots__ = ("canonical", "depth", "encoders", "limits", "room")

    def __init__(self, encoders: Mapping[type, Encode], limits: Limits, *, canonical: bool = False) -> None:
        self.encoders: Mapping[type, Encode] = encoders
        self.limits: Limits = limits
        self.canonical: bool = canonical
        self.depth: int = 0
        self.room: int = limits.values

    def value(self, value: object) -> Json:
        """Write any value."""
        return self.encoders[type(value)](value, self)

    def items(self, owner: object, values: Collection[object], step: Callable[[int], str] = index_step) -> list[Json]:
        """Write the parts of `owner`, one after the other."""
        self.enter(owner, len(values))
        encoders = self.encoders
        written: list[Json] = []
        for value in values:
            written.append(encoders[type(value)](value, self))  # noqa: PERF401  # a comprehension is one frame more
        self.leave(owner)
        return written

    def beside(self, value: object) -> Json:
        """Write what is stored beside the fields of a value."""
        return self.encoders[type(value)](value, self)

    def mapping(self, owner: object, values: Mapping[str, object]) -> dict[str, Json]:
        """Write the values of a mapping with keys that JSON can have."""
        self.enter(owner, len(values))
        encoders = self.encoders
        written: dict[str, Json] = {}
        for key, value in values.items():
            written[key] = encoders[type(value)](value, self)
        self.leave(owner)
        return written

    def pairs(self, owner: object, values: Mapping[Any, object]) -> list[Json]:
        """Write keys and values of a mapping, as pairs."""
        self.enter(owner, 2 * len(values))
        encoders = self.encoders
        written: list[Json] = []
        for key, value in values.items():
            written.append([encoders[type(key)](key, self), encoders[type(value)](value, self)])
        self.leave(owner)
        return written

    def attributes(self, owner: object, names: Collection[str], values: Iterable[object]) -> dict[str, Json]:
        """Write the fields of an object."""
        self.enter(owner, len(names))
        encoders = self.encoders
        written: dict[str, Json] = {}
        if names:
            for name, value in zip(names, values, strict=True):
                written[name] = encoders[type(value)](value, self)
        self.leave(owner)
        return written

    def enter(self, owner: object, size: int) -> None:
        """Begin with the parts of a value, `size` of them."""
        self.depth += 1
        self.room -= size
        if self.depth > self.limits.depth:
            raise Refused(
                f"is nested more than {self.limits.depth} levels deep: flatten it, or refer to parts by an id"
            )
        if self.room < 0:
            raise Exhausted

    def leave(self, owner: object) -> None:
        """End with the parts of a value."""
        self.depth -= 1

    def go_back_to(self, depth: int) -> None:
        """Give up what was begun below this depth."""
        self.depth = depth

    def complain(self, step: str, reason: str) -> None:
        """Report a problem of the value that is being written, or of its part at `step`."""
        raise Refused(reason, step)


class ExplainingWriter(Writer):
    """Writes one value, and collects all of its problems with their paths."""

    __slots__ = ("active", "path", "problems")

    def __init__(self, encoders: Mapping[type, Encode], limits: Limits) -> None:
        super().__init__(encoders, limits)
        self.path: list[str] = ["$"]
        self.problems: list[str] = []
        self.active: dict[int, str] = {}  # id of each value that is being written -> its path

    def attempt(self, value: object) -> Json:
        """Write a value; if it's refused, go on all the same."""
        depth, place, opened = self.depth, len(self.path), len(self.active)
        try:
            return self.encoders[type(value)](value, self)
        except Exhausted:
            raise
        except Exception as error:
            self.go_back_to(depth)
            del self.path[place:]
            while len(self.active) > opened:
                self.active.popitem()
            if not isinstance(error, Reported):
                self.complain(*problem_of(error))
        return None

    def items(self, owner: object, values: Collection[object], step: Callable[[int], str] = index_step) -> list[Json]:
        before = self._begin(owner, len(values))
        written: list[Json] = []
        for index, value in enumerate(values):
            self.path.append(step(index))
            written.append(self.attempt(value))
            self.path.pop()
        self._end(owner, before)
        return written

    def beside(self, value: object) -> Json:
        return self.attempt(value)

    def mapping(self, owner: object, values: Mapping[str, object]) -> dict[str, Json]:
        before = self._begin(owner, len(values))
        written: dict[str, Json] = {}
        for key, value in values.items():
            self.path.append(key_step(key))
            written[key] = self.attempt(value)
            self.path.pop()
        self._end(owner, before)
        return written

    def attributes(self, owner: object, names: Collection[str], values: Iterable[object]) -> dict[str, Json]:
        before = self._begin(owner, len(names))
        written: dict[str, Json] = {}
        for name, value in zip(names, values, strict=True):
            self.path.append(attribute_step(name))
            written[name] = self.attempt(value)
            self.path.pop()
        self._end(owner, before)
        return written

    def pairs(self, owner: object, values: Mapping[Any, object]) -> list[Json]:
        before = self._begin(owner, 2 * len(values))
        written: list[Json] = []
        for index, (key, value) in enumerate(values.items()):
            self.path.append(f".keys(){index_step(index)}")
            stored_key = self.attempt(key)
            self.path[-1] = key_step(key)
            written.append([stored_key, self.attempt(value)])
            self.path.pop()
        self._end(owner, before)
        return written

    def enter(self, owner: object, size: int) -> None:
        if id(owner) in self.active:
            raise Refused(
                f"contains itself: it's the same object as {self.active[id(owner)]}. "
                f"Break the cycle, by storing an id for one of them"
            )
        super().enter(owner, size)
        self.active[id(owner)] = "".join(self.path)

    def leave(self, owner: object) -> None:
        super().leave(owner)
        self.active.pop(id(owner), None)

    def complain(self, step: str, reason: str) -> None:
        self.problems.append(f"{''.join(self.path)}{step}: {reason}")

    def _begin(self, owner: object, size: int) -> int:
        self.enter(owner, size)
        return len(self.problems)

    def _end(self, owner: object, before: int) -> None:
        self.leave(owner)
        if len(self.problems) > before:
            raise Reported
