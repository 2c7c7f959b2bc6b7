"""The options of a workflow: what they do, and what they refuse."""

import logging
from typing import Annotated, Any, Literal, TypeVar

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import WorkflowCancelledByUser, WorkflowTimeoutError, WorkflowValidationError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
)
from workflows.handler import WorkflowHandler
from workflows.testing import simulate

T = TypeVar("T")


class Part(Event):
    pass


class Echo(Workflow):
    @step
    async def echo(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ev.get("text"))


class Gated(Workflow):
    """Counts how many of its runs are at work at once."""

    def __init__(self, limit: int | None) -> None:
        super().__init__(num_concurrent_runs=limit)
        self.at_work = 0
        self.began: list[object] = []
        self.gate = anyio.Event()

    @step
    async def hold(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        self.began.append(ev.get("number"))
        self.at_work += 1
        try:
            await self.gate.wait()
        finally:
            self.at_work -= 1
        return StopEvent(result=ev.get("number"))


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer = await ctx.ask(InputRequiredEvent())
        return StopEvent(result=answer.response)


# --- what they refuse -------------------------------------------------------------------------------------------------


def test_wrong_options_are_refused_all_at_once_with_their_values() -> None:
    with pytest.raises(WorkflowValidationError) as caught:
        Echo(timeout=-1, num_concurrent_runs=0, waits="sometimes", stream_history=0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    text = str(caught.value)
    for part in ("timeout=-1", "num_concurrent_runs=0", "waits='sometimes'", "stream_history=0"):
        assert part in text
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("limit", [True, False, 0, -1, 1.5, "2"])
def test_a_limit_of_runs_is_a_whole_number_above_zero(limit: Any) -> None:
    """Semantics 17."""
    with pytest.raises(WorkflowValidationError, match="num_concurrent_runs"):
        Echo(num_concurrent_runs=limit)


@pytest.mark.parametrize("timeout", [0, -1.5, True, "5", float("nan")])
def test_a_timeout_is_a_number_above_zero(timeout: Any) -> None:
    with pytest.raises(WorkflowValidationError, match="timeout"):
        Echo(timeout=timeout)


@pytest.mark.parametrize("history", [0, -1, True, 1.5, None])
def test_a_stream_history_is_a_whole_number_above_zero(history: Any) -> None:
    with pytest.raises(WorkflowValidationError, match="stream_history"):
        Echo(stream_history=history)


def not_a_class() -> None: ...


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (Part, r"types=the class Part is no list of classes\. Write types=\[Part\]"),
        (3, r"types=3 is no list"),
        (None, r"types=None is no list"),
        ("Part", r"types='Part' is no list"),
        ([Part, 3], r"types\[1\] is 3, which is no class\. Give classes"),
        (["Part"], r"types\[0\] is 'Part'.*the class itself, not its name"),
        ([None], r"types\[0\] is None"),
        ([not_a_class], r"types\[0\] is <function not_a_class"),
        ([int | Part], r"types\[0\] is int \|.*one by one: types=\[int, Part\]"),
        ([Part | None], r"types\[0\] is .*None.*one by one"),
        ([Annotated[Part, "x"]], r"types\[0\] is .*Annotated"),
        ([Any], r"types\[0\] is .*Any"),
        ([Part()], r"types\[0\] is Part\(\)"),
        ([Literal["a"]], r"types\[0\] is .*Literal"),
        ([T], r"types\[0\] is ~T"),
    ],
)
def test_what_is_no_class_is_refused_among_the_types(declared: Any, told: str) -> None:
    with pytest.raises(WorkflowValidationError, match=told):
        Echo(types=declared)


def test_all_that_is_no_class_is_told_at_once() -> None:
    with pytest.raises(WorkflowValidationError) as caught:
        Echo(types=[3, Part, "x"], timeout=-1)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    assert len(caught.value.problems) == 3


def test_classes_and_generic_ones_with_arguments_are_types_and_an_iterator_is_read_once() -> None:
    assert Echo(types=iter([Part, list[int], dict[str, Part]])).definition.codec.knows(Part)


def test_an_unknown_check_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(WorkflowValidationError, match=r"'reachable'.*\n?.*reachability"):
        Echo(skip_graph_checks=["reachable"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


# --- timeout ----------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.guarantee("W8")
async def test_a_run_that_spends_its_time_is_ended_and_says_which_steps_were_at_work() -> None:
    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    with anyio.fail_after(5):
        handler = Slow(timeout=1e-9).run(run_id="r1")
        with pytest.raises(WorkflowTimeoutError, match=r"'r1' of Slow has spent its 1e-09 seconds; active steps: work"):
            await handler
        with pytest.raises(TimeoutError):
            await handler


@pytest.mark.anyio
async def test_a_timeout_is_noticed_between_steps_that_never_wait() -> None:
    class Chain(Workflow):
        @step
        async def go(self, ev: StartEvent | Part) -> Part | StopEvent:
            return Part()

    with anyio.fail_after(5):
        with pytest.raises(WorkflowTimeoutError):
            await Chain(timeout=1e-9).run()


@pytest.mark.anyio
async def test_without_a_timeout_a_run_takes_as_long_as_it_takes() -> None:
    with anyio.fail_after(5):
        assert await Echo(timeout=None).run(text="x") == "x"
        assert await Echo(1000).run(text="x") == "x"


# --- num_concurrent_runs ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_runs_above_the_limit_wait_for_their_turn_and_their_handlers_are_there_at_once() -> None:
    """Semantics 17."""
    workflow = Gated(2)
    with anyio.fail_after(5):
        async with no_task_left():
            handlers = [workflow.run(number=number) for number in range(5)]
            await wait_until_all_wait()
            assert workflow.at_work == 2
            assert not any(handler.is_done() for handler in handlers)
            assert all(handler.ctx.is_running for handler in handlers)
            workflow.gate.set()
            assert [await handler for handler in handlers] == [0, 1, 2, 3, 4]
            assert sorted(map(str, workflow.began)) == list("01234")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(limit=st.integers(1, 3), cancelled=st.sets(st.integers(0, 7)), seed=st.integers(0, 2**32 - 1))
def test_turns_come_in_the_order_in_which_the_runs_began(
    backend: Literal["asyncio", "trio"], limit: int, cancelled: set[int], seed: int
) -> None:
    async def scenario() -> list[object]:
        workflow = Gated(limit)
        handlers = [workflow.run(number=number) for number in range(8)]
        await anyio.sleep(1)
        for number in cancelled:
            await handlers[number].cancel_run()
        workflow.gate.set()
        for number, handler in enumerate(handlers):
            if number in cancelled:
                with pytest.raises(WorkflowCancelledByUser):
                    await handler
            else:
                assert await handler == number
        return workflow.began

    began = [number for number in simulate(scenario, backend=backend, seed=seed) if isinstance(number, int)]
    assert {*range(8)} - cancelled <= set(began)
    in_order = sorted(began)  # of those whose turn comes at the same time, any may go first
    assert all(in_order.index(number) - place < limit for place, number in enumerate(began))
    assert limit > 1 or began == in_order


@pytest.mark.anyio
async def test_without_a_limit_all_runs_work_at_once() -> None:
    workflow = Gated(None)
    with anyio.fail_after(5):
        handlers = [workflow.run(number=number) for number in range(20)]
        await wait_until_all_wait()
        assert workflow.at_work == 20
        workflow.gate.set()
        for handler in handlers:
            await handler


@pytest.mark.anyio
async def test_the_limit_is_of_an_instance() -> None:
    first, second = Gated(1), Gated(1)
    with anyio.fail_after(5):
        handlers = [first.run(), second.run()]
        await wait_until_all_wait()
        assert (first.at_work, second.at_work) == (1, 1)
        first.gate.set()
        second.gate.set()
        for handler in handlers:
            await handler


@pytest.mark.anyio
async def test_a_failed_and_a_cancelled_run_give_their_turn_back() -> None:
    class Failing(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            if ev.get("fails"):
                raise ValueError("broken")
            if ev.get("waits"):
                await anyio.sleep_forever()
            return StopEvent(result="fine")

    workflow = Failing(num_concurrent_runs=1)
    with anyio.fail_after(5):
        with pytest.raises(ValueError, match="broken"):
            await workflow.run(fails=True)
        waiting = workflow.run(waits=True)
        await wait_until_all_wait()
        last = workflow.run()
        await wait_until_all_wait()
        assert not last.is_done()
        await waiting.cancel_run()
        assert await last == "fine"


@pytest.mark.anyio
async def test_a_run_that_is_cancelled_before_its_turn_never_begins_and_can_be_resumed() -> None:
    workflow = Gated(1)
    with anyio.fail_after(5):
        first = workflow.run(number=1)
        await wait_until_all_wait()
        second = workflow.run(number=2)
        await wait_until_all_wait()
        await second.cancel_run()
        with pytest.raises(WorkflowCancelledByUser):
            await second
        assert [event async for event in second.stream_events()] == [WorkflowCancelledEvent()]
        assert workflow.began == [1]
        workflow.gate.set()
        assert await first == 1
        assert await workflow.run(second.ctx) == 2


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_an_owner_that_leaves_a_run_which_waits_for_its_turn_ends_it() -> None:
    workflow = Gated(1)
    with anyio.fail_after(5):
        async with workflow.running(number=1):
            await wait_until_all_wait()
            async with no_task_left():
                async with workflow.running(number=2) as left:
                    await wait_until_all_wait()
                assert left.is_done()
                handlers = [left]
                with anyio.CancelScope() as scope:
                    async with workflow.running(number=3) as cancelled:
                        handlers.append(cancelled)
                        await wait_until_all_wait()
                        scope.cancel()
                        await cancelled
                assert scope.cancelled_caught
            for handler in handlers:
                assert handler.is_done()
                assert [event async for event in handler.stream_events()] == [WorkflowCancelledEvent()]
            assert workflow.began == [1]


@pytest.mark.anyio
async def test_a_run_that_waits_for_its_turn_has_a_snapshot_that_begins() -> None:
    workflow = Gated(1)
    with anyio.fail_after(5):
        async with workflow.running(number=1):
            await wait_until_all_wait()
            handler = workflow.run(number=2)
            await wait_until_all_wait()
            data = handler.ctx.to_dict()
            assert data["status"] == "running"
            await handler.cancel_run()
        other = Gated(1)
        other.gate.set()
        assert await other.run(Context[Any].from_dict(other, data)) == 2


@pytest.mark.anyio
async def test_a_run_that_waits_for_a_person_keeps_its_turn_and_can_be_answered() -> None:
    workflow = Asking(num_concurrent_runs=1)
    with anyio.fail_after(5):
        first, second = workflow.run(), workflow.run()
        await wait_until_all_wait()
        assert len(first.pending) + len(second.pending) == 1
        for handler in sorted((first, second), key=lambda handler: not handler.pending):
            while not handler.pending:
                await checkpoint()
            await wait_until_all_wait()
            await handler.send_event(HumanResponseEvent(response="yes"))
            assert await handler == "yes"


# --- names, verbose, validation ---------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_workflow_has_the_name_it_was_given_or_that_of_its_class() -> None:
    assert Echo().workflow_name == "tests.engine.test_options.Echo"
    workflow = Echo(workflow_name="shop.echo")
    assert workflow.workflow_name == "shop.echo"
    assert Context[Any](workflow).to_dict()["workflow"] == "shop.echo"


@pytest.mark.anyio
async def test_verbose_prints_the_steps_and_what_they_gave(capsys: pytest.CaptureFixture[str]) -> None:
    with anyio.fail_after(5):
        await Echo(verbose=True).run(text="x")
    out = capsys.readouterr().out
    assert "echo" in out
    assert "StopEvent" in out
    with anyio.fail_after(5):
        await Echo().run(text="x")
    assert capsys.readouterr().out == ""


@pytest.mark.anyio
async def test_verbose_logs_instead_when_its_logger_is_on(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="workflows.verbose"), anyio.fail_after(5):
        await Echo(verbose=True).run(text="x")
    assert capsys.readouterr().out == ""
    assert [record.getMessage() for record in caplog.records] == [
        "Running step echo",
        "Step echo produced event StopEvent",
    ]


class DeadEnd(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> Part | StopEvent:
        return StopEvent(result="ended")


@pytest.mark.anyio
async def test_a_wrong_graph_is_refused_by_run_and_validate_unless_that_is_switched_off() -> None:
    """Semantics 16."""
    for _ in range(2):
        with pytest.raises(WorkflowValidationError, match="Part"):
            _ = DeadEnd().run()
    with pytest.raises(WorkflowValidationError, match="Part"):
        DeadEnd().validate()
    with anyio.fail_after(5):
        assert await DeadEnd(disable_validation=True).run() == "ended"
    with pytest.raises(WorkflowValidationError, match="Part"):
        DeadEnd(disable_validation=True).validate()


@pytest.mark.anyio
async def test_single_checks_can_be_left_out() -> None:
    class Ends(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="ended")

        @step
        async def never(self, ev: Part) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowValidationError, match="never"):
        _ = Ends().run()
    with anyio.fail_after(5):
        assert await Ends(skip_graph_checks=["reachability"]).run() == "ended"


def test_validate_tells_whether_people_are_asked() -> None:
    class Returning(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent()

        @step
        async def answered(self, ev: HumanResponseEvent) -> StopEvent:
            return StopEvent()

    assert Returning().validate() is True
    assert Echo().validate() is False


@pytest.mark.anyio
async def test_a_step_that_is_added_later_is_checked_and_runs() -> None:
    """Semantics 16."""

    class Growing(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Part | StopEvent:
            return Part()

    workflow = Growing()
    with pytest.raises(WorkflowValidationError, match="Part"):
        _ = workflow.run()

    @step(workflow=Growing)
    async def end(ev: Part) -> StopEvent:
        return StopEvent(result="grown")

    with anyio.fail_after(5):
        assert await workflow.run() == "grown"


# --- waits ------------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.guarantee("W2")
async def test_waits_park_keeps_the_step_where_it_is_and_a_snapshot_is_replayed_all_the_same() -> None:
    attempts: list[int] = []

    class Parking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            attempts.append(len(attempts))
            first = await ctx.ask(InputRequiredEvent(number=1))
            second = await ctx.ask(InputRequiredEvent(number=2))
            return StopEvent(result=[first.response, second.response])

    async def answer(handler: WorkflowHandler, response: object) -> None:
        while not handler.pending:
            await checkpoint()
        await handler.send_event(HumanResponseEvent(response=response))
        await wait_until_all_wait()

    workflow = Parking(waits="park")
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        await answer(handler, "a")
        data = handler.ctx.to_dict()
        await answer(handler, "b")
        assert await handler == ["a", "b"]
        assert attempts == [0]
        again = workflow.run(Context[Any].from_dict(workflow, data))
        await answer(again, "c")
        assert await again == ["a", "c"]
        assert attempts == [0, 1]
