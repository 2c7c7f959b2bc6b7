"""The names of a source: which function, class, import or variable a name stands for, where it's used.

Nothing is imported or run: all of it is read from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum
from pathlib import PurePath
from typing import TypeAlias

import attrs

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Gives(Enum):
    """What a binding does with its expression."""

    VALUE = "value"  # x = expression
    ARGUMENT = "argument"  # of some call: another one may give something else
    ITEM = "item"  # for x in expression
    ENTERED = "entered"  # with expression as x
    ANNOTATION = "annotation"  # x: expression


@attrs.frozen(eq=False)
class Binding:
    """A place that gives a variable its value, and the scope in which the expression has to be read."""

    gives: Gives
    expression: ast.expr
    scope: Scope


@attrs.define(eq=False)
class ClassNames:
    """A class: its methods, its bases, and what its attributes are set to, in its body and through `self`."""

    node: ast.ClassDef
    scope: Scope
    methods: dict[str, Scope] = attrs.field(factory=dict[str, "Scope"])
    attributes: dict[str, list[Binding]] = attrs.field(factory=dict[str, list[Binding]])


@attrs.define(eq=False)
class Scope:
    """A module or a function, with the names that it binds. Class bodies aren't seen from functions, and are none."""

    node: ast.Module | Function
    path: str
    module: str
    qualname: str
    parent: Scope | None = None
    owner: ClassNames | None = None
    """The class, of a method."""
    imports: dict[str, str] = attrs.field(factory=dict[str, str])
    functions: dict[str, Scope] = attrs.field(factory=dict[str, "Scope"])
    classes: dict[str, ClassNames] = attrs.field(factory=dict[str, ClassNames])
    variables: dict[str, list[Binding]] = attrs.field(factory=dict[str, list[Binding]])
    outer_names: set[str] = attrs.field(factory=set[str])
    """Names that are declared `global` or `nonlocal`."""
    stars: list[str] = attrs.field(factory=list[str])
    """The modules of which it imports all there is."""
    given: dict[str, Binding] = attrs.field(factory=dict[str, Binding])
    """What its parameters stand for, in the call that is being followed."""

    @property
    def top(self) -> Scope:
        """The scope of the module."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def parameters(self) -> list[ast.arg]:
        """The parameters, in the order in which positional arguments fill them."""
        if isinstance(self.node, ast.Module):
            return []
        arguments = self.node.args
        return [*arguments.posonlyargs, *arguments.args]

    @property
    def receiver(self) -> str | None:
        """What a method calls its object: `self`, as a rule."""
        first = self.parameters[:1]
        return first[0].arg if self.owner is not None and first and "staticmethod" not in self.decorators else None

    @property
    def is_property(self) -> bool:
        """Whether it's called where it's read, each time."""
        return "property" in self.decorators

    @property
    def decorators(self) -> set[str]:
        """What it's decorated with, as it's written."""
        if isinstance(self.node, ast.Module | ast.Lambda):
            return set()
        return {ast.unparse(decorator) for decorator in self.node.decorator_list}

    @property
    def keywords(self) -> set[str]:
        """The parameters that can be given by their names."""
        if isinstance(self.node, ast.Module):
            return set()
        return {argument.arg for argument in [*self.node.args.args, *self.node.args.kwonlyargs]}

    def bindings(self, name: str) -> list[Binding]:
        """What a variable of its own is set to; of a parameter, by the call that is being followed, if one is."""
        known, given = self.variables.get(name, []), self.given.get(name)
        if given is None:
            return known
        return [given, *(binding for binding in known if binding.gives is not Gives.ARGUMENT)]

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def holder(self, name: str) -> Scope | None:
        """The innermost scope that binds a name; None for a builtin, or a name that comes from nowhere."""
        for scope in self.chain():
            if name not in scope.outer_names and scope.binds(name):
                return scope
        return None

    def binds(self, name: str) -> bool:
        """Whether the name is bound here."""
        return name in self.variables or name in self.imports or name in self.functions or name in self.classes

    def everything(self) -> Iterator[Scope]:
        """This scope, and all functions in it at any depth."""
        yield self
        for inner in self.functions.values():
            yield from inner.everything()
        for found in self.classes.values():
            for method in found.methods.values():
                yield from method.everything()

    def every_class(self) -> Iterator[ClassNames]:
        """All classes in it, at any depth."""
        for scope in self.everything():
            yield from scope.classes.values()


def read_names(tree: ast.Module, path: str, module: str) -> Scope:
    """Read the names of a module."""
    scope = Scope(tree, path, module, "")
    _Reader(scope).read(tree.body)
    return scope


def scope_of_lambda(node: ast.Lambda, outer: Scope) -> Scope:
    """Read a function without a name."""
    scope = Scope(node, outer.path, outer.module, f"{outer.qualname}.<lambda>", parent=outer)
    _bind_parameters(scope)
    _Reader(scope).visit(node.body)
    return scope


def _scope_of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, outer: Scope, owner: ClassNames | None) -> Scope:
    around = outer.qualname if owner is None else owner.node.name
    name = f"{around}.{node.name}" if around else node.name
    scope = Scope(node, outer.path, outer.module, name, parent=outer, owner=owner)
    _bind_parameters(scope)
    _Reader(scope).read(node.body)
    return scope


def _bind_parameters(scope: Scope) -> None:
    assert not isinstance(scope.node, ast.Module)
    arguments = scope.node.args
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    outer = scope.parent or scope
    for argument in [*scope.parameters, *arguments.kwonlyargs, *rest]:
        bindings = scope.variables.setdefault(argument.arg, [])
        if argument.annotation is not None and argument not in rest:
            bindings.append(Binding(Gives.ANNOTATION, argument.annotation, outer))


class _Reader(ast.NodeVisitor):
    """Fills a scope; stops at functions and classes, which have scopes of their own."""

    def __init__(self, scope: Scope, inside: ClassNames | None = None) -> None:
        self._scope = scope
        self._inside = inside

    def read(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    def _bind(self, target: ast.expr, gives: Gives, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            binding = Binding(gives, value, self._scope)
            if self._inside is not None:
                self._inside.attributes.setdefault(target.id, []).append(binding)
            else:
                self._scope.variables.setdefault(target.id, []).append(binding)
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part, Gives.ITEM, value)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, Gives.ITEM, value)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            self._bind_attribute(target.value.id, target.attr, Binding(gives, value, self._scope))

    def _bind_attribute(self, name: str, attribute: str, binding: Binding) -> None:
        owner = self._scope.owner
        if owner is not None and name == self._scope.receiver:
            owner.attributes.setdefault(attribute, []).append(binding)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind(target, Gives.VALUE, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._bind(node.target, Gives.ANNOTATION, node.annotation)
        if node.value is not None:
            self._bind(node.target, Gives.VALUE, node.value)
            self.visit(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind(node.target, Gives.VALUE, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, Gives.ITEM, node.iter)
        self.generic_visit(node)

    visit_AsyncFor = visit_For  # noqa: N815  # the name that NodeVisitor looks for

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, Gives.ITEM, node.iter)
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._bind(node.optional_vars, Gives.ENTERED, node.context_expr)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._scope.variables.setdefault(node.name, [])
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name is not None:
            self._scope.variables.setdefault(node.name, [])
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self._scope.outer_names.update(node.names)

    visit_Nonlocal = visit_Global  # noqa: N815  # the name that NodeVisitor looks for

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name, full = alias.asname or alias.name.partition(".")[0], alias.name
            self._scope.imports[name] = full if alias.asname else name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        origin = ".".join(part for part in (_package_of(self._scope, node.level), node.module) if part)
        for alias in node.names:
            if alias.name == "*":
                self._scope.stars.append(origin)
            else:
                self._scope.imports[alias.asname or alias.name] = f"{origin}.{alias.name}"

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        found = _scope_of_function(node, self._scope, self._inside)
        if self._inside is not None:
            self._inside.methods[node.name] = found
        else:
            self._scope.functions[node.name] = found

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  # the name that NodeVisitor looks for

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Read when it's called."""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        found = ClassNames(node, self._scope)
        if self._inside is None:
            self._scope.classes[node.name] = found
        _Reader(self._scope, inside=found).read(node.body)


def _package_of(scope: Scope, level: int) -> str:
    if not level:
        return ""
    parts = scope.module.split(".")
    is_package = PurePath(scope.path).name == "__init__.py"
    return ".".join(parts[: len(parts) - level + is_package])
