"""Worker: a task of a run that calls steps, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import anyio

from ..core.commands import RunStep

if TYPE_CHECKING:
    from .run import Run

Job: TypeAlias = "tuple[Run, RunStep]"


class Worker:
    """What the attempts of one worker share.

    Attributes:
        task: Its task, as the backend knows it.
        name: Its number, for internal events.
        scope: Cancels the attempt that it's at.
    """

    __slots__ = ("_job", "_woken", "name", "scope", "task")

    scope: anyio.CancelScope

    def __init__(self, task: object, name: str) -> None:
        self.task: object = task
        self.name: str = name
        self._job: Job | None = None
        self._woken: anyio.Event | None = None

    async def job(self) -> Job | None:
        """Wait for the next job; None if it's dismissed. Cancelled, it may have been given one, which is lost."""
        woken = self._woken = anyio.Event()
        await woken.wait()
        job, self._job = self._job, None
        return job

    def give(self, job: Job | None) -> None:
        """Give it a job while it waits for one, or dismiss it."""
        self._job = job
        if self._woken is not None:
            self._woken.set()
