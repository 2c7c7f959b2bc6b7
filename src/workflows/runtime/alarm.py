"""Alarm: rings at an instant, in a task of the run, for as long as the run has tasks.

asyncio's loop calls a function at an instant, which costs next to nothing, so a task is only started to ring. Trio
knows instants as the deadlines of scopes alone, so there a task of the run waits in one; it's started when the loop has
turned twice, since most alarms are for the grace of a suspension, which is over by then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from .clock import on_loop_clock
from .spawn import Backend, Call, uninterrupted

TURNS = 2  # of the loop, after which an alarm that's still set is worth a task


class Alarm:
    """The next instant at which something falls due in a run.

    Args:
        now: The time, in UTC seconds.
        ring: Called when the instant has come, in a task; it may set another one.
        start: Starts a task of the run.
        backend: The one that's running.

    Attributes:
        at: The instant, in UTC seconds; None if there's none.
    """

    __slots__ = (
        "_backend", "_call", "_is_left", "_is_looking", "_now", "_ring", "_scope", "_start", "_turns", "at",
    )  # fmt: skip

    def __init__(
        self,
        now: Callable[[], float],
        ring: Callable[[], None],
        start: Callable[[Callable[[], Coroutine[Any, Any, None]]], object],
        backend: Backend,
    ) -> None:
        self._now = now
        self._ring = ring
        self._start = start
        self._backend = backend
        self._call: Call | None = None
        self._scope: anyio.CancelScope | None = None
        self._is_left = False
        self._is_looking = False  # a task that has been started will
        self._turns = 0  # of the loop, till a task is started that waits
        self.at: float | None = None

    @property
    def is_watched(self) -> bool:
        """Whether it would ring: the loop will call, or a task waits, or is about to."""
        return self._call is not None or self._is_looking or self._turns > 0 or self._scope is not None

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
        if self._backend.call_later is not None:
            self._have_it_called()
        elif not self._turns:
            self._turns = TURNS
            self._backend.call_in(self._backend.loop(), self._turned)

    def _turned(self) -> None:
        """The loop has: start the task that waits, if there's still something to wait for."""
        self._turns -= 1
        if self.at is None or self._is_left:
            self._turns = 0
        elif self._turns:
            self._backend.call_in(self._backend.loop(), self._turned)
        else:
            self._start(self._wait)

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
        call_later = self._backend.call_later
        if call_later is None or self.at is None or self._is_left or self._is_looking:
            return
        delay_s = self.at - self._now()
        if delay_s <= 0.0:
            self._called()
        else:
            self._call = call_later(delay_s, self._called)

    def _called(self) -> None:
        self._call = None
        self._is_looking = True
        self._start(self._look)

    @uninterrupted
    async def _look(self) -> None:
        """Ring, if it's time: after those that are about to end, such as a step that's being suspended."""
        await self._backend.checkpoint()
        self._is_looking = False
        if self.at is not None:
            self._ring_if_due(self.at)
        self._have_it_called()

    def _ring_if_due(self, at: float) -> None:
        """Ring, unless the run's clock is behind the loop's."""
        if self._now() >= at and not self._is_left:
            self.at = None
            self._ring()
