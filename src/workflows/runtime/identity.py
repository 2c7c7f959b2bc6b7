"""Identity: where new ids and seeds come from."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from uuid import UUID, uuid4

from ..errors import UsageError

ambient_uuid4: ContextVar[Callable[[], UUID]] = ContextVar("workflows_uuid4", default=uuid4)
"""Makes the ids and seeds of runs; simulations set it, so that a seed repeats a run exactly."""


def new_uuid() -> UUID:
    """A new random uuid."""
    return ambient_uuid4.get()()


def id_of_run(given: object, known: str) -> str:
    """The id of a run that begins, or goes on: what was given, or what it has, or a new one.

    Raises:
        UsageError: What was given can't be the id of a run.
    """
    if given is None:
        return known or new_uuid().hex
    if not isinstance(given, str) or not given or not _can_be_stored(given):
        raise UsageError(f"run_id={given!r} is no id of a run. Give text that isn't empty, or None for a new id.")
    return given


def _can_be_stored(text: str) -> bool:
    try:
        _ = text.encode()
    except UnicodeEncodeError:
        return False
    return True
