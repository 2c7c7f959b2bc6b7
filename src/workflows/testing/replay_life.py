"""ReplayLife: one life of a process that carries a user's run, answered, watched, and taken down tick by tick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import attrs
from anyio.lowlevel import checkpoint

from ..context import Context
from ..core.commands import Command
from ..core.questions import Question
from ..core.state import Execution, RunState, Status
from ..core.ticks import Tick
from ..errors import AnswerRefused, ContextSerdeError, EncodeError, InvalidInput
from ..events import Event, StartEvent
from ..handler import WorkflowHandler
from ..workflow import Workflow
from .answering import Answering, Answers, Choose, NoAnswer, shown_question
from .observing import Observer, Sight
from .process import observe
from .simulation import EPOCH

SETTLED_TURNS = 30
"""After so many turns of the loop without a tick, nothing more is expected before the next answer."""

Inputs = StartEvent | Mapping[str, Any] | None


@attrs.frozen
class Cut:
    """What there was right after a tick.

    Attributes:
        tick: Its name.
        number: How many there were.
        at: The instant, in UTC seconds.
        stored: The run, as JSON.
        is_resting: Whether everything waited.
        in_flight: The attempts that were at work, by run and execution.
        given: How many answers there had been.
        asked: Which answers had been looked up.
        seen: What had been seen by then.
    """

    tick: str = "the start"
    number: int = 0
    at: float = EPOCH
    stored: str | None = None
    is_resting: bool = False
    in_flight: Mapping[tuple[str, int], int] = attrs.field(factory=dict[tuple[str, int], int])
    given: tuple[str, ...] = ()
    asked: tuple[tuple[Any, str], ...] = ()
    seen: tuple[Sight, ...] = ()


class ReplayLife:
    """One life of the process.

    Attributes:
        observer: Is to look while it lives.
        cuts: What there was after each tick.
        given: The ids of the questions that were answered, in this life and those before, in order.
        open: The questions that nothing answers.
        unstored: Why the run couldn't be stored, each reason once.
        result: What the run came to.
        error: What it failed with.
        unanswerable: Why it couldn't be gone on with: a question has no answer that it takes.
    """

    def __init__(
        self, workflow: Workflow[Any, Any], inputs: Inputs, answers: Answers, choose: Choose, begins_from: Cut
    ) -> None:
        self.workflow: Workflow[Any, Any] = workflow
        self._inputs = inputs
        self._from = begins_from
        self._answering = Answering(answers, begins_from.asked)
        self._choose = choose
        self.observer: Observer = Observer()
        self._context: Context[Any] | None = None
        self.unanswerable: NoAnswer | None = None
        self._changed: anyio.Event | None = None
        self._ticks = 0
        self._number = begins_from.number
        self.cuts: list[Cut] = []
        self.given: list[str] = list(begins_from.given)
        self.open: dict[str, Question] = {}
        self.unstored: dict[str, None] = {}
        self.result: object = None
        self.error: Exception | None = None

    @property
    def sights(self) -> tuple[Sight, ...]:
        """What was seen, before it began and in it."""
        return (*self._from.seen, *self.observer.sights)

    async def live(self) -> None:
        """Start the run, or go on with it, and see it to its end."""
        try:
            handler = self._begin()
        except ContextSerdeError as error:
            self.error = error
            return
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_answering, handler, group.cancel_scope)
            try:
                self.result = await handler
            except Exception as error:
                self.error = error
            group.cancel_scope.cancel()

    def _begin(self) -> WorkflowHandler[Any]:
        stored = self._from.stored
        if stored is None:
            self._context = Context(self.workflow)
        else:
            self._context = Context.from_dict(self.workflow, json.loads(stored))
        observe(self._context, self._take_down)
        if stored is not None:
            return self.workflow.run(self._context)
        if isinstance(self._inputs, StartEvent):
            return self.workflow.run(self._context, self._inputs)
        return self.workflow.run(self._context, **(self._inputs or {}))

    # Answers

    async def _keep_answering(self, handler: WorkflowHandler[Any], scope: anyio.CancelScope) -> None:
        try:
            while True:
                await self._settle()
                await self._answer_one(handler)
        except NoAnswer as error:
            self.unanswerable = error
            scope.cancel()

    async def _answer_one(self, handler: WorkflowHandler[Any]) -> None:
        open_ones = [(found, reply) for found in handler.pending if (reply := self._answer_to(found)) is not None]
        if not open_ones:
            await self._next_tick()
            return
        question, reply = open_ones[self._choose([found for found, _ in open_ones])]
        self.given.append(question.id)
        try:
            await handler.send_event(reply, reply_to=question.id)
        except (AnswerRefused, InvalidInput) as error:
            raise NoAnswer(f"{reply!r:.200} doesn't answer {shown_question(question)}: {error}") from error

    def _answer_to(self, question: Question) -> Event | None:
        if question.id in self.open:
            return None
        reply = self._answering.answer_to(question)
        if reply is None:
            self.open[question.id] = question
        return reply

    async def _settle(self) -> None:
        """Wait until nothing happens any more without time passing."""
        quiet, last = 0, self._ticks
        while quiet < SETTLED_TURNS:
            await checkpoint()
            quiet = quiet + 1 if self._ticks == last else 0
            last = self._ticks

    async def _next_tick(self) -> None:
        self._changed = anyio.Event()
        await self._changed.wait()

    # What is taken down

    def _take_down(self, tick: Tick, _commands: list[Command]) -> None:
        assert self._context is not None
        self._ticks += 1
        self._number += 1
        if self._changed is not None:
            self._changed.set()
        try:
            stored = json.dumps(self._context.to_dict())
        except EncodeError as error:
            self.unstored.setdefault(str(error))
            return
        state = self._context.driver.core.state
        busy = list(_busy(state))
        is_resting = not busy and bool(self._context.pending)
        in_flight = {(run.run_id, found.id): found.attempt for run, found in busy if found.status is Status.RUNNING}
        self.cuts.append(
            Cut(
                type(tick).__name__,
                self._number,
                tick.at,
                stored,
                is_resting,
                in_flight,
                tuple(self.given),
                tuple(self._answering.asked),
                self.sights,
            )
        )


def _busy(state: RunState) -> Iterator[tuple[RunState, Execution]]:
    """The executions that go on by themselves, with those of child runs."""
    for execution in state.executions.values():
        if execution.status is not Status.SUSPENDED and not execution.is_parked:
            yield state, execution
    for child in state.children.values():
        yield from _busy(child.state)
