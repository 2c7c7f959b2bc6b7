"""Run: carries out what the core commands.

Deciding is synchronous: between reading the state and feeding a tick nothing is awaited. The tasks are the crew's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from ..codec import Codec
from ..core.commands import (
    Command,
    DropChild,
    Finish,
    ForChild,
    GrantEdit,
    PublishEvent,
    PublishEvents,
    ReportErrors,
    ReportIgnored,
    ReportKept,
    ReportLeft,
    ReportSwallowed,
    RunStep,
    SetAlarm,
    SetBudget,
    StopSteps,
    WakeWait,
)
from ..core.empty import EMPTY, with_item
from ..core.engine import Core
from ..core.state import Child
from ..core.statuses import HALTED, RUNNING
from ..core.ticks import CancelRequested, EventReceived, RunResumed, StepHalted, TimerFired
from ..events import Event
from ..graph import Program
from .answers import fitted_answer
from .attempt import Attempt
from .crew import Crew
from .driver import ChildDriver, Driver
from .journalling import Journal
from .log import EventLog
from .options import RunOptions
from .outcome import RunOutcome, ending_of
from .refusals import check_thread, error_for
from .resources.keeping import Keeping
from .spawn import Backend, Launch
from .telling import tell_errors, tell_ignored, tell_left, tell_swallowed, tell_unhandled
from .tracing import RunTrace
from .turns import TurnQueue

logger: logging.Logger = logging.getLogger(__name__)


class Run:
    """One run of a workflow, from its first tick to its end or standstill.

    Args:
        driver: The core, with its clock.
        options: What's to be known of the workflow.
        run_id: The id of the run.
        backend: The one that's running.
        launch: Starts the run's root task, whenever there's something to do.
        turns: Where the run waits for its turn; None if it may start at once.
        is_owned: Whether a block owns it, and cancels it when it's left.
        parent: The run that it's a child of: it has that one's crew and stream.
    """

    __slots__ = (
        "__weakref__", "_is_left", "attempts", "backend", "children", "codec", "core", "crew", "driver", "grace_s",
        "journal", "log", "options", "outcome", "program", "resources", "run_id", "thread", "trace",
    )  # fmt: skip

    def __init__(
        self,
        driver: Driver,
        options: RunOptions,
        run_id: str,
        backend: Backend,
        *,
        launch: Launch | None = None,
        turns: TurnQueue | None = None,
        is_owned: bool = False,
        parent: Run | None = None,
    ) -> None:
        self.driver: Driver = driver
        self.core: Core = driver.core
        self.codec: Codec = driver.codec
        self.journal: Journal | None = driver.journal
        self._is_left: bool = driver.journal is not None  # nobody cancels it; else it goes on elsewhere
        self.program: Program = driver.core.state.program
        self.options: RunOptions = options
        self.run_id: str = run_id
        self.grace_s: float = options.grace_s
        self.backend: Backend = backend
        streamed = driver.core.state.streamed
        self.log: EventLog = parent.log if parent else EventLog(options.stream_history, streamed, backend.current_task)
        self.outcome: RunOutcome = RunOutcome(self.program.class_name, run_id)
        self.thread: int = threading.get_ident()
        self.attempts: dict[int, Attempt] = EMPTY
        self.resources: Keeping | None = (
            parent.resources if parent else None if options.resource_manager is None else Keeping(self)
        )
        self.children: dict[int, ChildRun] = EMPTY
        self.trace: RunTrace | None = self._traced(parent) if parent or launch else None
        self.crew: Crew = parent.crew if parent else Crew(self, launch, turns, is_owned=is_owned)
        driver.run, driver.burst = self, None

    def _traced(self, parent: Run | None) -> RunTrace | None:
        if parent is not None:
            return None if parent.trace is None else parent.trace.child(self.program.workflow_name, self.run_id)
        tracing, state = self.options.tracing, self.core.state
        came_from = state.trace if state.status is HALTED else ""
        return None if tracing is None else tracing.run(self.program.workflow_name, self.run_id, came_from)

    @property
    def place_in_traces(self) -> str:
        """What the core keeps for whoever resumes the run."""
        return "" if self.trace is None else self.trace.place

    # Commands

    def carry_out(self, command: Command) -> None:
        """Do what the core commands."""
        self.DUTIES[type(command)](self, command)

    def _run_step(self, command: RunStep) -> None:
        self.crew.add(self, command)

    def _publish(self, command: PublishEvent) -> None:
        self.log.append(command.event, is_counted=command.is_counted)

    def _publish_all(self, command: PublishEvents) -> None:
        self.log.extend(command.events)

    def _wake(self, command: WakeWait) -> None:
        attempt = self.attempts.get(command.execution)
        if attempt is not None:
            attempt.wake(command.question)

    def _set_alarm(self, command: SetAlarm) -> None:
        self.crew.set_alarm(command.at)

    def _set_budget(self, command: SetBudget) -> None:
        self.crew.set_budget(command.at)

    def _stop_steps(self, _command: StopSteps) -> None:
        self.crew.stop()
        for attempt in self.attempts.values():
            attempt.wake_all()
        self.driver.give_up_edits()
        self.log.unblock()

    def _for_child(self, command: ForChild) -> None:
        child = self.children.get(command.child)
        if child is None:
            known = self.core.state.children.get(command.child)
            if known is None:  # it's over
                return
            child = ChildRun(self, known)
            self.children = with_item(self.children, command.child, child)
        child.carry_out(command.command)

    def _drop_child(self, command: DropChild) -> None:
        child = self.children.pop(command.child, None)
        if child is not None and child.trace is not None:
            child.trace.ends(child.core.state.status.value, ending_of(child.core.state)[1])

    def _finish(self, _command: Finish) -> None:
        if not self.crew.is_launched:
            self.close()

    def _report_left(self, command: ReportLeft) -> None:
        tell_left(self.run_id, command.events)
        if self.core.state.status is RUNNING:  # at its end, what is left was told of when it came
            for event in command.events:
                tell_unhandled(self, event)

    def _report_kept(self, command: ReportKept) -> None:
        tell_unhandled(self, command.event)

    def _report_ignored(self, command: ReportIgnored) -> None:
        tell_ignored(self.run_id, command.event, command.step)
        tell_unhandled(self, command.event, command.step)

    def _report_errors(self, command: ReportErrors) -> None:
        tell_errors(self.run_id, command.failures)

    def _report_swallowed(self, command: ReportSwallowed) -> None:
        tell_swallowed(self.run_id, command.step, self.grace_s)

    # Its work, and its end

    async def working(self, work: Callable[[], Awaitable[bool]]) -> bool:
        """Do the run's work, in its root task; its resources are closed when that's over."""
        self.attempts = {}
        if self.resources is None:
            return await work()
        async with self.resources.open_here():
            result = await work()
        self.resources.log_errors()
        return result

    def all_wait(self) -> None:
        """No step is at work, though the run has a task."""
        if self.resources is not None:
            self.resources.all_wait()

    def end(self, bug: Exception | None) -> None:
        """No task of the run is left: tell the core, and everybody who waits."""
        at = self.driver.now_or_last()
        if self.core.state.status is RUNNING:
            self.driver.emit_at(at, CancelRequested, "its owner left", self._is_left)
        self.halt_what_never_began(at)
        self.close(bug)

    def halt_what_never_began(self, at: float) -> None:
        """No attempt runs any more: what the core still believes to run was never begun."""
        for child in list(self.children.values()):
            child.halt_what_never_began(at)
        state = self.core.state
        for execution in [found for found in state.executions.values() if found.is_live] if state.live else ():
            self.driver.emit_at(at, StepHalted, execution.id, execution.attempt)

    def close(self, bug: Exception | None = None) -> None:
        """The run is over, or stands still: tell those who wait for it, when it's stored."""
        if self.journal is None:
            self._close(bug)
        else:
            self.journal.when_settled(lambda: self._close(bug))

    def _close(self, bug: Exception | None) -> None:
        if self.outcome.is_set:
            return
        self.crew.close()
        self.driver.run = None
        errors = () if self.resources is None else self.resources.errors
        result, error = ending_of(self.core.state, errors, is_durable=self.journal is not None)
        if bug is not None:
            logger.error("run %s was ended by a bug of the engine", self.run_id, exc_info=bug)
        if bug or self._why_lost:
            result, error = None, bug or self._why_lost
        if self.trace is not None:
            self.trace.ends(self.core.state.status.value, error)
        self.outcome.set(result, error)
        self.outcome.is_retrieved |= self._why_lost is not None  # whoever keeps it has told
        self.log.close()

    def is_skipped(self, job: RunStep) -> bool:
        """Whether a job is none any more; those of a run that ends are dropped."""
        return False

    def interrupted(self) -> None:
        """An attempt finds itself cancelled, neither by its suspension nor by the end of the run: tell the core why."""
        is_running = self.core.state.status is RUNNING
        if is_running and self.crew.is_out_of_time:
            self.driver.emit_at(max(self.crew.budget_at or 0.0, self.driver.now_or_last()), TimerFired)
        elif is_running:
            self.driver.emit_at(self.driver.now_or_last(), CancelRequested, "its owner left", self._is_left)

    def attempt_ended(self, execution: int) -> None:
        """An attempt is over."""
        del self.attempts[execution]
        if not self.attempts and not (self.children and self.is_at_work):
            self.crew.attempts_ended()

    @property
    def is_at_work(self) -> bool:
        """Whether an attempt runs, be it one of a child."""
        return bool(self.attempts) or any(child.is_at_work for child in self.children.values())

    def working_steps(self) -> list[str]:
        """The steps of which attempts run, those of children too."""
        inner = [step for child in self.children.values() for step in child.working_steps()]
        return [attempt.step.name for attempt in self.attempts.values()] + inner

    DUTIES: ClassVar[Mapping[type, Callable[..., None]]] = {
        RunStep: _run_step,
        PublishEvent: _publish,
        PublishEvents: _publish_all,
        WakeWait: _wake,
        SetAlarm: _set_alarm,
        SetBudget: _set_budget,
        StopSteps: _stop_steps,
        Finish: _finish,
        ReportLeft: _report_left,
        ReportKept: _report_kept,
        ReportIgnored: _report_ignored,
        ReportErrors: _report_errors,
        ReportSwallowed: _report_swallowed,
        ForChild: _for_child,
        DropChild: _drop_child,
    }

    # From outside

    def receive(self, event: Event, *, step: str | None, reply_to: str | None) -> None:
        """Take an event from outside.

        Raises:
            AnswerRefused: It answers no open question, or several.
            InvalidAnswer: It doesn't fit its question, which stays open.
            UsageError: It was sent from another thread.
        """
        check_thread(event, self.run_id, self.thread)
        if self._why_lost:
            raise self._why_lost
        fitted = fitted_answer(self.core.state, event, step=step, reply_to=reply_to)
        refusal = self.driver.emit(EventReceived, fitted, step, reply_to)
        self.crew.hand_out()
        if refusal is not None:
            raise error_for(refusal)

    def resume(self) -> None:
        """Let the run go on, or begin if it waited for its turn."""
        self.driver.emit(RunResumed, self.run_id, self.options.budget_s, self.place_in_traces)

    def cancel(self, reason: str, *, is_left: bool = False) -> None:
        """Ask the run to stand still; a durable one that `is_left` by its runtime goes on elsewhere."""
        self.crew.give_up_turn()
        self._is_left = is_left
        self.driver.emit_at(self.driver.now_or_last(), CancelRequested, reason, is_left)
        if self.core.state.status is not RUNNING and not self.crew.is_launched:
            self.halt_what_never_began(self.driver.now_or_last())
            self.close()

    @property
    def _why_lost(self) -> Exception | None:
        return None if self.journal is None else self.journal.lost

    def lose(self) -> None:
        """It can't be stored any more: stop it here."""
        self.cancel("it's lost to this runtime", is_left=True)

    @property
    def is_asleep(self) -> bool:
        """Whether it has begun, and has no task, since everything in it waits."""
        return not self.crew.is_launched and self.core.state.budget.active == 0

    def fell_asleep(self) -> None:
        """Everything in it waits, and it has no task any more."""
        self.attempts = EMPTY
        if self.journal is not None:
            self.journal.fell_asleep()


class ChildRun(Run):
    """A run that a step of another run has started. It has that one's tasks; its core is in that one's."""

    __slots__ = ("parent",)

    def __init__(self, parent: Run, child: Child) -> None:
        driver, options = ChildDriver(parent.driver, child), parent.options.child(child.workflow)
        super().__init__(driver, options, child.state.run_id, parent.backend, parent=parent)
        self.attempts: dict[int, Attempt] = {}
        self.parent: Run = parent

    def _cancel_steps(self, _command: StopSteps) -> None:
        """Cancel those that run; the others are skipped when their turn comes."""
        for attempt in self.attempts.values():
            attempt.wake_all()
            attempt.scope.cancel()
        self.driver.give_up_edits()
        self.log.unblock()

    def _grant(self, command: GrantEdit) -> None:
        self.driver.grant(command.owner)

    def is_skipped(self, job: RunStep) -> bool:
        """Whether a job is none any more: the child was stopped before a worker came to it."""
        state = self.core.state
        if state.live_execution(job.execution, job.attempt) is None:
            return True
        if state.status is RUNNING:
            return False
        self.driver.emit_at(self.driver.now_or_last(), StepHalted, job.execution, job.attempt)
        return True

    def interrupted(self) -> None:
        """An attempt finds itself cancelled: by whoever carries the run that the child is of."""
        self.parent.interrupted()

    def attempt_ended(self, execution: int) -> None:
        """An attempt is over."""
        del self.attempts[execution]
        root: Run = self
        while isinstance(root, ChildRun):
            root = root.parent
        if not root.is_at_work:
            self.crew.attempts_ended()

    DUTIES: ClassVar[Mapping[type, Callable[..., None]]] = {
        **Run.DUTIES,
        StopSteps: _cancel_steps,
        GrantEdit: _grant,
    }
