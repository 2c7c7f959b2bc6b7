"""The state of a run: what the core alone owns and changes, and what a snapshot is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum

import attrs

from ..codec import Codec
from ..events import Event, StopEvent
from ..graph import Program
from .commands import Command, SetBudget
from .gather import Arrival, Buffer
from .mailbox import Mailbox
from .places import OUTSIDE, Place
from .questions import Question, Questions
from .records import Asked, Edited, Memory, Read, Record
from .tally import Tally
from .timers import Timers
from .values import Values


def _type_and_args(error: BaseException | None) -> object:
    """What two exceptions are compared by: on their own they're equal only to themselves."""
    return None if error is None else (type(error), error.args)


class RunStatus(Enum):
    """Where a run stands."""

    NEW = "new"
    RUNNING = "running"
    ENDING = "ending"  # its end is decided; attempts are being cancelled
    HALTING = "halting"  # it's being cancelled such that it can be resumed
    HALTED = "halted"
    ENDED = "ended"


class Status(Enum):
    """Where a step execution stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    DELAYED = "delayed"


@attrs.define
class Execution:
    """A step execution: one step taking one event (or several, joined), in one or several attempts."""

    id: int
    step: str
    event: Event
    place: Place = OUTSIDE
    status: Status = Status.QUEUED
    attempt: int = 0
    failures: int = 0
    first_at: float | None = None
    last_error: BaseException | None = attrs.field(default=None, eq=_type_and_args)
    last_failed_at: float | None = None
    memory: Memory | None = None
    open: dict[str, Asked] = attrs.field(factory=dict[str, Asked])  # questions nobody has answered yet, by id
    on: tuple[str, ...] = ()  # the questions that a suspended step's own task waits for
    is_woken: bool = False
    is_parked: bool = False
    active_since: float = attrs.field(default=0.0, eq=False)  # counts while an attempt of it is at work

    @property
    def is_live(self) -> bool:
        """Whether an attempt of it runs."""
        return self.status is Status.RUNNING or self.status is Status.SUSPENDING

    def remember(self) -> Memory:
        """Its records, to add one."""
        if self.memory is None:
            self.memory = Memory()
        return self.memory


@attrs.define
class Gathered:
    """What has arrived for a join of a batch: where it stood, and the event."""

    take: int | None = None
    arrived: list[Arrival] = attrs.field(factory=list[Arrival])
    is_released: bool = False


@attrs.define
class Batch:
    """A list that a step returned, and what has come of it. `place` is where it was opened."""

    id: int
    place: Place
    opener: str
    open: int = 0  # executions, returned questions and batches in it that aren't over
    gathered: dict[str, Gathered] = attrs.field(factory=dict[str, Gathered])  # by the step that joins
    slots: dict[str, Buffer] = attrs.field(factory=dict[str, Buffer])  # of steps that take several events


@attrs.define
class StepWork:
    """The work of one step: what waits for a free worker, how many attempts run, and what it has done before."""

    tally: Tally
    running: int = 0
    queue: deque[int] | None = None  # made when something has to wait

    def append(self, execution: int) -> None:
        """Let an execution wait."""
        if self.queue is None:
            self.queue = deque()
        self.queue.append(execution)


@attrs.frozen
class Failure:
    """A step that failed for good."""

    step: str
    error: BaseException = attrs.field(eq=_type_and_args)
    attempts: int = 1
    elapsed_s: float = 0.0


@attrs.frozen
class Outcome:
    """How a run ended: exactly one of the three."""

    result: StopEvent | None = None
    failures: tuple[Failure, ...] = ()
    timed_out_s: float | None = None
    active_steps: tuple[str, ...] = ()


@attrs.define
class Budget:
    """The active time of a run: spent while any attempt runs that neither waits nor is suspended."""

    limit_s: float | None = None
    spent_s: float = 0.0
    since: float | None = None
    active: int = 0

    def enter(self, at: float) -> None:
        """One more attempt is active."""
        self.active += 1
        if self.active == 1:
            self.since = at

    def leave(self, at: float) -> None:
        """One attempt less is active."""
        self.active -= 1
        if self.active == 0 and self.since is not None:
            self.spent_s += max(0.0, at - self.since)
            self.since = None

    def runs_out_at(self) -> float | None:
        """When the budget will be spent, if the run stays active."""
        if self.limit_s is None or self.since is None:
            return None
        return self.since + max(0.0, self.limit_s - self.spent_s)

    def is_spent(self, at: float) -> bool:
        """Whether there's nothing left of it, be it that nobody spends it any more."""
        if self.limit_s is None:
            return False
        runs_out_at = self.runs_out_at()
        return self.spent_s >= self.limit_s if runs_out_at is None else runs_out_at <= at


@attrs.define
class RunState:
    """All there is to a run. Equal to the fold of its ticks."""

    program: Program = attrs.field(eq=False, repr=False)
    codec: Codec = attrs.field(eq=False, repr=False)
    run_id: str = ""
    seed: int = 0
    status: RunStatus = RunStatus.NEW
    last_tick: int = 0
    next_execution: int = 1
    streamed: int = 0  # position in the stream: how many events were published
    executions: dict[int, Execution] = attrs.field(factory=dict[int, Execution])
    work: dict[str, StepWork] = attrs.field(factory=dict[str, StepWork])
    tally: dict[str, Tally] = attrs.field(factory=dict[str, Tally])
    live: int = 0
    questions: Questions = attrs.field(factory=Questions)
    mailbox: Mailbox = attrs.field(factory=Mailbox)
    next_batch: int = 1
    batches: dict[int, Batch] = attrs.field(factory=dict[int, Batch])
    slots: dict[str, Buffer] = attrs.field(factory=dict[str, Buffer])
    buffers: dict[tuple[str, str], Buffer] = attrs.field(factory=dict[tuple[str, str], Buffer])
    timers: Timers = attrs.field(factory=Timers)
    budget: Budget = attrs.field(factory=Budget)
    values: Values = attrs.field(factory=Values)
    outcome: Outcome | None = None
    halt_errors: tuple[Failure, ...] = ()
    alarm: float | None = None
    budget_alarm: float | None = None
    out: list[Command] = attrs.field(factory=list[Command], eq=False, repr=False)

    def work_of(self, step: str) -> StepWork:
        """The work of a step."""
        work = self.work.get(step)
        if work is None:
            work = self.work[step] = StepWork(self.tally_of(step))
        return work

    def tally_of(self, step: str) -> Tally:
        """What a step has done."""
        return self.tally.setdefault(step, Tally())

    def live_execution(self, execution: int, attempt: int) -> Execution | None:
        """The execution whose attempt speaks; None if that attempt is over."""
        found = self.executions.get(execution)
        if found is None or found.attempt != attempt or not found.is_live:
            return None
        return found

    def acting_execution(self, execution: int, attempt: int) -> Execution | None:
        """As `live_execution`, while the attempt may still have effects."""
        if self.status is not RunStatus.RUNNING:
            return None
        found = self.live_execution(execution, attempt)
        return found if found is not None and found.status is Status.RUNNING else None

    def forget(self, execution: Execution) -> None:
        """An execution is over: its records, questions and timers go."""
        if execution.memory is not None:
            for asked in list(execution.open.values()):
                self.close_question(asked.question)
            self.release(execution.memory.records())
        del self.executions[execution.id]

    def release(self, records: Iterable[Record]) -> None:
        """Records are gone, and with them their hold on versions of the state."""
        for record in records:
            if isinstance(record, Read | Edited):
                self.values.release(record.versions)

    def close_question(self, question: Question) -> None:
        """A question is over."""
        self.questions.close(question)
        if question.deadline_at is not None:
            self.timers.drop(("question", question.id))

    def adjust_budget(self) -> None:
        """Tell the runtime when the budget runs out, if that has changed."""
        at = self.budget.runs_out_at() if self.status is RunStatus.RUNNING else None
        if at != self.budget_alarm:
            self.budget_alarm = at
            self.out.append(SetBudget(at))
