"""Living: a graph's run, over all the lives of its process.

A life begins from what the one before has left: a snapshot that was taken when the run was cancelled, one of some tick
after which the process is taken to have died, or what was on the disk of its store at some write. Each life goes on to
the end of the run, and is judged; where it was cut is drawn afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Literal, TypeVar

import anyio
import attrs

from tests.deep import tally
from tests.model.building import NOBODY, Boom, Fact, Modelled, built
from tests.model.disks import SPARSE, SparseDisk
from tests.model.graphs import Graph
from tests.model.kinds import Ask, Asking, Parcel, Said
from workflows import Context
from workflows.core.commands import Command, published
from workflows.core.questions import Question
from workflows.core.ticks import Tick
from workflows.errors import AlreadyAnswered, AnswerRefused, InvalidAnswer, WorkflowCancelledByUser
from workflows.events import Event, HumanResponseEvent, InternalDispatchEvent
from workflows.handler import WorkflowHandler
from workflows.testing import Process, StoreKind, observe
from workflows.testing.backends import Backend
from workflows.testing.process import Moment
from workflows.testing.simulation import simulated

T = TypeVar("T")
DAY_S = 86_400.0
HORIZON_S = 3_000 * DAY_S


How = Literal["dies", "is cancelled"]


@attrs.frozen
class Cut:
    """How a life ends before its run does, and where: after so many ticks or writes, of those that there are."""

    how: How
    at: int


@attrs.frozen
class Script:
    """What happens to a run from outside.

    Attributes:
        seed: Of the schedule, and of what the person does who answers.
        parks: Whether its waits park in place.
        store: Where it's kept, if not as a snapshot.
    """

    backend: Backend = "asyncio"
    seed: int = 0
    cuts: tuple[Cut, ...] = ()
    parks: bool = False
    store: StoreKind | None = None


@attrs.define
class Life:
    """What one life has come to.

    Attributes:
        facts: What steps have taken down, in all lives so far.
        published: The stream, of all lives so far.
        deaths: How often the process has died before.
        open: The questions that were open when the life before ended, by id; of runs without a store.
        listed: Those that a context lists which was made of what that life has left.
        result: What the run has given; None if it has failed.
        problems: What was seen in it that mustn't be.
    """

    number: int
    deaths: int
    facts: Sequence[Fact] = ()
    published: Sequence[Event] = ()
    open: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    result: object = None
    error: Exception | None = None
    is_over: bool = True
    problems: list[str] = attrs.field(factory=list[str])


def reply_to(question: Question) -> Event | None:
    """What the person answers: always the same to the same question, and nothing to some."""
    if question.answer_type is Parcel:
        tag = str((question.requirements or {})["tag"])
        return Parcel(tag=tag, text=f"{tag} to {question.id}")
    if isinstance(question.event, Asking):
        assert issubclass(question.answer_type, HumanResponseEvent)
        return question.answer_type(way=question.event.way, total=question.event.total)
    assert isinstance(question.event, Ask)
    if question.event.what.startswith(NOBODY):
        return None
    return Said(text=f"{question.event.what} to {question.id}")


def live_through(graph: Graph, script: Script) -> list[Life]:
    """Run a graph to its end, over as many lives as it takes."""
    kind = built(graph)
    lives: list[Life] = []
    left = Left()
    for cut in (*script.cuts, None):
        living = _Living(kind, script, Life(len(lives), sum(one.how == "dies" for one in script.cuts[: len(lives)])))
        left = living.live(left, cut)
        lives.append(living.life)
        if living.life.problems or (cut is not None and living.life.is_over and cut.how == "is cancelled"):
            break
    return lives


@attrs.frozen
class Left:
    """What a life has left behind."""

    moment: Moment = attrs.field(factory=Moment)
    open: tuple[str, ...] = ()


class _Carried:
    """A process that carries a run without a store: as `Process`, but its moments are few."""

    def __init__(self, begins_from: Moment, first: int) -> None:
        self._from = begins_from
        self._first = first
        self.world: list[Any] = list(begins_from.world)
        self.stream: list[Event] = list(begins_from.stream)
        self.published_before = len(self.stream)
        self.moments: list[Left] = []
        self.number = 0
        self._changed = anyio.Event()

    def begin(self, flow: Modelled) -> None:
        """Make a context of what was left."""
        self.flow = flow
        stored = self._from.stored
        self.context: Context[Any] = Context(flow) if stored is None else Context.from_dict(flow, json.loads(stored))

    def run(self) -> WorkflowHandler[Any]:
        """Begin the run, or go on with it."""
        self.position = self.context.driver.core.state.streamed
        observe(self.context, self._take_down)
        return self.flow.run(ctx=self.context)

    def left(self, at: float) -> Left:
        """What the next process would begin from, if this one died now."""
        stored = json.dumps(self.context.to_dict())
        moment = Moment(at=at, stored=stored, world=tuple(self.world), stream=tuple(self.stream))
        return Left(moment, tuple(question.id for question in self.context.pending))

    async def wait_for_tick(self) -> None:
        """Wait until something has happened to the run."""
        await self._changed.wait()

    def _take_down(self, tick: Tick, commands: list[Command]) -> None:
        self.stream += published(commands)
        self.number += 1
        self.at = tick.at
        if (self.number + self._first) % SPARSE == 0:
            self.moments.append(self.left(tick.at))
        self._changed.set()
        self._changed = anyio.Event()


@attrs.define
class _Living:
    kind: type[Modelled]
    script: Script
    life: Life

    def live(self, before: Left, cut: Cut | None) -> Left:
        """Live, and give from where the next life begins."""
        begins_from = before.moment
        script, life = self.script, self.life
        if script.store is not None:
            return Left(self.live_in_store(script.store, begins_from, cut))
        carried: list[_Carried] = []

        async def scenario() -> Left | None:
            life.facts = begins_from.world
            carried.append(_Carried(begins_from, 0 if cut is None else cut.at))
            return await self.carry(carried[0], cut)

        left = self.simulate(scenario, begins_from)
        life.facts, life.published = tuple(carried[0].world), tuple(carried[0].stream)
        life.open = before.open
        moments = carried[0].moments
        if left or (cut is not None and moments):
            tally.cut("suspension" if left else "tick")
        return left or (moments[cut.at % len(moments)] if cut is not None and moments else before)

    def live_in_store(self, store: StoreKind, begins_from: Moment, cut: Cut | None) -> Moment:
        """As `live`, on what was left of a store."""
        life = self.life
        disk = SparseDisk(store, begins_from.image, 0 if cut is None else cut.at)
        processes: list[Process] = []

        async def scenario() -> None:
            processes.append(Process(begins_from, disk))
            flow = self.kind(processes[0].world, life.number, parks=self.script.parks)
            with self.failures():
                async with processes[0].runtime(workflows=[flow]) as runtime:
                    await processes[0].begin(runtime, flow, run_id="r")
                    life.result = await processes[0].finish(runtime, "r", reply_to)

        try:
            self.simulate(scenario, begins_from)
        finally:
            disk.close()
        process = processes[0]
        life.facts, life.published = tuple(process.world), tuple(process.streams["r"])
        life.problems += process.problems
        return process.moments[cut.at % len(process.moments)] if cut is not None and process.moments else begins_from

    def simulate(self, scenario: Callable[[], Awaitable[T]], begins_from: Moment) -> T:
        """Have something happen in virtual time."""
        script = self.script
        return simulated(
            scenario,
            backend=script.backend,
            seed=script.seed + 7919 * self.life.number if script.backend == "trio" else 0,
            idle=0.0,
            starts_at=begins_from.at,
            horizon_s=HORIZON_S,
            life=0 if script.store is None else begins_from.number,
        )

    @contextmanager
    def failures(self) -> Generator[None]:
        """Take down what a run fails with, if its graph has it fail."""
        try:
            yield
        except Boom as error:
            self.life.error = error

    async def carry(self, process: _Carried, cut: Cut | None) -> Left | None:
        """See to a run that has no store, to its end or till it's cancelled; gives what it has left behind then."""
        life = self.life
        process.begin(self.kind(process.world, life.number, parks=self.script.parks))
        life.listed = tuple(question.id for question in process.context.pending)
        if process.world != list(life.facts):
            life.problems.append("steps have run before their run goes on")
        handler = process.run()
        async with anyio.create_task_group() as group:
            group.start_soon(self.answer, process, handler)
            if cut is not None and cut.how == "is cancelled":
                group.start_soon(self.cancel, process, handler, cut.at)
            async with anyio.create_task_group() as readers:
                readers.start_soon(self.read, process, handler, 0.0)
                readers.start_soon(self.read, process, handler, 2.5)
                with self.failures():
                    try:
                        life.result = await handler
                    except WorkflowCancelledByUser:
                        life.is_over = False
                    except (Boom, ExceptionGroup) as error:
                        if not isinstance(error.__context__, WorkflowCancelledByUser):
                            raise
                        life.is_over = False  # steps were about to fail when it was cancelled
            group.cancel_scope.cancel()
        return None if life.is_over else process.left(process.at)

    async def read(self, process: _Carried, handler: WorkflowHandler[Any], pause_s: float) -> None:
        """Read the stream of this life, at once or with pauses: all that was published, in that order."""
        got: list[Event] = []
        async for event in handler.stream_events(after=process.position):
            got.append(event)
            await anyio.sleep(pause_s)
        published = process.stream[process.published_before :]
        if got != [event for event in published if not isinstance(event, InternalDispatchEvent)]:
            self.life.problems.append(f"a reader got {got!r}, published was {published!r}")

    async def cancel(self, process: _Carried, handler: WorkflowHandler[Any], number: int) -> None:
        """Cancel a run when so much has happened to it."""
        while process.number < number:
            await process.wait_for_tick()
        await handler.cancel_run(timeout=3600)

    async def answer(self, process: _Carried, handler: WorkflowHandler[Any]) -> None:
        """Be the person who answers: in any order, at once or after a day, sometimes with nonsense, or twice."""
        random = Random(f"{self.script.seed} {self.life.number}")
        while True:
            questions = [question for question in handler.pending if reply_to(question) is not None]
            if not questions:
                await process.wait_for_tick()
                continue
            if random.random() < 0.6:
                await anyio.sleep(random.choice((0.0, 0.5, 3.0, DAY_S)))
            question = random.choice(questions)
            if question.id not in [other.id for other in handler.pending]:
                continue
            reply = reply_to(question)
            assert reply is not None
            try:
                await self.answer_one(handler, question, reply, random)
            except AnswerRefused as refusal:
                if question.id in [other.id for other in handler.pending]:
                    self.life.problems.append(f"{reply!r} was refused: {refusal}")

    async def answer_one(self, handler: WorkflowHandler[Any], question: Question, reply: Event, random: Random) -> None:
        """Answer a question that is open."""
        if isinstance(reply, HumanResponseEvent) and random.random() < 0.2:
            try:
                handler.ctx.send_event(HumanResponseEvent(text=7, way=7), reply_to=question.id)
            except InvalidAnswer:
                if question.id not in [other.id for other in handler.pending]:
                    self.life.problems.append(f"a bad answer has closed {question.id}")
            else:
                self.life.problems.append(f"a bad answer was taken by {question.id}")
        handler.ctx.send_event(reply, reply_to=question.id)
        if random.random() < 0.3:
            try:
                handler.ctx.send_event(reply, reply_to=question.id)
            except AlreadyAnswered:
                pass
            else:
                self.life.problems.append(f"{question.id} was answered twice")
        await anyio.lowlevel.checkpoint()
