"""Session: starts processes, kills them, and starts others in their place, until there were enough kills.

The session's own process has imported everything, and is forked: so that a process lives some milliseconds after it was
started, and a kill is cheap. It runs no event loop and no thread.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from mmap import mmap
from pathlib import Path
from random import Random
from typing import Literal

import anyio
import attrs

from workflows import Runtime
from workflows.durability import MemoryStore

from .lives import CLOSING, MOMENTS, Fate
from .load import World, load
from .worker import Job, Role, Worker

BACKENDS = ("asyncio", "trio")

ROLES: tuple[Role, ...] = ("worker", "worker", "worker", "clerk", "clerk")
LEAVING = 0.08
"""The part of the processes that are asked to leave, rather than killed."""


@attrs.define
class Ending:
    """How a process has ended.

    Attributes:
        how: It was `killed`, or `left`.
        moment: When it was killed.
        is_in_commit: Whether it was writing a commit then.
    """

    how: Literal["killed", "left"]
    moment: str = ""
    is_in_commit: bool = False


@attrs.define
class Alive:
    """A process at work."""

    job: Job
    kill_at: float | None = None
    leave_at: float | None = None


class Session:
    """Kills processes on one file.

    Args:
        folder: Where the file is, and the log of effects.
        kills: How many.
        seed: What it draws from.
        lease: Seconds after which a process is taken for dead by others.
        patience: Seconds for everything to come to its end when there were enough kills.
    """

    def __init__(self, folder: Path, *, kills: int, seed: int, lease: float = 0.3, patience: float = 60.0) -> None:
        self.folder = folder
        self.kills = kills
        self.lease = lease
        self.patience = patience
        self.endings: dict[int, Ending] = {}
        self._random = Random(seed)
        self._alive: dict[int, Alive] = {}
        self._lives = 0
        self._killed = 0
        self._shared = mmap(-1, 64)
        self._world = World()
        self._workflows = load(self._world)

    def run(self) -> dict[int, Ending]:
        """Give how each process has ended.

        Raises:
            RuntimeError: One failed, or not all came to its end in time.
        """
        for backend in BACKENDS:
            anyio.run(self._warm_up, backend=backend)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # waited for below
        try:
            for slot, role in enumerate(ROLES):
                self._start(slot + 1, role)
            until = float("inf")
            while self._alive:
                if self._killed >= self.kills and not self._shared[CLOSING]:
                    self._shared[CLOSING] = 1
                    until = time.monotonic() + self.patience
                if time.monotonic() > until:
                    raise RuntimeError(f"after {self.patience} s without kills there's still something to do")
                self._wait()
        finally:
            for process in self._alive:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        return self.endings

    async def _warm_up(self) -> None:
        """Have everything imported and made that's needed later."""
        async with Runtime(store=MemoryStore(), workflows=self._workflows.values()) as runtime:
            for workflow in self._workflows.values():
                workflow.validate()
            await runtime.run(self._workflows["fan-out"])

    @property
    def _is_closing(self) -> bool:
        return bool(self._shared[CLOSING])

    def _start(self, slot: int, role: Role) -> None:
        random, now = self._random, time.monotonic()
        self._lives += 1
        leaves = random.random() < LEAVING
        fate = None if self._is_closing or leaves else Fate.drawn(random)
        job = Job(
            life=self._lives,
            role=role,
            backend=random.choice(BACKENDS),
            synchronous=random.choice(("full", "normal")),
            file=self.folder / "runs.db",
            effects=self.folder / "effects.log",
            lease=self.lease,
            seed=random.randrange(2**32),
            fate=fate,
            slot=slot,
        )
        self._shared[slot] = 0
        alive = Alive(job)
        if fate is not None:  # whoever doesn't come to the moment is killed from outside, some time
            alive.kill_at = now + (fate.delay_s if fate.moment == "outside" else random.uniform(0.3, 0.6))
        elif leaves and not self._is_closing:
            alive.leave_at = now + random.expovariate(1 / 0.2)
        process = os.fork()
        if process == 0:
            self._be(job)
        self._alive[process] = alive

    def _be(self, job: Job) -> None:
        """In the new process: do the job, and never come back."""
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            worker = Worker(job, self._shared, self._world, self._workflows)
            anyio.run(worker.work, backend=job.backend)
            status = 0
        except BaseException:
            (self.folder / f"failed-{job.life}.txt").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(status)

    def _wait(self) -> None:
        """Until a process has ended, or one's time has come."""
        now = time.monotonic()
        instants = [at for alive in self._alive.values() for at in (alive.kill_at, alive.leave_at) if at is not None]
        pause_s = min(0.5, max(0.0, min(instants, default=now + 0.5) - now))
        signal.sigtimedwait({signal.SIGCHLD}, pause_s)
        now = time.monotonic()
        for process, alive in self._alive.items():
            if alive.kill_at is not None and alive.kill_at <= now:
                os.kill(process, signal.SIGKILL)
                alive.kill_at = None
            if alive.leave_at is not None and alive.leave_at <= now:
                os.kill(process, signal.SIGTERM)
                alive.leave_at = None
        self._reap()

    def _reap(self) -> None:
        while self._alive:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            alive = self._alive.pop(process)
            self.endings[alive.job.life] = self._ending(alive.job, status)
            if self.endings[alive.job.life].how == "killed" or not self._is_closing:
                self._start(alive.job.slot, alive.job.role)

    def _ending(self, job: Job, status: int) -> Ending:
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGKILL, signal.SIGALRM}:
            self._killed += 1
            moment = MOMENTS[0] if job.fate is None else job.fate.moment
            return Ending("killed", moment, bool(self._shared[job.slot]))
        if status != 0 and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM:
            return Ending("killed", "asked to leave before it listened")
        if status != 0:
            told = self.folder / f"failed-{job.life}.txt"
            raise RuntimeError(f"process {job.life} failed:\n{told.read_text() if told.exists() else status}")
        return Ending("left")
