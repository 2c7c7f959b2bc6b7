"""What a run needs to know of its workflow, beside the program."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..errors import EngineBug
from .attempt import Attempt
from .definition import Definition
from .resources.resource_manager import ResourceManager
from .tracing import Tracing

GRACE_S = 5.0


def _no_children(name: str) -> RunOptions:
    raise EngineBug(f"a child of workflow {name!r} is to run, and there are none")


@attrs.frozen(eq=False)
class RunOptions:
    """Options of a run.

    Attributes:
        workflow: The instance whose steps are called.
        definition: What it was compiled to.
        make_context: Makes the context that a step is given.
        suspends: Whether a wait in a step's own task suspends it; otherwise it parks in place.
        accepts_changes: Whether a replay may depart from its record.
        grace_s: Seconds after which a step that doesn't end is reported.
        stream_history: How many events of the stream are kept for readers that come late.
        verbose: Whether steps are told of as they start and end.
        budget_s: The active time that the run may spend; None for no limit.
        child: Gives the options of a child run, by the name of its workflow.
        tracing: Who follows the run; None if nobody does.
        resource_manager: Where steps have their resources from; None if no step wants any.
    """

    workflow: object
    definition: Definition
    make_context: Callable[[Attempt], object]
    suspends: bool = True
    accepts_changes: bool = False
    grace_s: float = GRACE_S
    stream_history: int = 65_536
    verbose: bool = False
    budget_s: float | None = None
    child: Callable[[str], RunOptions] = _no_children
    resource_manager: ResourceManager | None = None
    tracing: Tracing | None = None
