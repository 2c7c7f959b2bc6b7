"""Types for annotations in code that works with any workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .events import StartEvent, StopEvent

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    StartT = TypeVarWithDefault("StartT", bound=StartEvent, default=Any)
    ResultT_co = TypeVarWithDefault("ResultT_co", default=Any, covariant=True)
else:
    StartT = TypeVar("StartT", bound=StartEvent)
    """The start event of a `Workflow[StartT, ResultT]`; anything, for a workflow that doesn't say."""
    ResultT_co = TypeVar("ResultT_co", covariant=True)
    """What awaiting a run of a `Workflow[StartT, ResultT]` gives; anything, for a workflow that doesn't say."""

StopEventT = TypeVar("StopEventT", bound=StopEvent)
"""The stop event of a workflow: `StopEvent` or a subclass of it."""

# Any, because it's the author's: `result` of a plain stop event may be whatever they put there.
RunResultT: TypeAlias = Any
"""What awaiting a run gives: `StopEvent.result`, or the event itself where the stop event is a subclass."""
