"""How an instance is made of the values of its fields, so that it's equal to the one that was stored.

Rules:
- Instances are made through `__init__`, so that validators run, and what isn't a field is there.
- Then every field gets the value that was stored, wherever `__init__` could have made something else of it: by a
  converter, a `__post_init__`, or code of the user's own. What was changed in place there is put back, too.
- A converter needn't accept what it has made itself: a class that has one is made as its `__init__` would, without it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from copy import copy
from typing import Any, TypeAlias

from .classes import Field, derives, kind_of

Make: TypeAlias = Callable[[dict[str, object]], object]

_CHANGEABLE = frozenset({list, dict, set, bytearray, deque, OrderedDict, Counter})


def maker_of(cls: type, fields: tuple[Field, ...], validate: Callable[[object], None]) -> Make:
    """Choose how the instances of a class are made.

    Args:
        cls: An attrs class, a dataclass, or a named tuple.
        fields: Its fields.
        validate: Runs the validators of an instance.
    """
    if derives(cls, tuple):
        return _of_tuple(cls, fields)
    hook = {"attrs": "__attrs_post_init__", "dataclass": "__post_init__"}[kind_of(cls)]
    meddles = hasattr(cls, hook) or not _has_generated_init(cls)
    converts = any(field.converts for field in fields)
    if not meddles and not converts and all(field.keyword == field.name for field in fields):
        return lambda values: cls(**values)
    through_init = _through_init(cls, fields, restore_all=meddles)
    if not converts or not _has_generated_init(cls) or hasattr(cls, "__attrs_pre_init__"):
        return through_init
    past_converters = _past_converters(cls, getattr(cls, hook, None), validate)
    return lambda values: past_converters(values) if len(values) == len(fields) else through_init(values)


def _of_tuple(cls: Any, fields: tuple[Field, ...]) -> Make:
    names = [field.name for field in fields]

    def make(values: dict[str, object]) -> object:
        if len(values) < len(names):
            return cls(**values)
        return cls._make(values[name] for name in names)  # past a `__new__` of the user's own

    return make


def _has_generated_init(cls: Any) -> bool:
    filename: str = getattr(getattr(cls.__init__, "__code__", None), "co_filename", "")
    return filename == "<string>" or (filename.startswith("<attrs") and not hasattr(cls, "__attrs_init__"))


def _through_init(cls: type, fields: tuple[Field, ...], *, restore_all: bool) -> Make:
    keywords = {field.name: field.keyword for field in fields if field.keyword is not None}
    restored = [field.name for field in fields if restore_all or field.keyword is None or field.converts]

    def make(values: dict[str, object]) -> object:
        kept = _kept(values, restored)
        instance = cls(**{keywords[name]: value for name, value in values.items() if name in keywords})
        _restore(instance, values, kept)
        return instance

    return make


def _past_converters(cls: type, hook: Callable[[Any], None] | None, validate: Callable[[object], None]) -> Make:
    new: Callable[[type], object] = getattr(cls, "__new__")  # noqa: B009  # not that of `type`, which checkers see

    def make(values: dict[str, object]) -> object:
        kept = _kept(values, list(values))
        instance = new(cls)
        _restore(instance, values, values)
        validate(instance)
        if hook is not None:
            hook(instance)
            _restore(instance, values, kept)
        return instance

    return make


def _kept(values: dict[str, object], names: list[str]) -> dict[str, object]:
    """Keep what containers hold before the user's own code gets them."""
    held = {name: values[name] for name in names if name in values}
    return {name: copy(value) if type(value) in _CHANGEABLE else value for name, value in held.items()}


def _restore(instance: object, values: dict[str, object], kept: dict[str, object]) -> None:
    for name, before in kept.items():
        value = values[name]
        # The same object if it's still the same, since there may be others that hold it.
        object.__setattr__(instance, name, value if value is before or value == before else before)
