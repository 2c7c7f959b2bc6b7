"""ReplayLife: one life of a process that carries a user's run, answered, watched, and taken down tick by tick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import attrs

from ..context import Context
from ..core.commands import Command
from ..core.state import Execution, RunState
from ..core.statuses import Status
from ..core.ticks import Tick
from ..errors import ContextSerdeError, EncodeError
from ..events import StartEvent
from ..handler import WorkflowHandler
from ..workflow import Workflow
from .answering import Answerer, Answering, Answers, Choose
from .observing import Observer, Sight, place_of
from .process import observe
from .simulation import EPOCH

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
        cuts: What there was after each tick, if the life has begun at the start.
        answerer: Answers its questions.
        unstored: Why the run couldn't be stored, each reason once.
        result: What the run came to.
        error: What it failed with.
    """

    def __init__(
        self, workflow: Workflow[Any, Any], inputs: Inputs, answers: Answers, choose: Choose, begins_from: Cut
    ) -> None:
        self.workflow: Workflow[Any, Any] = workflow
        self._inputs = inputs
        self._from = begins_from
        self.answerer: Answerer = Answerer(Answering(answers, begins_from.asked), choose, begins_from.given)
        self.observer: Observer = Observer(place_of(type(workflow)))
        self._context: Context[Any] | None = None
        self._number = begins_from.number
        self.cuts: list[Cut] = []
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
            group.start_soon(self.answerer.keep_answering, handler, group.cancel_scope)
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

    # What is taken down

    def _take_down(self, tick: Tick, _commands: list[Command]) -> None:
        assert self._context is not None
        self._number += 1
        self.answerer.something_happened()
        if self._from.stored is not None:  # it isn't cut once more
            return
        try:
            stored = json.dumps(self._context.to_dict())
        except EncodeError as error:
            self.unstored.setdefault(str(error))
            return
        state = self._context.driver.core.state
        busy = list(_busy(state))
        is_resting = not busy and bool(self._context.pending)
        in_flight = {(run.run_id, found.id): found.attempt for run, found in busy if found.status is Status.AT_WORK}
        self.cuts.append(
            Cut(
                type(tick).__name__,
                self._number,
                tick.at,
                stored,
                is_resting,
                in_flight,
                tuple(self.answerer.given),
                self.answerer.asked,
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
