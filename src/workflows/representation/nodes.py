"""What a workflow's graph consists of: nodes and edges.

All of it is data that JSON can say: text, numbers, lists, and dicts with text for keys. A node's `node_type` tells its
class, which is how stored nodes are read back.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs


@attrs.frozen(kw_only=True)
class WorkflowNodeBase:
    """What every node has.

    Attributes:
        id: What edges call the node: unique in its graph, and the same each time that the graph is made.
        label: What to show.
    """

    id: str
    label: str

    def truncated_label(self, max_length: int) -> str:
        """The label; of a longer one the first characters and `*`, `max_length` in all.

        Raises:
            ValueError: `max_length` has no room for anything.
        """
        if max_length < 1:
            raise ValueError(f"truncated_label({max_length!r}): give a length of 1 or more.")
        return self.label if len(self.label) <= max_length else f"{self.label[: max_length - 1]}*"


@attrs.frozen(kw_only=True)
class WorkflowStepNode(WorkflowNodeBase):
    """A step.

    Attributes:
        description: The docstring of its function.
    """

    node_type: Literal["step"] = "step"
    description: str | None = None


@attrs.frozen(kw_only=True)
class WorkflowEventNode(WorkflowNodeBase):
    """A class of events.

    Attributes:
        event_type: The name of the class.
        event_types: Its name and those of the event classes that it derives from, up to `Event`.
        event_schema: Its declared fields, in the words of JSON Schema.
        produced_by: The names of the steps that return it.
    """

    node_type: Literal["event"] = "event"
    event_type: str
    event_types: list[str]
    event_schema: dict[str, Any] | None = None
    produced_by: list[str] = attrs.field(factory=list[str])

    def is_subclass_of(self, *type_names: str) -> bool:
        """Whether it's one of these classes, or derives from one."""
        return any(name in self.event_types for name in type_names)


@attrs.frozen(kw_only=True)
class WorkflowExternalNode(WorkflowNodeBase):
    """Somebody outside: the human who is asked, and answers."""

    node_type: Literal["external"] = "external"


@attrs.frozen(kw_only=True)
class WorkflowResourceNode(WorkflowNodeBase):
    """A resource that steps are given.

    Attributes:
        type_name: The annotation of the parameter that it's given as.
        getter_name: The name of the factory.
        source_file: Where the factory is defined: the file, from its top package on.
        source_line: The line of that file.
        description: The docstring of the factory.
    """

    node_type: Literal["resource"] = "resource"
    type_name: str | None = None
    getter_name: str | None = None
    source_file: str | None = None
    source_line: int | None = None
    description: str | None = None


@attrs.frozen(kw_only=True)
class WorkflowResourceConfigNode(WorkflowNodeBase):
    """A configuration that steps are given, read from a file.

    Attributes:
        type_name: The annotation of the parameter that it's given as.
        config_file: The path of the file.
        path_selector: Which part of the file it is.
        config_schema: The declared fields of its class, in the words of JSON Schema.
        config_value: What stands in the file. Never filled in here: it may be secret, and graphs are shown around.
        description: What its author says of it.
    """

    node_type: Literal["resource_config"] = "resource_config"
    type_name: str | None = None
    config_file: str | None = None
    path_selector: str | None = None
    config_schema: dict[str, Any] | None = None
    config_value: dict[str, Any] | None = None
    description: str | None = None


@attrs.frozen(kw_only=True)
class WorkflowGenericNode(WorkflowNodeBase):
    """A node of a type of your own, for graphs that you put together yourself.

    Attributes:
        node_type: What you call nodes of this kind.
        event_type: A class that it stands for, if it does.
        event_types: That class and those that it derives from.
    """

    node_type: str
    event_type: str | None = None
    event_types: list[str] | None = None

    def is_subclass_of(self, *type_names: str) -> bool:
        """Whether it stands for one of these classes, or for one that derives from one."""
        return any(name in (self.event_types or ()) for name in type_names)


WorkflowGraphNode: TypeAlias = (
    WorkflowStepNode
    | WorkflowEventNode
    | WorkflowExternalNode
    | WorkflowResourceNode
    | WorkflowResourceConfigNode
    | WorkflowGenericNode
)
"""A node of any class."""


@attrs.frozen(kw_only=True)
class WorkflowGraphEdge:
    """An edge from a node to another.

    Attributes:
        source: The id of the node that it comes from.
        target: The id of the node that it leads to.
        label: What there is to say of it: that events go along it in a list, or the parameter for a resource.
    """

    source: str
    target: str
    label: str | None = None
