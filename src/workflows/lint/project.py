"""The sources of a project: reads those that a checked one imports, as far as they lie beside it."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import attrs

from .ignoring import Ignore, ignores_in
from .kinds import is_known_name
from .scopes import ClassNames, Scope, read_names

_NOT_OURS = frozenset({"site-packages", "dist-packages"})
Found: TypeAlias = Scope | ClassNames | str | None
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


class Project:
    """Sources by their path, each read once; and what the names that they import stand for."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self._roots: set[Path] = set()
        self._read: dict[Path, Source] = {}

    def add(self, text: str, path: str, module: str = "__main__") -> Source:
        """Read a text."""
        return self._add(ast.parse(text, path), text, path, module)

    def _add(self, tree: ast.Module, text: str, path: str, module: str) -> Source:
        source = self.sources[path] = Source(path, read_names(tree, path, module), ignores_in(text, tree))
        return source

    def read(self, path: Path) -> Source:
        """Read a file, and look for what it imports in the folder that its package lies in."""
        if str(path) not in self.sources:
            with tokenize.open(path) as file:
                text = file.read()
            tree = ast.parse(text, str(path))
            root, module = _root_of(path, tree)
            if not _NOT_OURS & set(root.parts):
                self._roots.add(root)
            self._read[path.absolute()] = self._add(tree, text, str(path), module)
        return self.sources[str(path)]

    def find(self, name: str, depth: int = 0) -> Found:
        """What a dotted name stands for: a function or a class of the project; or, where a module of the project hands
        something on that it imports from elsewhere, its name there; None for anything else.
        """
        parts = name.split(".")
        if depth > _DEEPEST:
            return None
        for length in range(len(parts) - 1, 0, -1):
            source = None if parts[0] == "workflows" else self._module(parts[:length])
            if source is not None:
                return self._inside(source.names, parts[length:], depth)
        return name if depth else None

    def _inside(self, names: Scope, rest: list[str], depth: int) -> Found:
        first, *others = rest
        if first in names.classes:
            found = names.classes[first]
            return found if not others else found.methods.get(others[0]) if len(others) == 1 else None
        if first in names.functions:
            return None if others else names.functions[first]
        if first in names.imports:
            return self.find(".".join([names.imports[first], *others]), depth + 1)
        for star in reversed(names.stars):
            handed_on = self.find(".".join([star, *rest]), depth + 1)
            is_there = not isinstance(handed_on, str) or is_known_name(handed_on)
            if handed_on is not None and is_there and first not in names.variables:
                return handed_on
        return None

    def _module(self, parts: list[str]) -> Source | None:
        for root in self._roots:
            place = root.joinpath(*parts)
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                known = self._read.get(path.absolute())
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


def _root_of(path: Path, tree: ast.Module) -> tuple[Path, str]:
    """The folder from which a file is imported, and under which name.

    A package may do without `__init__.py`: then what the file imports tells how far up it begins.
    """
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.absolute().parent
    imports = [*_imports_in(tree)]
    while folder.name and ((folder / "__init__.py").is_file() or _begins_further_up(folder, len(parts), imports)):
        parts.insert(0, folder.name)
        folder = folder.parent
    return _written_like(path, folder), ".".join(parts)


def _imports_in(tree: ast.Module) -> Iterator[tuple[int, list[str]]]:
    """How many levels up an import goes, and the names behind that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = node.module.split(".") if node.module else []
            yield from ((node.level, [*around, alias.name]) for alias in node.names)


def _begins_further_up(folder: Path, depth: int, imports: list[tuple[int, list[str]]]) -> bool:
    """Whether an import reaches above a folder, or names one around it in which what it imports lies."""
    if any(level > depth for level, _ in imports if level):
        return True
    around = [place for place in (folder, *folder.parents) if place.name]
    return any(
        not level and len(names) > 1 and names[0] == place.name and _lies_in(place, names[1])
        for place in around[:_DEEPEST]
        for level, names in imports
    )


def _lies_in(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _written_like(path: Path, folder: Path) -> Path:
    """A folder around a file, written from here as the file is, if it lies here."""
    here = Path.cwd()
    return folder if path.is_absolute() or not folder.is_relative_to(here) else folder.relative_to(here)
