"""The claims of `docs/explanation/structured_concurrency.md` that its own blocks don't show.

Most of them are proven where the engine is tested: `tests/engine` has ownership, interrupts, blocks and orphans.
"""

import threading

import anyio
import pytest

from tests.docs.asking import TYPES, Approval, settled
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent, WorkflowCancelledEvent, WorkflowFailedEvent

pytestmark = pytest.mark.anyio


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.ask(Approval(what="a desk"))
        return StopEvent()


class Failing(Workflow):
    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise ValueError("broken")


async def test_a_run_in_which_everything_waits_has_no_task() -> None:
    before = len(anyio.get_running_tasks())
    handlers = [Asking(types=TYPES).run() for _ in range(3)]
    await settled()
    assert len(anyio.get_running_tasks()) == before
    for handler in handlers:
        assert len(handler.pending) == 1
        await handler.cancel_run()


async def test_every_stream_ends_with_an_event_that_tells_how_the_run_ended() -> None:
    async def last(workflow: Workflow, *, cancel: bool = False) -> Event:
        handler = workflow.run()
        await settled()
        if cancel:
            await handler.cancel_run()
        *_, event = [event async for event in handler.stream_events()]
        with pytest.raises(Exception, match=r"broken|cancelled"):
            await handler
        return event

    assert isinstance(await last(Asking(types=TYPES), cancel=True), WorkflowCancelledEvent)
    assert isinstance(await last(Failing()), WorkflowFailedEvent)


async def test_a_plain_step_runs_in_a_thread_and_is_waited_for() -> None:
    began, release, ended = threading.Event(), threading.Event(), threading.Event()

    class Threaded(Workflow):
        @step
        def work(self, ev: StartEvent) -> StopEvent:
            began.set()
            release.wait(5)
            ended.set()
            return StopEvent(result=threading.get_ident())

    async with Threaded().running() as handler:
        await anyio.to_thread.run_sync(began.wait, 5)
        release.set()
    assert ended.is_set()
    assert handler.is_done()


async def test_what_a_step_sets_in_its_context_variables_does_not_reach_the_caller() -> None:
    from contextvars import ContextVar

    user: ContextVar[str] = ContextVar("user", default="nobody")

    class Setting(Workflow):
        @step
        async def set_it(self, ev: StartEvent) -> StopEvent:
            user.set("somebody")
            return StopEvent()

    await Setting().run()
    assert user.get() == "nobody"
