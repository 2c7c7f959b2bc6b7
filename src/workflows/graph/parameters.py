"""What a step takes, read from its parameters.

The rules: a step has one event parameter, which names an event class or a union of some; or several, one class each,
and is called when there's an event for each of them; or one list of events, and is called with a batch. It may have one
context parameter, and any number of resources, marked as such. It has nothing else beside `self`. Every departure is
reported.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, get_args, get_origin

import attrs

from ..collect import All, Collect, Take
from ..events import Event
from ..injection import ResourceDefinition, read_resource
from ..steps import ContextMarker
from .annotations import (
    EMPTY,
    NOTHING,
    Signature,
    Unresolved,
    class_of,
    events_in,
    list_items,
    members,
    shown,
)
from .spec import ListJoin, SlotJoin

_VARIADIC = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


@attrs.define
class Parameters:
    """The parameters of a step, as they're found, and what's wrong with them."""

    own: list[inspect.Parameter] = attrs.field(factory=list[inspect.Parameter])
    events: list[tuple[inspect.Parameter, tuple[type[Event], ...]]] = attrs.field(factory=list[Any])
    lists: list[tuple[inspect.Parameter, tuple[type[Event], ...], ListJoin]] = attrs.field(factory=list[Any])
    contexts: list[tuple[inspect.Parameter, type | None]] = attrs.field(factory=list[Any])
    resources: list[ResourceDefinition] = attrs.field(factory=list[ResourceDefinition])
    problems: list[str] = attrs.field(factory=list[str])
    unresolved: list[str] = attrs.field(factory=list[str])

    @property
    def accepts(self) -> tuple[type[Event], ...]:
        """All event classes that the step takes, each once."""
        taken = [kind for _, kinds in self.events for kind in kinds] + [
            kind for _, kinds, _ in self.lists for kind in kinds
        ]
        return tuple(dict.fromkeys(taken))

    @property
    def join(self) -> ListJoin | SlotJoin | None:
        """How it takes several events at once, if it does."""
        if self.lists:
            return self.lists[0][2]
        return SlotJoin(tuple(kinds[0] for _, kinds in self.events)) if len(self.events) > 1 else None

    @property
    def event_names(self) -> tuple[str, ...]:
        """The names of the parameters that take events, in their order."""
        taking = {found[0].name for found in self.events} | {found[0].name for found in self.lists}
        return tuple(parameter.name for parameter in self.own if parameter.name in taking)


def read_parameters(signature: Signature, *, is_method: bool) -> Parameters:
    """Read the parameters of a step function."""
    found = Parameters(own=list(signature.parameters))
    if is_method:
        found.own = _without_self(found.own, signature, found)
    for parameter in found.own:
        _read_parameter(parameter, signature.types[parameter.name], found)
    if not found.problems and not found.unresolved:
        found.problems.extend(_count_problems(found, signature))
    return found


def _without_self(
    parameters: list[inspect.Parameter], signature: Signature, parts: Parameters
) -> list[inspect.Parameter]:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or parameters[0].kind not in positional:
        parts.problems.append(
            "is a method without self: write `def step(self, ev: SomeEvent)`, or make it a staticmethod."
        )
        return parameters
    first = parameters[0].name
    if events_in(signature.types[first]):
        parts.problems.append(
            f"has no self: its first parameter, {first!r}, would get the workflow instead of an event. "
            f"Write `(self, {_written(first, signature.types[first])})`, or make it a staticmethod."
        )
    return parameters[1:]


def _read_parameter(parameter: inspect.Parameter, annotation: object, parts: Parameters) -> None:
    name = parameter.name
    if parameter.kind in _VARIADIC:
        parts.problems.append(
            f"takes {_VARIADIC[parameter.kind]}{name}: a step gets one event and perhaps a context, so name them: "
            "`ev: SomeEvent, ctx: Context`. (A decorator between @step and the function needs functools.wraps.)"
        )
    elif annotation is EMPTY:
        parts.problems.append(
            f"has a parameter without annotation, {name!r}: write `{name}: SomeEvent` with the event class that it "
            f"takes, or `{name}: Context`."
        )
    elif isinstance(annotation, Unresolved):
        parts.unresolved.append(annotation.told(f"parameter {name!r}"))
    elif (resource := read_resource(name, annotation)) is not None:
        if isinstance(resource, str):
            parts.problems.append(resource)
        else:
            parts.resources.append(resource)
    elif events := events_in(annotation):
        _check_unmarked(name, annotation, parts)
        parts.events.append((parameter, events))
    elif items := list_items(_bare(annotation)):
        _read_list(parameter, annotation, items, parts)
    elif _is_context(annotation):
        _read_context(parameter, annotation, parts)
    else:
        parts.problems.append(_foreign_parameter(name, annotation, parts))


def _bare(annotation: object) -> object:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _markers(annotation: object) -> list[Collect]:
    inner: tuple[object, ...] = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    found: list[Collect] = []
    for marker in inner:
        if marker is Collect:
            found.append(Collect())
        elif isinstance(marker, Collect):
            found.append(marker)
    return found


def _check_unmarked(name: str, annotation: object, parts: Parameters) -> None:
    if _markers(annotation):
        parts.problems.append(
            f"has Collect beside what is no list of events, `{name}: {shown(_bare(annotation))}`: write "
            f"`{name}: Annotated[list[SomeEvent], Collect(...)]`."
        )


def _read_list(
    parameter: inspect.Parameter, annotation: object, items: tuple[type[Event], ...], parts: Parameters
) -> None:
    """Read a parameter that takes a batch: all of it, or its first arrivals."""
    markers = _markers(annotation)
    cardinality: object = markers[0].cardinality if markers else All()
    if isinstance(cardinality, Take):
        parts.lists.append((parameter, items, ListJoin(cardinality.n)))
    elif isinstance(cardinality, All):
        parts.lists.append((parameter, items, ListJoin()))
    else:
        parts.problems.append(
            f"collects {parameter.name!r} with Collect({cardinality!r}), which is no cardinality: "
            "give All() or Take(n)."
        )


def _is_context(annotation: object) -> bool:
    classes = [class_of(member) for member in members(annotation) if member not in NOTHING]
    return bool(classes) and all(cls is not None and issubclass(cls, ContextMarker) for cls in classes)


def _read_context(parameter: inspect.Parameter, annotation: object, parts: Parameters) -> None:
    state: object = None
    for member in members(annotation):
        state = next(iter(get_args(member)), state)
    if state is None or state is Any or isinstance(state, TypeVar):
        parts.contexts.append((parameter, None))
        return
    state_type = class_of(state)
    if state_type is None:
        parts.problems.append(
            f"has a context whose state isn't a class, `{_written(parameter.name, annotation)}`: "
            "write Context[State] with an attrs class, a dataclass or a pydantic model."
        )
        return
    parts.contexts.append((parameter, state_type))


def _foreign_parameter(name: str, annotation: object, parts: Parameters) -> str:
    written = _written(name, annotation)
    _check_unmarked(name, annotation, parts)
    items = [event for member in members(annotation) for event in list_items(member, of_any=True)]
    if items:
        one = " | ".join(shown(item) for item in items)
        return (
            f"takes several events at once, `{written}`: write a list and nothing beside it, "
            f"`{name}: list[{one}]`, and it's given all events of a batch."
        )
    strange = [member for member in members(annotation) if not events_in(member) and member not in NOTHING]
    if len(strange) < len([member for member in members(annotation) if member not in NOTHING]):
        others = ", ".join(shown(member) for member in strange)
        return f"takes `{written}`, where {others} isn't an event class: a step takes classes derived from Event only."
    return (
        f"takes `{written}`, which is neither an event nor a Context: derive the class from Event, "
        "let the step read such a value from self, from ctx.store or from a field of its event, or mark what makes it: "
        f"`{name}: Annotated[{shown(annotation)}, Resource(factory)]`."
    )


def _count_problems(parts: Parameters, signature: Signature) -> Iterator[str]:
    if not parts.events and not parts.lists:
        yield "takes no event: add a parameter that names the event class that starts it, like `ev: StartEvent`."
    if len(parts.lists) > 1 or (parts.lists and parts.events):
        taken = ", ".join(_written(name, signature.types[name]) for name in parts.event_names)
        yield (
            f"takes `{taken}`: a step that takes a list takes nothing beside it. Put what else it needs into the "
            "state, or join the lists in a step each."
        )
    for parameter, events in parts.events if len(parts.events) > 1 else ():
        if len(events) > 1:
            union = _written(parameter.name, signature.types[parameter.name])
            yield (
                f"takes several events, one of them a union, `{union}`: which parameter an event is for couldn't be "
                "told. Let each name one class."
            )
    if len(parts.contexts) > 1:
        names = " and ".join(repr(parameter.name) for parameter, _ in parts.contexts)
        yield f"takes several contexts, {names}, and a step has one: leave one of them."


def _written(name: str, annotation: object) -> str:
    return f"{name}: {shown(annotation)}"
