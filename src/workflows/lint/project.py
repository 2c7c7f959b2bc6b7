"""The sources of a project: reads those that a checked one imports, as far as they lie beside it."""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

import attrs

from .ignoring import Ignore, ignores_in
from .scopes import ClassNames, Scope, read_names

_NOT_OURS = frozenset({"site-packages", "dist-packages"})
_DEEPEST = 6
"""How often a name may be handed on from module to module."""
UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)
"""What is raised for a file that can't be opened, decoded or parsed. Bytes that are zero are a ValueError."""


def why_unread(path: Path | str, error: BaseException) -> str:
    """Say which file couldn't be read, and why."""
    match error:
        case SyntaxError(lineno=int(line), msg=why):
            return f"{path}:{line}: can't be read: {why}"
        case SyntaxError(msg=why) | OSError(strerror=str(why)):
            pass
        case RecursionError() | MemoryError():
            why = "it's nested too deeply"
        case _:
            why = str(error)
    return f"{path}: can't be read: {why}"


@attrs.frozen(eq=False)
class Source:
    """A source that was read."""

    path: str
    names: Scope
    ignores: list[Ignore]


def read_source(text: str, path: str, module: str) -> Source:
    """Read a source.

    Raises:
        SyntaxError: It's no Python, or of another version.
    """
    tree = ast.parse(text, path)
    return Source(path, read_names(tree, path, module), ignores_in(text, tree))


class Project:
    """Sources by their path, each read once; and what the names that they import stand for."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self._roots: set[Path] = set()

    def add(self, text: str, path: str, module: str = "__main__") -> Source:
        """Read a text."""
        source = read_source(text, path, module)
        self.sources[path] = source
        return source

    def read(self, path: Path) -> Source:
        """Read a file, and look for what it imports in the folder that its package lies in."""
        if str(path) not in self.sources:
            root, module = _root_of(path)
            if not _NOT_OURS & set(root.parts):
                self._roots.add(root)
            with tokenize.open(path) as file:
                self.add(file.read(), str(path), module)
        return self.sources[str(path)]

    def find(self, name: str, depth: int = 0) -> Scope | ClassNames | None:
        """What a dotted name stands for: a function or a class of the project; None for anything else."""
        parts = name.split(".")
        if depth > _DEEPEST or parts[0] == "workflows":
            return None
        for length in range(len(parts) - 1, 0, -1):
            source = self._module(parts[:length])
            if source is not None:
                return self._inside(source.names, parts[length:], depth)
        return None

    def _inside(self, names: Scope, rest: list[str], depth: int) -> Scope | ClassNames | None:
        first, *others = rest
        if first in names.classes:
            found = names.classes[first]
            return found if not others else found.methods.get(others[0]) if len(others) == 1 else None
        if first in names.functions:
            return None if others else names.functions[first]
        if first in names.imports:
            return self.find(".".join([names.imports[first], *others]), depth + 1)
        return None

    def _module(self, parts: list[str]) -> Source | None:
        for root in self._roots:
            place = root.joinpath(*parts)
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                known = self.sources.get(str(path))
                if known is not None:
                    return known
                if path.is_file():
                    return self._read_or_skip(path)
        return None

    def _read_or_skip(self, path: Path) -> Source | None:
        try:
            return self.read(path)
        except UNREADABLE:
            return None  # it may be of another version of Python; what is asked about is another file


def _root_of(path: Path) -> tuple[Path, str]:
    """The folder from which a file is imported, and under which name."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)
