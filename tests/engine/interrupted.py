"""A program to be interrupted: `python interrupted.py BACKEND SCENE` says what it sees, line by line.

It says `ready` when it's to be sent an interrupt; in the scene `inside` it sends itself one, from within a step. In
the scene `leaving` that's while a block waits for the clean-up of its run, which goes on when there's a line to read.
"""

import signal
import sys
from typing import Any

import anyio
from anyio import to_thread

from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.host import Runtime


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (the test reads it)


class Long(Workflow):
    """Its step never ends of its own, and takes a while to clean up."""

    def __init__(self, scene: str) -> None:
        super().__init__()
        self.scene = scene
        self.begun = anyio.Event()

    async def clean_up(self) -> None:
        if self.scene != "leaving":
            await anyio.lowlevel.checkpoint()
            return
        say("ready")
        await to_thread.run_sync(sys.stdin.readline)

    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        try:
            if self.scene == "inside":
                signal.raise_signal(signal.SIGINT)
                say("the step goes on")
            elif self.scene != "leaving":
                say("ready")
            self.begun.set()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await self.clean_up()
            say("cleaned up")
        return StopEvent()


started: list[WorkflowHandler] = []


async def awaiting(workflow: Long) -> None:
    started.append(workflow.run())
    await started[0]


async def elsewhere(workflow: Long) -> None:
    started.append(workflow.run())
    await anyio.sleep_forever()


async def reading(workflow: Long) -> None:
    async with workflow.running() as handler:
        started.append(handler)
        async for _ in handler.stream_events():
            pass


async def hosted(workflow: Long) -> None:
    async with Runtime() as runtime:
        started.append(runtime.run(workflow))
        await anyio.sleep_forever()


async def beside(workflow: Long) -> None:
    async with workflow.running() as handler:
        started.append(handler)
        await anyio.sleep_forever()


async def leaving(workflow: Long) -> None:
    async with workflow.running() as handler:
        started.append(handler)
        await workflow.begun.wait()


SCENES = {
    "awaiting": awaiting,
    "elsewhere": elsewhere,
    "reading": reading,
    "hosted": hosted,
    "inside": beside,
    "leaving": leaving,
}


async def main(scene: str) -> None:
    try:
        with anyio.fail_after(20):  # rather than the test hang; far more than a slow machine needs
            await SCENES[scene](Long(scene))
    finally:
        say("main ends")


if __name__ == "__main__":
    try:
        anyio.run(main, sys.argv[2], backend=sys.argv[1])
    except KeyboardInterrupt:
        say("interrupted")
        say(f"the run is {started[0].ctx.to_dict()['status']}")
        sys.exit(130)
