"""The resources of a workflow: a node for each, and edges to what is given them, steps and factories of others."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs

from ..codec.classes import kind_of
from ..errors import WorkflowValidationError
from ..graph.annotations import shown
from ..injection import ResourceDefinition, ResourceDescriptor, key_of
from .nodes import WorkflowGraphEdge, WorkflowResourceConfigNode, WorkflowResourceNode
from .schema import schema_of

Node: TypeAlias = WorkflowResourceNode | WorkflowResourceConfigNode


@runtime_checkable
class Made(Protocol):
    """A resource that a factory makes, as `Resource` is."""

    @property
    def factory(self) -> Callable[..., Any]:
        """What makes it."""
        ...


@runtime_checkable
class ReadFromFile(Protocol):
    """A resource that stands in a file, as `ResourceConfig` is."""

    config_file: str
    path_selector: str | None
    label: str | None
    description: str | None


@attrs.define
class Resources:
    """Those that were met on the way. One resource is one node, wherever it's given."""

    nodes: dict[Hashable, Node] = attrs.field(factory=dict[Hashable, Node])
    edges: list[WorkflowGraphEdge] = attrs.field(factory=list[WorkflowGraphEdge])
    _named: Counter[str] = attrs.field(factory=Counter[str])

    def add(self, given: ResourceDefinition, target: str) -> None:
        """Add a resource, with those that it's made of, and its edge to the node that is given it."""
        key = key_of(given.resource)
        node = self.nodes.get(key)
        needs: Sequence[ResourceDefinition] = ()
        if node is None:
            node = self.nodes[key] = _node(given, self._id(given.resource))
            needs = _needs(given.resource)
        else:
            self.nodes[key] = _told(node, given.resource)
        self.edges.append(WorkflowGraphEdge(source=node.id, target=target, label=given.name))
        for need in needs:
            self.add(need, node.id)

    def _id(self, resource: ResourceDescriptor) -> str:
        """Names needn't be unique: two factories of one name make different resources."""
        self._named[resource.name] += 1
        number = self._named[resource.name]
        return f"resource:{resource.name}" if number == 1 else f"resource:{resource.name}#{number}"


def _needs(resource: ResourceDescriptor) -> Sequence[ResourceDefinition]:
    """What it's made of; nothing, as far as the factory doesn't say it as it should: that's told when it's checked."""
    try:
        return resource.get_dependencies()
    except WorkflowValidationError:
        return ()


def _node(given: ResourceDefinition, name: str) -> Node:
    resource, annotation = given.resource, given.type_annotation
    label = resource.name.rpartition("<locals>.")[2]
    type_name = None if annotation is None else shown(annotation)
    if isinstance(resource, ReadFromFile):
        return WorkflowResourceConfigNode(
            id=name,
            label=resource.label or label,
            type_name=type_name,
            config_file=resource.config_file,
            path_selector=resource.path_selector,
            config_schema=_schema(annotation),
            description=resource.description,
        )
    if not isinstance(resource, Made):
        return WorkflowResourceNode(id=name, label=label, type_name=type_name)
    factory = _inner(resource.factory)
    code = getattr(factory, "__code__", None)
    text = getattr(factory, "__doc__", None)
    return WorkflowResourceNode(
        id=name,
        label=label,
        type_name=type_name,
        getter_name=resource.name,
        source_file=None if code is None else _source_file(factory, code.co_filename),
        source_line=None if code is None else code.co_firstlineno,
        description=inspect.cleandoc(text) if isinstance(text, str) else None,
    )


def _told(node: Node, resource: ResourceDescriptor) -> Node:
    """A node, with what another marker of the same part of a file says of it and the first didn't."""
    if not isinstance(node, WorkflowResourceConfigNode) or not isinstance(resource, ReadFromFile):
        return node
    label = node.label if node.label != resource.name else resource.label or node.label
    return attrs.evolve(node, label=label, description=node.description or resource.description)


def _inner(factory: Any) -> Any:
    """The function that somebody wrote."""
    while isinstance(factory, partial):
        factory = factory.func  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # of anything
    return inspect.unwrap(factory)


def _source_file(factory: Any, path: str) -> str:
    """The file from its top package on: the same on every machine, and without the folders of this one."""
    file = PurePath(path)
    names = [*str(getattr(factory, "__module__", "")).split("."), *(["__init__"] if file.stem == "__init__" else [])]
    found = file.parts[-len(names) :]
    return "/".join(found) if [*found[:-1], file.stem] == names else file.name


def _schema(annotation: Any) -> dict[str, Any] | None:
    """The fields of a class that declares some."""
    if not isinstance(annotation, type) or kind_of(annotation) in ("class", "error", "enum"):
        return None
    return schema_of(annotation)
