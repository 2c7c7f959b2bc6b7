"""A picture: which shapes and arrows there are, what stands in them, and how they look. Every form is drawn from it.

A picture of a run shows the whole graph, and which part of it the run went through: what it didn't come to is pale.
What steps did beyond their signatures (events that they sent or waited for) is added, with dashed arrows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Literal, TypeAlias

import attrs

from ...representation import (
    RunActivity,
    WorkflowEventNode,
    WorkflowExternalNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowGraphNode,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
    event_id,
    step_id,
)
from .words import cut, done, shown

Kind: TypeAlias = Literal["step", "event", "start", "stop", "question", "answer", "external", "resource", "generic"]
Place: TypeAlias = tuple[str, str]


@attrs.frozen
class Shape:
    """A node as it's drawn."""

    id: str
    kind: Kind
    lines: tuple[str, ...]
    hint: str
    """What is shown to somebody who points at it."""
    is_idle: bool = False


@attrs.frozen
class Arrow:
    """An edge as it's drawn."""

    source: str
    target: str
    label: str = ""
    is_dashed: bool = False
    is_idle: bool = False


@attrs.frozen
class Picture:
    """Everything that is drawn, in the order of the graph."""

    title: str
    shapes: tuple[Shape, ...]
    arrows: tuple[Arrow, ...]
    graph: WorkflowGraph
    run: RunActivity | None = None


def picture_of(graph: WorkflowGraph, run: RunActivity | None = None) -> Picture:
    """Make a picture of a graph, and of the path that a run took through it."""
    nodes = {node.id: node for node in graph.nodes}
    edges = [edge for edge in graph.edges if edge.source in nodes and edge.target in nodes]
    title = shown(graph.name)
    if run is None:
        shapes = [_shape(node) for node in nodes.values()]
        return Picture(
            title, tuple(shapes), tuple(Arrow(edge.source, edge.target, _label(edge)) for edge in edges), graph
        )
    counts = _counts(run, edges)
    declared = {(edge.source, edge.target) for edge in edges}
    beyond = [place for place in counts if place not in declared]
    ran = [step_id(name) for name, step in run.steps.items() if step.attempts]
    added = [name for name in dict.fromkeys([*ran, *chain.from_iterable(beyond)]) if name not in nodes]
    used = set(chain.from_iterable(counts))
    shapes = [*(_shape_of_run(node, run, used) for node in nodes.values()), *(_added(name, run) for name in added)]
    arrows = [
        *(_arrow(edge, counts, used) for edge in edges),
        *(Arrow(*place, str(counts[place]), is_dashed=bool(nodes)) for place in beyond),
    ]
    return Picture(title, tuple(shapes), tuple(arrows), graph, run)


def graph_of_run(run: RunActivity) -> WorkflowGraph:
    """A graph that knows nothing but what the run itself tells."""
    return WorkflowGraph(name=run.workflow.rpartition(".")[2], nodes=[], edges=[])


def _counts(run: RunActivity, edges: Collection[WorkflowGraphEdge]) -> dict[Place, int]:
    """How many events went along each edge along which any did."""
    known = {(_class_of(edge.source), _class_of(edge.target)): (edge.source, edge.target) for edge in edges}
    known.update({(edge.source, edge.target): (edge.source, edge.target) for edge in edges})
    counts: dict[Place, int] = {}
    for name, step in run.steps.items():
        counts.update({(event_id(event), step_id(name)): number for event, number in step.took.items() if number})
        counts.update({(step_id(name), event_id(event)): number for event, number in step.gave.items() if number})
    return {known.get(place, place): number for place, number in counts.items()}


def _class_of(node: str) -> str:
    """The node that stands for a whole class of events, of the one that each handler has of it."""
    whole, _, handler = node.rpartition("#")
    return whole if handler and whole else node


def _shape(node: WorkflowGraphNode) -> Shape:
    return Shape(node.id, _kind(node), (cut(shown(node.label)),), _hint(node))


def _shape_of_run(node: WorkflowGraphNode, run: RunActivity, used: Collection[str]) -> Shape:
    shape = _shape(node)
    if isinstance(node, WorkflowStepNode):
        activity = run.steps.get(node.id.removeprefix(step_id("")))
        is_idle = activity is None or not activity.attempts
        return Shape(shape.id, shape.kind, (*shape.lines, done(activity)), shape.hint, is_idle)
    is_idle = isinstance(node, WorkflowEventNode) and node.id not in used
    return Shape(shape.id, shape.kind, shape.lines, shape.hint, is_idle)


def _added(name: str, run: RunActivity) -> Shape:
    """A shape for what only the run knows of."""
    what, _, rest = name.partition(":")
    if what == "step":
        return Shape(name, "step", (cut(shown(rest)), done(run.steps.get(rest))), shown(rest))
    return Shape(name, "event", (cut(shown(rest.rpartition(":")[2])),), shown(rest))


def _arrow(edge: WorkflowGraphEdge, counts: Mapping[Place, int], used: Collection[str]) -> Arrow:
    ends = (edge.source, edge.target)
    label = " · ".join(part for part in (_label(edge), str(counts.get(ends, ""))) if part)
    if all(end.startswith((step_id(""), event_id(""))) for end in ends) and _is_counted(ends):
        return Arrow(*ends, label, is_idle=ends not in counts)
    return Arrow(*ends, label, is_idle=any(end.startswith(event_id("")) and end not in used for end in ends))


def _is_counted(ends: Place) -> bool:
    """Whether events that go along an edge are counted: those between a step and a class of events."""
    return len({end.partition(":")[0] for end in ends}) > 1


def _label(edge: WorkflowGraphEdge) -> str:
    return "" if edge.label is None else cut(shown(edge.label))


_KINDS: Mapping[str, Kind] = {
    "StartEvent": "start",
    "StopEvent": "stop",
    "InputRequiredEvent": "question",
    "HumanResponseEvent": "answer",
}


def _kind(node: WorkflowGraphNode) -> Kind:
    if isinstance(node, WorkflowEventNode):
        found: list[Kind] = [_KINDS[name] for name in _KINDS if node.is_subclass_of(name)]
        return found[0] if found else "event"
    if isinstance(node, WorkflowResourceNode | WorkflowResourceConfigNode):
        return "resource"
    if isinstance(node, WorkflowStepNode):
        return "step"
    return "external" if isinstance(node, WorkflowExternalNode) else "generic"


def _hint(node: WorkflowGraphNode) -> str:
    name = shown(node.label)
    if isinstance(node, WorkflowEventNode):
        fields = (node.event_schema or {}).get("properties", {})
        listed = ", ".join(shown(str(field)) for field in fields)
        return f"{name}({listed})"
    if isinstance(node, WorkflowStepNode | WorkflowResourceNode | WorkflowResourceConfigNode) and node.description:
        first, _, _ = node.description.partition("\n\n")
        return f"{name}: {shown(first)}"
    return name
