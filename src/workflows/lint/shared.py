"""What outlives a call of a step: attributes of the workflow, and variables of a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kinds import Kinds
from .scopes import Gives, Scope

_CHANGING = frozenset(
    {
        *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem"),
        *("popleft", "remove", "reverse", "sort", "update", "difference_update", "intersection_update"),
        *("symmetric_difference_update", "__setitem__", "__delitem__"),
    }
)
_LOOKING_IN = frozenset({"get", "values", "items", "keys", "setdefault"})
_DEEPEST = 8


class Shared:
    """Tells what an expression changes that other runs, or a replay, would see."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._around: frozenset[Scope] = frozenset()
        self._roots: dict[tuple[Scope, str, bool], str | None] = {}

    def begin(self, root: Scope) -> None:
        """The walk begins at a function: what those around it bind outlives it."""
        self._around = frozenset(root.chain()) - {root}
        self._roots.clear()

    def forget(self) -> None:
        """What parameters stand for is another thing now."""
        self._roots.clear()

    def changed_by_target(self, target: ast.expr, scope: Scope) -> Iterator[str]:
        """What an assignment to a target, or its deletion, changes."""
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                yield from self.changed_by_target(part, scope)
        elif isinstance(target, ast.Starred):
            yield from self.changed_by_target(target.value, scope)
        elif isinstance(target, ast.Name):
            if target.id in scope.outer_names and self._is_from_around(target.id, scope):
                yield target.id
        elif isinstance(target, ast.Attribute | ast.Subscript):
            found = self._root_of_target(target, scope)
            if found is not None:
                yield found

    def changed_by_call(self, call: ast.Call, scope: Scope) -> str | None:
        """What a call of a method such as `append` changes."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in _CHANGING:
            return self.root(call.func.value, scope)
        full = self._kinds.dotted(call.func, scope)
        if full in ("builtins.setattr", "builtins.delattr") and call.args:
            return self.root(call.args[0], scope, is_object=True)
        if full in ("builtins.next", "builtins.anext") and call.args:
            return self.root(call.args[0], scope)
        return None

    def _root_of_target(self, target: ast.Attribute | ast.Subscript, scope: Scope) -> str | None:
        if isinstance(target, ast.Attribute):
            if self.is_workflow(target.value, scope) or self._is_imported(target.value, scope):
                return ast.unparse(target)
            return self.root(target.value, scope, is_object=True)
        if self._is_imported(target.value, scope):
            return ast.unparse(target.value)
        return self.root(target.value, scope)

    def root(self, expression: ast.expr, scope: Scope, depth: int = 0, *, is_object: bool = False) -> str | None:
        """What outlives the call and holds the value of an expression; None if nothing does, or it isn't known.

        Args:
            is_object: Whether a class or the workflow itself counts, since an attribute of it is set.
        """
        if depth > _DEEPEST:
            return None
        match expression:
            case ast.Name(id=name):
                return self._root_of_name(name, scope, depth, is_object=is_object)
            case ast.Attribute(value=value):
                if self.is_workflow(value, scope):
                    return ast.unparse(expression)
                return self.root(value, scope, depth + 1, is_object=True)
            case ast.Subscript(value=value):
                return self.root(value, scope, depth + 1)
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _LOOKING_IN:
                return self.root(value, scope, depth + 1)
            case ast.Call(func=ast.Name(id="type"), args=[value]) if self.is_workflow(value, scope):
                return ast.unparse(expression)
            case _:
                return None

    def _root_of_name(self, name: str, scope: Scope, depth: int, *, is_object: bool) -> str | None:
        if is_object and self.is_workflow(ast.Name(name), scope):
            return name
        holder = scope.holder(name)
        if holder is None:
            return None
        if name in holder.classes:
            return name if is_object and isinstance(holder.node, ast.Module) else None
        if isinstance(holder.node, ast.Module) or holder in self._around:
            return name if name in holder.variables and name not in holder.imports else None
        key = (holder, name, is_object)
        if key not in self._roots:
            self._roots[key] = None  # what is made of itself alone is nothing
            self._roots[key] = self._root_of_bindings(holder, name, depth, is_object=is_object)
        return self._roots[key]

    def _root_of_bindings(self, holder: Scope, name: str, depth: int, *, is_object: bool) -> str | None:
        bindings = holder.bindings(name)
        given = [binding for binding in bindings if binding.gives is Gives.ARGUMENT]
        roots = [self.root(binding.expression, binding.scope, depth + 1, is_object=is_object) for binding in given]
        if roots and all(roots):
            return roots[0]
        for binding in bindings:
            if binding.gives is Gives.ANNOTATION:
                if self._is_resource(binding.expression, binding.scope):
                    return name
            elif binding.gives not in (Gives.ENTERED, Gives.ARGUMENT):
                found = self.root(binding.expression, binding.scope, depth + 1, is_object=is_object)
                if found is not None:
                    return found
        return None

    def is_workflow(self, expression: ast.expr, scope: Scope) -> bool:
        """Whether it's the workflow whose step runs: `self`, in its methods."""
        if not isinstance(expression, ast.Name):
            return False
        holder = scope.holder(expression.id)
        if holder is None or holder.owner is None or expression.id != holder.receiver:
            return False
        return self._kinds.is_workflow(holder.owner)

    def _is_resource(self, annotation: ast.expr, scope: Scope) -> bool:
        calls = (node for node in ast.walk(annotation) if isinstance(node, ast.Call))
        names = {self._kinds.dotted(call.func, scope) for call in calls}
        return bool(names & {"workflows.resource.Resource", "workflows.resource.ResourceConfig"})

    def _is_imported(self, expression: ast.expr, scope: Scope) -> bool:
        full = self._kinds.dotted(expression, scope)
        return full is not None and not full.startswith("builtins.")

    def _is_from_around(self, name: str, scope: Scope) -> bool:
        holder = scope.holder(name)
        return holder is None or isinstance(holder.node, ast.Module) or holder in self._around

    # What is set once only

    def missing_in(self, test: ast.expr, scope: Scope) -> frozenset[str]:
        """What a condition says to be missing: `self._client is None`, `key not in self._cache`, `not self._client`."""
        match test:
            case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                return self._roots_in(left, scope)
            case ast.Compare(ops=[ast.NotIn()], comparators=[container]):
                return self._roots_in(container, scope)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._roots_in(operand, scope)
            case ast.BoolOp(op=ast.And(), values=values):
                return frozenset[str]().union(*(self.missing_in(value, scope) for value in values))
            case _:
                return frozenset()

    def missing_unless(self, test: ast.expr, scope: Scope) -> frozenset[str]:
        """What is missing where a condition doesn't hold: `key in self._cache`, `self._client is not None`."""
        match test:
            case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
                return self._roots_in(left, scope)
            case ast.Compare(ops=[ast.In()], comparators=[container]):
                return self._roots_in(container, scope)
            case ast.Name() | ast.Attribute():
                return self._roots_in(test, scope)
            case _:
                return frozenset()

    def _roots_in(self, expression: ast.expr, scope: Scope) -> frozenset[str]:
        parts = [node for node in ast.walk(expression) if isinstance(node, ast.Name | ast.Attribute | ast.Call)]
        return frozenset(root for part in parts if (root := self.root(part, scope)) is not None)
