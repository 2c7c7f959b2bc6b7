"""R1: a loop ends though runs go on, and a run is over when all its tasks are, whoever has cancelled them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from workflows import Context, Workflow, step
from workflows.errors import WorkflowCancelledByUser
from workflows.events import Event, HumanResponseEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler

pytestmark = pytest.mark.guarantee("R1")


class Left(Event):
    pass


class Right(Event):
    pass


class Work(HumanResponseEvent):
    pass


class Apart(Workflow):
    """Does two things at once."""

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Left | Right | None:
        ctx.send_event(Left())
        ctx.send_event(Right())
        return None

    @step
    async def left(self, ev: Left) -> StopEvent:
        for _ in range(20):
            await checkpoint()
        return StopEvent()

    @step
    async def right(self, ev: Right) -> None:
        await anyio.sleep_forever()


class Both(Apart):
    """One of its two things cleans up for longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.handler: WorkflowHandler[Any] | None = None
        self.was_over: list[bool] = []

    @step
    async def right(self, ev: Right) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await anyio.sleep_forever()
                finally:
                    for _ in range(10):
                        await checkpoint()
                    assert self.handler is not None
                    self.was_over.append(self.handler.is_done())

    @step
    async def work(self, ev: Work) -> None:
        await anyio.sleep_forever()


class Several(Workflow):
    """Does three things at once that take for ever, and a wait that's over before long."""

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> list[Left]:
        return [Left(), Left(), Left()]

    @step
    async def left(self, ctx: Context[Any], ev: Left) -> StopEvent:
        await ctx.wait_for_event(Work, timeout=0)
        await anyio.sleep_forever()
        return StopEvent()


class Taking(Workflow):
    """Takes what comes."""

    @step
    async def begin(self, ev: StartEvent) -> None:
        await anyio.sleep_forever()

    @step
    async def work(self, ev: Work) -> StopEvent | None:
        await anyio.sleep_forever()
        return StopEvent()


def end_after(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` in a loop of asyncio's, and end that as `asyncio.run` does, but for waiting for ever."""
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    try:
        loop.run_until_complete(main())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            _, pending = loop.run_until_complete(asyncio.wait(left, timeout=5))
            assert not pending, "asyncio.run would never return"
    finally:
        loop.close()


@pytest.mark.parametrize("turns", range(0, 40, 2))
def test_a_loop_ends_at_any_turn_though_tasks_of_a_run_have_not_begun(turns: int) -> None:
    async def main() -> None:
        _ = Several(timeout=None, types=[Work]).run()
        for _ in range(turns):
            await asyncio.sleep(0)

    end_after(main)


def test_tasks_that_are_cancelled_before_they_begin_end_their_run() -> None:
    async def main() -> None:
        handler = Taking(timeout=None).run()
        for _ in range(5):
            await asyncio.sleep(0)
        handler.ctx.send_event(Work())
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        _, pending = await asyncio.wait(others, timeout=5)
        assert not pending
        assert handler.is_done()

    end_after(main)


def test_a_run_whose_root_task_is_cancelled_by_itself_waits_for_the_others() -> None:
    workflows: list[Both] = []

    async def main() -> None:
        workflow = Both()
        workflows.append(workflow)
        workflow.handler = workflow.run()
        for _ in range(60):
            await asyncio.sleep(0)

    end_after(main)
    (workflow,) = workflows
    assert workflow.was_over == [False]


class Odd(BaseException):
    """Neither an error nor a cancellation."""


class Policy:
    """A retry policy that fails."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        raise Odd("the policy")


class Retrying(Apart):
    """When one of its two things fails, its policy does."""

    @step(retry_policy=Policy())
    async def right(self, ev: Right) -> None:
        await checkpoint()
        raise ValueError("as planned")


@pytest.mark.anyio
async def test_what_is_no_error_and_ends_a_further_task_comes_out_of_the_block() -> None:
    with anyio.fail_after(5), pytest.raises(BaseExceptionGroup) as caught:
        async with Retrying(timeout=None).running():
            await anyio.sleep_forever()
    assert caught.value.subgroup(Odd) is not None
    assert caught.value.split(Odd)[1] is None


class Done(Event):
    pass


class Parts(Workflow):
    """Does four things at once, and needs all of them."""

    @step
    async def begin(self, ev: StartEvent) -> list[Left]:
        return [Left() for _ in range(4)]

    @step(num_workers=4)
    async def left(self, ev: Left) -> Done:
        await checkpoint()
        return Done()

    @step
    async def join(self, ctx: Context[Any], ev: Done) -> StopEvent | None:
        return None if ctx.collect_events(ev, [Done] * 4) is None else StopEvent(result="all")


@pytest.mark.parametrize("turns", range(12))
def test_a_task_that_somebody_else_cancels_takes_its_run_with_it(turns: int) -> None:
    """On asyncio: cancelled before its step was called, it left that undone, and the run was awaited for ever."""

    async def scenario(victim: int) -> str:
        handler = Parts().run()
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks = sorted(asyncio.all_tasks() - {asyncio.current_task()}, key=id)
        for task in tasks[victim : victim + 1]:
            task.cancel()
        with anyio.fail_after(5):
            try:
                result: str = await handler
            except WorkflowCancelledByUser:
                return "cancelled"
            return result

    assert {asyncio.run(scenario(victim), debug=True) for victim in range(6)} <= {"all", "cancelled"}
