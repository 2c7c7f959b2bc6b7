"""What proves the guarantees: the tests that name them, as the markers say.

A test names what it proves: `@pytest.mark.guarantee("W1", "W7")`, on the test, on its class, or as `pytestmark`. The
markers are read from the source of `tests/`, so that a partial run can't make one seem missing.

- **A test** is a `test_*` function, a method of that name in a `Test*` class, or a Hypothesis state machine: a class
  that derives from `RuleBasedStateMachine`, or `TestX = Machine.TestCase`. A marker on a machine counts.
- **A property** is a state machine, or a test in which a `@given` function stands: itself, or one defined inside it.
- **The backends**: a test covers both, unless its own code names one of them alone. An `async` test gets both from the
  fixture `anyio_backend`, and another one may take them as its parameter `backend`; what needs no event loop is true on
  either. A name counts by its words (`run_on_trio`, `"asyncio"`), and `simulate` counts as `trio`, which it runs on if
  it isn't told. `guarantee("W1", backend="trio")` says it outright.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent

GUARANTEES = (
    *(f"W{number}" for number in range(1, 11)),
    *(f"R{number}" for number in range(1, 5)),
    *(f"D{number}" for number in range(1, 5)),
)
LATER: tuple[str, ...] = ()  # known, and not asked for yet
KNOWN = {*GUARANTEES, *LATER}

BACKENDS = frozenset({"asyncio", "trio"})
WORDS = {"asyncio": "asyncio", "trio": "trio", "simulate": "trio"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Proof(NamedTuple):
    """One test that names one guarantee; `where` is the end of its node id, from the folder `tests` on."""

    guarantee: str
    where: str
    is_property: bool
    backends: frozenset[str]


class Marker(NamedTuple):
    """One `guarantee(...)`, as it's written."""

    ids: tuple[str, ...]
    backend: str | None


def proofs_of_tests() -> list[Proof]:
    """Read all tests."""
    found: list[Proof] = []
    for path in sorted(TESTS.rglob("*.py")):
        found += proofs_in(path.relative_to(TESTS).as_posix(), path.read_text(encoding="utf-8"))
    return found


def proofs_in(path: str, source: str) -> Iterator[Proof]:
    tree = ast.parse(source, path)
    given = names_for_given(tree)
    machines = names_of_machines(tree)
    yield from _proofs_in_body(tree.body, path, list(_markers_assigned(tree.body)), given, machines)


def _proofs_in_body(
    body: list[ast.stmt], where: str, outer: list[Marker], given: set[str], machines: set[str]
) -> Iterator[Proof]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            name = f"{where}::{statement.name}"
            markers = [*outer, *_markers_on(statement), *_markers_assigned(statement.body)]
            if statement.name in machines:
                yield from _proofs_of(statement, name, markers, is_property=True)
            elif statement.name.startswith("Test"):
                yield from _proofs_in_body(statement.body, name, markers, given, machines)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name.startswith("test"):
            markers = [*outer, *_markers_on(statement)]
            yield from _proofs_of(
                statement, f"{where}::{statement.name}", markers, is_property=uses_given(statement, given)
            )
        elif isinstance(statement, ast.Assign) and _is_test_case(statement.value):
            name = ast.unparse(statement.targets[0])
            yield from _proofs_of(statement, f"{where}::{name}", outer, is_property=True)


def _proofs_of(node: ast.AST, where: str, markers: list[Marker], *, is_property: bool) -> Iterator[Proof]:
    for marker in markers:
        backends = frozenset({marker.backend}) if marker.backend else backends_of(node)
        for guarantee in marker.ids:
            yield Proof(guarantee, where, is_property, backends)


# --- reading the source -----------------------------------------------------------------------------------------------


def _markers_on(node: Definition) -> Iterator[Marker]:
    for decorator in node.decorator_list:
        yield from _markers_in(decorator)


def _markers_assigned(body: list[ast.stmt]) -> Iterator[Marker]:
    """Read `pytestmark = ...`, one marker or a list of them."""
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets):
                yield from _markers_in(statement.value)


def _markers_in(node: ast.expr) -> Iterator[Marker]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "guarantee":
            ids = tuple(str(ast.literal_eval(argument)) for argument in call.args)
            named = {keyword.arg: str(ast.literal_eval(keyword.value)) for keyword in call.keywords}
            yield Marker(ids, named.get("backend"))


def _last_name(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(node).rpartition(".")[2]


def names_for_given(tree: ast.Module) -> set[str]:
    """Find what stands for `@given`: the name itself, and names of the module that are bound to a call of it."""
    names = {"given"}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and _last_name(statement.value) in names:
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names


def names_of_machines(tree: ast.Module) -> set[str]:
    """Find the state machines of a module: by their base, or by the base of another machine there."""
    machines: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            bases = {_last_name(base) for base in statement.bases if ast.unparse(base) != "unittest.TestCase"}
            if bases & {"RuleBasedStateMachine", "TestCase", *machines}:
                machines.add(statement.name)
    return machines


def _is_test_case(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "TestCase"


def uses_given(function: ast.FunctionDef | ast.AsyncFunctionDef, given: set[str]) -> bool:
    nodes = list(ast.walk(function))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    decorators = {_last_name(decorator) for found in functions for decorator in found.decorator_list}
    calls = {_last_name(node) for node in nodes if isinstance(node, ast.Call)}
    return bool(decorators & given) or "run_state_machine_as_test" in calls


def backends_of(node: ast.AST) -> frozenset[str]:
    if isinstance(node, ast.FunctionDef) and any(argument.arg == "backend" for argument in node.args.args):
        return BACKENDS
    named = {WORDS[word] for text in _words_in(node) for word in re.split(r"[^a-z]+", text.lower()) if word in WORDS}
    return frozenset(named) or BACKENDS


def _words_in(node: ast.AST) -> Iterator[str]:
    own = _docstring_of(node)
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.arg):
            yield part.arg
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part is not own:
            yield part.value


def _docstring_of(node: ast.AST) -> ast.expr | None:
    if isinstance(node, Definition) and node.body and isinstance(node.body[0], ast.Expr):
        return node.body[0].value
    return None
