"""Names of a package whose modules are imported when they're first asked for: not everybody pays for what some use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType

_HELPERS = frozenset({"TYPE_CHECKING", "annotations", "lazily"})  # of the packages themselves


def lazily(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__` and the `__dir__` of a package (PEP 562), and its `__all__`: `import *` gives these too.

    Args:
        package: The name of the package, which has imported the others of its public names by now.
        modules: Name -> the module that has it, relative to the package: `{"Runtime": ".host"}`.
    """
    there = vars(sys.modules[package])

    def get(name: str) -> object:
        module = modules.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module, package), name)

    def names() -> list[str]:
        return sorted({*there, *modules})

    public = [
        name
        for name, value in there.items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name not in _HELPERS
    ]
    return get, names, sorted({*public, *modules})
