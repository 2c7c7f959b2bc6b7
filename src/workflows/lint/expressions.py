"""The walk through an expression, from its end to its beginning: which wait may follow each of its parts.

Backwards, since what matters about a call is what comes after it. Each function takes the wait that follows an
expression, and gives the one that follows from where it begins.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import attrs

from .effects import effect_of
from .kinds import Kinds
from .reach import Exits, Reached, Wait
from .scopes import Binding, Scope
from .shared import Shared

WAITS = frozenset({"ask", "ask_all", "wait_for_event", "run"})
STARTS_A_TASK = frozenset({"start_soon", "start", "create_task"})
# Those that are given a function and call it, and which of their arguments it is.
_RUNS = {
    "anyio.from_thread.run": 0,
    "anyio.from_thread.run_sync": 0,
    "anyio.to_interpreter.run_sync": 0,
    "anyio.to_thread.run_sync": 0,
    "asyncio.loop.run_in_executor": 1,
    "asyncio.to_thread": 0,
    "builtins.filter": 0,
    "builtins.map": 0,
    "trio.from_thread.run": 0,
    "trio.from_thread.run_sync": 0,
    "trio.to_thread.run_sync": 0,
}
_SIDE_BY_SIDE = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.as_completed"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class Judging(Protocol):
    """What a walk tells and asks."""

    @property
    def kinds(self) -> Kinds:
        """Tells what names stand for."""
        ...

    @property
    def shared(self) -> Shared:
        """Tells what outlives a step."""
        ...

    def report(self, rule: str, node: ast.AST, scope: Scope, wait: Wait, what: str) -> None:
        """A line is done again, or eats a cancellation."""
        ...

    def follow(self, function: Scope, after: Reached, raises: Reached, given: Mapping[str, Binding] = ...) -> Reached:
        """Walk through a function that is called here."""
        ...

    def bind(
        self, function: Scope, receiver: ast.expr | None, args: Sequence[ast.expr], call: ast.Call, scope: Scope
    ) -> dict[str, Binding]:
        """Note what the parameters of a function stand for, and give what they do in this call."""
        ...

    def scope_of(self, node: ast.Lambda, scope: Scope) -> Scope:
        """The scope of a function without a name."""
        ...


@attrs.frozen
class Expressions:
    """The walk through the expressions of one function."""

    judge: Judging
    scope: Scope

    def all(self, nodes: Iterable[ast.AST | None], after: Reached, exits: Exits) -> Reached:
        """Walk through several, which are given in the order in which they're evaluated."""
        for node in reversed([*nodes]):
            after = self.one(node, after, exits)
        return after

    def one(self, node: ast.AST | None, after: Reached, exits: Exits) -> Reached:
        """Walk through one expression."""
        match node:
            case None | ast.Lambda() | ast.Constant():
                return after
            case ast.Call():
                return self._call(node, after, exits)
            case ast.Attribute(value=value):
                return self.one(value, self._property(node, after, exits), exits)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                ways = (self.one(body, after, exits), self.one(orelse, after, exits))
                return self.one(test, ways[0] or ways[1], exits)
            case ast.BoolOp(values=[first, *rest]):
                return self.one(first, self.all(rest, after, exits) or after, exits)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, after, exits)
            case _:
                return self.all(ast.iter_child_nodes(node), after, exits)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, after: Reached, exits: Exits
    ) -> Reached:
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        first, *others = node.generators
        head = after
        for _ in range(2):  # the second time round, what comes first follows what comes last
            inner = self.all(elements, head, exits)
            for generator in reversed(others):
                inner = self.all([generator.iter, *generator.ifs], inner or head, exits)
            head = after or self.all(first.ifs, inner or head, exits)
        return self.one(first.iter, head, exits)

    def _property(self, node: ast.Attribute, after: Reached, exits: Exits) -> Reached:
        function = self.judge.kinds.function_of(node, self.scope)
        if function is None or not function.is_property:
            return after
        return self._followed(function, node, [], ast.Call(node, [], []), after, exits)

    # Calls

    def _call(self, node: ast.Call, after: Reached, exits: Exits) -> Reached:
        func = node.func
        named = self._method_of_context(func)
        if named is not None:
            given = self._before_once(node.args) if named == "once" else node.args
            begins = self._context_wait(func, named, after)
            return self.all([*given, *_values(node.keywords)], begins, exits)
        if isinstance(func, ast.Attribute) and func.attr in STARTS_A_TASK and node.args:
            beside = exits.tasks or after
            begins = self._reference(node.args[0], node.args[1:], node, beside, exits)
            return self.all([func.value, *node.args, *_values(node.keywords)], begins or after, exits)
        target = self.target(func)
        if target in _SIDE_BY_SIDE:
            beside = after or self.all(node.args, None, exits)
            return self.all(node.args, beside, exits)
        if target in _RUNS and len(node.args) > _RUNS[target]:
            place = _RUNS[target]
            begins = self._reference(node.args[place], node.args[place + 1 :], node, after, exits)
        else:
            begins = self._direct(node, target, after, exits)
        for keyword in node.keywords:
            if keyword.arg == "key" and isinstance(keyword.value, ast.Lambda):
                begins = self._reference(keyword.value, [], node, begins, exits)
        return self.all([func, *node.args, *_values(node.keywords)], begins, exits)

    def _before_once(self, args: Sequence[ast.expr]) -> list[ast.expr]:
        """What is evaluated before `ctx.once` calls its first argument; that call itself is on record."""
        if not args or not isinstance(args[0], ast.Call):
            return [*args[1:]]
        function, given = args[0], args[1:]
        if self.judge.kinds.dotted(function.func, self.scope) == "functools.partial":
            return [*self._before_once(function.args), *_values(function.keywords), *given]
        return [function, *given]

    def target(self, func: ast.expr) -> str | None:
        """The full name of what is called; of a method, that of the class of its object and its own."""
        kinds = self.judge.kinds
        full = kinds.dotted(func, self.scope)
        if full is None and isinstance(func, ast.Attribute):
            kind = kinds.kind(func.value, self.scope)
            return f"{kind}.{func.attr}" if isinstance(kind, str) else None
        return full

    def _method_of_context(self, func: ast.expr) -> str | None:
        """The name of the method, if it's one of the context; it may have been given another name here."""
        named, where = self.judge.kinds.aliased(func, self.scope)
        is_one = isinstance(named, ast.Attribute) and self.judge.kinds.is_context(named.value, where)
        return named.attr if is_one and isinstance(named, ast.Attribute) else None

    def _context_wait(self, func: ast.expr, name: str, after: Reached) -> Reached:
        return Wait(self.scope.path, func.end_lineno or func.lineno, f"ctx.{name}()") if name in WAITS else after

    def _direct(self, node: ast.Call, target: str | None, after: Reached, exits: Exits) -> Reached:
        kinds = self.judge.kinds
        function = kinds.function_of(node.func, self.scope)
        if function is None and (kind := kinds.class_of(node.func, self.scope)) is not None:
            function = kinds.method(kind, "__init__")
        if isinstance(node.func, ast.Lambda):
            function = self.judge.scope_of(node.func, self.scope)
        if function is not None:
            return self._followed(function, node.func, node.args, node, after, exits)
        made, where = kinds.value_of(node.func, self.scope)
        if isinstance(made, ast.Call) and where is self.scope and kinds.dotted(made.func, where) == "functools.partial":
            return self._reference(made, node.args, node, after, exits)
        self._judge_call(node, node, target, after, exits)
        return after

    def _reference(
        self, func: ast.expr, args: Sequence[ast.expr], node: ast.Call, after: Reached, exits: Exits
    ) -> Reached:
        """A function that is handed to somebody who calls it."""
        kinds = self.judge.kinds
        if isinstance(func, ast.Call):
            if kinds.dotted(func.func, self.scope) == "functools.partial" and func.args:
                return self._reference(func.args[0], [*func.args[1:], *args], func, after, exits)
            return self.one(func, after, exits)  # `create_task(work())`
        named = self._method_of_context(func)
        if named is not None:
            return self._context_wait(func, named, after)
        if isinstance(func, ast.Lambda):
            return self.judge.follow(self.judge.scope_of(func, self.scope), after or exits.any_moment, exits.raises)
        function = kinds.function_of(func, self.scope)
        if function is not None:
            return self._followed(function, func, args, node, after, exits)
        target = self.target(func)
        if target is not None and (wait := after or exits.any_moment) is not None:
            rule = effect_of(target, None)
            if rule is not None:
                self.judge.report(rule, func, self.scope, wait, f"{ast.unparse(func)}()")
        return after

    def _followed(
        self, function: Scope, func: ast.expr, args: Sequence[ast.expr], node: ast.Call, after: Reached, exits: Exits
    ) -> Reached:
        receiver = func.value if isinstance(func, ast.Attribute) else None
        if receiver is not None and self.judge.kinds.class_of(receiver, self.scope) is not None:
            args, receiver = args[1:] if function.receiver else args, None
        given = self.judge.bind(function, receiver, args, node, self.scope)
        return self.judge.follow(function, after or exits.suspends, exits.raises, given)

    def _judge_call(self, call: ast.Call, node: ast.AST, target: str | None, after: Reached, exits: Exits) -> None:
        wait = after or exits.any_moment
        if wait is None:
            return
        rule = None if target is None else effect_of(target, call)
        if rule is not None:
            self.judge.report(rule, node, self.scope, wait, f"{_short(call.func)}()")
            return
        changed = self.judge.shared.changed_by_call(call, self.scope)
        if changed is not None and changed not in exits.guards:
            self.judge.report("state", node, self.scope, wait, _short(call.func) + "()")

    def assigned(self, node: ast.stmt, targets: Sequence[ast.expr], after: Reached, exits: Exits) -> Reached:
        """Walk through the targets of an assignment or a deletion."""
        wait = after or exits.any_moment
        for target in targets:
            for changed in self.judge.shared.changed_by_target(target, self.scope):
                is_first = changed in exits.guards and not isinstance(node, ast.AugAssign | ast.Delete)
                if wait is not None and not is_first:
                    self.judge.report("state", target, self.scope, wait, f"{_short(target)} = …")
        return self.all(targets, after, exits)


def _values(keywords: list[ast.keyword]) -> list[ast.expr]:
    return [keyword.value for keyword in keywords]


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:39]}…"
