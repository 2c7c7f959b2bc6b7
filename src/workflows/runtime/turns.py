"""Turns: how many runs of a workflow instance may be active at once."""

from __future__ import annotations

import anyio
from anyio.lowlevel import RunVar


class Turns:
    """A limit on concurrent runs. Each event loop that the workflow is used in has its own."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._semaphores: RunVar[anyio.Semaphore] = RunVar(f"workflows_turns_{id(self)}")

    def semaphore(self) -> anyio.Semaphore:
        """The semaphore of the event loop that's running."""
        try:
            return self._semaphores.get()
        except LookupError:
            semaphore = anyio.Semaphore(self._limit)
            self._semaphores.set(semaphore)
            return semaphore
