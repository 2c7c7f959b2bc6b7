"""`workflow.run()`: it's called without a task group, and starts at once."""

import gc
import threading
from contextvars import ContextVar
from typing import Any
from weakref import ref

import anyio
import pytest
from anyio import to_thread

from tests.conftest import Backend
from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import ContextStateError, UsageError
from workflows.events import Event, StartEvent, StopEvent

user: ContextVar[str] = ContextVar("user", default="nobody")


class Echo(Workflow):
    @step
    async def echo(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ev.get("text"))


class Held(Event):
    pass


class Gated(Workflow):
    """Its one step waits for a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = anyio.Event()
        self.gate = anyio.Event()
        self.cleaned_up = anyio.Event()

    @step
    async def hold(self, ev: StartEvent) -> StopEvent:
        self.begun.set()
        try:
            await self.gate.wait()
        finally:
            self.cleaned_up.set()
        return StopEvent(result="through")


class Named(Workflow):
    """It tells what the variable `user` is in each of its steps, then changes it."""

    @step
    async def first(self, ctx: Context[Any], ev: StartEvent) -> Held:
        await ctx.store.set("first", user.get())
        user.set("changed in a step")
        return Held()

    @step
    async def second(self, ctx: Context[Any], ev: Held) -> StopEvent:
        return StopEvent(result=await ctx.store.get("first"))


class Wide(Workflow):
    """Three steps at once, each in a task of its own."""

    @step
    async def first(self, ctx: Context[Any], ev: StartEvent) -> Held | None:
        for _ in range(3):
            ctx.send_event(Held())
        return None

    @step
    async def second(self, ctx: Context[Any], ev: Held) -> StopEvent | None:
        seen = user.get()
        async with ctx.store.edit_state() as state:
            state["seen"] = [*state.get("seen", []), seen]
        return StopEvent(result=state["seen"]) if len(state["seen"]) == 3 else None


@pytest.mark.anyio
async def test_a_run_starts_at_once_without_a_task_group() -> None:
    workflow = Gated()
    handler = workflow.run()
    with anyio.fail_after(5):
        await workflow.begun.wait()  # nobody has awaited the handler
        assert not handler.is_done()
        workflow.gate.set()
        assert await handler == "through"


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_a_run_leaves_no_task_behind_when_it_has_ended() -> None:
    with anyio.fail_after(5):
        async with no_task_left():
            assert await Echo().run(text="x") == "x"
            assert await Wide().run() == ["nobody"] * 3


def test_a_run_without_an_event_loop_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"needs a running event loop.*\n.*anyio\.run\(main\)"):
        _ = Echo().run(text="x")


def test_a_context_is_as_it_was_after_a_run_that_could_not_start(anyio_backend: Backend) -> None:
    workflow = Echo()
    context: Context[Any] = Context[Any](workflow)
    with pytest.raises(UsageError):
        _ = workflow.run(context, text="x")
    assert not context.is_running

    async def main() -> object:
        return await workflow.run(context, text="y")

    name, options = anyio_backend
    assert anyio.run(main, backend=name, backend_options=options) == "y"


@pytest.mark.anyio
async def test_a_run_in_a_worker_thread_is_refused() -> None:
    def in_a_thread() -> None:
        with pytest.raises(UsageError, match=r"no.*in this thread"):
            _ = Echo().run(text="x")

    with anyio.fail_after(5):
        await to_thread.run_sync(in_a_thread)


def test_one_workflow_runs_in_two_event_loops_one_after_the_other(anyio_backend: Backend) -> None:
    workflow = Echo(num_concurrent_runs=1)
    context: Context[Any] = Context[Any](workflow)

    async def main(text: str) -> object:
        with anyio.fail_after(5):
            await workflow.run(context, text="before")
            return await workflow.run(text=text)

    name, options = anyio_backend
    assert anyio.run(main, "one", backend=name, backend_options=options) == "one"
    assert anyio.run(main, "two", backend=name, backend_options=options) == "two"


def test_one_workflow_runs_in_two_event_loops_at_once(anyio_backend: Backend) -> None:
    workflow = Wide(num_concurrent_runs=1)
    results: list[object] = []
    name, options = anyio_backend

    def in_a_thread() -> None:
        async def main() -> None:
            with anyio.fail_after(5):
                results.append(await workflow.run())

        anyio.run(main, backend=name, backend_options=options)

    threads = [threading.Thread(target=in_a_thread) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [["nobody"] * 3] * 3


@pytest.mark.anyio
async def test_steps_see_the_variables_of_whoever_called_run_and_change_only_their_own() -> None:
    token = user.set("me")
    try:
        handler = Named().run()
        user.set("changed after run()")
        with anyio.fail_after(5):
            assert await handler == "me"
        assert user.get() == "changed after run()"
    finally:
        user.reset(token)


@pytest.mark.anyio
async def test_workers_that_start_later_see_the_same_variables() -> None:
    token = user.set("me")
    try:
        handler = Wide().run()
        user.set("changed after run()")
        with anyio.fail_after(5):
            assert await handler == ["me"] * 3
    finally:
        user.reset(token)


@pytest.mark.anyio
async def test_a_step_woken_from_elsewhere_still_sees_the_variables_of_its_run() -> None:
    class Later(Workflow):
        @step
        async def first(self, ev: StartEvent) -> Held | None:
            return None

        @step
        async def second(self, ev: Held) -> StopEvent:
            return StopEvent(result=user.get())

    token = user.set("whoever runs it")
    handler = Later().run()
    await wait_until_all_wait()
    user.set("whoever sends")
    handler.ctx.send_event(Held())
    user.reset(token)
    with anyio.fail_after(5):
        assert await handler == "whoever runs it"


@pytest.mark.anyio
async def test_a_run_goes_on_when_nobody_holds_its_handler() -> None:
    workflow = Gated()
    _ = workflow.run()
    gc.collect()
    with anyio.fail_after(5):
        await workflow.begun.wait()
        workflow.gate.set()
        await workflow.cleaned_up.wait()


@pytest.mark.anyio
async def test_a_workflow_can_be_collected_after_its_runs() -> None:
    """Semantics 20."""
    workflow = Echo()
    with anyio.fail_after(5):
        handler = workflow.run(text="x")
        await handler
    seen = ref(workflow)
    del workflow, handler
    await wait_until_all_wait()
    gc.collect()
    assert seen() is None


@pytest.mark.anyio
async def test_an_async_step_of_one_loop_turn_takes_part_in_fair_scheduling() -> None:
    """A long chain of steps that never wait doesn't keep others from running."""
    turns = 0

    class Chain(Workflow):
        @step
        async def go(self, ev: StartEvent | Held) -> Held | StopEvent:
            nonlocal turns
            turns += 1
            return StopEvent(result=turns) if seen or turns == 1000 else Held()

    seen: list[int] = []

    async def other() -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(turns)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            handler = Chain().run()
            group.start_soon(other)
            assert await handler < 1000
    assert seen


@pytest.mark.anyio
async def test_the_context_of_another_workflow_is_refused() -> None:
    with pytest.raises(ContextStateError, match=r"another workflow, Gated"):
        _ = Echo().run(Context[Any](Gated()))
