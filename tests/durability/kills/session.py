"""Session: starts processes, kills them, and starts others in their place, until there were enough kills.

The session's own process has imported everything, and is forked: so that a process lives some milliseconds after it was
started, and a kill is cheap. It runs no event loop and no thread, and waits for nothing but the ends of processes.
"""

from __future__ import annotations

import os
import signal
import traceback
from mmap import mmap
from pathlib import Path
from random import Random
from typing import Literal

import anyio
import attrs

from workflows import Runtime
from workflows.durability import MemoryStore

from .lives import CLOSING, Fate, ring_in
from .load import World, load
from .tidying import FILE, LOG, Tidier
from .worker import Job, Role, Worker

BACKENDS = ("asyncio", "trio")

ROLES: tuple[Role, ...] = ("worker", "worker", "worker", "clerk", "clerk", "tidier")
AWAITED = (signal.SIGCHLD, signal.SIGALRM)
"""What the session waits for: the end of a process, and of its patience."""

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


class Session:
    """Kills processes on one file.

    Args:
        folder: Where the file is, and the log of effects.
        kills: How many.
        seed: What it draws from.
        lease: Seconds after which a process is taken for dead by others.
        pace: How much longer processes live, on a machine that is busy with other things.
        patience: Seconds for everything to come to its end when there were enough kills; only a session that hangs
            comes to the end of them.
    """

    def __init__(
        self, folder: Path, *, kills: int, seed: int, lease: float = 0.3, pace: float = 1.0, patience: float = 60.0
    ) -> None:
        self.folder = folder
        self.kills = kills
        self.lease = lease
        self.pace = pace
        self.patience = patience
        self.endings: dict[int, Ending] = {}
        self._random = Random(seed)
        self._alive: dict[int, Job] = {}
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
        signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
        try:
            for slot, role in enumerate(ROLES):
                self._start(slot + 1, role)
            while self._alive:
                if self._killed >= self.kills and not self._is_closing:
                    self._shared[CLOSING] = 1
                    ring_in(self.patience)
                if signal.sigwaitinfo(AWAITED).si_signo == signal.SIGALRM:
                    raise RuntimeError(f"after {self.patience} s without kills there's still something to do")
                self._reap()
        finally:
            ring_in(0)  # that is, not at all
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
        random = self._random
        self._lives += 1
        leaves = random.random() < LEAVING
        fate = None if self._is_closing or leaves else Fate.drawn(random, pace=self.pace)
        job = Job(
            life=self._lives,
            role=role,
            backend=random.choice(BACKENDS),
            synchronous=random.choice(("full", "normal")),
            file=self.folder / (FILE if role == "tidier" else "runs.db"),
            effects=self.folder / (LOG if role == "tidier" else "effects.log"),
            lease=self.lease,
            seed=random.randrange(2**32),
            fate=fate,
            leaves_in_s=self.pace * random.expovariate(1 / 0.2) if leaves and not self._is_closing else None,
            slot=slot,
        )
        self._shared[slot] = 0
        process = os.fork()
        if process == 0:
            self._be(job)
        self._alive[process] = job

    def _be(self, job: Job) -> None:
        """In the new process: do the job, and never come back."""
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
            job.begin()
            kind = Tidier if job.role == "tidier" else Worker
            worker = kind(job, self._shared, self._world, self._workflows)
            anyio.run(worker.work, backend=job.backend)
            status = 0
        except BaseException:
            (self.folder / f"failed-{job.life}.txt").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while self._alive:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            job = self._alive.pop(process)
            ending = self.endings[job.life] = self._ending(job, status)
            is_done = self._is_closing and ending.how == "left" and job.leaves_in_s is None  # it found nothing to do
            if not is_done:
                self._start(job.slot, job.role)

    def _ending(self, job: Job, status: int) -> Ending:
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGKILL, signal.SIGALRM}:
            self._killed += 1
            moment = "asked to leave when it didn't listen" if job.fate is None else job.fate.moment
            return Ending("killed", moment, bool(self._shared[job.slot]))
        if status != 0:
            told = self.folder / f"failed-{job.life}.txt"
            raise RuntimeError(f"process {job.life} failed:\n{told.read_text() if told.exists() else status}")
        return Ending("left")
