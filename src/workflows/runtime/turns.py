"""Turns: how many runs of a workflow instance may be active at once. First come, first served."""

from __future__ import annotations

from collections import deque

import anyio
import attrs
from anyio.lowlevel import RunVar


class Turns:
    """A limit on concurrent runs. Each event loop that the workflow is used in has its own queue."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queues: RunVar[TurnQueue] = RunVar(f"workflows_turns_{id(self)}")

    def queue(self) -> TurnQueue:
        """The queue of the event loop that's running."""
        try:
            return self._queues.get()
        except LookupError:
            queue = TurnQueue(self._limit)
            self._queues.set(queue)
            return queue


@attrs.define(eq=False)
class TurnQueue:
    """The runs that wait for their turn, in the order in which they came.

    A place is taken when a run begins, not when its task comes to execute: Trio shuffles tasks.
    """

    free: int
    waiting: deque[Turn] = attrs.field(factory=deque["Turn"])

    def join(self) -> Turn:
        """Take a place; it has its turn at once if there's room."""
        turn = Turn(self)
        self.waiting.append(turn)
        self.call()
        return turn

    def call(self) -> None:
        """Give those their turn that there's room for."""
        while self.free and self.waiting:
            self.free -= 1
            self.waiting.popleft().has_come.set()


@attrs.define(eq=False)
class Turn:
    """One run's place in the queue, and then its turn."""

    queue: TurnQueue
    has_come: anyio.Event = attrs.field(factory=anyio.Event)

    def leave(self) -> None:
        """Give it up, or back, once."""
        if self.has_come.is_set():
            self.queue.free += 1
            self.queue.call()
        else:
            self.queue.waiting.remove(self)
