"""Processes that own runs, for tests of who may: `python -m tests.durability.owner FILE LOG BACKEND COMMAND LEASE`.

It says on its standard output what it does, a line at a time. On its standard input, `go on` lets its runs go on, and
`leave` lets it leave.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import anyio

from workflows import Context, Runtime, Workflow, step
from workflows.durability import SqliteStore
from workflows.errors import OwnershipLost
from workflows.events import Event, StartEvent, StopEvent

RUNS = 20


class Turn(Event, name="owner.turn"):
    number: int


class Working(Workflow):
    """Does one thing after the other, and tells the log of each; between two of them it waits for the gate."""

    def __init__(self, log: str) -> None:
        super().__init__(workflow_name="working", timeout=None)
        self._file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._waiting = 0
        self.gate = anyio.Event()
        self.all_wait = anyio.Event()

    def do(self, run_id: str, number: int) -> int:
        """Tell the log."""
        os.write(self._file, f"{run_id} {number} {os.getpid()}\n".encode())
        return number

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Turn:
        await ctx.once(self.do, ctx.run_id, 0)
        return Turn(number=1)

    @step
    async def go_on(self, ctx: Context[Any], ev: Turn) -> StopEvent:
        self._waiting += 1
        if self._waiting == RUNS:
            self.all_wait.set()
        await self.gate.wait()
        await ctx.once(self.do, ctx.run_id, ev.number)
        return StopEvent(result=ev.number)


class Lost(logging.Handler):
    """Says which runs are lost."""

    def emit(self, record: logging.LogRecord) -> None:
        if any(isinstance(argument, OwnershipLost) for argument in record.args or ()):
            say(f"lost {getattr(record, 'run_id', '')}")


def say(text: str) -> None:
    """Say a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main(file: str, log: str, command: str, lease: float) -> None:
    """Begin runs, or carry on what there is, until told to leave."""
    logging.getLogger("workflows").addHandler(Lost())
    workflow = Working(log)
    async with Runtime(store=SqliteStore(file), workflows=[workflow], lease=lease, poll=0.01) as runtime:
        if command == "begin":
            for number in range(RUNS):
                _ = runtime.run(workflow, run_id=f"run-{number}")
            await workflow.all_wait.wait()  # the first thing of each is recorded then
        say(f"carries {' '.join(sorted(runtime.in_memory))}")
        while await anyio.to_thread.run_sync(sys.stdin.readline) == "go on\n":
            workflow.gate.set()
    say("left")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[4], float(sys.argv[5]), backend=sys.argv[3])
