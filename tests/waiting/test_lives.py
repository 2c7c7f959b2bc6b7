"""A run that is taken through JSON at drawn instants comes to what it would have come to in one life.

Plans have branches whose operations don't commute, and Trio's schedule is drawn.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import anyio
import attrs
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.waiting.flows import TYPES, Asked, Said, Shown, reborn, settle
from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import simulate

Operation = Literal["uuid", "random", "once", "now", "read", "write", "edit", "stream", "ask", "raise and catch"]
OPERATIONS: list[Operation] = [
    *("uuid", "random", "once", "now", "read", "write", "edit", "stream", "ask", "raise and catch"),
]


@attrs.frozen
class Plan:
    """What a step does: alone, then in branches at once, then alone again."""

    first: tuple[Operation, ...]
    branches: tuple[tuple[Operation, ...], ...]
    last: tuple[Operation, ...]


operations = st.lists(st.sampled_from(OPERATIONS), max_size=4).map(tuple)
plans = st.builds(Plan, operations, st.lists(operations, max_size=3).map(tuple), operations)


@attrs.define
class Diary:
    """What happened outside of the run."""

    bodies: Counter[str] = attrs.field(factory=Counter[str])
    values: dict[str, list[object]] = attrs.field(factory=dict[str, list[object]])
    shown: list[str] = attrs.field(factory=list[str])


def workflow_of(plan: Plan, diary: Diary) -> Workflow:
    """The workflow of a plan."""

    class Planned(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            results: dict[str, object] = {}
            await self.do("first", plan.first, ctx, results)

            async def branch(number: int, steps: tuple[Operation, ...]) -> None:
                async with ctx.branch(number):
                    await self.do(f"branch {number}", steps, ctx, results)

            async with anyio.create_task_group() as group:
                for number, steps in enumerate(plan.branches):
                    group.start_soon(branch, number, steps)
            await self.do("last", plan.last, ctx, results)
            return StopEvent(result=results)

        async def do(self, name: str, steps: tuple[Operation, ...], ctx: Context, results: dict[str, object]) -> None:
            for number, operation in enumerate(steps):
                place = f"{name} {number} {operation}"
                value = await self.operate(place, operation, ctx)
                diary.values.setdefault(place, []).append(value)
                if operation not in ("now", "read"):  # these depend on when they come
                    results[place] = value

        async def operate(self, place: str, operation: Operation, ctx: Context) -> object:
            match operation:
                case "uuid":
                    return str(ctx.uuid4())
                case "random":
                    return ctx.random.random()
                case "once":
                    return await ctx.once(body, place)
                case "now":
                    return ctx.now()
                case "read":
                    return await ctx.store.get("shared", 0)
                case "write":
                    await ctx.store.set(place.replace(" ", "_"), place)
                case "edit":
                    async with ctx.store.edit_state() as state:
                        state["shared"] = state.get("shared", 0) + 1
                case "stream":
                    ctx.write_event_to_stream(Shown(what=place))
                case "ask":
                    return (await ctx.ask(Asked(what=place))).number
                case "raise and catch":
                    try:
                        raise LookupError((await ctx.ask(Asked(what=place))).number)
                    except Exception as error:
                        return str(error)
            return None

    def body(place: str) -> str:
        diary.bodies[place] += 1
        return place.upper()

    return Planned(types=TYPES, timeout=None)


def live(
    plan: Plan, *, deaths: list[bool], order: list[int], backend: Literal["asyncio", "trio"], seed: int
) -> tuple[Any, Diary, Any]:
    """Run a plan, and end a life before an answer wherever it's drawn."""
    diary = Diary()
    kept: dict[str, Any] = {}

    async def scenario() -> object:
        handler = workflow_of(plan, diary).run(run_id="same")
        dying, choosing = iter(deaths), iter(order)
        while True:
            await settle()
            diary.shown += await read(handler)
            if handler.is_done():
                kept.update(await handler.ctx.store.get_state())
                return await handler
            if next(dying, False):
                handler = await reborn(handler, lambda: workflow_of(plan, diary))
                await settle()
            questions = sorted(handler.pending, key=lambda found: found.id)
            question = questions[next(choosing, 0) % len(questions)]
            assert isinstance(question.event, Asked)
            await handler.send_event(Said(number=len(question.event.what)), reply_to=question.id)

    result = simulate(scenario, backend=backend, seed=seed)
    return result, diary, kept


async def read(handler: WorkflowHandler) -> list[str]:
    """What has been streamed since this was last asked."""
    shown: list[str] = []
    with anyio.move_on_after(0):
        async for found in handler.stream_events():
            if isinstance(found, Shown):
                shown.append(found.what)  # noqa: PERF401  # what was read before the end counts
    return shown


@pytest.mark.guarantee("W1", "W2", "W3", "W7")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=120)
@given(
    plan=plans,
    deaths=st.lists(st.booleans(), max_size=6),
    order=st.lists(st.integers(0, 5), max_size=8),
    seeds=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
)
def test_a_run_of_many_lives_comes_to_what_it_would_have_come_to_in_one(
    backend: Literal["asyncio", "trio"], plan: Plan, deaths: list[bool], order: list[int], seeds: tuple[int, int]
) -> None:
    event(f"deaths: {sum(deaths)}")
    one, undisturbed, state = live(plan, deaths=[], order=order, backend=backend, seed=seeds[0])
    many, disturbed, state_of_many = live(plan, deaths=deaths, order=order[::-1], backend=backend, seed=seeds[1])
    drawn = {place: value for place, value in one.items() if place.split()[-1] in ("uuid", "random")}
    assert many.keys() == one.keys()
    assert {place: many[place] for place in one if place not in drawn} == {
        place: one[place] for place in one if place not in drawn
    }
    for diary in (undisturbed, disturbed):
        assert set(diary.bodies.values()) <= {1}
        assert all(values.count(values[0]) == len(values) for values in diary.values.values())
    assert sorted(disturbed.shown) == sorted(undisturbed.shown)
    assert state_of_many == state
