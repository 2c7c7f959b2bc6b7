"""W3, W7: whatever the keys are, two branches are never one, and none is the step's own task."""

from __future__ import annotations

from uuid import UUID

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.testing import simulate

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
KEYS = st.one_of(st.sampled_from(("", "%", "/", "a", "a/b", "a%2Fb", "%25")), st.text(max_size=4))
PATHS: st.SearchStrategy[tuple[str, ...]] = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


class Branching(Workflow):
    """What a branch draws depends on nothing but which one it is."""

    def __init__(self, paths: list[tuple[str, ...]]) -> None:
        super().__init__()
        self.paths = paths

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        drawn: list[UUID] = []

        async def draw(path: tuple[str, ...]) -> None:
            async with ctx.branch(path[0]):
                drawn.append(ctx.uuid4())
                if path[1:]:
                    await draw(path[1:])

        async with anyio.create_task_group() as group:
            drawn.append(ctx.uuid4())
            for path in self.paths:
                group.start_soon(draw, path)
        return StopEvent(result=[len(drawn), len(set(drawn))])


@pytest.mark.guarantee("W7")
@both
@effort(0.3)
@given(paths=st.lists(PATHS, min_size=1, max_size=5, unique_by=lambda path: path[0]))
@example(paths=[("",)])
@example(paths=[("a", ""), ("a/", "a"), ("", "a"), ("/a",), ("%",), ("a/a", "a")])
def test_every_key_opens_a_branch_of_its_own(backend: Backend, paths: list[tuple[str, ...]]) -> None:
    async def scenario() -> object:
        return await Branching(paths).run()

    count = 1 + sum(len(path) for path in paths)
    assert simulate(scenario, backend=backend) == [count, count]
