"""What `import workflows` gives, and what it costs: public names once each, and nothing optional loaded."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import workflows

PACKAGE = Path(*workflows.__path__)

# Loaded by a plain `import workflows`, each would make every user pay for what some use: extras, a backend, a database.
NOT_LOADED = (
    *("trio", "pydantic", "pygraphviz", "asyncio", "sqlite3", "pytest", "hypothesis"),
    *("workflows.testing", "workflows.drawing", "workflows.lint", "workflows.cli"),
    *("workflows.host", "workflows.durability", "workflows.retry_policy.waits"),
)


def exports() -> list[tuple[str, str]]:
    """Give each public name with the module that it's imported from."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    found: list[tuple[str, str]] = []
    for statement in (*tree.body, *late(tree)):
        if isinstance(statement, ast.ImportFrom) and statement.module not in (None, "typing", "lazily"):
            found += [(alias.name, f"workflows.{statement.module}") for alias in statement.names]
    return found


def late(tree: ast.Module) -> list[ast.stmt]:
    """Give the imports that are done when their name is first asked for."""
    return [statement for block in tree.body if isinstance(block, ast.If) for statement in block.body]


def test_the_package_does_nothing_but_name_what_is_public() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    strange = [
        ast.unparse(statement)
        for statement in (*tree.body[1:], *late(tree))
        if not isinstance(statement, ast.ImportFrom | ast.If)
    ]
    assert ast.get_docstring(tree), "workflows/__init__.py begins with what the package is"
    assert not strange, f"only `from .x import Y as Y` may stand there: {strange}"


@pytest.mark.parametrize("package", ["workflows", "workflows.durability", "workflows.retry_policy"])
def test_what_is_imported_late_is_what_a_type_checker_sees(package: str) -> None:
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    imports = [statement for statement in late(tree) if isinstance(statement, ast.ImportFrom)]
    assert imports
    for statement in imports:
        for alias in statement.names:
            place = importlib.import_module(f".{statement.module}", package)
            assert getattr(module, alias.name) is getattr(place, alias.name)


@pytest.mark.parametrize("package", ["workflows", "workflows.durability", "workflows.retry_policy"])
def test_import_star_gives_what_is_public_and_nothing_else(package: str) -> None:
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    named = {
        alias.asname
        for statement in (*tree.body, *late(tree))
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname
    }
    given: dict[str, object] = {}
    exec(f"from {package} import *", given)
    assert given.keys() - {"__builtins__"} == named
    assert named <= set(dir(module))


def test_a_name_that_is_nowhere_is_told_of() -> None:
    with pytest.raises(AttributeError, match="module 'workflows' has no attribute 'Runtme'"):
        getattr(workflows, "Runtme")  # noqa: B009  # a name that's written out is refused by the type checkers


def test_each_public_name_is_imported_as_itself_from_inside_the_package() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    for statement in (*tree.body, *late(tree)):
        if isinstance(statement, ast.ImportFrom) and statement.module not in ("typing", "lazily"):
            assert statement.level == 1, f"write `from .module import …`: {ast.unparse(statement)}"
            for alias in statement.names:
                assert alias.asname == alias.name, f"write `import {alias.name} as {alias.name}`: that marks it public"


def test_each_public_name_stands_there_once() -> None:
    names = [name for name, _ in exports()]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"imported more than once: {twice}"


def test_a_public_name_is_the_same_object_wherever_it_is_imported_from() -> None:
    for name, module in exports():
        assert getattr(importlib.import_module(module), name) is getattr(workflows, name), f"{module}.{name}"


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("Workflow", ["workflows.workflow"]),
        ("Context", ["workflows.context"]),
        ("step", ["workflows.decorators", "workflows.steps"]),
        ("Runtime", ["workflows.host"]),
    ],
)
def test_the_names_that_users_know_are_where_they_look_for_them(name: str, modules: list[str]) -> None:
    for module in modules:
        assert getattr(importlib.import_module(module), name) is getattr(workflows, name)


def test_nothing_private_is_exported() -> None:
    assert not [name for name, _ in exports() if name.startswith("_")]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_importing_the_package_loads_nothing_optional() -> None:
    program = f"import sys, workflows; print(*[name for name in {NOT_LOADED!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_each_module_can_be_the_first_that_is_imported(tmp_path: Path) -> None:
    parts = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in sorted(PACKAGE.rglob("*.py"))]
    names = [".".join(part for part in path if part != "__init__") for path in parts if path[-1] != "__main__"]
    # Whichever is imported, the package itself comes first, always in one order: what that loads is tried at once.
    # A fresh interpreter for each of the others would cost seconds: forgetting them shows a ring just as well.
    program = """
import importlib, sys, workflows
always = set(sys.modules)
for name in sys.argv[1:]:
    for loaded in [m for m in sys.modules if m.startswith("workflows.") and m not in always]:
        parent, _, last = loaded.rpartition(".")
        vars(sys.modules.get(parent, workflows)).pop(last, None)
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    compiled_once = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", program, *names], env=compiled_once, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
