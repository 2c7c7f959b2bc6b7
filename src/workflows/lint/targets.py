"""The files that a target stands for: a path, or the name of a module. Nothing is imported to find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from ..errors import UsageError


def files_of_path(path: Path) -> Iterator[Path]:
    """Give the file, or all Python files in the folder.

    Raises:
        UsageError: There's no such file.
    """
    if path.is_dir():
        yield from (found for found in sorted(path.rglob("*.py")) if not _is_left_out(found, path))
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"There's no file or folder {str(path)!r} to check.")


def files_of_module(name: str, places: Iterable[str]) -> list[Path]:
    """Give the file of a module, or all Python files of a package.

    Args:
        name: The name that it's imported by.
        places: The folders to look for it in, such as `sys.path`.

    Raises:
        UsageError: There's no such module, or it has no source.
    """
    spec = _spec_of(name, places)
    if spec is None:
        raise UsageError(
            f"There's no module {name!r} to check.\n  Name one that can be imported from here, or the path of a file."
        )
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and (spec.origin is None or not spec.origin.endswith(".py")):
        raise UsageError(f"Module {name!r} has no source to check: it comes from {spec.origin!r}.")
    return [shown(found) for place in folders or [Path(spec.origin or "")] for found in files_of_path(place)]


def shown(path: Path) -> Path:
    """The path as seen from here, if it lies here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _spec_of(name: str, places: Iterable[str]) -> ModuleSpec | None:
    first, *rest = name.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return None
    spec = PathFinder.find_spec(first, [*places]) or _found_otherwise(first)
    for part in rest:
        folders = None if spec is None else spec.submodule_search_locations
        # The last part alone is asked for: with the full name, a finder may look for the package among what's imported.
        spec = None if folders is None else PathFinder.find_spec(part, [*folders])
    return spec


def _found_otherwise(name: str) -> ModuleSpec | None:
    """What no folder has: built-in modules, and what is installed such that it's edited where it lies."""
    try:
        return find_spec(name)  # imports nothing, since nothing lies around the name
    except (ImportError, ValueError):
        return None


def _is_left_out(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.is_dir() or any(part.startswith(".") or part == "__pycache__" for part in parts)
