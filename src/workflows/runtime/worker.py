"""Worker: a task of a run that calls steps, one after the other."""

from __future__ import annotations

import anyio


class Worker:
    """What the attempts of one worker share.

    Attributes:
        task: Its task, as the backend knows it.
        name: Its number, for internal events.
        scope: Cancels the attempt that it's at.
    """

    __slots__ = ("name", "scope", "task")

    scope: anyio.CancelScope

    def __init__(self, task: object, name: str) -> None:
        self.task: object = task
        self.name: str = name
