"""Starting: the event that a run begins with."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import InvalidInput, InvalidStartEvent
from ..events import StartEvent
from .definition import Definition

logger: logging.Logger = logging.getLogger("workflows.workflow")


def start_event_of(definition: Definition, event: StartEvent | None, inputs: dict[str, Any]) -> StartEvent:
    """The event that was given, or one made of the inputs.

    Raises:
        InvalidStartEvent: It's of another class, or the inputs don't make one.
    """
    program = definition.program
    wanted = program.start_event
    if event is not None:
        if not isinstance(event, wanted):
            raise InvalidStartEvent(
                f"{program.class_name} starts with {wanted.__name__}; start_event={event!r} is none."
            )
        if inputs:
            logger.warning("run() of %s was given start_event=, so %s are ignored", program.class_name, sorted(inputs))
        return event
    try:
        return definition.codec.validate(inputs, wanted)
    except InvalidInput as error:
        given = ", ".join(f"{name}={value!r}" for name, value in inputs.items()) or "nothing"
        raise InvalidStartEvent(
            f"{program.class_name} starts with {wanted.__name__}, and run() was given {given}:", error.problems
        ) from error
