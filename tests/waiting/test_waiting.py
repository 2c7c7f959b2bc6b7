"""Waiting, guarantee by guarantee, in the smallest workflows that can break it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from tests.waiting.flows import TYPES, Asked, Paid, Said, Shown, kept, question_about, reborn, settle
from workflows import Context, Workflow, step
from workflows.errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    InvalidAnswer,
    NoOpenQuestion,
    ReplayMismatch,
    SnapshotMismatch,
    SuspensionSwallowed,
    UsageError,
    WorkflowTimeoutError,
)
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler

pytestmark = pytest.mark.anyio


class Recording(Workflow):
    """Does one of each before it asks, and tells what it got."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(types=TYPES)
        self.calls = calls

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent | Paid:
        self.calls.append("work")
        got: list[Any] = [ctx.now(), ctx.uuid4(), ctx.random.random(), await ctx.store.get("seen", 0)]
        await ctx.store.set("seen", got[-1] + 1)
        got.append(await ctx.once(self.called, 7))
        async with ctx.store.edit_state() as state:
            state["edits"] = state.get("edits", 0) + 1
        ctx.write_event_to_stream(Shown(what="before"))
        ctx.send_event(Paid(cents=1))
        first = await ctx.ask(Asked(what="first"))
        second = await ctx.ask(Asked(what="second"))
        got += [first.number, second.number, await ctx.store.get("seen"), await ctx.store.get("edits")]
        return StopEvent(result=got)

    @step
    async def count(self, ctx: Context, ev: Paid) -> None:
        async with ctx.store.edit_state() as state:
            state["paid"] = state.get("paid", 0) + ev.cents

    async def called(self, number: int) -> int:
        self.calls.append("once")
        return number * 2


@pytest.mark.guarantee("W1", "W2", "W10")
async def test_what_was_done_before_a_wait_is_not_done_again_in_any_life() -> None:
    calls: list[str] = []
    with anyio.fail_after(5):
        handler = Recording(calls).run()
        await settle()
        await handler.ctx.store.set("seen", 100)  # what the step read stays what it read
        streamed: list[Event] = []
        for number, what in enumerate(("first", "second")):
            await settle()
            streamed += await _now(handler)
            handler = await reborn(handler, lambda: Recording(calls))
            before = calls.count("work")
            assert [found.event for found in handler.pending] == [Asked(what=what)]
            assert calls.count("work") == before
            await handler.send_event(Said(number=number))
        result = await handler
        streamed += [event async for event in handler.stream_events()]
    assert result[3:] == [0, 14, 0, 1, 100, 1]
    assert calls.count("once") == 1
    assert calls.count("work") == 3
    assert await handler.ctx.store.get("paid") == 1
    assert [event.what for event in streamed if isinstance(event, Shown)] == ["before"]
    assert [event.what for event in streamed if isinstance(event, Asked)] == ["first", "second"]


@pytest.mark.guarantee("W1")
async def test_clock_randomness_and_uuids_are_the_same_on_each_replay() -> None:
    passes: list[tuple[datetime, str, float]] = []

    class Drawing(Workflow):
        @step
        async def draw(self, ctx: Context, ev: StartEvent) -> StopEvent:
            passes.append((ctx.now(), str(ctx.uuid4()), ctx.random.random()))
            await ctx.ask(Asked(what="go"))
            return StopEvent()

    with anyio.fail_after(5):
        handler = await reborn(Drawing(types=TYPES).run(), lambda: Drawing(types=TYPES))
        await handler.send_event(Said(number=1))
        await handler
    assert len(passes) == 2
    assert passes[0] == passes[1]


async def _now(handler: WorkflowHandler) -> list[Event]:
    """The events that are there already."""
    found: list[Event] = []
    with anyio.move_on_after(0):
        async for event in handler.stream_events():
            found.append(event)  # noqa: PERF401  # what was read before the end counts
    return found


class Retried:
    """A policy that tries again at once, twice."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.0 if attempts < 3 else None


@pytest.mark.guarantee("W1")
async def test_a_retry_keeps_answers_and_results_and_reads_afresh() -> None:
    calls: list[str] = []
    reads: list[int] = []

    def note() -> int:
        calls.append("once")
        return len(calls)

    class Failing(Workflow):
        @step(retry_policy=Retried())
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reads.append(await ctx.store.get("n", 0))
            await ctx.store.set("n", reads[-1] + 1)
            value = await ctx.once(note, key="x")
            answer = await ctx.ask(Asked(what="go"))
            if ctx.retry_info().retry_number < 2:
                raise ValueError("not yet")
            return StopEvent(result=[value, answer.number])

    with anyio.fail_after(5):
        handler = Failing(types=TYPES).run()
        await settle()
        await handler.send_event(Said(number=5))
        assert await handler == [1, 5]
        asked = [event async for event in handler.stream_events() if isinstance(event, Asked)]
    assert calls == ["once"]
    assert asked == [Asked(what="go")]
    assert reads == [0, 0, 1, 2]  # first pass, its replay, and two retries


@pytest.mark.guarantee("W1", "W6")
async def test_an_error_that_a_step_went_on_from_is_given_again_and_the_function_is_not_called() -> None:
    """It was called again, although a later call had succeeded: done twice, and then the replay departed."""
    calls: list[str] = []

    def flaky(name: str) -> str:
        calls.append(name)
        if name == "fallback" or calls.count(name) > 2:
            return name
        raise ConnectionError(name)

    class Trying(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            errors: list[str] = []
            for name in ("first", "first", "first", "second", "fallback"):
                try:
                    errors.append(await ctx.once(flaky, name))
                except ConnectionError as error:
                    errors.append(f"no {error}")
            return StopEvent(result=(errors, (await ctx.ask(Asked(what="a"))).number))

    handler = Trying(types=TYPES).run()
    for _ in range(2):
        handler = await reborn(handler, lambda: Trying(types=TYPES))
    await settle()
    await handler.send_event(Said(number=1))
    with anyio.fail_after(5):
        assert await handler == (["no first", "no first", "first", "no second", "fallback"], 1)
    assert calls == ["first", "first", "first", "second", "fallback"]


@pytest.mark.guarantee("W2")
async def test_a_wait_works_inside_handlers_deadlines_and_task_groups() -> None:
    seen: list[str] = []

    class Careful(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            answers: list[Said] = []
            async with anyio.create_task_group():
                try:
                    answers.append(await ctx.ask(Asked(what="go")))
                except Exception:
                    seen.append("an exception of ours")
                    raise
                finally:
                    seen.append("suspending" if ctx.suspending else "done")
            return StopEvent(result=answers[0].number)

    with anyio.fail_after(5):
        handler = Careful(types=TYPES).run()
        await settle()
        await handler.send_event(Said(number=3))
        assert await handler == 3
    assert seen == ["suspending", "done"]


@pytest.mark.guarantee("W2")
async def test_swallowing_a_suspension_is_noticed() -> None:
    class Greedy(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.ask(Asked(what="go"))
            except BaseException:  # the fault that's under test
                return StopEvent(result="went on")
            return StopEvent()

    with anyio.fail_after(5), pytest.raises(SuspensionSwallowed, match="'work'"):
        await Greedy(types=TYPES).run()


@pytest.mark.guarantee("W2")
async def test_a_once_in_flight_is_finished_before_the_step_is_suspended() -> None:
    may_end = anyio.Event()
    calls: list[str] = []

    async def slow() -> int:
        calls.append("begins")
        await may_end.wait()
        calls.append("ends")
        return 4

    class Slow(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            results: list[int] = []

            async def child() -> None:
                async with ctx.branch("child"):
                    results.append(await ctx.once(slow))

            async with anyio.create_task_group() as group:
                group.start_soon(child)
                await settle()
                await ctx.ask(Asked(what="go"))
            return StopEvent(result=results)

    with anyio.fail_after(5):
        handler = Slow(types=TYPES).run()
        await settle()
        may_end.set()
        await settle()
        await handler.send_event(Said(number=1))
        assert await handler == [4]
    assert calls == ["begins", "ends"]


class Branching(Workflow):
    """Asks three questions at once, in branches whose operations don't commute."""

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        found: dict[str, Any] = {}

        async def review(name: str) -> None:
            async with ctx.branch(name):
                drawn = str(ctx.uuid4())
                value = await ctx.once(str.upper, name)
                answer = await ctx.ask(Asked(what=name))
                found[name] = (drawn, value, answer.number, str(ctx.uuid4()))

        async with anyio.create_task_group() as group:
            for name in ("a", "b", "c"):
                group.start_soon(review, name)
        return StopEvent(result=found)


@pytest.mark.guarantee("W3", "W7", "W10")
async def test_each_branch_finds_its_own_records_and_answers_in_every_life() -> None:
    def make() -> Workflow:
        return Branching(types=TYPES)

    with anyio.fail_after(5):
        handler = make().run(run_id="same")
        await settle()
        ids = {what: question_about(handler, what) for what in "abc"}
        with pytest.raises(AmbiguousAnswer) as refused:
            await handler.send_event(Said(number=0))
        assert len(refused.value.candidates) == 3
        for number, what in enumerate("cab"):
            handler = await reborn(handler, make)
            assert {found.event.what for found in handler.pending if isinstance(found.event, Asked)} == {
                *"cab"[number:]
            }
            assert question_about(handler, what) == ids[what]
            await handler.send_event(Said(number=number), reply_to=ids[what])
        result = await handler
    assert {name: (value, number) for name, (_, value, number, _) in result.items()} == {
        "a": ("A", 1),
        "b": ("B", 2),
        "c": ("C", 0),
    }
    assert len({drawn for first, *_, second in result.values() for drawn in (first, second)}) == 6


@pytest.mark.guarantee("W7")
async def test_what_content_does_not_tell_apart_is_refused_outside_of_branches() -> None:
    class Loose(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async with anyio.create_task_group() as group:
                group.start_soon(ctx.store.get, "n", 0)
            return StopEvent()

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as failed:
        await Loose(types=TYPES).run()
    assert failed.group_contains(UsageError, match=r"ctx\.branch")


@pytest.mark.guarantee("W3")
async def test_a_question_has_the_same_id_wherever_its_run_goes_on() -> None:
    class Plain(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            for n in range(ev.warmup):
                ctx.write_event_to_stream(Shown(what=str(n)))
            return StopEvent(result=(await ctx.ask(Asked(what="go"))).number)

    with anyio.fail_after(5):
        found: set[str] = set()
        for warmup in (0, 5):
            handler = Plain(types=TYPES).run(run_id="same", warmup=warmup)
            await settle()
            found.add(handler.pending[0].id)
            await handler.cancel_run()
    assert len(found) == 1


@pytest.mark.guarantee("W4")
async def test_an_early_event_is_kept_for_its_wait_and_through_json() -> None:
    class Waiting(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.ask(Asked(what="go"))
            paid = await ctx.wait_for_event(Paid, requirements={"cents": 5})
            return StopEvent(result=paid.cents)

    with anyio.fail_after(5):
        handler = Waiting(types=TYPES).run()
        await settle()
        await handler.send_event(Paid(cents=5))
        handler = await reborn(handler, lambda: Waiting(types=TYPES))
        await handler.send_event(Said(number=1))
        assert await handler == 5


@pytest.mark.guarantee("W4", "W5")
async def test_a_double_click_answers_no_other_question() -> None:
    class Twice(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            first = await ctx.ask(Asked(what="pay?"))
            second = await ctx.ask(Asked(what="delete everything?"))
            return StopEvent(result=[first.number, second.number])

    with anyio.fail_after(5):
        handler = Twice(types=TYPES).run()
        with pytest.raises(NoOpenQuestion):
            handler.ctx.send_event(Said(number=0))
        await settle()
        question = handler.pending[0].id
        await handler.send_event(Said(number=1), reply_to=question)
        with pytest.raises(AlreadyAnswered):
            await handler.send_event(Said(number=2), reply_to=question)
        with pytest.raises(AlreadyAnswered):
            handler.ctx.send_event(Said(number=3))
        await settle()
        await handler.send_event(Said(number=4))
        assert await handler == [1, 4]
        with pytest.raises(AlreadyAnswered):
            await handler.send_event(Said(number=5))


@pytest.mark.guarantee("W6")
async def test_a_replay_that_departs_fails_before_it_has_an_effect() -> None:
    done: list[str] = []

    class Before(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.once(done.append, "pay")
            await ctx.ask(Asked(what="go"))
            return StopEvent()

    class After(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.once(done.append, "pay twice")
            await ctx.ask(Asked(what="go"))
            return StopEvent()

    class Shorter(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.once(done.append, "pay")
            return StopEvent()

    for changed in (After, Shorter):
        with anyio.fail_after(5):
            done.clear()
            handler = Before(types=TYPES).run()
            await settle()
            handler = await reborn(handler, lambda changed=changed: changed(types=TYPES))  # type: ignore[misc]
            await handler.send_event(Said(number=1))
            with pytest.raises(ReplayMismatch):
                await handler
        assert done == ["pay"]


@pytest.mark.guarantee("W6")
async def test_a_snapshot_whose_classes_have_changed_is_refused_at_once() -> None:
    def make(*, with_amount: bool) -> Workflow:
        if with_amount:

            class Bill(InputRequiredEvent, answer=Said, name="bill"):  # pyright: ignore[reportRedeclaration]
                amount: int
        else:

            class Bill(InputRequiredEvent, answer=Said, name="bill"):  # type: ignore[no-redef]
                total: int

        class Billing(Workflow):
            @step
            async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
                await ctx.ask(Bill(amount=1) if with_amount else Bill(total=1))  # type: ignore[call-arg]
                return StopEvent()

        return Billing(types=[Bill, *TYPES])

    with anyio.fail_after(5):
        handler = make(with_amount=True).run()
        await settle()
        data = kept(handler)
        await handler.cancel_run()
        with pytest.raises(SnapshotMismatch) as refused:
            Context.from_dict(make(with_amount=False), data)
    assert any("'total' is new" in problem or "total is new" in problem for problem in refused.value.problems)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.mark.guarantee("W8")
async def test_waiting_spends_nothing_and_deadlines_fire_on_resume() -> None:
    clock = Hands()

    class Patient(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            clock.time += timedelta(seconds=6)
            try:
                await ctx.ask(Asked(what="go"), timeout=3600)
            except TimeoutError:
                return StopEvent(result="nobody answered")
            return StopEvent(result="answered")

    def make() -> Workflow:
        return Patient(types=TYPES, timeout=15, clock=clock)

    with anyio.fail_after(5):
        handler = make().run()
        await settle()
        assert handler.pending[0].deadline == clock.time + timedelta(seconds=3600)
        data = kept(handler)
        assert data["spent_s"] == 6
        await handler.cancel_run()
        clock.time += timedelta(days=3)
        workflow = make()
        handler = workflow.run(ctx=Context.from_dict(workflow, data))
        assert await handler == "nobody answered"
        assert kept(handler)["spent_s"] == 12


@pytest.mark.guarantee("W8")
async def test_the_budget_that_is_spent_is_not_given_back_by_a_restart() -> None:
    clock = Hands()

    class Busy(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            clock.time += timedelta(seconds=10)
            await ctx.ask(Asked(what="go"))
            return StopEvent()

    def make() -> Workflow:
        return Busy(types=TYPES, timeout=25, clock=clock)

    with anyio.fail_after(5):
        handler = await reborn(make().run(), make)
        await handler.send_event(Said(number=1))
        await handler
        assert kept(handler)["spent_s"] == 20
        handler = await reborn(await _twice(make), make)
        await handler.send_event(Said(number=1))
        await settle()
        assert kept(handler)["spent_s"] >= 20


async def _twice(make: Any) -> Any:
    handler = make().run()
    await settle()
    return handler


@pytest.mark.guarantee("W8")
async def test_a_run_that_is_out_of_time_says_so() -> None:
    class Endless(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    with anyio.fail_after(5), pytest.raises(WorkflowTimeoutError, match=r"1e-09 seconds"):
        await Endless(timeout=1e-9).run()  # over as soon as the clock is looked at


@pytest.mark.guarantee("W9")
async def test_each_pass_of_a_loop_is_a_new_question_and_a_bad_answer_leaves_it_open() -> None:
    class Looping(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=[(await ctx.ask(Asked(what="again?"))).number for _ in range(3)])

    with anyio.fail_after(5):
        handler = Looping(types=TYPES).run()
        ids: list[str] = []
        for number in range(3):
            handler = await reborn(handler, lambda: Looping(types=TYPES))
            await settle()
            ids.append(handler.pending[0].id)
            bad: Any = "many"
            for refused in (Said(number=bad), HumanResponseEvent(number="many"), HumanResponseEvent(count=1)):
                with pytest.raises(InvalidAnswer):
                    await handler.send_event(refused)
            assert [found.id for found in handler.pending] == ids[-1:]
            await handler.send_event(Said(number=number))
        assert await handler == [0, 1, 2]
    assert len(set(ids)) == 3


@pytest.mark.guarantee("W10")
async def test_a_restored_context_lists_its_questions_without_running_a_step() -> None:
    calls: list[str] = []
    with anyio.fail_after(5):
        handler = Recording(calls).run()
        await settle()
        live = handler.pending
        data = kept(handler)
        await handler.cancel_run()
        called = len(calls)
        workflow = Recording(calls)
        restored: Context[Any] = Context.from_dict(workflow, data)
        assert restored.pending == live
        assert len(calls) == called
    (question,) = live
    assert (question.event, question.answer_type, question.step, question.deadline) == (
        Asked(what="first"),
        Said,
        "work",
        None,
    )
