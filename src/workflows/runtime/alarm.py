"""Alarm: rings at an instant, as long as a task of the run waits for it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from .clock import on_loop_clock
from .spawn import uninterrupted


class Alarm:
    """The next instant at which something falls due in a run.

    Args:
        now: The time, in UTC seconds.
        ring: Called when the instant has come; it may set another one.

    Attributes:
        at: The instant, in UTC seconds; None if there's none.
    """

    __slots__ = ("_is_left", "_now", "_ring", "_scope", "at")

    def __init__(self, now: Callable[[], float], ring: Callable[[], None]) -> None:
        self._now = now
        self._ring = ring
        self._scope: anyio.CancelScope | None = None
        self._is_left = False
        self.at: float | None = None

    @property
    def is_watched(self) -> bool:
        """Whether a task waits for it."""
        return self._scope is not None

    def set(self, at: float | None) -> None:
        """Ring at this instant instead."""
        self.at = at
        if self._scope is not None:
            self._scope.cancel()  # its task looks again

    def leave(self) -> None:
        """Let no task wait for it any more; the instant stays set."""
        self._is_left = True
        if self._scope is not None:
            self._scope.cancel()

    def watch(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """What a task is to do that is about to be started: wait for the instant, and for those that are set then,
        until there's none. If it was left before the task begins, it's left.
        """
        self._is_left = False
        return self._watch

    @uninterrupted
    async def _watch(self) -> None:
        if self._scope is not None:
            return
        while (at := self.at) is not None and not self._is_left:
            with anyio.CancelScope(deadline=on_loop_clock(at, self._now)) as self._scope:
                await anyio.sleep_forever()
            if self.at == at and self._now() >= at and not self._is_left:
                self.at = None
                self._ring()
        self._scope = None
