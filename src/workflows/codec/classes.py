"""What a class declares: its kind, and its fields, whatever they're declared with."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Literal, TypeAlias, cast, get_origin, is_typeddict
from uuid import UUID

import attrs

from ..errors import DefinitionError
from ..events import Event, event_fields, resolved_fields
from .annotations import own_annotations, parameters_of, resolved

Kind: TypeAlias = Literal["event", "attrs", "dataclass", "named tuple", "model", "enum", "error", "typed dict", "class"]

_DATA: tuple[type, ...] = (
    *(str, bytes, bytearray, int, float, complex, list, tuple, dict, set, frozenset),
    *(date, time, timedelta, tzinfo, Decimal, Fraction, UUID, PurePath),
)


@attrs.frozen
class Field:
    """One field of a class."""

    name: str
    keyword: str | None  # the argument of `__init__`; None if there is none
    required: bool
    annotation: Any  # as it stands
    validator: Callable[[Any, Any, Any], object] | None = None
    converts: bool = False
    declared: attrs.Attribute[Any] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there's no instance without a value for it from outside."""
        return self.required and self.keyword is not None


def derives(cls: type, *bases: type) -> bool:
    """Whether a class is a subclass of one of others; without telling the type checker, which would know too much."""
    return issubclass(cls, bases)


def kind_of(cls: type) -> Kind:
    """Tell what a class is declared with."""
    if derives(cls, BaseException):
        return "error"
    if is_typeddict(cls):
        return "typed dict"
    if derives(cls, Event):
        return "event"
    if derives(cls, Enum):
        return "enum"
    if is_model(cls):
        return "model"
    if hasattr(cls, "__attrs_attrs__"):
        return "attrs"
    if hasattr(cls, "__dataclass_fields__"):
        return "dataclass"
    return "named tuple" if derives(cls, tuple) and hasattr(cls, "_fields") else "class"


def is_model(cls: type) -> bool:
    """Whether a class is a pydantic model. Pydantic is never imported for it: without pydantic there are none."""
    pydantic = sys.modules.get("pydantic.main")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def fields_of(cls: type) -> tuple[Field, ...]:
    """List the fields of a class, in the order of their declaration."""
    match kind_of(cls):
        case "event":
            return tuple(_of_attrs(field) for field in event_fields(cls))
        case "attrs":
            return tuple(_of_attrs(field) for field in attrs.fields(cls))
        case "dataclass":
            return tuple(_of_dataclass(field) for field in dataclasses.fields(cls))
        case "named tuple":
            return _of_named_tuple(cls)
        case "model":
            return _of_model(cls)
        case "typed dict":
            return _of_typed_dict(cls)
        case _:
            return ()


def types_of(cls: type, scope: Mapping[str, object]) -> dict[str, Any]:
    """Resolve the annotations of a class's fields; those that can't be stay text.

    Args:
        cls: The class.
        scope: What else a name may mean; for classes local to a function.
    """
    raw = {field.name: field.annotation for field in fields_of(cls)}
    if derives(cls, Event):
        event = cast("type[Event]", cls)
        try:
            return dict(resolved_fields(event))
        except DefinitionError:  # of a single field; the others can be resolved
            return resolved(event, raw, {**scope, **(event.__event_scope__ or {})})
    return raw if is_model(cls) else resolved(cls, raw, scope)


def is_resolved(cls: type) -> bool:
    """Whether an event class has all its annotations resolved; they stay so."""
    if not derives(cls, Event):
        return False
    try:
        resolved_fields(cls)
    except DefinitionError:
        return False
    return True


def _of_attrs(field: attrs.Attribute[Any]) -> Field:
    return Field(
        name=field.name,
        keyword=field.alias if field.init else None,
        required=field.default is attrs.NOTHING,
        annotation=Any if field.type is None else field.type,
        validator=field.validator,
        converts=getattr(field, "converter", None) is not None,
        declared=field,
    )


def _of_dataclass(field: dataclasses.Field[Any]) -> Field:
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return Field(field.name, field.name if field.init else None, required, field.type)


def _of_named_tuple(cls: Any) -> tuple[Field, ...]:
    annotations = own_annotations(cls)
    return tuple(Field(name, name, name not in cls._field_defaults, annotations.get(name, Any)) for name in cls._fields)


def _of_typed_dict(cls: Any) -> tuple[Field, ...]:
    declared = {name: found for parent in reversed(cls.__mro__) for name, found in own_annotations(parent).items()}
    return tuple(Field(name, name, name in cls.__required_keys__, found) for name, found in declared.items())


def _of_model(cls: Any) -> tuple[Field, ...]:
    fields: Mapping[str, Any] = cls.model_fields
    return tuple(Field(name, name, field.is_required(), field.annotation) for name, field in fields.items())


def misfit_of(cls: type) -> str | None:
    """Tell why instances of a class could not be made again from their fields; None if they could."""
    kind = kind_of(cls)
    if kind in {"event", "enum", "model", "error"}:
        return None
    if kind in {"class", "typed dict"}:
        return "isn't a class with declared fields: decorate it with @attrs.define or @dataclass"
    data = next((base for base in cls.__mro__ if base in _DATA), None)
    if data is not None and kind != "named tuple":
        return f"derives from {data.__name__}, whose content is no field: put it in a field"
    return _undeclared_field(cls, kind) or _unfit_init(cls, kind)


def _undeclared_field(cls: type, kind: Kind) -> str | None:
    mark = {"attrs": "__attrs_attrs__", "dataclass": "__dataclass_fields__"}.get(kind)
    if mark is None:
        return None
    for parent in cls.__mro__:
        if mark in vars(parent):
            return None
        added = [name for name, found in own_annotations(parent).items() if not _is_class_variable(found)]
        if added:
            how = "@attrs.define" if kind == "attrs" else "@dataclass"
            return f"adds the field {added[0]!r} to a decorated class without being decorated itself: add {how}"
    return None


def _is_class_variable(annotation: Any) -> bool:
    text = annotation if isinstance(annotation, str) else getattr(get_origin(annotation) or annotation, "_name", "")
    return str(text).removeprefix("typing.").startswith("ClassVar")


def _unfit_init(cls: type, kind: Kind) -> str | None:
    fields = {field.keyword for field in fields_of(cls) if field.keyword is not None}
    parameters = parameters_of(cls)
    if kind == "dataclass":
        pseudo = getattr(cls, "__dataclass_fields__").keys() - {field.name for field in fields_of(cls)}  # noqa: B009
        init_only = [name for name in parameters if name in pseudo]
        if init_only:
            return f"has the InitVar {init_only[0]!r}, whose value isn't kept: make it a field"
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    named = {name for name, parameter in parameters.items() if parameter.kind is not inspect.Parameter.VAR_POSITIONAL}
    if not fields <= named:
        return f"has an __init__ that doesn't take its field {min(fields - named)!r}"
    needed = {name for name in named if parameters[name].default is inspect.Parameter.empty}
    if not needed <= fields:
        return f"has an __init__ that needs {min(needed - fields)!r}, which is no field"
    return None
