"""W2: a step that waits is suspended by cancelling its scope; what swallows that is found, and what can't be cut parks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from tests.sim import operations as op
from tests.sim.effort import effort
from tests.sim.flow import Plan
from tests.sim.judging import problems_of
from tests.sim.living import Backend, Script, live_through
from tests.sim.one_step import Body, OneStep, answered, run
from tests.sim.operations import Ask, Reply, Shown
from workflows import Context
from workflows.errors import ContextStateError, SuspensionSwallowed
from workflows.events import Event
from workflows.testing import simulate

BACKENDS: list[Backend] = ["asyncio", "trio"]
both = pytest.mark.parametrize("backend", BACKENDS)


# --- what swallows a suspension -----------------------------------------------------------------------------------------


async def passes_over(ctx: Context, counts: Counter[str]) -> str:
    try:
        await ctx.ask(Ask(what="now?"))
    except BaseException:
        counts["handlers"] += 1
    return "went on"


async def returns_in_finally(ctx: Context, counts: Counter[str]) -> str:
    try:
        await ctx.ask(Ask(what="now?"))
    finally:
        return "went on"  # noqa: B012  (that's the point)


async def leaves_a_loop(ctx: Context, counts: Counter[str]) -> str:
    while True:
        try:
            await ctx.ask(Ask(what="now?"))
        finally:
            break  # noqa: B012  (that's the point)
    return "went on"


async def sends_on_after(ctx: Context, counts: Counter[str]) -> str:
    try:
        await ctx.ask(Ask(what="now?"))
    except BaseException:
        ctx.write_event_to_stream(Shown(tag="after"))
        ctx.send_event(Shown(tag="after"))
    return "went on"


async def goes_on_for_long(ctx: Context, counts: Counter[str]) -> str:
    try:
        await ctx.ask(Ask(what="now?"))
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(60)
            counts["slept"] += 1
    return "went on"


SWALLOWERS: list[Body] = [passes_over, returns_in_finally, leaves_a_loop, sends_on_after, goes_on_for_long]


@pytest.mark.guarantee("W2")
@both
@pytest.mark.parametrize("body", SWALLOWERS, ids=lambda body: body.__name__)
def test_code_that_swallows_its_suspension_fails_the_run_and_is_named(body: Body, backend: Backend) -> None:
    flow = OneStep(body)
    streamed: list[Event] = []

    async def scenario() -> None:
        handler = flow.run()
        with pytest.raises(SuspensionSwallowed, match="'only'"):
            await handler
        streamed.extend([event async for event in handler.stream_events()])

    simulate(scenario, backend=backend)
    assert flow.counts["calls"] == 1
    assert not [event for event in streamed if isinstance(event, Shown)]


@pytest.mark.guarantee("W2", "R1")
@both
def test_a_step_that_goes_on_swallowing_is_given_a_grace_and_then_told_of(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    flow = OneStep(goes_on_for_long)
    told_at: list[float] = []

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "swallows" in record.getMessage() and "'only'" in record.getMessage():
                told_at.append(anyio.current_time())

    async def scenario() -> float:
        start = anyio.current_time()
        with pytest.raises(SuspensionSwallowed, match="'only'"):
            await flow.run()
        told_at[:] = [at - start for at in told_at]
        return anyio.current_time() - start

    logger, handler = logging.getLogger("workflows"), Told()
    logger.addHandler(handler)
    try:
        lasted = simulate(scenario, backend=backend)
    finally:
        logger.removeHandler(handler)
    assert told_at == [pytest.approx(5.0, abs=0.5)]
    assert lasted == pytest.approx(60.0, abs=0.5)  # it's waited for: no task of the run outlives it
    assert flow.counts["slept"] == 1


@pytest.mark.guarantee("W2", "R1")
@both
def test_a_call_that_clean_up_begins_under_a_shield_is_held_until_the_grace_is_over(backend: Backend) -> None:
    """Found by the property of `test_replay.py`: what the context holds back under a shield never ended."""

    async def body(ctx: Context, counts: Counter[str]) -> None:
        try:
            await ctx.ask(Ask(what="now?"))
        finally:
            with anyio.CancelScope(shield=True):
                await ctx.once(counts.update, ["called"])

    with pytest.raises(SuspensionSwallowed, match="'only'"):
        run(body, backend)


@pytest.mark.guarantee("W1", "W2", "R1")
@both
def test_what_can_be_left_out_is_passed_over_by_clean_up_under_a_shield(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> object:
        try:
            await ctx.ask(Ask(what="now?"))
        finally:
            with anyio.CancelScope(shield=True):
                count = await ctx.store.get("count", default=0)
                await ctx.store.set("count", count + 1)
                await ctx.stream(Shown(tag="cleaned up"))
                async with ctx.store.edit_state() as state:
                    state["count"] = state.get("count", 0) + 10
                counts["clean-ups"] += 1
        return await ctx.store.get("count")

    result, counts = run(body, backend)
    assert (result, counts["clean-ups"], counts["calls"]) == (11, 2, 2)


@pytest.mark.guarantee("W2")
@both
def test_clean_up_that_raises_while_a_step_is_suspended_fails_the_attempt_with_its_error(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> None:
        try:
            await ctx.ask(Ask(what="now?"))
        except BaseException:
            raise op.Boom("clean-up") from None

    with pytest.raises(op.Boom, match="clean-up"):
        run(body, backend)


# --- what doesn't disturb it --------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W2")
@both
def test_broad_handlers_and_finally_around_a_wait_see_no_exception_of_ours(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> str:
        reply = "none"
        try:
            reply = (await ctx.ask(Ask(what="now?"))).text
        except Exception:
            counts["handlers"] += 1
        else:
            counts["else"] += 1
        finally:
            counts["finally"] += 1
        return reply

    result, counts = run(body, backend)
    assert result == "to now?"
    assert counts == {"calls": 2, "finally": 2, "else": 1}


@pytest.mark.guarantee("W2")
@both
def test_suspending_tells_clean_up_whether_the_step_really_ends(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> str:
        try:
            return str((await ctx.ask(Ask(what="now?"))).text)
        finally:
            counts["suspended" if ctx.suspending else "ended"] += 1

    assert run(body, backend)[1] == {"calls": 2, "suspended": 1, "ended": 1}


@pytest.mark.guarantee("W2", "W1")
@both
def test_while_a_step_is_being_suspended_its_context_does_nothing(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> str:
        try:
            return str((await ctx.ask(Ask(what="now?"))).text)
        finally:
            ctx.write_event_to_stream(Shown(tag="cleaned up"))
            with anyio.move_on_after(1, shield=True) as scope:
                await ctx.store.set("cleaned", value=True)
                await ctx.once(lambda: counts.update(["once"]))
            counts["held" if scope.cancelled_caught else "done"] += 1

    flow = OneStep(body)
    shown: list[Event] = []

    async def scenario() -> object:
        handler = flow.run()
        await anyio.sleep(10)
        assert await handler.ctx.store.get("cleaned", default=None) is None
        result = await answered(handler)
        shown.extend([event async for event in handler.stream_events() if isinstance(event, Shown)])
        return result

    assert simulate(scenario, backend=backend) == "to now?"
    assert shown == [Shown(tag="cleaned up")]
    assert flow.counts == {"calls": 2, "held": 1, "done": 1, "once": 1}


@pytest.mark.guarantee("W2", "W1")
@both
def test_a_once_in_flight_is_finished_before_the_step_is_suspended(backend: Backend) -> None:
    async def slow(counts: Counter[str]) -> int:
        counts["began"] += 1
        await anyio.sleep(30)
        counts["finished"] += 1
        return counts["finished"]

    async def body(ctx: Context, counts: Counter[str]) -> object:
        results: list[int] = []

        async def child() -> None:
            results.append(await ctx.once(slow, counts, key="slow"))

        async with anyio.create_task_group() as group:
            group.start_soon(child)
            await anyio.sleep(1)
            reply = await ctx.ask(Ask(what="now?"))
        return reply.text, results

    result, counts = run(body, backend)
    assert result == ("to now?", [1])
    assert counts == {"calls": 2, "began": 1, "finished": 1}


@pytest.mark.guarantee("W2")
@both
def test_a_wait_in_the_own_task_cancels_the_tasks_that_the_step_has_started(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> str:
        async def child() -> None:
            try:
                await anyio.sleep(1000 if counts["calls"] == 1 else 0)
            finally:
                counts["finally"] += 1

        if backend == "asyncio":
            async with asyncio.TaskGroup() as native:
                native.create_task(child())
                await checkpoint()
                reply = await ctx.ask(Ask(what="now?"))
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(child)
                await checkpoint()
                reply = await ctx.ask(Ask(what="now?"))
        return str(reply.text)

    result, counts = run(body, backend)
    assert result == "to now?"
    assert counts == {"calls": 2, "finally": 2}


# --- what parks ---------------------------------------------------------------------------------------------------------


async def in_a_shield(ctx: Context, counts: Counter[str]) -> str:
    with anyio.CancelScope(shield=True):
        reply = await ctx.ask(Ask(what="now?"))
    return str(reply.text)


async def before_a_deadline(ctx: Context, counts: Counter[str]) -> str:
    with anyio.fail_after(1000):
        return str((await ctx.ask(Ask(what="now?"))).text)


async def in_a_child_task(ctx: Context, counts: Counter[str]) -> str:
    replies: list[str] = []

    async def child() -> None:
        replies.append((await ctx.ask(Ask(what="now?"))).text)

    async with anyio.create_task_group() as group:
        group.start_soon(child)
    return replies[0]


async def in_a_native_child_task(ctx: Context, counts: Counter[str]) -> str:
    async def child() -> str:
        return str((await ctx.ask(Ask(what="now?"))).text)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(child())
    return task.result()


async def plainly(ctx: Context, counts: Counter[str]) -> str:
    return str((await ctx.ask(Ask(what="now?"))).text)


@pytest.mark.guarantee("W2")
@both
@pytest.mark.parametrize(
    "body", [in_a_shield, before_a_deadline, in_a_child_task, in_a_native_child_task], ids=lambda body: body.__name__
)
def test_a_wait_that_cannot_be_cut_parks_and_goes_on_in_place(body: Body, backend: Backend) -> None:
    if body is in_a_native_child_task and backend == "trio":
        pytest.skip("asyncio's own task groups")
    result, counts = run(body, backend)
    assert result == "to now?"
    assert counts == {"calls": 1}


@pytest.mark.guarantee("W2")
@both
def test_with_parking_waits_a_step_stays_where_it_is_and_is_replayed_only_after_a_restart(backend: Backend) -> None:
    result, counts = run(plainly, backend, waits="park")
    assert result == "to now?"
    assert counts == {"calls": 1}
    flow = OneStep(plainly, waits="park")

    async def wait() -> str:
        handler = flow.run()
        await anyio.wait_all_tasks_blocked()
        stored = json.dumps(handler.ctx.to_dict())
        await handler.cancel_run()
        return stored

    stored = simulate(wait, backend=backend)
    again = OneStep(plainly, waits="park")
    assert simulate(lambda: answered(again.run(ctx=Context.from_dict(again, json.loads(stored)))), backend=backend)
    assert flow.counts == again.counts == {"calls": 1}


@pytest.mark.guarantee("W2")
@both
def test_a_deadline_of_the_steps_own_cancels_a_parked_wait_in_place(backend: Backend) -> None:
    async def body(ctx: Context, counts: Counter[str]) -> str:
        try:
            with anyio.fail_after(0.5):
                await ctx.ask(Ask(what="now?"))
        except TimeoutError as error:
            return type(error).__name__
        return "answered"

    assert run(body, backend) == ("TimeoutError", {"calls": 1})


@pytest.mark.guarantee("W2", "W3")
@both
def test_waits_of_child_tasks_are_all_open_at_once_and_answered_in_any_order(backend: Backend) -> None:
    @effort(0.5)
    @given(order=st.permutations(range(4)), seed=st.integers(0, 2**32 - 1))
    def compare(order: list[int], seed: int) -> None:
        async def body(ctx: Context, counts: Counter[str]) -> list[str]:
            replies = [""] * 4

            async def child(number: int) -> None:
                replies[number] = (await ctx.ask(Ask(what=f"{number}?"))).text

            async with anyio.create_task_group() as group:
                for number in range(4):
                    group.start_soon(child, number)
            return replies

        flow = OneStep(body)

        async def scenario() -> object:
            handler = flow.run()
            await anyio.wait_all_tasks_blocked()
            questions = sorted(handler.pending, key=lambda question: repr(question.event))
            assert [question.event for question in questions] == [Ask(what=f"{number}?") for number in range(4)]
            for number in order:
                await handler.send_event(Reply(text=f"to {number}"), reply_to=questions[number].id)
            return await handler

        assert simulate(scenario, backend=backend, seed=seed) == [f"to {number}" for number in range(4)]
        assert flow.counts == {"calls": 1}

    compare()


# --- what promises nothing ----------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W2")
@both
def test_a_task_that_outlives_its_step_finds_its_context_closed(backend: Backend) -> None:
    """Left running loose on asyncio; on Trio in a task group of somebody else's."""
    caught: list[BaseException] = []
    results: list[object] = []

    async def scenario() -> None:
        async with anyio.create_task_group() as group:

            async def body(ctx: Context, counts: Counter[str]) -> str:
                over = anyio.Event()

                async def loose() -> None:
                    await over.wait()
                    await anyio.sleep(1)
                    uses = [ctx.store.get("x"), ctx.once(int), ctx.ask(Ask(what="now?"))]
                    for use in uses:
                        with pytest.raises(ContextStateError) as error:
                            await use
                        caught.append(error.value)
                    with pytest.raises(ContextStateError) as error:
                        ctx.send_event(Shown(tag="late"))
                    caught.append(error.value)

                group.start_soon(loose)
                over.set()
                return "done"

            results.append(await OneStep(body).run())

    simulate(scenario, backend=backend)
    assert results == ["done"]
    assert len(caught) == 4


@pytest.mark.guarantee("W2")
@both
def test_suspension_passes_through_plans_of_handlers_loops_and_deadlines(backend: Backend) -> None:
    """The shapes that authors write around waits, nested at random, lose nothing and swallow nothing."""
    inner = st.sampled_from([op.AskPerson(), op.AskInVain(), op.AskAll(2), op.MoveOn((op.AskInVain(timeout=None),))])
    around = st.recursive(
        inner,
        lambda children: st.one_of(
            st.builds(op.Try, st.tuples(children), st.tuples(children), st.tuples(children), st.booleans()),
            st.builds(op.Loop, st.integers(1, 2), st.tuples(children)),
            st.builds(op.Within, st.tuples(children)),
            st.builds(
                op.Tasks, st.tuples(st.tuples(children)), meanwhile=st.tuples(children), uses_asyncio=st.booleans()
            ),
        ),
        max_leaves=4,
    )

    @effort(0.5)
    @given(operation=around, seed=st.integers(0, 2**32 - 1), deaths=st.lists(st.integers(1, 5), max_size=2).map(tuple))
    def compare(operation: op.Operation, seed: int, deaths: tuple[int, ...]) -> None:
        report = live_through(Plan((operation, op.Stream())), Script(backend, deaths=deaths, seed=seed))
        assert not problems_of(report)

    compare()


@pytest.mark.guarantee("W2")
@both
def test_a_native_child_task_that_waits_in_its_finally_is_let_go_when_the_step_is_suspended(backend: Backend) -> None:
    """Found by the property above: asyncio tells its own tasks of a cancellation once, and the wait in `finally` never
    ended, while the step's own task was cancelled over and over.
    """
    clean_up = op.Try(block=(op.AskPerson(),), cleanup=(op.AskPerson(), op.Set("x"), op.Once()))
    plan = Plan((op.Tasks(branches=((clean_up,),), meanwhile=(op.AskPerson(),), uses_asyncio=True),))
    assert not problems_of(live_through(plan, Script(backend)))


@pytest.mark.guarantee("W2", "R1")
@both
def test_a_native_child_task_that_waits_in_its_finally_is_let_go_when_its_run_is_cancelled(backend: Backend) -> None:
    """Found by the same property: what is asked while a run is being stopped is recorded nowhere, and that wait took
    the record before it for its own, and never ended.
    """
    clean_up = op.Try(block=(op.AskInVain(timeout=5.0),), handler=(op.AskPerson(),), cleanup=(op.AskPerson(),))
    patient = op.MoveOn(block=(op.AskInVain(timeout=None),), seconds=5.0)
    plan = Plan((op.Tasks(branches=((clean_up,),), meanwhile=(patient,), uses_asyncio=True),))
    for dies_after in (1, 2, 3):
        assert not problems_of(live_through(plan, Script(backend, deaths=(dies_after,))))
