"""What the engine knows of a step, once its signature was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from ..events import Event
from ..injection import ResourceDefinition
from ..retry_policy import RetryPolicy
from ..steps import CatchErrorHandler

Call: TypeAlias = Callable[..., object]


@attrs.frozen
class ListJoin:
    """The step takes a list: the events of a batch, when it's closed, or the first `take` of them."""

    take: int | None = None


@attrs.frozen
class SlotJoin:
    """The step takes several events at once, one of each of these classes; a class may stand there twice."""

    kinds: tuple[type[Event], ...]


@attrs.frozen(eq=False)
class StepSpec:
    """What the engine knows of a step. Compared by identity: a program has one for each of its steps."""

    name: str
    function: Callable[..., object]
    is_method: bool
    is_async: bool
    accepts: tuple[type[Event], ...]
    """The classes that it takes, be it one by one or in a list."""
    returns: tuple[type[Event], ...]
    """The classes that it returns, be it one by one or in a list."""
    returns_none: bool
    bare_returns: tuple[type[Event], ...]
    """Those that it returns one by one."""
    list_returns: tuple[type[Event], ...]
    """Those that it returns in a list, which opens a batch."""
    join: ListJoin | SlotJoin | None
    event_parameters: tuple[str, ...]
    context_parameter: str | None
    state_type: type | None
    num_workers: int
    retry_policy: RetryPolicy | None
    accept_event_subclasses: bool
    skip_graph_checks: frozenset[str]
    timeout_s: float | None
    catches: CatchErrorHandler | None
    """For which steps it takes over when they fail, if it does."""
    call: Call = attrs.field(repr=False)
    """`call(workflow, ctx, event)` gives the function's result: a coroutine if `is_async`. A step that has resources is
    given their values too, by parameter: `call(workflow, ctx, event, resources)`."""
    resources: tuple[ResourceDefinition, ...] = ()

    def takes(self, event_type: type[Event]) -> bool:
        """Tell whether an event of exactly this class is one for the step."""
        if self.accept_event_subclasses:
            return issubclass(event_type, self.accepts)
        return event_type in self.accepts
