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

    __slots__ = ("_closing", "_ending", "_run")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._closing: anyio.CancelScope | None = None
        self._ending: anyio.CancelScope | None = None

    @property
    def sees_closing(self) -> bool:
        """Whether it's watched that main has returned."""
        return self._closing is not None

    def attempts_ended(self) -> None:
        """No attempt runs any more."""
        for scope in self._ending, self._closing:
            if scope is not None:
                scope.cancel()

    @uninterrupted
    async def tell_of_closing(self) -> None:
        """Tell the core when main has returned: a wait that is parked under a shield doesn't see it."""
        if self._closing is not None or not self._run.is_at_work:
            return
        with anyio.CancelScope() as self._closing:
            try:
                await anyio.sleep_forever()
            finally:
                if not self._closing.cancel_called:
                    self._run.interrupted()
        self._closing = None

    @uninterrupted
    async def tell_of_slow_end(self) -> None:
        """Tell of steps that don't end: they're waited for, but somebody should know."""
        run = self._run
        if self._ending is not None or not run.is_at_work:
            return
        with anyio.CancelScope(shield=True) as self._ending:
            await anyio.sleep(run.grace_s)
            tell_slow(run.run_id, run.working_steps(), run.grace_s)
        self._ending = None
