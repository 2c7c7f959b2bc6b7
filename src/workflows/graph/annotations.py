"""The annotations of one function, read wherever their names come from.

A name is looked up where Python would have looked when the annotation was written: in the class bodies and functions
around the step (kept by `@step`), in the step's closure, in its module, among the builtins. What isn't there yet when
the step is decorated may come later: from the finished class, or from whoever compiles the workflow.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from types import CellType, NoneType, UnionType
from typing import Annotated, Never, NoReturn, Union, cast, get_args, get_origin, get_type_hints

import attrs

from ..events import Event
from ..steps import config_of, names_in_annotations, signature_of

EMPTY = inspect.Parameter.empty
NOTHING = (None, NoneType, Never, NoReturn)
_COLLECTIONS = (list, tuple, Sequence, Set, set, frozenset)

Scopes = Sequence[Mapping[str, object]]


@attrs.frozen
class Unresolved:
    """Stands for an annotation whose names can't be found (yet)."""

    text: str
    reason: str

    def told(self, where: str) -> str:
        """Say what can't be resolved, and what to do."""
        return (
            f"has an annotation that can't be resolved, `{self.text}` of {where} ({self.reason}): define or "
            "import the class where the step can see it, in its module or before the workflow class."
        )


@attrs.frozen
class Signature:
    """A function's parameters and return annotation, with names resolved; `EMPTY` where nothing is annotated."""

    parameters: Sequence[inspect.Parameter]
    types: Mapping[str, object]
    returns: object


def read_signature(function: Callable[..., object], *, scopes: Scopes = ()) -> Signature:
    """Resolve all annotations of a function; one that can't be is an `Unresolved`.

    Args:
        function: The function, which `functools.wraps` may have wrapped.
        scopes: Where to look for names that the function itself doesn't see, in this order.
    """
    written = signature_of(function)
    parameters = list(written.parameters.values())
    known, module = _names_for(function, scopes), _module_of(function)
    types = {parameter.name: _resolve(parameter.annotation, module, known) for parameter in parameters}
    return Signature(parameters, types, _resolve(written.return_annotation, module, known))


def _resolve(annotation: object, module: dict[str, object], known: dict[str, object]) -> object:
    if annotation is EMPTY:
        return EMPTY

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        return cast(object, get_type_hints(holder, module, known, include_extras=True)["it"])
    except Exception as error:  # an annotation is code: whatever it raises is told, with its text
        return Unresolved(shown(annotation), f"{type(error).__name__}: {error}")


def _module_of(function: Callable[..., object]) -> dict[str, object]:
    return cast("dict[str, object]", getattr(inspect.unwrap(function), "__globals__", {}))


def _names_for(function: Callable[..., object], scopes: Scopes) -> dict[str, object]:
    """Choose a value for each name that the annotations mention and that isn't simply the module's."""
    config = config_of(function)
    kept: Mapping[str, object] = {} if config is None else config.scope
    module = _module_of(function)
    layers = [kept, _closure_of(function), module, vars(builtins), *scopes]
    known: dict[str, object] = {}
    for name in names_in_annotations(function):
        layer = next((layer for layer in layers if name in layer), module)
        if layer is not module:
            known[name] = layer[name]
    return known


def _closure_of(function: Callable[..., object]) -> dict[str, object]:
    body = inspect.unwrap(function)
    if not inspect.isfunction(body) or body.__closure__ is None:
        return {}
    cells = zip(body.__code__.co_freevars, body.__closure__, strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_set(cell)}


def _is_set(cell: CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # a name that the enclosing function assigns later
        return False
    return True


def members(annotation: object) -> Iterator[object]:
    """Give the members of a union, however it's written, and in `Annotated` or a type alias as well."""
    aliased = getattr(annotation, "__value__", None)  # of `type X = A | B`
    origin = get_origin(annotation)
    if aliased is not None and not isinstance(annotation, type):
        yield from members(aliased)
    elif origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin is Union or origin is UnionType:
        for member in get_args(annotation):
            yield from members(member)
    else:
        yield annotation


def class_of(annotation: object) -> type | None:
    """Give the class that an annotation is, or is a parametrized form of."""
    origin = get_origin(annotation)
    candidate = annotation if origin is None else origin
    return candidate if isinstance(candidate, type) else None


def events_in(annotation: object) -> tuple[type[Event], ...]:
    """Give the event classes of an annotation that has nothing else, but for `None`; else nothing."""
    found: dict[type[Event], None] = {}
    for member in members(annotation):
        event_class = class_of(member)
        if event_class is not None and issubclass(event_class, Event):
            found[event_class] = None
        elif member not in NOTHING:
            return ()
    return tuple(found)


def list_items(annotation: object, *, of_any: bool = False) -> tuple[type[Event], ...]:
    """Give the event classes of a list annotation that has nothing else; `of_any` collection, if that's asked for."""
    if of_any:
        kinds: tuple[object, ...] = _COLLECTIONS
    else:
        kinds = (list,)
    if class_of(annotation) not in kinds:
        return ()
    found = [events_in(argument) for argument in get_args(annotation) if argument is not Ellipsis]
    return tuple(dict.fromkeys(event for events in found for event in events)) if all(found) else ()


def shown(annotation: object) -> str:
    """Write an annotation as its author would."""
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is NoneType:
        return "None"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Union or origin is UnionType:
        return " | ".join(shown(argument) for argument in arguments)
    if isinstance(origin, type):
        return f"{shown(origin)}[{', '.join(shown(argument) for argument in arguments)}]"
    if isinstance(annotation, type):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return repr(annotation).replace("typing.", "")
