"""The closed table of types: which classes a workflow declares, and under which names they're stored.

Declared are the classes that are given, and those that the annotations of their fields mention, and so on. Names are
looked up here and nowhere else, so two workflows may each have their own `Progress`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast, get_args, get_origin

from ..errors import DefinitionError
from ..events import Event
from .annotations import classes_in, meaning_of_variables
from .classes import Kind, derives, kind_of, types_of


class TypeTable:
    """The declared classes by name, and the names of each.

    Args:
        roots: Classes, or annotations that mention some.
        standard: Classes that need no declaration.
        has_hooks: Whether the user has given a class a stored form of its own.

    Attributes:
        types: The declared classes by name, aliases included.
        names: The name of each declared class.
    """

    def __init__(self, roots: Iterable[Any], standard: frozenset[type], has_hooks: Callable[[type], bool]) -> None:
        self._standard = standard
        self._has_hooks = has_hooks
        self._types: dict[str, type] = {}  # aliases included
        self._names: dict[type, str] = {}
        self.types: Mapping[str, type] = MappingProxyType(self._types)
        self.names: Mapping[type, str] = MappingProxyType(self._names)
        self._problems: list[str] = []
        roots = list(roots)
        self._scope: dict[str, object] = {cls.__name__: cls for root in roots for cls in _plain_classes(root)}
        self._collect(roots, self._scope)
        if self._problems:
            lines = "".join(f"\n  - {problem}" for problem in self._problems)
            raise DefinitionError(f"The types of a workflow can't be told apart by name:{lines}")

    @property
    def scope(self) -> Mapping[str, object]:
        """What the name of a class may mean in an annotation that its own module can't resolve."""
        return MappingProxyType(self._scope)

    def kind(self, cls: type) -> Kind | None:
        """How a class would be stored; None if it can't be declared."""
        if self._has_hooks(cls):
            return "class"
        kind = kind_of(cls)
        return None if kind in {"class", "typed dict"} else kind

    def _collect(self, roots: list[Any], scope: dict[str, object]) -> None:
        left = deque(found for root in roots for found in classes_in(root))
        seen: set[type] = set()
        while left:
            found = left.popleft()
            cls: type = get_origin(found) or found
            if cls in seen or cls in self._standard:
                continue
            seen.add(cls)
            scope.setdefault(cls.__name__, cls)
            if self.kind(cls) is not None and cls.__module__ not in {"builtins", "enum"}:
                self._declare(cls)
            left += self._mentioned_by(cls, scope)

    def _mentioned_by(self, cls: type, scope: Mapping[str, object]) -> Iterator[Any]:
        if self._has_hooks(cls):
            return
        for annotation in (*types_of(cls, scope).values(), *meaning_of_variables(cls).values()):
            yield from classes_in(annotation)
        answer: type | None = getattr(cls, "__answer_type__", None)
        if derives(cls, Event) and answer is not None:
            yield answer

    def _declare(self, cls: type) -> None:
        names: tuple[str, ...] = (default_name(cls),)
        if derives(cls, Event):
            event = cast("type[Event]", cls)
            names = (event.__event_name__, *event.__event_aliases__)
        self._names[cls] = names[0]
        for name in names:
            if name.startswith("."):
                self._problems.append(f"{place_of(cls)} is named {name!r}: names with a dot at the front are taken")
            other = self._types.setdefault(name, cls)
            if other is not cls:
                self._problems.append(
                    f"{place_of(other)} and {place_of(cls)} are both stored as {name!r}: "
                    "rename one of them" + (", with name=" if derives(cls, Event) else "")
                )


def default_name(cls: type) -> str:
    """What a class is called if nothing else is said."""
    module = cls.__module__
    if "._" in module and module.partition(".")[0] in sys.stdlib_module_names:
        module = module.partition("._")[0]  # where the standard library keeps a class differs from version to version
    return f"{module}:{cls.__qualname__}"


def place_of(cls: type) -> str:
    """Say which class it is, so that it can be found."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _plain_classes(root: Any) -> Iterator[type]:
    for found in (root, *get_args(root)):
        if isinstance(found, type):
            yield found
