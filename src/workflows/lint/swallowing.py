"""Handlers that catch a cancellation, and don't let it on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kinds import Kinds
from .scopes import Scope

_CANCELLATIONS = {
    *("builtins.BaseException", "asyncio.CancelledError", "asyncio.exceptions.CancelledError", "trio.Cancelled"),
}
_ASKED_FOR = {"anyio.get_cancelled_exc_class"}

Handlers = list[ast.ExceptHandler]


def catches_cancellation(kind: ast.expr | None, scope: Scope, kinds: Kinds) -> bool:
    """Whether `except kind:` catches the exception by which a step is suspended."""
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(catches_cancellation(part, scope, kinds) for part in kind.elts)
    if isinstance(kind, ast.Call):
        return kinds.dotted(kind.func, scope) in _ASKED_FOR
    if kinds.dotted(kind, scope) in _CANCELLATIONS:
        return True
    holder = scope.holder(kind.id) if isinstance(kind, ast.Name) else None
    if holder is None or not isinstance(kind, ast.Name):
        return False
    calls = [found.expression for found in holder.variables.get(kind.id, ()) if isinstance(found.expression, ast.Call)]
    return any(kinds.dotted(call.func, holder) in _ASKED_FOR for call in calls)


def lets_on(handler: ast.ExceptHandler) -> bool:
    """Whether a handler raises again what it caught, on some path at least: `if ctx.suspending: raise` will do."""
    return any(
        isinstance(node, ast.Raise)
        and (node.exc is None or (isinstance(node.exc, ast.Name) and node.exc.id == handler.name))
        for node in _within(handler.body)
    )


def leaves_finally(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements by which a `finally` is left early, whatever was on its way through it."""
    for statement in body:
        if isinstance(statement, ast.Return | ast.Break | ast.Continue):
            yield statement
        elif isinstance(statement, ast.For | ast.AsyncFor | ast.While):
            yield from (found for found in _within(statement.body) if isinstance(found, ast.Return))
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in _blocks(statement):
                yield from leaves_finally(block)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for name in ("handlers", "cases"):
        for part in getattr(statement, name, []):
            yield part.body


def _within(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements at any depth, but not those of functions inside."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in _blocks(statement):
                yield from _within(block)
