"""Attempt: one call of a step function, from where it begins to where it ends or is suspended.

Everything that a step context offers goes through its seam; see `operations`, `waiting` and `editing`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import Context as ContextVars
from contextvars import ContextVar
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import from_thread
from anyio.lowlevel import checkpoint

from ..core.commands import RunStep
from ..core.records import Branch
from ..core.replay import Replay
from ..core.statuses import SUSPENDING
from ..core.ticks import StepParked, StepSuspending, StepUnparked
from ..errors import ContextStateError, ReplayMismatch, SuspensionSwallowed, UsageError
from . import spawn
from .reaching import reaches_task
from .seam import Seam

if TYPE_CHECKING:
    from ..graph import StepSpec
    from .run import Run
    from .worker import Worker

T = TypeVar("T")

current_attempt: ContextVar[Attempt | None] = ContextVar("workflows_attempt", default=None)
inside: ContextVar[str] = ContextVar("workflows_inside", default="")
"""What the task is inside of: "once", "edit", or nothing."""
is_for_thread: ContextVar[bool] = ContextVar("workflows_is_for_thread", default=False)
branch_path: ContextVar[str] = ContextVar("workflows_branch", default="")
"""The branch that the task, or the task that started it, has entered last: branches nest."""


def outside_of_steps(variables: ContextVars) -> ContextVars:
    """The context variables of a run that is started where these are set: it's no part of the step that starts it."""
    if variables.get(current_attempt) is not None or variables.get(inside, "") != "":
        variables.run(_leave_step)
    return variables


def _leave_step() -> None:
    current_attempt.set(None)
    inside.set("")
    branch_path.set("")


class Attempt(Seam):
    """One attempt of a step execution, while it runs."""

    __slots__ = (
        "_once_running",
        "_parked_branches",
        "_randoms",
        "_time_left",
        "_waits_for",
        "branches",
        "context",
        "departure",
        "is_closed",
        "is_parked",
        "is_root_parked",
        "is_suspending",
        "is_threaded",
        "owners",
        "parked",
        "replay",
        "scope",
        "step",
        "task",
        "used",
    )

    def __init__(self, run: Run, job: RunStep, worker: Worker) -> None:
        super().__init__(run, job.execution, job.attempt)
        self.step: StepSpec = job.step
        self.scope: anyio.CancelScope = worker.scope
        self.task: object = worker.task
        self.is_threaded: bool = not job.step.is_async
        memory = self.recall_execution().memory
        self.replay: Replay | None = None if memory is None else Replay(job.step.name, memory)
        self.is_closed: bool = False
        self.is_suspending: bool = False
        self.is_parked: bool = False
        self.is_root_parked: bool = False
        self.branches: dict[object, list[str]] | None = None  # task -> the paths of the branches that it's in
        self.owners: dict[str, object] | None = None  # branch path -> the one task that may enter it
        self.parked: dict[str, anyio.Event] | None = None  # question id -> wakes those who wait for it in place
        self.used: set[tuple[str, str]] | None = None  # what was found by content in this attempt
        self.context: object = None
        self.departure: ReplayMismatch | None = None  # from what an earlier attempt has recorded
        self._once_running = 0
        self._waits_for: Callable[[], tuple[str, ...]] = tuple
        self._parked_branches = 0
        self._time_left = 0.0
        self._randoms: dict[str, Random] | None = None

    # Who acts

    def acting_task(self) -> object:
        """The task that acts; a worker thread that an async step has called acts for none."""
        if self.is_threaded:
            return self.task
        return None if is_for_thread.get() else self.run.backend.current_task()

    def branch(self) -> Branch:
        """The branch of the task that acts; None if it's no branch's own."""
        is_in_task = not self.is_threaded and not is_for_thread.get()
        task = self.run.backend.current_task() if is_in_task else self.acting_task()
        if self.branches is not None:
            stack = self.branches.get(task)
            if stack:
                return stack[-1]
        return "" if task is self.task else None

    def own_branch(self, what: str) -> str:
        """The branch of the task that acts, for an operation that only order can tell apart.

        Raises:
            UsageError: The task is no branch's own.
        """
        branch = self.branch()
        if branch is None:
            raise UsageError(
                f"{what} was called in a task, or a worker thread, that step {self.step.name!r} started, where nothing "
                "tells which call is which when the step is replayed.\n  Enter a branch first: `async with "
                "ctx.branch(key):`, with a key of the task's own; and call it from the task, not from its thread."
            )
        return branch

    def is_own_task(self) -> bool:
        """Whether the step's own task acts."""
        return self.is_threaded or self.run.backend.current_task() is self.task

    def use_once(self, kind: str, key: str, what: str) -> None:
        """Note an operation that content alone tells apart, in a task that is no branch's own.

        Raises:
            UsageError: There was an equal one already.
        """
        if self.used is None:
            self.used = set()
        if (kind, key) in self.used:
            raise UsageError(
                f"{what} was called twice with equal content in tasks that step {self.step.name!r} started; nothing "
                "would tell them apart when the step is replayed.\n  Enter `async with ctx.branch(key):` in each task, "
                "or give the calls a key= of their own."
            )
        self.used.add((kind, key))

    def close(self) -> None:
        """It's over: what of it goes on can't act for it. It lets its context go, which refers to it."""
        self.is_closed = True
        self.context = None

    def check_open(self) -> None:
        """Raise if the attempt is over.

        Raises:
            ContextStateError: A task that the step left running goes on using its context.
        """
        if self.is_closed:
            raise ContextStateError(
                f"This context belongs to an attempt of step {self.step.name!r} that is over.\n  Await what the step "
                "starts, for example in a task group: a task that outlives its step can't act for it."
            )

    def refuse_inside(self, what: str, *, of: tuple[str, ...]) -> None:
        """Raise if the task is inside of something in which `what` can't be done.

        Raises:
            UsageError: It is.
        """
        place = inside.get()
        if place in of:
            name = "ctx.once()" if place == "once" else "edit_state()"
            raise UsageError(
                f"{what} can't be used inside {name} (step {self.step.name!r}). Do it before or afterwards."
            )

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a synchronous function where the run's event loop runs, from there or from a worker thread."""
        if threading.get_ident() == self.run.thread:
            return function(*args)
        return from_thread.run_sync(self._call_for_thread, function, args)

    def _call_for_thread(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        """Call for a thread of the step's own. On Trio that's in the task which waits for it, on asyncio in none."""
        token = is_for_thread.set(not self.is_threaded)
        try:
            return function(*args)
        finally:
            is_for_thread.reset(token)

    # Suspending

    async def hold_while_suspending(self) -> None:
        """Before anything is done: let cancellation in, and go no further if the step is being suspended.

        Raises:
            SuspensionSwallowed: Cancellation doesn't come here: clean-up under a shield waits for what won't be done.
        """
        self.check_open()
        if self.is_suspending:
            await self.hold()

    async def pass_while_suspending(self) -> None:
        """As `hold_while_suspending`, before what can be left out: under a shield it's passed, and comes to nothing."""
        self.check_open()
        if self.is_suspending:
            await self.hold(passes=True)

    @property
    def is_in_vain(self) -> bool:
        """Whether what the step does now comes to nothing: it's being suspended, or its run is being stopped."""
        return self.is_suspending or self.is_stopping()

    async def hold_while_stopping(self) -> None:
        """Before a wait: as `hold_while_suspending`, and go no further either if the run is being stopped.

        What is asked then would be on no record, and nobody could answer it.
        """
        await self.hold_while_suspending()
        if self.is_stopping():
            await self.hold()

    async def hold(self, *, passes: bool = False) -> None:
        """Go no further. Cancellation comes here; where a shield keeps it away, the grace runs out, unless it `passes`.

        Raises:
            SuspensionSwallowed: It has.
        """
        had_its_grace = False
        while not had_its_grace:
            had_its_grace = self.scope.cancel_called or self.is_stopping()
            if had_its_grace and not self.is_own_task():
                spawn.cancel_if_told_once()
            if had_its_grace and passes:
                await checkpoint()
                return
            with anyio.move_on_after(self.run.grace_s):
                await anyio.sleep_forever()
        what = "suspended" if self.is_suspending else "stopped"
        raise SuspensionSwallowed(
            f"Step {self.step.name!r} is being {what}, and its clean-up uses its context under a shield.\n"
            "  While a step is being suspended its context does nothing: the replay will come there again. Leave that "
            "out while ctx.suspending is true. Nor can a step wait for an answer once its run is being stopped."
        )

    def enter_once(self) -> None:
        """A `once` begins."""
        self._once_running += 1

    def leave_once(self) -> None:
        """A `once` is over, and with the last one a suspension may go on."""
        self._once_running -= 1
        if self.is_suspending and not self._once_running:
            self._suspend()

    def begin_suspending(self, on: Callable[[], tuple[str, ...]]) -> None:
        """From here on the context does nothing; suspend the step as soon as no `once` is in flight.

        Args:
            on: Gives the questions that its own task waits for, of those that are open by then.
        """
        self.is_suspending = True
        self._waits_for = on
        if not self._once_running:
            self._suspend()

    def _suspend(self) -> None:
        """Cancel the step, which has its grace from now on: a `once` may have taken longer."""
        if not self.scope.cancel_called:
            self.emit(StepSuspending, self._waits_for(), self.run.grace_s)
        self.scope.cancel()

    async def be_suspended(self) -> None:
        """Wait for the cancellation: it's there at once, unless a `once` is in flight."""
        if self.scope.cancel_called:
            await self.run.backend.be_cancelled()
        await anyio.sleep_forever()

    @property
    def can_suspend(self) -> bool:
        """Whether a cancellation reaches the acting task at once: no deadline or shield of the user's lies between."""
        return reaches_task(self.scope)

    # Parking

    def park(self, *, is_root: bool) -> None:
        """A wait is parked in place."""
        self.run.crew.watch_closing()
        if is_root:
            self.is_root_parked = True
        elif self.branch() is not None:
            self._parked_branches += 1
        self._tell_parking()

    def unpark(self, *, is_root: bool) -> None:
        """A parked wait goes on."""
        if is_root:
            self.is_root_parked = False
        elif self.branch() is not None:
            self._parked_branches -= 1
        self._tell_parking()

    def _tell_parking(self) -> None:
        open_branches = 0 if self.branches is None else len(self.branches)
        all_wait = self._parked_branches >= open_branches and (open_branches > 0 or self.is_root_parked)
        if all_wait is self.is_parked or self.is_closed:
            return
        self.is_parked = all_wait
        if self.step.timeout_s is not None:
            self._stop_or_start_clock()
        self.emit(StepParked if all_wait else StepUnparked)
        if all_wait:
            self.run.crew.tell_if_idle(had_work=True)

    def _stop_or_start_clock(self) -> None:
        """Time in which all that is open in the step waits is none that it takes."""
        if self.is_parked:
            self._time_left = self.scope.deadline - anyio.current_time()
            self.scope.deadline = float("inf")
        else:
            self.scope.deadline = anyio.current_time() + self._time_left

    @property
    def is_out_of_time(self) -> bool:
        """Whether its scope was cancelled because its time was up, and not to suspend it."""
        if self.step.timeout_s is None or not self.scope.cancel_called:
            return False
        return self.recall_execution().status is not SUSPENDING

    def branches_changed(self) -> None:
        """A branch was opened or closed."""
        if self._parked_branches or self.is_root_parked or self.is_parked:
            self._tell_parking()

    async def next_word(self, names: Sequence[str]) -> None:
        """Wait in place until one of these questions is settled, or there's word of one of these children."""
        event = anyio.Event()
        parked = self.parked = {} if self.parked is None else self.parked
        parked.update(dict.fromkeys(names, event))
        try:
            await event.wait()
        finally:
            for name in names:
                if parked.get(name) is event:
                    del parked[name]

    def wake_all(self) -> None:
        """The run is being stopped: nobody will answer any more."""
        for event in () if self.parked is None else self.parked.values():
            event.set()

    def wake(self, question: str) -> None:
        """The answer to a question is there."""
        event = None if self.parked is None else self.parked.get(question)
        if event is not None:
            event.set()

    @property
    def has_word(self) -> bool:
        """Whether a wait in place is over, or there's word of a child, and its task hasn't gone on yet."""
        if not self.parked:
            return False
        still_open = self.recall_execution().open
        return any(event.is_set() or name not in still_open for name, event in self.parked.items())

    # Randomness

    def random_for(self, name: str) -> Random:
        """The generator of this name: the same on every replay, another one on a retry."""
        if self._randoms is None:
            self._randoms = {}
        found = self._randoms.get(name)
        if found is None:
            seed = f"{self.recall_seed()}/{self.execution}/{self.recall_execution().failures}/{name}"
            found = self._randoms[name] = Random(seed)
        return found
