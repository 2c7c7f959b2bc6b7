"""What `docs/how-to/branches_and_loops.md` says that its own blocks don't show."""

import logging

import anyio
import pytest

from tests.docs.asking import settled
from workflows import Context, Workflow, step
from workflows.errors import WorkflowValidationError
from workflows.events import Event, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Part(Event):
    number: int


class Special(Part):
    pass


class Kept(Event):
    number: int


@pytest.mark.parametrize("follows", [False, True])
async def test_a_step_takes_derived_classes_only_if_it_says_so(follows: bool) -> None:
    class Meeting(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Special | Part:
            return Special(number=1)

        @step(accept_event_subclasses=follows)
        async def end(self, ev: Part) -> StopEvent:
            return StopEvent(result=ev.number)

    if follows:
        assert await Meeting().run() == 1
        return
    with pytest.raises(WorkflowValidationError, match="Special"):
        Meeting().validate()


async def test_a_run_whose_branches_have_all_ended_says_so_and_goes_on_with_an_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Ending(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Part | None:
            return None

        @step
        async def end(self, ev: Part) -> StopEvent:
            return StopEvent(result=ev.number)

    async with Ending().running() as handler:
        await settled()
        assert not handler.is_done()
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        await handler.send_event(Part(number=2))
        assert await handler == 2


async def test_a_start_event_can_be_returned_to_begin_again() -> None:
    class Again(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StartEvent | StopEvent:
            return StopEvent(result=ev.left) if not ev.left else StartEvent(left=ev.left - 1)

    assert await Again().run(left=3) == 0


class Listed(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> list[Part]:
        return [Part(number=number) for number in range(3)]

    @step
    async def keep(self, ev: Part) -> Kept | None:
        return Kept(number=ev.number) if ev.number != 1 else None

    @step
    async def end(self, kept: list[Kept]) -> StopEvent:
        return StopEvent(result=[ev.number for ev in kept])


class Sent(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Part | None:
        for number in range(3):
            ctx.send_event(Part(number=number))
        return None

    @step
    async def keep(self, ev: Part) -> Kept | None:
        return Kept(number=ev.number) if ev.number != 1 else None

    @step
    async def end(self, ctx: Context, ev: Kept) -> StopEvent | None:
        found = ctx.collect_events(ev, [Kept] * 3)
        return StopEvent(result=len(found)) if found else None


async def test_a_member_that_comes_to_nothing_is_missing_in_a_list_and_waited_for_where_events_are_collected() -> None:
    assert await Listed().run() == [0, 2]
    async with Sent().running() as handler:
        await settled()
        assert not handler.is_done()
        await handler.send_event(Kept(number=7))
        assert await handler == 3


async def test_what_is_sent_goes_out_while_its_step_is_at_work_and_what_is_returned_does_not() -> None:
    gate = anyio.Event()

    class Sending(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Part | None:
            ctx.send_event(Part(number=1))
            await gate.wait()
            return None

        @step
        async def end(self, ev: Part) -> StopEvent:
            gate.set()
            return StopEvent(result="sent")

    assert await Sending().run() == "sent"


async def test_a_single_step_may_take_what_comes_from_outside() -> None:
    class Waiting(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent | None:
            return None

        @step(skip_graph_checks=["reachability"])
        async def end(self, ev: Part) -> StopEvent:
            return StopEvent(result=ev.number)

    async with Waiting().running() as handler:
        await handler.send_event(Part(number=4))
        assert await handler == 4
