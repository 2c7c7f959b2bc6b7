"""`WorkflowGraph`: a workflow's graph as data, simplified, and read back from JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import attrs

from ..codec import Codec
from ..errors import InvalidInput
from .nodes import (
    WorkflowEventNode,
    WorkflowExternalNode,
    WorkflowGenericNode,
    WorkflowGraphEdge,
    WorkflowGraphNode,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
)

_CLASSES: Mapping[str, type[WorkflowGraphNode]] = {
    "step": WorkflowStepNode,
    "event": WorkflowEventNode,
    "external": WorkflowExternalNode,
    "resource": WorkflowResourceNode,
    "resource_config": WorkflowResourceConfigNode,
}


@attrs.frozen(kw_only=True)
class WorkflowGraph:
    """A workflow's graph: which step takes which event, and which it returns.

    Nodes and edges stand in the order of the steps, so that equal workflows have equal graphs.

    Attributes:
        name: The name of the workflow's class.
        nodes: All nodes, of whatever type.
        edges: All edges, by the ids of the nodes.
        description: The docstring of the class.
    """

    name: str
    nodes: list[WorkflowGraphNode]
    edges: list[WorkflowGraphEdge]
    description: str | None = None

    def filter_by_node_type(self, *node_types: str) -> WorkflowGraph:
        """Give a simpler graph, without the nodes of these types: `graph.filter_by_node_type("event")`.

        A way that leads from a node that stays to another through nodes that go becomes an edge between the two; its
        label is that of the first node that goes. Ways of the same label become one edge, of different labels several.
        A way that begins or ends at a node that goes is dropped, and nodes stay that no edge leads to any more.
        """
        gone = {node.id: node for node in self.nodes if node.node_type in node_types}
        onward: dict[str, list[WorkflowGraphEdge]] = {}
        for edge in self.edges:
            onward.setdefault(edge.source, []).append(edge)
        found = (edge for first in self.edges if first.source not in gone for edge in _past(first, onward, gone))
        stay = [node for node in self.nodes if node.id not in gone]
        return attrs.evolve(self, nodes=stay, edges=list(dict.fromkeys(found)))

    def to_dict(self) -> dict[str, Any]:
        """Give the graph as data that `json.dumps` takes."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkflowGraph:
        """Read a graph from what `to_dict` gave.

        A node of an unknown `node_type` is a `WorkflowGenericNode`.

        Raises:
            InvalidInput: The data is no graph; `problems` has path and reason for each thing that is wrong.
        """
        if not isinstance(cast("object", data), Mapping) or not isinstance(data.get("nodes"), list):
            raise InvalidInput(f"A graph is what WorkflowGraph.to_dict() gives; this is {data!r:.200}.")
        nodes = [_node(stored, number) for number, stored in enumerate(data["nodes"])]
        found = _codec().validate({**data, "nodes": []}, WorkflowGraph)
        return attrs.evolve(found, nodes=nodes)


def _past(
    first: WorkflowGraphEdge, onward: Mapping[str, list[WorkflowGraphEdge]], gone: Mapping[str, WorkflowGraphNode]
) -> Iterator[WorkflowGraphEdge]:
    """What becomes of an edge: itself, or edges to those to which the node leads that goes."""
    if first.target not in gone:
        yield first
        return
    label = gone[first.target].label
    for target in _ends(first.target, onward, gone):
        yield WorkflowGraphEdge(source=first.source, target=target, label=label)


def _ends(
    through: str, onward: Mapping[str, list[WorkflowGraphEdge]], gone: Mapping[str, WorkflowGraphNode]
) -> list[str]:
    """The nodes that stay to which a node that goes leads, the near ones first."""
    reached = {through: None}
    pending = deque([through])
    while pending:
        fresh = [edge.target for edge in onward.get(pending.popleft(), ()) if edge.target not in reached]
        reached.update(dict.fromkeys(fresh))
        pending.extend(target for target in fresh if target in gone)
    return [name for name in reached if name not in gone]


@cache
def _codec() -> Codec:
    return Codec([WorkflowGraph])


def _node(data: Any, number: int) -> WorkflowGraphNode:
    kind: Any = cast("Mapping[str, Any]", data).get("node_type") if isinstance(data, Mapping) else None
    wanted = _CLASSES.get(kind, WorkflowGenericNode) if isinstance(kind, str) else WorkflowGenericNode
    stored: Any = cast("Any", data)
    return _codec().validate(stored, wanted, f"$.nodes[{number}]")
