"""Reaching: whether the cancellation of a scope would reach the acting task at once, or something lies between."""

from __future__ import annotations

from contextvars import Context as ContextVars

import anyio

NO_TIME_SOON = 1e12
"""An instant of the loop's clock that won't come, and that nobody sets as a deadline."""


def reaches_task(scope: anyio.CancelScope) -> bool:
    """Whether neither a deadline nor a shield lies between a scope and the task, which is in it.

    Found out in no context: asyncio keeps that of a timer for a while after the timer is gone, and a step's attempt is
    in its task's.
    """
    return ContextVars().run(_has_nothing_between, scope)


def _has_nothing_between(scope: anyio.CancelScope) -> bool:
    """Shield the scope and give it a deadline for a moment; nothing is awaited meanwhile. If that deadline is the one
    that counts for the task, there's nothing else between the two.
    """
    before = scope.deadline
    scope.shield, scope.deadline = True, NO_TIME_SOON
    reaches = anyio.current_effective_deadline() == NO_TIME_SOON
    scope.shield, scope.deadline = False, before
    return reaches
