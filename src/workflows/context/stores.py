"""The two stores behind `ctx.store`: a step's, whose operations are recorded, and everybody else's."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Generic

from ..core.ticks import Write
from ..runtime.attempt import Attempt
from ..runtime.driver import Driver
from ..runtime.editing import edit, edit_outside, read, write, write_outside
from .shape import StateShape
from .state_store import MISSING, StateT


class StepStore(Generic[StateT]):
    """The store of a step context. See `StateStore`."""

    def __init__(self, attempt: Attempt, shape: StateShape[StateT]) -> None:
        self._attempt = attempt
        self._shape = shape

    async def get(self, path: str, default: Any = MISSING) -> Any:
        """See `StateStore.get`."""
        fields = await read(self._attempt, path)
        return self._shape.value(fields, path, default, self._attempt.recall_values().current)

    async def set(self, path: str, value: Any) -> None:
        """See `StateStore.set`."""
        values = self._attempt.recall_values()
        change = self._shape.set(path, value, values.current)

        def check() -> None:
            self._shape.check(change, values.fields())

        await write(self._attempt, change, what=f"ctx.store.set({path!r})", check=check)

    async def get_state(self) -> StateT:
        """See `StateStore.get_state`."""
        return self._shape.load(await read(self._attempt, None))

    async def set_state(self, state: StateT) -> None:
        """See `StateStore.set_state`."""
        await write(self._attempt, self._shape.replaced(state), what="ctx.store.set_state()")

    async def clear(self) -> None:
        """See `StateStore.clear`."""
        fields = self._shape.dump(self._shape.default())
        await write(self._attempt, Write(fields=fields, only=True), what="ctx.store.clear()")

    def edit_state(self) -> AbstractAsyncContextManager[StateT]:
        """See `StateStore.edit_state`."""
        return edit(self._attempt, self._shape.load, self._shape.dump)


class RunStore(Generic[StateT]):
    """The store of a context outside of any step: before, during and after a run. See `StateStore`."""

    def __init__(self, driver: Driver, shape: StateShape[StateT]) -> None:
        self._driver = driver
        self._shape = shape

    async def get(self, path: str, default: Any = MISSING) -> Any:
        """See `StateStore.get`."""
        fields = self._driver.core.state.values.fields()
        return self._shape.value(fields, path, default, fields)

    async def set(self, path: str, value: Any) -> None:
        """See `StateStore.set`."""
        values = self._driver.core.state.values
        change = self._shape.set(path, value, values.current)
        self._shape.check(change, values.fields())
        await write_outside(self._driver, change, what=f"store.set({path!r})")

    async def get_state(self) -> StateT:
        """See `StateStore.get_state`."""
        return self._shape.load(self._driver.core.state.values.fields())

    async def set_state(self, state: StateT) -> None:
        """See `StateStore.set_state`."""
        await write_outside(self._driver, self._shape.replaced(state), what="store.set_state()")

    async def clear(self) -> None:
        """See `StateStore.clear`."""
        fields = self._shape.dump(self._shape.default())
        await write_outside(self._driver, Write(fields=fields, only=True), what="store.clear()")

    def edit_state(self) -> AbstractAsyncContextManager[StateT]:
        """See `StateStore.edit_state`."""
        return edit_outside(self._driver, self._shape.load, self._shape.dump)
