"""Definition: a workflow instance, compiled: what contexts and runs need to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs

from ..codec import Codec
from ..core.fingerprint import fingerprint
from ..core.state import ChildKind
from ..graph import Program
from .clock import Clock


@attrs.frozen(eq=False, slots=False)  # attrs gives a slotted class with cached properties a `__getattr__`
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
        children: The workflows that steps may run as children, by name.
    """

    program: Program
    codec: Codec
    clock: Clock | None = None
    timeout_s: float | None = None
    suspends: bool = True
    stream_history: int = 65_536
    verbose: bool = False
    children: Mapping[str, Definition] = attrs.field(factory=dict[str, Any])

    @cached_property
    def kinds(self) -> dict[str, ChildKind]:
        """What the core needs to know of the workflows that steps may run as children."""
        return {
            name: ChildKind(child.program, child.codec, child.timeout_s, child.kinds)
            for name, child in self.children.items()
        }

    @cached_property
    def fingerprint(self) -> str:
        """What a journal is written under: whatever the core decides by."""
        return fingerprint(self.program, self.codec, self.kinds)

    @cached_property
    def has_resources(self) -> bool:
        """Whether any step wants resources, or one of a child."""
        own = any(step.resources for step in self.program.steps.values())
        return own or any(child.has_resources for child in self.children.values())
