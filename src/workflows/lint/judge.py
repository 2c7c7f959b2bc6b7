"""Judges the steps of a source: walks through each of them, and through what they call, and keeps what it finds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from .finding import RULES, Finding
from .kinds import CONTEXT, Finder, Kinds, nothing
from .reach import Reached, Wait
from .scopes import Binding, Gives, Scope, scope_of_lambda
from .shared import Shared
from .statements import Statements

_DEEPEST = 16
"""How far calls are followed from function to function."""
NOTHING_GIVEN: Mapping[str, Binding] = MappingProxyType({})
_PASSES = 6
"""How often it's all walked through, while arguments still tell more about what functions are given."""

_MESSAGES: Mapping[str, str] = {
    "cancellation": "{what} eats the cancellation by which the wait in {where} suspends the step.",
    "state": "{what} comes before the wait in {where}, and is done again by each replay.",
}
_MESSAGE = "{what} comes before the wait in {where}, and is called again by each replay."


class Judge:
    """Walks through steps, and collects findings. See `expressions.Judging`."""

    def __init__(self, find: Finder = nothing) -> None:
        self.kinds: Kinds = Kinds(find)
        self.shared: Shared = Shared(self.kinds)
        self.too_deep: set[str] = set()
        """The paths of sources whose expressions are nested more deeply than can be walked through."""
        self._found: dict[tuple[str, int, int, str], Finding] = {}
        self._lambdas: dict[int, Scope] = {}
        self._memory: dict[tuple[object, ...], Reached] = {}
        self._told: dict[Scope, object] = {}
        self._stack: list[Scope] = []
        self._has_learnt = False
        self._root = ""

    def judge(self, roots: Iterable[Scope]) -> list[Finding]:
        """Give what there is to say about some functions, in the order of their lines."""
        roots = [*roots]
        for _ in range(_PASSES):
            self._found.clear()
            self._has_learnt = False
            self.kinds.forget()
            for root in roots:
                self._root = root.qualname
                self.shared.begin(root)
                self._memory.clear()  # what lies around a function depends on where the walk began
                self._begin(root)
            if not self._has_learnt:
                break
        return sorted(self._found.values())

    def _begin(self, root: Scope) -> None:
        try:
            self.follow(root, None, None)
        except RecursionError:
            self.too_deep.add(self._stack[-1].path if self._stack else root.path)
            for function in self._stack:
                self._give(function, NOTHING_GIVEN, None)
            self._stack.clear()

    def roots_in(self, scope: Scope) -> list[Scope]:
        """The functions that a run enters, or that are handed its context: steps first, in the order of their lines."""
        functions = [found for found in scope.everything() if not isinstance(found.node, ast.Module)]
        steps = [found for found in functions if self.kinds.is_step(found)]
        return [*steps, *(found for found in functions if found not in steps and self._is_given_context(found))]

    def _is_given_context(self, function: Scope) -> bool:
        return any(
            argument.annotation is not None
            and function.parent is not None
            and self.kinds.named_by(argument.annotation, function.parent) == CONTEXT
            for argument in function.parameters
        )

    def report(self, rule: str, node: ast.AST, scope: Scope, wait: Wait, what: str) -> None:
        """See `Judging.report`."""
        assert isinstance(node, ast.expr | ast.stmt | ast.ExceptHandler)
        key = (scope.path, node.lineno, node.col_offset, rule)
        message = _MESSAGES.get(rule, _MESSAGE).format(what=what, where=wait.seen_from(scope.path))
        last = node.lineno if isinstance(node, ast.ExceptHandler) else node.end_lineno or node.lineno
        place = (scope.path, node.lineno, node.col_offset + 1)
        finding = Finding(*place, rule, message, self._root, RULES[rule].remedy, last)
        self._found.setdefault(key, finding)

    def follow(
        self, function: Scope, after: Reached, raises: Reached, given: Mapping[str, Binding] = NOTHING_GIVEN
    ) -> Reached:
        """See `Judging.follow`; one that calls itself is taken to end there."""
        if function in self._stack or len(self._stack) >= _DEEPEST:
            return after
        told = tuple((name, self._told_by(binding)) for name, binding in given.items())
        key = (function, after, raises, told, *(self._told.get(outer) for outer in function.chain()))
        if key not in self._memory:
            self._stack.append(function)
            self._give(function, given, told)
            self._memory[key] = Statements(self, function).body(after, raises)
            self._give(function, NOTHING_GIVEN, None)
            self._stack.pop()
        return self._memory[key]

    def _give(self, function: Scope, given: Mapping[str, Binding], told: object) -> None:
        function.given = {**given}
        self._told[function] = told
        self.kinds.forget()
        self.shared.forget()

    def _told_by(self, given: Binding) -> tuple[object, ...]:
        """All that an argument tells: calls of which it's the same are walked through once."""
        kinds, value, scope = self.kinds, given.expression, given.scope
        named, where = kinds.aliased(value, scope)
        context = named.attr if isinstance(named, ast.Attribute) and kinds.is_context(named.value, where) else None
        function = kinds.function_of(value, scope)
        return kinds.kind(value, scope), kinds.dotted(value, scope), function, context, self.shared.root(value, scope)

    def scope_of(self, node: ast.Lambda, scope: Scope) -> Scope:
        """See `Judging.scope_of`."""
        if id(node) not in self._lambdas:
            self._lambdas[id(node)] = scope_of_lambda(node, scope)
        return self._lambdas[id(node)]

    def bind(
        self, function: Scope, receiver: ast.expr | None, args: Sequence[ast.expr], call: ast.Call, scope: Scope
    ) -> dict[str, Binding]:
        """See `Judging.bind`."""
        given: dict[str, Binding] = {}
        names = [argument.arg for argument in function.parameters]
        if function.receiver is not None:
            first, *names = names
            if receiver is not None:
                given[first] = self._learnt(function, first, receiver, scope)
        for name, value in zip(names, args, strict=False):
            if isinstance(value, ast.Starred):
                break
            given[name] = self._learnt(function, name, value, scope)
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg in function.keywords:
                given[keyword.arg] = self._learnt(function, keyword.arg, keyword.value, scope)
        return given

    def _learnt(self, function: Scope, name: str, value: ast.expr, scope: Scope) -> Binding:
        bindings = function.variables.setdefault(name, [])
        known = next((binding for binding in bindings if binding.expression is value), None)
        if known is None:
            known = Binding(Gives.ARGUMENT, value, scope)
            bindings.append(known)
            self._has_learnt = True
        return known
