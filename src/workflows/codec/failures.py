"""Exceptions as data: `{"$": ".error", "v": {"type": ..., "message": ..., ...}}`.

Rules:
- Storing a step's failure never fails, whatever is in it.
- Read back, it's of its own type only if that's a builtin exception, one of this package's, or one that the workflow
  declares, and then has its arguments, attributes and notes. Else it is an `UnreconstructedException`.
- A declared exception is made without its `__init__`, which may want other arguments than those it kept.
- An argument of a builtin exception that can't be stored becomes its text.
- The traceback is kept as text.
"""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs

from .. import errors
from ..events import UnreconstructedException
from .problems import Exhausted, Refused, Reported, shown
from .reading import FAILED, Reader
from .scalars import is_plain_text, write_text
from .table import default_name
from .writing import Json, Writer

LONGEST_CHAIN = 16
LONGEST_TRACEBACK = 20_000
DEEPEST_ARGUMENT = 24  # exceptions can hold one another in loops; what is nested deeper becomes text
TAG = ".error"
_LEVELS = 3  # what one exception counts in depth
_TRACEBACK = "__stored_traceback__"
_ARGS: Any = vars(BaseException)["args"]
_KEYS = frozenset({"type", "message", "traceback", "args", "state", "cause"})


def _exceptions_in(module: object) -> dict[str, type[Exception]]:
    found = [cls for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, Exception)]
    return {default_name(cls): cls for cls in found}


_BUILTIN = _exceptions_in(builtins)
_OURS = _exceptions_in(errors)


def traceback_text(error: BaseException) -> str:
    """The traceback of an exception as text; of one that was read back, that of the original."""
    stored = getattr(error, _TRACEBACK, None)
    if type(stored) is str:
        return stored
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # a `__str__` or `__cause__` of the user's own
        text = f"{type(error).__qualname__} (its traceback can't be shown)\n"
    return text if len(text) <= LONGEST_TRACEBACK else f"...\n{text[-LONGEST_TRACEBACK:]}"


class Failures:
    """Stores exceptions and reads them back.

    Args:
        declared: The exceptions that the workflow declares, by name.
        name_of: The stored name of a class.
    """

    def __init__(self, declared: Mapping[str, type], name_of: Callable[[type], str]) -> None:
        exceptions = {name: cls for name, cls in declared.items() if issubclass(cls, Exception)}
        self._rebuilt: dict[str, type[Exception]] = {**_OURS, **exceptions}
        self._name_of = name_of

    def encode(self, error: BaseException, writer: Writer) -> Json:
        """Store an exception. Only one that is nested too deep is refused."""
        return self._written(error, writer, 0)

    def encode_always(self, error: BaseException, writer: Writer) -> Json:
        """Store an exception; of one that doesn't fit, its type and message."""
        try:
            return self.encode(error, writer)
        except (Refused, Exhausted):
            name = write_text(self._name_of(type(error)))
            return {"$": TAG, "v": {"type": name, "message": write_text(_message_of(error))}}

    def _written(self, error: BaseException, writer: Writer, level: int) -> Json:
        for owner in (error, self, writer):  # its payload, its arguments or attributes, and one for the stack
            writer.enter(owner, _LEVELS)
        payload = self._payload(error, writer, level)
        for owner in (writer, self, error):
            writer.leave(owner)
        return {"$": TAG, "v": payload}

    def _payload(self, error: BaseException, writer: Writer, level: int) -> dict[str, Json]:
        if isinstance(error, UnreconstructedException):
            name = error.original_type or default_name(UnreconstructedException)
        else:
            name = self._name_of(type(error))
        payload: dict[str, Json] = {"type": write_text(name), "message": write_text(_message_of(error))}
        if level == 0 and not writer.canonical and not isinstance(writer, _Attempt):
            payload["traceback"] = write_text(traceback_text(error))
        if name in _BUILTIN and type(error) is _BUILTIN[name]:
            payload |= _parts_of_builtin(error, writer)
        elif name in self._rebuilt and type(error) is self._rebuilt[name]:
            payload |= _parts_of_declared(error, writer)
        room = writer.limits.depth - writer.depth
        if error.__cause__ is not None and level < LONGEST_CHAIN and room >= _LEVELS:
            payload["cause"] = self._written(error.__cause__, writer, level + 1)
        return payload

    def decode(self, payload: Json, reader: Reader) -> Exception:
        """Read an exception."""
        if type(payload) is not dict or not {"type", "message"} <= payload.keys() <= _KEYS:
            raise Refused(f"should be an exception, with its type and message, and is {shown(payload)}")
        reader.enter(len(payload))
        reader.enter(0)
        parts = {key: reader.value(value) for key, value in payload.items()}
        reader.leave()
        reader.leave()
        if any(part is FAILED for part in parts.values()):
            raise Reported
        name, message, cause = parts["type"], parts["message"], parts.get("cause")
        if type(name) is not str or type(message) is not str or not isinstance(cause, Exception | None):
            raise Refused(f"should be an exception, with its type, message and cause, and is {shown(payload)}")
        error = self._rebuilt_from(name, parts)
        if error is None:
            original = None if name == default_name(UnreconstructedException) else name
            error = UnreconstructedException(message, original_type=original)
        if cause is not None:
            error.__cause__ = cause
        if type(parts.get("traceback")) is str:
            vars(error)[_TRACEBACK] = parts["traceback"]
        return error

    def _rebuilt_from(self, name: str, parts: dict[str, object]) -> Exception | None:
        args, state = parts.get("args"), parts.get("state", {})
        if type(args) is not list or type(state) is not dict:
            return None
        arguments, attributes = cast("list[object]", args), cast("dict[object, object]", state)
        try:
            if name in _BUILTIN:
                error = _BUILTIN[name](*arguments)
            elif name in self._rebuilt:
                error = _without_init(self._rebuilt[name], arguments)
            else:
                return None
            for key, value in attributes.items():
                if type(key) is str and (key == "__notes__" or not key.startswith("__")):
                    object.__setattr__(error, key, value)
        except Exception:  # arguments that the class doesn't take: the exception stays data
            return None
        return error


def _without_init(cls: type[Exception], args: list[object]) -> Exception:
    native: Any = cls
    while native.__module__ != "builtins":
        native = native.__base__
    error: Exception = native.__new__(cls, *args)
    native.__init__(error, *args)
    _ARGS.__set__(error, tuple(args))  # past the `__setattr__` of a frozen class
    return error


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a `__str__` of the user's own
        return "(its message can't be shown)"


def _parts_of_builtin(error: BaseException, writer: Writer) -> dict[str, Json]:
    reduced = error.__reduce__()
    assert isinstance(reduced, tuple)
    args: tuple[object, ...] = reduced[1]
    state: dict[str, object] = reduced[2] if len(reduced) > 2 else {}
    parts: dict[str, Json] = {"args": [_or_text(arg, writer) for arg in args]}
    stored = {key: _attempt(value, writer) for key, value in state.items() if _is_kept(key, value)}
    kept: dict[str, Json] = {key: found[0] for key, found in stored.items() if found is not None}
    return {**parts, "state": kept} if kept else parts


def _parts_of_declared(error: BaseException, writer: Writer) -> dict[str, Json]:
    state = dict(vars(error))
    fields: tuple[attrs.Attribute[Any], ...] = getattr(type(error), "__attrs_attrs__", ())
    state |= {field.name: getattr(error, field.name) for field in fields if hasattr(error, field.name)}
    args = _attempt(list(error.args), writer)
    kept = _attempt({key: value for key, value in state.items() if _is_kept(key, value)}, writer)
    if args is None or kept is None:
        return {}
    return {"args": args[0], "state": kept[0]} if kept[0] else {"args": args[0]}


def _is_kept(key: str, value: object) -> bool:
    return value is not None and is_plain_text(key) and (key == "__notes__" or not key.startswith("__"))


def _or_text(value: object, writer: Writer) -> Json:
    found = _attempt(value, writer)
    return write_text(shown(value)) if found is None else found[0]


class _Attempt(Writer):
    """Writes what an exception holds."""

    __slots__ = ()


def _attempt(value: object, writer: Writer) -> tuple[Json] | None:
    """Write what may be refused; None if it is. The limits are what is left of the writer's own."""
    depth = min(writer.limits.depth - writer.depth, DEEPEST_ARGUMENT)
    limits = attrs.evolve(writer.limits, depth=depth, values=max(0, min(writer.room, 100_000)))
    attempt = _Attempt(writer.encoders, limits, canonical=writer.canonical)
    try:
        written = attempt.value(value)
    except Exception:  # whatever is wrong with it
        return None
    writer.room -= limits.values - attempt.room
    return (written,)
