"""Crew: the tasks of a run: a root task, workers that call steps, and one that watches the clock.

Rules:
- Workers drive: whoever finishes a step feeds the core, and takes the next step itself. A second worker starts only
  when there is work for two. The root task is the first worker.
- A crew that has nothing to do but wait holds no task: the root task ends, and is launched again when there is work.
- A worker has one cancel scope, renewed once it was cancelled: by suspending a step.
- Only the crew cancels its tasks, once the core knows why: a block that owns the run tells it when it's left, and the
  scopes around that block stay outside. A root task that nobody owns is cancelled when main has returned; a step that
  cleans up after that is told by its next operation.
- When the root task has ended for good, no task of the run is alive, and every `finally` of a step has run.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context as ContextVars
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from ..core.commands import RunStep
from ..core.empty import EMPTY_LIST
from ..core.statuses import RUNNING
from ..core.ticks import TimerFired
from .alarm import Alarm
from .attempt import outside_of_steps
from .calling import call_step, call_step_in_time
from .clock import on_loop_clock
from .journalling import Journal
from .outcome import sole
from .spawn import Launch, Root, uninterrupted
from .tasks import Tasks
from .telling import tell_idle, tell_if_stalled
from .turns import Turn, TurnQueue
from .watching import Watches
from .worker import Job, Worker

if TYPE_CHECKING:
    from .run import Run

IDLE_WORKERS = 4  # how many workers wait for more work; further ones end, since a waiting task costs memory


class Crew:
    """The tasks of one run.

    Args:
        run: The run.
        launch: Starts the root task, whenever there's something to do; None if there never will be.
        turns: Where the run waits for its turn; None if it may start at once.
        is_owned: Whether a block owns the run, and cancels it when it's left.
    """

    __slots__ = (
        "_alarm", "_has_given_up", "_has_told", "_hired", "_idle",
        "_is_owned", "_is_stopping", "_jobs", "_journal", "_launch", "_resting", "_root", "_run", "_takes_work",
        "_tasks", "_turn", "_turns", "_variables", "_watches", "_workers", "budget_at", "is_launched",
    )  # fmt: skip

    def __init__(self, run: Run, launch: Launch | None, turns: TurnQueue | None, *, is_owned: bool = False) -> None:
        self._run = run
        self._journal = run.journal
        self._launch = launch
        self._turns = turns
        self._variables: ContextVars = outside_of_steps(copy_context())
        self.is_launched: bool = False
        self._is_owned = is_owned
        self._root: Root | None = None
        self._is_stopping = False
        self._jobs: list[Job] = EMPTY_LIST
        self._workers = 0  # how many there are, those included whose task hasn't come to run yet
        self._hired = 0  # how many there ever were; no two have the same number
        self._idle: list[Worker] = EMPTY_LIST  # those that wait for a job, longest first
        self._resting = 0  # how many wait till what they have done is stored
        self._tasks: Tasks | None = None  # while there's a root task
        self._takes_work = False  # else work waits for a new root task
        self._turn: anyio.CancelScope | None = None
        self._has_given_up = False
        self._has_told = False  # that nothing is left to do
        self._alarm: Alarm | None = None
        self._watches: Watches | None = None
        self.budget_at: float | None = None  # the budget's instant, while it's being spent

    def add(self, run: Run, job: RunStep) -> None:
        """Add a job, of a child perhaps. Whoever feeds the core sees to it that it's taken, or handed out."""
        if self._jobs is EMPTY_LIST:
            self._jobs = []
        self._jobs.append((run, job))

    def set_alarm(self, at: float | None) -> None:
        """Tell the core when this instant has come."""
        if self._alarm is None:
            self._alarm = Alarm(self._run.driver.now, self._ring, self._start, self._run.backend)
        self._alarm.set(at)
        if at is None or self._alarm.is_watched:
            return
        if self._takes_work:
            self._alarm.watch()
        elif self._journal is None:  # a host that keeps the run looks after its timers while it has no task
            self.launch()

    def set_budget(self, at: float | None) -> None:
        """Cancel everything at this instant; the core is told why."""
        self.budget_at = at
        if self._tasks is not None:
            self._tasks.set_deadline(on_loop_clock(at, self._run.driver.now))

    def stop(self) -> None:
        """Cancel what runs; nothing is begun any more."""
        self._is_stopping = True
        self._jobs.clear()
        is_busy = self._workers > 1 or self._idle or self._run.is_at_work
        if self._tasks is not None and is_busy:  # else its only worker tells this itself, or will see it
            self._dismiss_idle()
            for worker in self._tasks.workers:
                worker.scope.cancel()
            if self._run.is_at_work:
                self._tasks.start(self._watching().tell_of_slow_end)

    def give_up_turn(self) -> None:
        """Don't wait for a turn any more, nor take one that comes at this moment."""
        self._has_given_up = True
        if self._turn is not None:
            self._turn.cancel()

    @property
    def is_cut_off(self) -> bool:
        """Whether the steps are cancelled, or about to be, by somebody who doesn't tell the core."""
        return self.is_out_of_time or (self._root is not None and self._root.is_closing)

    @property
    def is_out_of_time(self) -> bool:
        """Whether the budget's instant has come."""
        return self._tasks is not None and self._tasks.are_out_of_time

    def attempts_ended(self) -> None:
        """No attempt runs any more."""
        if self._watches is not None:
            self._watches.attempts_ended()

    def watch_closing(self) -> None:
        """A wait is parked, be it under a shield, where it doesn't see that main has returned: let a task see it."""
        if self._tasks is not None and not self._is_owned and not self._watching().sees_closing:
            self._tasks.start(self._watching().tell_of_closing)

    def _watching(self) -> Watches:
        if self._watches is None:
            self._watches = Watches(self._run)
        return self._watches

    def close(self) -> None:
        """The run is over."""
        self._is_stopping = True
        self._dismiss_idle()
        if not self.is_launched:
            self._leave_run()

    def _leave_run(self) -> None:
        """The run has this crew: nobody else breaks the ring, but the garbage collector, in time."""
        self._watches = None
        del self._run

    def begin(self) -> None:
        """Start the root task, unless all in a run that goes on waits; a host has to hear of that from a task."""
        if self._jobs or self._turns is not None or self._journal is not None or not self._run.is_asleep:
            self.launch()
        else:
            self.tell_if_idle(had_work=False)

    def launch(self) -> None:
        """Start the root task, unless there is one or the run is over."""
        if self.is_launched or self._launch is None or self._run.outcome.is_set:
            return
        self.is_launched = True
        if self._turns is None:
            self._launch(self._main, self._variables.copy())
            return
        turn = self._turns.join()
        try:
            self._launch(partial(self._main_in_turn, turn), self._variables.copy())
        except BaseException:
            turn.leave()
            raise

    @uninterrupted
    async def _main(self) -> None:
        """Be the run's root task: work until the run has ended, or everything in it waits.

        Cancelled, the run stands still and can be resumed; cancellation passes through when all its tasks have ended.
        """
        bug: Exception | None = None
        is_asleep = False
        self._root = None if self._is_owned else self._run.backend.current_root()
        spawn, limited = self._run.backend.spawn, self._run.core.state.budget.limit_s is not None
        tasks = Tasks(spawn, self._variables, self._stop_at_once, is_owned=self._is_owned, is_limited=limited)
        self._tasks = tasks
        try:
            self.set_budget(self.budget_at)
            with tasks.scope():
                is_asleep = await self._run.working(partial(self._work_till_nothing_is_left, tasks))
        except Exception as error:
            bug = sole(error)
        finally:
            is_asleep = is_asleep and bug is None and self._run.core.state.status is RUNNING
            if not is_asleep:
                self._run.interrupted()
                self._run.end(bug)
            self._tasks = self._root = None
            self.is_launched = False
            if self._jobs:
                self._launch_or_drop()
            elif is_asleep:
                self._jobs = EMPTY_LIST
                self._alarm = self._alarm if self._alarm is not None and self._alarm.at is not None else None
                self._run.fell_asleep()
            elif self._run.outcome.is_set:
                self._leave_run()

    @uninterrupted
    async def _main_in_turn(self, turn: Turn) -> None:
        """As `_main`, when it's this run's turn; a run that is cancelled before that never starts."""
        has_begun = False
        try:
            with anyio.CancelScope() as self._turn:
                if self._has_given_up:
                    self._turn.cancel()
                await turn.has_come.wait()
            if not self._turn.cancelled_caught and not self._has_given_up:
                has_begun = True
                self._run.resume()
                await self._main()
        finally:
            if not has_begun:  # for the core it begins and is cancelled, so that its stream ends as any other
                self._run.resume()
                self._run.end(None)
            turn.leave()

    async def _work_till_nothing_is_left(self, tasks: Tasks) -> bool:
        """Work; True if the run goes on, and needs no task for now."""
        self._takes_work = not self._is_stopping
        try:
            if self._alarm is not None and self._alarm.at is not None and self._takes_work:
                self._alarm.watch()
            await self._worker(None, self._hire(), is_root=True)
        except BaseException:
            self._stop_at_once()
            raise
        finally:
            self._takes_work = False
            if self._alarm is not None:
                self._alarm.leave()
            await tasks.others_ended()  # noqa: ASYNC102  (it shields itself)
        return self._turns is None and not self._is_stopping

    def _stop_at_once(self) -> None:
        """The root task is cut off, or one has raised what none should: let the others end."""
        self._run.interrupted()
        self.stop()

    def _take_job(self) -> Job | None:
        """The next job for the worker that asks; the others are handed out."""
        jobs = self._jobs
        if not jobs:
            return None
        job = jobs.pop(0)
        if jobs:
            self.hand_out()
        return job

    def hand_out(self) -> None:
        """Give each job to a worker that waits, or to a new one; those that rest take one when they wake."""
        if len(self._jobs) <= self._resting:
            return
        if not self._takes_work:
            self._launch_or_drop()
            return
        jobs, self._jobs = self._jobs[self._resting :], self._jobs[: self._resting]
        for job in jobs:
            if self._idle:
                self._idle.pop(0).give(job)
            else:
                self._start(self._worker, job, self._hire())

    def _launch_or_drop(self) -> None:
        """Begin what there's to do; not in a run that was cancelled before that was stored."""
        if self._run.core.state.status is RUNNING:
            self.launch()
        else:
            self._jobs.clear()

    def _hire(self) -> int:
        self._workers += 1
        self._hired += 1
        return self._hired

    @uninterrupted
    async def _worker(self, job: Job | None, number: int, *, is_root: bool = False) -> None:
        assert self._tasks is not None
        worker, workers = Worker(self._run.backend.current_task(), str(number)), self._tasks.workers
        workers[worker] = None
        try:
            is_over = False
            while not is_over and not self._is_stopping:
                is_over = await self._call_steps(job, worker, is_root=is_root)
                job = None
                if not is_over and not self._jobs and self._journal is None:  # else it goes on in a new scope
                    job = await self._next_job(worker, is_root=is_root, had_work=True)
                    is_over = job is None
        finally:
            del workers[worker]
            self._workers -= 1

    async def _call_steps(self, job: Job | None, worker: Worker, *, is_root: bool) -> bool:
        """Call one step after the other in one scope, till the worker should end, or one is suspended, which cancels
        the scope. Without a first one, that's taken when what was done is stored. Gives whether it should end.
        """
        checkpoint, has_waited, had_work = self._run.backend.checkpoint, False, False
        with anyio.CancelScope() as worker.scope:
            if job is None:  # the root task has just begun, or a suspended step was unwound: others have had a turn
                has_waited = True
                if self._journal is not None:
                    await self._rest(self._journal)
                job = self._take_job()
            while True:
                if job is None:
                    job = await self._next_job(worker, is_root=is_root, had_work=had_work)
                    has_waited, had_work = True, False
                if job is None:
                    return True
                if not has_waited or self.is_cut_off:
                    await checkpoint()
                has_waited = self._journal is not None  # for the store, whenever a step has ended
                if self._is_stopping:  # the run was cancelled at this moment, with nothing at work
                    return True
                run, step = job
                if run is self._run or not run.is_skipped(step):
                    had_work = True
                    await (call_step if step.step.timeout_s is None else call_step_in_time)(run, step, worker)
                if worker.scope.cancel_called:
                    break
                if self._journal is not None:
                    await self._rest(self._journal)
                job = self._take_job()
        return False

    async def _rest(self, journal: Journal) -> None:
        """Wait until what the worker has done is stored; a job that comes of it is left to a worker that rests."""
        self._resting += 1
        try:
            await journal.done()
        finally:
            self._resting -= 1

    def tell_if_idle(self, *, had_work: bool) -> None:
        """Somebody has nothing to do. If nobody has, say so: to readers, and to the log if it'll stay like that."""
        state = self._run.core.state
        if self._is_stopping or state.budget.active or self._jobs or state.status is not RUNNING:
            return
        if had_work:
            tell_idle(self._run)
        self._has_told = self._has_told or tell_if_stalled(self._run)

    async def _next_job(self, worker: Worker, *, is_root: bool, had_work: bool) -> Job | None:
        """Wait for work; None if the worker should end."""
        self.tell_if_idle(had_work=had_work)
        if self._is_stopping:
            return None
        others, alarm = self._workers - 1, self._alarm
        is_last = len(self._idle) == others and self._turns is None
        if is_last and (alarm is None or alarm.at is None or self._journal is not None):
            self._takes_work = False  # everything waits
            self._dismiss_idle()
            return None
        if len(self._idle) == others:
            self._run.all_wait()
        if not is_root and len(self._idle) >= IDLE_WORKERS:
            return None
        self._idle = [*self._idle, worker]
        try:
            return await worker.job()
        finally:
            if worker in self._idle:  # it's cut off
                self._idle.remove(worker)

    def _dismiss_idle(self) -> None:
        idle, self._idle = self._idle, EMPTY_LIST
        for worker in idle:
            worker.give(None)

    def _start(self, function: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        assert self._tasks is not None
        self._tasks.start(function, *args)

    def _ring(self) -> None:
        self._run.driver.emit(TimerFired)
        self.hand_out()
