"""A naive model of a run, written from the design and not from the engine: it scans everything, and keeps everything.

It says what each tick must lead to (`Told`), and what a run must be made of afterwards. Its words are those of the
design; where a rule is arbitrary (what is due at the same instant), it says so.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import attrs

from workflows.core import ticks
from workflows.core.ending import swallowed_message
from workflows.core.questions import Ask
from workflows.errors import SuspensionSwallowed
from workflows.events import (
    CollectionReleaseEvent,
    Event,
    HumanResponseEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
)
from workflows.graph import Program

Branch = str | None
RunPhase = Literal["new", "running", "ending", "halting", "halted", "ended"]
Phase = Literal["queued", "running", "suspending", "suspended", "delayed"]


@attrs.define(eq=False, repr=False)
class Pile:
    """A list that was returned, with all that comes of it."""

    number: int
    outer: "Level"
    joins: dict[str, list[tuple["Level", Event]]]
    called: set[str] = attrs.field(factory=set[str])


@attrs.frozen(eq=False)
class Level:
    """Where something stands: in a pile, as what has come of which member of it; or in none.

    Wherever that is: how often each handler has taken over on the way there.
    """

    pile: Pile | None = None
    member: int = 0
    recovered: Mapping[str, int] = attrs.field(factory=dict[str, int])

    def after(self, levels: "Iterable[Level]") -> "Level":
        """The same level, for what has come from several."""
        counts: list[tuple[str, int]] = [item for level in (self, *levels) for item in level.recovered.items()]
        most = {handler: max(count for name, count in counts if name == handler) for handler, _ in counts}
        return Level(self.pile, self.member, most)


OUTERMOST = Level()
JOINS: Mapping[str, Sequence[str]] = dict.fromkeys(("begin", "cut", "mend"), ("gather", "first"))
"""Which steps of `tests.core.flow` join the lists of which others."""
TAKES: Mapping[str, int] = {"first": 2}
TOGETHER: Mapping[str, Sequence[str]] = {"pair": ("Part", "Piece", "Part")}
HANDLED: Mapping[str, tuple[str, int]] = dict.fromkeys(("cut", "pair", "gather"), ("mend", 2))
"""Who takes over for which steps, and how often on one way."""


@attrs.define(eq=False)
class Wait:
    """A question, from the moment it's asked; it's never forgotten."""

    kind: type[Event]
    prompt: Event | None
    step: str
    execution: int
    waiter: str | None = None
    requirements: Mapping[str, object] = attrs.field(factory=dict[str, object])
    subclasses: bool = False
    deadline: float | None = None
    returned: bool = False
    fate: Literal["open", "answered", "expired", "closed"] = "open"
    answer: Event | None = None
    id: str = ""
    level: Level = OUTERMOST

    @property
    def is_settled(self) -> bool:
        return self.fate in ("answered", "expired")

    def is_like(self, other: "Wait") -> bool:
        """Whether the two are interchangeable."""
        return (
            self.kind is other.kind
            and type(self.prompt) is type(other.prompt)
            and self.prompt == other.prompt
            and self.waiter == other.waiter
            and self.requirements == other.requirements
            and self.subclasses == other.subclasses
            and self.returned == other.returned
        )


@attrs.define(eq=False)
class Op:
    """Something that a step did through its context: what it was, and what came of it."""

    kind: str
    key: object = None
    result: Any = None
    attempt: int = 0

    @property
    def is_kept_by_a_retry(self) -> bool:
        return self.kind in ("wait", "once")

    def is_like(self, other: "Op") -> bool:
        """Whether the second of the two is the first one done again."""
        if isinstance(self.result, Wait) and isinstance(other.result, Wait):
            return self.result.is_like(other.result)
        kinds = {self.kind, other.kind}
        return (len(kinds) == 1 or kinds == {"effect", "refused"}) and self.key == other.key


@attrs.define(eq=False, repr=False)
class Job:
    """A step execution."""

    id: int
    step: str
    event: Event
    level: Level = OUTERMOST
    phase: Phase = "queued"
    attempt: int = 0
    failures: int = 0
    first_at: float | None = None
    is_parked: bool = False
    is_woken: bool = False
    on: tuple[str, ...] = ()
    retry_at: float | None = None
    grace_at: float | None = None
    done: dict[Branch, list[Op]] = attrs.field(factory=dict[Branch, list[Op]])
    kept: list[tuple[Branch, Op]] = attrs.field(factory=list[tuple[Branch, Op]])

    @property
    def is_live(self) -> bool:
        return self.phase in ("running", "suspending")

    def done_before(self, branch: Branch) -> list[Op]:
        """What earlier attempts have done in a branch."""
        return [op for op in self.done.get(branch, []) if op.attempt < self.attempt]


@attrs.define(eq=False)
class Pool:
    """A buffer of `collect_events`."""

    step: str
    name: str | None
    expected: list[type[Event]]
    arrived: list[tuple[Level, Event]] = attrs.field(factory=list[tuple[Level, Event]])

    def take(self, expected: Sequence[type[Event]]) -> list[tuple[Level, Event]] | None:
        needed = Counter(expected)
        if any(sum(type(event) is kind for _, event in self.arrived) < count for kind, count in needed.items()):
            return None
        taken: list[tuple[Level, Event]] = []
        for kind in expected:
            item = next(item for item in self.arrived if type(item[1]) is kind)
            self.arrived.remove(item)
            taken.append(item)
        return taken


@attrs.define(eq=False)
class Told:
    """What a tick led to."""

    runs: list[tuple[str, int, int]] = attrs.field(factory=list[tuple[str, int, int]])  # step, execution, attempt
    published: list[Event] = attrs.field(factory=list[Event])
    wakes: list[tuple[int, str]] = attrs.field(factory=list[tuple[int, str]])
    grants: list[str] = attrs.field(factory=list[str])
    left: list[Event] = attrs.field(factory=list[Event])
    put_by: list[Event] = attrs.field(factory=list[Event])
    ignored: list[tuple[Event, str]] = attrs.field(factory=list[tuple[Event, str]])
    swallowed: list[int] = attrs.field(factory=list[int])
    refused: str | None = None
    candidates: list[str] = attrs.field(factory=list[str])
    stops: int = 0
    finishes: int = 0
    asked: list[Wait] = attrs.field(factory=list[Wait])  # new open questions, whose ids are the engine's to give


@attrs.define(eq=False, repr=False)
class Reference:
    """The naive run."""

    program: Program
    phase: RunPhase = "new"
    now: float = 0.0
    jobs: dict[int, Job] = attrs.field(factory=dict[int, Job])
    queues: dict[str, list[int]] = attrs.field(factory=dict[str, list[int]])
    next_job: int = 1
    waits: list[Wait] = attrs.field(factory=list[Wait])  # of this run, in the order of asking
    past: set[str] = attrs.field(factory=set[str])  # questions of earlier runs
    asked: set[type[Event]] = attrs.field(factory=set[type[Event]])
    mailbox: list[Event] = attrs.field(factory=list[Event])
    pools: list[Pool] = attrs.field(factory=list[Pool])
    run_id: str = ""
    piles: list[Pile] = attrs.field(factory=list[Pile])
    next_pile: int = 1
    busy: list[Pile] = attrs.field(factory=list[Pile])  # what is returned right now stands there
    apart: list[tuple[str, Level, Event]] = attrs.field(factory=list[tuple[str, Level, Event]])
    fields: dict[str, Any] = attrs.field(factory=dict[str, Any])
    editor: str | None = None
    editors: list[str] = attrs.field(factory=list[str])
    limit: float | None = None
    spent: float = 0.0
    active_since: float | None = None
    failed: list[tuple[str, BaseException]] = attrs.field(factory=list[tuple[str, BaseException]])
    failed_beside: list[tuple[str, BaseException]] = attrs.field(factory=list[tuple[str, BaseException]])
    last_event: Event | None = None
    told: Told = attrs.field(factory=Told)

    # --- seen from outside ------------------------------------------------------------------------------------------

    def begin(self, at: float) -> None:
        """Something happens: time has passed until now."""
        self.told = Told()
        if self.active_since is not None:
            self.spent += at - self.now
        self.now = at

    def end_tick(self) -> Told:
        """It has happened: say what it has led to."""
        is_active = any(job.is_live and not job.is_parked for job in self.jobs.values())
        if not is_active:
            self.active_since = None
        elif self.active_since is None:
            self.active_since = self.now
        return self.told

    @property
    def open_waits(self) -> list[Wait]:
        return [wait for wait in self.waits if wait.fate == "open"]

    @property
    def live(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.is_live]

    def timers(self) -> dict[tuple[str, object], float]:
        """All that will fall due."""
        due: dict[tuple[str, object], float] = {}
        due |= {("question", wait.id): wait.deadline for wait in self.open_waits if wait.deadline is not None}
        due |= {("retry", job.id): job.retry_at for job in self.jobs.values() if job.retry_at is not None}
        due |= {("grace", job.id): job.grace_at for job in self.jobs.values() if job.grace_at is not None}
        return due

    def budget_runs_out(self) -> float | None:
        """When the budget will be spent if all goes on as it does."""
        if self.phase != "running" or self.limit is None or self.active_since is None:
            return None
        return self.now + self.limit - self.spent

    def acting(self, tick: ticks.StepTick) -> Job | None:
        """The job that may have an effect through this tick."""
        return self.acting_job(tick.execution, tick.attempt)

    def acting_job(self, execution: int, attempt: int) -> Job | None:
        job = self.live_job(execution, attempt)
        return job if job is not None and self.phase == "running" and job.phase == "running" else None

    def speaking(self, tick: ticks.StepTick) -> Job | None:
        """The job whose attempt runs and says this."""
        return self.live_job(tick.execution, tick.attempt)

    def live_job(self, execution: int, attempt: int) -> Job | None:
        job = self.jobs.get(execution)
        return job if job is not None and job.attempt == attempt and job.is_live else None

    # --- delivery ---------------------------------------------------------------------------------------------------

    def takers(self, event: Event) -> list[str]:
        return [
            name
            for name, spec in self.program.steps.items()
            if type(event) in spec.accepts or (spec.accept_event_subclasses and isinstance(event, spec.accepts))
        ]

    @property
    def called_one_by_one(self) -> set[str]:
        """The steps that one may send to: not those that take lists."""
        return self.program.steps.keys() - {name for joins in JOINS.values() for name in joins}

    def fits(self, wait: Wait, event: Event) -> bool:
        if wait.returned:
            return isinstance(event, wait.kind) and bool(self.takers(event))
        if not (isinstance(event, wait.kind) if wait.subclasses else type(event) is wait.kind):
            return False
        missing = object()
        return all(getattr(event, name, missing) == wanted for name, wanted in wait.requirements.items())

    def may_fit(self, wait: Wait, event: Event) -> bool:
        """A plain answer is made into what the question declares."""
        return (
            type(event) is HumanResponseEvent
            and issubclass(wait.kind, HumanResponseEvent)
            and wait.kind is not HumanResponseEvent
        )

    def fitting(self, event: Event) -> list[Wait]:
        """The oldest of each kind of questions that an event answers."""
        fitting = [wait for wait in self.open_waits if self.fits(wait, event)]
        return [wait for n, wait in enumerate(fitting) if not any(wait.is_like(older) for older in fitting[:n])]

    def target(self, event: Event, step: str | None, reply_to: str | None) -> "Wait | str | None":
        """Where an event from outside goes: to a wait, to steps (None), or back for this reason."""
        was_asked = any(isinstance(event, kind) for kind in self.asked) or (
            type(event) is HumanResponseEvent and any(issubclass(kind, HumanResponseEvent) for kind in self.asked)
        )
        is_answer = isinstance(event, HumanResponseEvent)
        if self.phase in ("ended", "ending"):
            is_known = reply_to in self.past or any(wait.id == reply_to for wait in self.waits)
            return "answered" if is_known or (is_answer and was_asked) else "done"
        if reply_to is not None:
            named = [wait for wait in reversed(self.waits) if wait.id == reply_to]  # the last one, if it was asked anew
            if not named:
                return "answered" if reply_to in self.past else "no-question"
            if named[0].fate != "open":
                return "answered"
            return named[0] if self.fits(named[0], event) or self.may_fit(named[0], event) else "misfit"
        if step is not None:
            return None if step in self.takers(event) and step in self.called_one_by_one else "no-step"
        fitting = self.fitting(event)
        if not fitting:
            loose = [wait for wait in self.open_waits if self.may_fit(wait, event)]
            fitting = [wait for n, wait in enumerate(loose) if not any(wait.is_like(other) for other in loose[:n])]
        if len(fitting) > 1:
            self.told.candidates = [wait.id for wait in fitting]
            return "ambiguous"
        if fitting:
            return fitting[0]
        if is_answer and (self.asked or not self.takers(event)):
            return "answered" if was_asked else "no-question"
        return None

    def to_steps(
        self, event: Event, level: Level = OUTERMOST, besides: str | None = None, *, is_taken: bool = False
    ) -> None:
        takers = self.takers(event)
        for step in takers:
            if step == besides or self.to_step(step, event, level):
                is_taken = True
        if is_taken:
            return
        if isinstance(event, HumanResponseEvent):
            self.told.left.append(event)
        else:
            self.mailbox.append(event)
            self.told.put_by.append(event)

    def to_step(self, step: str, event: Event, level: Level = OUTERMOST) -> bool:
        if step in TOGETHER:
            self.apart.append((step, level, event))
            self.bring_together(step, level)
        elif step not in {name for joins in JOINS.values() for name in joins}:
            self.make_job(step, event, level)
        elif level.pile is None or step not in level.pile.joins:
            self.told.ignored.append((event, step))
            return False
        elif step not in level.pile.called:
            level.pile.joins[step].append((level, event))
            if len(level.pile.joins[step]) == TAKES.get(step):
                self.call(level.pile, step)
        return True

    def bring_together(self, step: str, level: Level) -> None:
        """One of each, the earliest first, of those that stand on the same level."""
        taken: list[tuple[str, Level, Event]] = []
        for kind in TOGETHER[step]:
            here = [item for item in self.apart if (item[0], item[1].pile) == (step, level.pile) and item not in taken]
            taken += [item for item in here if type(item[2]).__name__ == kind][:1]
        if len(taken) < len(TOGETHER[step]):
            return
        self.apart = [item for item in self.apart if item not in taken]
        name = self.run_id if level.pile is None else f"{self.run_id}/{level.pile.number}"
        events = [event for _, _, event in taken]
        there = Level(level.pile, min(item[1].member for item in taken)).after(item[1] for item in taken)
        self.make_job(step, CollectionReleaseEvent(events=events, stream_id=name, binding_id=step), there)

    def call(self, pile: Pile, step: str) -> None:
        """Call a join with what has arrived, in the order of the members."""
        pile.called.add(step)
        events = [event for member in range(10) for level, event in pile.joins[step] if level.member == member]
        name = f"{self.run_id}/{pile.number}"
        there = pile.outer.after(level for level, _ in pile.joins[step])
        self.make_job(step, CollectionReleaseEvent(events=events, stream_id=name, binding_id=step), there)

    def open_pile(self, opener: str, level: Level) -> Pile:
        pile = Pile(self.next_pile, level, {step: [] for step in JOINS[opener]})
        self.next_pile += 1
        self.piles.append(pile)
        return pile

    def is_open(self, pile: Pile) -> bool:
        """Whether anything of it is at work or waits."""
        return (
            pile in self.busy
            or any(job.level.pile is pile for job in self.jobs.values())
            or any(wait.level.pile is pile for wait in self.open_waits)
            or any(inner.outer.pile is pile for inner in self.piles)
        )

    def close_piles(self) -> None:
        """The inner ones first."""
        for pile in reversed(self.piles):
            if not self.is_open(pile):
                for step in pile.joins:
                    if step not in pile.called:
                        self.call(pile, step)
                self.told.left += self.apart_in(pile)
                self.apart = [item for item in self.apart if item[1].pile is not pile]
                self.piles.remove(pile)
                self.close_piles()
                return

    def apart_in(self, pile: Pile | None) -> list[Event]:
        """What waits for others there, those of one class beside each other."""
        return [
            event
            for step, kinds in TOGETHER.items()
            for kind in dict.fromkeys(kinds)
            for name, where, event in self.apart
            if (name, where.pile, type(event).__name__) == (step, pile, kind)
        ]

    def give_answer(self, wait: Wait, event: Event, level: Level = OUTERMOST) -> None:
        wait.fate, wait.answer = "answered", event
        if wait.returned:
            self.to_steps(event, wait.level)
            self.close_piles()
            return
        self.settle(wait)
        if not isinstance(event, HumanResponseEvent):
            self.to_steps(event, level, besides=wait.step, is_taken=True)

    def deliver(self, event: Event, level: Level = OUTERMOST) -> None:
        """From a step the oldest question gets it."""
        fitting = self.fitting(event)
        if fitting:
            self.give_answer(fitting[0], event, level)
        else:
            self.to_steps(event, level)

    def settle(self, wait: Wait) -> None:
        job = self.jobs[wait.execution]
        if job.phase == "running":
            self.told.wakes.append((job.id, wait.id))
        if job.phase not in ("suspended", "suspending"):
            return
        still_open = {other.id for other in self.open_waits}
        if wait.id in job.on and wait.fate == "answered" and still_open & set(job.on):
            return
        job.is_woken = True
        if job.phase == "suspended":
            self.enqueue(job)

    # --- jobs -------------------------------------------------------------------------------------------------------

    def make_job(self, step: str, event: Event, level: Level = OUTERMOST) -> None:
        job = self.jobs[self.next_job] = Job(self.next_job, step, event, level)
        self.next_job += 1
        self.enqueue(job)

    def enqueue(self, job: Job) -> None:
        """Behind those that wait already; a worker that has just become free is for them."""
        job.phase = "queued"
        queue = self.queues.setdefault(job.step, [])
        queue.append(job.id)
        if len(queue) == 1:
            self.run(job.step)

    def run(self, step: str) -> None:
        """Start what the free workers of a step can take."""
        queue = self.queues.get(step, [])
        workers = self.program.steps[step].num_workers
        while self.phase == "running" and queue and sum(job.step == step for job in self.live) < workers:
            job = self.jobs[queue.pop(0)]
            job.phase = "running"
            job.attempt += 1
            job.is_parked = job.is_woken = False
            job.on = ()
            job.first_at = self.now if job.first_at is None else job.first_at
            self.told.runs.append((step, job.id, job.attempt))

    def end_attempt(self, job: Job, phase: Phase) -> None:
        job.phase = phase
        job.is_parked = False
        job.grace_at = None
        self.editors = [owner for owner in self.editors if not owner.startswith(f"{job.id}:")]
        if self.editor is not None and self.editor.startswith(f"{job.id}:"):
            self.end_edit(self.editor)

    def forget(self, job: Job) -> None:
        del self.jobs[job.id]
        for wait in self.waits:
            if wait.execution == job.id and wait.fate == "open" and not wait.returned:
                wait.fate = "closed"

    def end(self, last_event: Event) -> None:
        self.phase = "ending"
        self.last_event = last_event
        self.failed_beside = []
        self.told.stops += 1
        self.finish_if_still()

    def finish_if_still(self) -> None:
        if self.live or self.phase not in ("ending", "halting"):
            return
        if self.phase == "halting":
            self.phase = "halted"
            self.told.published.append(WorkflowCancelledEvent())
        else:
            self.phase = "ended"
            self.told.left += [*self.mailbox, *self.apart_in(None)]
            for pile in self.piles:
                self.told.left += self.apart_in(pile)
            for wait in self.open_waits:
                wait.fate = "closed"
            self.mailbox, self.pools, self.jobs, self.queues = [], [], {}, {}
            self.piles, self.apart = [], []
            assert self.last_event is not None
            self.told.published.append(self.last_event)
        self.told.finishes += 1

    def end_edit(self, owner: str) -> None:
        if self.editor != owner:
            self.editors = [other for other in self.editors if other != owner]
            return
        self.editor = self.editors.pop(0) if self.editors else None
        if self.editor is not None:
            self.told.grants.append(self.editor)

    def fire_due(self) -> None:
        """At one instant the order is that of the alphabet: graces, questions, retries, and then by name."""
        due = sorted(
            ((at, kind, str(name), (kind, name)) for (kind, name), at in self.timers().items() if at <= self.now),
            key=lambda item: item[:3],
        )
        for _, kind, _, (_, name) in due:
            if self.phase == "running":
                DUE[kind](self, name)

    def expire(self, name: object) -> None:
        (wait,) = [wait for wait in self.open_waits if wait.id == name]
        wait.fate = "expired"
        self.settle(wait)

    def retry(self, name: object) -> None:
        (job,) = [job for job in self.jobs.values() if job.id == name]
        job.retry_at = None
        self.enqueue(job)

    def swallow(self, name: object) -> None:
        (job,) = [job for job in self.jobs.values() if job.id == name]
        job.grace_at = None
        self.told.swallowed.append(job.id)
        error = SuspensionSwallowed(swallowed_message(job.step))
        self.failed = [(job.step, error)]
        self.end(
            WorkflowFailedEvent(step_name=job.step, exception=error, attempts=job.failures + 1, elapsed_seconds=0.0)
        )

    # --- what a step does -------------------------------------------------------------------------------------------

    def record(self, job: Job, branch: Branch, op: Op) -> None:
        op.attempt = job.attempt
        job.done.setdefault(branch, []).append(op)

    def ask(self, job: Job, branch: Branch, ask: Ask) -> None:
        wait = Wait(
            ask.answer_type,
            ask.prompt,
            job.step,
            job.id,
            ask.waiter_id,
            dict(ask.requirements or {}),
            ask.subclasses,
            None if ask.timeout_s is None else self.now + ask.timeout_s,
        )
        op = Op("wait", ask, wait)
        if self.take_kept(job, branch, op):
            return
        if branch is None and any(op.is_like(other) for other in job.done.get(None, [])):
            return
        self.record(job, branch, op)
        self.waits.append(wait)
        if wait.prompt is not None:
            self.told.published.append(wait.prompt)
        early = [event for event in self.mailbox if self.fits(wait, event)]
        if early:
            self.mailbox.remove(early[0])
            wait.fate, wait.answer = "answered", early[0]
            return
        self.asked.add(wait.kind)
        self.told.asked.append(wait)

    def take_kept(self, job: Job, branch: Branch, op: Op) -> bool:
        for place in job.kept:
            if place[0] == branch and place[1].is_like(op):
                job.kept.remove(place)
                if isinstance(place[1].result, Wait) and place[1].result.fate == "closed":
                    return False  # it was withdrawn: it's asked anew
                self.record(job, branch, place[1])
                return True
        return False

    def withdraw(self, job: Job) -> None:
        """The attempt waits: what it hasn't asked again is withdrawn."""
        for _, op in job.kept:
            if isinstance(op.result, Wait) and op.result.fate == "open" and op.result.id not in job.on:
                op.result.fate = "closed"

    def keep_for_retry(self, job: Job, branch: Branch, ops: Iterable[Op]) -> None:
        job.kept = [(branch, op) for op in ops if op.is_kept_by_a_retry] + job.kept

    def seen_at(self, path: str | None) -> dict[str, Any]:
        """The fields that a read of a path sees."""
        names = self.fields.keys() if path is None else self.fields.keys() & {path.split(".")[0]}
        return {name: copied(self.fields[name]) for name in self.fields if name in names}

    def write(self, write: ticks.Write) -> bool:
        """Write, if it can be done."""
        if write.path is None:
            if write.only:
                self.fields = {name: self.fields[name] for name in self.fields if name in (write.fields or {})}
            self.fields |= copied(dict(write.fields or {}))
            return True
        *way, last = write.path.split(".")
        if "$" in (*way, last):
            return False
        changed: dict[str, Any] = copied(self.fields)
        if way and way[0] not in changed and write.base is not None:
            changed[way[0]] = copied(write.base)
        node: Any = changed
        for key in way:
            if isinstance(node, dict):
                cast("dict[str, Any]", node).setdefault(key, {})
            if not has_part(node, key):
                return False
            node = cast("Any", node)[int(key) if isinstance(node, list) else key]
        if not isinstance(node, dict) and not has_part(node, last):
            return False
        node[int(last) if isinstance(node, list) else last] = copied(write.value)
        self.fields = changed
        return True


def has_part(node: Any, key: str) -> bool:
    """Whether a container has something under a key of a path."""
    parts = cast("Any", node) if isinstance(node, dict | list) else ()
    return key.isdecimal() and int(key) < len(parts) if isinstance(node, list) else key in parts


def copied(data: Any) -> Any:
    """Data of its own, in all of its parts."""
    return json.loads(json.dumps(data))


DUE: Mapping[str, Callable[[Reference, object], None]] = {
    "question": Reference.expire,
    "retry": Reference.retry,
    "grace": Reference.swallow,
}
