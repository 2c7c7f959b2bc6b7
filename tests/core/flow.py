"""The workflow that the core's tests run, and a hand that feeds a core and remembers what it was told."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import attrs

from workflows.catching import catch_error
from workflows.codec import Codec, Json
from workflows.collect import Collect, Take
from workflows.core import ticks
from workflows.core.commands import Command, Finish, Refuse, ReportIgnored, ReportLeft, RunStep, StopSteps
from workflows.core.engine import Core
from workflows.core.questions import Ask, Question
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import Execution, RunState
from workflows.events import (
    CollectionReleaseEvent,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.graph import Program, compile_program
from workflows.steps import step

C = TypeVar("C")


class Begin(StartEvent, name="begin"):
    topic: str = "x"


class Task(Event, name="task"):
    n: int


class Chore(Task, name="chore"):
    """A task that only a step which takes subclasses takes."""


class Note(Event, name="note"):
    """No step takes it."""

    n: int
    who: str = "ann"


class LoudNote(Note, name="loud-note"): ...


class Approved(HumanResponseEvent, name="approved"):
    """No step takes it; `Approval` asks for it."""

    n: int
    who: str = "ann"


class Vetted(Approved, name="vetted"): ...


class Approval(InputRequiredEvent, answer=Approved, name="approval"):
    what: str


class Reply(HumanResponseEvent, name="reply"):
    """The step `hear` takes it; `Prompt` asks for it."""

    n: int


class GruffReply(Reply, name="gruff-reply"):
    """No step takes it, though `Prompt` asks for what it's a kind of."""


class Prompt(InputRequiredEvent, answer=Reply, name="prompt"):
    what: str


class Part(Event, name="part"):
    """`cut` takes it, and `pair` two of them with a piece."""

    n: int


class Piece(Event, name="piece"):
    """Only `pair` takes it."""

    n: int


class Done(Event, name="done"):
    """Steps take it in lists only."""

    n: int


class Flow:
    """Steps with one worker and with two, of which one takes subclasses; what they do is up to the tests.

    What `begin` and `cut` return in lists is joined; what the others do isn't.
    """

    @step(num_workers=1)
    async def begin(self, ev: Begin) -> Task | Prompt | StopEvent | list[Task | Part | Piece | Done | Prompt] | None:
        raise NotImplementedError

    @step(num_workers=1)
    async def work(self, ev: Task) -> Note | StopEvent | list[Note] | None:
        raise NotImplementedError

    @step(num_workers=2, accept_event_subclasses=True)
    async def also(self, ev: Task) -> Note | None:
        raise NotImplementedError

    @step(num_workers=1)
    async def hear(self, ev: Reply) -> StopEvent | None:
        raise NotImplementedError

    @step(num_workers=2)
    async def cut(self, ev: Part) -> Part | Piece | Done | list[Part | Piece | Done] | None:
        raise NotImplementedError

    @step(num_workers=1)
    async def pair(self, one: Part, piece: Piece, other: Part) -> Done | None:
        raise NotImplementedError

    @step(num_workers=2)
    async def gather(self, dones: list[Done]) -> Done | Part | None:
        raise NotImplementedError

    @catch_error(for_steps=["cut", "pair", "gather"], max_recoveries=2)
    async def mend(self, failed: StepFailedEvent) -> Done | Part | list[Part] | None:
        raise NotImplementedError

    @step(num_workers=1)
    async def first(self, dones: Annotated[list[Done], Collect(Take(2))]) -> Note | None:
        raise NotImplementedError


ROOTS: tuple[type[Event], ...] = (
    Event,
    StartEvent,
    StopEvent,
    InputRequiredEvent,
    HumanResponseEvent,
    CollectionReleaseEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
TYPES: tuple[type[Event], ...] = (Chore, LoudNote, Approved, Vetted, Approval, GruffReply)
PROGRAM = compile_program(Flow)
CODEC = Codec([*ROOTS, *PROGRAM.events, *TYPES])


def codec_for(program: Program, types: Iterable[type] = ()) -> Codec:
    """The codec of a workflow, as `Workflow` makes it."""
    return Codec(dict.fromkeys([*ROOTS, *program.events, *types]))


def only(commands: Iterable[Command], kind: type[C]) -> list[C]:
    """Those of one kind."""
    return [command for command in commands if isinstance(command, kind)]


@attrs.define
class Hand:
    """Feeds a core: numbers the ticks, tells the time, and remembers."""

    core: Core = attrs.field(factory=lambda: Core(PROGRAM, CODEC))
    at: float = 1000.0
    fed: list[ticks.Tick] = attrs.field(factory=list[ticks.Tick])
    said: list[list[Command]] = attrs.field(factory=list[list[Command]])

    @property
    def state(self) -> RunState:
        return self.core.state

    def feed(self, tick_type: Callable[..., ticks.Tick], *parts: Any, **named: Any) -> list[Command]:
        tick = tick_type(self.state.last_tick + 1, self.at, *parts, **named)
        commands = self.core.feed(tick)
        self.fed.append(tick)
        self.said.append(commands)
        return commands

    def start(self, *, budget_s: float | None = None, topic: str = "x") -> RunStep:
        """Start a run, and give its first job."""
        commands = self.feed(ticks.RunStarted, "r1", Begin(topic=topic), 7, budget_s)
        return only(commands, RunStep)[0]

    def receive(self, event: Event, *, step: str | None = None, reply_to: str | None = None) -> list[Command]:
        return self.feed(ticks.EventReceived, event, step, reply_to)

    def refused(self, event: Event, *, step: str | None = None, reply_to: str | None = None) -> Refuse:
        """Send from outside what is to be refused."""
        (refusal,) = only(self.receive(event, step=step, reply_to=reply_to), Refuse)
        return refusal

    def step(self, job: RunStep, tick_type: Callable[..., ticks.StepTick], *parts: Any) -> list[Command]:
        """Let a running attempt do something, or end."""
        return self.feed(tick_type, job.execution, job.attempt, *parts)

    def returns(self, job: RunStep, *events: Event) -> list[Command]:
        return self.step(job, ticks.StepReturned, events)

    def lists(self, job: RunStep, *events: Event) -> list[Command]:
        """Return a list."""
        return self.step(job, ticks.StepReturned, events, True)

    def spread(self, count: int, *, of: type[Task] = Task) -> list[RunStep]:
        """Start a run whose first step gives this many tasks; what they make run."""
        job = self.start()
        return only(self.returns(job, *(of(n=n) for n in range(count))), RunStep)

    def ask(self, job: RunStep, *asks: Ask, branch: str | None = "") -> list[Question]:
        """Let a step ask; gives the questions that are new."""
        before = set(self.state.questions.by_id)
        self.step(job, ticks.QuestionsAsked, branch, asks)
        return [question for name, question in self.state.questions.by_id.items() if name not in before]

    def suspend(self, job: RunStep, *questions: Question) -> list[Command]:
        """Suspend an attempt that waits for these, all the way."""
        self.step(job, ticks.StepSuspending, tuple(question.id for question in questions), 5.0)
        return self.step(job, ticks.StepSuspended)

    def execution(self, job: RunStep) -> Execution:
        return self.state.executions[job.execution]

    @property
    def pending(self) -> list[Question]:
        return list(self.state.questions.by_id.values())

    def stored(self, **options: Any) -> dict[str, Json]:
        """A snapshot that went through JSON text."""
        data: dict[str, Json] = json.loads(json.dumps(snapshot(self.state, at=self.at, **options), allow_nan=False))
        return data

    def again(self) -> "Hand":
        """The run, restored from its snapshot in another process."""
        return Hand(Core(PROGRAM, CODEC, state=restored(self.stored())), self.at)


def restored(data: Mapping[str, Any]) -> RunState:
    """Read a snapshot that fits."""
    state, problems = restore(PROGRAM, CODEC, data)
    assert problems == []
    return state


def steps_of(commands: Iterable[Command]) -> list[str]:
    """The steps that are to be run."""
    return [job.step.name for job in only(commands, RunStep)]


def left(commands: Iterable[Command]) -> list[Event]:
    return [event for command in only(commands, ReportLeft) for event in command.events]


def ignored(commands: Iterable[Command]) -> list[tuple[Event, str]]:
    return [(command.event, command.step) for command in only(commands, ReportIgnored)]


def is_over(commands: Iterable[Command]) -> bool:
    kinds = [type(command) for command in commands]
    return StopSteps in kinds and Finish in kinds
