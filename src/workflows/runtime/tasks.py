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
from typing import Any

import anyio

from .spawn import Launch, uninterrupted
from .worker import Worker

_NO_SCOPE: AbstractContextManager[object] = nullcontext()


class Tasks:
    """The tasks of a run, from when its root task begins to when that ends.

    Args:
        spawn: Starts a task that nobody else waits for, and that begins in any case.
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
        spawn: Launch,
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
        self._others += 1
        try:
            self._spawn(partial(self._be_another, partial(function, *args)), self._variables.copy())
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

    @uninterrupted
    async def _be_another(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work, and let nothing out but cancellation: nobody is there to take it, and on Trio it would end the loop.

        Who is cancelled by nobody of the run leaves what it was to do, so the others are stopped as well.
        """
        scope = self.scope()
        try:
            with scope:
                await work()
        except anyio.get_cancelled_exc_class():
            self._stop()
            raise
        except BaseException as error:
            self._errors.append(error)
            self._stop()
        finally:
            self._scopes.pop(scope, None)
            self._others -= 1
            if not self._others and self._ended is not None:
                self._ended.set()
