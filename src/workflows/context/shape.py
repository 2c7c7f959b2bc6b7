"""Shape: between the fields that a run's state is stored as and the state object that users see."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Generic, cast

from ..codec import Codec, Json
from ..codec.classes import fields_of
from ..core.ticks import Write
from ..core.values import PathError, at_path, written
from ..errors import EncodeError, StatePathError
from .state_store import MISSING, DictState, StateT

Fields = Mapping[str, Json]
_BESIDE = "$beside"  # what the stored form of a state has beside its fields


class StateShape(Generic[StateT]):
    """The type of a workflow's state, and how it's stored: field by field."""

    def __init__(self, codec: Codec, state_type: type[StateT] | None) -> None:
        self._codec = codec
        self._type = state_type
        self.is_typed: bool = state_type is not None and not issubclass(state_type, DictState)

    def default(self) -> StateT:
        """A fresh state.

        Raises:
            TypeError: The state type can't be made without arguments.
        """
        if self._type is None:
            return cast("StateT", DictState())
        try:
            return self._type()
        except TypeError as error:
            raise TypeError(
                f"The state {self._type.__name__} has no default: {error}.\n  Give its fields defaults, or call "
                "`await ctx.store.set_state(...)` on the context before the run."
            ) from error

    def load(self, fields: Fields) -> StateT:
        """The state object of stored fields."""
        if not self.is_typed:
            state = DictState() if self._type is None else cast("DictState", self._type())
            for name, value in fields.items():
                state[name] = self._codec.decode(value)
            return cast("StateT", state)
        if not fields:
            return self.default()
        assert self._type is not None
        inner = {name: value for name, value in fields.items() if name != _BESIDE}
        document = {
            "$": self._codec.name_of(self._type),
            "v": inner,
            **cast("dict[str, Json]", fields.get(_BESIDE, {})),
        }
        return cast("StateT", self._codec.decode(cast("Json", document)))

    def dump(self, state: StateT) -> dict[str, Json]:
        """The fields of a state object, stored.

        Raises:
            EncodeError: Some of it can't be stored.
        """
        if isinstance(state, DictState):
            return self._encoded_all(dict(state))
        try:
            document = cast("dict[str, Json]", self._codec.encode(state))
        except EncodeError as error:
            raise EncodeError("The state can't be stored:", _moved(error.problems, "")) from error
        beside = {key: value for key, value in document.items() if key not in ("$", "v")}
        return {**cast("dict[str, Json]", document["v"]), **({_BESIDE: beside} if beside else {})}

    def replaced(self, state: object) -> Write:
        """The write that `set_state` is.

        Raises:
            ValueError: The state is of an unrelated type.
        """
        wanted: type = DictState if self._type is None else self._type
        if not self.is_typed and isinstance(state, dict):
            state = DictState(**cast("dict[str, Any]", state))
        if isinstance(state, wanted):
            return Write(fields=self.dump(cast("StateT", state)), only=True)
        if self.is_typed and issubclass(wanted, type(state)) and type(state) is not object:
            names = [field.name for field in fields_of(wanted) if hasattr(state, field.name)]
            return Write(fields=self._encoded_all({name: getattr(state, name) for name in names}))
        raise ValueError(f"The state of this workflow is a {wanted.__name__}; set_state() was given {state!r}.")

    def value(self, fields: Fields, path: str, default: object, known: Iterable[str]) -> Any:
        """The value at a path; `known` are the names of all fields, for the message.

        Raises:
            StatePathError: There is none, and no default.
        """
        name, *keys = path.split(".")
        if self.is_typed and name not in fields:
            fields = known = self._complete(fields)
        if name not in fields:
            if default is not MISSING:
                return default
            raise StatePathError(f"The state has no {name!r}; it has {', '.join(map(repr, known)) or 'nothing'}.")
        try:
            return self._codec.decode(at_path(fields[name], keys, name))
        except PathError as error:
            return self._walked(fields[name], keys, default, error)

    def _walked(self, node: Json, keys: list[str], default: object, error: PathError) -> Any:
        """Follow a path through the values themselves: dicts with other keys, tuples, attributes."""
        value: Any = self._codec.decode(node)
        for key in keys:
            found = _part(value, key)
            if found is MISSING:
                if default is not MISSING:
                    return default
                raise StatePathError(f"The state has nothing at that path: {error}.") from error
            value = found
        return value

    def set(self, path: str, value: object, known: Container[str]) -> Write:
        """The write of a value at a path; `known` are the fields that somebody has written.

        Raises:
            EncodeError: It can't be stored.
            StatePathError: It's no path.
        """
        if not path or not all(path.split(".")):
            raise StatePathError(f"{path!r} is no path; write names joined by dots, such as 'jobs.3.client'.")
        stored = self._encoded(value, path)
        name, dot, _ = path.partition(".")
        if not dot or not self.is_typed or name in known:
            return Write(path, stored)
        return Write(path, stored, base=self.dump(self.default()).get(name))

    def check(self, change: Write, fields: Fields) -> None:
        """Check that a typed state will still be one after a write: its fields exist and its validators pass.

        Raises:
            StatePathError: The path can't be written at.
            InvalidInput: The state doesn't take the value.
        """
        if not self.is_typed or self._type is None or change.path is None:
            return
        path, stored = change.path, change.value
        base = self._complete(fields)
        name, *keys = path.split(".")
        if name not in base:
            raise StatePathError(f"{self._type.__name__} has no field {name!r}; it has {', '.join(map(repr, base))}.")
        try:
            changed = written(base[name], keys, stored, name) if keys else stored
        except PathError as error:
            raise StatePathError(str(error)) from error
        after = {**base, name: changed}
        given = {
            field.keyword: self._codec.decode(after[field.name]) for field in fields_of(self._type) if field.keyword
        }
        self._codec.validate(given, self._type, path="$.state")

    def _complete(self, fields: Fields) -> Fields:
        """The fields of a typed state, with the defaults of those that nobody has written."""
        assert self._type is not None
        if all(field.name in fields for field in fields_of(self._type)):
            return fields
        return {**self.dump(self.default()), **fields}

    def _encoded_all(self, values: Mapping[str, object]) -> dict[str, Json]:
        stored: dict[str, Json] = {}
        problems: list[str] = []
        for name, value in values.items():
            try:
                stored[name] = self._codec.encode(value)
            except EncodeError as error:
                problems += _moved(error.problems, name)
        if problems:
            raise EncodeError("The state can't be stored:", problems)
        return stored

    def _encoded(self, value: object, path: str) -> Json:
        try:
            return self._codec.encode(value)
        except EncodeError as error:
            raise EncodeError(f"The value for {path!r} can't be stored:", _moved(error.problems, path)) from error


def _moved(problems: tuple[str, ...], path: str) -> list[str]:
    place = f"$.state.{path}" if path else "$.state"
    return [f"{place}{problem.removeprefix('$')}" for problem in problems]


def _part(value: Any, key: str) -> Any:
    attempts: list[Callable[[], Any]] = [lambda: value[key], lambda: value[int(key)], lambda: getattr(value, key)]
    for attempt in attempts:
        try:
            return attempt()
        except (LookupError, TypeError, ValueError, AttributeError):
            continue
    return MISSING
