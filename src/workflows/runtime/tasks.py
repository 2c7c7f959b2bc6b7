"""Tasks: those of one run. The root task is the first, and waits for the others, which have ended when it ends.

A task group in the root task would do the same, at a third of the price of a run that needs no second task, and five
times that of each further task. The others are the backend's own tasks, as the root task of a bare `run()` is, and may
so be started from where no task is: when the event loop says that it's time.

Rules:
- Each has a scope of its own, which is cancelled when the run's time is up, and by nobody else: see `Crew.stop()`. If a
  block owns the run, it's shielded, as that block tells the run when it's left. If none does, and the run has as much
  time as it likes, nothing would ever come of a scope.
- One that raises lets nothing out: what it raised is kept for the root task, and the others are stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context as ContextVars
from functools import partial
from typing import Any, TypeAlias

import anyio

from .spawn import Spawn, uninterrupted
from .worker import Worker

Main: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Launch: TypeAlias = Callable[[Main, ContextVars], None]

_NO_SCOPE: AbstractContextManager[object] = nullcontext()


class Tasks:
    """The tasks of a run, from when its root task begins to when that ends.

    Args:
        spawn: Starts a task that nobody else waits for, and calls a function when it has ended.
        variables: The context variables of whoever started the run; each task has a copy.
        stop: Called when one has raised, to stop the others.
        is_owned: Whether a block owns the run.
        is_limited: Whether the run has only so much time.

    Attributes:
        workers: Those tasks that call steps.
    """

    __slots__ = (
        "_deadline", "_ended", "_errors", "_has_scopes", "_is_owned", "_others", "_root_scope", "_scopes", "_spawn",
        "_stop", "_variables", "workers",
    )  # fmt: skip

    def __init__(
        self,
        spawn: Spawn,
        variables: ContextVars,
        stop: Callable[[], None],
        *,
        is_owned: bool,
        is_limited: bool,
    ) -> None:
        self._spawn = spawn
        self._variables = variables
        self._deadline = float("inf")
        self._is_owned = is_owned
        self._has_scopes = is_owned or is_limited
        self._stop = stop
        self._scopes: dict[object, anyio.CancelScope] = {}
        self._root_scope: anyio.CancelScope | None = None
        self._others = 0  # how many there are beside the root task, those included that haven't come to run yet
        self._ended: anyio.Event | None = None  # set when there are none, if the root task waits for that
        self._errors: list[BaseException] = []
        self.workers: dict[Worker, None] = {}

    def start(self, function: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Start a task beside the root task."""
        task = _Another(self, partial(function, *args))
        self._others += 1
        try:
            self._spawn(task.be, self._variables.copy(), task.ended)
        except BaseException:
            self._others -= 1
            raise

    def set_deadline(self, deadline: float) -> None:
        """The run's time is up at this instant of the loop's clock."""
        self._deadline = deadline
        for scope in self._scopes.values():
            scope.deadline = deadline

    @property
    def are_out_of_time(self) -> bool:
        """Whether the run's time is up."""
        return self._root_scope is not None and self._root_scope.cancel_called

    def scope(self) -> AbstractContextManager[object]:
        """What one of them does all its work in; the root task is the first to ask for it."""
        if not self._has_scopes:
            return _NO_SCOPE
        scope = anyio.CancelScope(deadline=self._deadline, shield=self._is_owned)
        self._scopes[scope] = scope
        self._root_scope = self._root_scope or scope
        return scope

    async def others_ended(self) -> None:
        """Wait in the root task till the others have ended, however long that takes, and raise what they've raised.

        Cancellation is kept away: they have their own. A root task of asyncio's that's cancelled by itself is told
        afterwards.
        """
        cancelled: BaseException | None = None
        while self._others:
            self._ended = anyio.Event()
            try:
                with anyio.CancelScope(shield=True):
                    await self._ended.wait()
            except anyio.get_cancelled_exc_class() as error:  # noqa: ASYNC103, ASYNC104  (it's raised below)
                cancelled = error
        if self._errors:
            raise BaseExceptionGroup("tasks of a run have failed", self._errors)
        if cancelled is not None:
            raise cancelled

    def failed(self, error: BaseException) -> None:
        """One has raised: keep that for the root task, and stop the others."""
        self._errors.append(error)
        self._stop()

    def cut_off(self) -> None:
        """One was cancelled, by nobody of the run, and leaves what it was to do: stop the others."""
        self._stop()

    def one_ended(self, scope: object, *, has_begun: bool) -> None:
        """A task beside the root task has ended. One that was cancelled before it began left what it was to do."""
        self._scopes.pop(scope, None)
        self._others -= 1
        if not has_begun:
            self._stop()
        if not self._others and self._ended is not None:
            self._ended.set()


class _Another:
    """A task beside the root task."""

    __slots__ = ("_has_begun", "_scope", "_tasks", "_work")

    def __init__(self, tasks: Tasks, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks = tasks
        self._work = work
        self._has_begun = False
        self._scope: AbstractContextManager[object] | None = None

    @uninterrupted
    async def be(self) -> None:
        """Work, and let nothing out but cancellation: nobody is there to take it, and on Trio it would end the loop."""
        self._has_begun = True
        self._scope = self._tasks.scope()
        try:
            with self._scope:
                await self._work()
        except anyio.get_cancelled_exc_class():
            self._tasks.cut_off()
            raise
        except BaseException as error:
            self._tasks.failed(error)

    def ended(self) -> None:
        """It has ended; on asyncio, a task that's cancelled before its first turn never begins."""
        self._tasks.one_ended(self._scope, has_begun=self._has_begun)
