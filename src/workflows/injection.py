"""Injection: what a parameter says that it wants, beside events and the context: `Annotated[Client, Resource(...)]`.

Here is only what tells such a marker from others, so that signatures can be read; what makes the values awaits, and
stands in `runtime.resources`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, Protocol, TypeGuard, get_args, get_origin, runtime_checkable

import attrs


@runtime_checkable
class ResourceDescriptor(Protocol):
    """What stands beside a type in `Annotated[T, ...]` and gives the value: `Resource`, `ResourceConfig`, or your own.

    A marker of your own is copied for each parameter that it stands at, and told about that parameter: so it may keep
    what it's told, and shouldn't keep values; that's the manager's work, by type and `name`.
    """

    @property
    def name(self) -> str:
        """What it's called: in messages, and in `ResourceManager.set`."""
        ...

    @property
    def cache(self) -> bool:
        """Whether one value serves all steps of a workflow instance."""
        ...

    def resolve(self, resource_manager: Any) -> Awaitable[Any]:
        """Make a value; others that it needs are had from the manager."""
        ...

    def set_type_annotation(self, type_annotation: Any) -> None:
        """Take note of the type that it stands beside."""
        ...

    def set_localns(self, localns: Mapping[str, Any]) -> None:
        """Take note of what names in annotations may mean that its own module doesn't know."""
        ...

    def get_dependencies(self) -> Sequence[ResourceDefinition]:
        """The resources that it's made of."""
        ...


@attrs.frozen(eq=False)
class ResourceDefinition:
    """A parameter that is given a resource.

    Attributes:
        name: The parameter.
        resource: What gives the value.
        type_annotation: The type that it's annotated with.
    """

    name: str
    resource: ResourceDescriptor
    type_annotation: Any = None


def key_of(resource: ResourceDescriptor) -> Hashable:
    """What a resource is known by: a marker of the user's own by its class and name."""
    found: Hashable = getattr(resource, "key", None)
    return (type(resource), resource.name) if found is None else found


def is_descriptor(marker: object) -> TypeGuard[ResourceDescriptor]:
    """Whether something in `Annotated[...]` gives a resource; a class doesn't, its instances may."""
    return not isinstance(marker, type) and isinstance(marker, ResourceDescriptor)


def is_descriptor_class(marker: object) -> bool:
    """Whether somebody wrote the class itself, without calling it."""
    return isinstance(marker, type) and hasattr(marker, "get_dependencies") and hasattr(marker, "resolve")


def markers_in(annotation: object) -> tuple[object, list[object]]:
    """Give the type of an annotation, and all markers beside it that mean a resource, classes included."""
    aliased = getattr(annotation, "__value__", None)  # of `type Client = Annotated[...]`
    if aliased is not None and not isinstance(annotation, type):
        return markers_in(aliased)
    if get_origin(annotation) is Annotated:
        kind, *beside = get_args(annotation)
        return kind, [marker for marker in beside if is_descriptor(marker) or is_descriptor_class(marker)]
    inner = [markers_in(member) for member in get_args(annotation)]  # `Annotated[...] | None`
    return annotation, [marker for _, markers in inner for marker in markers]


def read_resource(name: str, annotation: object) -> ResourceDefinition | str | None:
    """Read one parameter: the resource that it's given, or what's wrong with it, or None if it wants none."""
    kind, markers = markers_in(annotation)
    if not markers:
        return None
    for marker in markers:
        if is_descriptor_class(marker):
            written = getattr(marker, "__name__", "Resource")
            return (
                f"has {written} itself beside {name!r}: write Annotated[..., {written}(...)], with what it's made from."
            )
    if len(markers) > 1:
        return f"has {len(markers)} resources beside {name!r}, and a parameter is given one: leave one of them."
    (found,) = markers
    assert is_descriptor(found)
    return ResourceDefinition(name, found, kind)


def bound(definition: ResourceDefinition, names: Mapping[str, Any]) -> ResourceDefinition:
    """A definition whose marker knows where it stands; the same marker may stand at other parameters too."""
    resource = copy(definition.resource)
    resource.set_type_annotation(definition.type_annotation)
    resource.set_localns(names)
    return attrs.evolve(definition, resource=resource)
