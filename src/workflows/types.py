"""Types for annotations in code that works with any workflow."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from .events import StopEvent

StopEventT = TypeVar("StopEventT", bound=StopEvent)
"""The stop event of a workflow: `StopEvent` or a subclass of it."""

# Any, because it's the author's: `result` of a plain stop event may be whatever they put there.
RunResultT: TypeAlias = Any
"""What awaiting a run gives: `StopEvent.result`, or the event itself where the stop event is a subclass."""
