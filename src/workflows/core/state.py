"""The state of a run: what the core alone owns and changes, and what a snapshot is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping

import attrs

from ..codec import Codec
from ..events import Event
from ..graph import Program
from .commands import Command, DropChild, PublishEvent, PublishEvents, SetAlarm, SetBudget
from .empty import EMPTY, EMPTY_LIST, NEW_DICT, NEW_LIST, with_item
from .gather import Arrival, Buffer
from .mailbox import Mailbox
from .one import One, packed, with_one
from .outcomes import Failure as Failure
from .outcomes import Outcome as Outcome
from .outcomes import type_and_args
from .places import OUTSIDE, Place
from .questions import Question, Questions
from .records import Asked, Edited, Memory, Ran, Read, Record
from .statuses import AT_WORK, ENDED, HALTED, NEW, QUEUED, RUNNING, SUSPENDING, RunStatus, Status
from .tally import Tally
from .ticks import CancelRequested, Tick
from .timers import Timers
from .values import Values


@attrs.define(weakref_slot=False)
class Execution:
    """A step execution: one step taking one event (or several, joined), in one or several attempts."""

    id: int
    step: str
    event: Event
    place: Place = OUTSIDE
    status: Status = QUEUED
    attempt: int = 0
    failures: int = 0
    first_at: float | None = None
    last_error: BaseException | None = attrs.field(default=None, eq=type_and_args)
    last_failed_at: float | None = None
    memory: Memory | None = None
    open: MutableMapping[str, Asked | Ran] = EMPTY  # questions and runs that go on, by name
    on: tuple[str, ...] = ()  # those of them that a suspended step's own task waits for
    is_woken: bool = False
    is_parked: bool = False
    active_since: float = attrs.field(default=0.0, eq=False)  # counts while an attempt of it is at work

    @property
    def is_live(self) -> bool:
        """Whether an attempt of it runs."""
        return self.status is AT_WORK or self.status is SUSPENDING

    def wait_for(self, record: Asked | Ran) -> None:
        """Something that goes on is its to wait for."""
        self.open = with_one(self.open, record.name, record)

    def asked(self, question: str) -> Asked:
        """The wait for a question that's open."""
        found = self.open[question]
        assert isinstance(found, Asked)
        return found

    def remember(self) -> Memory:
        """Its records, to add one."""
        if self.memory is None:
            self.memory = Memory()
        return self.memory


@attrs.define(weakref_slot=False)
class Gathered:
    """What has arrived for a join of a batch: where it stood, and the event."""

    take: int | None = None
    arrived: list[Arrival] = attrs.field(factory=NEW_LIST)
    is_released: bool = False


@attrs.define(weakref_slot=False)
class Batch:
    """A list that a step returned, and what has come of it. `place` is where it was opened."""

    id: int
    place: Place
    opener: str
    open: int = 0  # executions, returned questions and batches in it that aren't over
    gathered: dict[str, Gathered] = attrs.field(factory=NEW_DICT)  # by the step that joins
    slots: dict[str, Buffer] = EMPTY  # of steps that take several events


@attrs.define(weakref_slot=False)
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


@attrs.define(weakref_slot=False)
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


@attrs.frozen(eq=False)
class ChildKind:
    """A workflow whose runs may be children of a step's: what it consists of, and which children they may have."""

    program: Program
    codec: Codec
    budget_s: float | None = None
    children: Mapping[str, ChildKind] = EMPTY


@attrs.define(weakref_slot=False)
class Child:
    """A child run: which execution has it, and its own state.

    `is_wanted` tells whether it's to go on: not while the step is between two attempts, nor when its await was cut
    short. In the first case it `is_held`, and its questions stay open. One that `is_left` is nobody's any more: it goes
    when its last attempt has ended.
    """

    id: int
    execution: int
    workflow: str
    label: str
    state: RunState
    is_wanted: bool = True
    is_left: bool = False
    is_held: bool = False

    @property
    def is_over(self) -> bool:
        """Whether no attempt of it runs, nor will without another tick."""
        return self.state.status in (NEW, HALTED, ENDED)


@attrs.define(weakref_slot=False)
class RunState:
    """All there is to a run. Equal to the fold of its ticks."""

    program: Program = attrs.field(eq=False, repr=False)
    codec: Codec = attrs.field(eq=False, repr=False)
    run_id: str = ""
    seed: int = 0
    trace: str = ""
    status: RunStatus = NEW
    last_tick: int = 0
    next_execution: int = 1
    streamed: int = 0  # position in the stream: how many events were published
    executions: MutableMapping[int, Execution] = EMPTY
    work: dict[str, StepWork] = EMPTY
    tally: MutableMapping[str, Tally] = EMPTY
    live: int = 0
    questions: Questions = attrs.field(factory=Questions)
    mailbox: Mailbox = attrs.field(factory=Mailbox)
    next_batch: int = 1
    batches: dict[int, Batch] = EMPTY
    slots: dict[str, Buffer] = EMPTY
    buffers: dict[tuple[str, str], Buffer] = EMPTY
    timers: Timers = attrs.field(factory=Timers)
    budget: Budget = attrs.field(factory=Budget)
    values: Values = attrs.field(factory=Values)
    children: dict[int, Child] = EMPTY
    next_child: int = 1
    outcome: Outcome | None = None
    halt_errors: tuple[Failure, ...] = ()
    is_cancelled: bool = attrs.field(default=False, eq=False)  # somebody has asked it to stand still
    is_left: bool = attrs.field(default=False, eq=False)  # it stands still, since who carries it leaves
    alarm: float | None = None
    budget_alarm: float | None = None
    kinds: Mapping[str, ChildKind] = attrs.field(default=EMPTY, eq=False, repr=False)
    out: list[Command] = attrs.field(default=EMPTY_LIST, eq=False, repr=False)  # while it's fed
    orders: list[tuple[int, Tick]] = attrs.field(default=EMPTY_LIST, eq=False, repr=False)
    """Ticks for children, to be fed to them at the end of this one; the child numbers those whose id is 0."""

    def work_of(self, step: str) -> StepWork:
        """The work of a step."""
        work = self.work.get(step)
        if work is None:
            self.work = with_item(self.work, step, work := StepWork(self.tally_of(step)))
        return work

    def tally_of(self, step: str) -> Tally:
        """What a step has done."""
        tally = self.tally.get(step)
        if tally is None:
            self.tally = with_one(self.tally, step, tally := Tally())
        return tally

    def add(self, execution: Execution) -> None:
        """Take an execution in."""
        if self.executions is EMPTY or isinstance(self.executions, One):  # the first, or the first since it was packed
            self.executions = dict(self.executions)
        self.executions[execution.id] = execution

    def live_execution(self, execution: int, attempt: int) -> Execution | None:
        """The execution whose attempt speaks; None if that attempt is over."""
        found = self.executions.get(execution)
        if found is None or found.attempt != attempt or not found.is_live:
            return None
        return found

    def acting_execution(self, execution: int, attempt: int) -> Execution | None:
        """As `live_execution`, while the attempt may still have effects."""
        if self.status is not RUNNING:
            return None
        found = self.live_execution(execution, attempt)
        return found if found is not None and found.status is AT_WORK else None

    def pack(self) -> None:
        """No attempt runs, and that may last: keep no more than is needed to go on."""
        self.work = {step: work for step, work in self.work.items() if work.queue} or EMPTY
        self.executions = packed(self.executions)

    def forget(self, execution: Execution) -> None:
        """An execution is over: its records, questions and timers go."""
        if execution.memory is not None:
            for open_one in list(execution.open.values()):
                if isinstance(open_one, Asked):
                    self.close_question(open_one.question)
            if self.children:
                self._leave_children(execution)
            self.release(execution.memory.records())
        del self.executions[execution.id]

    def release(self, records: Iterable[Record]) -> None:
        """Records are gone, and with them their hold on versions of the state."""
        for record in records:
            if isinstance(record, Read | Edited):
                self.values.release(record.versions)

    def _leave_children(self, execution: Execution) -> None:
        """Stop the children of an execution that is over, and those that were stopped before and kept for a retry."""
        for child in [child for child in self.children.values() if child.execution == execution.id]:
            child.is_wanted, child.is_left = False, True
            if child.is_over:
                self.drop_child(child)
            else:
                self.stop_child(child)

    def order(self, child: int, tick: Tick) -> None:
        """Have a child be fed a tick at the end of this one."""
        if not self.orders:
            self.orders = []
        self.orders.append((child, tick))

    def stop_child(self, child: Child) -> None:
        """Let a child stand still."""
        self.order(child.id, CancelRequested(0, 0.0, "its step has left it"))

    def drop_child(self, child: Child) -> None:
        """A child is over, and nobody's any more."""
        del self.children[child.id]
        self.timers.drop(("child", child.id))
        self.questions.note_asked(child.state.all_asked())
        self.out.append(DropChild(child.id))

    def all_asked(self) -> tuple[str, ...]:
        """The answer types that were ever asked for, by children too."""
        asked = list(self.questions.asked)
        for child in self.children.values():
            asked += child.state.all_asked()
        return tuple(dict.fromkeys(asked))

    def publish(self, event: Event) -> None:
        """Append an event to the stream."""
        self.streamed += 1
        self.out.append(PublishEvent(event))

    def publish_all(self, events: tuple[Event, ...]) -> None:
        """Append several events to the stream."""
        self.streamed += len(events)
        self.out.append(PublishEvents(events))

    def close_question(self, question: Question) -> None:
        """A question is over."""
        self.questions.close(question)
        if question.deadline_at is not None:
            self.timers.drop(("question", question.id))

    def adjust_alarm(self) -> None:
        """Tell the runtime when the next timer is due, if that has changed."""
        at = self.timers.next_at() if self.status is RUNNING else None
        if at != self.alarm:
            self.alarm = at
            self.out.append(SetAlarm(at))

    def adjust_budget(self) -> None:
        """Tell the runtime when the budget runs out, if that has changed."""
        at = self.budget.runs_out_at() if self.status is RUNNING else None
        if at != self.budget_alarm:
            self.budget_alarm = at
            self.out.append(SetBudget(at))
