"""`Codec`: values to JSON and back, for the types that one workflow declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from hashlib import blake2b
from typing import Any, TypeVar, cast, get_origin, overload

import cattrs

from ..errors import DecodeError, DefinitionError, EncodeError, UsageError
from ..events import Event
from .annotations import classes_in, renamed, text_of
from .classes import derives, fields_of, is_resolved, misfit_of, types_of
from .containers import CONTAINERS
from .failures import TAG as ERROR_TAG
from .failures import Failures
from .hooks import Hooks
from .models import model_form
from .moments import MOMENTS
from .objects import Form, custom_form, enum_form, event_form, object_form
from .problems import Exhausted, Refused, listed, shown, told
from .reading import Decode, DecodeWide, ExplainingReader, Reader, Tags
from .refusals import reason_for
from .scalars import PLAIN, SCALARS, Standard
from .table import TypeTable, default_name, place_of
from .validation import Validator
from .writing import Encode, ExplainingWriter, Json, Limits, Writer, canonical_text

T = TypeVar("T")

STANDARD: tuple[Standard, ...] = (*SCALARS, *MOMENTS, *CONTAINERS)
"""The types of the standard library that need no declaration."""

_STANDARD_TYPES = frozenset({*PLAIN, *(standard.type for standard in STANDARD)})


class Codec:
    """Values to JSON and back.

    What a value *is* gets encoded, not what an annotation says of it; so it comes back equal and of the same type. Only
    what the codec knows is read back: the usual types of the standard library, and the classes given here with all that
    the annotations of their fields mention.

    Args:
        types: The declared classes.
        configure: Registers hooks for classes that need a stored form of their own, on the converter that it's given.
            What an unstructure hook returns may be anything that can be stored; its structure hook gets the same back.
        max_depth: How deep values may be nested, in both directions.
        max_values: How many parts a value may have, in both directions.

    Raises:
        DefinitionError: A class can't be stored, or two have the same name; all problems at once.
    """

    def __init__(
        self,
        types: Iterable[Any] = (),
        configure: Callable[[cattrs.Converter], None] | None = None,
        *,
        max_depth: int = 200,
        max_values: int = 10_000_000,
    ) -> None:
        types = list(types)
        self._limits = Limits(max_depth, max_values)
        self._hooks = Hooks(self.encode, self.decode, configure)
        self._hooks.check_standard(_STANDARD_TYPES)
        self._table = TypeTable(types, _STANDARD_TYPES, self._hooks.covers)
        self._check_roots(types)
        self._failures = Failures(self._table.types, self._name_or_default)
        self._encoders = _Encoders(self._encoder_of)
        self._encoders.update({standard.type: standard.encode for standard in STANDARD} | PLAIN)
        self._shapes: dict[type, dict[str, str]] = {}
        self._decoders: dict[str, Decode] = {standard.tag: standard.decode for standard in STANDARD if standard.tag}
        self._decoders[ERROR_TAG] = self._failures.decode
        self._wide: dict[str, DecodeWide] = {}
        self._tags = Tags(self._decoders, self._wide, self._learn)
        self._validator = Validator(self._hooks.structure_hook, self._table.scope, max_depth)

    # --- values -----------------------------------------------------------------------------------------------------

    def encode(self, value: object) -> Json:
        """Turn a value into data that `json.dumps` takes and that shares nothing with it.

        Raises:
            EncodeError: Something in it can't be stored; `problems` has all of it, with paths.
        """
        try:
            return self._encoders[type(value)](value, Writer(self._encoders, self._limits))
        except Exception as error:
            raise self._encode_error(value, error) from _cause_of(error)

    def decode(self, data: Any) -> Any:
        """Turn encoded data into the value that it was; a new one each time.

        Nothing is imported, and nothing called but the classes that are declared.

        Raises:
            DecodeError: It isn't what `encode` gives for the declared types; `problems` has all of it, with paths.
        """
        try:
            return Reader(self._tags, self._limits).value(data)
        except Exception as error:
            raise self._decode_error(data, error) from _cause_of(error)

    def fingerprint(self, value: object) -> str:
        """Digest a value: the same for equal values of the same types, in every process.

        Raises:
            EncodeError: Something in it can't be stored.
        """
        try:
            data = Writer(self._encoders, self._limits, canonical=True).value(value)
        except Exception as error:
            raise self._encode_error(value, error) from _cause_of(error)
        return blake2b(canonical_text(data).encode(), digest_size=8).hexdigest()

    def encode_exception(self, error: BaseException) -> Json:
        """Turn an exception into data: type, message, traceback as text, and what it takes to make it again.

        It never fails: what can't be stored becomes text.
        """
        return self._failures.encode_always(error, Writer(self._encoders, self._limits))

    def decode_exception(self, data: Any) -> Exception:
        """Turn that data into an exception: of its own type if that's builtin or declared.

        Else it's an `UnreconstructedException`.

        Raises:
            DecodeError: The data isn't an encoded exception.
        """
        error = self.decode(data)
        if not isinstance(error, Exception):
            raise DecodeError("This is no encoded exception.", [f"$: is {shown(error)}"])
        return error

    @overload
    def validate(self, value: object, type_: type[T], path: str = "$") -> T: ...

    @overload
    def validate(self, value: object, type_: Any, path: str = "$") -> Any: ...

    def validate(self, value: object, type_: Any, path: str = "$") -> Any:
        """Make data from outside what a type says: JSON, or instances, or a mixture.

        Raises:
            InvalidInput: It doesn't fit; `problems` has all of it, with paths.
        """
        return self._validator.validate(value, type_, path)

    def is_as_declared(self, event: Event) -> bool:
        """Whether all values of an event are text, numbers or nothing, and of the types that its class declares.

        `validate` would make an equal event of it.
        """
        return self._validator.is_as_declared(event)

    # --- types ------------------------------------------------------------------------------------------------------

    @property
    def types(self) -> Mapping[str, type]:
        """The declared classes by stored name, aliases included."""
        return self._table.types

    @property
    def names(self) -> Mapping[type, str]:
        """The stored name of each declared class."""
        return self._table.names

    def knows(self, cls: type) -> bool:
        """Whether a class is declared."""
        return cls in self._table.names

    def name_of(self, cls: type) -> str:
        """The name under which a declared class is stored.

        Raises:
            UsageError: It isn't declared.
        """
        name = self._table.names.get(cls)
        if name is None:
            raise UsageError(f"{place_of(cls)} isn't declared by the workflow: Workflow(types=[{cls.__name__}])")
        return name

    def type_named(self, name: str) -> type:
        """The declared class that a stored name or an alias means.

        Raises:
            DecodeError: There is none.
        """
        cls = self._table.types.get(name)
        if cls is None:
            raise DecodeError("A type of the stored data isn't known.", [f"$: {_unknown(name)}"])
        return cls

    def shape(self, cls: type) -> dict[str, str]:
        """The fields of a declared class with their annotations as text; `=` at the end marks a default.

        Of an enum the members; of a class with hooks of the user's own, nothing.
        """
        known = self._shapes.get(cls)
        if known is None:
            known = self._shape_of(cls)
            if cls in self._encoders or is_resolved(cls):  # what its annotations mean is settled
                self._shapes[cls] = known
        return dict(known)

    def _shape_of(self, cls: type) -> dict[str, str]:
        if self._hooks.covers(cls):
            return {}
        if derives(cls, Enum):
            return dict.fromkeys(cast("type[Enum]", cls).__members__, "=")
        types = types_of(cls, self._table.scope)
        return {
            field.name: text_of(types[field.name], self._name_or_default) + ("" if field.is_needed else "=")
            for field in fields_of(cls)
        }

    def is_of_shape(self, name: object, recorded: object) -> bool:
        """Whether the class that has this name is known to have the recorded shape; if not, `shape_problems` tells."""
        cls = self._table.types.get(name)  # type: ignore[call-overload]  # another key isn't there, or is refused
        return cls is not None and self._shapes.get(cls) == recorded

    def shape_problems(self, name: str, recorded: Mapping[str, str]) -> list[str]:
        """Tell why data of a recorded shape can't be read as the class that has this name now."""
        cls = self._table.types.get(name)
        if cls is None:
            return [_unknown(name)]
        now = self.shape(cls)
        if recorded == now:
            return []
        aliases = {alias: self._table.names[found] for alias, found in self._table.types.items()}
        problems: list[str] = []
        for field, text in recorded.items():
            before = renamed(text.removesuffix("="), aliases)
            if field not in now:
                what = "member" if derives(cls, Enum) else "field"
                problems.append(f"{name} has no {what} {field!r} any more, and the data may have it: keep it")
            elif now[field].removesuffix("=") != before:
                problems.append(f"{name}.{field} was {before}, and is {now[field].removesuffix('=')}")
        for field, text in now.items():
            if field not in recorded and not text.endswith("="):
                problems.append(f"{name}.{field} is new, and the data doesn't have it: give it a default")
        return problems

    # --- tables that fill as types are met --------------------------------------------------------------------------

    def _encoder_of(self, cls: type) -> Encode:
        if derives(cls, BaseException) and not self._hooks.covers(cls):
            return self._failures.encode
        name = self._table.names.get(cls)
        if name is not None:
            self._learn(name)
            return self._encoders[cls]

        def refuse(value: object, _writer: Writer) -> Json:
            raise Refused(reason_for(cls, _STANDARD_TYPES, self.knows))

        return refuse

    def _learn(self, name: str) -> None:
        cls = self._table.types.get(name)
        if cls is None or (derives(cls, BaseException) and not self._hooks.covers(cls)):
            raise Refused(f"is of the type {_unknown(name)}")
        form = self._form_of(cls, self._table.names[cls])
        self._encoders[cls] = form.encode
        self._decoders[name] = form.decode
        if form.decode_wide is not None:
            self._wide[name] = form.decode_wide

    def _form_of(self, cls: type, name: str) -> Form:
        hooks = self._hooks.of(cls)
        if hooks is not None:
            return custom_form(cls, name, *hooks, lambda: Reader(self._tags, self._limits))
        match self._table.kind(cls):
            case "event":
                return event_form(cls, name)
            case "enum":
                return enum_form(cls, name)
            case "model":
                return model_form(cls, name)
            case _:
                return object_form(cls, name)

    def _name_or_default(self, cls: type) -> str:
        if cls.__module__ == "builtins" and not derives(cls, BaseException):
            return cls.__qualname__
        return self._table.names.get(cls) or default_name(cls)

    # --- errors -----------------------------------------------------------------------------------------------------

    def _check_roots(self, roots: list[Any]) -> None:
        problems = [
            f"{place_of(cls)} {misfit}, or give it a stored form with hooks"
            for root in roots
            for cls in {get_origin(found) or found for found in classes_in(root)}
            if (misfit := self._misfit_of_root(cls)) is not None
        ]
        if problems:
            lines = "".join(f"\n  - {problem}" for problem in problems)
            raise DefinitionError(f"A workflow declares types that can't be stored:{lines}")

    def _misfit_of_root(self, cls: type) -> str | None:
        if (
            cls in _STANDARD_TYPES
            or self._hooks.covers(cls)
            or cls.__module__ in {"builtins", "typing", "collections.abc"}
        ):
            return None
        if self._table.kind(cls) is None and inspect.isabstract(cls):
            return "is abstract: declare the classes that implement it"
        return misfit_of(cls)

    def _encode_error(self, value: object, error: Exception) -> EncodeError:
        writer = ExplainingWriter(self._encoders, self._limits)
        try:
            if not isinstance(error, Exhausted):
                writer.attempt(value)
            problems = writer.problems
        except Exhausted as exhausted:
            error, problems = exhausted, []
        except RecursionError:
            problems = []
        return EncodeError("This value can't be stored:", listed(problems or [f"$: {self._single(error)}"]))

    def _decode_error(self, data: Any, error: Exception) -> DecodeError:
        reader = ExplainingReader(self._tags, self._limits)
        try:
            if not isinstance(error, Exhausted):
                reader.value(data)
            problems = reader.problems
        except Exhausted as exhausted:
            error, problems = exhausted, []
        except RecursionError:
            problems = []
        return DecodeError("This data can't be read back:", listed(problems or [f"$: {self._single(error)}"]))

    def _single(self, error: Exception) -> str:
        if isinstance(error, Exhausted):
            return f"has more than {self._limits.values} parts"
        if isinstance(error, RecursionError):
            return "is nested too deep for what is left of the interpreter's stack"
        return error.reason if isinstance(error, Refused) else told(error)


class _Encoders(dict[type, Encode]):
    """Encoders by exact type; one that isn't there yet is looked for."""

    def __init__(self, find: Callable[[type], Encode]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, cls: type) -> Encode:
        return self._find(cls)


def _unknown(name: str) -> str:
    if name.startswith("."):
        return f"{shown(name)}, which this version doesn't know"
    return f"{shown(name)}, which the workflow doesn't declare: Workflow(types=[...])"


def _cause_of(error: Exception) -> BaseException | None:
    return error.__cause__ if isinstance(error, Refused) else error
