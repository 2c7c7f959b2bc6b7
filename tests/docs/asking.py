"""What the tests of the pages share: a question, its answer, and how a run is stopped at it and gone on with."""

import json
from typing import Any

import anyio

from workflows import Context, Workflow
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent


class Decision(HumanResponseEvent, name="decision"):
    approved: bool


class Approval(InputRequiredEvent, answer=Decision, name="approval"):
    what: str


class Progress(Event, name="progress"):
    done: int


TYPES = (Approval, Decision, Progress)
YES = Decision(approved=True)

Snapshot = dict[str, Any]


async def until_asked(workflow: Workflow, questions: int = 1, **inputs: Any) -> Snapshot:
    """Run until so many questions are open, and give the run as data that has been JSON text."""
    async with workflow.running(run_id="run 1", **inputs) as handler:
        with anyio.fail_after(5):
            await settled()
            assert len(handler.pending) == questions, handler.pending
    return through_json(handler.ctx.to_dict())


async def resumed(workflow: Workflow, snapshot: Snapshot, *answers: Event, published: list[Event] | None = None) -> Any:
    """Go on, answer the questions that are open in their order, and give the result."""
    ctx: Context[Any] = Context.from_dict(workflow, snapshot)
    asked = ctx.pending
    async with workflow.running(ctx) as handler:
        with anyio.fail_after(5):
            for question, answer in zip(asked, answers, strict=False):
                await handler.send_event(answer, reply_to=question.id)
            try:
                return await handler
            finally:
                if published is not None:
                    published += [event async for event in handler.stream_events(after=snapshot["streamed"])]


async def settled() -> None:
    """Give way until nothing else has anything to do."""
    for _ in range(
        20
    ):  # on asyncio the next call doesn't see that a task group is about to hear of its last task's end
        await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()


def through_json(data: Snapshot) -> Snapshot:
    """The same data, as another process would read it."""
    read: Snapshot = json.loads(json.dumps(data))
    return read


def tapes(snapshot: Snapshot) -> dict[str, list[dict[str, Any]]]:
    """The records of the one execution in a snapshot, by branch."""
    (execution,) = snapshot["executions"]
    return dict(execution["memory"]["tapes"])
