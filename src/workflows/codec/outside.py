"""Single values from outside: what may stand for each type, and why something doesn't fit."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from .misfits import class_misfit, located, misfit
from .moments import zone_named
from .problems import shown


@attrs.frozen
class _Outside:
    make: Callable[[Any], object]
    stands_for: tuple[type, ...]  # types of JSON
    expected: str


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def _exact_decimal(number: float | str) -> Decimal:
    return Decimal(number if isinstance(number, int | str) else repr(number))


def _text(cls: Callable[[str], object], expected: str) -> _Outside:
    return _Outside(cls, (str,), expected)


_ISO = "in ISO format"
_BYTES = "bytes, or base64 text"

_OUTSIDE: Mapping[type, _Outside] = {
    bool: _Outside(bool, (), "true or false"),
    int: _Outside(int, (), "an integer"),
    float: _Outside(float, (int,), "a number"),
    complex: _Outside(complex, (int, float), "a number"),
    str: _Outside(str, (), "text"),
    bytes: _text(_base64, _BYTES),
    bytearray: _text(lambda text: bytearray(_base64(text)), _BYTES),
    datetime: _text(datetime.fromisoformat, f"a date and time {_ISO}"),
    date: _text(date.fromisoformat, f"a date {_ISO}"),
    time: _text(time.fromisoformat, f"a time {_ISO}"),
    timedelta: _Outside(_seconds, (int, float), "a number of seconds"),
    ZoneInfo: _text(zone_named, "the name of a time zone"),
    Decimal: _Outside(_exact_decimal, (str, int, float), "a decimal number"),
    Fraction: _Outside(Fraction, (str, int), "a fraction"),
    UUID: _text(UUID, "a UUID"),
    Path: _text(Path, "a path"),
    type(Path()): _text(Path, "a path"),
    PurePath: _text(PurePath, "a path"),
    PurePosixPath: _text(PurePosixPath, "a path"),
    PureWindowsPath: _text(PureWindowsPath, "a path"),
    re.Pattern: _text(re.compile, "a regular expression"),
    IPv4Address: _text(IPv4Address, "an IPv4 address"),
    IPv4Interface: _text(IPv4Interface, "an IPv4 interface"),
    IPv4Network: _text(IPv4Network, "an IPv4 network"),
    IPv6Address: _text(IPv6Address, "an IPv6 address"),
    IPv6Interface: _text(IPv6Interface, "an IPv6 interface"),
    IPv6Network: _text(IPv6Network, "an IPv6 network"),
    type(None): _Outside(lambda value: None, (), "nothing"),
}

Hook = Callable[[Any, Any], Any]


def scalar_hook(cls: type) -> Hook | None:
    """Make the hook of a type that has no parts; None for any other."""
    found = _OUTSIDE.get(cls)
    if found is not None:
        return _hook_of(cls, found)
    return enum_hook(cls) if issubclass(cls, Enum) else None


def _hook_of(cls: type, outside: _Outside) -> Hook:
    # A boolean is an int to Python, and to nobody else.
    refused = bool if cls in {int, float, complex} else ()

    def structure(value: Any, _type: Any) -> Any:
        if isinstance(value, cls) and not isinstance(value, refused):
            return value
        if type(value) not in outside.stands_for:
            raise misfit(outside.expected, value)
        try:
            return outside.make(value)
        except Exception as error:  # whatever the class says of a text that isn't one
            raise misfit(outside.expected, value) from error

    return structure


def enum_hook(cls: type[Enum]) -> Hook:
    """Make the hook of an enum: a member, or its value, or its name."""
    by_value = {_exactly(member.value): member for member in cls if _is_simple(member.value)}
    expected = "one of " + ", ".join(shown(member.value) for member in cls)

    def structure(value: Any, _type: Any) -> Any:
        if isinstance(value, cls):
            return value
        member = by_value.get(_exactly(value)) if _is_simple(value) else None
        if member is None and type(value) is str:
            member = cls.__members__.get(value)
        if member is None and type(value) is int and issubclass(cls, Flag):
            member = _flags(cls, value)
        if member is None:
            raise misfit(expected, value)
        return member

    return structure


def _flags(cls: type[Flag], value: int) -> Flag | None:
    try:
        flags = cls(value)
    except ValueError:
        return None
    return flags if flags.value == value else None


def literal_hook(values: tuple[object, ...]) -> Hook:
    """Make the hook of `Literal[...]`; members of enums may be given by value."""
    allowed = {_exactly(value): value for value in values}
    for value in values:
        if isinstance(value, Enum) and _is_simple(value.value):
            allowed.setdefault(_exactly(value.value), value)
    expected = "one of " + ", ".join(shown(value) for value in values)

    def structure(value: Any, _type: Any) -> Any:
        if isinstance(value, Enum) or _is_simple(value):
            key = _exactly(value)
            if key in allowed:
                return allowed[key]
        raise misfit(expected, value)

    return structure


def instance_hook(cls: type) -> Hook:
    """Make the hook of a class that only instances can stand for."""

    def structure(value: Any, _type: Any) -> Any:
        try:
            fits = isinstance(value, cls)
        except TypeError:  # a protocol that can't be asked at run time
            return value
        if not fits:
            raise misfit(f"a {cls.__qualname__}", value)
        return value

    return structure


def or_instance(cls: type, hook: Hook) -> Hook:
    """Make a hook let instances pass."""
    return lambda value, annotation: value if isinstance(value, cls) else hook(value, annotation)


def model_hook(value: Any, cls: Any) -> Any:
    """Let pydantic judge, as the model says."""
    try:
        return cls.model_validate(value)
    except Exception as error:
        errors: Any = getattr(error, "errors", None)
        if errors is None:
            raise
        problems = [located(found["loc"], f"{found['msg']}, got {shown(found['input'])}") for found in errors()]
        raise class_misfit(problems, cls) from error


def _is_simple(value: object) -> bool:
    return value is None or type(value) in {bool, int, float, str, bytes}


def _exactly(value: object) -> tuple[type, object]:
    return type(value), value


def is_deeper(value: object, depth: int) -> bool:
    """Whether lists and dicts are nested deeper, found without recursion."""
    level: list[Any] = [value]
    while depth >= 0:
        parts: list[Any] = []
        for container in level:
            if type(container) is dict:
                parts += container.values()
            elif type(container) in NESTING:
                parts += container
        level = [part for part in parts if type(part) in NESTING]
        if not level:
            return False
        depth -= 1
    return True


NESTING = frozenset({dict, list, tuple})
