"""R1 and R2 as a property: whatever steps do and however a run is ended, all is cleaned up, and no error is lost."""

from collections.abc import Sequence
from typing import Any, Literal, cast

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Backend
from tests.engine.orphans import no_task_left
from workflows import Context, Workflow, step
from workflows.errors import WorkflowCancelledByUser
from workflows.events import (
    Event,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
)

Act = Literal["stop", "fail", "hang", "quit", "group"]
CleanUp = Literal["plain", "waits", "fails"]
Leaving = Literal["awaits", "cancels the run", "is cancelled", "leaves the block"]


class Part(Event):
    number: int


class Broken(Exception):
    """The error of a part."""

    def __init__(self, number: int, where: str) -> None:
        super().__init__(number, where)


@attrs.frozen
class Behaviour:
    """What a part does after so many turns, and how it cleans up."""

    act: Act
    turns: int
    clean_up: CleanUp


behaviours = st.builds(
    Behaviour,
    st.sampled_from(["stop", "fail", "hang", "quit", "group"]),
    st.integers(0, 4),
    st.sampled_from(["plain", "plain", "waits", "fails"]),
)


class Parted(Workflow):
    def __init__(self, plan: Sequence[Behaviour]) -> None:
        super().__init__(timeout=None)
        self.plan = plan
        self.begun: set[int] = set()
        self.cleaned_up: set[int] = set()
        self.children = 0
        self.errors: list[Broken] = []

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(len(self.plan)):
            ctx.send_event(Part(number=number))
        return None

    @step(num_workers=3)
    async def work(self, ev: Part) -> StopEvent | None:
        behaviour = self.plan[ev.number]
        self.begun.add(ev.number)
        try:
            for _ in range(behaviour.turns):
                await checkpoint()
            return await self.act(behaviour.act, ev.number)
        finally:
            await self.clean_up(behaviour.clean_up, ev.number)

    async def act(self, act: Act, number: int) -> StopEvent | None:
        match act:
            case "stop":
                return StopEvent(result=number)
            case "fail":
                raise self.broken(number, "at work")
            case "hang":
                await anyio.sleep_forever()
            case "group":
                async with anyio.create_task_group() as group:
                    for _ in range(2):
                        group.start_soon(self.child)
            case "quit":
                return None
        return None

    async def child(self) -> None:
        self.children += 1
        try:
            await anyio.sleep_forever()
        finally:
            self.children -= 1

    async def clean_up(self, clean_up: CleanUp, number: int) -> None:
        if clean_up == "waits":
            with anyio.CancelScope(shield=True):
                for _ in range(3):
                    await checkpoint()
        self.cleaned_up.add(number)
        if clean_up == "fails":
            raise self.broken(number, "in clean-up")

    def broken(self, number: int, where: str) -> Broken:
        self.errors.append(Broken(number, where))
        return self.errors[-1]


def leaves(error: BaseException) -> list[BaseException]:
    """The errors that aren't groups, in it."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [leaf for found in group.exceptions for leaf in leaves(found)]
    return [error]


async def end(plan: Sequence[Behaviour], leaving: Leaving, after: int) -> None:
    workflow = Parted(plan)
    with anyio.fail_after(5):
        async with no_task_left(), workflow.running() as handler:
            for _ in range(after):
                await checkpoint()
            if leaving == "cancels the run" or (leaving == "awaits" and not will_end(plan)):
                await handler.cancel_run()
            with anyio.CancelScope() as scope:
                if leaving == "is cancelled":
                    scope.cancel()
                if leaving != "leaves the block":
                    await outcome_of(workflow, handler)
        assert workflow.begun == workflow.cleaned_up
        assert workflow.children == 0
        events = [event async for event in handler.stream_events(after=0)]
        outcome = await outcome_of(workflow, handler)
    (last,) = events
    match outcome:
        case None:
            assert isinstance(last, StopEvent)
        case WorkflowCancelledByUser():
            assert last == WorkflowCancelledEvent()
            assert workflow.errors == []
        case _:
            assert isinstance(last, WorkflowFailedEvent | WorkflowCancelledEvent)


def will_end(plan: Sequence[Behaviour]) -> bool:
    """Whether some part ends the run of its own: one that has a worker, since others may hang."""
    return any(found.act in ("stop", "fail") for found in plan[:3])


async def outcome_of(workflow: Parted, handler: Any) -> BaseException | None:
    """How the run ended; its errors are those of its steps, the same objects, none twice, and none is missing."""
    try:
        await handler
    except (Broken, ExceptionGroup, WorkflowCancelledByUser) as error:
        found = [leaf for leaf in leaves(error) if not isinstance(leaf, WorkflowCancelledByUser)]
        assert len({id(leaf) for leaf in found}) == len(found)
        hidden = [broken for broken in workflow.errors if broken not in found and not is_context(broken, found)]
        assert hidden == []
        return error
    return None


def is_context(error: BaseException, of: Sequence[BaseException]) -> bool:
    """Whether it's what an error came on top of: one that a step raised in the clean-up of another."""
    return any(error is found.__context__ for found in of)


@pytest.mark.guarantee("R1", "R2")
@given(
    plan=st.lists(behaviours, min_size=1, max_size=5),
    leaving=st.sampled_from(["awaits", "cancels the run", "is cancelled", "leaves the block"]),
    after=st.integers(0, 12),
)
def test_however_a_run_ends_all_is_cleaned_up_and_every_error_surfaces(
    anyio_backend: Backend, plan: list[Behaviour], leaving: Leaving, after: int
) -> None:
    name, options = anyio_backend
    anyio.run(end, plan, leaving, after, backend=name, backend_options=options)
