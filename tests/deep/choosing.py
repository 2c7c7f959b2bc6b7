"""Choosing what a deep run tries on a backend: every property in every round, and sweeps without one in the first."""

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest

from tests.counted_cases import where
from tests.proofs import TESTS, Definition, backends_of, names_for_given, uses_given

SWEEPS = frozenset({"sweep_crash", "sweep_cancel"})
# It goes on till each rule has had its turn: it's about the machine, and nothing comes of doing it again.
ABOUT_RULES = "::test_the_rules_feed_every_tick"


@attrs.frozen
class Tried:
    """A test that a deep run tries.

    Attributes:
        is_property: Whether it's another one with each seed.
        backends: Those that it's about, unless it has them as a parameter.
    """

    is_property: bool
    backends: frozenset[str]


def tried_of_tests() -> dict[str, Tried]:
    """Read all tests; gives those that are properties or sweeps, by where they stand."""
    found: dict[str, Tried] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if path.parent != Path(__file__).parent:
            found.update(tried_in(path.relative_to(TESTS).as_posix(), path.read_text(encoding="utf-8")))
    return found


def tried_in(path: str, source: str) -> dict[str, Tried]:
    """Read a module of tests."""
    tree = ast.parse(source, path)
    given = names_for_given(tree)
    found: dict[str, Tried] = {}
    for name, node in _tests_in(tree.body, path):
        if ABOUT_RULES in name:
            continue
        is_property = not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or uses_given(node, given)
        if is_property or _sweeps(node):
            found[name] = Tried(is_property, backends_of(node))
    return found


def _tests_in(body: list[ast.stmt], path: str) -> Iterator[tuple[str, ast.AST]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef) and statement.name.startswith("Test"):
            yield from _tests_in(statement.body, f"{path}::{statement.name}")
        elif isinstance(statement, Definition) and statement.name.startswith("test"):
            yield f"{path}::{statement.name}", statement
        elif isinstance(statement, ast.Assign) and ast.unparse(statement.value).endswith(".TestCase"):
            yield f"{path}::{ast.unparse(statement.targets[0])}", statement.value


def _sweeps(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Name) and part.id in SWEEPS for part in ast.walk(node))


def chosen(items: list[pytest.Item], backend: str, *, is_first: bool, seed: int) -> list[pytest.Item]:
    """Choose among what pytest has collected, in an order that depends on the seed: time may run out before the end."""
    tried = tried_of_tests()
    kept: list[pytest.Item] = []
    for item in items:
        found = tried.get(where(item.nodeid))
        if found is not None and (found.is_property or is_first) and backend in _backends_of_item(item, found):
            kept.append(item)
    Random(seed).shuffle(kept)
    return kept


def _backends_of_item(item: pytest.Item, tried: Tried) -> frozenset[str]:
    call = getattr(item, "callspec", None)
    given: dict[str, Any] = {} if call is None else call.params
    for name in ("backend", "anyio_backend"):
        if name in given:
            value: str | tuple[str, Any] = given[name]
            return frozenset({value if isinstance(value, str) else value[0]})
    return tried.backends


def modules() -> list[Path]:
    """Where they stand: the rest needn't be collected."""
    return [TESTS / name for name in sorted({place.partition("::")[0] for place in tried_of_tests()})]
