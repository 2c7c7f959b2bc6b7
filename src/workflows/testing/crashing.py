"""Crashing: a run is cut after each of its ticks, and goes on from what was stored by then.

A crash is simulated from the outside: what the run would have stored is taken down after each tick, as JSON text.
Then, for each of these texts, the scenario begins again in a new event loop, with the text and the world as it was.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import attrs

from ..context import Context
from ..core.commands import Command, PublishEvent
from ..core.engine import Core
from ..core.questions import Question
from ..core.ticks import Tick
from ..errors import AnswerRefused, UsageError
from ..events import Event
from ..handler import WorkflowHandler
from ..types import ResultT_co
from ..workflow import Workflow
from .backends import Backend
from .faults import SimulationFault
from .simulation import EPOCH, repeatable, simulated

SHOWN = 10


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
    """What there was at an instant: what the run had stored, and what it had done to the world."""

    tick: str = "before the first tick"
    number: int = 0
    at: float = EPOCH
    stored: str | None = None
    world: tuple[Any, ...] = ()
    stream: tuple[Event, ...] = ()


class Process:
    """One life of the process that carries a run: what a scenario of `sweep_crash` is given, to start its run through.

    Attributes:
        world: What was done outside of the run, in all lives, in order: append to it where the scenario's steps act on
            the world, and compare it at the end.
        stream: The events that the run has published, in all lives.
    """

    def __init__(self, begins_from: Moment) -> None:
        self._from = begins_from
        self.world: list[Any] = list(begins_from.world)
        self.stream: list[Event] = list(begins_from.stream)
        self.moments: list[Moment] = []
        self._context: Context[Any] | None = None
        self._changed = anyio.Event()
        self._number = begins_from.number

    @property
    def is_first_life(self) -> bool:
        """Whether nothing was stored yet."""
        return self._from.stored is None

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
        self.stream += [command.event for command in commands if isinstance(command, PublishEvent)]
        assert self._context is not None
        self._number += 1
        stored = json.dumps(self._context.to_dict())
        name = f"tick {self._number}, {type(tick).__name__}"
        moment = Moment(name, self._number, tick.at, stored, tuple(self.world), tuple(self.stream))
        self.moments.append(moment)
        self._changed.set()
        self._changed = anyio.Event()


def sweep_crash(
    scenario: Callable[[Process], Awaitable[object]],
    *,
    backend: Backend = "trio",
    seed: int = 0,
    idle: float = 0.0,
    faults: int = 1,
) -> int:
    """Run a scenario once, then once more for each tick of its run: cut right after it, and begun again from there.

    The scenario must come to the same value each time. It's an async function that is given a `Process`, starts its run
    with `process.run(workflow, **inputs)`, answers what's pending, and returns what is to be the same, for example
    `(result, process.stream, process.world)`.

    Args:
        scenario: The scenario. It's called once in each life, so it makes its workflow anew.
        backend: `"trio"` or `"asyncio"`.
        seed: The schedule; see `simulate`.
        idle: See `simulate`.
        faults: How many times a run is cut, at most: with 2, each of the runs that went on is cut again at each of its
            ticks.

    Returns:
        How many times a run was cut.

    Raises:
        SimulationFault: Something was different, or wrong; each problem has its tick.
    """

    def live(begins_from: Moment) -> tuple[object, list[Moment]]:
        processes: list[Process] = []

        async def life() -> object:
            processes.append(Process(begins_from))
            return await scenario(processes[0])

        result = simulated(life, backend=backend, seed=seed, idle=idle, starts_at=begins_from.at)
        return result, processes[0].moments

    expected, moments = live(Moment())
    problems: list[str] = []
    cuts = 0

    def cut(moments: list[Moment], before: str, left: int) -> None:
        nonlocal cuts
        for moment in moments:
            cuts += 1
            where = f"{before}cut after {moment.tick}"
            try:
                result, further = live(moment)
            except Exception as error:
                problems.append(f"{where}: {type(error).__name__}: {error}")
                continue
            if result != expected:
                problems.append(f"{where}: came to {result!r}, uncut to {expected!r}")
            elif left > 1:
                cut(further, f"{where}, then ", left - 1)

    cut(moments, "", faults)
    if problems:
        shown = problems[:SHOWN]
        if len(problems) > SHOWN:
            shown.append(f"and {len(problems) - SHOWN} problems more")
        raise SimulationFault(
            f"{repeatable(scenario, backend, seed, idle)} doesn't survive {len(problems)} of {cuts} crashes:", shown
        )
    return cuts
