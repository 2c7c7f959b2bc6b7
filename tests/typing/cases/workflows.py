"""`Workflow[StartT, ResultT]`: what a run begins with and what it gives, wherever it's started and awaited."""

from typing import Any, Generic, TypeVar, assert_type

from workflows import Context, Runtime, Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import Process

ItemT = TypeVar("ItemT")


class Claim(StartEvent):
    euros: int


class Decided(StopEvent):
    approved: bool


class Bare(Workflow):
    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Text(Workflow[Claim, str]):
    @step
    async def work(self, ctx: Context, ev: Claim) -> StopEvent:
        return StopEvent(result="x")


class Deciding(Workflow[Claim, Decided]):
    @step
    async def work(self, ev: Claim) -> Decided:
        return Decided(approved=True)


class OnlyStart(Workflow[Claim]):
    @step
    async def work(self, ev: Claim) -> StopEvent:
        return StopEvent()


class Listing(Workflow[StartEvent, list[ItemT]], Generic[ItemT]):
    pass


class WrongStart(Workflow[str, str]):  # expect: error
    pass


async def awaiting() -> None:
    assert_type(await Bare().run(), Any)
    assert_type(await Text().run(euros=1), str)
    assert_type(await Deciding().run(euros=1), Decided)
    assert_type(await OnlyStart().run(euros=1), Any)
    assert_type(await Listing[int]().run(), list[int])
    _ = assert_type(Text().run(euros=1), WorkflowHandler[str])
    assert_type(await Text().run(start_event=Claim(euros=1)), str)
    _ = Bare().run(start_event=Claim(euros=1))
    _ = Text().run(start_event=StartEvent())  # expect: error
    _ = OnlyStart().run(start_event=Decided(approved=True))  # expect: error
    (await Text().run(euros=1)).bit_length()  # expect: error


async def owned(runtime: Runtime, process: Process) -> None:
    async with Text().running(euros=1) as handler:
        _ = assert_type(handler, WorkflowHandler[str])
        assert_type(await handler, str)
    assert_type(await runtime.run(Text(), euros=1), str)
    assert_type(await runtime.run(Deciding(), start_event=Claim(euros=1)), Decided)
    assert_type(await runtime.run(Bare()), Any)
    assert_type(await runtime.resume("id"), Any)
    assert_type(await process.answer(process.run(Text()), lambda question: None), str)
    _ = runtime.run(Text(), start_event=StartEvent())  # expect: error


def any_workflow(workflow: Workflow) -> WorkflowHandler:
    return workflow.run(topic="x")


def giving_text(workflow: Workflow[Any, str]) -> WorkflowHandler[str]:
    return workflow.run(topic="x")


def passing(bare: Bare, text: Text, deciding: Deciding) -> list[WorkflowHandler[object]]:
    _ = any_workflow(bare)
    _ = any_workflow(text)
    _ = giving_text(text)
    _ = giving_text(bare)
    _ = giving_text(deciding)  # expect: error
    assert_type(deciding.run(euros=1).get_stop_event(), StopEvent | None)
    return [text.run(euros=1), deciding.run(euros=1)]
