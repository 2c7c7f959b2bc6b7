"""What the fields of an event class may be, checked when the class is made, all problems at once.

- A name may not begin with an underscore, nor be one of the mapping face's methods: `ev.items` could not be both.
- A default is shared by all events of the class, so it may not be mutable.
- A field that isn't an argument needs a default, since nothing else gives it a value.
"""

from __future__ import annotations

import keyword
import reprlib
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import attrs

from ..errors import DefinitionError

Field: TypeAlias = "attrs.Attribute[Any]"

RESERVED = frozenset({"get", "items", "keys", "replace", "self", "to_dict", "values"})
KEEPS_OPEN = "workflows.keeps_open"
"""Key in a field's metadata: declaring this field doesn't close the class."""


class Factory(Protocol):
    """A default that is made anew for each event. (attrs declares its own `Factory` as a function.)"""

    factory: Callable[..., object]
    takes_self: bool


def check_fields(cls: type, fields: list[Field]) -> list[Field]:
    """Let `fields` pass, as attrs' `field_transformer`, unless a class with them could not work.

    Raises:
        DefinitionError: With a line for each problem.
    """
    problems = [problem for field in fields for problem in problems_of(field)]
    problems += [
        f"{parent.__name__} is a dataclass, whose fields an event doesn't see. Make it an Event or an attrs class"
        for parent in cls.__mro__[1:]
        if "__dataclass_fields__" in vars(parent)
    ]
    if problems:
        head = f"Event class {cls.__module__}.{cls.__qualname__} can't be made:"
        raise DefinitionError("\n".join([head, *(f"  - {problem}." for problem in problems)]))
    return fields


def problems_of(field: Field) -> list[str]:
    """Each reason why an event can't have this field, with the way out."""
    name = field.name
    problems: list[str] = []
    if name in RESERVED:
        problems.append(f"{name!r} can't be a field, as events use this name themselves. Rename it: '{name}_'")
    elif name.startswith("_"):
        problems.append(
            f"{name!r} can't be a field, as an event has no private ones. Drop the underscore, or annotate a constant "
            f"of the class with ClassVar"
        )
    elif not _is_ordinary(alias_of(field)):
        problems.append(f"{name!r} can't have the alias {field.alias!r}. Choose an ordinary name")
    if _is_mutable(field.default):
        kind = type(field.default).__name__
        problems.append(
            f"{name!r} has the mutable default {reprlib.repr(field.default)}, which all events would share. "
            f"Write {name}: ... = attrs.field(factory={kind})"
        )
    if not field.init and field.default is attrs.NOTHING:
        problems.append(f"{name!r} is no argument (init=False) and has no default. Give it one")
    return problems


def is_opened_by(explicit: bool | None, fields: tuple[Field, ...]) -> bool:
    """Whether a class takes undeclared fields: it says so, or says nothing and declares none itself."""
    return all(KEEPS_OPEN in field.metadata for field in fields) if explicit is None else explicit


def is_required(field: Field) -> bool:
    """Whether a keyword for the field must be given."""
    return field.init and field.default is attrs.NOTHING


def alias_of(field: Field) -> str:
    """The keyword that gives the field its value."""
    return field.alias or field.name


def factory_of(field: Field) -> Factory | None:
    """What makes the field's default, unless that is a plain value or missing."""
    default: Any = field.default
    return default if isinstance(default, attrs.Factory) else None  # type: ignore[arg-type]  # a class, see `Factory`


# Attributes of attrs' `Attribute` that its stubs leave out:


def is_inherited(field: Field) -> bool:
    """Whether the field was declared by a base of the class that was asked."""
    inherited: bool = getattr(field, "inherited", False)
    return inherited


def compared_value(field: Field, event: object) -> object:
    """What of the field counts in comparisons: its value, or what the key of `attrs.field(eq=key)` makes of it."""
    key: Callable[[object], object] | None = getattr(field, "eq_key", None)
    value: object = getattr(event, field.name)
    return value if key is None else key(value)


def _is_ordinary(alias: str) -> bool:
    return alias.isidentifier() and not keyword.iskeyword(alias) and alias not in RESERVED and alias[0] != "_"


def _is_mutable(default: object) -> bool:
    # What can't be hashed can be changed: the rule that dataclasses go by, too.
    hasher: Callable[[object], int] | None = type(default).__hash__
    return hasher is None
