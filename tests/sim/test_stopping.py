"""While a run is being stopped nothing that its steps do counts: not in this process, and not in the snapshot."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import anyio
import pytest

from tests.sim.living import Backend
from tests.sim.operations import Ask, Reply
from workflows import Context, Workflow, step
from workflows.errors import SuspensionSwallowed, WorkflowTimeoutError
from workflows.events import Event, StartEvent, StopEvent
from workflows.testing import simulate

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class Note(Event):
    text: str


class Cleaning(Workflow):
    """Works until it's stopped, cleans up in the way that it's told, and asks when it's called again."""

    def __init__(self, manner: str, *, timeout: float | None = None) -> None:
        super().__init__(timeout=timeout, types=[Ask, Reply, Note])
        self.manner = manner
        self.counts: Counter[str] = Counter()
        self.seen: dict[str, object] = {}

    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        ctx.now()
        await ctx.store.set("a", 1)
        await ctx.store.set("b", 2)
        await ctx.store.get("a")
        self.counts["calls"] += 1
        try:
            if self.counts["calls"] == 1:
                await anyio.sleep(1000)
            reply = await ctx.ask(Ask(what="now?"))
        finally:
            if not ctx.suspending:
                await self.clean_up(ctx)
        return StopEvent(result=reply.text)

    async def clean_up(self, ctx: Context[Any]) -> None:
        match self.manner:
            case "synchronous":
                ctx.now()
                ctx.uuid4()
                ctx.write_event_to_stream(Note(text="cleaned up"))
                ctx.send_event(Note(text="cleaned up"))
                self.seen["collected"] = ctx.collect_events(Note(text="x"), [Note, Note])
            case "once":
                with anyio.CancelScope(shield=True):
                    self.seen["once"] = await ctx.once(lambda: "released", key="release")
            case "read":
                with anyio.CancelScope(shield=True):
                    self.seen["b"] = await ctx.store.get("b")
                    self.seen["all"] = dict(await ctx.store.get_state())
            case "write":
                with anyio.CancelScope(shield=True):
                    await ctx.store.set("b", 3)
                    await ctx.stream(Note(text="cleaned up"))
            case "edit":
                with anyio.CancelScope(shield=True):
                    async with ctx.store.edit_state() as state:
                        state["b"] = 4
            case _:
                with anyio.CancelScope(shield=True):
                    await ctx.ask(Ask(what="and now?"))


MANNERS = ["synchronous", "once", "read", "write", "edit", "ask"]


async def answered(handler: Any) -> object:
    async for event in handler.stream_events():
        if isinstance(event, Ask):
            handler.ctx.send_event(Reply(text="yes"))
    return await handler


@pytest.mark.guarantee("W1", "W6", "R1")
@both
@pytest.mark.parametrize("manner", MANNERS)
def test_what_clean_up_of_a_cancelled_run_does_is_not_in_its_snapshot(backend: Backend, manner: str) -> None:
    flow = Cleaning(manner)

    async def scenario() -> object:
        handler = flow.run()
        await anyio.sleep(1)
        before = handler.ctx.to_dict()
        await handler.cancel_run(timeout=60)
        data = json.loads(json.dumps(handler.ctx.to_dict()))
        assert data["executions"][0]["memory"] == before["executions"][0]["memory"]  # type: ignore[index, call-overload]
        assert data["state"] == before["state"]
        again = flow.run(ctx=Context[Any].from_dict(flow, data))
        flow.manner = "synchronous"
        return await answered(again)

    assert simulate(scenario, backend=backend) == "yes"
    seen = {name: value for name, value in flow.seen.items() if name != "collected"}
    if manner in ("once", "read"):
        assert seen == ({"once": "released"} if manner == "once" else {"b": 2, "all": {"a": 1, "b": 2}})
    assert flow.seen["collected"] is None


@pytest.mark.guarantee("R1", "W1")
@both
@pytest.mark.parametrize("door", ["running", "bare", "out of time"])
def test_clean_up_has_no_effects_whoever_cut_the_run_short(backend: Backend, door: str) -> None:
    """Cancelled from outside, the core was told of it only when the step had ended."""
    flow = Cleaning("synchronous", timeout=1 if door == "out of time" else None)
    handlers: list[Any] = []

    async def scenario() -> list[Event]:
        if door == "out of time":
            handlers.append(flow.run())
            with pytest.raises(WorkflowTimeoutError):
                await handlers[0]
        with anyio.move_on_after(1):
            if door == "running":
                async with flow.running() as handler:
                    handlers.append(handler)
                    await anyio.sleep_forever()
            elif door == "bare":
                handlers.append(flow.run())
                await handlers[0]
        (handler,) = handlers
        return [event async for event in handler.stream_events(after=0)]

    (last,) = simulate(scenario, backend=backend)
    assert isinstance(last, StopEvent)
    if door != "out of time":
        memory = handlers[0].ctx.to_dict()["executions"][0]["memory"]
        assert [record["kind"] for _, tape in memory["tapes"] for record in tape if record["is"] == "value"] == ["now"]


@pytest.mark.guarantee("R1", "W1")
@both
def test_clean_up_after_main_has_returned_is_on_no_record(backend: Backend) -> None:
    flow = Cleaning("synchronous")

    async def main() -> Any:
        handler = flow.run()
        async for _ in handler.stream_events(expose_internal=True):
            await anyio.wait_all_tasks_blocked()
            break
        return handler

    handler = anyio.run(main, backend=backend)
    data = handler.ctx.to_dict()
    assert (handler.is_done(), data["status"]) == (True, "running")
    memory = data["executions"][0]["memory"]
    assert [record["kind"] for _, tape in memory["tapes"] for record in tape if record["is"] == "value"] == ["now"]


@pytest.mark.guarantee("W1")
@both
def test_an_error_that_a_call_makes_of_being_cancelled_with_its_run_is_not_raised_when_the_run_goes_on(
    backend: Backend,
) -> None:
    """It was on record as what the call had come to, so that it failed the resumed run, and each one after that."""
    calls: list[str] = []

    async def fetch() -> str:
        calls.append("fetch")
        try:
            await anyio.sleep(1000 if len(calls) == 1 else 0)
        except BaseException as cancelled:
            raise ValueError("the connection was lost") from cancelled
        return "fetched"

    class Fetching(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.once(fetch))

    async def scenario() -> object:
        flow = Fetching()
        handler = flow.run()
        await anyio.sleep(1)
        await handler.cancel_run()
        with pytest.raises(ValueError, match="the connection was lost"):
            await handler
        data = json.loads(json.dumps(handler.ctx.to_dict()))
        return await flow.run(ctx=Context[Any].from_dict(flow, data))

    assert simulate(scenario, backend=backend) == "fetched"
    assert calls == ["fetch", "fetch"]


@pytest.mark.guarantee("R1", "R2")
@both
@pytest.mark.parametrize("door", ["cancelled", "running", "stopped by another step"])
def test_a_wait_under_a_shield_of_its_own_ends_a_grace_after_its_run_is_stopped(backend: Backend, door: str) -> None:
    class Shielded(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> Note | StopEvent:
            if ev.get("stops"):
                ctx.send_event(Note(text="stop"))
            with anyio.CancelScope(shield=True):
                reply = await ctx.ask(Ask(what="now?"))
            return StopEvent(result=reply)

        @step
        async def stop(self, ctx: Context[Any], ev: Note) -> StopEvent:
            await anyio.sleep(1)
            return StopEvent(result="stopped")

    flow = Shielded(types=[Ask, Reply])

    async def scenario() -> float:
        start = anyio.current_time()
        if door == "running":
            with pytest.raises(SuspensionSwallowed, match="under a shield"):
                async with flow.running() as handler:
                    await anyio.sleep(1)
                await handler
        elif door == "cancelled":
            handler = flow.run()
            await anyio.sleep(1)
            with pytest.raises(SuspensionSwallowed, match="under a shield"):
                await handler.cancel_run(timeout=60)
                await handler
        else:
            assert await flow.run(stops=True) == "stopped"
        return anyio.current_time() - start

    assert simulate(scenario, backend=backend) == pytest.approx(6, abs=0.5)


@pytest.mark.guarantee("R1")
@both
def test_who_waits_for_an_edit_under_a_shield_is_not_kept_when_the_run_stops(backend: Backend) -> None:
    class Editing(Workflow):
        @step
        async def hold(self, ctx: Context[Any], ev: StartEvent) -> Note:
            ctx.send_event(Note(text="edit too"))
            async with ctx.store.edit_state() as state:
                state["a"] = 1
                await anyio.sleep(5)
            return Note(text="never")

        @step
        async def queue(self, ctx: Context[Any], ev: Note) -> StopEvent | None:
            with anyio.CancelScope(shield=True):
                async with ctx.store.edit_state() as state:
                    state["b"] = 1
                await ctx.store.set("c", 1)
            return None

    async def scenario() -> object:
        handler = Editing().run()
        await anyio.sleep(1)
        with anyio.fail_after(5):
            await handler.cancel_run()
        return dict(await handler.ctx.store.get_state())

    assert simulate(scenario, backend=backend) == {}
