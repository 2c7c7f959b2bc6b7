"""What is wrong with the options of a workflow, each with the value and what to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, cast, get_args, get_origin

_NO_CLASSES: tuple[object, ...] = (UnionType, Annotated)


def listed(values: object) -> object:
    """Give the items of what may be an iterator, as a tuple; what has no items comes back as it is."""
    if isinstance(values, str) or not hasattr(type(values), "__iter__"):
        return values
    return tuple(cast("Iterable[object]", values))


def option_problems(*, timeout: object, limit: object, waits: object, history: object, types: object) -> Iterator[str]:
    """Say what is wrong with the arguments of `Workflow()`."""
    if timeout is not None and (not _is_number(timeout) or not cast("float", timeout) > 0):
        yield f"timeout={timeout!r} is no number of seconds above 0; None means no limit."
    if limit is not None and not _is_count(limit):
        yield f"num_concurrent_runs={limit!r} is no whole number above 0; None means no limit."
    if waits not in ("replay", "park"):
        yield f"waits={waits!r} is neither 'replay' nor 'park'."
    if not _is_count(history):
        yield f"stream_history={history!r} is no whole number above 0."
    if not isinstance(types, tuple):
        name = types.__name__ if isinstance(types, type) else "Note"
        yield f"types={_shown(types)} is no list of classes. Write types=[{name}]."
        return
    for number, declared in enumerate(cast("tuple[object, ...]", types)):
        if not _is_class(declared):
            yield f"types[{number}] is {_shown(declared)}, which is no class. {_remedy(declared)}"


def _is_class(declared: object) -> bool:
    """Whether it's a class, or a generic one with its arguments."""
    origin: object = get_origin(declared)
    if origin is None:
        return isinstance(declared, type) and declared is not Any
    return isinstance(origin, type) and origin not in _NO_CLASSES


def _remedy(declared: object) -> str:
    named = [part.__name__ for part in get_args(declared) if isinstance(part, type)]
    if named and not isinstance(declared, type):
        return f"Name the classes that it's made of, one by one: types=[{', '.join(named)}]."
    if isinstance(declared, str):
        return "Give the class itself, not its name."
    return "Give classes: those that values in the state and results of `once` are of, and events that steps wait for."


def _shown(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else repr(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
