"""The reference is complete: every public name has its place, and what it lists exists."""

import importlib
import re
from types import ModuleType

import pytest

from tests.docs.pages import ROOT

MODULES = (
    "workflows",
    "workflows.collect",
    "workflows.context",
    "workflows.decorators",
    "workflows.drawing",
    "workflows.durability",
    "workflows.errors",
    "workflows.events",
    "workflows.handler",
    "workflows.lint",
    "workflows.representation",
    "workflows.resource",
    "workflows.retry_policy",
    "workflows.testing",
    "workflows.types",
)
WITHOUT_A_PLACE = {
    "StepContext": "what a step is given; its methods are those of Context, and documented there",
    "EventMeta": "what makes classes of events; nobody names it",
    "CatchErrorHandler": "what @catch_error leaves on a function",
    "StepFunction": "what a type checker takes for a step",
    "StepConfig": "what @step leaves on a function",
}
RENAMING = ("workflows.decorators", "workflows.resource")  # modules that only give names of others
DIRECTIVE = re.compile(r"^\s*\.\. (auto\w+|py:data):: ([\w.]+)", re.MULTILINE)
TEXT = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))


def public_names(module: ModuleType) -> set[str]:
    """What a module defines or re-exports for its users."""
    if hasattr(module, "__path__") or module.__name__ in RENAMING:
        own = (ROOT / "src" / module.__name__.replace(".", "/")).with_suffix("")
        path = own / "__init__.py" if own.is_dir() else own.with_suffix(".py")
        return set(re.findall(r"^ *from \.\S+ import (\w+) as \1$", path.read_text(encoding="utf-8"), re.MULTILINE))
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_place_in_the_reference(name: str) -> None:
    directives = DIRECTIVE.findall(TEXT)
    whole = {target for kind, target in directives if kind == "automodule"}
    listed = {target.rpartition(".")[2] for _, target in directives}
    if name in whole:
        return
    assert public_names(importlib.import_module(name)) - listed - WITHOUT_A_PLACE.keys() == set()


def test_the_reading_of_public_names_finds_them() -> None:
    assert public_names(importlib.import_module("workflows")) == {
        "Context",
        "Runtime",
        "Workflow",
        "catch_error",
        "step",
    }
    assert "WorkflowHandler" in public_names(importlib.import_module("workflows.handler"))
    assert "StopEvent" in public_names(importlib.import_module("workflows.events"))


def test_what_is_listed_exists() -> None:
    for kind, target in DIRECTIVE.findall(TEXT):
        if kind == "automodule":
            importlib.import_module(target)
        elif "." in target:
            module, _, name = target.rpartition(".")
            assert hasattr(importlib.import_module(module), name), target
