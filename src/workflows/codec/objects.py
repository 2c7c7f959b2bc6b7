"""The stored form of declared classes: `{"$": name, "v": {field: value}}`, and how instances are made again.

Rules:
- All fields are stored under their own names, also those that `__init__` doesn't take.
- A field that was added since, and has a default, gets it. Any other difference is refused.
- What no longer passes its validators is refused when it's stored, since it could not be read back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, Flag
from operator import attrgetter
from typing import Any

import attrs

from ..events import Event, event_extras, restore_event
from ..events.construction import EXTRAS
from .classes import fields_of, misfit_of
from .making import maker_of
from .problems import Refused, attribute_step, shown, told
from .reading import Decode, DecodeWide, Reader, fields_in, named_values
from .writing import Encode, Json, Writer


@attrs.frozen
class Form:
    """How the instances of one declared class are stored and read."""

    encode: Encode
    decode: Decode
    decode_wide: DecodeWide | None = None


def object_form(cls: type, name: str) -> Form:
    """Make the stored form of an attrs class, a dataclass, or a named tuple."""
    misfit = misfit_of(cls)
    if misfit is not None:
        return unfit_form(cls, misfit)
    fields = _Fields(cls, name)
    make = maker_of(cls, fields.fields, fields.validate)

    names, values_of = fields.names, fields.values_of

    def encode(value: Any, writer: Writer) -> Json:
        return {"$": name, "v": writer.attributes(value, *fields.of(value, writer))}

    def encode_simply(value: Any, writer: Writer) -> Json:
        try:
            values = values_of(value)
        except AttributeError:
            return encode(value, writer)
        return {"$": name, "v": writer.attributes(value, names, values)}

    def decode(payload: Json, reader: Reader) -> object:
        values = reader.mapping(fields_in(payload), attribute_step)
        fields.compare(values)
        try:
            return make(values)
        except Exception as error:  # whatever a validator, or `__init__`, finds wrong
            raise Refused(f"{name} refuses these values: {told(error)}") from error

    return Form(encode_simply if fields.are_simple else encode, decode)


def event_form(cls: type[Event], name: str) -> Form:
    """Make the stored form of an event; its undeclared fields stand under `x`."""
    fields = _Fields(cls, name)
    names, values_of, known = fields.names, fields.values_of, fields.known
    plain = _plain_maker(cls, names) if fields.are_plain else None

    def encode(value: Event, writer: Writer) -> Json:
        extras = event_extras(value)
        if not extras:
            return {"$": name, "v": writer.attributes(value, *fields.of(value, writer))}
        written = writer.beside(dict(extras))
        return {"$": name, "v": writer.attributes(value, *fields.of(value, writer)), "x": written}

    def encode_simply(value: Event, writer: Writer) -> Json:
        if EXTRAS in value.__dict__:
            return encode(value, writer)
        try:
            values = values_of(value)
        except AttributeError:
            return encode(value, writer)
        return {"$": name, "v": writer.attributes(value, names, values)}

    def restored(values: dict[str, object], extras: dict[str, object]) -> object:
        try:
            event = restore_event(cls, values, extras)
            fields.validate(event)
            return event
        except Exception as error:  # whatever a validator finds wrong
            raise Refused(f"{name} refuses these values: {told(error)}") from error

    def decode(payload: Json, reader: Reader) -> object:
        values = reader.mapping(fields_in(payload), attribute_step)
        if plain is not None and values.keys() == known:
            return plain(values)
        fields.compare(values)
        return restored(values, {})

    def decode_wide(document: dict[str, Json], reader: Reader) -> object:
        if document.keys() != {"$", "v", "x"}:
            raise Refused(f"should have the keys '$', 'v' and 'x', and has {shown(list(document))}")
        if not cls.__event_open__:
            raise Refused(f"{name} takes no undeclared fields, and has {shown(document['x'])}")
        extras = reader.value(document["x"])
        values = reader.mapping(fields_in(document.get("v")), attribute_step)
        fields.compare(values)
        return restored(values, named_values(extras))

    return Form(encode_simply if fields.are_simple else encode, decode, decode_wide)


def _plain_maker(cls: type[Event], names: tuple[str, ...]) -> Callable[[dict[str, object]], Event]:
    """As `restore_event`, for a class whose instances have the values in their dictionaries, as they were stored."""
    new: Callable[[type[Event]], Event] = cls.__new__

    def make(values: dict[str, object]) -> Event:
        event = new(cls)
        stored = vars(event)
        for name in names:
            stored[name] = values[name]
        return event

    return make


def unfit_form(cls: type, misfit: str) -> Form:
    """Make the form of a declared class that can't be stored; it says why."""

    def encode(value: object, _writer: Writer) -> Json:
        raise Refused(f"is a {cls.__qualname__}, which {misfit}, or give it a stored form with hooks")

    def decode(payload: Json, _reader: Reader) -> object:
        raise Refused(f"is a {cls.__qualname__}, which {misfit}")

    return Form(encode, decode)


class _Fields:
    """The fields of a class, as they're written and read."""

    def __init__(self, cls: type, name: str) -> None:
        self.cls = cls
        self.name = name
        self.fields = fields_of(cls)
        self.names = tuple(field.name for field in self.fields)
        self.known = dict.fromkeys(self.names).keys()
        self._required = frozenset(field.name for field in self.fields if field.is_needed)
        self._checks = tuple(field for field in self.fields if field.validator is not None)
        self._unset = frozenset(field.name for field in self.fields if field.required and field.keyword is None)
        self.values_of = _getter(cls, self.names)

    @property
    def are_simple(self) -> bool:
        """Whether the values of all fields are there to be stored, just as they are."""
        return not self._unset and not self._checks

    @property
    def are_plain(self) -> bool:
        """Whether what was stored is, as it stands, what the instance's dictionary has."""
        return not self._checks and not any(
            inspect.isdatadescriptor(inspect.getattr_static(self.cls, name, None)) for name in self.names
        )

    def of(self, value: object, writer: Writer) -> tuple[Sequence[str], Sequence[object]]:
        """Give names and values of the fields that a value has; complain of the others."""
        if self._checks and not attrs.validators.get_disabled():
            self._check(value, writer)
        try:
            return self.names, self.values_of(value)
        except AttributeError:
            return self._present(value, writer)

    def compare(self, values: Mapping[str, object]) -> None:
        """Refuse values that aren't those of the fields, as they're now."""
        if values.keys() == self.known:
            return
        unknown = [shown(name) for name in values if name not in self.known]
        missing = [shown(name) for name in self.names if name in self._required and name not in values]
        if unknown or missing:
            raise Refused(self._difference(unknown, missing))

    def validate(self, value: object) -> None:
        """Run the validators."""
        for field in self._checks:
            assert field.validator is not None
            if not attrs.validators.get_disabled():
                field.validator(value, field.declared, getattr(value, field.name))

    def _check(self, value: object, writer: Writer) -> None:
        # What has become invalid since it was made could not be read back.
        for field in self._checks:
            assert field.validator is not None
            try:
                found = getattr(value, field.name)
            except AttributeError:
                continue
            try:
                field.validator(value, field.declared, found)
            except Exception as error:  # whatever a validator raises
                writer.complain(attribute_step(field.name), f"{shown(found)} doesn't pass its validator: {told(error)}")

    def _present(self, value: object, writer: Writer) -> tuple[list[str], list[object]]:
        present: dict[str, object] = {}
        for name in self.names:
            try:
                present[name] = getattr(value, name)
            except AttributeError:
                if name not in self._unset:
                    writer.complain(attribute_step(name), "has no value: set it")
        return list(present), list(present.values())

    def _difference(self, unknown: list[str], missing: list[str]) -> str:
        parts = [f"doesn't have {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(unknown)}, which the class doesn't declare"] if unknown else []
        return f"{self.name} {' and '.join(parts)}. Its fields: {', '.join(map(repr, self.names)) or 'none'}"


def _getter(cls: type, names: tuple[str, ...]) -> Callable[[Any], tuple[object, ...]]:
    if issubclass(cls, tuple):
        return tuple
    if not names:
        return lambda value: ()
    if len(names) == 1:
        (name,) = names
        return lambda value: (getattr(value, name),)
    return attrgetter(*names)


# --- enums ------------------------------------------------------------------------------------------------------------


def enum_form(cls: type[Enum], name: str) -> Form:
    """Make the stored form of an enum: the name of the member; of flags a list of names, or a number."""
    return _flag_form(cls, name) if issubclass(cls, Flag) else _member_form(cls, name)


def _member_form(cls: type[Enum], name: str) -> Form:
    def encode(value: Enum, _writer: Writer) -> Json:
        return {"$": name, "v": value.name}

    def decode(payload: Json, _reader: Reader) -> object:
        return _member(cls, name, payload)

    return Form(encode, decode)


def _member(cls: type[Enum], name: str, payload: Json) -> Enum:
    member = cls.__members__.get(payload) if type(payload) is str else None
    if member is None:
        raise Refused(f"{shown(payload)} is no member of {name}, which has {', '.join(cls.__members__)}")
    return member


def _flag_form(cls: type[Flag], name: str) -> Form:
    def encode(value: Flag, _writer: Writer) -> Json:
        names: list[Json] = _names_of_flag(cls, value)
        stored: Json = names if _joined(cls, names).value == value.value else value.value
        return {"$": name, "v": stored}

    def decode(payload: Json, _reader: Reader) -> object:
        if type(payload) is list:
            for part in payload:
                _member(cls, name, part)
            return _joined(cls, payload)
        try:
            value = cls(payload) if type(payload) is int else None
        except ValueError:
            value = None
        if value is None or value.value != payload:
            raise Refused(f"{shown(payload)} is no value of {name}, which has {', '.join(cls.__members__)}")
        return value

    return Form(encode, decode)


def _names_of_flag(cls: type[Flag], value: Flag) -> list[Json]:
    if value.name is not None and cls.__members__.get(value.name) is value:
        return [value.name]
    return [member.name for member in value]


def _joined(cls: type[Flag], names: list[Json]) -> Flag:
    joined = cls(0)
    for part in names:
        joined |= cls.__members__[str(part)]
    return joined


# --- classes with hooks -----------------------------------------------------------------------------------------------


def custom_form(
    cls: type,
    name: str,
    unstructure: Callable[[Any], Any],
    structure: Callable[[Any, Any], Any],
    reader: Callable[[], Reader],
) -> Form:
    """Make the stored form of a class that the user has given hooks.

    Args:
        cls: The class.
        name: Its stored name.
        unstructure: Turns an instance into anything that can be stored.
        structure: Turns that back into an instance.
        reader: Makes a reader, by which the first value that is stored is read back at once: a hook that is wrong is
            found before anything relies on it.
    """
    tried = False

    def encode(value: object, writer: Writer) -> Json:
        nonlocal tried
        try:
            parts = unstructure(value)
        except Exception as error:  # whatever the hook raises
            raise Refused(f"is a {cls.__qualname__}, whose unstructure hook failed: {told(error)}") from error
        writer.enter(value, 0)
        stored = writer.value(parts)
        writer.leave(value)
        if not tried:
            decode(stored, reader())
            tried = True
        return {"$": name, "v": stored}

    def decode(payload: Json, reader: Reader) -> object:
        reader.enter(0)
        parts = reader.part(payload)
        reader.leave()
        try:
            value = structure(parts, cls)
        except Exception as error:  # whatever the hook raises
            raise Refused(f"{shown(parts)} is no {name}: its structure hook failed: {told(error)}") from error
        if type(value) is not cls:
            raise Refused(f"{shown(parts)} gave a {type(value).__qualname__}, and not a {cls.__qualname__}")
        return value

    return Form(encode, decode)
