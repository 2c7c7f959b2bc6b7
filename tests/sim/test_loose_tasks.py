"""W7: in a task that is no branch's own, what content can't tell apart is refused before it has an effect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from tests.sim.operations import Ask, Parcel, Reply, Shown
from workflows import Context, Workflow, step
from workflows.errors import UsageError
from workflows.events import StartEvent, StopEvent
from workflows.testing import simulate

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
Act = Callable[[Context, Counter[str]], Awaitable[object]]


async def now(ctx: Context, _effects: Counter[str]) -> object:
    return ctx.now()


async def draw(ctx: Context, _effects: Counter[str]) -> object:
    return ctx.random.random()


async def uuid(ctx: Context, _effects: Counter[str]) -> object:
    return ctx.uuid4()


async def pending(ctx: Context, _effects: Counter[str]) -> object:
    return ctx.pending


async def running_steps(ctx: Context, _effects: Counter[str]) -> object:
    return await ctx.running_steps()


async def get(ctx: Context, _effects: Counter[str]) -> object:
    return await ctx.store.get("x", default=None)


async def get_state(ctx: Context, _effects: Counter[str]) -> object:
    return await ctx.store.get_state()


async def edit(ctx: Context, effects: Counter[str]) -> None:
    async with ctx.store.edit_state() as state:
        effects["edits"] += 1
        state["x"] = 1


async def collect(ctx: Context, _effects: Counter[str]) -> object:
    return ctx.collect_events(Shown(tag="x"), [Shown])


async def equal_onces(ctx: Context, effects: Counter[str]) -> None:
    await ctx.once(effects.update, ["first"], key="same")
    await ctx.once(effects.update, ["second"], key="same")


async def equal_questions(ctx: Context, effects: Counter[str]) -> None:
    await ctx.ask(Ask(what="same"))
    effects["first"] += 1
    await ctx.ask(Ask(what="same"))


class InATask(Workflow):
    """Acts in a task of the step, a branch's own or not."""

    def __init__(self, act: Act, *, is_branch: bool) -> None:
        super().__init__(None, types=[Ask, Reply, Shown, Parcel])
        self.act = act
        self.is_branch = is_branch
        self.effects: Counter[str] = Counter()

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        async def child() -> None:
            if self.is_branch:
                async with ctx.branch("own"):
                    await self.act(ctx, self.effects)
            else:
                await self.act(ctx, self.effects)

        async with anyio.create_task_group() as group:
            group.start_soon(child)
        return StopEvent(result="done")


async def answered(flow: Workflow) -> object:
    handler = flow.run()
    while not handler.is_done():
        await anyio.sleep(1)
        for question in handler.pending:
            handler.ctx.send_event(Reply(text="yes"), reply_to=question.id)
    return await handler


ACTS: list[Act] = [now, draw, uuid, pending, running_steps, get, get_state, edit, collect, equal_onces, equal_questions]


@pytest.mark.guarantee("W7")
@both
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_what_nothing_tells_apart_is_refused_in_a_task_without_a_branch(act: Act, backend: Backend) -> None:
    flow = InATask(act, is_branch=False)
    with pytest.raises(ExceptionGroup) as caught:
        simulate(lambda: answered(flow), backend=backend)
    (refusal,) = caught.value.exceptions
    assert isinstance(refusal, UsageError)
    assert "ctx.branch(key)" in str(refusal)
    assert flow.effects in ({}, {"first": 1})  # of two that are equal, the first one was done
    assert ("key=" in str(refusal)) == (act in (equal_onces, equal_questions))


@pytest.mark.guarantee("W7")
@both
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_in_a_branch_of_its_own_the_task_may_do_all_that(act: Act, backend: Backend) -> None:
    assert simulate(lambda: answered(InATask(act, is_branch=True)), backend=backend) == "done"


@attrs.frozen
class Deed:
    """Something that content tells apart, in a task that is no branch's own."""

    kind: str
    content: str


deeds = st.builds(Deed, st.sampled_from(["send", "stream", "set", "once", "ask"]), st.sampled_from("abc"))


class Deeds(Workflow):
    """Does deeds in loose tasks, each list in its order, then asks in its own task, which replays them all."""

    def __init__(self, tasks: list[list[Deed]]) -> None:
        super().__init__(None, types=[Ask, Reply, Shown, Parcel])
        self.tasks = tasks
        self.bodies: Counter[str] = Counter()
        self.calls = 0

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.calls += 1
        told: list[str] = []
        async with anyio.create_task_group() as group:
            for deeds in self.tasks:
                group.start_soon(self._do, ctx, deeds, told)
        told.append((await ctx.ask(Ask(what="at last?"))).text)
        return StopEvent(result=sorted(told))

    async def _do(self, ctx: Context, deeds: list[Deed], told: list[str]) -> None:
        for deed in deeds:
            match deed.kind:
                case "send":
                    ctx.send_event(Parcel(tag=deed.content))
                case "stream":
                    ctx.write_event_to_stream(Shown(tag=deed.content))
                case "set":
                    await ctx.store.set(f"set.{deed.content}", deed.content)
                case "once":
                    await ctx.once(self.bodies.update, [deed.content], key=deed.content)
                case _:
                    told.append((await ctx.ask(Ask(what=deed.content))).text)


@pytest.mark.guarantee("W7", "W1")
@both
def test_loose_tasks_find_their_records_by_content_in_any_order(backend: Backend) -> None:
    """Equal sends and writes count; equal questions and results of `once` don't come twice here."""

    @effort(1)
    @given(tasks=st.lists(st.lists(deeds, max_size=4), min_size=1, max_size=3), seed=st.integers(0, 2**32 - 1))
    def compare(tasks: list[list[Deed]], seed: int) -> None:
        every: list[Deed] = []
        for own in tasks:
            for deed in list(own):
                if deed.kind in ("once", "ask") and deed in every:
                    own.remove(deed)
                else:
                    every.append(deed)
        flow = Deeds(tasks)
        shown: list[str] = []
        sent: list[Any] = []

        async def scenario() -> object:
            handler = flow.run()
            while not handler.is_done():
                await anyio.wait_all_tasks_blocked()
                kept: list[Any] = json.loads(json.dumps(handler.ctx.to_dict())).get("mailbox", [])
                if kept:
                    sent[:] = [event["v"]["tag"] for event in kept]
                for question in reversed(handler.pending):
                    assert isinstance(question.event, Ask)
                    handler.ctx.send_event(Reply(text=question.event.what), reply_to=question.id)
            shown.extend([event.tag async for event in handler.stream_events() if isinstance(event, Shown)])
            return await handler

        result = simulate(scenario, backend=backend, seed=seed)
        assert result == sorted([*contents(every, "ask"), "at last?"])
        assert sorted(shown) == contents(every, "stream")
        assert sorted(sent) == contents(every, "send")
        assert flow.bodies == Counter(contents(every, "once"))
        assert flow.calls == 2

    compare()


def contents(deeds: list[Deed], kind: str) -> list[str]:
    return sorted(deed.content for deed in deeds if deed.kind == kind)
