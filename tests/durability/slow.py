"""What takes its time until a test lets it go on: a store, and a step that cleans up."""

from __future__ import annotations

import anyio

from tests.durability.stores import PATIENCE_S
from workflows import Workflow, step
from workflows.durability import MemoryStore, RunContent
from workflows.events import StartEvent, StopEvent


class SlowToLoad(MemoryStore):
    """A store that waits before it gives what is in a run."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = anyio.Event()
        self.gives_it = anyio.Event()

    async def load(self, run_id: str) -> RunContent | None:
        self.is_asked.set()
        with anyio.move_on_after(PATIENCE_S, shield=True):  # a test that fails has it give nothing
            await self.gives_it.wait()
        return await super().load(run_id)


class TakesItsTime(Workflow):
    """Cleans up until it's let go."""

    def __init__(self) -> None:
        super().__init__(workflow_name="takes its time")
        self.is_cleaning = anyio.Event()
        self.gate = anyio.Event()

    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        try:
            await anyio.sleep_forever()
        finally:
            self.is_cleaning.set()
            with anyio.move_on_after(PATIENCE_S, shield=True):
                await self.gate.wait()
        return StopEvent()
