"""`edit_state()`: one at a time, in the order of asking; readers never wait; what isn't committed never was."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Backend
from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError, UsageError
from workflows.events import Event, InputRequiredEvent, StartEvent, StopEvent


class Part(Event):
    number: int


class Editing(Workflow):
    """Each of its parts edits the state, at its own gate."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.gates = [anyio.Event() for _ in range(parts)]
        self.inside: list[int] = []

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(self.parts):
            ctx.send_event(Part(number=number))
        return None

    @step(num_workers=8)
    async def edit(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
        async with ctx.store.edit_state() as state:
            self.inside.append(ev.number)
            order = state.get("order", [])
            await self.gates[ev.number].wait()
            state["order"] = [*order, ev.number]
        done = ctx.collect_events(ev, [Part] * self.parts)
        return None if done is None else StopEvent(result=await ctx.store.get("order"))


@pytest.mark.anyio
async def test_edits_are_granted_one_at_a_time_in_the_order_of_asking() -> None:
    workflow = Editing(4)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        first = workflow.inside[0]
        assert workflow.inside == [first]
        for gate in reversed(workflow.gates):
            gate.set()
        assert await handler == workflow.inside
    assert sorted(workflow.inside) == [0, 1, 2, 3]


@pytest.mark.anyio
async def test_readers_never_wait_and_see_what_was_committed() -> None:
    """Semantics 29."""
    workflow = Editing(1)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        assert await handler.ctx.store.get("order", "nothing yet") == "nothing yet"
        assert dict(await handler.ctx.store.get_state()) == {}
        workflow.gates[0].set()
        assert await handler == [0]


@pytest.mark.anyio
async def test_a_reader_in_the_block_sees_what_was_committed_before() -> None:
    class Reading(Workflow):
        @step
        async def read(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.store.set("count", 1)
            async with ctx.store.edit_state() as state:
                state["count"] = 2
                inside = [await ctx.store.get("count"), (await ctx.store.get_state())["count"]]
            return StopEvent(result=[*inside, await ctx.store.get("count")])

    with anyio.fail_after(5):
        assert await Reading().run() == [1, 1, 2]


@pytest.mark.anyio
async def test_writers_outside_wait_for_the_edit_and_come_after_it_in_order() -> None:
    workflow = Editing(1)
    order: list[str] = []
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        store = handler.ctx.store

        async def set_it() -> None:
            await store.set("order", [*await store.get("order", []), "set"])
            order.append("set")

        async def edit_it() -> None:
            async with store.edit_state() as state:
                order.append("edit")
                state["order"] = [*state["order"], "edited"]

        async with anyio.create_task_group() as group:
            group.start_soon(set_it)
            await wait_until_all_wait()
            group.start_soon(edit_it)
            await wait_until_all_wait()
            assert order == []
            workflow.gates[0].set()
        await handler
        assert order == ["set", "edit"]
        assert await store.get("order") == ["set", "edited"]


@pytest.mark.anyio
async def test_steps_wait_for_an_edit_from_outside() -> None:
    workflow = Editing(2)
    for gate in workflow.gates:
        gate.set()
    with anyio.fail_after(5):
        context = Context[Any](workflow)
        async with context.store.edit_state() as state:
            handler = workflow.run(context)
            await wait_until_all_wait()
            assert workflow.inside == []
            state["order"] = ["outside"]
        result = await handler
        assert result[0] == "outside"
        assert sorted(result[1:]) == [0, 1]


@pytest.mark.anyio
async def test_writers_in_steps_wait_for_an_edit_and_for_each_other() -> None:
    class Writing(Workflow):
        @step
        async def write(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.store.set("list", [*await ctx.store.get("list", []), "set"])
            await ctx.store.set_state({**await ctx.store.get_state(), "whole": True})
            return StopEvent(result=dict(await ctx.store.get_state()))

    workflow = Writing()
    context = Context[Any](workflow)
    with anyio.fail_after(5):
        async with context.store.edit_state() as state:
            state["list"] = ["edited"]
            handler = workflow.run(context)
            await wait_until_all_wait()
            assert not handler.is_done()
        assert await handler == {"list": ["set"], "whole": True}


@pytest.mark.anyio
async def test_a_writer_that_waits_can_be_cancelled_and_has_written_nothing() -> None:
    context = Context[Any](Editing(0))
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                gate = anyio.Event()

                async def hold() -> None:
                    async with context.store.edit_state() as state:
                        await gate.wait()
                        state["held"] = True

                group.start_soon(hold)
                await wait_until_all_wait()
                with anyio.move_on_after(0):
                    await context.store.set("x", 1)
                gate.set()
        assert not scope.cancel_called
        assert dict(await context.store.get_state()) == {"held": True}


Writer = Callable[[Context[Any]], Any]
WRITERS: list[Writer] = [
    lambda ctx: ctx.store.set("x", 1),
    lambda ctx: ctx.store.set_state({}),
    lambda ctx: ctx.store.clear(),
]


@pytest.mark.anyio
@pytest.mark.parametrize("write", WRITERS)
async def test_a_writer_inside_the_block_is_refused_with_the_way_out(write: Writer) -> None:
    """Semantics 29."""

    class Wrong(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            async with ctx.store.edit_state() as state:
                with pytest.raises(ContextStateError, match=r"inside edit_state\(\).*\n.*state object of the block"):
                    await write(ctx)
                state["fine"] = True
            return StopEvent(result=await ctx.store.get("fine"))

    context = Context[Any](Wrong())
    with anyio.fail_after(5):
        assert await Wrong().run() is True
        async with context.store.edit_state():
            with pytest.raises(RuntimeError, match=r"inside edit_state"):
                await write(context)


@pytest.mark.anyio
async def test_an_edit_in_an_edit_and_a_wait_in_an_edit_are_refused() -> None:
    class Wrong(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            async with ctx.store.edit_state() as state:
                with pytest.raises(ContextStateError, match="inside edit_state"):
                    async with ctx.store.edit_state():
                        pytest.fail("granted")
                with pytest.raises(
                    UsageError, match=r"ctx\.ask\(\) can't be used inside edit_state\(\) \(step 'work'\)"
                ):
                    await ctx.ask(InputRequiredEvent())
                state["fine"] = True
            return StopEvent(result=await ctx.store.get("fine"))

    with anyio.fail_after(5):
        assert await Wrong().run() is True


@pytest.mark.anyio
async def test_an_edit_that_raises_is_dropped_and_the_next_one_goes_on() -> None:
    """Semantics 29."""

    class Failing(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            with pytest.raises(ZeroDivisionError):
                async with ctx.store.edit_state() as state:
                    state["x"] = 1
                    raise ZeroDivisionError
            async with ctx.store.edit_state() as state:
                state["y"] = 2
            return StopEvent(result=dict(await ctx.store.get_state()))

    with anyio.fail_after(5):
        assert await Failing().run() == {"y": 2}


@pytest.mark.anyio
async def test_an_edit_that_is_cancelled_is_dropped_and_gives_way() -> None:
    workflow = Editing(1)
    workflow.gates[0].set()
    with anyio.fail_after(5):
        context = Context[Any](workflow)
        with anyio.CancelScope() as scope:
            async with context.store.edit_state() as state:
                state["order"] = ["cancelled"]
                scope.cancel()
                await checkpoint()
        assert scope.cancelled_caught
        assert await workflow.run(context) == [0]


@pytest.mark.anyio
async def test_whoever_stops_waiting_for_an_edit_loses_the_place_and_no_more() -> None:
    context = Context[Any](Editing(0))
    entered: list[str] = []

    async def edit(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with context.store.edit_state():
                entered.append(name)

    gate = anyio.Event()

    async def hold() -> None:
        async with context.store.edit_state():
            await gate.wait()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(hold)
            await wait_until_all_wait()
            scopes = {name: anyio.CancelScope() for name in "abc"}
            for name, scope in scopes.items():
                group.start_soon(edit, name, scope)
                await wait_until_all_wait()
            scopes["b"].cancel()
            await wait_until_all_wait()
            assert entered == []
            gate.set()
    assert entered == ["a", "c"]


@pytest.mark.anyio
async def test_a_task_that_is_started_inside_the_block_is_inside_too() -> None:
    context = Context[Any](Editing(0))
    refused: list[ContextStateError] = []

    async def write() -> None:
        try:
            await context.store.set("x", 1)
        except ContextStateError as error:
            refused.append(error)

    with anyio.fail_after(5):
        async with context.store.edit_state(), anyio.create_task_group() as group:
            group.start_soon(write)
    assert len(refused) == 1


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_an_edit_of_a_step_that_is_cancelled_with_its_run_is_dropped() -> None:
    workflow = Editing(3)
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow.run()
            await wait_until_all_wait()
            await handler.cancel_run()
            assert dict(await handler.ctx.store.get_state()) == {}
            await handler.ctx.store.set("free", True)
        for gate in workflow.gates:
            gate.set()
        assert sorted(await workflow.run(handler.ctx)) == [0, 1, 2]
        assert await handler.ctx.store.get("free") is True


@pytest.mark.anyio
async def test_an_edit_in_a_snapshot_is_not_committed_there() -> None:
    workflow = Editing(2)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        data = handler.ctx.to_dict()
        await handler.cancel_run()
        other = Editing(2)
        for gate in other.gates:
            gate.set()
        assert sorted(await other.run(Context[Any].from_dict(other, data))) == [0, 1]


@pytest.mark.anyio
async def test_an_edit_from_outside_outlives_the_run() -> None:
    class Quick(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    workflow = Quick()
    with anyio.fail_after(5):
        handler = workflow.run()
        async with handler.ctx.store.edit_state() as state:
            await handler
            state["late"] = True
        assert await handler.ctx.store.get("late") is True


@pytest.mark.guarantee("D1", "R2")
@given(
    plan=st.lists(st.sampled_from(["commit", "raise", "cancel"]), min_size=1, max_size=8),
    pauses=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_concurrent_edits_lose_nothing_that_was_committed_and_keep_nothing_that_was_not(
    anyio_backend: Backend, plan: list[str], pauses: list[int]
) -> None:
    async def main() -> None:
        context = Context[Any](Editing(0))
        at_once = 0

        async def edit(number: int, fate: str) -> None:
            nonlocal at_once
            with anyio.CancelScope() as scope:
                try:
                    async with context.store.edit_state() as state:
                        at_once += 1
                        assert at_once == 1
                        seen = [*state.get("done", [])]
                        for _ in range(pauses[number]):
                            await checkpoint()
                        state["done"] = [*seen, number]
                        at_once -= 1
                        if fate == "raise":
                            raise ZeroDivisionError
                        if fate == "cancel":
                            scope.cancel()
                            await checkpoint()
                except ZeroDivisionError:
                    pass

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for number, fate in enumerate(plan):
                    group.start_soon(edit, number, fate)
        done = await context.store.get("done", [])
        assert sorted(done) == [number for number, fate in enumerate(plan) if fate == "commit"]

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
