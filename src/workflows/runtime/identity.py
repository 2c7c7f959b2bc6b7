"""Identity: where new ids and seeds come from."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from uuid import UUID, uuid4

ambient_uuid4: ContextVar[Callable[[], UUID]] = ContextVar("workflows_uuid4", default=uuid4)
"""Makes the ids and seeds of runs; simulations set it, so that a seed repeats a run exactly."""


def new_uuid() -> UUID:
    """A new random uuid."""
    return ambient_uuid4.get()()
