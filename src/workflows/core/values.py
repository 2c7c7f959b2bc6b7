"""The state of a run: fields by name, in their stored form, with the versions that records refer to.

Rules:
- Values are held in their stored form (JSON-ready) and never changed in place: a write on a path copies the
  containers on that path only. So a reader's version stays as it was. What users hold is another copy.
- Each write of a field makes a new version. A version stays for as long as it's the current one or a record refers to
  it.
- Readers see what was committed last. An exclusive edit is granted to one owner at a time, in the order of asking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ..codec import Json
from .empty import EMPTY, EMPTY_LIST, with_item
from .ticks import Write

Versions = tuple[tuple[str, int], ...]


LONGEST_PATH = 100


class PathError(LookupError):
    """A path can't be followed, or not written at."""


@attrs.define(weakref_slot=False)
class Values:
    """The fields of a run's state."""

    current: dict[str, int] = EMPTY  # field -> version
    versions: dict[int, Json] = EMPTY  # version -> value
    holds: dict[int, int] = EMPTY  # version -> how many records refer to it
    next_version: int = 1
    editor: str | None = None
    waiting: list[str] = EMPTY_LIST

    def fields(self) -> dict[str, Json]:
        """All fields, as they are now; not to be changed."""
        return {name: self.versions[version] for name, version in self.current.items()}

    def seen(self, path: str | None) -> Versions:
        """The versions that a read of `path` (None: everything) sees now."""
        if path is None:
            return tuple(self.current.items())
        name = path.partition(".")[0]
        version = self.current.get(name)
        return () if version is None else ((name, version),)

    def hold(self, versions: Versions) -> None:
        """A record refers to these versions from now on."""
        for _, version in versions:
            self.holds = with_item(self.holds, version, self.holds.get(version, 0) + 1)

    def release(self, versions: Versions) -> None:
        """A record that referred to these versions is gone."""
        for name, version in versions:
            left = self.holds[version] - 1
            if left:
                self.holds[version] = left
                continue
            del self.holds[version]
            if self.current.get(name) != version:
                del self.versions[version]

    def problem(self, write: Write) -> str | None:
        """Why a write can't be done; None if it can."""
        if write.path is None:
            return None
        try:
            self._written_field(write.path, write)
        except PathError as error:
            return str(error)
        return None

    def write(self, write: Write) -> None:
        """Do a write that has no problem."""
        if write.path is not None:
            self._set(*self._written_field(write.path, write))
            return
        fields = write.fields or {}
        if write.only:
            for name in [name for name in self.current if name not in fields]:
                self._drop(name)
        for name, value in fields.items():
            if name not in self.current or not is_same(self.versions[self.current[name]], value):
                self._set(name, value)

    def ask_edit(self, owner: str) -> bool:
        """Queue for an exclusive edit; True if it may begin at once."""
        if self.editor is None:
            self.editor = owner
            return True
        if owner != self.editor and owner not in self.waiting:
            if not self.waiting:
                self.waiting = []
            self.waiting.append(owner)
        return False

    def end_edit(self, owner: str) -> str | None:
        """End an edit, or leave the queue; gives the owner whose edit may begin now."""
        if self.editor != owner:
            if owner in self.waiting:
                self.waiting.remove(owner)
            return None
        self.editor = self.waiting.pop(0) if self.waiting else None
        return self.editor

    def _written_field(self, path: str, write: Write) -> tuple[str, Json]:
        name, _, rest = path.partition(".")
        if not rest:
            return name, write.value
        keys = rest.split(".")
        if len(keys) > LONGEST_PATH:
            raise PathError(f"a path of {len(keys) + 1} parts is too long; {LONGEST_PATH + 1} are allowed")
        version = self.current.get(name)
        unwritten: Json = {} if write.base is None else write.base
        old = unwritten if version is None else self.versions[version]
        return name, written(old, keys, write.value, name)

    def _set(self, name: str, value: Json) -> None:
        self._drop(name, keep_place=True)
        self.versions = with_item(self.versions, self.next_version, value)
        self.current = with_item(self.current, name, self.next_version)
        self.next_version += 1

    def _drop(self, name: str, *, keep_place: bool = False) -> None:
        version = self.current.get(name)
        if version is None:
            return
        if version not in self.holds:
            del self.versions[version]
        if not keep_place:
            del self.current[name]


def is_same(one: Json, other: Json) -> bool:
    """Whether two stored values are the same: unlike `==`, this tells 1 from 1.0 and from true, and orders of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(map(is_same, one.values(), other.values()))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


def copied(node: Json) -> Json:
    """A copy that shares nothing with it, for data that goes into the hands of a user, or comes from there."""
    if isinstance(node, dict):
        return {key: copied(value) for key, value in node.items()}
    if isinstance(node, list):
        return [copied(value) for value in node]
    return node


def at_path(node: Json, keys: Iterable[str], place: str) -> Json:
    """Follow keys through stored dicts, lists and objects."""
    for key in keys:
        inner = _inside(node, place)
        if isinstance(inner, dict):
            if key not in inner:
                raise PathError(f"{place} has no {key!r}; it has {_names(inner)}")
            node = inner[key]
        else:
            node = inner[_index(inner, key, place)]
        place = f"{place}.{key}"
    return node


def written(node: Json, keys: list[str], value: Json, place: str) -> Json:
    """A copy of `node` in which the value at `keys` is another; dicts that are missing on the way are made."""
    if not keys:
        return value
    key, rest, inner = keys[0], keys[1:], _inside(node, place)
    if key == "$":
        raise PathError(f"{place} can't be given a key '$' by a path: write the whole value")
    if isinstance(inner, list):
        index = _index(inner, key, place)
        changed: Json = [*inner[:index], written(inner[index], rest, value, f"{place}.{key}"), *inner[index + 1 :]]
    else:
        if key not in inner and inner is not node:
            raise PathError(f"{place} is an object without a field {key!r}; it has {_names(inner)}")
        changed = {**inner, key: written(inner.get(key, {}), rest, value, f"{place}.{key}")}
    if inner is node:
        return changed
    assert isinstance(node, dict)
    return {**node, "v": changed}


def _inside(node: Json, place: str) -> dict[str, Json] | list[Json]:
    if isinstance(node, list):
        return node
    if isinstance(node, dict):
        if "$" not in node:
            return node
        fields = node.get("v")
        if isinstance(fields, dict):
            return fields
        raise PathError(f"{place} is a {node['$']}, which has no parts that a path can name")
    raise PathError(f"{place} is {node!r}, which has no parts")


def _index(items: list[Json], key: str, place: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise PathError(f"{place} is a list of {len(items)}; {key!r} is no index in it")
    return int(key)


def _names(fields: Mapping[str, Json]) -> str:
    return ", ".join(map(repr, fields)) or "nothing"
