"""`Runtime`: a block that owns runs. Here they live in memory; a store makes them durable."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from .context import Context
from .errors import UsageError
from .handler import WorkflowHandler
from .runtime.owning import OwningGroup, launch_in
from .types import ResultT_co, StartT
from .workflow import Workflow


class Runtime:
    """Owns the runs that are started through it: `async with Runtime() as runtime: runtime.run(workflow)`.

    Leaving the block, however that happens, ends all runs that still go on; they have ended when the block has. What
    they were can be kept with `handler.ctx.to_dict()`.

    Args:
        workflows: The workflows that are run here; each by its `workflow_name`.
    """

    def __init__(self, *, workflows: Iterable[Workflow] = ()) -> None:
        self._workflows: dict[str, Workflow] = {}
        for workflow in workflows:
            other = self._workflows.setdefault(workflow.workflow_name, workflow)
            if other is not workflow:
                raise UsageError(
                    f"Two workflows are named {workflow.workflow_name!r}; give one a workflow_name= of its own."
                )
        self._owning: OwningGroup | None = None
        self._group: TaskGroup | None = None
        self._handlers: dict[str, tuple[Workflow, WorkflowHandler]] = {}

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise UsageError("This Runtime is open already; make another one for another block.")
        self._owning = OwningGroup()
        self._group = await self._owning.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        owning, self._owning, self._group = self._owning, None, None
        assert owning is not None
        for _, handler in self._handlers.values():
            handler.run.cancel("its Runtime was left")
        try:
            return await owning.__aexit__(kind, error, traceback)  # noqa: ASYNC102  (its runs are being cancelled)
        finally:
            for _, handler in self._handlers.values():
                handler.run.outcome.log_if_unheard()

    def run(
        self,
        workflow: Workflow[StartT, ResultT_co],
        ctx: Context[Any] | None = None,
        start_event: StartT | None = None,
        *,
        run_id: str | None = None,
        **inputs: Any,
    ) -> WorkflowHandler[ResultT_co]:
        """Start a run. Arguments and errors are those of `Workflow.run`.

        Raises:
            UsageError: The block isn't open, or there's a run of this id already.
        """
        group = self._opened()
        if run_id is not None and run_id in self._handlers and not self._handlers[run_id][1].is_done():
            raise UsageError(f"Run {run_id!r} is going on in this Runtime already.")
        handler = workflow.begin_run(launch_in(group), ctx, start_event, inputs, run_id=run_id, is_owned=True)
        self._handlers[handler.run_id] = (workflow, handler)
        return handler

    def resume(self, run_id: str) -> WorkflowHandler:
        """Go on with a run of this block that was cancelled; of one that goes on or is over, give the handler.

        Raises:
            UsageError: There's no such run.
        """
        found = self._handlers.get(run_id)
        if found is None:
            known = ", ".join(map(repr, self._handlers)) or "none"
            raise UsageError(f"There's no run {run_id!r} in this Runtime; there are: {known}.")
        workflow, handler = found
        if not handler.is_done() or not handler.ctx.is_running:
            return handler
        return self.run(workflow, handler.ctx)

    async def recover(self) -> list[WorkflowHandler]:
        """Go on with all runs of this block that were cancelled. Safe to cancel."""
        self._opened()
        await checkpoint()
        halted = [name for name, (_, handler) in self._handlers.items() if handler.is_done() and handler.ctx.is_running]
        return [self.resume(name) for name in halted]

    def _opened(self) -> TaskGroup:
        if self._group is None:
            raise UsageError("This Runtime isn't open: use it inside `async with Runtime() as runtime:`.")
        return self._group
