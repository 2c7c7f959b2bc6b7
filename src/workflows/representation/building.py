"""A workflow's graph, made of its compiled steps.

Which nodes and edges there are:

- a node for each step, and one for each class of events in their signatures; a class is its own node, whatever it
  derives from;
- an edge from a step to each class that it returns, and from a class to each step that takes its events: those that
  name it, and those that accept subclasses of what it derives from;
- an edge from each step for whose failures there's a handler to `StepFailedEvent`, which the handler takes; several
  handlers have a node of it each, so that one sees who takes over for whom;
- a human, if a step returns a question or takes an answer: questions lead there, answers come from there;
- a node for each resource, with an edge to each step that is given it, and to each resource that is made of it.

What a step does inside isn't in its signature: events that it only sends, or waits for, aren't in the graph.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, cast

from ..errors import UsageError
from ..events import Event, HumanResponseEvent, InputRequiredEvent, StepFailedEvent, StopEvent
from ..graph import ListJoin, Program, SlotJoin, StepSpec, attached_steps, compile_program
from ..steps import names_around
from .graph import WorkflowGraph
from .nodes import (
    WorkflowEventNode,
    WorkflowExternalNode,
    WorkflowGraphEdge,
    WorkflowGraphNode,
    WorkflowStepNode,
)
from .resources import Resources
from .schema import schema_of

HUMAN = "external:human"


class Compiled(Protocol):
    """What was compiled, as far as its graph needs it."""

    @property
    def program(self) -> Program:
        """The steps."""
        ...


class Drawn(Protocol):
    """A workflow, as far as its graph needs it."""

    @property
    def definition(self) -> Compiled:
        """The compiled workflow."""
        ...


def get_workflow_representation(workflow: Drawn | type) -> WorkflowGraph:
    """Give the graph of a workflow as data.

    Args:
        workflow: A workflow, or its class. The graph needn't be valid: it can be looked at to see what is wrong.

    Raises:
        WorkflowValidationError: Signatures of steps are wrong.
        WorkflowConfigurationError: There isn't exactly one start event and one stop event.
        UsageError: It's no workflow.
    """
    if not isinstance(workflow, type):
        program: object = getattr(getattr(workflow, "definition", None), "program", None)
        if not isinstance(program, Program):
            raise UsageError(f"{workflow!r:.200} is no workflow. Give an instance or the class of one.")
        return graph_of(program, type(workflow).__doc__)
    names = names_around(workflow.__qualname__, workflow.__module__, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]  # there is no public way to the caller
    local = cast("Mapping[str, object]", getattr(workflow, "__local_names__", {}))
    program = compile_program(workflow, free_steps=attached_steps(workflow), scope={**local, **names})
    return graph_of(program, workflow.__doc__)


def graph_of(program: Program, description: str | None = None) -> WorkflowGraph:
    """Give the graph of a compiled workflow."""
    events = dict(zip(program.events, _event_ids(program.events), strict=True))
    failed = _failures(program)
    if failed:
        del events[StepFailedEvent]
    resources = _resources(program)
    nodes: list[WorkflowGraphNode] = [
        *(_step_node(step) for step in program.steps.values()),
        *(_event_node(program, event, name) for event, name in events.items()),
        *(_event_node(program, StepFailedEvent, name) for name in failed.values()),
        *([WorkflowExternalNode(id=HUMAN, label="human")] if any(map(_is_human, events)) else []),
        *resources.nodes.values(),
    ]
    edges = [
        *(edge for step in program.steps.values() for edge in _step_edges(step, events)),
        *(WorkflowGraphEdge(source=name, target=step_id(handler)) for handler, name in failed.items()),
        *(
            WorkflowGraphEdge(
                source=step_id(name), target=failed.get(handler.name) or events[StepFailedEvent], label="fails"
            )
            for name, handler in program.handlers.items()
        ),
        *(edge for event, name in events.items() for edge in _human_edges(event, name)),
        *resources.edges,
    ]
    text = None if description is None else inspect.cleandoc(description)
    return WorkflowGraph(name=program.class_name, nodes=nodes, edges=edges, description=text)


def step_id(name: str) -> str:
    """The id of a step's node."""
    return f"step:{name}"


def event_id(name: str) -> str:
    """The id of the node of a class of events, by its stored name."""
    return f"event:{name}"


def handler_id(name: str, handler: str) -> str:
    """The id of the node of those events of a class that one handler takes, where each has its own."""
    return f"{event_id(name)}#{handler}"


def _resources(program: Program) -> Resources:
    found = Resources()
    for step in program.steps.values():
        for given in step.resources:
            found.add(given, step_id(step.name))
    return found


def _failures(program: Program) -> dict[str, str]:
    """For each handler the id of a node of its own, if there are several and nothing but failures leads to them."""
    handlers = [step for step in program.steps.values() if step.catches is not None]
    is_returned = any(StepFailedEvent in step.returns for step in program.steps.values())
    if len(handlers) < 2 or is_returned or len(program.takers(StepFailedEvent)) > len(handlers):
        return {}
    return {handler.name: handler_id(StepFailedEvent.__event_name__, handler.name) for handler in handlers}


def _event_ids(events: Iterable[type[Event]]) -> Iterator[str]:
    """Stored names are unique in a workflow that can be run; in one that is only looked at, they're made so."""
    given = Counter[str]()
    for event in events:
        name = event.__event_name__
        given[name] += 1
        yield event_id(name if given[name] == 1 else f"{name}#{given[name]}")


def _step_node(step: StepSpec) -> WorkflowStepNode:
    text = step.function.__doc__
    description = None if text is None else inspect.cleandoc(text)
    return WorkflowStepNode(id=step_id(step.name), label=step.name, description=description)


def _event_node(program: Program, event: type[Event], name: str) -> WorkflowEventNode:
    return WorkflowEventNode(
        id=name,
        label=event.__name__,
        event_type=event.__name__,
        event_types=[parent.__name__ for parent in event.__mro__ if issubclass(parent, Event)],
        event_schema=schema_of(event),
        produced_by=[step.name for step in program.steps.values() if event in step.returns],
    )


def _step_edges(step: StepSpec, events: Mapping[type[Event], str]) -> Iterator[WorkflowGraphEdge]:
    here = step_id(step.name)
    for event, name in events.items():
        if event in step.accepts or (step.takes(event) and not issubclass(event, StopEvent)):
            yield WorkflowGraphEdge(source=name, target=here, label=_taken(step, event))
    for event in step.returns:
        yield WorkflowGraphEdge(source=here, target=events[event], label=_returned(step, event))


def _taken(step: StepSpec, event: type[Event]) -> str | None:
    """How a step takes an event, if not by itself."""
    if isinstance(step.join, ListJoin):
        return "list" if step.join.take is None else f"list, first {step.join.take}"
    if isinstance(step.join, SlotJoin):
        number = step.join.kinds.count(event)
        return "together" if number < 2 else f"{number} together"
    return None


def _returned(step: StepSpec, event: type[Event]) -> str | None:
    """How a step returns an event, if not by itself."""
    if event not in step.list_returns:
        return None
    return "one or a list" if event in step.bare_returns else "list"


def _is_human(event: type[Event]) -> bool:
    return issubclass(event, InputRequiredEvent | HumanResponseEvent)


def _human_edges(event: type[Event], name: str) -> Iterator[WorkflowGraphEdge]:
    if issubclass(event, InputRequiredEvent):
        yield WorkflowGraphEdge(source=name, target=HUMAN)
    if issubclass(event, HumanResponseEvent):
        yield WorkflowGraphEdge(source=HUMAN, target=name)
