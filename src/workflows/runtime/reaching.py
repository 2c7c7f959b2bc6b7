"""Reaching: whether the cancellation of a scope would reach the acting task at once, or something lies between."""

from __future__ import annotations

import anyio

NO_TIME_SOON = 1e12
"""An instant of the loop's clock that won't come, and that nobody sets as a deadline."""


def reaches_task(scope: anyio.CancelScope) -> bool:
    """Whether neither a deadline nor a shield lies between a scope and the task, which is in it.

    The scope is shielded and given a deadline for a moment; nothing is awaited meanwhile. If that deadline is the one
    that counts for the task, there's nothing else between the two.
    """
    before = scope.deadline
    scope.shield, scope.deadline = True, NO_TIME_SOON
    reaches = anyio.current_effective_deadline() == NO_TIME_SOON
    scope.shield, scope.deadline = False, before
    return reaches
