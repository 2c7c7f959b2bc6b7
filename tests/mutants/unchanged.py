"""A pytest plugin that exchanges each class of the core for one with another docstring: nothing may come of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from tests.mutants.exchanging import remade
from tests.mutants.explained import CORE


def pytest_collection_finish() -> None:
    """Exchange them when the tests have imported them."""
    exchanges = [remade(mutant) for mutant in _differing()]
    assert None not in exchanges
    for exchange in exchanges:
        assert exchange is not None
        exchange()


def _differing() -> Iterator[Any]:
    for path in sorted(CORE.glob("*.py")):
        import_module(f"workflows.core.{path.stem}")
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for node in ast.parse("".join(lines)).body:
            if isinstance(node, ast.ClassDef) and any("attrs" in ast.unparse(one) for one in node.decorator_list):
                at = node.body[0].lineno - 1
                other = [*lines[:at], lines[at].replace('"""', '"""Or: ', 1), *lines[at + 1 :]]
                yield SimpleNamespace(module=path.stem, source="".join(other))
