"""The seam between a step and its run: `emit` a tick, and `recall` what is recorded. Nothing else passes.

In memory both are plain calls. Behind a host that keeps runs elsewhere they're messages, so nothing that a step does
through its context may look at its run in another way; a test holds the modules of the operations to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint_if_cancelled

from ..core.commands import Refuse
from ..core.records import Branch, Memory
from ..core.state import Child, Execution
from ..core.statuses import RUNNING
from ..core.ticks import EditCommitted, EventStreamed, StepTick, Write
from ..core.values import Values
from ..events import Event

if TYPE_CHECKING:
    from .burst import Burst
    from .run import Run
    from .tracing import StepTrace


class Seam:
    """What one attempt of a step may ask of its run."""

    __slots__ = ("burst", "execution", "number", "run", "trace")

    def __init__(self, run: Run, execution: int, number: int) -> None:
        self.run: Run = run
        self.execution: int = execution
        self.number: int = number
        self.trace: StepTrace | None = None
        self.burst: Burst | None = None

    def emit(self, tick_type: Callable[..., StepTick], *parts: object) -> Refuse | None:
        """Apply a tick of this attempt. In memory that's done when it returns."""
        refusal = self.run.driver.emit(tick_type, self.execution, self.number, *parts)
        self.run.crew.hand_out()
        return refusal

    def stream(self, branch: Branch, digest: int, event: Event) -> None:
        """Apply a tick that writes to the stream: in memory at the latest when anybody looks."""
        if self.burst is None:
            self.burst = self.run.driver.gathering(self.run.log)
        if self.burst is None:
            self.emit(EventStreamed, branch, digest, event)
        else:
            self.burst.add(self, branch, digest, event)

    def emit_last(self, tick_type: Callable[..., StepTick], *parts: object) -> None:
        """Apply the tick that ends the attempt; its worker takes what there is to do next."""
        if self.trace is not None:
            self.trace.ends(tick_type, parts)
        self.run.driver.emit(tick_type, self.execution, self.number, *parts)

    async def settled(self) -> None:
        """Wait until all that was emitted is stored, if the run is durable. Safe to cancel.

        If it can't be stored, the run is being stopped, and the attempt with it.
        """
        if self.run.journal is not None:
            await self.run.journal.done()
            if self.is_lost:
                await checkpoint_if_cancelled()  # before anything is done to the world on the word of nobody

    @property
    def is_lost(self) -> bool:
        """Whether the run is durable and can't be stored any more: it's being stopped."""
        return self.run.journal is not None and self.run.journal.lost is not None

    def recall(self) -> Memory:
        """What this execution has recorded."""
        return self.recall_execution().remember()

    def recall_execution(self) -> Execution:
        """The execution: its records, and what became of its earlier attempts. To read only."""
        return self.run.core.state.executions[self.execution]

    def recall_values(self) -> Values:
        """The values of the state that records refer to. To read only."""
        return self.run.core.state.values

    def recall_child(self, number: int) -> Child | None:
        """A child run that isn't over. To read only."""
        return self.run.core.state.children.get(number)

    def recall_seed(self) -> int:
        """The seed of the run, from its first tick."""
        return self.run.core.state.seed

    def is_stopping(self) -> bool:
        """Whether the run's end, or its standstill, is decided: nothing that the attempt does counts any more.

        Somebody may have cancelled the steps without a word to the core: it's told now, before clean-up does anything.
        """
        run = self.run
        if run.core.state.status is not RUNNING:
            return True
        if run.crew.is_cut_off:
            run.interrupted()
            return True
        return False

    def now(self) -> float:
        """The time that the next tick will carry, in UTC seconds."""
        return self.run.driver.now()

    async def acquire_edit(self) -> str:
        """Wait until the core grants an exclusive edit of the state; gives its name.

        Safe to cancel: the place in the queue is given up.
        """
        return await self.run.driver.acquire_edit(execution=self.execution, attempt=self.number)

    def drop_edit(self, owner: str) -> None:
        """End an edit without a commit; one that is over stays so."""
        self.run.driver.drop_edit(owner)

    def commit_edit(self, owner: str, change: Write, branch: str, digest: int) -> None:
        """Write what an exclusive edit came to, and release the state."""
        self.run.driver.emit(EditCommitted, owner, change, self.execution, self.number, branch, digest)
