"""What users of this kind of library rely on in runs, their snapshots and their state."""

import json
import sys
from typing import Any

import anyio
import pytest

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import WorkflowConfigurationError, WorkflowValidationError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_none

pytestmark = pytest.mark.anyio


class Part(Event):
    number: int


class Other(Event):
    number: int


class Verdict(StopEvent):
    ok: bool


# --- snapshots --------------------------------------------------------------------------------------------------------


class Counted(Workflow):
    """Does something, then asks in three workers at once, and notes each call of a step."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    @step
    async def prepare(self, ctx: Context[Any], ev: StartEvent) -> list[Part]:
        self.calls.append("prepare")
        await ctx.store.set("prepared", True)
        return [Part(number=number) for number in range(3)]

    @step(num_workers=2)
    async def ask(self, ctx: Context[Any], ev: Part) -> Other:
        self.calls.append(f"ask {ev.number}")
        answer = await ctx.ask(InputRequiredEvent(prefix=str(ev.number)))
        return Other(number=ev.number + answer.response)

    @step
    async def add(self, ctx: Context[Any], parts: list[Other]) -> StopEvent:
        return StopEvent(result=[await ctx.store.get("prepared"), *(part.number for part in parts)])


async def test_finished_steps_do_not_run_again_and_interrupted_ones_begin_at_their_top() -> None:
    """Semantics 10: a half-filled join and steps in several workers go on where they were."""
    with anyio.fail_after(5):
        handler = Counted([]).run()
        await wait_until_all_wait()
        await handler.send_event(HumanResponseEvent(response=10), reply_to=handler.pending[0].id)
        await wait_until_all_wait()
        snapshot = json.loads(json.dumps(handler.ctx.to_dict()))
        await handler.cancel_run()

        calls: list[str] = []
        workflow = Counted(calls)
        handler = workflow.run(Context[Any].from_dict(workflow, snapshot))
        for question in handler.pending:
            await handler.send_event(HumanResponseEvent(response=20), reply_to=question.id)
        assert await handler == [True, 10, 21, 22]
    assert sorted(calls) == ["ask 1", "ask 2"]


async def test_a_later_run_with_one_context_begins_clean_and_keeps_the_store() -> None:
    """Semantics 12."""

    class Leaving(Workflow):
        @step
        async def begin(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            await ctx.store.set("runs", await ctx.store.get("runs", 0) + 1)
            for number in range(3):
                ctx.send_event(Part(number=number))
            return None

        @step(num_workers=1)
        async def work(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
            assert ctx.collect_events(ev, [Part] * 3) is None, "something was left of the run before"
            return StopEvent(result=await ctx.store.get("runs")) if ev.number == 1 else None

    workflow = Leaving()
    context = Context[Any](workflow)
    with anyio.fail_after(5):
        assert [await workflow.run(context), await workflow.run(context)] == [1, 2]
        assert context.to_dict()["executions"] == []


class Failing(Workflow):
    """Fails, and asks before its second attempt goes on; tells what it then sees of the first error."""

    @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(2)))
    async def fail(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        if not ctx.retry_info().retry_number:
            raise ConnectionError("closed")
        await ctx.ask(InputRequiredEvent(prefix="?"))
        error = ctx.retry_info().last_exception
        return StopEvent(result=[type(error).__name__, str(error)])


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        ("builtins:ConnectionError", "ConnectionError"),
        ("builtins:KeyError", "KeyError"),
        ("builtins:print", "UnreconstructedException"),
        ("os:system", "UnreconstructedException"),
        ("json:JSONDecodeError", "UnreconstructedException"),
    ],
)
async def test_an_exception_of_a_snapshot_is_data_and_a_name_that_is_none_is_never_called(
    stored: str, seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Semantics 13."""
    with anyio.fail_after(5):
        handler = Failing().run()
        await wait_until_all_wait()
        text = json.dumps(handler.ctx.to_dict())
        await handler.cancel_run()
        assert "builtins:ConnectionError" in text
        assert "Traceback" in text
        workflow = Failing()
        changed = json.loads(text.replace("builtins:ConnectionError", stored))
        handler = workflow.run(Context[Any].from_dict(workflow, changed))
        await handler.send_event(HumanResponseEvent(response="go on"))
        name, message = await handler
    assert name == seen
    assert "closed" in message
    assert capsys.readouterr().out == ""


# --- running and ending -----------------------------------------------------------------------------------------------


async def test_a_stop_event_that_is_sent_or_written_ends_neither_the_run_nor_a_reader_s_loop() -> None:
    """Semantics 14."""

    class Talking(Workflow):
        @step
        async def talk(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            ctx.send_event(StopEvent(result="sent"))
            ctx.write_event_to_stream(StopEvent(result="written"))
            await anyio.lowlevel.checkpoint()
            ctx.write_event_to_stream(Part(number=1))
            return StopEvent(result="returned")

    with anyio.fail_after(5):
        handler = Talking().run()
        events = [event async for event in handler.stream_events()]
        assert await handler == "returned"
    assert events == [StopEvent(result="written"), Part(number=1), StopEvent(result="returned")]


async def test_only_a_plain_stop_event_is_unwrapped_and_any_number_may_await_it() -> None:
    """Semantics 15: cancelling one of several awaits doesn't touch the run."""
    gate = anyio.Event()

    class Judging(Workflow):
        @step
        async def judge(self, ev: StartEvent) -> Verdict:
            await gate.wait()
            return Verdict(ok=True, result="not this")

    class Plain(Workflow):
        @step
        async def judge(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result={"ok": True})

    results: list[object] = []
    with anyio.fail_after(5):
        handler = Judging().run()

        async def wait() -> None:
            results.append(await handler)

        left = anyio.CancelScope()

        async def leave() -> None:
            with left:
                await wait()

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            group.start_soon(leave)
            await wait_until_all_wait()
            left.cancel()
            await wait_until_all_wait()
            assert not handler.is_done()
            gate.set()
        verdict = Verdict(ok=True, result="not this")
        assert results == [verdict] * 3
        assert await handler == verdict
        assert await Plain().run() == {"ok": True}


async def test_faults_of_the_ends_are_told_at_construction_and_others_by_run_until_a_step_is_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Semantics 16."""

    class NoEnd(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Part:
            return Part(number=0)

    class Lost(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Part | StopEvent:
            return StopEvent(result="ended")

        @step
        async def never(self, ev: Other) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowConfigurationError):
        NoEnd()
    lost = Lost()
    for check in (lost.validate, lost.run):
        with pytest.raises(WorkflowValidationError) as caught:
            check()
        told = "\n".join(caught.value.problems)
        assert "Part" in told
        assert "Other" in told

    checks: list[object] = []
    module: Any = sys.modules[Workflow.__module__]
    check_program = module.check_program

    def counted(*arguments: Any) -> Any:
        checks.append(arguments)
        return check_program(*arguments)

    monkeypatch.setattr(module, "check_program", counted)

    class Right(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    right = Right()
    with anyio.fail_after(5):
        for _ in range(3):
            await right.run()
        assert len(checks) == 1

        @step(workflow=Right)
        async def lonely(ev: Other) -> StopEvent:
            return StopEvent()

        with pytest.raises(WorkflowValidationError, match="Other"):
            _ = right.run()


# --- joins of one kind ------------------------------------------------------------------------------------------------


class Gathering(Workflow):
    """Sends events in an order of its own, and gathers sets of them in another."""

    @step
    async def send(self, ctx: Context[Any], ev: StartEvent) -> Part | Other | None:
        for number in range(2):
            ctx.send_event(Part(number=number))
        for number in range(2):
            ctx.send_event(Other(number=number))
        return None

    @step(num_workers=1)
    async def gather(self, ctx: Context[Any], ev: Part | Other) -> StopEvent | None:
        assert ctx.collect_events(ev, []) == []
        found = ctx.collect_events(ev, [Other, Part])
        if found is None:
            return None
        sets: list[Any] = [*await ctx.store.get("sets", []), found]
        await ctx.store.set("sets", sets)
        return StopEvent(result=sets) if len(sets) == 2 else None


async def test_collected_events_come_in_the_order_asked_for_and_what_is_not_missing_is_kept() -> None:
    """Semantics 26."""
    with anyio.fail_after(5):
        async with no_task_left():
            assert await Gathering().run() == [[Other(number=number), Part(number=number)] for number in range(2)]


# --- state ------------------------------------------------------------------------------------------------------------


async def test_readers_of_the_store_see_what_is_committed_and_writers_in_an_edit_are_refused() -> None:
    """Semantics 29: before a run, in its steps and after it; with keys called as methods are."""

    class Editing(Workflow):
        @step
        async def edit(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            seen: list[Any] = []
            async with ctx.store.edit_state() as state:
                state["keys"] = "edited"
                seen.append(await ctx.store.get("keys"))
                with pytest.raises(RuntimeError):
                    await ctx.store.set("keys", "set")
            seen.append(await ctx.store.get("keys"))
            with pytest.raises(LookupError):
                async with ctx.store.edit_state() as state:
                    state["keys"] = "dropped"
                    raise LookupError
            seen.append(await ctx.store.get("keys"))
            await ctx.store.set("jobs.first.items", [1])
            return StopEvent(result=seen)

    workflow = Editing()
    context = Context[Any](workflow)
    with anyio.fail_after(5):
        await context.store.set("keys", "before")
        assert await workflow.run(context) == ["before", "edited", "edited"]
        assert await context.store.get("jobs") == {"first": {"items": [1]}}
        await context.store.set("get", "after")
        assert await context.store.get("get") == "after"
