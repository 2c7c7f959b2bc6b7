"""`Runtime`: a block that owns runs. Without a store they live in memory; with one, they survive the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from .context import Context
from .context.context import OnMismatch
from .durability.keeper import Keeper
from .durability.run_host import RunHost
from .durability.sending import Sender
from .durability.store import Store
from .durability.stored_runs import StoredRuns
from .errors import UsageError
from .handler import WorkflowHandler
from .runtime.clock import utc_seconds
from .runtime.owning import OwningGroup, launch_in
from .types import ResultT_co, StartT
from .workflow import Workflow


class Runtime(StoredRuns):
    """Owns the runs that are started through it: `async with Runtime() as runtime: runtime.run(workflow)`.

    Leaving the block, however that happens, ends all runs that still go on; they have ended when the block has. What
    they were can be kept with `handler.ctx.to_dict()`.

    With a `store` runs are durable: whatever happens to one is stored before anybody acts upon it, and a run that was
    cut short, by the end of the block or by that of the process, goes on when a runtime opens the store again. A run in
    which everything waits takes no memory unless somebody holds its handler.

    Args:
        workflows: The workflows that are run here; each by its `workflow_name`.
        store: Where runs are kept, such as `workflows.durability.SqliteStore("runs.db")`; None for memory.
        recover: Whether unfinished runs of the store that nobody carries are gone on with: on entering, and whenever
            one falls due. Without it, a runtime starts, reads and answers runs, and leaves carrying them to others.
        release_idle: Whether runs in which everything waits are dropped from memory.
        lease: Seconds after which others take a runtime for dead that doesn't tell of itself; it does three times as
            often.
        poll: Seconds between two looks at what others have changed in the store.
        keep: How long runs that have ended are kept, in seconds or as a timedelta; None for ever.

    Raises:
        UsageError: Two workflows have one name, or something isn't what it has to be.
    """

    def __init__(
        self,
        *,
        workflows: Iterable[Workflow[Any, Any]] = (),
        store: Store | None = None,
        recover: bool = True,
        release_idle: bool = True,
        lease: float = 30.0,
        poll: float = 0.1,
        keep: float | timedelta | None = None,
    ) -> None:
        super().__init__()
        for workflow in workflows:
            self._register(workflow)
        _check_store(store)
        for name, seconds in (("lease", lease), ("poll", poll)):
            if not (_is_number(seconds) and seconds > 0):
                raise UsageError(f"{name}={seconds!r} is no length of time. Give seconds, more than 0.")
        keep_s = keep.total_seconds() if isinstance(keep, timedelta) else keep
        if keep_s is not None and not (_is_number(keep_s) and keep_s >= 0):
            raise UsageError(
                f"keep={keep!r} is no length of time. Give seconds or a timedelta, not less than 0, or None to keep "
                "runs for ever."
            )
        self._store = store
        self._recovers = recover
        self._releases_idle = release_idle
        self._lease_s = lease
        self._poll_s = poll
        self._keep_s = keep_s
        self._group: TaskGroup | None = None
        self._owning: OwningGroup | None = None
        self._services: OwningGroup | None = None
        self._handlers: dict[str, tuple[Workflow[Any, Any], WorkflowHandler[Any]]] = {}

    def _register(self, workflow: Workflow[Any, Any]) -> None:
        _check_workflow(workflow)
        other = self._workflows.setdefault(workflow.workflow_name, workflow)
        if other is not workflow:
            raise UsageError(
                f"Two workflows are named {workflow.workflow_name!r}; give one a workflow_name= of its own."
            )

    # Its block

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise UsageError("This Runtime is open already; make another one for another block.")
        if self._store is not None:
            await self._open(self._store)
        self._owning = OwningGroup()
        self._group = await self._owning.__aenter__()
        if self._host is not None:
            self._host.launch = launch_in(self._group)
            if self._recovers:
                try:
                    await self.recover()
                except BaseException as error:
                    await self.__aexit__(type(error), error, error.__traceback__)  # noqa: ASYNC102
                    raise
        return self

    async def _open(self, store: Store) -> None:
        """Open the store, and start what looks after its runs."""
        await store.open()
        try:
            await self._begin(store)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await store.close()
            raise

    async def _begin(self, store: Store) -> None:
        host = RunHost(store, self._workflows, utc_seconds(None), releases_idle=self._releases_idle)
        sender = Sender(host, carries_on=self._recovers, poll_s=self._poll_s)
        keeper = Keeper(
            host,
            sender,
            lease_s=self._lease_s,
            poll_s=self._poll_s,
            carries_on=self._recovers,
            keep_s=self._keep_s,
        )
        await keeper.enlist()
        self._services = OwningGroup()
        group = await self._services.__aenter__()
        group.start_soon(host.commits.work)
        group.start_soon(keeper.work)
        self._host, self._sender, self._keeper = host, sender, keeper

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        owning, self._owning, self._group = self._owning, None, None
        assert owning is not None
        if self._host is not None and self._keeper is not None:
            self._keeper.stop()
            self._host.leave()
        for _, handler in self._handlers.values():
            handler.run.cancel("its Runtime was left")
        try:
            is_handled = await owning.__aexit__(kind, error, traceback)  # noqa: ASYNC102  (its runs are being cancelled)
        finally:
            if self._host is not None:
                await self._close(self._host)  # noqa: ASYNC102  (what is staged is stored, and the store closed)
            for _, handler in self._handlers.values():
                handler.run.outcome.log_if_unheard()
        if error is None:
            await checkpoint_if_cancelled()  # noqa: ASYNC102  (a cancellation that came as the shield went up stays one)
        return is_handled

    async def _close(self, host: RunHost) -> None:
        services, self._services = self._services, None
        assert services is not None
        host.commits.finish()
        services.shield()
        await services.__aexit__(None, None, None)
        self._host = self._sender = self._keeper = None
        with anyio.CancelScope(shield=True):
            await host.retire()

    # Running

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

        With a store, the run begins when its beginning is stored.

        Raises:
            UsageError: The block isn't open, there's a run of this id here already, or another workflow of this name.
            RunExists: When the handler is awaited: a run of this id is stored already.
            StoreError: When the handler is awaited: the run couldn't be stored any more.
        """
        group = self._opened()
        if self._host is not None:
            self._register(workflow)
            return self._host.start(workflow, ctx, start_event, inputs, run_id=run_id)
        if run_id is not None and run_id in self._handlers and not self._handlers[run_id][1].is_done():
            raise UsageError(f"Run {run_id!r} is going on in this Runtime already.")
        handler = workflow.begin_run(launch_in(group), ctx, start_event, inputs, run_id=run_id, is_owned=True)
        self._handlers[handler.run_id] = (workflow, handler)
        return handler

    def resume(self, run_id: str, *, on_mismatch: OnMismatch = "error") -> WorkflowHandler[Any]:
        """Go on with a run that was cancelled or cut short; of one that goes on here or is over, give the handler.

        Args:
            run_id: The run: of this block, or of the store.
            on_mismatch: What to do if the workflow can't carry on what is stored: as for `Context.from_dict`. What is
                accepted is accepted for as long as this block is open, also if the run leaves memory meanwhile.

        Raises:
            UsageError: There's no such run in this block, or its workflow isn't registered here.
            RunNotFound: There's no such run in the store. (It's a UsageError.)
            RunOwnedElsewhere: A living runtime carries it. (It's a UsageError.)
            SnapshotMismatch: It doesn't fit its workflow. It stays as it is.
            StoreError: It can't be read.
        """
        self._opened()
        if self._host is not None:
            return self._host.resume(run_id, on_mismatch=on_mismatch)
        found = self._handlers.get(run_id)
        if found is None:
            known = ", ".join(map(repr, self._handlers)) or "none"
            raise UsageError(f"There's no run {run_id!r} in this Runtime; there are: {known}.")
        workflow, handler = found
        if not handler.is_done() or not handler.ctx.is_running:
            return handler
        return self.run(workflow, handler.ctx)

    async def recover(self) -> list[WorkflowHandler[Any]]:
        """Go on with all runs that were cut short; gives the handlers of those that go on here.

        Of a store, that's every unfinished run which no living runtime carries and which has something to do: whose
        steps were at work, or whose deadline has passed. One that waits costs nothing, and is left to wait. What can't
        be carried on, since its workflow isn't registered or doesn't fit, is logged, kept in `problems`, and left as
        it is. Without a store, it's the runs of this block that were cancelled.

        Safe to cancel.
        """
        self._opened()
        await checkpoint()
        if self._host is not None and self._keeper is not None:
            host = self._host
            handlers = [host.handler(run_id) for run_id in await self._keeper.recover()]
            return [handler for handler in handlers if handler is not None]
        halted = [name for name, (_, handler) in self._handlers.items() if handler.is_done() and handler.ctx.is_running]
        return [self.resume(name) for name in halted]

    @property
    def workflows(self) -> Mapping[str, Workflow[Any, Any]]:
        """The workflows that are registered here, by name."""
        return dict(self._workflows)

    # What it consists of

    def _opened(self) -> TaskGroup:
        if self._group is None:
            raise UsageError("This Runtime isn't open: use it inside `async with Runtime() as runtime:`.")
        return self._group


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _check_store(store: object) -> None:
    if store is not None and not hasattr(store, "enlist"):
        raise UsageError(f"store={store!r} is no store. Give one, such as SqliteStore('runs.db'), or None for memory.")


def _check_workflow(workflow: object) -> None:
    if not isinstance(workflow, Workflow):
        raise UsageError(
            f"{workflow!r} is no workflow. Give an instance of a Workflow class; runs of it are known by its name."
        )
