"""Living through a plan: lives of a process that carries its run, a person who answers, and a stream that's read.

A life ends with the run, or dies after so many ticks. Then what was stored by that tick is all that the next life has: it
begins in another event loop, with a new workflow instance and a fresh context.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import cycle
from random import Random
from typing import Any, Literal
from uuid import UUID

import anyio
import attrs

from tests.core.spelled import spelled_out
from tests.deep.tally import cut
from tests.sim.flow import Plan, PlanFlow
from tests.sim.operations import Ask, Parcel, Reply
from tests.sim.world import Life, World
from workflows import Context
from workflows.context.context import OnMismatch
from workflows.core.commands import Command, ReportLeft, published
from workflows.core.questions import Question
from workflows.core.ticks import BurstStreamed, EventStreamed, Tick
from workflows.errors import AlreadyAnswered, AmbiguousAnswer
from workflows.events import Event, StopEvent
from workflows.handler import WorkflowHandler
from workflows.runtime.identity import ambient_uuid4
from workflows.testing import check_snapshot, observe, simulate

Backend = Literal["asyncio", "trio"]


@attrs.frozen
class Script:
    """What happens to a run from outside.

    Attributes:
        deaths: After how many ticks each life dies; the life after the last one doesn't.
        choices: What the person does, one after the other, and again from the start.
        seed: Of the schedule of the first life; later lives have others.
        parks: Whether waits park in place.
        last_question: The first life ends for good when so many questions were asked.
        on_mismatch: What to do where a snapshot doesn't fit the plan.
        is_gentle: Whether lives end by `cancel_run()`: steps clean up, and the snapshot is of afterwards.
    """

    backend: Backend = "asyncio"
    deaths: tuple[int, ...] = ()
    choices: tuple[int, ...] = (0,)
    seed: int = 0
    parks: bool = False
    last_question: int | None = None
    on_mismatch: OnMismatch = "error"
    is_gentle: bool = False


@attrs.define
class Report:
    """What came of it."""

    world: World = attrs.field(factory=World)
    stored: str | None = None  # the snapshot that the next life begins from
    result: object = None
    error: BaseException | None = None
    lives: int = 0
    data: dict[str, Any] = attrs.field(factory=dict[str, Any])  # the last snapshot
    answered: dict[str, str] = attrs.field(factory=dict[str, str])  # question id -> what was answered
    asked: list[str] = attrs.field(factory=list[str])  # the ids of all questions there were, sorted
    state: dict[str, Any] = attrs.field(factory=dict[str, Any])

    @property
    def writes(self) -> tuple[int, dict[str, object]]:
        """How many versions of fields of the state there were, and the last one of each."""
        state = spelled_out(self.data)["state"]
        versions: dict[int, object] = dict(state["versions"])
        return state["next_version"], {name: versions[version] for name, version in state["fields"]}


def live_through(plan: Plan, script: Script) -> Report:
    """Run a plan to its end, over as many lives as it takes."""
    report = Report()
    choices = cycle(script.choices)
    for dies_after in (*script.deaths, None):
        _live(plan, script, report, choices, dies_after)
        if report.stored is None or script.last_question is not None:
            return report
    raise AssertionError("the last life doesn't die")


def go_on(plan: Plan, script: Script, before: Report) -> Report:
    """One more life, from what another run of this or another plan had stored."""
    report = deepcopy(before)
    assert report.stored is not None
    _live(plan, script, report, cycle(script.choices), None)
    return report


def _live(plan: Plan, script: Script, report: Report, choices: Iterator[int], dies_after: int | None) -> None:
    life = _Living(plan, script, report, Life(report.world, report.lives), choices, dies_after)
    simulate(life.main, backend=script.backend, seed=script.seed + 7919 * report.lives)
    report.lives += 1
    report.stored = life.stored


def answer_for(question: Question) -> Event | None:
    """What the person answers: always the same to the same question, and nothing to some."""
    if question.answer_type is Parcel:
        tag = (question.requirements or {})["tag"]
        return Parcel(tag=str(tag), text=f"for {question.id}")
    assert isinstance(question.event, Ask)
    if question.event.what.startswith("ignore"):
        return None
    return Reply(text=f"{question.event.what}, says {question.id}")


class _Living:
    """One life."""

    def __init__(
        self,
        plan: Plan,
        script: Script,
        report: Report,
        life: Life,
        choices: Iterator[int],
        dies_after: int | None,
    ) -> None:
        self.script = script
        self.report = report
        self.life = life
        life.is_gentle = script.is_gentle
        self.before = report.stored
        self.choices = choices
        self.ticks_left = dies_after
        self.stored: str | None = None
        self.is_cut = False
        self.published: list[Event] = []
        self.make_flow: Callable[[], PlanFlow] = lambda: PlanFlow(
            plan, life, is_asyncio=script.backend == "asyncio", parks=script.parks
        )

    async def main(self) -> None:
        uuids = Random("the same for all runs that are compared")
        ambient_uuid4.set(lambda: UUID(int=uuids.getrandbits(128), version=4))
        self.changed = anyio.Event()
        self.died, self.noted = anyio.Event(), anyio.Event()
        flow = self.make_flow()
        self.context = self._context(flow)
        first_position = self.context.driver.core.state.streamed
        observe(self.context, self._after_tick)
        handler = flow.run(ctx=self.context, run_id="the run")
        async with anyio.create_task_group() as group:
            group.start_soon(self._answer, handler)
            group.start_soon(self._read, handler, first_position)
            group.start_soon(self._await, handler)
            await self.died.wait()
            if self.script.is_gentle and handler.is_done():  # it came to its end at this very moment
                await self.noted.wait()
            self.context.driver.has_told()  # what steps have written was there for whoever looks
            self.is_cut = self.script.is_gentle and not self.life.is_dead
            self.life.is_dead = True
            await handler.cancel_run(timeout=3600)  # the grace of clean-up under shields is as long as the default
            if self.is_cut:
                cut("suspension")
                self._keep()
            group.cancel_scope.cancel()

    def _context(self, flow: PlanFlow) -> Context[Any]:
        if self.before is None:
            return Context(flow)
        data = json.loads(self.before)
        if self.script.on_mismatch == "error" and (problems := check_snapshot(flow, data)):
            self.life.complain(f"the snapshot doesn't fit: {problems}")
        calls = sum(self.life.world.calls.values())
        context: Context[Any] = Context.from_dict(flow, data, on_mismatch=self.script.on_mismatch)
        listed = [question.id for question in context.pending]
        stored = spelled_out(data)["asking_order"]
        if listed != stored or sum(self.life.world.calls.values()) != calls:
            self.life.complain(f"pending after loading is {listed}, stored was {stored}")
        return context

    def _after_tick(self, tick: Tick, commands: list[Command]) -> None:
        self.changed.set()
        self.changed = anyio.Event()
        self.life.tick(is_streamed=isinstance(tick, EventStreamed | BurstStreamed))
        if self.life.is_dead:
            return
        events = published(commands)
        self.published += events
        self.life.world.streamed += [shown(event) for event in events]
        self.life.world.left += [
            shown(event) for command in commands if isinstance(command, ReportLeft) for event in command.events
        ]
        for question in self.context.pending:
            if question.id not in self.report.asked:
                self.report.asked.append(question.id)
        if self.ticks_left is not None:
            self.ticks_left -= 1
            if self.ticks_left <= 0:
                self._die()
        if len(self.report.asked) == self.script.last_question:
            self._die()

    def _die(self) -> None:
        if self.script.is_gentle:
            self.died.set()
        elif not self.life.is_dead:
            cut("tick")
            self._keep()
            self.life.die()
            self.died.set()

    def _keep(self) -> None:
        self.stored = json.dumps(self.context.to_dict())
        self.report.data = json.loads(self.stored)

    async def _await(self, handler: WorkflowHandler) -> None:
        """Take down how the run ended, if it did in this life."""
        try:
            result: object = await handler
            error: BaseException | None = None
        except Exception as failure:
            result, error = None, failure
        if self.life.is_dead:
            return
        self.report.result, self.report.error = result, error
        self.report.data = json.loads(json.dumps(handler.ctx.to_dict()))
        self.report.state = dict(await handler.ctx.store.get_state())
        self.life.is_dead = True
        await anyio.wait_all_tasks_blocked()  # the reader comes to the end of the stream
        self.noted.set()
        self.died.set()

    async def _read(self, handler: WorkflowHandler, position: int) -> None:
        """Read the stream: each event at the position after the last one, and all that were published."""
        got: list[Event] = []
        async for event in (reader := handler.stream_events(after=position)):
            got.append(event)
            if reader.position != position + len(got):
                self.report.world.problems.append(f"{event!r} is at {reader.position}, not {position + len(got)}")
        if self.stored is None and not self.is_cut and got != self.published:
            self.report.world.problems.append(f"published was {self.published!r}, read {got!r}")

    # The person

    async def _answer(self, handler: WorkflowHandler) -> None:
        while not handler.is_done() and not self.life.is_dead:
            changed = self.changed
            if next(self.choices) % 3:
                await anyio.wait_all_tasks_blocked()
            questions = [question for question in handler.pending if answer_for(question) is not None]
            if questions:
                await self._answer_one(handler, questions[next(self.choices) % len(questions)])
            else:
                await changed.wait()

    async def _answer_one(self, handler: WorkflowHandler, question: Question) -> None:
        reply = answer_for(question)
        assert reply is not None
        manner = next(self.choices) % 4
        if manner == 1 and isinstance(reply, Reply) and not self.life.is_dead and self._answer_without_address(handler):
            return
        await anyio.lowlevel.checkpoint()
        if question not in handler.pending or (self.life.is_dead and self.script.is_gentle):
            return
        lives = not self.life.is_dead
        handler.ctx.send_event(reply, reply_to=question.id)
        if lives:
            self._note(question, reply)
        if lives and manner == 2:
            self._click_again(handler, question, reply)

    def _note(self, question: Question, reply: Event) -> None:
        if self.report.answered.setdefault(question.id, repr(reply)) != repr(reply):
            self.life.complain(f"{question.id} was answered with {self.report.answered[question.id]}, and {reply!r}")

    def _click_again(self, handler: WorkflowHandler, question: Question, reply: Event) -> None:
        """A second click on the same button finds the question answered, and changes nothing."""
        before = [other.id for other in handler.pending]
        try:
            handler.ctx.send_event(reply, reply_to=question.id)
        except AlreadyAnswered:
            pass
        else:
            self.life.complain(f"a second answer to {question.id} was taken")
        if [other.id for other in handler.pending] != before:
            self.life.complain(f"a second answer to {question.id} changed what's pending")

    def _answer_without_address(self, handler: WorkflowHandler) -> bool:
        """An answer without an address goes to the oldest of equal questions, or is refused with the candidates.

        Gives whether a question was answered.
        """
        fitting = [other for other in handler.pending if other.answer_type is Reply]
        oldest = {other.content: other for other in reversed(fitting)}
        expected = sorted(other.id for other in oldest.values())
        target = fitting[0]
        reply = answer_for(target) or Reply(text="to whom?")
        if len(oldest) == 1 and answer_for(target) is None:
            return False
        try:
            handler.ctx.send_event(reply)
        except AmbiguousAnswer as refusal:
            candidates = sorted(other.id for other in refusal.candidates if isinstance(other, Question))
            if len(oldest) < 2 or candidates != expected:
                self.life.complain(f"{reply!r} was refused with {candidates}; to choose from there were {expected}")
            return False
        if len(oldest) > 1 or target.id in [other.id for other in handler.pending]:
            self.life.complain(f"{reply!r} was taken, and {target.id} is still open, or {expected} were to choose from")
        self._note(target, reply)
        return True


def shown(event: Event) -> str:
    """An event, for comparing: what kind, and from where in the plan."""
    if isinstance(event, Ask):
        return f"Ask {event.what}"
    return f"{type(event).__name__} {getattr(event, 'tag', '')}"


def is_finished(report: Report) -> bool:
    """Whether the run came to a result."""
    return report.error is None and isinstance(report.result, str)


def stop_events(report: Report) -> int:
    return sum(name.startswith(StopEvent.__name__) for name in report.world.streamed)
