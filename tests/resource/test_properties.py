"""What holds for resources however they're made of each other, and wherever a run is cut off."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Annotated, Any, Literal

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from tests.resource.graphs import Made, Node, World, graphs, tangles
from workflows import Context, Workflow, step
from workflows.errors import WorkflowValidationError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource, ResourceManager
from workflows.testing import Process, simulate, sweep_cancel, sweep_crash

Backend = Literal["asyncio", "trio"]
BACKENDS: list[Backend] = ["asyncio", "trio"]


class Part(Event):
    number: int


class Done(Event):
    number: int


class Question(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    text: str


def flow_of(world: World, first: list[int], second: list[int]) -> type[Workflow]:
    """Three executions of a step at once, and one after them; each wants some resources, in a bundle of its own."""

    class Flow(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Part]:
            return [Part(number=number) for number in range(3)]

        @step
        async def work(self, ev: Part, found: Annotated[Made, world.bundle(first)]) -> Done:
            world.check_open(found)
            await checkpoint()
            world.check_open(found)
            return Done(number=ev.number)

        @step
        async def join(
            self,
            ev: list[Done],
            found: Annotated[Made, world.bundle(second)],
            other: Annotated[Made, world.bundle(first)],
        ) -> StopEvent:
            world.check_open(found)
            await checkpoint()
            world.check_open(found)
            made = [part for bundle in (found, other) for part in bundle.of]
            assert len({id(part) for part in made}) == len({part.number for part in made}), "two of one in one call"
            return StopEvent()

    return Flow


@pytest.mark.parametrize("backend", BACKENDS)
@given(graph=graphs(), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_each_cached_one_is_made_once_and_each_open_one_is_closed_after_what_is_made_of_it(
    backend: Backend, graph: list[Node], data: st.DataObject, seed: int
) -> None:
    some = st.lists(st.integers(0, len(graph) - 1), unique=True, max_size=3)
    world = World(graph)
    flow = flow_of(world, data.draw(some, "first"), data.draw(some, "second"))

    async def scenario() -> None:
        workflow = flow()
        for _ in range(2):
            await workflow.run()
            assert world.open == []

    simulate(scenario, backend=backend, seed=seed)
    assert world.problems == []
    for number, count in Counter(world.made).items():
        if graph[number].cache and not world.is_bound(number):
            assert count == 1


@pytest.mark.anyio
@given(graph=tangles())
async def test_circles_are_found_and_told_and_nothing_else_is_taken_for_one(graph: list[Node]) -> None:
    world = World(graph)
    for number, marker in enumerate(world.markers):
        reached = {number}
        while len(more := reached | {need for one in reached for need in graph[one].needs}) > len(reached):
            reached = more
        try:
            TopologicalSorter({one: graph[one].needs for one in reached}).prepare()
        except CycleError:
            with pytest.raises(WorkflowValidationError) as caught:
                await ResourceManager().get(marker)
            told = str(caught.value).partition(": ")[2].partition(".")[0].split(" → ")
            chain = [int(name.removeprefix("resource")) for name in told]
            assert chain[0] == chain[-1]
            assert all(after in graph[before].needs for before, after in pairwise(chain))
        else:
            async with (manager := ResourceManager()).resolution_scope():
                await manager.get(marker)
    assert world.open == []
    assert world.problems == []


class Book:
    """Open resources that are noted in a book, which has to be empty in the end."""

    def __init__(self) -> None:
        self.open: list[str] = []

    def opening(self, name: str) -> Any:
        """A factory of one."""

        @asynccontextmanager
        async def opened() -> AsyncGenerator[str]:
            await checkpoint()
            self.open.append(name)
            try:
                yield name
            finally:
                await checkpoint()
                await checkpoint()
                self.open.remove(name)

        return opened

    def check(self) -> None:
        """Nothing is left open; for the next run the book is empty."""
        left, self.open = self.open, []
        assert left == []


def booked(book: Book) -> type[Workflow]:
    """A workflow with resources of its run and of its calls; it works, waits for a person, and works again."""
    for_run, for_call = Resource(book.opening("run")), Resource(book.opening("call"), cache=False)

    @asynccontextmanager
    async def inside(run: Annotated[str, for_run]) -> AsyncGenerator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            async with book.opening("inside")() as name:
                assert "run" in book.open
                yield f"{name} {run}"
            group.cancel_scope.cancel()

    class Flow(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Part]:
            return [Part(number=number) for number in range(2)]

        @step
        async def work(
            self,
            ev: Part,
            run: Annotated[str, for_run],
            call: Annotated[str, for_call],
            deep: Annotated[str, Resource(inside)],
        ) -> Done:
            assert {"run", "call", "inside"} <= set(book.open)
            await checkpoint()
            return Done(number=ev.number)

        @step
        async def ask(
            self, ctx: Context[Any], ev: list[Done], run: Annotated[str, for_run], call: Annotated[str, for_call]
        ) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, waiter_event=Question())
            assert {"run", "call"} <= set(book.open)
            return StopEvent(result=f"{answer.text} {run} {call}")

    return Flow


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [{}, {"num_concurrent_runs": 1}, {"waits": "park"}], ids=["bare", "turns", "park"])
def test_a_run_that_is_cancelled_at_any_point_leaves_nothing_open(backend: Backend, options: dict[str, Any]) -> None:
    book = Book()
    flow = booked(book)

    async def scenario() -> None:
        workflow = flow(types=[Question, Answer], **options)
        async with workflow.running() as handler:
            await anyio.sleep(1)
            handler.ctx.send_event(Answer(text="yes"))
            assert await handler == "yes run call"

    assert sweep_cancel(scenario, backend=backend, check=book.check) > 20


@pytest.mark.guarantee("R1")
def test_a_run_whose_task_is_cancelled_by_asyncio_leaves_nothing_open() -> None:
    book = Book()
    flow = booked(book)

    async def answered() -> None:
        handler = flow(types=[Question, Answer]).run()
        async with anyio.create_task_group() as group:
            group.start_soon(answer, handler)
            assert await handler == "yes run call"

    async def answer(handler: Any) -> None:
        await anyio.sleep(1)
        handler.ctx.send_event(Answer(text="yes"))

    assert sweep_cancel(answered, backend="asyncio", how="task", check=book.check) > 20


@pytest.mark.guarantee("W1")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_is_cut_at_any_tick_is_given_its_resources_again(backend: Backend) -> None:
    async def scenario(process: Process) -> Any:
        book = Book()
        flow = booked(book)(types=[Question, Answer], workflow_name="booked")
        result = await process.answer(process.run(flow), lambda question: Answer(text="yes"))
        book.check()
        return result

    assert sweep_crash(scenario, backend=backend) > 8
