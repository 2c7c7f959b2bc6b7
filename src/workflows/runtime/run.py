"""Run: carries out what the core commands, on a task group of its own.

Rules:
- Workers drive: whoever finishes a step feeds the core, and takes the next step itself. A second worker starts only
  when there is work for two. The root task is the first worker; it stays until the run has ended.
- A worker has one cancel scope, renewed once it was cancelled: by suspending a step.
- Deciding is synchronous: between reading the state and feeding a tick nothing is awaited.
- When `main` returns, no task of the run is alive and every `finally` of a step has run.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context as ContextVars
from contextvars import copy_context
from typing import Any, ClassVar

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

logger = logging.getLogger(__name__)
IDLE_WORKERS = 4  # how many workers wait for more work; further ones end, since a waiting task costs memory


class Run:
    """One run of a workflow, from its first tick to its end or standstill."""

    def __init__(self, driver: Driver, options: RunOptions, run_id: str) -> None:
        self.driver = driver
        self.core = driver.core
        self.codec = driver.codec
        self.options = options
        self.run_id = run_id
        self.suspends = options.suspends
        self.accepts_changes = options.accepts_changes
        self.grace_s = options.grace_s
        self.outcome = RunOutcome(f"run {self.run_id!r} of {driver.core.state.program.class_name}")
        self.current_task = spawn.current_task_getter()
        self.log = EventLog(
            history=options.stream_history, position=driver.core.state.streamed, current_task=self.current_task
        )
        self.checkpoint = spawn.bare_checkpoint()
        self.thread = threading.get_ident()
        self.attempts: dict[int, Attempt] = {}
        self._variables: ContextVars = copy_context()
        self._jobs: deque[RunStep] = deque()
        self._idle = 0
        self._work: tuple[MemoryObjectSendStream[RunStep], MemoryObjectReceiveStream[RunStep]] | None = None
        self._group: TaskGroup | None = None
        self._scope = anyio.CancelScope()
        self._turn = anyio.CancelScope()
        self._alarm: anyio.CancelScope | None = None
        self._alarm_at: float | None = None
        self._budget_at: float | None = None
        self._is_stopping = False
        self._workers = 0
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
        elif command.at is not None and self._group is not None:
            self._start(self._ring_alarm)

    def _set_budget(self, command: SetBudget) -> None:
        self._budget_at = command.at
        self._scope.deadline = float("inf") if command.at is None else self._on_loop_clock(command.at)

    def _stop_steps(self, _command: StopSteps) -> None:
        self._is_stopping = True
        self._jobs.clear()
        if self._group is not None:
            self._group.cancel_scope.cancel()
            if self.attempts:
                self._start(self._watch_ending)

    def _finish(self, _command: Finish) -> None:
        self._is_stopping = True

    def _report_left(self, command: ReportLeft) -> None:
        tell_left(self.run_id, command.events)
        if self.log.wants_internal:
            for event in command.events:
                kind = type(event)
                self.log.append(UnhandledEvent(event_type=kind.__name__, qualified_name=kind.__qualname__, idle=False))

    def _report_swallowed(self, command: ReportSwallowed) -> None:
        tell_swallowed(self.run_id, command.step, self.grace_s)

    def _on_loop_clock(self, at: float) -> float:
        return anyio.current_time() + max(0.0, at - self.driver.now())

    # Tasks

    async def main(self) -> None:
        """Be the run's root task: work until it has ended, and clean up.

        Cancelled, the run stands still and can be resumed; cancellation passes through when all its tasks have ended.
        """
        bug: Exception | None = None
        try:
            with self._scope:
                await self._work_to_the_end()
        except Exception as error:
            bug = error
        finally:
            self._group = None
            self.driver.emit(CancelRequested, "its owner left")
            self._give_back_jobs()
            self.close(bug)

    async def main_in_turn(self, turns: anyio.Semaphore, budget_s: float | None) -> None:
        """As `main`, when it's this run's turn; a run that is cancelled before that never starts."""
        try:
            with self._turn:
                await turns.acquire()
        except BaseException:
            self.close()
            raise
        if self._turn.cancelled_caught:
            self.close()
            return
        try:
            self.driver.emit(RunResumed, self.run_id, budget_s)
            await self.main()
        finally:
            turns.release()

    def interrupted(self) -> None:
        """An attempt finds itself cancelled, neither by its suspension nor by the end of the run: tell the core why."""
        if self._scope.cancel_called and self._budget_at is not None:
            self.driver.emit_at(max(self._budget_at, self.driver.now()), TimerFired)
        else:
            self.driver.emit(CancelRequested, "its owner left")

    async def _work_to_the_end(self) -> None:
        async with anyio.create_task_group() as group:
            self._group = group
            if self._alarm_at is not None:
                self._start(self._ring_alarm)
            if self._is_stopping:
                group.cancel_scope.cancel()
            await self._worker(self._take_job())

    def _give_back_jobs(self) -> None:
        """No attempt runs any more: what the core still believes to run was never begun."""
        state = self.core.state
        if state.live:
            for execution in [found for found in state.executions.values() if found.is_live]:
                self.driver.emit(StepHalted, execution.id, execution.attempt)

    def attempt_ended(self, execution: int) -> None:
        """An attempt is over."""
        del self.attempts[execution]
        if self._ending_watch is not None and not self.attempts:
            self._ending_watch.cancel()

    def close(self, bug: Exception | None = None) -> None:
        """The run is over, or stands still: tell those who wait for it."""
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
        job = jobs.popleft()
        if jobs:
            self.hand_out()
        return job

    def hand_out(self) -> None:
        """Give each job to a worker that waits, or to a new one."""
        jobs = self._jobs
        while jobs and self._group is not None:
            job = jobs.popleft()
            if self._idle and self._work is not None:
                self._idle -= 1
                self._work[0].send_nowait(job)
            else:
                self._start(self._worker, job)

    async def _worker(self, job: RunStep | None) -> None:
        self._workers += 1
        number = self._workers
        while True:
            with anyio.CancelScope() as scope:
                while job is not None:
                    await self.checkpoint()
                    await call_step(self, job, scope, str(number))
                    job = None if scope.cancel_called else self._take_job()
            if self._is_stopping:
                return
            if scope.cancel_called:  # a step was suspended
                job = self._take_job()
            if job is None:
                if number > 1 and self._idle >= IDLE_WORKERS:
                    return
                job = await self._wait_for_job()

    async def _wait_for_job(self) -> RunStep:
        if self._work is None:
            self._work = anyio.create_memory_object_stream[RunStep](float("inf"))
        self._idle += 1
        return await self._work[1].receive()

    async def _ring_alarm(self) -> None:
        if self._alarm is not None:
            return
        while self._alarm_at is not None:
            at = self._alarm_at
            with anyio.CancelScope(deadline=self._on_loop_clock(at)) as self._alarm:
                await anyio.sleep_forever()
            if self._alarm_at == at and self.driver.now() >= at:
                self._alarm_at = None
                self.ring()
        self._alarm = None

    async def _watch_ending(self) -> None:
        """Tell of steps that don't end: they're waited for, but somebody should know."""
        if self._ending_watch is not None or not self.attempts:
            return
        with anyio.CancelScope(shield=True) as self._ending_watch:
            await anyio.sleep(self.grace_s)
            tell_slow(self.run_id, [attempt.step.name for attempt in self.attempts.values()], self.grace_s)

    def ring(self) -> None:
        """Tell the core that the time it named has come."""
        self.driver.emit(TimerFired)
        self.hand_out()

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
        self._turn.cancel()
        self.driver.emit(CancelRequested, reason)
