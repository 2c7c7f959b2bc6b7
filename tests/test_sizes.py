"""A module can be read in one sitting, a function on one screen, and no statement stands deep.

Only the code counts: a docstring adds nothing to its function. `EXCEPTIONS` starts empty and may only shrink: one that
isn't needed any more fails.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "examples", "benchmarks")

MODULE_LINES = 400
FUNCTION_LINES = 50
FUNCTION_LEVELS = 3

# "src/workflows/x.py" or "src/workflows/x.py: Class.method": why it can't be split.
EXCEPTIONS: dict[str, str] = {}

# Names that tell nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "part1", "part2"}

type_of_function = ast.FunctionDef | ast.AsyncFunctionDef
OPENS_A_LEVEL = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def too_large() -> dict[str, str]:
    problems: dict[str, str] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            problems |= problems_of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    return problems


def problems_of(path: str, source: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        problems[path] = f"{lines} lines, {MODULE_LINES} allowed: split it by concept"
    for name, function in functions_in(ast.parse(source, path)):
        said = list(_complaints(function))
        if said:
            problems[f"{path}: {name}"] = "; ".join(said)
    return problems


def _complaints(function: type_of_function) -> Iterator[str]:
    lines, levels = length(function), depth(function.body)
    if lines > FUNCTION_LINES:
        yield f"{lines} lines, {FUNCTION_LINES} allowed"
    if levels > FUNCTION_LEVELS:
        yield f"{levels} levels, {FUNCTION_LEVELS} allowed"


def functions_in(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, type_of_function]]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, type_of_function | ast.ClassDef):
            name = f"{prefix}.{child.name}" if prefix else child.name
        if isinstance(child, type_of_function):
            yield name, child
        yield from functions_in(child, name)


def length(function: type_of_function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def depth(body: list[ast.stmt]) -> int:
    """Count the compound statements around the deepest statement; a function or class inside starts anew."""
    return max((_levels_of(statement) for statement in body), default=0)


def _levels_of(statement: ast.stmt) -> int:
    if not isinstance(statement, OPENS_A_LEVEL):
        return 0
    if isinstance(statement, ast.If) and len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If):
        return max(1 + depth(statement.body), _levels_of(statement.orelse[0]))  # `elif` stands beside its `if`
    return 1 + max(depth(block) for block in _blocks(statement))


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for name in ("handlers", "cases"):
        for part in getattr(statement, name, []):
            yield part.body


# --- the package keeps them -------------------------------------------------------------------------------------------


def test_modules_and_functions_stay_small() -> None:
    problems = {name: what for name, what in too_large().items() if name not in EXCEPTIONS}
    assert not problems, "\n".join(["", *(f"{name}: {what}" for name, what in problems.items())])


def test_no_exception_outlives_its_need() -> None:
    unneeded = EXCEPTIONS.keys() - too_large().keys()
    assert not unneeded, f"small enough by now, take them from EXCEPTIONS: {sorted(unneeded)}"


def test_modules_are_named_after_what_a_reader_looks_for() -> None:
    nameless = [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.py") if path.stem in EMPTY_NAMES]
    nameless += [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*/") if path.name in EMPTY_NAMES]
    assert not nameless, f"rename after the concept inside: {nameless}"


# --- and breaking one is noticed --------------------------------------------------------------------------------------


def test_a_long_module_and_a_long_function_are_noticed() -> None:
    function = "def f():\n" + "    x = 1\n" * 50
    assert problems_of("a.py", function) == {"a.py: f": "51 lines, 50 allowed"}
    assert list(problems_of("a.py", "x = 1\n" * 401)) == ["a.py"]


def test_a_docstring_adds_no_length() -> None:
    function = 'def f():\n    """A\n' + "\n" * 60 + '    """\n' + "    x = 1\n" * 49
    assert problems_of("a.py", function) == {}


def test_the_fourth_level_is_noticed_and_a_chain_of_elif_is_one() -> None:
    nest = "class C:\n    async def f(self):\n"
    for level, opener in enumerate(["with a:", "try:", "for x in y:", "match x:"]):
        nest += "    " * (level + 2) + opener + "\n"
    nest += "    " * 6 + "case 1:\n" + "    " * 7 + "pass\n" + "    " * 3 + "finally:\n" + "    " * 4 + "pass\n"
    assert problems_of("a.py", nest) == {"a.py: C.f": "4 levels, 3 allowed"}
    chain = "def f(x):\n    if x == 0:\n        pass\n" + "".join(
        f"    elif x == {n}:\n        pass\n" for n in range(9)
    )
    assert problems_of("a.py", chain) == {}


def test_a_function_inside_a_function_is_measured_for_itself() -> None:
    deep = "def outer():\n    with a:\n        if b:\n            def inner():\n"
    deep += "                for c in d:\n                    while e:\n                        pass\n"
    assert problems_of("a.py", deep) == {}
