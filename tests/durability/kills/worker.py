"""Worker: one process of the session. It begins runs and carries them on, or it answers those of others; or both."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from random import Random
from typing import Any, Literal

import anyio
import attrs
from anyio.abc import TaskStatus

from workflows import Runtime
from workflows.durability import SqliteStore, run_journal
from workflows.durability.reading import OpenQuestion
from workflows.errors import (
    AlreadyAnswered,
    AnswerRefused,
    OwnershipLost,
    RunOwnedElsewhere,
    WorkflowDone,
)
from workflows.events import Event
from workflows.handler import WorkflowHandler

from .effects import Effects
from .lives import CLOSING, Fate, Life, ring_in
from .load import Asked, Closing, Loaded, Note, Replied, World, kind_of

AT_ONCE = 30
"""Unfinished runs in the file, above which no new one is begun."""

SNAPSHOT_AFTER = 1500
"""Characters, so that journals turn into snapshots all the time."""

BUSY_TIMEOUT_S = 60.0
"""Longer than any load on the machine keeps the others from the file."""

Role = Literal["worker", "clerk", "tidier"]


@attrs.frozen
class Job:
    """What a process is started with.

    Attributes:
        life: The number of this start.
        role: Whether it carries runs on, or only answers them, or prunes a file of its own.
        backend: asyncio or Trio.
        synchronous: How the file is written.
        file: The file.
        effects: Where it tells what it has done.
        lease: Seconds after which others take it for dead.
        seed: What it draws from.
        fate: How it ends; None if it's left alone.
        leaves_in_s: Seconds after which it's asked to leave; None if it isn't.
        slot: The byte of the shared memory that is its own.
    """

    life: int
    role: Role
    backend: str
    synchronous: Literal["full", "normal"]
    file: Path
    effects: Path
    lease: float
    seed: int
    fate: Fate | None
    leaves_in_s: float | None
    slot: int

    def begin(self) -> None:
        """Have the process that does this ring when its time has come."""
        if self.fate is not None:
            ring_in(self.fate.rings_in_s)
        elif self.leaves_in_s is not None:
            ring_in(self.leaves_in_s)


class Telling(logging.Handler):
    """Takes down which runs this process has lost to another."""

    def __init__(self, effects: Effects) -> None:
        super().__init__()
        self._effects = effects

    def emit(self, record: logging.LogRecord) -> None:
        run_id = getattr(record, "run_id", None)
        lost = any(isinstance(argument, OwnershipLost) for argument in record.args or ())
        if isinstance(run_id, str) and lost:
            self._effects.tell("lost", run_id, "-")


class Worker:
    """One process.

    Args:
        job: What it's started with.
        shared: Memory that all share.
        world: The world of the workflows.
        workflows: What is run.
    """

    def __init__(self, job: Job, shared: mmap, world: World, workflows: Mapping[str, Loaded]) -> None:
        self._job = job
        self._workflows = workflows
        self._shared = shared
        self._random = Random(job.seed)
        self._life = Life(job.fate, shared, job.slot)
        self._effects = Effects(job.effects, job.life)
        self._parent = os.getppid()
        self._number = self._words = 0
        self._held: list[WorkflowHandler[Any]] = []
        logging.getLogger("workflows").addHandler(Telling(self._effects))
        run_journal.SNAPSHOT_AFTER = SNAPSHOT_AFTER
        world.did, world.saw = self._did, lambda run_id, key: self._effects.tell("seen", run_id, key)

    async def work(self) -> None:
        """Work till all is done, or till this process is asked to leave."""
        async with anyio.create_task_group() as group:
            if self._job.leaves_in_s is not None:
                await group.start(self._leave_when_asked, group.cancel_scope)
            await self._work()
            group.cancel_scope.cancel()

    async def _leave_when_asked(self, scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGALRM) as signals:
            task_status.started()
            async for _ in signals:
                scope.cancel()

    async def _work(self) -> None:
        job = self._job
        store = SqliteStore(
            job.file, synchronous=job.synchronous, busy_timeout_s=BUSY_TIMEOUT_S, connect=self._life.connect
        )
        async with self._runtime(store, carries_on=job.role != "clerk") as runtime:
            while await self._goes_on(runtime):
                await self._turn(runtime)
                await anyio.sleep(self._random.uniform(0, 0.01))  # not for anything: the runs are to have the processor

    def _runtime(self, store: SqliteStore, *, carries_on: bool) -> Runtime:
        return Runtime(
            store=store, workflows=self._workflows.values(), recover=carries_on, lease=self._job.lease, poll=0.01
        )

    async def _turn(self, runtime: Runtime) -> None:
        carries_on = self._job.role == "worker"
        if carries_on and not self._is_closing:
            await self._begin(runtime)
        if not carries_on or self._random.random() < 0.3:
            await self._send(runtime)
        if not self._is_closing and self._random.random() < 0.2:
            await self._cancel(runtime)
        if carries_on:
            await self._resume(runtime)

    @property
    def _is_closing(self) -> bool:
        return bool(self._shared[CLOSING])

    async def _goes_on(self, runtime: Runtime) -> bool:
        assert os.getppid() == self._parent, "the session was ended"
        return not self._is_closing or await self._has_unfinished(runtime)

    async def _has_unfinished(self, runtime: Runtime) -> bool:
        running = await runtime.runs(status="running", limit=1)
        return bool(running or await runtime.runs(status="cancelled", limit=1))

    def _did(self, run_id: str, key: str) -> None:
        self._effects.tell("did", run_id, key)
        if self._life.comes("effect"):
            self._life.end()

    # Beginning runs

    async def _begin(self, runtime: Runtime) -> None:
        """Begin some of the next runs. Others begin them too: one of each id is stored."""
        running = await runtime.runs(status="running", limit=AT_ONCE)
        number = await self._next_number(runtime)
        for new in range(number, number + min(3, AT_ONCE - len(running))):
            if f"run-{new}" in runtime.in_memory:
                return  # it's being stored
            handler = runtime.run(runtime.workflows[kind_of(new)], run_id=f"run-{new}")
            if self._random.random() < 0.2:
                self._held.append(handler)  # it stays in memory as long as it's held
        del self._held[:-5]

    async def _next_number(self, runtime: Runtime) -> int:
        number = self._number
        while await runtime.store.find(f"run-{number}") is not None:
            number += 1
        self._number = number
        return number

    # Cancelling them

    async def _cancel(self, runtime: Runtime) -> None:
        """Cancel a run, wherever it is. What that promises begins when it returns."""
        running = await runtime.runs(status="running", limit=20)
        if running:
            await self._cancel_run(runtime, self._random.choice(running).run_id)

    async def _cancel_run(self, runtime: Runtime, run_id: str) -> None:
        self._effects.tell("cancelling", run_id, "-")
        await runtime.cancel(run_id)
        self._effects.tell("cancelled", run_id, "-")

    async def _resume(self, runtime: Runtime) -> None:
        """Go on with runs that were cancelled: nobody else does."""
        for run in await runtime.runs(status="cancelled", limit=5):
            if not self._is_closing and self._random.random() < 0.8:
                continue
            self._effects.tell("resuming", run.run_id, "-")
            with suppress(RunOwnedElsewhere):
                _ = runtime.resume(run.run_id)

    # Sending to them

    async def _send(self, runtime: Runtime) -> None:
        """Answer a question, or write to a run that collects."""
        if self._is_closing or self._random.random() < 0.3:
            running = await runtime.runs(status="running", workflow="collecting", limit=5)
            if running:
                word = f"{self._job.life}.{self._next()}"
                run_id = self._random.choice(running).run_id
                event = Closing() if self._is_closing else Note(word=word)
                if isinstance(event, Closing):
                    self._effects.tell("closing", run_id, "-")
                await self._tell_of(runtime, run_id, event, word)
        for found in await self._questions(runtime):
            word = f"{self._job.life}.{self._next()}"
            await self._tell_of(runtime, found.run_id, Replied(word=word), word, found.id)

    async def _questions(self, runtime: Runtime) -> list[OpenQuestion]:
        pending = await runtime.pending(limit=20)
        some = [found for found in pending if found.question and isinstance(found.question.event, Asked)]
        return self._random.sample(some, min(3, len(some)))

    def _next(self) -> int:
        self._words += 1
        return self._words

    async def _tell_of(
        self, runtime: Runtime, run_id: str, event: Event, word: str, reply_to: str | None = None
    ) -> None:
        """Send something, and tell how that went once it's certain."""
        try:
            await runtime.send(run_id, event, reply_to=reply_to)
        except (AlreadyAnswered, AnswerRefused, WorkflowDone):
            self._effects.tell("refused", run_id, word)
        except OwnershipLost:
            return  # it's nobody's word whether it arrived
        else:
            if not isinstance(event, Closing):
                self._effects.tell("accepted", run_id, word)
