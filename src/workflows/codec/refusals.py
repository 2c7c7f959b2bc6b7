"""Why a value can't be stored, and what to do about it."""

from __future__ import annotations

import functools
import types
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .classes import derives, kind_of, misfit_of

_PROCESS = "belongs to this process: open it where it's used, and store what is needed to open it again"
_FUNCTION = "is a function: store what it needs, and choose it by that"
_ITERATOR = "can be read only once: store a list of what it gives"

_BY_TYPE: dict[type, str] = {
    type: "is a class: store its name",
    types.ModuleType: "is a module: store its name",
    types.FunctionType: _FUNCTION,
    types.BuiltinFunctionType: _FUNCTION,
    types.MethodType: _FUNCTION,
    functools.partial: _FUNCTION,
    types.CoroutineType: "is a coroutine: await it, and store the result",
    types.GeneratorType: _ITERATOR,
    types.AsyncGeneratorType: _ITERATOR,
    defaultdict: "is a defaultdict, whose factory can't be stored: use a dict",
    memoryview: "is a memoryview: use bytes(...)",
    types.MappingProxyType: "is a view of a dict: use dict(...)",
    types.SimpleNamespace: "is a SimpleNamespace: use a dict, or declare a class with these fields",
    type(...): "is Ellipsis: use None, or a member of an Enum",
    type(NotImplemented): "is NotImplemented: use None, or a member of an Enum",
    object: "is a bare object(): use None, or a member of an Enum",
}

_OF_A_PROCESS = (
    *("_io", "io", "tempfile", "_socket", "socket", "_ssl", "ssl", "select", "subprocess", "sqlite3"),
    *("_thread", "threading", "multiprocessing", "concurrent", "_contextvars", "weakref"),
    *("_asyncio", "asyncio", "trio", "anyio"),
)
_BY_MODULE = {**dict.fromkeys(_OF_A_PROCESS, _PROCESS), "array": "is an array: use a list, or bytes"}

REFUSED = (*_BY_TYPE, *_BY_MODULE)
"""What `reason_for` has a word about, besides classes of the user's own."""


def reason_for(cls: type, stored: Iterable[type], declared: Callable[[type], bool]) -> str:
    """Say why an instance of a class is refused.

    Args:
        cls: Its class.
        stored: The types that need no declaration.
        declared: Whether a class is declared.
    """
    found = _BY_TYPE.get(cls)
    if found is not None:
        return found
    if derives(cls, type):
        return _BY_TYPE[type]
    for parent in cls.__mro__:
        found = _BY_MODULE.get(parent.__module__.partition(".")[0])
        if found is not None:
            return f"is a {cls.__qualname__}, which {found}" if found is _PROCESS else found
    if cls.__module__ in {"builtins", "itertools", "collections.abc"} and hasattr(cls, "__next__"):
        return f"is a {cls.__qualname__}, which {_ITERATOR}"
    return _reason_for_own(cls, stored, declared)


def _reason_for_own(cls: type, stored: Iterable[type], declared: Callable[[type], bool]) -> str:
    line = f"Workflow(types=[{cls.__name__}])"
    kind = kind_of(cls)
    misfit = misfit_of(cls)
    parent = next((parent for parent in cls.__mro__ if parent in set(stored) and parent is not object), None)
    if kind == "class" and parent is not None:
        return (
            f"is a {cls.__qualname__}, a subclass of {parent.__name__} that would come back as none: "
            f"use {parent.__name__}(...), or declare it with hooks: {line}"
        )
    if cls.__module__ == "builtins":
        return f"is a {cls.__qualname__}, which has no stored form"
    if misfit is not None:
        return f"is a {cls.__qualname__}, which {misfit}, and declare it: {line}"
    ancestor: Any = next((parent for parent in cls.__mro__[1:] if declared(parent)), None)
    besides = "" if ancestor is None else f" (declaring {ancestor.__name__} doesn't declare its subclasses)"
    return f"is a {cls.__qualname__}, which the workflow doesn't declare{besides}: {line}"
