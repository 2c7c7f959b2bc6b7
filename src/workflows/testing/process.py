"""Process: one life of a process that carries runs, for scenarios that are cut short and begun again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anyio
import attrs

from ..context import Context
from ..core.commands import Command, published
from ..core.engine import Core
from ..core.questions import Question
from ..core.ticks import Tick
from ..errors import AnswerRefused, UsageError
from ..events import Event
from ..handler import WorkflowHandler
from ..host import Runtime
from ..runtime.clock import utc_seconds
from ..types import ResultT_co
from ..workflow import Workflow
from .disks import Disk, Image
from .simulation import EPOCH
from .stored_life import StoredLife


class ObservedCore(Core):
    """A core that tells of each tick, when it's applied and before its commands are carried out."""

    __slots__ = ("_after",)

    def __init__(self, core: Core, after: Callable[[Tick, list[Command]], None]) -> None:
        super().__init__(core.state.program, core.state.codec, state=core.state)
        self._after = after

    def feed(self, tick: Tick) -> list[Command]:
        """As any core."""
        is_new = tick.id > self.state.last_tick
        commands = super().feed(tick)
        if is_new:
            self._after(tick, commands)
        return commands


def observe(context: Context[Any], after: Callable[[Tick, list[Command]], None]) -> None:
    """Have `after` called with each tick of a context's runs, and with what it led to. Before a run begins."""
    driver = context.driver
    driver.core = ObservedCore(driver.core, after)


@attrs.frozen
class Moment:
    """What there was at an instant: what was stored, what had been done to the world, and what had been seen.

    Attributes:
        tick: What had happened last.
        number: How often something had happened.
        at: The instant, in UTC seconds.
        stored: What the run had stored, if it has no store.
        world: What was done outside of the run.
        stream: What the run had published, if it has no store.
        image: What was on the disk of the store.
        streams: What had been read of the streams of stored runs.
        answered: The questions whose answers had been accepted.
    """

    tick: str = "before the first tick"
    number: int = 0
    at: float = EPOCH
    stored: str | None = None
    world: tuple[Any, ...] = ()
    stream: tuple[Event, ...] = ()
    image: Image | None = None
    streams: Mapping[str, tuple[Event, ...]] = attrs.field(factory=dict[str, "tuple[Event, ...]"])
    answered: frozenset[str] = frozenset()

    def is_as(self, other: Moment) -> bool:
        """Whether nobody could tell the process that begins from here from one that begins from another moment."""
        seen = (self.world, self.image, self.streams, self.answered)
        return self.image is not None and seen == (other.world, other.image, other.streams, other.answered)


class Process:
    """One life of the process that carries a run: what a scenario of `sweep_crash` is given, to start its run through.

    With a store, the scenario opens it with `process.runtime()`, begins its runs with `process.begin()`, and sees them
    to their end with `process.finish()`.

    Attributes:
        world: What was done outside of the run, in all lives, in order: append to it where the scenario's steps act on
            the world, and compare it at the end.
        stream: The events that the run has published, in all lives.
        moments: From where it can be begun again.
        number: How many such points there were, in all lives, those included at which nothing was different.
    """

    def __init__(self, begins_from: Moment, disk: Disk | None = None) -> None:
        self._from = begins_from
        self.world: list[Any] = list(begins_from.world)
        self.stream: list[Event] = list(begins_from.stream)
        self.moments: list[Moment] = []
        self._context: Context[Any] | None = None
        self._changed = anyio.Event()
        self.number: int = begins_from.number
        self._now = utc_seconds(None)
        self._life: StoredLife | None = None
        if disk is not None:
            self._life = StoredLife(disk, self._was_cut, begins_from.streams, begins_from.answered)

    @property
    def is_first_life(self) -> bool:
        """Whether nothing was stored yet."""
        return self._from.stored is None and self._from.image is None

    @property
    def problems(self) -> list[str]:
        """What was seen in it that mustn't be."""
        return [] if self._life is None else self._life.problems

    # A run that has no store

    def run(self, workflow: Workflow[Any, ResultT_co], **inputs: Any) -> WorkflowHandler[ResultT_co]:
        """Start the run; in a later life, go on with it from what was stored. Once in each life."""
        if self._context is not None:
            raise UsageError("A process carries one run: Process.run() was called twice.")
        if self._from.stored is None:
            self._context = Context(workflow)
        else:
            self._context = Context.from_dict(workflow, json.loads(self._from.stored))
            inputs = {}
        observe(self._context, self._take_down)
        return workflow.run(ctx=self._context, **inputs)

    async def answer(
        self, handler: WorkflowHandler[ResultT_co], answer: Callable[[Question], Event | None]
    ) -> ResultT_co:
        """Answer each question as it comes, and give the result of the run.

        Args:
            handler: What `run` gave.
            answer: Gives the answer to a question, or None to leave it open; the same one in each life.
        """
        failure: Exception | None = None
        result: list[ResultT_co] = []
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_answering, handler, answer)
            try:
                result.append(await handler)
            except Exception as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return result[0]

    async def wait_for_tick(self) -> None:
        """Wait until something has happened to the run."""
        await self._changed.wait()

    # Runs in a store

    @property
    def streams(self) -> dict[str, list[Event]]:
        """What `finish` has read of the streams of stored runs, in all lives, by run id."""
        return self._stored().streams

    def runtime(self, *, workflows: Iterable[Workflow[Any, Any]] = (), **options: Any) -> Runtime:
        """A runtime on the store that is being cut: `async with process.runtime(workflows=[...]) as runtime:`.

        In a later life the store is as the crash has left it. What the dead process owned comes back when its lease has
        passed, in virtual time.

        Args:
            workflows: As for `Runtime`.
            options: As for `Runtime`.

        Raises:
            UsageError: The sweep has no `store=`.
        """
        return self._stored().runtime({"workflows": workflows, **options})

    async def begin(self, runtime: Runtime, workflow: Workflow[Any, Any], *, run_id: str, **inputs: Any) -> None:
        """Start a stored run, unless that was done in an earlier life; it's stored when this returns.

        Nobody holds the run then, so it leaves memory whenever everything in it waits.
        """
        await self._stored().begin(runtime, workflow, run_id, inputs)

    async def finish(self, runtime: Runtime, run_id: str, answer: Callable[[Question], Event | None]) -> Any:
        """Answer each question of a stored run as it comes, read its stream, and give its result.

        Args:
            runtime: What `runtime()` gave.
            run_id: The run.
            answer: Gives the answer to a question, or None to leave it open; the same one in each life.
        """
        return await self._stored().finish(runtime, run_id, answer)

    def _stored(self) -> StoredLife:
        if self._life is None:
            raise UsageError("This sweep has no store: sweep_crash(scenario, store='memory'), or 'sqlite'.")
        return self._life

    def _was_cut(self, where: str, image: Image | None) -> None:
        assert self._life is not None
        self.number += 1
        if image is None:
            return
        streams = {run_id: tuple(events) for run_id, events in self._life.streams.items()}
        moment = Moment(
            f"write {self.number}, {where}",
            self.number,
            self._now(),
            world=tuple(self.world),
            image=image,
            streams=streams,
            answered=frozenset(self._life.answered),
        )
        if not self.moments or not moment.is_as(self.moments[-1]):
            self.moments.append(moment)

    # What they consist of

    async def _keep_answering(self, handler: WorkflowHandler, answer: Callable[[Question], Event | None]) -> None:
        passed_over: set[str] = set()
        while True:
            changed = self._changed
            for question in handler.pending:
                reply = None if question.id in passed_over else answer(question)
                if reply is None:
                    passed_over.add(question.id)
                    continue
                try:
                    await handler.send_event(reply, reply_to=question.id)
                except AnswerRefused:
                    passed_over.add(question.id)  # it was closed while the answer was on its way
            await changed.wait()

    def _take_down(self, tick: Tick, commands: list[Command]) -> None:
        self.stream += published(commands)
        assert self._context is not None
        self.number += 1
        stored = json.dumps(self._context.to_dict())
        name = f"tick {self.number}, {type(tick).__name__}"
        moment = Moment(name, self.number, tick.at, stored, tuple(self.world), tuple(self.stream))
        self.moments.append(moment)
        self._changed.set()
        self._changed = anyio.Event()
