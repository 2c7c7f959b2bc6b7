"""How an event comes from its keywords.

Each event class gets an `__init__` of its own, generated once:

- keyword-only, with everything that doesn't fit refused in one message (attrs' own `__init__` would stop at the first
  fault and know nothing of the class's other fields). The check is a single condition over parameters that are there
  anyway, so it costs next to nothing; catching faults around the call, in a metaclass' `__call__`, doubles its price;
- fields, validated or not, are written straight into the instance's dictionary. Whatever else attrs offers (converters,
  hooks, defaults that depend on other fields, fields in slots of a mixin) is left to attrs: `__attrs_init__`;
- undeclared fields lie in one dictionary under the key `EXTRAS`, which is absent if there are none.
"""

from __future__ import annotations

import difflib
import inspect
import reprlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from .fields import Field, alias_of, factory_of, is_required

if TYPE_CHECKING:
    from .model import Event

EventT = TypeVar("EventT", bound="Event")

EXTRAS = "__extras__"
NO_EXTRAS: Mapping[str, Any] = MappingProxyType({})


def make_init(cls: type[Event], fields: tuple[Field, ...], *, is_open: bool) -> Callable[..., None]:
    """Generate the `__init__` of an event class that attrs has already prepared."""
    # Parameters are the only names in the generated function that a user chooses, and none of them begins with an
    # underscore (see `fields.problems_of`). So they can't hide the dunder names.
    scope: dict[str, Any] = {"__nothing__": attrs.NOTHING, "__refuse__": refuse}
    parameters = [_parameter(field, scope) for field in fields if field.init]
    required = [alias_of(field) for field in fields if is_required(field)]

    faults = ["__positional__", *([] if is_open else ["__extras__"]), *(f"{name} is __nothing__" for name in required)]
    given = ", ".join(f"{name!r}: {name}" for name in required)
    body = [
        f"if {' or '.join(faults)}:",
        f"    __refuse__(__self__.__class__, __positional__, __extras__, {{{given}}})",
    ]
    if is_open:
        body += ["if __extras__:", f"    __self__.__dict__[{EXTRAS!r}] = __extras__"]
    body += [*_stores(fields, scope), *_checks(fields, scope)] if _is_plain(cls, fields) else [_delegation(fields)]

    head = ", ".join(["__self__", "/", "*__positional__", *parameters, "**__extras__"])
    source = f"def __init__({head}):\n" + "".join(f"    {line}\n" for line in body)
    exec(compile(source, f"<init of event {cls.__qualname__}>", "exec"), scope)
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    init.__doc__ = f"Make {cls.__name__} from keywords."
    vars(init)["__signature__"] = _signature(fields, is_open=is_open)
    return init


def refuse(
    cls: type[Event], positional: tuple[object, ...], extras: Mapping[str, object], required: Mapping[str, object]
) -> None:
    """Raise the `TypeError` that tells everything that is wrong with a call of an event class.

    Args:
        cls: The class.
        positional: Values that came without a keyword.
        extras: Undeclared keywords and their values.
        required: The keywords that must be given; `attrs.NOTHING` if they aren't.
    """
    fields = [field for field in _fields_of(cls) if field.init]
    names = [alias_of(field) for field in fields]
    faults: list[str] = []
    if positional:
        values = ", ".join(reprlib.repr(value) for value in positional)
        example = f"{cls.__name__}({names[0] if names else 'name'}=...)"
        faults.append(f"takes keywords only, but got {values} without one: write {example}")
    unknown = NO_EXTRAS if cls.__event_open__ else extras
    faults += [_unknown(name, value, names) for name, value in unknown.items()]
    if missing := [repr(name) for name, value in required.items() if value is attrs.NOTHING]:
        faults.append("needs " + ", ".join(missing))
    shown = [alias_of(field) if is_required(field) else f"{alias_of(field)}=..." for field in fields]
    lines = [f"{cls.__name__} {'; it '.join(faults)}."]
    lines.append(f"  Its fields: {', '.join(shown)}." if names else "  It has no fields.")
    if unknown:
        lines.append(f"  To take undeclared fields: class {cls.__name__}(..., extra=True).")
    raise TypeError("\n".join(lines))


def build_event(cls: type[EventT], fields: Mapping[str, object], extras: Mapping[str, object] = NO_EXTRAS, /) -> EventT:
    """Make an event from its fields by name and its undeclared fields, as a call of the class would.

    Converters and validators run, defaults stand in for what isn't given. Use it for data from outside.

    Raises:
        TypeError: A field is missing or unknown, or there are undeclared fields and the class takes none.
    """
    aliases = {field.name: alias_of(field) for field in _fields_of(cls) if field.init}
    return cls(**{aliases.get(name, name): value for name, value in fields.items()}, **extras)


def restore_event(
    cls: type[EventT], fields: Mapping[str, object], extras: Mapping[str, object] = NO_EXTRAS, /
) -> EventT:
    """Make an event again from the values that it had: no converter, validator or hook runs.

    Fields that have been added to the class since get their defaults. Use it for data that this package stored:
    a converter may not accept what it has made itself.

    Raises:
        TypeError: A field is missing or unknown, or there are undeclared fields and the class takes none.
    """
    declared = _fields_of(cls)
    names = {field.name for field in declared}
    unknown = {name: value for name, value in fields.items() if name not in names}
    missing = {alias_of(field): attrs.NOTHING for field in declared if is_required(field) and field.name not in fields}
    if unknown or missing or (extras and not cls.__event_open__):
        refuse(cls, (), {**unknown, **extras}, missing)
    event = cls.__new__(cls)
    for field in declared:
        value = fields[field.name] if field.name in fields else _default_of(field, event)
        object.__setattr__(event, field.name, value)
    if extras:
        vars(event)[EXTRAS] = dict(extras)
    return event


def _fields_of(cls: type[Event]) -> tuple[Field, ...]:
    fields: tuple[Field, ...] = cls.__attrs_attrs__
    return fields


def _is_plain(cls: type[Event], fields: tuple[Field, ...]) -> bool:
    """Whether making an instance is no more than storing values and checking them."""
    if any(hasattr(cls, hook) for hook in ("__attrs_pre_init__", "__attrs_post_init__")):
        return False
    for field in fields:
        factory = factory_of(field)
        if (factory and factory.takes_self) or getattr(field, "converter", None) is not None:
            return False
        if inspect.isdatadescriptor(inspect.getattr_static(cls, field.name, None)):
            return False
    return True


def _parameter(field: Field, scope: dict[str, Any]) -> str:
    if field.default is attrs.NOTHING or factory_of(field):
        return f"{alias_of(field)}=__nothing__"
    scope[f"__default_{field.name}__"] = field.default
    return f"{alias_of(field)}=__default_{field.name}__"


def _stores(fields: tuple[Field, ...], scope: dict[str, Any]) -> list[str]:
    lines = ["__fields__ = __self__.__dict__"] if fields else []
    for field in fields:
        value = alias_of(field) if field.init else f"__default_{field.name}__"
        factory = factory_of(field)
        if factory:
            scope[f"__make_{field.name}__"] = factory.factory
            made = f"__make_{field.name}__()"
            value = f"{made} if {value} is __nothing__ else {value}" if field.init else made
        elif not field.init:
            scope[value] = field.default
        lines.append(f"__fields__[{field.name!r}] = {value}")
    return lines


def _checks(fields: tuple[Field, ...], scope: dict[str, Any]) -> list[str]:
    checked = [field for field in fields if field.validator is not None]
    if not checked:
        return []
    scope["__are_off__"] = attrs.validators.get_disabled
    lines = ["if not __are_off__():"]
    for field in checked:
        scope |= {f"__check_{field.name}__": field.validator, f"__field_{field.name}__": field}
        value = f"__fields__[{field.name!r}]"
        lines.append(f"    __check_{field.name}__(__self__, __field_{field.name}__, {value})")
    return lines


def _delegation(fields: tuple[Field, ...]) -> str:
    # A factory's parameter is still `NOTHING` here: attrs takes that for "not given", as we do.
    names = [alias_of(field) for field in fields if field.init]
    return f"__self__.__attrs_init__({', '.join(f'{name}={name}' for name in names)})"


def _signature(fields: tuple[Field, ...], *, is_open: bool) -> inspect.Signature:
    """The signature that tools show: the fields as keywords, and `**extras` on an open class."""
    empty = inspect.Parameter.empty
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    for field in fields:
        if field.init:
            default = empty if is_required(field) else field.default
            annotation = empty if field.type is None else field.type
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(alias_of(field), kind, default=default, annotation=annotation))
    if is_open:
        parameters.append(inspect.Parameter("extras", inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)


def _unknown(name: str, value: object, names: list[str]) -> str:
    similar = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {similar[0]!r}?)" if similar else ""
    return f"has no field {name!r}, given as {reprlib.repr(value)}{hint}"


def _default_of(field: Field, event: Event) -> object:
    factory = factory_of(field)
    if factory is None:
        return field.default
    return factory.factory(event) if factory.takes_self else factory.factory()
