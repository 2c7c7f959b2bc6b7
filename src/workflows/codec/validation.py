"""Data from outside, made into declared types: inputs of a run, answers, JSON that somebody sent.

Rules:
- Numbers, text and booleans are taken as they are: `"5"` is no int, nor is `True`; only an int may stand for a float.
- What JSON can't say is taken as text (dates, decimals, UUIDs, paths, base64 for bytes); a list stands for a set or a
  tuple.
- An enum is given by value or by name, an object by the arguments of its class. Unknown ones are refused, except by an
  open event; a pydantic model has its own rules.
- An instance of the declared type is taken as it is, at any depth: it was checked by whoever made it.
- Of a union, the member of exactly the value's type counts, then the first that takes the value. Two classes that both
  would are refused: it's not for us to guess.
- All problems are found, each with its path.
"""

from __future__ import annotations

import functools
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
from enum import Enum
from pathlib import Path
from typing import Any, ForwardRef, Literal, TypeGuard, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs import BaseValidationError, cols

from ..errors import DefinitionError, InvalidInput
from ..events import Event
from .annotations import filled, is_union, meaning_of_variables, text_of, unwrapped
from .classes import Field, fields_of, kind_of, types_of
from .misfits import Misfit, at_attribute, at_index, class_misfit, items_misfit, misfit, noted, problems_of, unknown
from .outside import NESTING, Hook, instance_hook, is_deeper, literal_hook, model_hook, or_instance, scalar_hook
from .problems import listed, shown, told
from .simple import Simple

_COLLECTIONS: Mapping[Any, Callable[[list[Any]], Any]] = {
    list: list,
    Sequence: list,
    MutableSequence: list,
    Collection: list,
    Iterable: list,
    tuple: tuple,
    set: set,
    AbstractSet: set,
    MutableSet: set,
    frozenset: frozenset,
    deque: deque,
}
_MAPPINGS: Mapping[Any, Callable[[dict[Any, Any]], Any]] = {
    dict: dict,
    Mapping: dict,
    MutableMapping: dict,
    OrderedDict: OrderedDict,
    Counter: Counter,
}


@attrs.frozen
class _Key:
    """The type of keys that came as JSON, which has only text."""

    type: Any


_structure_mapping: Callable[..., Callable[[Any, Any], dict[Any, Any]]] = getattr(  # noqa: B009  # half typed
    cols, "mapping_structure_factory"
)
_structure_list: Callable[..., Callable[[Any, Any], list[Any]]] = cols.list_structure_factory


class Validator:
    """Makes data from outside into declared types.

    Args:
        custom: Gives the structure hook that the user has registered for a class, if there is one.
        scope: What names in annotations of local classes may mean.
        depth: How deep data may be nested.
    """

    def __init__(self, custom: Callable[[type], Hook | None], scope: Mapping[str, object], depth: int) -> None:
        self._custom = custom
        self._scope = scope
        self._depth = depth
        self._exact: dict[type, Hook] = {}
        self._simple: dict[type, Simple | None] = {}

    @functools.cached_property
    def _converter(self) -> cattrs.Converter:
        converter = cattrs.Converter(detailed_validation=True)
        converter.register_structure_hook_factory(lambda _: True, self._hook_for)
        # Versions of it have hooks for these, which convert, and apply to subclasses.
        for cls in (str, bytes, int, float, Path, Enum):
            converter.register_structure_hook(cls, self._by_exact_class)
        return converter

    def validate(self, value: object, annotation: Any, path: str) -> Any:
        """Make a value what an annotation says, or raise `InvalidInput` with all problems."""
        if is_deeper(value, self._depth):
            raise InvalidInput("The data doesn't fit.", [f"{path}: is nested more than {self._depth} levels deep"])
        try:
            return self._converter.structure(value, unwrapped(annotation))
        except DefinitionError:
            raise
        except Exception as error:  # cattrs' groups, and single errors of hooks
            problems = listed(list(problems_of(error, path)))
            raise InvalidInput(f"The data doesn't fit {_text(annotation)}.", problems) from error

    def is_as_declared(self, event: Event) -> bool:
        """Whether it's seen at a glance that the values of an event are what its class declares; if not, it may be."""
        kind = type(event)
        if kind not in self._simple:
            fields = fields_of(kind)
            is_made_by_init = self._custom(kind) is None and all(field.keyword is not None for field in fields)
            types = types_of(kind, self._scope)
            self._simple[kind] = Simple(fields, types) if is_made_by_init else None
        simple = self._simple[kind]
        return simple is not None and simple.has_made(event.__dict__)

    # --- one hook for each annotation -------------------------------------------------------------------------------

    def _by_exact_class(self, value: Any, cls: Any) -> Any:
        hook = self._exact.get(cls)
        if hook is None:
            hook = self._exact[cls] = self._hook_for(cls)
        return hook(value, cls)

    def _hook_for(self, annotation: Any) -> Hook:
        if isinstance(annotation, _Key):
            return self._key_hook(annotation.type)
        found = unwrapped(annotation)
        if found is not annotation:
            return lambda value, _: self._converter.structure(value, found)
        if isinstance(found, str | ForwardRef):
            raise DefinitionError(f"The annotation {found!r} can't be resolved: import or define the name at run time.")
        if isinstance(found, TypeVar):
            return self._variable_hook(found)
        if is_union(found):
            return self._union_hook(found)
        if get_origin(found) is Literal:
            return literal_hook(get_args(found))
        cls = get_origin(found) or found
        if found is Any or found is object or not isinstance(cls, type):
            return lambda value, _: value
        return self._class_hook(cls, found)

    def _class_hook(self, cls: type, annotation: Any) -> Hook:
        custom = self._custom(cls)
        if custom is not None:
            return or_instance(cls, custom)
        scalar = scalar_hook(cls)
        if scalar is not None:
            return scalar
        if cls in _COLLECTIONS:
            return self._collection_hook(cls, annotation)
        if cls in _MAPPINGS:
            return self._mapping_hook(cls, annotation)
        kind = kind_of(cls)
        if kind == "model":
            return or_instance(cls, model_hook)
        if kind in {"event", "attrs", "dataclass", "named tuple"}:
            return self._object_hook(cls, annotation)
        if kind == "typed dict":
            return self._typed_dict_hook(cls)
        return instance_hook(cls)

    def _variable_hook(self, variable: TypeVar) -> Hook:
        bound = variable.__bound__
        if bound is None:
            return lambda value, _: value
        return lambda value, _: self._converter.structure(value, bound)

    # --- containers -------------------------------------------------------------------------------------------------

    def _collection_hook(self, cls: type, annotation: Any) -> Hook:
        arguments = get_args(annotation)
        expected = _text(annotation)
        if cls is tuple and arguments and arguments[-1] is not Ellipsis:
            return self._tuple_hook([unwrapped(part) for part in arguments if part != ()], expected)
        element: Any = unwrapped(arguments[0]) if arguments else Any
        structure_items = _structure_list(list[element], self._converter)
        make = _COLLECTIONS[cls]

        def structure(value: Any, _type: Any) -> Any:
            if not _is_list(value):
                raise misfit(expected, value)
            items = structure_items(value, None)
            try:
                made = make(items)
            except TypeError as error:  # an element that can't be in a set
                raise misfit(expected, value) from error
            if len(made) != len(items):
                raise Misfit(f"expected {expected} without an element twice, got {shown(value)}")
            return made

        return structure

    def _tuple_hook(self, types: list[Any], expected: str) -> Hook:
        def structure(value: Any, _type: Any) -> Any:
            if not _is_list(value) or len(value) != len(types):
                raise misfit(expected, value)
            made: list[Any] = []
            problems: list[Exception] = []
            for index, (part, annotation) in enumerate(zip(value, types, strict=True)):
                try:
                    made.append(self._converter.structure(part, annotation))
                except Exception as error:
                    problems.append(noted(error, at_index(index)))
            if problems:
                raise items_misfit(problems, tuple)
            return tuple(made)

        return structure

    def _mapping_hook(self, cls: type, annotation: Any) -> Hook:
        arguments = get_args(annotation)
        key, item = (arguments[0] if arguments else Any), (arguments[1] if len(arguments) > 1 else Any)
        if cls is Counter:
            item = int
        types = {"key_type": _Key(unwrapped(key)), "val_type": unwrapped(item)}
        structure_items = _structure_mapping(dict[Any, Any], self._converter, **types)
        make, expected = _MAPPINGS[cls], _text(annotation)

        def structure(value: Any, _type: Any) -> Any:
            if not _is_mapping(value):
                raise misfit(expected, value)
            return make(structure_items(value, None))

        return structure

    def _key_hook(self, annotation: Any) -> Hook:
        number = next((cls for cls in (int, float) if annotation is cls), None)

        def structure(value: Any, _type: Any) -> Any:
            if number is not None and type(value) is str:
                try:
                    return number(value)
                except ValueError as error:
                    raise misfit(f"a key that is {_text(annotation)}", value) from error
            return self._converter.structure(value, annotation)

        return structure

    # --- unions -----------------------------------------------------------------------------------------------------

    def _union_hook(self, union: Any) -> Hook:
        members: list[Any] = [member for member in map(unwrapped, get_args(union)) if member is not type(None)]
        classes = [get_origin(member) or member for member in members]
        takes_none = len(members) < len(get_args(union))
        expected = _text(union)
        if takes_none and len(members) == 1:
            (only,) = members
            return lambda value, _: None if value is None else self._converter.structure(value, only)

        def structure(value: Any, _type: Any) -> Any:
            if value is None and takes_none:
                return None
            tried = members
            if type(value) not in NESTING:  # these may stand for other types
                tried = [member for member, cls in zip(members, classes, strict=True) if cls is type(value)] or members
            fits: list[tuple[Any, Any]] = []
            problems: list[Exception] = []
            for member in tried:
                try:
                    fits.append((member, self._converter.structure(value, member)))
                except DefinitionError:
                    raise
                except Exception as error:  # the next one may fit
                    problems.append(error)
            if not fits:
                raise _closest(problems, tried, value, expected)
            objects = [member for member, _ in fits if _is_mapping(value) and _is_object(member)]
            if len(objects) > 1:
                names = " and ".join(_text(member) for member in objects)
                raise Misfit(
                    f"{shown(value)} fits {names} alike: tell them apart by a field, e.g. kind: Literal['...']"
                )
            return fits[0][1]

        return structure

    # --- objects ----------------------------------------------------------------------------------------------------

    def _object_hook(self, cls: Any, annotation: Any) -> Hook:
        meaning = meaning_of_variables(annotation)
        types = {name: unwrapped(filled(found, meaning)) for name, found in types_of(cls, self._scope).items()}
        fields = [field for field in fields_of(cls) if field.keyword is not None]
        is_open = issubclass(cls, Event) and cls.__event_open__
        simple = Simple(fields, types)

        def structure(value: Any, _type: Any) -> Any:
            if isinstance(value, cls):
                return value
            if not _is_mapping(value):
                raise misfit(f"{_text(cls)} or an object with its fields", value)
            if simple.makes_one(value):
                return made_of(value, {})
            made, extras, problems = self._fields_from(value, fields, types)
            if not is_open:
                names = ", ".join(_keyword(field) for field in fields) or "none"
                problems += [unknown(key, f"{_text(cls)} has no such field; its fields: {names}") for key in extras]
            if problems:
                raise class_misfit(problems, cls)
            return made_of({_keyword(field): made[field.name] for field in fields if field.name in made}, extras)

        def made_of(arguments: Mapping[str, Any], extras: Mapping[str, Any]) -> Any:
            try:
                return cls(**arguments, **extras)
            except Exception as error:  # whatever a validator, or `__init__`, finds wrong
                raise Misfit(f"{_text(cls)} refuses these values: {told(error)}") from error

        return structure

    def _fields_from(
        self, value: Mapping[str, Any], fields: list[Field], types: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], list[Exception]]:
        left = dict(value)
        made: dict[str, Any] = {}
        problems: list[Exception] = []
        for field in fields:
            key = field.keyword if field.keyword in left else field.name
            if key not in left:
                if field.required:
                    problems.append(unknown(_keyword(field), f"is missing: expected {_text(types[field.name])}"))
                continue
            given = left.pop(key)
            try:
                made[field.name] = self._converter.structure(given, types[field.name])
            except DefinitionError:
                raise
            except Exception as error:
                if field.converts:
                    made[field.name] = given  # its converter may know better
                    continue
                problems.append(noted(error, at_attribute(key)))
        return made, left, problems

    def _typed_dict_hook(self, cls: Any) -> Hook:
        types = {name: unwrapped(found) for name, found in types_of(cls, self._scope).items()}
        fields = list(fields_of(cls))

        def structure(value: Any, _type: Any) -> Any:
            if not _is_mapping(value):
                raise misfit(_text(cls), value)
            made, extras, problems = self._fields_from(value, fields, types)
            problems += [unknown(key, f"{_text(cls)} has no such key") for key in extras]
            if problems:
                raise class_misfit(problems, cls)
            return made

        return structure


def _keyword(field: Field) -> str:
    return field.keyword or field.name


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[Collection[Any]]:
    return isinstance(value, list | tuple | set | frozenset | deque)


def _is_object(annotation: Any) -> bool:
    cls = get_origin(annotation) or annotation
    return isinstance(cls, type) and kind_of(cls) in {"event", "attrs", "dataclass", "named tuple", "model"}


def _closest(problems: list[Exception], members: list[Any], value: object, expected: str) -> Exception:
    """Choose what to say of a value that fits no member: of the only one that it could have meant, its own problems."""
    if len(members) == 1:
        return problems[0]
    meant = [
        problem
        for problem, member in zip(problems, members, strict=True)
        if isinstance(problem, BaseValidationError) and _is_mapping(value) and _is_object(member)
    ]
    return meant[0] if len(meant) == 1 else misfit(expected, value)


def _text(annotation: Any) -> str:
    return text_of(annotation, lambda cls: cls.__qualname__.rpartition(".")[2])
