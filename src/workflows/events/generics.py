"""What the type parameters of a generic class stand for in a class that derives from it."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin


def arguments_of(cls: type, generic: type) -> tuple[object, ...]:
    """Give what stands in the brackets of a generic base class, as seen from a class that derives from it.

    A parameter that the class leaves open, as it does in `class Reviews(Workflow)`, is its type variable.
    """
    if cls is generic:
        return _parameters_of(generic)
    found: tuple[object, ...] = _parameters_of(generic)
    for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin: Any = get_origin(base) or base
        if not (isinstance(origin, type) and issubclass(origin, generic)):
            continue
        given: dict[object, object] = dict(zip(_parameters_of(origin), get_args(base), strict=False))
        inner = [given.get(argument, argument) for argument in arguments_of(origin, generic)]
        found = tuple(new if is_open(old) else old for old, new in zip(found, inner, strict=True))
    return found


def is_open(argument: object) -> bool:
    """Whether a type argument says nothing: a type variable that nothing was put in for."""
    return isinstance(argument, TypeVar)


def _parameters_of(cls: type) -> tuple[object, ...]:
    parameters: tuple[object, ...] = getattr(cls, "__parameters__", ())
    return parameters
