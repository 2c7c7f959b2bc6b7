"""A pytest plugin that plants a fault: a module of the package is loaded with one of its lines replaced.

`python -m pytest -p tests.faults.planting --fault NAME --guarantee W1 tests` runs the tests that name the guarantee W1
against an engine with that fault. A fault whose text isn't found exactly once is refused, so the list can't rot.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from tests.faults.catalogue import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[1]


class _Loader(SourceFileLoader):
    """Loads a module with a fault in it. Nothing is cached."""

    def __init__(self, fullname: str, path: str, fault: Fault) -> None:
        super().__init__(fullname, path)
        self._fault = fault

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the changed source."""
        source = Path(self.path).read_text(encoding="utf-8")
        found = source.count(self._fault.old)
        if found != 1:
            raise pytest.UsageError(
                f"fault {self._fault.name!r}: its text stands {found} times in {fullname}, not once"
            )
        changed = source.replace(self._fault.old, self._fault.new)
        return compile(ast.parse(changed, self.path), self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the one module that has the fault."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find it as usual, and load it with the fault."""
        if fullname != self._fault.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._fault)
        return spec


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the fault and the guarantee."""
    parser.addoption("--fault", help="the fault to plant")
    parser.addoption("--guarantee", help="run only tests that name this guarantee")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Plant the fault before anything of the package is imported."""
    name = early_config.known_args_namespace.fault
    if name is not None:
        already = [module for module in sys.modules if module == "workflows" or module.startswith("workflows.")]
        assert not already, f"imported before the fault was planted: {already}"
        sys.meta_path.insert(0, _Finder(FAULTS[name]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that name the guarantee."""
    wanted: Any = config.getoption("--guarantee")
    if wanted is None:
        return
    kept = [item for item in items if any(wanted in mark.args for mark in item.iter_markers("guarantee"))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
