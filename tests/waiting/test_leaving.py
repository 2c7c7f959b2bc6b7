"""Whenever its owner leaves, a run leaves nothing behind; and a snapshot is read by those who know its format."""

from __future__ import annotations

from typing import Any, Literal

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting.flows import TYPES, Asked, Paid
from workflows import Context, Workflow, step
from workflows.errors import ContextSerdeError
from workflows.events import StartEvent, StopEvent
from workflows.testing import simulate


class Busy(Workflow):
    """Works in several steps at once, for as many virtual seconds as it's told, and asks now and then."""

    def __init__(self, open_steps: list[int]) -> None:
        super().__init__(types=TYPES, timeout=None)
        self.open_steps = open_steps

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Paid | None:
        for seconds in ev.seconds:
            ctx.send_event(Paid(cents=seconds))
        return None

    @step(num_workers=3)
    async def work(self, ctx: Context, ev: Paid) -> StopEvent | None:
        self.open_steps.append(ev.cents)
        try:
            await anyio.sleep(ev.cents)
            if ev.cents % 3 == 0:
                await ctx.ask(Asked(what=str(ev.cents)))
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.25)
            self.open_steps.remove(ev.cents)
        return None


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(
    seconds=st.lists(st.integers(0, 9), max_size=6),
    leaves_after=st.integers(0, 20).map(lambda halves: halves / 2),
    door=st.sampled_from(["run", "running"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_nothing_is_left_of_a_run_whenever_its_owner_leaves(
    backend: Literal["asyncio", "trio"],
    seconds: list[int],
    leaves_after: float,
    door: Literal["run", "running"],
    seed: int,
) -> None:
    open_steps: list[int] = []

    async def scenario() -> None:
        workflow = Busy(open_steps)
        with anyio.move_on_after(leaves_after):
            if door == "run":
                await workflow.run(seconds=seconds)
            async with workflow.running(seconds=seconds) as handler:
                await handler
        assert open_steps == []

    simulate(scenario, backend=backend, seed=seed)  # fails if a task is left


formats = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False), st.just([1]))


@pytest.mark.guarantee("D3")
@given(version=formats.filter(lambda found: found != 1 or isinstance(found, bool | float)))
def test_a_snapshot_of_any_other_format_is_refused_with_what_to_do(version: object) -> None:
    workflow = Busy([])
    data: dict[str, Any] = Context(workflow).to_dict()
    assert data["format_version"] == 1
    with pytest.raises(ContextSerdeError, match="format"):
        Context.from_dict(workflow, {**data, "format_version": version})
