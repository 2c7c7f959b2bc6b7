"""Making: what several need at the same time is made once.

Rules:
- Whoever comes first makes it; the others wait, in whatever event loop and thread they are.
- A maker that fails or is cancelled leaves nothing behind: its error is its own, and the others make it themselves.
- Nobody waits for a maker whose event loop was left: in its thread another loop runs now.
- The lock is held for a look into a dict only, never while anything is awaited.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import anyio
import attrs

from ...errors import UsageError
from ..spawn import Backend, backend


@attrs.frozen(eq=False)
class _Home:
    """Where somebody is: a thread, and the event loop that runs there."""

    thread: int
    loop: object
    backend: Backend | None

    @classmethod
    def here(cls) -> _Home:
        try:
            found = backend()
        except UsageError:  # no loop: what's made doesn't need one
            return cls(threading.get_ident(), None, None)
        return cls(threading.get_ident(), found.loop(), found)

    def is_left_by(self, other: _Home) -> bool:
        """Whether nothing can go on here, since somebody else's loop runs in the thread."""
        return self.thread == other.thread and self.loop is not other.loop

    def call(self, function: Callable[[], object], caller: _Home) -> None:
        if self.loop is caller.loop:
            function()
        elif self.backend is not None:
            self.backend.call_in(self.loop, function)


@attrs.define(eq=False)
class _Making:
    """Somebody is making it; `waiting` are those who want to be told when that's over."""

    home: _Home
    waiting: list[tuple[_Home, Callable[[], object]]] = attrs.field(factory=list[Any])


class Kept:
    """Values by key, each made once, however many ask for it and wherever they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Hashable, tuple[str, Any]] = {}
        self._making: dict[Hashable, _Making] = {}

    def by_name(self) -> dict[str, Any]:
        """All values that are there, by the names that they were made under."""
        with self._lock:
            return dict(self._values.values())

    async def get(self, key: Hashable, name: str, make: Callable[[], Awaitable[object]]) -> Any:
        """Give the value; make it if there is none and nobody is at it.

        Safe to cancel: whoever else waits then makes it.
        """
        while key not in self._values:
            is_over = anyio.Event() if key in self._making else None
            making = self._begin(key, is_over)
            if making is not None:
                return await self._make(key, name, making, make)
            if is_over is not None:
                await is_over.wait()
        return self._values[key][1]

    def _begin(self, key: Hashable, is_over: anyio.Event | None) -> _Making | None:
        """Become the maker; if somebody else is, the event is set when that's over."""
        here = _Home.here()
        with self._lock:
            before = self._making.get(key)
            if key not in self._values and (before is None or before.home.is_left_by(here)):
                mine = self._making[key] = _Making(here, [] if before is None else before.waiting)
                return mine
            if is_over is not None and before is not None:
                before.waiting.append((here, is_over.set))
            elif is_over is not None:
                is_over.set()
        return None

    async def _make(self, key: Hashable, name: str, making: _Making, make: Callable[[], Awaitable[object]]) -> object:
        made: list[object] = []
        try:
            made.append(await make())
        finally:
            with self._lock:
                if self._making.get(key) is making:
                    del self._making[key]
                    self._values.update((key, (name, value)) for value in made)
                waiting, making.waiting = making.waiting, []
            here = _Home.here()
            for home, tell in waiting:
                home.call(tell, here)
        return made[0]
