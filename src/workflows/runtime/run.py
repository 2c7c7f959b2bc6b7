"""Run: carries out what the core commands, on a task group of its own.

Rules:
- Workers drive: whoever finishes a step feeds the core, and takes the next step itself. A second worker starts only when
  there is work for two. The root task is the first worker.
- A run in which everything waits holds no task: its root task ends, and is launched again when there is something to do.
- A worker has one cancel scope, renewed once it was cancelled: by suspending a step.
- Deciding is synchronous: between reading the state and feeding a tick nothing is awaited.
- When a run is over, no task of it is alive and every `finally` of a step has run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context as ContextVars
from contextvars import copy_context
from typing import Any, ClassVar, TypeAlias

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from ..core.commands import (
    Command,
    Finish,
    PublishEvent,
    ReportLeft,
    ReportSwallowed,
    RunStep,
    SetAlarm,
    SetBudget,
    StopSteps,
    WakeWait,
)
from ..core.state import RunStatus
from ..core.ticks import CancelRequested, EventReceived, RunResumed, StepHalted, TimerFired
from ..events import Event, UnhandledEvent
from . import spawn
from .answers import fitted_answer
from .attempt import Attempt
from .calling import call_step
from .driver import Driver
from .log import EventLog
from .options import RunOptions
from .outcome import RunOutcome, ending_of
from .refusals import error_for
from .telling import tell_left, tell_slow, tell_swallowed
from .worker import Worker

logger = logging.getLogger(__name__)

Main: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Launch: TypeAlias = Callable[[Main, ContextVars], None]
Work: TypeAlias = tuple[MemoryObjectSendStream[RunStep | None], MemoryObjectReceiveStream[RunStep | None]]

IDLE_WORKERS = 4  # how many workers wait for more work; further ones end, since a waiting task costs memory


class Run:
    """One run of a workflow, from its first tick to its end or standstill.

    Args:
        driver: The core, with its clock.
        options: What's to be known of the workflow.
        run_id: The id of the run.
        launch: Starts the run's root task, whenever there's something to do.
        turns: What the run needs before it may start; None if it may at once.
    """

    __slots__ = (
        "__weakref__",
        "_alarm",
        "_alarm_at",
        "_budget_at",
        "_ending_watch",
        "_group",
        "_idle",
        "_is_launched",
        "_is_stopping",
        "_jobs",
        "_launch",
        "_scope",
        "_turn",
        "_turns",
        "_variables",
        "_work",
        "_workers",
        "accepts_changes",
        "attempts",
        "checkpoint",
        "codec",
        "core",
        "current_task",
        "driver",
        "grace_s",
        "log",
        "options",
        "outcome",
        "run_id",
        "suspends",
        "thread",
    )

    def __init__(
        self,
        driver: Driver,
        options: RunOptions,
        run_id: str,
        *,
        launch: Launch | None = None,
        turns: anyio.Semaphore | None = None,
    ) -> None:
        self.driver = driver
        self.core = driver.core
        self.codec = driver.codec
        self.options = options
        self.run_id = run_id
        self.suspends = options.suspends
        self.accepts_changes = options.accepts_changes
        self.grace_s = options.grace_s
        backend = spawn.backend()
        self.current_task = backend.current_task
        self.checkpoint = backend.checkpoint
        self.log = EventLog(options.stream_history, driver.core.state.streamed, backend.current_task)
        self.outcome = RunOutcome(driver.core.state.program.class_name, run_id)
        self.thread = threading.get_ident()
        self.attempts: dict[int, Attempt] = {}
        self._variables: ContextVars = copy_context()
        self._launch = launch
        self._is_launched = False
        self._turns = turns
        self._turn: anyio.CancelScope | None = None
        self._jobs: list[RunStep] = []
        self._workers = 0
        self._idle = 0
        self._work: Work | None = None
        self._group: TaskGroup | None = None
        self._scope: anyio.CancelScope | None = None
        self._alarm: anyio.CancelScope | None = None
        self._alarm_at: float | None = None
        self._budget_at: float | None = None
        self._is_stopping = False
        self._ending_watch: anyio.CancelScope | None = None
        driver.carry_out = self.carry_out

    # Commands

    def carry_out(self, command: Command) -> None:
        """Do what the core commands."""
        self._DUTIES[type(command)](self, command)

    def _run_step(self, command: RunStep) -> None:
        self._jobs.append(command)

    def _publish(self, command: PublishEvent) -> None:
        self.log.append(command.event)

    def publish_unrecorded(self, event: Event) -> None:
        """Append an event to the stream that no record speaks of."""
        self.core.state.streamed += 1
        self.log.append(event)

    def _wake(self, command: WakeWait) -> None:
        attempt = self.attempts.get(command.execution)
        if attempt is not None:
            attempt.wake(command.question)

    def _set_alarm(self, command: SetAlarm) -> None:
        self._alarm_at = command.at
        if self._alarm is not None:
            self._alarm.cancel()  # its task looks again
        elif command.at is not None:
            if self._group is not None:
                self._start(self._ring_alarm)
            else:
                self.launch()

    def _set_budget(self, command: SetBudget) -> None:
        self._budget_at = command.at
        if self._scope is not None:
            self._scope.deadline = self._on_loop_clock(command.at)

    def _stop_steps(self, _command: StopSteps) -> None:
        self._is_stopping = True
        self._jobs.clear()
        if self._group is not None and (self._workers > 1 or self.attempts or self._alarm is not None):
            self._group.cancel_scope.cancel()
            if self.attempts:
                self._start(self._watch_ending)

    def _finish(self, _command: Finish) -> None:
        self._is_stopping = True
        if not self._is_launched:
            self.close()

    def _report_left(self, command: ReportLeft) -> None:
        tell_left(self.run_id, command.events)
        if self.log.wants_internal:
            for event in command.events:
                kind = type(event)
                self.log.append(UnhandledEvent(event_type=kind.__name__, qualified_name=kind.__qualname__, idle=False))

    def _report_swallowed(self, command: ReportSwallowed) -> None:
        tell_swallowed(self.run_id, command.step, self.grace_s)

    def _on_loop_clock(self, at: float | None) -> float:
        return float("inf") if at is None else anyio.current_time() + max(0.0, at - self.driver.now())

    # Tasks

    def launch(self) -> None:
        """Start the root task, unless there is one or the run is over."""
        if self._is_launched or self._launch is None or self.outcome.is_set:
            return
        self._is_launched = True
        self._launch(self._main if self._turns is None else self._main_in_turn, self._variables.copy())

    async def _main(self) -> None:
        """Be the run's root task: work until the run has ended, or everything in it waits.

        Cancelled, the run stands still and can be resumed; cancellation passes through when all its tasks have ended.
        """
        bug: Exception | None = None
        is_asleep = False
        try:
            with anyio.CancelScope(deadline=self._on_loop_clock(self._budget_at)) as self._scope:
                is_asleep = await self._work_till_nothing_is_left()
        except Exception as error:
            bug = error
        finally:
            self._group = self._scope = None
            self._is_launched = False
            if bug is None and is_asleep and not self._is_stopping:
                if self._jobs:
                    self.launch()
            else:
                self._end(bug)

    async def _main_in_turn(self) -> None:
        """As `_main`, when it's this run's turn; a run that is cancelled before that never starts."""
        assert self._turns is not None
        try:
            with anyio.CancelScope() as self._turn:
                await self._turns.acquire()
        except BaseException:
            self._end(None)
            raise
        if self._turn.cancelled_caught:
            self._end(None)
            return
        try:
            self.driver.emit(RunResumed, self.run_id, self.options.budget_s)
            await self._main()
        finally:
            self._turns.release()

    async def _work_till_nothing_is_left(self) -> bool:
        """Work; True if the run goes on, and needs no task for now."""
        async with anyio.create_task_group() as group:
            if self._is_stopping:
                return False
            self._group = group
            if self._alarm_at is not None:
                self._start(self._ring_alarm)
            await self._worker(self._take_job())
        return self._turns is None

    def _end(self, bug: Exception | None) -> None:
        """No task of the run is left: tell the core, and everybody who waits."""
        self.driver.emit(CancelRequested, "its owner left")
        state = self.core.state
        if state.live:  # what the core still believes to run was never begun
            for execution in [found for found in state.executions.values() if found.is_live]:
                self.driver.emit(StepHalted, execution.id, execution.attempt)
        self.close(bug)

    def close(self, bug: Exception | None = None) -> None:
        """The run is over, or stands still: tell those who wait for it."""
        if self.outcome.is_set:
            return
        if self._work is not None:
            self._work[0].close()
            self._work[1].close()
        self.driver.carry_out = None
        result, error = ending_of(self.core.state)
        if bug is not None:
            logger.error("run %s was ended by a bug of the engine", self.run_id, exc_info=bug)
            result, error = None, bug
        self.outcome.set(result, error)
        self.log.close()

    def interrupted(self) -> None:
        """An attempt finds itself cancelled, neither by its suspension nor by the end of the run: tell the core why."""
        if self._scope is not None and self._scope.cancel_called and self._budget_at is not None:
            self.driver.emit_at(max(self._budget_at, self.driver.now()), TimerFired)
        else:
            self.driver.emit(CancelRequested, "its owner left")

    def attempt_ended(self, execution: int) -> None:
        """An attempt is over."""
        del self.attempts[execution]
        if self._ending_watch is not None and not self.attempts:
            self._ending_watch.cancel()

    def _start(self, function: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Start a task of the run, with the context variables of the caller of `run()`."""
        self._variables.copy().run(self._start_here, function, args)

    def _start_here(self, function: Callable[..., Coroutine[Any, Any, None]], args: tuple[object, ...]) -> None:
        assert self._group is not None
        self._group.start_soon(function, *args)

    def _take_job(self) -> RunStep | None:
        """The next job for the worker that asks; the others are handed out."""
        jobs = self._jobs
        if not jobs:
            return None
        job = jobs.pop(0)
        if jobs:
            self.hand_out()
        return job

    def hand_out(self) -> None:
        """Give each job to a worker that waits, or to a new one."""
        if not self._jobs:
            return
        if self._group is None:
            self.launch()
            return
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            if self._idle and self._work is not None:
                self._idle -= 1
                self._work[0].send_nowait(job)
            else:
                self._start(self._worker, job)

    async def _worker(self, job: RunStep | None) -> None:
        self._workers += 1
        is_root = self._workers == 1
        worker = Worker(self.current_task(), str(self._workers))
        try:
            while True:
                with anyio.CancelScope() as worker.scope:
                    while job is not None:
                        await self.checkpoint()
                        await call_step(self, job, worker)
                        job = None if worker.scope.cancel_called else self._take_job()
                if self._is_stopping:
                    return
                if worker.scope.cancel_called:  # a step was suspended
                    job = self._take_job()
                if job is None:
                    job = await self._wait_for_job(is_root=is_root)
                    if job is None:
                        return
        finally:
            self._workers -= 1

    async def _wait_for_job(self, *, is_root: bool) -> RunStep | None:
        """Wait for work; None if the worker should end."""
        others = self._workers - 1
        if self._idle == others and self._alarm_at is None and self._turns is None:
            self._group = None  # everything waits; from now on work waits for a new root task
            self._dismiss_idle()
            return None
        if not is_root and self._idle >= IDLE_WORKERS:
            return None
        if self._work is None:
            self._work = anyio.create_memory_object_stream[RunStep | None](float("inf"))
        self._idle += 1
        return await self._work[1].receive()

    def _dismiss_idle(self) -> None:
        while self._idle and self._work is not None:
            self._idle -= 1
            self._work[0].send_nowait(None)

    async def _ring_alarm(self) -> None:
        if self._alarm is not None:
            return
        while (at := self._alarm_at) is not None:
            with anyio.CancelScope(deadline=self._on_loop_clock(at)) as self._alarm:
                await anyio.sleep_forever()
            if self._alarm_at == at and self.driver.now() >= at:
                self._alarm_at = None
                self.driver.emit(TimerFired)
                self.hand_out()
        self._alarm = None

    async def _watch_ending(self) -> None:
        """Tell of steps that don't end: they're waited for, but somebody should know."""
        if self._ending_watch is not None or not self.attempts:
            return
        with anyio.CancelScope(shield=True) as self._ending_watch:
            await anyio.sleep(self.grace_s)
            tell_slow(self.run_id, [attempt.step.name for attempt in self.attempts.values()], self.grace_s)

    _DUTIES: ClassVar[Mapping[type, Callable[..., None]]] = {
        RunStep: _run_step,
        PublishEvent: _publish,
        WakeWait: _wake,
        SetAlarm: _set_alarm,
        SetBudget: _set_budget,
        StopSteps: _stop_steps,
        Finish: _finish,
        ReportLeft: _report_left,
        ReportSwallowed: _report_swallowed,
    }

    # From outside

    def receive(self, event: Event, *, step: str | None, reply_to: str | None) -> None:
        """Take an event from outside.

        Raises:
            AnswerRefused: It answers no open question, or several.
            InvalidAnswer: It doesn't fit its question, which stays open.
        """
        fitted = fitted_answer(self.core.state, event, step=step, reply_to=reply_to)
        refusal = self.driver.emit(EventReceived, fitted, step, reply_to)
        self.hand_out()
        if refusal is not None:
            raise error_for(refusal)

    def cancel(self, reason: str) -> None:
        """Ask the run to stand still."""
        if self._turn is not None:
            self._turn.cancel()
        self.driver.emit(CancelRequested, reason)
        if self.core.state.status is not RunStatus.RUNNING and not self._is_launched:
            self.close()
