"""Starting: what a run begins with: its event, its context, and the workflows that it may have as children."""

from __future__ import annotations

import logging
from typing import Any, Protocol, TypeVar, cast

from ..errors import InvalidInput, InvalidStartEvent
from ..events import StartEvent
from ..graph import Program, listed
from .definition import Definition


class Named(Protocol):
    """A workflow, as far as its name goes."""

    @property
    def workflow_name(self) -> str:
        """The name that snapshots carry."""
        ...


W = TypeVar("W", bound=Named)
logger: logging.Logger = logging.getLogger("workflows.workflow")


def start_event_of(
    definition: Definition, event: StartEvent | None, inputs: dict[str, Any], *, what: str
) -> StartEvent:
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
            logger.warning(
                "%s of %s was given start_event=, so %s are ignored", what, program.class_name, sorted(inputs)
            )
        return event
    try:
        return definition.codec.validate(inputs, wanted)
    except InvalidInput as error:
        given = ", ".join(f"{name}={value!r}" for name, value in inputs.items()) or "nothing"
        raise InvalidStartEvent(
            f"{program.class_name} starts with {wanted.__name__}, and {what} was given {given}:", error.problems
        ) from error


def whose_context(theirs: Program, ours: Program) -> str:
    """For whom a context was made that doesn't fit."""
    if theirs.workflow_name != ours.workflow_name or theirs.class_name != ours.class_name:
        return f"another workflow, {theirs.class_name}; this one is {ours.class_name}"
    return f"another instance of {ours.class_name}, or for this one before a step was added"


def named_children(children: object, workflow: type[W]) -> tuple[dict[str, W], list[str]]:
    """The workflows that steps may run as children, by name, and what is wrong with them.

    Args:
        children: What was given as `Workflow(children=...)`.
        workflow: The base class of workflows.
    """
    given = listed(children)
    if not isinstance(given, tuple):
        return {}, [f"children={children!r} is no list of workflows. Write children=[MyWorkflow()]."]
    named: dict[str, W] = {}
    problems: list[str] = []
    for number, child in enumerate(cast("tuple[object, ...]", given)):
        if not isinstance(child, workflow):
            problems.append(f"children[{number}] is {child!r}, which is no workflow. Give an instance: MyWorkflow().")
        elif named.setdefault(child.workflow_name, child) is not child:
            problems.append(
                f"children[{number}] is named {child.workflow_name!r} as another one is. Give it a workflow_name= of "
                "its own."
            )
    return named, problems
