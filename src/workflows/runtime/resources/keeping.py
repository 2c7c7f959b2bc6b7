"""Keeping: the resources that live as long as a run is at work.

Rules:
- Each is opened and closed by a task of its own, so that what it does in between (task groups, cancel scopes) nests as
  it must. Whoever needs it first has that task started; if that one fails or is cancelled, the others do it themselves.
- They're closed when no step of the run is at work any more, the last one first: at its end, however it ends, and when
  all of it waits. One that's needed again is opened anew, when the others have been closed.
- Steps have ended, with their clean-up, before a resource of theirs is closed. Closing is shielded, and given up after
  the run's grace.
- An error of closing joins the run's failure. A resource that breaks while it's open brings the run to a standstill.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from contextvars import Context as ContextVars
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import anyio
import attrs
from anyio.abc import TaskGroup

from ...core.state import RunState
from ...core.statuses import DELAYED, RUNNING
from ...core.ticks import CancelRequested
from ...errors import WorkflowRuntimeError
from ..attempt import outside_of_steps
from ..telling import tell_unclosed
from .factories import Resource
from .lifetimes import Plan
from .resolving import Resolution

if TYPE_CHECKING:
    from ..run import Run

logger: logging.Logger = logging.getLogger("workflows")


@attrs.define(eq=False)
class _Entry:
    """One resource, from when somebody needs it to when it's closed."""

    plan: Plan
    scope: anyio.CancelScope | None = None
    is_open: bool = False
    is_unwanted: bool = False
    value: Any = None
    error: BaseException | None = None
    settled: anyio.Event = attrs.field(factory=anyio.Event)
    """It's open, or won't be."""
    to_close: anyio.Event = attrs.field(factory=anyio.Event)
    ended: anyio.Event = attrs.field(factory=anyio.Event)


def _will_try_again(state: RunState) -> bool:
    """Whether a step of a run, or of a child, waits for the delay before a retry."""
    if any(execution.status is DELAYED for execution in state.executions.values()):
        return True
    return any(_will_try_again(child.state) for child in state.children.values())


class Keeping:
    """The open resources of one run, those of its children too.

    Attributes:
        errors: What closing them has raised, and nobody was told yet.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._variables: ContextVars = outside_of_steps(copy_context())
        self._group: TaskGroup | None = None
        self._entries: dict[Hashable, _Entry] = {}
        self._open: list[_Entry] = []  # in the order in which they were opened
        self._closed: anyio.Event | None = None  # set when those that are being closed are
        self.errors: list[BaseException] = []

    # For steps

    async def get(self, plan: Plan, resolution: Resolution) -> Any:
        """Give a resource of the run; open it if it isn't.

        Safe to cancel: it's opened by the next one who needs it.
        """
        while True:
            if self._closed is not None:
                await self._closed.wait()
                continue
            entry = self._entries.get(plan.key)
            if entry is None:
                return await self._open_anew(plan, resolution)
            if entry.is_open:
                return entry.value
            await entry.settled.wait()

    async def _open_anew(self, plan: Plan, resolution: Resolution) -> Any:
        entry = self._entries[plan.key] = _Entry(plan)
        try:
            arguments = await resolution.arguments(plan)
            assert self._group is not None
            self._start(self._group, self._keep, entry, arguments)
            await entry.settled.wait()
        finally:
            if not entry.is_open:
                self._give_up(entry)
        if entry.error is not None:
            raise entry.error
        if not entry.is_open:
            raise WorkflowRuntimeError(f"Resource {plan.resource.name!r} cancelled itself while it was opened.")
        return entry.value

    def _give_up(self, entry: _Entry) -> None:
        """It won't be opened: let the next one try."""
        entry.is_unwanted = True
        if entry.scope is not None:
            entry.scope.cancel()
        if self._entries.get(entry.plan.key) is entry:
            del self._entries[entry.plan.key]
        entry.settled.set()

    def _start(self, group: TaskGroup, function: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Start a task of the run, with the context variables of whoever started the run: it's no part of a step."""

        def start() -> None:
            group.start_soon(function, *args)

        self._variables.copy().run(start)

    # The task of one resource

    async def _keep(self, entry: _Entry, arguments: dict[str, Any]) -> None:
        try:
            await self._hold_open(entry, arguments)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            self._failed(entry, error)
        finally:
            if entry in self._open:
                self._open.remove(entry)
            self._give_up(entry)
            entry.is_open = False
            entry.ended.set()

    async def _hold_open(self, entry: _Entry, arguments: dict[str, Any]) -> None:
        resource = entry.plan.resource
        assert isinstance(resource, Resource)
        with anyio.CancelScope() as entry.scope:
            if entry.is_unwanted:
                return
            async with resource.open(arguments) as value:
                entry.scope.shield = True
                entry.value, entry.is_open = value, True
                self._open.append(entry)
                entry.settled.set()
                await entry.to_close.wait()
                entry.scope.deadline = anyio.current_time() + self._run.grace_s
        if entry.scope.cancelled_caught and entry.is_open:
            tell_unclosed(self._run.run_id, resource.name, self._run.grace_s)

    def _failed(self, entry: _Entry, error: BaseException) -> None:
        name = entry.plan.resource.name
        if not entry.is_open:
            error.add_note(f"while resource {name!r} was made")
            entry.error = error
            return
        is_closing = entry.to_close.is_set()
        error.add_note(f"while resource {name!r} was {'closed' if is_closing else 'open'}")
        self.errors.append(error)
        if not is_closing:
            self._run.driver.emit_at(self._run.driver.now_or_last(), CancelRequested, f"resource {name!r} broke")

    # Closing

    @asynccontextmanager
    async def open_here(self) -> AsyncGenerator[None]:
        """The block in which the run is at work; when it's left, all are closed."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self._close_all()
                self._group = None

    def all_wait(self) -> None:
        """No step is at work, but there's a task that waits: close what's open, unless a step is about to try again."""
        if not self._open or self._closed is not None or self._group is None or self._run.is_at_work:
            return
        if not _will_try_again(self._run.core.state):
            self._start(self._group, self._close_while_waiting)

    async def _close_while_waiting(self) -> None:
        if not self._run.is_at_work:
            with anyio.CancelScope(shield=True):
                await self._close_all()
        self.log_errors()

    async def _close_all(self) -> None:
        """Close all, the last one first."""
        if self._closed is not None:
            await self._closed.wait()
        self._closed = anyio.Event()
        while self._open:
            entry = self._open[-1]
            entry.to_close.set()
            await entry.ended.wait()
        self._closed.set()
        self._closed = None

    def log_errors(self) -> None:
        """The run goes on, or has its result: say what closing has raised."""
        if self._run.core.state.status is not RUNNING:
            return
        errors, self.errors = self.errors, []
        for error in errors:
            logger.error(
                "a resource of run %s couldn't be closed",
                self._run.run_id,
                exc_info=error,
                extra={"run_id": self._run.run_id},
            )
