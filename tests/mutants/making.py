"""Makes the mutants of a module: its source with one small change each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import takewhile
from types import CodeType
from typing import TypeAlias

import attrs
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutants.explained import CORE
from tests.mutants.operators import OPERATORS, operator

Meaning: TypeAlias = tuple[object, ...]


@attrs.frozen
class Mutant:
    """A changed module.

    Attributes:
        where: The function or class that's changed, by its qualified name; empty for the module itself.
        was: The changed lines, on one line.
        becomes: What stands there instead.
        line: The first line that's changed.
    """

    module: str
    where: str
    was: str
    becomes: str
    operator: str
    occurrence: int
    line: int
    last_line: int
    source: str = attrs.field(repr=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from others, wherever it stands."""
        return self.module, self.where, self.was, self.becomes


def mutants_of(module: str) -> Iterator[Mutant]:
    """All mutants of a module, none twice: those that can't be compiled, or are what they were, aren't any."""
    original = (CORE / f"{module}.py").read_text(encoding="utf-8")
    seen = {_meaning(compile(original, module, "exec"))}
    nodes = list(ast_nodes(get_ast(original)))
    for name in OPERATORS:
        positions = [position for node in nodes for position in operator(name).mutation_positions(node)]
        for occurrence, _ in enumerate(positions):
            source = mutate_code(original, operator(name), occurrence)
            try:
                meaning = _meaning(compile(source, module, "exec"))
            except SyntaxError:
                continue
            if meaning in seen:
                continue
            seen.add(meaning)
            mutant = _mutant(module, original, source, name, occurrence)
            if (mutant.was, mutant.becomes) != ("return False", "return None"):  # there's one that returns True
                yield mutant


def _meaning(code: CodeType) -> Meaning:
    """What is run, wherever it stands in the file."""
    constants = [
        _meaning(constant) if isinstance(constant, CodeType) else (type(constant), repr(constant))
        for constant in code.co_consts
    ]
    return code.co_code, code.co_names, code.co_varnames, code.co_exceptiontable, tuple(constants)


def _mutant(module: str, original: str, source: str, name: str, occurrence: int) -> Mutant:
    before, after = original.splitlines(), source.splitlines()
    start = next(number for number, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    backwards = zip(reversed(before[start:]), reversed(after[start:]), strict=False)
    kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], backwards))
    end = len(before) - kept
    was = " ".join(line.strip() for line in before[start:end])
    becomes = " ".join(line.strip() for line in after[start : len(after) - kept])
    return Mutant(module, _place(original, start + 1), was, becomes, name, occurrence, start + 1, end, source)


def _place(source: str, line: int) -> str:
    """The qualified name of the innermost function or class around a line."""
    names: list[str] = []
    body: list[ast.stmt] = ast.parse(source).body
    while True:
        around = next((node for node in body if node.lineno <= line <= (node.end_lineno or 0)), None)
        if not isinstance(around, ast.FunctionDef | ast.ClassDef):
            return ".".join(names)
        names.append(around.name)
        body = around.body
