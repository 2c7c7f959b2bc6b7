"""The claims of `docs/tutorial/stopping_for_a_human.md` that its own blocks don't show."""

from datetime import UTC, datetime
from typing import Any

import anyio
import attrs
import pytest

from tests.docs.asking import TYPES, YES, Approval, Progress, resumed, settled, until_asked
from workflows import Context, Workflow, step
from workflows.errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    AnswerRefused,
    InvalidAnswer,
    NoOpenQuestion,
    UsageError,
)
from workflows.events import Event, StartEvent, StopEvent
from workflows.testing import simulate


class Asking(Workflow):
    calls = 0

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.calls += 1
        answer = await ctx.ask(Approval(what="a desk"), timeout=ev.get("timeout"))
        return StopEvent(result=answer.approved)


class InAChild(Asking):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        results: list[StopEvent] = []

        async def child() -> None:
            async with ctx.branch("child"):
                results.append(await super(InAChild, self).ask(ctx, ev))

        async with anyio.create_task_group() as group:
            group.start_soon(child)
        return results[0]


class UnderADeadline(Asking):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        with anyio.fail_after(100):
            return await super().ask(ctx, ev)


def test_an_event_is_never_changed() -> None:
    event: Any = Progress(done=1)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.done = 2


@pytest.mark.anyio
@pytest.mark.parametrize(("workflow", "calls"), [(Asking, 2), (InAChild, 1), (UnderADeadline, 1)])
async def test_only_a_wait_in_the_steps_own_task_suspends_it(workflow: type[Asking], calls: int) -> None:
    asking = workflow(types=TYPES)
    handler = asking.run()
    await settled()
    await handler.send_event(YES)
    assert await handler is True
    assert asking.calls == calls


@pytest.mark.anyio
@pytest.mark.parametrize("workflow", [Asking, InAChild, UnderADeadline])
async def test_after_a_restart_every_wait_is_found_again_and_not_published_again(workflow: type[Asking]) -> None:
    asking, published = workflow(types=TYPES), list[Event]()
    snapshot = await until_asked(asking)
    assert await resumed(asking, snapshot, YES, published=published) is True
    assert published == [StopEvent(result=True)]


def test_a_deadline_of_ones_own_starts_anew_and_one_on_the_question_does_not() -> None:
    pytest.importorskip("trio")

    async def asked_for_s(workflow: Workflow, **inputs: Any) -> float:
        """Stopped when 60 seconds have passed, and gone on with: until when is it asked?"""
        began = anyio.current_time()
        async with workflow.running(**inputs) as handler:
            await anyio.sleep(60)
        ctx: Context[Any] = Context.from_dict(workflow, handler.ctx.to_dict())
        with pytest.raises(TimeoutError):
            await workflow.run(ctx)
        return anyio.current_time() - began

    assert simulate(lambda: asked_for_s(UnderADeadline(types=TYPES))) == pytest.approx(160)
    assert simulate(lambda: asked_for_s(Asking(types=TYPES), timeout=100)) == pytest.approx(100)


def test_waiting_spends_none_of_the_time_budget() -> None:
    pytest.importorskip("trio")

    async def scenario() -> object:
        handler = Asking(types=TYPES, timeout=10).run()
        await anyio.sleep(10_000)
        await handler.send_event(YES)
        return await handler

    assert simulate(scenario) is True


@pytest.mark.anyio
async def test_a_question_says_when_its_deadline_is() -> None:
    workflow = Asking(types=TYPES, clock=lambda: datetime(2030, 1, 1, tzinfo=UTC))
    async with workflow.running(timeout=60) as handler:
        await settled()
        assert handler.pending[0].deadline == datetime(2030, 1, 1, 0, 1, tzinfo=UTC)


@pytest.mark.anyio
async def test_once_takes_plain_and_async_functions() -> None:
    async def later(number: int) -> int:
        return number + 1

    class Calling(Workflow):
        @step
        async def call(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=[await ctx.once(abs, -1), await ctx.once(later, 1)])

    assert await Calling().run() == [1, 2]


@pytest.mark.anyio
async def test_two_that_go_on_from_the_same_text_are_two_runs() -> None:
    workflow = Asking(types=TYPES)
    snapshot = await until_asked(workflow)
    assert await resumed(workflow, snapshot, YES) is True
    assert await resumed(workflow, snapshot, YES) is True


def test_refusals_are_usage_errors() -> None:
    assert all(issubclass(error, AnswerRefused) for error in (AmbiguousAnswer, AlreadyAnswered, NoOpenQuestion))
    assert all(issubclass(error, UsageError) for error in (AnswerRefused, InvalidAnswer))
    assert not issubclass(InvalidAnswer, AnswerRefused)
