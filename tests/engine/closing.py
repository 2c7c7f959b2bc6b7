"""Programs whose event loop ends while runs go on, each in a process of its own: `python closing.py NAME`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler


class Left(Event):
    pass


class Right(Event):
    pass


class Work(HumanResponseEvent):
    pass


class Both(Workflow):
    """Does two things at once, one of which cleans up for longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.handler: WorkflowHandler[Any] | None = None

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
                    sys.stdout.write(f"the run is over: {self.handler.is_done()}\n")

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


def at_any_turn() -> None:
    """The loop ends after so many turns: when tasks of the run have been started, and haven't begun."""

    async def main(turns: int) -> None:
        Several(timeout=None, types=[Work]).run()
        for _ in range(turns):
            await asyncio.sleep(0)

    for turns in range(40):
        asyncio.run(main(turns))


def all_cancelled() -> None:
    """All tasks but one are cancelled, as some do when the process is told to end; the loop goes on."""

    async def main() -> None:
        handler = Taking(timeout=None).run()
        for _ in range(5):
            await asyncio.sleep(0)
        handler.ctx.send_event(Work())
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        sys.stdout.write(f"the run is over: {handler.is_done()}\n")

    asyncio.run(main())


def while_one_cleans_up() -> None:
    """The loop ends while the root task waits for the clean-up of another."""

    async def main() -> None:
        workflow = Both()
        workflow.handler = workflow.run()
        for _ in range(60):
            await asyncio.sleep(0)

    asyncio.run(main())


if __name__ == "__main__":
    {"at any turn": at_any_turn, "all cancelled": all_cancelled, "cleaning up": while_one_cleans_up}[sys.argv[1]]()
