"""The package is read in one order, and imports point only back along it.

Every import of `src/workflows` counts: at the top, in a function, under `TYPE_CHECKING`. A module may import from its
own layer and from earlier ones. Imports under `TYPE_CHECKING` can't close a ring, so that check alone leaves them out.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.imports import Module, first_part, imports_of, inside, outside_imports, own_edges, parse, read_package

ROOT = Path(__file__).parent.parent

# Each row is a layer; a row names modules and packages of `workflows`.
LAYERS = (
    ("errors", "lazily"),
    ("events",),
    ("codec",),
    ("retry_policy", "steps", "catching", "decorators", "collect", "injection"),
    ("graph", "representation"),
    ("core",),
    ("runtime",),
    ("workflow", "context", "handler", "telemetry", "types", "resource", "drawing"),
    ("durability",),
    ("host",),
    ("testing", "lint"),
    ("cli", "server", "engines"),
    ("__init__", "__main__"),
)
LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names}
PURE = frozenset(name for names in LAYERS[: LAYER_OF["runtime"]] for name in names)

# What a pure module can't import, since a decision that needs it could not be taken again from a run's ticks.
IMPURE = {
    *("anyio", "sniffio", "asyncio", "trio", "time", "random", "uuid", "secrets", "logging", "threading", "queue"),
    *("multiprocessing", "concurrent", "os", "io", "signal", "socket", "selectors", "subprocess", "tempfile"),
    *("sqlite3", "importlib", "pickle"),
}
IMPURE_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "__import__", "open"}
ALLOWED_IMPURE = {
    ("lazily", "importlib"): "what it's for: parts of this package, whose names stand in it",
    ("retry_policy", "random"): "jitter: seeded, so that the same seed gives the same delay",
    ("codec", "uuid.UUID"): "the class, whose values are encoded and decoded; none is made",
    ("representation", "uuid.UUID"): "the class, which has a name in schemas; none is made",
}
ALLOWED_ASYNC: dict[str, str] = {}  # module: reason

BACKENDS = frozenset({"asyncio", "trio"})
MAY_IMPORT_BACKENDS = ("runtime.spawn", "testing")

# What a step does through its context: it may ask its run for nothing but what `runtime.seam` has.
BEHIND_THE_SEAM = (
    *("runtime.operations", "runtime.calling_once", "runtime.editing", "runtime.waiting", "runtime.departures"),
    "context.stores",
)

# What may be imported inside a function, and why it isn't imported at the top.
LATE_IMPORTS = {
    "trio": "an extra; only those who run on it load it",
    "asyncio": "slow to import; only those who run on it load it",
    "pydantic": "an extra; only those who use its models have it",
    "opentelemetry": "an extra; only those who follow their runs with it have it",
    "pygraphviz": "an extra; only those who draw have it",
}

# The name of an installed distribution, where it isn't that of the module.
MODULES_OF = {"attrs": ("attrs", "attr"), "opentelemetry-api": ("opentelemetry",)}

# Of the standard library, but not of its oldest version that is supported.
NEWER_STDLIB = {"annotationlib"}  # 3.14


def names_part_of(name: str, owners: Iterable[str]) -> bool:
    return any(name == owner or name.startswith(f"{owner}.") for owner in owners)


# --- the rules --------------------------------------------------------------------------------------------------------


def past_the_seam(modules: Mapping[str, Module]) -> list[str]:
    return [
        f"{inside(name)} looks at `run.{node.attr}`: ask through the attempt's seam"
        for name, module in modules.items()
        if inside(name) in BEHIND_THE_SEAM
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"core", "driver", "attempts", "receive", "cancel"}
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "run"
    ]


def unplaced(modules: Mapping[str, Module]) -> list[str]:
    return [
        f"{name} is in no layer: add {first_part(name)!r} to LAYERS"
        for name in modules
        if first_part(name) not in LAYER_OF
    ]


def forward_imports(modules: Mapping[str, Module]) -> list[str]:
    problems: list[str] = []
    for module, _, found in own_edges(modules):
        here, there = first_part(module.name), first_part(found.target)
        there = there if there in LAYER_OF else "__init__"  # `from workflows import Context` reads the whole package
        if LAYER_OF[there] > LAYER_OF.get(here, len(LAYERS)):
            problems.append(
                f"{module.name}:{found.line} imports {found.target}, which comes after it: "
                f"{there!r} is in layer {LAYER_OF[there]}, {here!r} in layer {LAYER_OF[here]}"
            )
    return problems


def foreign_backends(modules: Mapping[str, Module]) -> list[str]:
    return [
        f"{module.name}:{found.line} imports {found.target}: only {' and '.join(MAY_IMPORT_BACKENDS)} may"
        for module, found in outside_imports(modules)
        if found.target.partition(".")[0] in BACKENDS and not names_part_of(inside(module.name), MAY_IMPORT_BACKENDS)
    ]


def impurities(modules: Mapping[str, Module]) -> list[str]:
    problems: list[str] = []
    for module in modules.values():
        if first_part(module.name) in PURE:
            problems += [f"{module.name}:{line} {what}" for line, what in _impurities_of(module)]
    return problems


def _impurities_of(module: Module) -> Iterator[tuple[int, str]]:
    part = first_part(module.name)
    allowed = [target for owner, target in ALLOWED_IMPURE if owner == part]
    for found in imports_of(module):
        if found.target.partition(".")[0] in IMPURE and not names_part_of(found.target, allowed):
            yield found.line, f"imports {found.target}: what comes before runtime/ is pure, its facts come in ticks"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef) and inside(module.name) not in ALLOWED_ASYNC:
            yield node.lineno, f"has `async def {node.name}`: what comes before runtime/ is synchronous"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPURE_CALLS:
            yield node.lineno, f"calls {ast.unparse(node.func)}(): what comes before runtime/ is pure"


def late_imports(modules: Mapping[str, Module]) -> list[str]:
    return [
        f"{module.name}:{found.line} imports {found.target} late: move it to the top, and mend any ring that it closes"
        for module in modules.values()
        for found in imports_of(module)
        if found.late and found.target.partition(".")[0] not in LATE_IMPORTS
    ]


def early_extras(modules: Mapping[str, Module]) -> list[str]:
    extras = declared()[1]
    return [
        f"{module.name}:{found.line} imports {found.target} at the top: an extra may be missing, so import it late"
        for module, found in outside_imports(modules)
        if found.target.partition(".")[0] in extras
        and not (found.late or found.typing_only)
        and not names_part_of(inside(module.name), ["testing"])
    ]


BROUGHT_BY_CHECKERS = {"typing_extensions"}  # type checkers know it, whether or not it's installed


def undeclared(modules: Mapping[str, Module]) -> list[str]:
    required, extras = declared()
    known = required | extras | sys.stdlib_module_names | NEWER_STDLIB
    return [
        f"{module.name}:{found.line} imports {found.target}, which pyproject.toml doesn't declare"
        for module, found in outside_imports(modules)
        if found.target.partition(".")[0] not in (known | BROUGHT_BY_CHECKERS if found.typing_only else known)
    ]


def declared() -> tuple[set[str], set[str]]:
    """Give the modules of the required dependencies, and those of the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    return _module_names(project["dependencies"]), _module_names(extras)


def _module_names(requirements: Iterable[str]) -> set[str]:
    distributions = [requirement.partition(">")[0].strip() for requirement in requirements]
    return {name for distribution in distributions for name in MODULES_OF.get(distribution, (distribution,))}


def private_imports(modules: Mapping[str, Module]) -> list[str]:
    problems: list[str] = []
    for module, imported, found in own_edges(modules):
        private = [name for name in found.target.split(".") if name.startswith("_") and not name.endswith("__")]
        if private and first_part(module.name) != first_part(found.target):
            problems.append(
                f"{module.name}:{found.line} imports {found.target}: {private[0]} is private to {imported}; "
                "move it, or make it public"
            )
    return problems


def cycle(modules: Mapping[str, Module]) -> list[str]:
    """Find modules that import one another in a ring, as the loader would meet them."""
    needed: dict[str, set[str]] = {name: set() for name in modules}
    for module, imported, found in own_edges(modules):
        if not (found.typing_only or found.late) and imported != module.name:
            needed[module.name] |= {imported, *_packages_entered(module.name, imported)}
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        return [" is imported by ".join(ring)]
    return []


def _packages_entered(importer: str, imported: str) -> Iterator[str]:
    """Give the packages whose `__init__` runs first: those around the imported module, and not around its importer."""
    package = imported.rpartition(".")[0]
    while "." in package and not names_part_of(importer, [package]):
        yield package
        package = package.rpartition(".")[0]


def told(problems: list[str]) -> str:
    return "\n".join(["", *problems])


# --- the package keeps them -------------------------------------------------------------------------------------------


def test_every_module_has_a_layer() -> None:
    problems = unplaced(read_package())
    assert not problems, told(problems)


def test_what_steps_do_goes_through_the_seam() -> None:
    problems = past_the_seam(read_package())
    assert not problems, told(problems)


def test_imports_point_only_to_earlier_layers() -> None:
    problems = forward_imports(read_package())
    assert not problems, told(problems)


def test_modules_do_not_import_one_another_in_a_ring() -> None:
    problems = cycle(read_package())
    assert not problems, told(problems)


def test_only_the_spawner_and_the_test_tools_know_a_backend() -> None:
    problems = foreign_backends(read_package())
    assert not problems, told(problems)


def test_what_comes_before_the_runtime_is_pure_and_synchronous() -> None:
    problems = impurities(read_package())
    assert not problems, told(problems)


def test_imports_stand_at_the_top() -> None:
    problems = late_imports(read_package())
    assert not problems, told(problems)


def test_extras_are_imported_only_where_they_are_used() -> None:
    problems = early_extras(read_package())
    assert not problems, told(problems)


def test_every_import_from_outside_is_a_declared_dependency() -> None:
    problems = undeclared(read_package())
    assert not problems, told(problems)


def test_private_names_stay_in_their_package() -> None:
    problems = private_imports(read_package())
    assert not problems, told(problems)


# --- and breaking one is noticed --------------------------------------------------------------------------------------


def of_core(source: str) -> dict[str, Module]:
    return parse(
        {
            "workflows/__init__.py": "",
            "workflows/events/__init__.py": "",
            "workflows/events/model.py": "",
            "workflows/core/__init__.py": "",
            "workflows/core/state.py": source,
            "workflows/runtime/__init__.py": "",
            "workflows/runtime/spawn.py": "",
        }
    )


def test_an_import_of_a_later_layer_is_noticed_wherever_it_hides() -> None:
    at_the_top = of_core("from ..runtime import spawn")
    in_a_function = of_core("def f():\n    import workflows.runtime.spawn")
    for_typing = of_core(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workflows.runtime.spawn import x"
    )
    assert forward_imports(of_core("from ..events.model import Event\nfrom .state import y")) == []
    for modules in (at_the_top, in_a_function, for_typing):
        (problem,) = forward_imports(modules)
        assert "workflows.core.state" in problem
        assert "'runtime' is in layer" in problem


def test_a_module_outside_the_layers_is_noticed() -> None:
    assert unplaced(parse({"workflows/helpers.py": ""})) == [
        "workflows.helpers is in no layer: add 'helpers' to LAYERS"
    ]


def test_impure_code_in_the_core_is_noticed() -> None:
    source = "import time\nfrom random import Random\nasync def f():\n    datetime.now()\n"
    assert len(impurities(of_core(source))) == 4


def test_an_allowed_import_allows_no_more_than_it_names() -> None:
    ours = {"workflows/codec/values.py": "from uuid import UUID"}
    more = {"workflows/codec/values.py": "from uuid import uuid4"}
    assert impurities(parse(ours)) == []
    assert len(impurities(parse(more))) == 1


def test_a_backend_outside_the_spawner_is_noticed() -> None:
    spawner = {"workflows/runtime/spawn.py": "def f():\n    import trio\n    import asyncio"}
    other = {"workflows/runtime/run.py": "def f():\n    from trio.lowlevel import checkpoint"}
    assert foreign_backends(parse(spawner)) == []
    assert len(foreign_backends(parse(other))) == 1


def test_what_reaches_past_the_seam_is_noticed() -> None:
    reaching = {"workflows/runtime/editing.py": "def f(attempt):\n    return attempt.run.core.state"}
    assert past_the_seam(parse(reaching)) == ["runtime.editing looks at `run.core`: ask through the attempt's seam"]
    assert past_the_seam(parse({"workflows/runtime/editing.py": "def f(driver):\n    return driver.core"})) == []


def test_a_ring_is_noticed_unless_it_is_for_typing_only() -> None:
    half = {"workflows/core/a.py": "from .b import x"}
    ring = parse({**half, "workflows/core/b.py": "from workflows.core import a"})
    typing_only = parse({**half, "workflows/core/b.py": "if TYPE_CHECKING:\n    from workflows.core.a import y"})
    assert len(cycle(ring)) == 1
    assert cycle(typing_only) == []


def test_a_ring_through_a_package_is_noticed() -> None:
    package = {"workflows/context/__init__.py": "from ..handler import Handler", "workflows/context/store.py": ""}
    assert len(cycle(parse({**package, "workflows/handler.py": "from .context.store import Store"}))) == 1


def test_late_undeclared_early_and_private_imports_are_noticed() -> None:
    assert len(late_imports(of_core("def f():\n    import json"))) == 1
    assert late_imports(of_core("def f():\n    import pydantic")) == []
    assert len(undeclared(of_core("import requests"))) == 1
    assert len(early_extras(of_core("import pydantic"))) == 1
    assert len(private_imports(of_core("from ..events.model import _secret"))) == 1
    assert private_imports(of_core("from .other import _shared")) == []
