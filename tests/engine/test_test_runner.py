"""`WorkflowTestRunner` runs a workflow to its end, and gives what it published beside its result."""

from typing import Any, assert_type

import anyio
import pytest

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import InvalidStartEvent, UsageError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    InternalDispatchEvent,
    StartEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    UnhandledEvent,
    WorkflowIdleEvent,
)
from workflows.testing import WorkflowTestResult, WorkflowTestRunner, simulate
from workflows.testing import runner as runner_module

pytestmark = pytest.mark.anyio


class Topic(StartEvent):
    name: str = "nothing"


class Heard(Event):
    text: str


class Louder(Heard):
    pass


class Speaking(Workflow[Topic, str]):
    @step
    async def hear(self, ctx: Context, ev: Topic) -> Heard:
        ctx.write_event_to_stream(Heard(text="one"))
        ctx.write_event_to_stream(Louder(text="TWO"))
        await ctx.store.set("topic", ev.name)
        return Heard(text=ev.name)

    @step
    async def end(self, ctx: Context, ev: Heard) -> StopEvent:
        ctx.send_event(StopEvent(result="sent"))
        return StopEvent(result=f"heard of {ev.text}")


class Asking(Workflow[StartEvent, int]):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answer = await ctx.ask(InputRequiredEvent(prefix="how many?"))
        return StopEvent(result=answer.number)


class Failing(Workflow):
    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise ValueError("no")


async def run_and_answer(workflow: Asking, ctx: Context[Any]) -> WorkflowTestResult[int]:
    done: list[WorkflowTestResult[int]] = []

    async def run() -> None:
        done.append(await WorkflowTestRunner(workflow).run(ctx=ctx))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await wait_until_all_wait()
        ctx.send_event(HumanResponseEvent(number=7))
    return done[0]


async def test_it_gives_events_counts_result_and_context() -> None:
    with anyio.fail_after(5):
        done = await WorkflowTestRunner(Speaking()).run(Topic(name="tea"))
    assert_type(done, WorkflowTestResult[str])
    assert done.result == "heard of tea"
    public = [event for event in done.collected if not isinstance(event, InternalDispatchEvent)]
    assert public == [Heard(text="one"), Louder(text="TWO"), StopEvent(result="heard of tea")]
    assert done.event_types == {StepStateChanged: 4, Heard: 1, Louder: 1, UnhandledEvent: 1, StopEvent: 1}
    assert await done.ctx.store.get("topic") == "tea"


async def test_per_step_there_is_a_beginning_and_an_end() -> None:
    """Semantics 19."""
    with anyio.fail_after(5):
        done = await WorkflowTestRunner(Speaking()).run()
    states = [
        (event.name, event.step_state, event.input_event_name, event.output_event_name)
        for event in done.collected
        if isinstance(event, StepStateChanged)
    ]
    assert states == [
        ("hear", StepState.RUNNING, "Topic", None),
        ("hear", StepState.NOT_RUNNING, "Topic", "Heard"),
        ("end", StepState.RUNNING, "Heard", None),
        ("end", StepState.NOT_RUNNING, "Heard", "StopEvent"),
    ]


async def test_internal_events_and_classes_can_be_left_out() -> None:
    with anyio.fail_after(5):
        done = await WorkflowTestRunner(Speaking()).run(Topic(), expose_internal=False, exclude_events=[Heard])
    assert done.event_types == {Louder: 1, StopEvent: 1}
    assert [type(event) for event in done.collected] == [Louder, StopEvent]


async def test_without_a_start_event_there_is_one_of_the_workflows_own_class() -> None:
    class Strict(StartEvent):
        name: str

    class Needing(Workflow):
        @step
        async def work(self, ev: Strict) -> StopEvent:
            return StopEvent()

    with anyio.fail_after(5):
        assert (await WorkflowTestRunner(Speaking()).run()).result == "heard of nothing"
        with pytest.raises(InvalidStartEvent, match="name"):
            await WorkflowTestRunner(Needing()).run()
        with pytest.raises(InvalidStartEvent, match="starts with Strict"):
            await WorkflowTestRunner(Needing()).run(StartEvent())


async def test_a_context_goes_on_from_a_snapshot_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    workflow = Asking()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        snapshot = handler.ctx.to_dict()
        await handler.cancel_run()
        ctx: Context[Any] = Context.from_dict(workflow, snapshot)

        done = await run_and_answer(workflow, ctx)
    assert done.result == 7
    assert done.ctx is ctx
    assert WorkflowIdleEvent not in done.event_types  # it waited already when it was stored
    assert not caplog.records


async def test_a_run_that_waits_says_that_it_is_idle() -> None:
    workflow = Asking()
    ctx: Context[Any] = Context(workflow)

    with anyio.fail_after(5):
        done = await run_and_answer(workflow, ctx)
    kinds = [type(event) for event in done.collected]
    assert kinds == [
        *(StepStateChanged, InputRequiredEvent, StepStateChanged, WorkflowIdleEvent),
        *(StepStateChanged, StepStateChanged, StopEvent),
    ]


async def test_what_a_run_fails_with_is_raised() -> None:
    with anyio.fail_after(5), pytest.raises(ValueError, match="no"):
        await WorkflowTestRunner(Failing()).run()


async def test_a_cancelled_test_leaves_no_run_behind() -> None:
    with anyio.fail_after(5):
        async with no_task_left():
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(WorkflowTestRunner(Asking()).run)
                    await wait_until_all_wait()
                    scope.cancel()
    assert scope.cancelled_caught


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_runs_in_virtual_time(backend: Any) -> None:
    class Late(Workflow):
        @step
        async def wait(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await anyio.sleep(24 * 3600)
            return StopEvent(result="a day later")

    async def scenario() -> str:
        done = await WorkflowTestRunner(Late(timeout=None)).run()
        return str(done.result)

    assert simulate(scenario, backend=backend) == "a day later"


def test_its_names_are_where_users_look_for_them() -> None:
    assert runner_module.WorkflowTestRunner is WorkflowTestRunner
    assert runner_module.WorkflowTestResult is WorkflowTestResult


class Agreed(HumanResponseEvent):
    count: int


class Counting(Workflow):
    """Asks twice."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        counts = [
            (await ctx.wait_for_event(Agreed, waiter_event=InputRequiredEvent(prefix=f"{n}"))).count for n in "ab"
        ]
        return StopEvent(result=counts)


async def test_the_questions_of_a_run_are_answered() -> None:
    runner = WorkflowTestRunner(Counting(types=[Agreed]))
    with anyio.fail_after(5):
        done = await runner.run(answers={InputRequiredEvent: [Agreed(count=1), Agreed(count=2)]})
        assert done.result == [1, 2]
        done = await runner.run(answers=lambda question: Agreed(count=len(question.id)))
        assert done.event_types[InputRequiredEvent] == 2


async def test_an_answer_that_is_missing_or_does_not_fit_ends_the_run() -> None:
    runner = WorkflowTestRunner(Counting(types=[Agreed]))
    with anyio.fail_after(5):
        async with no_task_left():
            with pytest.raises(UsageError, match="the 1 answers that are listed under Agreed are used up"):
                await runner.run(answers={Agreed: [Agreed(count=1)]})
            with pytest.raises(UsageError, match="doesn't answer"):
                await runner.run(answers=lambda _: HumanResponseEvent(response="no"))
            with pytest.raises(ZeroDivisionError):
                await runner.run(answers=lambda _: Agreed(count=1 // 0))
