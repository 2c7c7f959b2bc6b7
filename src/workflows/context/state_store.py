"""The state of a run as its users see it: a store with dotted paths, and what a state may be.

Values have value semantics: what is read is the reader's own, what is set is a copy. A value that can't be stored is
refused by the line that sets it, with its path.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    StateT = TypeVarWithDefault("StateT", default=Any)  # so that a bare `Context` is one with any state
else:
    StateT = TypeVar("StateT")

MISSING: Any = object()


class DictState(MutableMapping[str, Any]):
    """The state of a workflow that declares none: a dict whose items are attributes too.

    An item that has the name of a method (`items`, `get`, …) is reached as an item only.
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__["_values"] = dict(values)

    def __getitem__(self, key: str) -> Any:
        return self.__dict__["_values"][key]

    def __setitem__(self, key: str, value: Any) -> None:
        given = cast("object", key)
        if not isinstance(given, str):
            raise TypeError(f"A key of the state is a string; {given!r} is a {type(given).__name__}.")
        self.__dict__["_values"][key] = value

    def __delitem__(self, key: str) -> None:
        del self.__dict__["_values"][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__["_values"])

    def __len__(self) -> int:
        return len(self.__dict__["_values"])

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(
                f"The state has no {name!r}; it has {', '.join(map(repr, self)) or 'nothing'}."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"The state has no {name!r} to delete.") from None

    def __repr__(self) -> str:
        return f"DictState({', '.join(f'{name}={value!r}' for name, value in self.items())})"


class StateStore(Protocol[StateT]):
    """What `ctx.store` offers, in a step and outside of one."""

    async def get(self, path: str, default: Any = MISSING) -> Any:
        """Read the value at a dotted path, such as `"jobs.3.client"`: through dicts, lists and attributes.

        In a step the read is recorded: a replay gets what it got the first time. Readers never wait for writers.

        Raises:
            StatePathError: There is nothing, and no default was given. (It's a ValueError.)
        """
        ...

    async def set(self, path: str, value: Any) -> None:
        """Write a copy of a value at a dotted path; dicts that are missing on the way are made.

        Waits while somebody edits exclusively. Safe to cancel: then nothing was written.

        Raises:
            EncodeError: The value, or a part of it, can't be stored. (It's a ValueError.)
            StatePathError: The path leads through something that has no parts.
            ContextStateError: Inside `edit_state()`. (It's a RuntimeError.)
        """
        ...

    async def get_state(self) -> StateT:
        """A copy of the whole state."""
        ...

    async def set_state(self, state: StateT) -> None:
        """Replace the whole state; a state of a parent class of the declared one replaces just its fields.

        Raises:
            ValueError: It's of an unrelated type.
        """
        ...

    async def clear(self) -> None:
        """Go back to a fresh default state."""
        ...

    def edit_state(self) -> AbstractAsyncContextManager[StateT]:
        """Edit the state exclusively: the block gets a copy, which is written when it ends well, and dropped if it
        raises.

        Edits are granted in the order of asking. Nothing may wait for a person inside the block, nor write otherwise.
        """
        ...
