"""`async with Runtime()`: the block owns all runs that were started through it."""

import gc
import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import UsageError, WorkflowCancelledByUser
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.host import Runtime


class Echo(Workflow):
    @step
    async def echo(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ev.get("text"))


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: HumanResponseEvent = await ctx.ask(InputRequiredEvent(prefix="?"))
        return StopEvent(result=answer.response)


class Failing(Workflow):
    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise ValueError("broken")


class Gated(Workflow):
    def __init__(self) -> None:
        super().__init__()
        self.begun = anyio.Event()
        self.gate = anyio.Event()
        self.is_cleaned_up = False

    @step
    async def hold(self, ev: StartEvent) -> StopEvent:
        self.begun.set()
        try:
            await self.gate.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await wait_until_all_wait()
            self.is_cleaned_up = True
        return StopEvent(result="through")


@pytest.mark.anyio
async def test_a_runtime_runs_several_workflows_at_once() -> None:
    asking, echo = Asking(), Echo()
    with anyio.fail_after(5):
        async with no_task_left(), Runtime(workflows=[asking, echo]) as runtime:
            first = runtime.run(asking, run_id="first")
            second = runtime.run(echo, text="x")
            assert await second == "x"
            await wait_until_all_wait()
            await first.send_event(HumanResponseEvent(response="yes"))
            assert await first == "yes"
            assert first.run_id == "first"


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_leaving_a_runtime_ends_its_runs_and_waits_for_their_clean_up() -> None:
    workflows = [Gated(), Gated()]
    with anyio.fail_after(5):
        async with no_task_left():
            async with Runtime() as runtime:
                handlers = [runtime.run(workflow) for workflow in workflows]
                for workflow in workflows:
                    await workflow.begun.wait()
            for workflow, handler in zip(workflows, handlers, strict=True):
                assert workflow.is_cleaned_up
                with pytest.raises(WorkflowCancelledByUser):
                    await handler


@pytest.mark.anyio
@pytest.mark.guarantee("R1")
async def test_a_cancelled_runtime_ends_its_runs_and_lets_the_cancellation_through() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with no_task_left():
            with anyio.CancelScope() as scope:
                async with Runtime() as runtime:
                    handler = runtime.run(workflow)
                    await workflow.begun.wait()
                    scope.cancel()
                    await handler
            assert scope.cancelled_caught
            assert workflow.is_cleaned_up


@pytest.mark.anyio
@pytest.mark.guarantee("R2")
@pytest.mark.parametrize("make", [lambda: ValueError(1), KeyboardInterrupt, lambda: SystemExit(2)])
async def test_what_the_body_of_a_runtime_raises_comes_out_as_it_is(make: Callable[[], BaseException]) -> None:
    workflow = Gated()
    error = make()
    with anyio.fail_after(5):
        async with no_task_left():
            with pytest.raises(type(error)) as caught:
                async with Runtime() as runtime:
                    _ = runtime.run(workflow)
                    await workflow.begun.wait()
                    raise error
            assert caught.value is error
            assert workflow.is_cleaned_up


@pytest.mark.anyio
async def test_a_failing_run_disturbs_no_other() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            failing, other = runtime.run(Failing()), runtime.run(workflow)
            with pytest.raises(ValueError, match="broken"):
                await failing
            assert not other.is_done()
            workflow.gate.set()
            assert await other == "through"


@pytest.mark.anyio
@pytest.mark.guarantee("R2")
async def test_a_failure_that_nobody_awaited_is_logged_when_the_runtime_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            _ = runtime.run(Failing(), run_id="forgotten")
            await wait_until_all_wait()
            assert not caplog.records
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "forgotten" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    del runtime
    gc.collect()
    assert len(caplog.records) == 1


@pytest.mark.anyio
async def test_a_cancelled_await_leaves_the_run_to_the_runtime() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            handler = runtime.run(workflow)
            with anyio.move_on_after(0):
                await handler
            assert not handler.is_done()
            workflow.gate.set()
            assert await handler == "through"


@pytest.mark.anyio
async def test_a_cancelled_run_is_resumed_by_its_id() -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            handler = runtime.run(workflow, run_id="asks")
            await wait_until_all_wait()
            await handler.cancel_run()
            resumed = runtime.resume("asks")
            assert resumed.run_id == "asks"
            assert [question.id for question in resumed.pending] == [question.id for question in handler.pending]
            resumed.ctx.send_event(HumanResponseEvent(response="late"))
            assert await resumed == "late"
            assert runtime.resume("asks") is resumed


@pytest.mark.anyio
async def test_a_run_that_goes_on_is_not_resumed_twice() -> None:
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            handler = runtime.run(Asking(), run_id="asks")
            assert runtime.resume("asks") is handler


@pytest.mark.anyio
async def test_recover_goes_on_with_every_run_that_was_cancelled() -> None:
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            handlers = [runtime.run(Asking(), run_id=str(number)) for number in range(3)]
            done = runtime.run(Echo(), text="x")
            await done
            await wait_until_all_wait()
            for handler in handlers[:2]:
                await handler.cancel_run()
            recovered = await runtime.recover()
            assert [handler.run_id for handler in recovered] == ["0", "1"]
            for number, handler in enumerate([*recovered, handlers[2]]):
                handler.ctx.send_event(HumanResponseEvent(response=number))
                assert await handler == number
            assert await runtime.recover() == []


@pytest.mark.anyio
async def test_a_context_of_elsewhere_is_resumed_in_a_runtime() -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        data = handler.ctx.to_dict()
        await handler.cancel_run()
        async with Runtime() as runtime:
            resumed = runtime.run(workflow, Context[Any].from_dict(workflow, data))
            assert resumed.run_id == handler.run_id
            resumed.ctx.send_event(HumanResponseEvent(response=1))
            assert await resumed == 1
            finished = runtime.run(workflow, Context[Any].from_dict(workflow, resumed.ctx.to_dict()))
            assert await finished == 1


@pytest.mark.anyio
async def test_two_runs_of_one_id_are_refused_while_the_first_goes_on() -> None:
    workflow = Gated()
    with anyio.fail_after(5):
        async with Runtime() as runtime:
            handler = runtime.run(workflow, run_id="same")
            with pytest.raises(UsageError, match="'same'"):
                _ = runtime.run(workflow, run_id="same")
            workflow.gate.set()
            await handler
            assert await runtime.run(workflow, run_id="same") == "through"


@pytest.mark.anyio
async def test_a_runtime_that_is_not_open_says_so() -> None:
    runtime = Runtime()
    with pytest.raises(UsageError, match="async with Runtime"):
        _ = runtime.run(Echo(), text="x")
    async with runtime:
        with pytest.raises(UsageError, match="open already"):
            async with runtime:
                pytest.fail("the block was entered")
    with pytest.raises(UsageError, match="isn't open"):
        _ = runtime.run(Echo(), text="x")
    with pytest.raises(UsageError, match="isn't open"):
        await runtime.recover()


@pytest.mark.anyio
async def test_an_unknown_run_is_refused_with_those_that_are_known() -> None:
    async with Runtime() as runtime:
        with pytest.raises(UsageError, match="there are: none"):
            _ = runtime.resume("x")
        await runtime.run(Echo(), run_id="known")
        with pytest.raises(UsageError, match="there are: 'known'"):
            _ = runtime.resume("x")


def test_two_workflows_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="workflow_name="):
        Runtime(workflows=[Echo(), Echo()])
    Runtime(workflows=[Echo(), Echo(workflow_name="other")])
