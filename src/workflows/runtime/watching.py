"""Watching: tasks that look after the attempts of a run, for as long as any runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .spawn import uninterrupted
from .telling import tell_slow

if TYPE_CHECKING:
    from .run import Run


class Watches:
    """The watches over one run's attempts. Each is a task's work; a second one at once has nothing to do."""

    __slots__ = ("_closing", "_run", "_slow_end")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._closing: anyio.Event | None = None  # each is set when no attempt runs any more
        self._slow_end: anyio.Event | None = None

    @property
    def sees_closing(self) -> bool:
        """Whether it's watched that main has returned."""
        return self._closing is not None

    def attempts_ended(self) -> None:
        """No attempt runs any more."""
        for ended in self._closing, self._slow_end:
            if ended is not None:
                ended.set()
        self._closing = self._slow_end = None

    @uninterrupted
    async def tell_of_closing(self) -> None:
        """Tell the core when main has returned: a wait that is parked under a shield doesn't see it."""
        if self._closing is not None or not self._run.is_at_work:
            return
        ended = self._closing = anyio.Event()
        try:
            await ended.wait()
        except BaseException:
            self._run.interrupted()
            raise

    @uninterrupted
    async def tell_of_slow_end(self) -> None:
        """Tell of steps that don't end: they're waited for, but somebody should know."""
        run = self._run
        if self._slow_end is not None or not run.is_at_work:
            return
        ended = self._slow_end = anyio.Event()
        with anyio.move_on_after(run.grace_s, shield=True) as grace:
            await ended.wait()
        if grace.cancelled_caught:
            tell_slow(run.run_id, run.working_steps(), run.grace_s)
