"""Alarm: rings at an instant, in a task of the run, for as long as the run has tasks.

asyncio's loop calls a function at an instant, which costs next to nothing, so a task is only started to ring. Trio
knows instants as the deadlines of scopes alone, so there a task of the run waits in one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from .clock import on_loop_clock
from .spawn import Call, uninterrupted


class Alarm:
    """The next instant at which something falls due in a run.

    Args:
        now: The time, in UTC seconds.
        ring: Called when the instant has come, in a task; it may set another one.
        start: Starts a task of the run.
        call_at: Has a function called at an instant of the loop's clock, if that can be done without a task.

    Attributes:
        at: The instant, in UTC seconds; None if there's none.
    """

    __slots__ = ("_call", "_call_at", "_is_left", "_is_looking", "_now", "_ring", "_scope", "_start", "at")

    def __init__(
        self,
        now: Callable[[], float],
        ring: Callable[[], None],
        start: Callable[[Callable[[], Coroutine[Any, Any, None]]], object],
        call_at: Callable[[float, Callable[[], None]], Call] | None,
    ) -> None:
        self._now = now
        self._ring = ring
        self._start = start
        self._call_at = call_at
        self._call: Call | None = None
        self._scope: anyio.CancelScope | None = None
        self._is_left = False
        self._is_looking = False  # a task that has been started will
        self.at: float | None = None

    @property
    def is_watched(self) -> bool:
        """Whether it would ring: the loop will call, or a task waits."""
        return self._call is not None or self._is_looking or self._scope is not None

    def set(self, at: float | None) -> None:
        """Ring at this instant instead."""
        self.at = at
        if self._call is not None:
            self._have_it_called()
        if self._scope is not None:
            self._scope.cancel()  # its task looks again

    def leave(self) -> None:
        """Ring no more; the instant stays set."""
        self._is_left = True
        if self._call is not None:
            self._have_it_called()
        if self._scope is not None:
            self._scope.cancel()

    def watch(self) -> None:
        """From here on ring at the instant, and at those that are set then, until there's none."""
        self._is_left = False
        if self._call_at is None:
            self._start(self._wait)
        else:
            self._have_it_called()

    @uninterrupted
    async def _wait(self) -> None:
        """Wait for the instant; if it was left before this began, it's left."""
        if self._scope is not None:
            return
        while (at := self.at) is not None and not self._is_left:
            with anyio.CancelScope(deadline=on_loop_clock(at, self._now)) as self._scope:
                await anyio.sleep_forever()
            if self.at == at:
                self._ring_if_due(at)
        self._scope = None

    def _have_it_called(self) -> None:
        """Let the loop call at the instant that's set now, and not at another one; if that has come, nobody waits."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._call_at is None or self.at is None or self._is_left or self._is_looking:
            return
        if self.at <= self._now():
            self._called()
        else:
            self._call = self._call_at(on_loop_clock(self.at, self._now), self._called)

    def _called(self) -> None:
        self._call = None
        self._is_looking = True
        self._start(self._look)

    @uninterrupted
    async def _look(self) -> None:
        self._is_looking = False
        if self.at is not None:
            self._ring_if_due(self.at)
        self._have_it_called()

    def _ring_if_due(self, at: float) -> None:
        """Ring, unless the run's clock is behind the loop's."""
        if self._now() >= at and not self._is_left:
            self.at = None
            self._ring()
