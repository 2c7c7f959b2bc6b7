"""What a step that joins several events is given, where one event has to stand for them all."""

from __future__ import annotations

import attrs

from .model import Event


class CollectionReleaseEvent(Event):
    """The events that a join was called with: `input_event` of a `StepFailedEvent`, when a join has failed.

    `stream_id` tells the batch (one each time a step returned a list), `binding_id` the step that joins it.
    """

    events: list[Event] = attrs.field(factory=list[Event])
    stream_id: str = ""
    binding_id: str = ""
