"""Watching simulations from outside: their lives, the orders in which tasks take turns, and where they're cut."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from hashlib import blake2b
from importlib import import_module
from typing import Any

import pytest

from tests.deep.tally import TALLY, cut
from workflows.core.commands import Command
from workflows.core.engine import Core
from workflows.core.ticks import Tick
from workflows.durability.run_journal import RunJournal
from workflows.testing import backends, cancelling, process, simulation


class Turns:
    """The order in which the tasks of a life take turns, and what its runs are told meanwhile.

    A task is known by when it had its first turn. On Trio a turn is a step of a task; on asyncio it's a callback, known
    by the context that it runs in, which each task has of its own: they're called in the order in which they come.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no other object gets its id
        self._digest = blake2b(digest_size=8)

    def turn(self, who: object) -> None:
        """It's somebody's turn."""
        number = self._numbers.get(id(who))
        if number is None:
            number = self._numbers[id(who)] = len(self._numbers)
            self._kept.append(who)
        self._digest.update(number.to_bytes(4))

    def before_task_step(self, task: object) -> None:
        """As an instrument of Trio."""
        self.turn(task)

    def tick(self, tick: Tick) -> None:
        """A run is told something."""
        self._digest.update(f"{type(tick).__name__} {getattr(tick, 'execution', '')}\n".encode())

    def attach(self, backend: str) -> None:
        """Look on, in the loop that's running."""
        if backend == "trio":
            import_module("trio").lowlevel.add_instrument(self)
            return
        loop: Any = asyncio.get_running_loop()
        call_soon = loop.call_soon

        def noted(callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
            self.turn(context)
            handle: asyncio.Handle = call_soon(callback, *args, context=context)
            return handle

        loop.call_soon = noted

    @property
    def digest(self) -> int:
        """A number of 64 bits that other orders don't have."""
        return int.from_bytes(self._digest.digest())


def watch(patch: pytest.MonkeyPatch) -> None:
    """Have `TALLY` count whatever is simulated, until the patches are undone."""
    current: list[Turns] = []
    run_virtually, feed, begin = backends.run_virtually, Core.feed, process.Process.__init__
    release, simulated = RunJournal.release, simulation.simulated

    def watched_run(main: Callable[[Any], Awaitable[Any]], *, backend: backends.Backend, **options: Any) -> Any:
        turns = Turns()

        async def watched(clock: Callable[[], float]) -> Any:
            turns.attach(backend)
            return await main(clock)

        current.append(turns)
        try:
            return run_virtually(watched, backend=backend, **options)
        finally:
            current.pop()
            TALLY.lived(backend, turns.digest)

    def watched_feed(core: Core, tick: Tick) -> list[Command]:
        if current:
            current[-1].tick(tick)
        return feed(core, tick)

    def watched_begin(life: process.Process, begins_from: process.Moment, disk: Any = None) -> None:
        if begins_from.number:
            cut("tick" if begins_from.image is None else "write")
        begin(life, begins_from, disk)

    def watched_release(journal: RunJournal) -> None:
        cut("release")
        release(journal)

    def watched_cancel(main: Any, **options: Any) -> Any:
        if main.__self__.point is not None:
            TALLY.cancellations += 1
        return simulated(main, **options)

    patch.setattr(simulation, "run_virtually", watched_run)
    patch.setattr(Core, "feed", watched_feed)
    patch.setattr(process.Process, "__init__", watched_begin)
    patch.setattr(RunJournal, "release", watched_release)
    patch.setattr(cancelling, "simulated", watched_cancel)
