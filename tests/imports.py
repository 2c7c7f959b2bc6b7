"""The imports of a package, read from its source and never by importing it."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

SRC = Path(__file__).parent.parent / "src"


class Import(NamedTuple):
    """One imported name: `from a import b` imports `a.b`, `import a` imports `a`."""

    target: str
    line: int
    late: bool  # inside a function
    typing_only: bool  # under `if TYPE_CHECKING`


class Module(NamedTuple):
    """One module of the package, named as it's imported: `workflows.core.state`, `workflows.core`."""

    name: str
    is_package: bool
    tree: ast.Module


def read_package(src: Path = SRC) -> dict[str, Module]:
    """Read the modules of the package; the pytest plugin beside it is pytest's, and loads the package late."""
    paths = sorted((src / "workflows").rglob("*.py"))
    sources = {path.relative_to(src): path.read_text(encoding="utf-8") for path in paths}
    return parse({str(path): text for path, text in sources.items()})


def parse(sources: Mapping[str, str]) -> dict[str, Module]:
    modules: dict[str, Module] = {}
    for path, text in sources.items():
        parts = list(Path(path).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, is_package, ast.parse(text, path))
    return modules


def inside(name: str) -> str:
    """Name a module without `workflows.`; the package itself is `__init__`."""
    return name.partition(".")[2] or "__init__"


def first_part(name: str) -> str:
    return inside(name).partition(".")[0]


def imports_of(module: Module) -> Iterator[Import]:
    yield from _imports_in(module, module.tree, late=False, typing_only=False)


def _imports_in(module: Module, node: ast.AST, *, late: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(module, child):
                yield Import(target, child.lineno, late, typing_only)
            continue
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_typing = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        yield from _imports_in(module, child, late=late or is_function, typing_only=typing_only or is_typing)


def _targets(module: Module, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    origin = node.module or ""
    if node.level:
        parents = module.name.split(".")
        kept = len(parents) - node.level + (1 if module.is_package else 0)
        origin = ".".join([*parents[:kept], *filter(None, [origin])])
    return [f"{origin}.{alias.name}" for alias in node.names]


def imported_module(target: str, modules: Mapping[str, Module]) -> str:
    """Find the module of ours that an import loads: `workflows.core.state.State` loads `workflows.core.state`."""
    while target not in modules and "." in target:
        target = target.rpartition(".")[0]
    return target


def is_ours(target: str) -> bool:
    return target.partition(".")[0] == "workflows"


def own_edges(modules: Mapping[str, Module]) -> Iterator[tuple[Module, str, Import]]:
    for module in modules.values():
        for found in imports_of(module):
            if is_ours(found.target):
                yield module, imported_module(found.target, modules), found


def outside_imports(modules: Mapping[str, Module]) -> Iterator[tuple[Module, Import]]:
    for module in modules.values():
        for found in imports_of(module):
            if not is_ours(found.target):
                yield module, found
