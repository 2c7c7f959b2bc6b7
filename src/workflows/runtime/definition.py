"""Definition: a workflow instance, compiled: what contexts and runs need to know of it."""

from __future__ import annotations

from functools import cached_property

import attrs

from ..codec import Codec
from ..graph import Program
from .clock import Clock


@attrs.frozen(eq=False)
class Definition:
    """What is known of a workflow before it runs.

    Attributes:
        program: Its steps and routes.
        codec: Its closed table of types.
        clock: Gives aware datetimes; None for the wall clock.
        timeout_s: The active time that a run may spend.
        suspends: Whether waits suspend their step (`waits="replay"`) or park it (`waits="park"`).
        stream_history: How many streamed events are kept.
        verbose: Whether steps are told of.
    """

    program: Program
    codec: Codec
    clock: Clock | None = None
    timeout_s: float | None = None
    suspends: bool = True
    stream_history: int = 65_536
    verbose: bool = False

    @cached_property
    def has_resources(self) -> bool:
        """Whether any step wants resources."""
        return any(step.resources for step in self.program.steps.values())
