"""The walk through the statements of a function, from the last to the first; see `expressions`.

A loop is walked through twice: what stands before a wait is one thing that precedes it, and what stands behind the
wait precedes the one of the next pass.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

import attrs

from .expressions import STARTS_A_TASK, Expressions, Judging
from .reach import Exits, Reached
from .scopes import Scope
from .swallowing import catches_cancellation, leaves_finally, lets_on

_TASK_GROUPS = frozenset({"anyio.create_task_group", "asyncio.TaskGroup", "trio.open_nursery"})
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@attrs.define
class Statements:
    """The walk through the body of one function."""

    judge: Judging
    scope: Scope
    expressions: Expressions = attrs.field(init=False)
    _seen: dict[tuple[int, Reached, Exits], Reached] = attrs.field(
        init=False, factory=dict[tuple[int, Reached, Exits], Reached]
    )

    def __attrs_post_init__(self) -> None:
        self.expressions = Expressions(self.judge, self.scope)

    def body(self, after: Reached, raises: Reached) -> Reached:
        """Walk through all of it; gives the wait that its beginning leads to."""
        exits = Exits(returns=after, raises=raises)
        node = self.scope.node
        if isinstance(node, ast.Lambda):
            return self.expressions.one(node.body, after, exits)
        return self.block(node.body, after, exits)

    def block(self, body: Sequence[ast.stmt], after: Reached, exits: Exits) -> Reached:
        """Walk through some statements, of which the last is followed by `after`."""
        if not body:
            return after
        key = (id(body[0]), after, exits)
        if key not in self._seen:
            self._seen[key] = self._walked(body, after, exits)
        return self._seen[key]

    def _walked(self, body: Sequence[ast.stmt], after: Reached, exits: Exits) -> Reached:
        around = [exits]
        for statement in body[:-1]:
            around.append(self._behind(statement, around[-1]))
        for statement, here in zip(reversed(body), reversed(around), strict=True):
            after = self._statement(statement, after, here) or here.raises
        return after

    def _behind(self, statement: ast.stmt, exits: Exits) -> Exits:
        """What is known behind `if …: return`."""
        if not isinstance(statement, ast.If) or statement.orelse or not isinstance(statement.body[-1], _LEAVES):
            return exits
        if self._asks_whether_suspending(statement.test):
            exits = attrs.evolve(exits, suspends=None)
        return self._guarded(exits, self.judge.shared.missing_unless(statement.test, self.scope))

    def _statement(self, node: ast.stmt, after: Reached, exits: Exits) -> Reached:
        match node:
            case ast.Return(value=value):
                return self.expressions.one(value, exits.returns, exits)
            case ast.Raise(exc=exc, cause=cause):
                return self.expressions.all([exc, cause], exits.raises, exits)
            case ast.Break():
                return exits.breaks
            case ast.Continue():
                return exits.continues
            case ast.Assign(targets=targets, value=value):
                return self.expressions.one(value, self.expressions.assigned(node, targets, after, exits), exits)
            case ast.AugAssign(target=target, value=value):
                return self.expressions.one(value, self.expressions.assigned(node, [target], after, exits), exits)
            case ast.AnnAssign(target=target, value=value):
                targets = [] if value is None else [target]
                return self.expressions.one(value, self.expressions.assigned(node, targets, after, exits), exits)
            case ast.Delete(targets=targets):
                return self.expressions.assigned(node, targets, after, exits)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
                return after
            case _:
                return self._compound(node, after, exits)

    def _compound(self, node: ast.stmt, after: Reached, exits: Exits) -> Reached:
        match node:
            case ast.If():
                return self._if(node, after, exits)
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, after, exits)
            case ast.With() | ast.AsyncWith():
                return self._with(node, after, exits)
            case ast.Try() | ast.TryStar():
                return self._try(node, after, exits)
            case ast.Match(subject=subject, cases=cases):
                inner = [self.expressions.one(case.guard, self.block(case.body, after, exits), exits) for case in cases]
                return self.expressions.one(subject, _first(*inner) or after, exits)
            case _:
                return self.expressions.all(ast.iter_child_nodes(node), after, exits)

    def _if(self, node: ast.If, after: Reached, exits: Exits) -> Reached:
        in_body, in_else = exits, exits
        if self._asks_whether_suspending(node.test):
            in_else = attrs.evolve(exits, suspends=None)
        elif isinstance(node.test, ast.UnaryOp) and self._asks_whether_suspending(node.test.operand):
            in_body = attrs.evolve(exits, suspends=None)
        in_body = self._guarded(in_body, self.judge.shared.missing_in(node.test, self.scope))
        in_else = self._guarded(in_else, self.judge.shared.missing_unless(node.test, self.scope))
        ways = (self.block(node.body, after, in_body), self.block(node.orelse, after, in_else))
        return self.expressions.one(node.test, _first(*ways), exits)

    @staticmethod
    def _guarded(exits: Exits, missing: frozenset[str]) -> Exits:
        return attrs.evolve(exits, guards=exits.guards | missing) if missing - exits.guards else exits

    def _asks_whether_suspending(self, test: ast.expr) -> bool:
        return (
            isinstance(test, ast.Attribute)
            and test.attr == "suspending"
            and self.judge.kinds.is_context(test.value, self.scope)
        )

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, after: Reached, exits: Exits) -> Reached:
        is_endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        at_end = None if is_endless else self.block(node.orelse, after, exits)
        head: Reached = at_end
        for _ in range(2):
            inside = attrs.evolve(exits, breaks=after, continues=head)
            inner = self.block(node.body, head, inside)
            if isinstance(node, ast.While):
                head = self.expressions.one(node.test, inner or at_end, exits)
            else:
                head = self.expressions.assigned(node, [node.target], inner or at_end, exits)
        return head if isinstance(node, ast.While) else self.expressions.one(node.iter, head, exits)

    def _with(self, node: ast.With | ast.AsyncWith, after: Reached, exits: Exits) -> Reached:
        groups = [item for item in node.items if self._is_call_of(item.context_expr, _TASK_GROUPS)]
        if groups:
            started = self._wait_of_tasks(node, exits)
            own = self.block(node.body, None, exits)
            after, exits = after or started, attrs.evolve(exits, tasks=exits.tasks or started or own)
        for item in node.items:
            if self._is_call_of(item.context_expr, {"contextlib.suppress"}):
                self._judge_suppress(item.context_expr, node)
                exits = attrs.evolve(exits, raises=exits.raises or after)
        before = self.block(node.body, after, exits)
        for item in reversed(node.items):
            targets = [] if item.optional_vars is None else [item.optional_vars]
            before = self.expressions.assigned(node, targets, before, exits)
            before = self.expressions.one(item.context_expr, before, exits)
        return before

    def _is_call_of(self, expression: ast.expr, names: frozenset[str] | set[str]) -> bool:
        return isinstance(expression, ast.Call) and self.judge.kinds.dotted(expression.func, self.scope) in names

    def _wait_of_tasks(self, node: ast.With | ast.AsyncWith, exits: Exits) -> Reached:
        """A wait in one of the tasks that the body of a task group starts."""
        alone = Exits(tasks=exits.tasks)
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in STARTS_A_TASK:
                found = self.expressions.one(call, None, alone)
                if found is not None:
                    return found
        return None

    def _judge_suppress(self, call: ast.expr, node: ast.With | ast.AsyncWith) -> None:
        assert isinstance(call, ast.Call)
        wait = self.block(node.body, None, Exits())
        if wait is not None and any(self._catches(kind) for kind in call.args):
            self.judge.report("cancellation", call, self.scope, wait, ast.unparse(call))

    def _catches(self, kind: ast.expr | None) -> bool:
        return catches_cancellation(kind, self.scope, self.judge.kinds)

    # Handlers and clean-up

    def _try(self, node: ast.Try | ast.TryStar, after: Reached, exits: Exits) -> Reached:
        wait = self.block(node.body, None, Exits(tasks=exits.tasks))
        if wait is not None:
            self._judge_handlers(node, wait)
        leave, after = self._past_finally(node, after, exits)
        handlers: list[Reached] = []
        is_caught = False
        for handler in node.handlers:
            catches = not is_caught and self._catches(handler.type)
            is_caught = is_caught or catches
            inside = attrs.evolve(leave, suspends=leave.suspends or wait) if catches and wait is not None else leave
            handlers.append(self.block(handler.body, after, inside))
        at_end = self.block(node.orelse, after, leave)
        inside = attrs.evolve(leave, raises=_first(*handlers) or leave.raises)
        return self.block(node.body, at_end, inside)

    def _past_finally(self, node: ast.Try | ast.TryStar, after: Reached, exits: Exits) -> tuple[Exits, Reached]:
        """Where the ways out of a `try` lead, once its `finally` has run."""
        if not node.finalbody:
            return exits, after
        alone = Exits(tasks=exits.tasks)
        parts = [node.body, *(handler.body for handler in node.handlers), node.orelse]
        waits = [self.block(part, None, alone) for part in parts]
        cleaning = attrs.evolve(exits, suspends=exits.suspends or _first(*waits))
        left = attrs.evolve(
            exits,
            returns=self.block(node.finalbody, exits.returns, cleaning),
            raises=self.block(node.finalbody, exits.raises, cleaning),
            breaks=self.block(node.finalbody, exits.breaks, cleaning),
            continues=self.block(node.finalbody, exits.continues, cleaning),
        )
        return left, self.block(node.finalbody, after, cleaning)

    def _judge_handlers(self, node: ast.Try | ast.TryStar, wait: Reached) -> None:
        assert wait is not None
        for statement in leaves_finally(node.finalbody):
            self.judge.report("cancellation", statement, self.scope, wait, "leaving `finally`")
        for handler in node.handlers:
            if not self._catches(handler.type):
                continue
            if not lets_on(handler):
                said = "except" if handler.type is None else f"except {ast.unparse(handler.type)}"
                self.judge.report("cancellation", handler, self.scope, wait, f"`{said}`")
            return  # what is caught here doesn't come to those behind it


def _first(*reached: Reached) -> Reached:
    return next((found for found in reached if found is not None), None)
