"""The scene of the runtime checks: a workflow that asks, what it does to the world, and a store whose process dies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ...context import Context
from ...decorators import step
from ...durability.store import Store
from ...errors import StoreUnavailable
from ...events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from ...host import Runtime
from ...workflow import Workflow
from ..store_checks.checking import OpenStore, StoreCheck

LIMIT_S = 30.0
LEASE_S = 0.2


class Agreed(HumanResponseEvent, name="workflows.testing:Agreed"):
    """An answer."""

    by: str


class Question(InputRequiredEvent, name="workflows.testing:Question", answer=Agreed):
    """A question."""

    about: str


class Begun(Event, name="workflows.testing:Begun"):
    """What the first step gives."""

    about: str


class World:
    """What was done outside of the run, by all processes, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def do(self, what: str) -> str:
        """Do something."""
        self.done.append(what)
        return what


class Asking(Workflow):
    """Does something once, asks, and does something else once. It goes on only while its gate is open."""

    def __init__(self, world: World, *, gate: anyio.Event | None = None) -> None:
        super().__init__(types=[Question, Agreed], workflow_name="workflows.testing:Asking")
        self.world = world
        self.gate = gate

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Begun:
        """The first step."""
        return Begun(about=await ctx.once(self.world.do, f"begin {ev.about}"))

    @step
    async def ask(self, ctx: Context[Any], ev: Begun) -> StopEvent:
        """The second step."""
        answer: Agreed = await ctx.ask(Question(about=ev.about))
        await ctx.once(self.world.do, f"agreed {answer.by}", key="agreed")
        if self.gate is not None:
            await self.gate.wait()
        return StopEvent(result=f"{ev.about}, agreed by {answer.by}")


class Mortal:
    """A store as one process has it: when that's killed, nothing it does reaches the store any more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if self.is_dead and name != "close":
            raise StoreUnavailable(f"{name}() was called by a process that's dead.")
        return found


def scene(body: Callable[[OpenStore], Awaitable[None]]) -> StoreCheck:
    """Make a check of a function that's given what makes handles."""

    async def check(make: OpenStore, /) -> None:
        with anyio.fail_after(LIMIT_S):
            await body(make)

    check.__name__, check.__doc__ = body.__name__, body.__doc__
    return check


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    while not condition():  # noqa: ASYNC110  (what it waits for sets no event)
        await checkpoint()


async def question_of(runtime: Runtime, run_id: str) -> str:
    """Wait until a run asks something, and give the question's id."""
    while not (found := await runtime.pending(run_id=run_id)):  # noqa: ASYNC110  (what it waits for sets no event)
        await checkpoint()
    return found[0].id


async def result_of(runtime: Runtime, run_id: str) -> object:
    """Wait until a run has ended, wherever it is, and give its result."""
    async for event in runtime.events(run_id):
        if isinstance(event, StopEvent):
            return event.result
    raise AssertionError(f"run {run_id!r} has ended without a result")
