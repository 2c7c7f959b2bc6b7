"""Hypothesis strategies for a user's events, built from the fields that they declare. It needs hypothesis, an extra.

Rules:
- What is drawn can be stored by the workflow and comes back equal: no NaN, no lone surrogates, instants in UTC.
- A field with a default is left out now and then.
- Validators narrow what is drawn, and what they still refuse is thrown away.
- A class whose fields can't be seen needs a strategy of the user's, or hooks on the workflow's converter: then it's
  built of the annotated arguments of its constructor.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict, deque
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from functools import reduce
from inspect import Parameter
from math import ceil, floor
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Final, ForwardRef, Literal, TypeAlias, TypeVar, get_args, get_origin
from uuid import UUID
from zoneinfo import ZoneInfo

from ..codec.annotations import filled, is_union, meaning_of_variables, parameters_of, resolved, unwrapped
from ..codec.classes import Field, fields_of, kind_of, types_of
from ..errors import MissingExtra, UsageError
from ..events import Event
from ..workflow import Workflow
from .narrowing import Limits, limits_of, passes

try:
    from hypothesis import reject
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as _missing:
    raise MissingExtra(
        "workflows.testing.strategies needs hypothesis: pip install 'anyio-workflows[hypothesis]'"
    ) from _missing

EventT = TypeVar("EventT", bound=Event)
Values: TypeAlias = SearchStrategy[Any]
NO_LIMITS: Final = Limits()
BY_KEYWORD: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
NO_CLASSES: Final = ("builtins", "typing", "collections.abc")
MOST = 5
"""How many members a drawn collection has at most, unless its validators ask for more."""

_NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_ ü", min_size=1, max_size=8).filter(
    lambda name: name.strip() != ""
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_SMALL: Values = st.none() | st.booleans() | st.integers() | st.text(max_size=8)

STANDARD: Mapping[Any, Callable[[], Values]] = {
    type(None): st.none,
    bool: st.booleans,
    bytes: lambda: st.binary(max_size=20),
    bytearray: lambda: st.binary(max_size=20).map(bytearray),
    complex: lambda: st.complex_numbers(allow_nan=False),
    Decimal: lambda: st.decimals(allow_nan=False),
    Fraction: st.fractions,
    UUID: st.uuids,
    datetime: lambda: st.datetimes(timezones=st.just(UTC)),
    date: st.dates,
    time: st.times,
    timedelta: st.timedeltas,
    ZoneInfo: st.timezones,
    Path: lambda: _PATHS.map(Path),
    PurePath: lambda: _PATHS.map(PurePath),
    PurePosixPath: lambda: _PATHS.map(PurePosixPath),
    PureWindowsPath: lambda: _PATHS.map(PureWindowsPath),
    ipaddress.IPv4Address: lambda: st.ip_addresses(v=4),
    ipaddress.IPv6Address: lambda: st.ip_addresses(v=6),
    object: lambda: _SMALL,
    Any: lambda: _SMALL | st.lists(_SMALL, max_size=MOST) | st.dictionaries(st.text(max_size=8), _SMALL, max_size=MOST),
}

COLLECTIONS: Mapping[Any, Callable[[list[Any]], Any]] = {
    **dict.fromkeys((list, Sequence, MutableSequence, Collection, Iterable), list),
    **dict.fromkeys((set, AbstractSet, MutableSet), set),
    frozenset: frozenset,
    deque: deque,
}
MAPPINGS: Mapping[Any, Callable[[dict[Any, Any]], Any]] = {
    **dict.fromkeys((dict, Mapping, MutableMapping), dict),
    OrderedDict: OrderedDict,
}


def from_event_type(
    event_type: type[EventT],
    /,
    *,
    workflow: Workflow[Any, Any] | None = None,
    given: Mapping[Any, Values] | None = None,
    **fields: Values,
) -> SearchStrategy[EventT]:
    """Draw events of a class: a strategy for Hypothesis, built from the annotations and validators of its fields.

    Events, attrs classes, dataclasses, named tuples, enums, typed dicts and pydantic models are built from their fields
    in turn, however they're nested. Instants are drawn in UTC, and floats without NaN.

    Args:
        event_type: The class; a parametrized one, such as `Boxed[int]`, too.
        workflow: Whose converter has hooks for classes whose fields can't be seen; such a class is built of the
            annotated arguments of its constructor.
        given: Strategies for the values of classes, in place of what would be drawn; also for those that have none.
        fields: Strategies for single fields by name, in place of what would be drawn; for an open event class, for
            further keywords as well.

    Raises:
        UsageError: A class needs a strategy; all such are listed. Or it's no class of events, or has no such fields.
    """
    _look_at(event_type, fields)
    drawing = _Drawing(workflow, dict(given or {}))
    built = drawing.of_object(event_type, fields)
    if drawing.unknown:
        names = ", ".join(f"{place} ({kind})" for kind, place in drawing.unknown.items())
        first = next(iter(drawing.unknown))
        raise UsageError(
            f"Values can't be drawn for {names}.\n  Give a strategy: from_event_type({_name_of(event_type)}, "
            f"given={{{first}: st.builds(...)}}), or a workflow=... whose converter has hooks for it."
        )
    return built


def _look_at(event_type: Any, fields: Mapping[str, object]) -> None:
    """Refuse what is no class of events, and strategies for fields that it doesn't have: no event could be drawn."""
    origin = get_origin(event_type) or event_type
    if not isinstance(origin, type) or not issubclass(origin, Event):
        raise UsageError(f"from_event_type() was given {event_type!r:.200}. Give a class of events.")
    declared = [found.name for found in fields_of(origin) if found.keyword is not None]
    unknown = [] if origin.__event_open__ else [name for name in fields if name not in declared]
    if unknown:
        raise UsageError(
            f"from_event_type() was given {', '.join(f'{name}=' for name in unknown)}, and {_name_of(event_type)} has "
            f"no such field. Its fields: {', '.join(declared) or 'none'}."
        )


class _Drawing:
    """Strategies for the types that a class consists of."""

    def __init__(self, workflow: Workflow[Any, Any] | None, given: dict[Any, Values]) -> None:
        self._codec = None if workflow is None else workflow.definition.codec
        self._given = given
        self._made: dict[Any, Values] = {}
        self.unknown: dict[str, str] = {}

    # Classes

    def of_object(self, cls: Any, fields: Mapping[str, Values] | None = None) -> Values:
        """Instances of a class with declared fields; one that contains itself is drawn later."""
        if fields is None:
            if cls in self._made:
                return self._made[cls]
            self._made[cls] = st.deferred(lambda: made)
        origin = get_origin(cls) or cls
        meaning = meaning_of_variables(cls)
        types = types_of(origin, {})
        needed: dict[str, Values] = {}
        optional: dict[str, Values] = {}
        own = dict(fields or {})
        for field in fields_of(origin):
            if field.keyword is None:
                continue
            chosen = own.pop(field.name, None)
            if chosen is None:
                chosen = self._of_field(field, filled(types[field.name], meaning), f"{_name_of(cls)}.{field.name}")
            (needed if field.required else optional)[field.keyword] = chosen
        needed.update(own)
        arguments = st.fixed_dictionaries(needed, optional=optional)
        made = arguments if kind_of(origin) == "typed dict" else arguments.map(lambda found: _built(origin, found))
        return made

    def _of_field(self, field: Field, annotation: Any, place: str) -> Values:
        validator = field.validator
        if validator is None:
            return self.of(annotation, NO_LIMITS, place)
        drawn = self.of(annotation, limits_of(validator), place)
        return drawn.filter(lambda value: passes(validator, field.declared, value))

    def _of_class(self, cls: Any, place: str) -> Values:
        origin = get_origin(cls) or cls
        if kind_of(origin) == "enum":
            return _of_enum(origin)
        if kind_of(origin) == "model":
            return st.builds(origin)
        if fields_of(origin) or kind_of(origin) in ("event", "attrs", "dataclass"):
            return self.of_object(cls)
        if self._codec is not None and self._codec.knows(origin):
            return self._of_constructor(origin, place)
        return self._unknown(cls, place)

    def _of_constructor(self, cls: type, place: str) -> Values:
        """Instances of a class with hooks, whose fields can't be seen."""
        parameters = parameters_of(cls)
        named = [
            found
            for found in parameters.values()
            if found.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        ]
        raw = {found.name: found.annotation for found in named}
        if any(found.annotation is Parameter.empty and found.default is Parameter.empty for found in named):
            return self._unknown(cls, place)
        types = resolved(cls, raw, {})
        needed = [found.name for found in named if found.annotation is not Parameter.empty]
        return st.builds(cls, **{name: self.of(types[name], NO_LIMITS, f"{place}.{name}") for name in needed})

    def _unknown(self, annotation: Any, place: str) -> Values:
        self.unknown.setdefault(_name_of(annotation), place)
        return st.nothing()

    # Annotations

    def of(self, annotation: Any, limits: Limits, place: str) -> Values:
        """Values of what an annotation says."""
        if limits.options is not None:
            return st.sampled_from(limits.options)
        found = unwrapped(annotation)
        for known in (annotation, found):
            if isinstance(known, type | TypeVar) or get_origin(known) is not None:
                chosen = self._given.get(known)
                if chosen is not None:
                    return chosen
        if isinstance(found, TypeVar):
            members = found.__constraints__ or (found.__bound__ or Any,)
            return st.one_of([self.of(member, limits, place) for member in members])
        if isinstance(found, str | ForwardRef):
            return self._unknown(found, place)
        if is_union(found):
            return st.one_of([self.of(member, limits, place) for member in get_args(found)])
        return self._of_plain(found, limits, place)

    def _of_plain(self, found: Any, limits: Limits, place: str) -> Values:
        origin = get_origin(found) or found
        if origin is Literal:
            return st.sampled_from(get_args(found))
        if origin in (int, float, str):
            return _NARROWED[origin](limits)
        if origin in STANDARD:
            return STANDARD[origin]()
        if origin is tuple and not hasattr(found, "_fields"):
            return self._of_tuple(get_args(found), limits, place)
        if origin in COLLECTIONS:
            (member,) = get_args(found) or (Any,)
            return self._of_collection(origin, member, limits, place)
        if origin in MAPPINGS or origin is Counter:
            return self._of_mapping(origin, get_args(found), limits, place)
        if (
            not isinstance(origin, type)
            or origin is type
            or origin.__module__ in ("builtins", "typing", "collections.abc")
        ):
            return self._unknown(found, place)
        return self._of_class(found, place)

    def _of_tuple(self, members: tuple[Any, ...], limits: Limits, place: str) -> Values:
        if not members or members[-1] is Ellipsis:
            member = self.of(members[0] if members else Any, NO_LIMITS, place)
            return st.lists(member, **_sizes(limits)).map(tuple)
        return st.tuples(*[self.of(member, NO_LIMITS, place) for member in members if member != ()])

    def _of_collection(self, origin: Any, member: Any, limits: Limits, place: str) -> Values:
        make = COLLECTIONS[origin]
        if make in (set, frozenset):
            members = self.of(object if member is Any else member, NO_LIMITS, place)
            drawn = st.frozensets(members, **_sizes(limits))
            return drawn if make is frozenset else drawn.map(set)
        return st.lists(self.of(member, NO_LIMITS, place), **_sizes(limits)).map(make)

    def _of_mapping(self, origin: Any, arguments: tuple[Any, ...], limits: Limits, place: str) -> Values:
        key = self.of(arguments[0] if arguments else str, NO_LIMITS, place)
        if origin is Counter:
            return st.dictionaries(key, st.integers(0, 9), **_sizes(limits)).map(Counter)
        value = self.of(arguments[1] if arguments else Any, NO_LIMITS, place)
        return st.dictionaries(key, value, **_sizes(limits)).map(MAPPINGS[origin])


def _built(cls: Any, arguments: dict[str, Any]) -> Any:
    try:
        return cls(**arguments)
    except (ValueError, TypeError):  # what a validator of several fields says
        reject()


def _of_enum(cls: type[Enum]) -> Values:
    return _of_flags(cls) if issubclass(cls, Flag) else st.sampled_from(list(cls))


def _of_flags(cls: type[Flag]) -> Values:
    def together(one: Flag, other: Flag) -> Flag:
        return one | other

    return st.sets(st.sampled_from(list(cls)), min_size=1).map(lambda found: reduce(together, found))


def _name_of(annotation: Any) -> str:
    return annotation.__qualname__.rpartition("<locals>.")[2] if isinstance(annotation, type) else str(annotation)


def _sizes(limits: Limits) -> dict[str, Any]:
    most = max(MOST, limits.min_size) if limits.max_size is None else limits.max_size
    return {"min_size": limits.min_size, "max_size": most}


def _integers(limits: Limits) -> Values:
    (least, above), (greatest, below) = limits.least(), limits.greatest()
    if least is not None:
        least = floor(least) + 1 if above else ceil(least)
    if greatest is not None:
        greatest = ceil(greatest) - 1 if below else floor(greatest)
    return st.integers(least, greatest)


def _floats(limits: Limits) -> Values:
    (least, above), (greatest, below) = limits.least(), limits.greatest()
    return st.floats(least, greatest, exclude_min=above, exclude_max=below, allow_nan=False)


def _texts(limits: Limits) -> Values:
    if limits.pattern is not None:
        return st.from_regex(limits.pattern, fullmatch=limits.is_full)
    return st.text(**_sizes(limits))


_NARROWED: Mapping[Any, Callable[[Limits], Values]] = {int: _integers, float: _floats, str: _texts}
