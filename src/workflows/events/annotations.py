"""The types of an event's fields, resolved when somebody asks for them.

A postponed annotation is text until then, since its names may be defined later than the class. For a class local to a
function the text can't be resolved afterwards, when the function's variables are gone. So those that the annotations
mention are kept when the class is made; not the frame, which would keep everything in it alive.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from types import FrameType, MappingProxyType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ..errors import DefinitionError
from .fields import Field, is_inherited

_CACHE = "__event_types__"
_WORD = re.compile(r"[^\W\d]\w*")


def captured_scope(cls: type, frame: FrameType | None) -> Mapping[str, object] | None:
    """Keep the variables of the functions around a local class that its annotations mention.

    Args:
        cls: The class, prepared by attrs.
        frame: Where it is being made; the functions around it are found from here, by their names.
    """
    path = cls.__qualname__.split(".")
    if "<locals>" not in path:
        return None
    around = {".".join(path[:length]) for length in range(1, len(path))}
    texts = [_text_of(field.type) for field in _own_fields(cls) if not isinstance(field.type, type)]
    mentioned = {word for text in texts for word in _WORD.findall(text)}
    kept: dict[str, object] = {}
    while frame is not None and around:
        name = frame.f_code.co_qualname
        if name in around and frame.f_globals.get("__name__") == cls.__module__:
            around.discard(name)
            names = mentioned - kept.keys()
            kept.update((name, value) for name, value in frame.f_locals.items() if name in names)
        frame = frame.f_back
    return MappingProxyType(kept)


def resolved_fields(cls: type) -> Mapping[str, Any]:
    """Tell the types of an event class's fields, with names looked up and type variables filled in.

    `cls` may be parametrized: for `Box[int]`, a field annotated `T` is an `int`.

    Raises:
        DefinitionError: An annotation mentions something that isn't there.
    """
    origin: type | None = get_origin(cls)
    if origin is not None:
        return MappingProxyType(_resolve(origin, get_args(cls)))
    found: Mapping[str, Any] | None = vars(cls).get(_CACHE)
    if found is None:
        found = MappingProxyType(_resolve(cls, ()))
        setattr(cls, _CACHE, found)
    return found


def _resolve(cls: type, arguments: tuple[object, ...]) -> dict[str, Any]:
    meaning = {cls: dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))}
    _learn_parameters(cls, meaning)
    types: dict[str, Any] = {}
    problems: list[str] = []
    for field in _all_fields(cls):
        owner = next(parent for parent in cls.__mro__ if any(own.name == field.name for own in _own_fields(parent)))
        try:
            types[field.name] = _filled(_evaluated(owner, field), meaning.get(owner, {}))
        except Exception as error:  # whatever evaluating a user's text can raise
            text = _text_of(field.type)
            problems.append(f"  - {field.name}: {text} of {owner.__qualname__} gives {type(error).__name__}: {error}.")
    if problems:
        head = f"The types of event class {cls.__module__}.{cls.__qualname__} can't be resolved:"
        advice = "  Import or define these names where the class is made, outside `if TYPE_CHECKING`"
        if "<locals>" in cls.__qualname__:
            advice += ", and before it, as it is local to a function"
        raise DefinitionError("\n".join([head, *problems, advice + "."]))
    return types


def _all_fields(cls: type) -> tuple[Field, ...]:
    fields: tuple[Field, ...] = vars(cls).get("__attrs_attrs__", ())
    return fields


def _own_fields(cls: type) -> list[Field]:
    return [field for field in _all_fields(cls) if not is_inherited(field)]


def _text_of(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else repr(annotation)


def _evaluated(owner: type, field: Field) -> Any:
    def probe() -> None: ...

    probe.__annotations__ = {field.name: field.type}
    module = sys.modules.get(owner.__module__)
    scope: Mapping[str, object] = vars(owner).get("__event_scope__") or {}
    parameters = {parameter.__name__: parameter for parameter in getattr(owner, "__type_params__", ())}
    local_names = {owner.__name__: owner, **scope, **parameters}
    hints = get_type_hints(probe, vars(module) if module else {}, local_names, include_extras=True)
    return hints[field.name]


def _learn_parameters(cls: type, meaning: dict[type, dict[Any, Any]]) -> None:
    """Add what the type variables of each base of `cls` stand for, seen from `cls`."""
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        origin: type = get_origin(base) or base
        if origin in meaning:
            continue
        parameters = getattr(origin, "__parameters__", ())
        arguments = (_filled(argument, meaning[cls]) for argument in get_args(base))
        meaning[origin] = dict(zip(parameters, arguments, strict=False))
        _learn_parameters(origin, meaning)


def _filled(annotation: Any, meaning: Mapping[Any, Any]) -> Any:
    """Put in what the type variables of an annotation stand for."""
    if isinstance(annotation, TypeVar):
        return meaning.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    is_bare = isinstance(annotation, type) and get_origin(annotation) is None  # a generic class without arguments
    if is_bare or not any(parameter in meaning for parameter in parameters):
        return annotation
    form: Any = annotation
    return form[tuple(meaning.get(parameter, parameter) for parameter in parameters)]
