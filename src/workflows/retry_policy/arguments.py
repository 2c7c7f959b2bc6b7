"""Arguments: what the parts of a policy may be made of. A wrong one is refused where it's written, and shown."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias, cast

import attrs

from .attempts import Part

if sys.version_info >= (3, 14):
    from annotationlib import Format

Seconds: TypeAlias = float | timedelta
Field: TypeAlias = "attrs.Attribute[Any]"
ExceptionTypes: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]


def seconds(value: Seconds) -> float:
    """Convert a duration. What isn't one stays as it is: the field's validator knows what it's called."""
    given = value.total_seconds() if isinstance(value, timedelta) else value
    number = _number(given)
    return given if number is None else number


def duration(owner: object, field: Field, value: float) -> None:
    """Validate seconds: finite, and not below 0."""
    if not 0 <= _number_in(owner, field, value) < math.inf:
        raise ValueError(f"{_shown(owner, field, value)} isn't a finite time of 0 seconds or more.")


def limit(owner: object, field: Field, value: float) -> None:
    """Validate seconds that are an upper bound: not below 0, and infinite where there's none."""
    if not 0 <= _number_in(owner, field, value) <= math.inf:  # nan isn't
        raise ValueError(f"{_shown(owner, field, value)} isn't a time of 0 seconds or more; math.inf is no limit.")


def change(owner: object, field: Field, value: float) -> None:
    """Validate seconds that are added: finite, of either sign."""
    if not math.isfinite(_number_in(owner, field, value)):
        raise ValueError(f"{_shown(owner, field, value)} isn't a finite time.")


def factor(owner: object, field: Field, value: float) -> None:
    """Validate what a time is multiplied by: finite, and above 0."""
    if not 0 < _number_in(owner, field, value) < math.inf:
        raise ValueError(f"{_shown(owner, field, value)} isn't a finite number above 0.")


def count(owner: object, field: Field, value: int) -> None:
    """Validate a whole number above 0."""
    if isinstance(value, bool) or not isinstance(cast("object", value), int):
        raise TypeError(f"{_shown(owner, field, value)} isn't a whole number.")
    if value < 1:
        raise ValueError(f"{_shown(owner, field, value)} is below 1, and the first attempt counts too.")


def exception_types(given: ExceptionTypes) -> ExceptionTypes:
    """Check what is to be asked of `isinstance`."""
    every = cast("tuple[object, ...]", given if isinstance(given, tuple) else (given,))
    for one in every:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(
                f"exception_types={given!r}: {one!r} isn't an exception class; give one, or a tuple of some."
            )
    return given


def text(owner: object, field: Field, value: str | None) -> None:
    """Validate a string that may be missing."""
    if not isinstance(cast("object", value), str | None):
        raise TypeError(f"{_shown(owner, field, value)} isn't a string.")


def check_order(owner: object, low: float, high: float) -> None:
    """Refuse bounds that leave nothing between them."""
    if low > high:
        raise ValueError(f"{type(owner).__name__}(min={low!r}, max={high!r}): the least is above the most.")


def as_delay(value: object) -> float | None:
    """Give the seconds that somebody's code wants to wait, or `None` if that's no number, below 0, or without end."""
    number = _number(value)
    return number if number is not None and 0 <= number < math.inf else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _number_in(owner: object, field: Field, value: object) -> float:
    number = _number(value)
    if number is None:
        raise TypeError(f"{_shown(owner, field, value)} isn't a number, or a timedelta where a time is meant.")
    return number


def _shown(owner: object, field: Field, value: object) -> str:
    return f"{type(owner).__name__}({field.name}={value!r}): that"


# --- callables --------------------------------------------------------------------------------------------------------


@attrs.frozen
class Role:
    """How a callable is called, and what to say of something that can't be called so."""

    what: str
    example: str
    signature: str
    positional: tuple[object, ...]
    keywords: Mapping[str, object] = attrs.field(factory=dict[str, object])


def takes_retry_state(given: object, role: Role) -> bool:
    """Tell whether a callable wants a `FailedAttempt`, by the name of its first parameter.

    Raises:
        TypeError: It can be called neither so nor as its role wants it.
    """
    what, shape = role.what, f"a callable {role.signature}"
    if isinstance(given, type):
        example = f"retry_if_exception_type({given.__name__})" if issubclass(given, BaseException) else None
        raise TypeError(f"{given!r} is a class, not {what}; write {example or given.__name__ + '(...)'}.")
    if not callable(given) or isinstance(given, Part):
        raise TypeError(f"{given!r} isn't {what}; give one, such as {role.example}, or {shape}.")
    if is_async(given):
        raise TypeError(f"{given!r} is async, and can't be {what}: to decide takes no time. Give {shape}.")
    try:
        signature = signature_of(given)
    except ValueError:  # written in C, and doesn't tell
        return False
    if next(iter(signature.parameters), None) == "retry_state":
        return True
    if (problem := misfit(signature, role)) is not None:
        raise TypeError(f"{given!r} can't be called as {what}, {role.signature}: {problem}.")
    return False


def signature_of(given: Callable[..., object]) -> inspect.Signature:
    """Give a signature whose annotations may name what doesn't exist at run time."""
    if sys.version_info >= (3, 14):
        return inspect.signature(given, annotation_format=Format.FORWARDREF)
    return inspect.signature(given)


def misfit(signature: inspect.Signature, role: Role) -> str | None:
    """Say why a call of a role fails, if it does."""
    try:
        signature.bind(*role.positional, **role.keywords)
    except TypeError as error:
        return str(error)
    return None


def is_async(given: object) -> bool:
    """Tell whether calling it gives something to await."""
    return inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(
        inspect.getattr_static(given, "__call__", None)
    )
