"""Annotations of fields: resolved where they're text, searched for classes, and written in one way.

Nothing here raises for an annotation that can't be resolved: it stays text, and its classes stay unknown.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from itertools import product
from typing import Annotated, Any, ForwardRef, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

if sys.version_info >= (3, 14):
    from annotationlib import Format, get_annotations

_NONE = type(None)


def resolved(cls: type, raw: Mapping[str, Any], scope: Mapping[str, object]) -> dict[str, Any]:
    """Resolve the annotations of a class's fields.

    Args:
        cls: The class.
        raw: Its fields, with their annotations as they stand.
        scope: What a name may mean that isn't in the class's module, as a class local to a function isn't.
    """
    hints = None if "<locals>" in cls.__qualname__ else _hints_of(cls)
    if hints is None:
        hints = {name: _resolved_alone(cls, annotation, scope) for name, annotation in raw.items()}
    meaning = meaning_of_variables(cls)
    return {name: filled(hints.get(name, annotation), meaning) for name, annotation in raw.items()}


def _hints_of(cls: type) -> dict[str, Any] | None:
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception:  # whatever evaluating a user's text can raise
        return None


def _resolved_alone(cls: type, annotation: Any, scope: Mapping[str, object]) -> Any:
    def probe() -> None: ...

    probe.__annotations__ = {"field": annotation}
    own = {cls.__name__: cls}
    for owner, others in product(cls.__mro__, ({}, scope)):
        module = sys.modules.get(owner.__module__)
        names = {**others, **vars(owner), **(vars(module) if module else {})}
        try:
            return get_type_hints(probe, names, own, include_extras=True)["field"]
        except Exception:  # whatever evaluating a user's text can raise
            continue
    return annotation


def own_annotations(cls: type) -> dict[str, Any]:
    """The annotations of a class itself, as they stand."""
    if sys.version_info >= (3, 14):
        return get_annotations(cls, format=Format.FORWARDREF)
    return inspect.get_annotations(cls)


def parameters_of(cls: type) -> Mapping[str, inspect.Parameter]:
    """The parameters of a class when it's called."""
    if sys.version_info >= (3, 14):
        return inspect.signature(cls, annotation_format=Format.FORWARDREF).parameters
    return inspect.signature(cls).parameters


def meaning_of_variables(cls: Any) -> dict[Any, Any]:
    """Tell what the type variables of a class and its bases stand for; `cls` may be parametrized."""
    meaning: dict[Any, Any] = {}
    origin = get_origin(cls)
    if origin is not None:
        meaning.update(zip(getattr(origin, "__parameters__", ()), get_args(cls), strict=False))
        cls = origin
    for base in getattr(cls, "__orig_bases__", ()):
        if get_origin(base) is None:
            continue
        for variable, meant in meaning_of_variables(base).items():
            meaning.setdefault(variable, filled(meant, meaning))
    return {variable: meant for variable, meant in meaning.items() if variable is not meant}


def filled(annotation: Any, meaning: Mapping[Any, Any]) -> Any:
    """Put in what the type variables of an annotation stand for."""
    if isinstance(annotation, TypeVar):
        return meaning.get(annotation, annotation)
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation
    parameters = getattr(annotation, "__parameters__", ())
    if not any(parameter in meaning for parameter in parameters):
        return annotation
    generic: Any = annotation
    return generic[tuple(meaning.get(parameter, parameter) for parameter in parameters)]


def unwrapped(annotation: Any) -> Any:
    """Take off what changes nothing about the values: `Annotated`, `Final`, `NewType`, names of aliases."""
    while True:
        if isinstance(annotation, type):
            return annotation
        if get_origin(annotation) is Annotated or is_qualifier(annotation):
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return _NONE if annotation is None else annotation


def is_qualifier(annotation: Any) -> bool:
    """Whether an annotation is `Final[...]`, `Required[...]` and the like."""
    name = getattr(get_origin(annotation), "_name", None)
    return name in {"Final", "Required", "NotRequired", "ReadOnly", "ClassVar"}


def is_union(annotation: Any) -> bool:
    """Whether an annotation is `A | B` or `Union[A, B]`."""
    return get_origin(annotation) in {Union, types.UnionType}


def classes_in(annotation: Any) -> Iterator[Any]:
    """Find the classes that an annotation mentions, parametrized ones as `Box[int]`."""
    left = [annotation]
    seen: list[Any] = []
    while left:
        found = unwrapped(left.pop())
        if type(found) is type:
            yield found
            continue
        if isinstance(found, str | ForwardRef) or any(found is other for other in seen):
            continue
        seen.append(found)
        origin = get_origin(found)
        if isinstance(found, TypeVar):
            left += [found.__bound__, *found.__constraints__]
        elif origin is Literal:
            left += [type(value) for value in get_args(found) if isinstance(value, Enum)]
        elif isinstance(origin, type) and origin is not types.UnionType:
            yield found
            left += get_args(found)
        elif origin is not None:
            left += get_args(found)
        elif isinstance(found, type):
            yield found
        elif isinstance(found, list):
            left += found  # the arguments of a Callable


_WORD = re.compile(r"[^\[\],|\s]+")


def text_of(annotation: Any, name_of: Callable[[type], str]) -> str:
    """Write an annotation so that those that mean the same are written the same.

    Args:
        annotation: A resolved annotation, or text.
        name_of: How a class is called.
    """
    found = unwrapped(annotation)
    if isinstance(found, str | ForwardRef):
        return re.sub(r"\s+", " ", found if isinstance(found, str) else found.__forward_arg__)
    if found is _NONE:
        return "None"
    if found is Ellipsis:
        return "..."
    if found is Any:
        return "Any"
    if is_union(found):
        texts = {text_of(member, name_of) for member in get_args(found)}
        return " | ".join(sorted(texts, key=lambda text: (text == "None", text)))
    if get_origin(found) is Literal:
        return f"Literal[{', '.join(sorted(_literal(value) for value in get_args(found)))}]"
    if isinstance(found, list):
        return f"[{_joined(found, name_of)}]"
    if isinstance(found, TypeVar):
        return found.__name__
    origin = get_origin(found)
    if origin is not None:
        return f"{text_of(origin, name_of)}[{_joined(get_args(found), name_of)}]"
    return name_of(found) if isinstance(found, type) else repr(found)


def _joined(annotations: Any, name_of: Callable[[type], str]) -> str:
    return ", ".join(text_of(annotation, name_of) for annotation in annotations)


def _literal(value: object) -> str:
    return f"{type(value).__qualname__}.{value.name}" if isinstance(value, Enum) else repr(value)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Write an annotation's text with other names for some classes."""
    return _WORD.sub(lambda word: names.get(word[0], word[0]), text)
