"""The one place that knows the backends: detached root tasks, the current task, and a bare checkpoint.

A root task is made for `workflow.run()`, which is called without a task group at hand. It belongs to no scope of the
caller, is held by a strong reference until it ends, and runs in a copy of the caller's context variables. On Trio
it's a system task: it's cancelled when the main task has returned; on asyncio the same happens when the loop is
closed by `asyncio.run()` or `anyio.run()`. Whoever carries it out must let nothing but cancellation escape.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from functools import partial
from types import ModuleType
from typing import Any, Protocol, TypeAlias, TypeVar

import anyio
import attrs

from ..errors import UsageError

_roots: set[Any] = set()  # asyncio keeps only weak references to its tasks
_uninterrupted: list[Any] = []

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def uninterrupted(function: FunctionT) -> FunctionT:
    """Have an interrupt (Ctrl-C) that comes while this function is executing raised in the main task, as asyncio does.

    Trio would raise it on the spot: in the middle of a decision, or in a step, which would fail by it.
    """
    _uninterrupted.append(function)
    return function


class Call(Protocol):
    """A function that the loop is going to call."""

    def cancel(self) -> None:
        """It isn't."""
        ...


class Root(Protocol):
    """What runs a root task: a task of asyncio's own, or the nursery of Trio's system tasks."""

    @property
    def is_closing(self) -> bool:
        """Whether all that the task belongs to is being closed, since main has returned."""
        ...


Main: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Launch: TypeAlias = Callable[[Main, Context], None]


@attrs.frozen
class Backend:
    """What the runtime asks of asyncio or Trio itself.

    Attributes:
        spawn: Starts a coroutine function in a context, as a task that nobody waits for. It begins in any case: if it's
            cancelled before its first turn, it's told of that at its first checkpoint.
        current_task: Gives an object for the task that calls it; None outside of any.
        current_task_here: Gives the same as a function for the event loop and the thread that it's called in alone,
            which costs a fraction: it needn't find out which loop runs.
        current_root: Gives what runs the calling task, which is a root task; on asyncio None if it isn't. It knows that
            the loop is being closed before any task gets to its clean-up, while asyncio tells one after the other.
        has_waited: Whether a task, the one that calls, has waited since this was last asked with the same mark; None
            where nothing tells.
        next_turn_here: Gives what has a function called when the event loop of this thread comes to its next turn,
            before any task that waits now goes on; None where nothing can be done then.
        checkpoint: The backend's own checkpoint, which costs less than the neutral one.
        be_cancelled: Where a task whose scope has been cancelled is told of it, at the least price. On asyncio it goes
            on if it isn't.
        call_later: Has a function called in so many seconds of the loop's clock, in no task; None where only a task can
            wait.
        loop: Gives an object for the event loop that runs in this thread.
        call_in: Has a function called in such a loop, from any thread; does nothing if the loop is closed.
        cancelled: What cancellation raises.
    """

    spawn: Launch
    current_task: Callable[[], object]
    current_task_here: Callable[[], Callable[[], object]]
    current_root: Callable[[], Root | None]
    has_waited: Callable[[Any, object], bool] | None
    next_turn_here: Callable[[], Callable[[Callable[[], object]], object] | None]
    checkpoint: Callable[[], Awaitable[None]]
    be_cancelled: Callable[[], Awaitable[None]]
    call_later: Callable[[float, Callable[[], None]], Call] | None
    loop: Callable[[], object]
    call_in: Callable[[Any, Callable[[], object]], None]
    cancelled: type[BaseException]


_backends: dict[str, Backend] = {}


def backend() -> Backend:
    """The backend that's running in this thread.

    Raises:
        UsageError: None is.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return _backends.get("trio") or _backends.setdefault("trio", _trio_backend(trio))
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not _has_loop(asyncio):
        raise UsageError(
            "A run needs a running event loop, of asyncio or Trio, and there is none in this thread.\n"
            "  Start it from async code, for example: anyio.run(main), with `async def main(): "
            "return await workflow.run()`."
        )
    return _backends.get("asyncio") or _backends.setdefault("asyncio", _asyncio_backend(asyncio))


def is_being_cancelled() -> bool:
    """Whether the current task has been cancelled: by a scope around it, or on asyncio by `Task.cancel()`."""
    trio, asyncio = sys.modules.get("trio"), sys.modules.get("asyncio")
    if asyncio is None or (trio is not None and trio.lowlevel.in_trio_run()):
        return True  # there, nothing but a cancelled scope raises `Cancelled`
    if anyio.current_effective_deadline() == float("-inf"):
        return True
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def cancel_if_told_once() -> None:
    """Cancel the current task once more, if nobody else does: asyncio tells tasks of its own only once."""
    trio, asyncio = sys.modules.get("trio"), sys.modules.get("asyncio")
    if asyncio is None or (trio is not None and trio.lowlevel.in_trio_run()):
        return
    if anyio.get_current_task().parent_id is not None:
        return  # started by an AnyIO task group, whose scope goes on cancelling
    task = asyncio.current_task()
    if task is not None:
        task.cancel()


def _has_loop(asyncio: ModuleType) -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _SystemNursery:
    def __init__(self, scope: Any) -> None:
        self._scope = scope

    @property
    def is_closing(self) -> bool:
        return bool(self._scope.cancel_called)


def _trio_backend(trio: ModuleType) -> Backend:
    def spawn(main: Main, context: Context) -> None:
        trio.lowlevel.spawn_system_task(main, name="workflow run", context=context)

    for function in _uninterrupted:
        trio.lowlevel.enable_ki_protection(function)

    def call_in(token: Any, function: Callable[[], object]) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(function)

    def has_waited(task: Any, mark: object) -> bool:
        found, task.custom_sleep_data = task.custom_sleep_data, mark  # Trio clears it whenever the task is rescheduled
        return found is not mark

    current_task = _or_none(trio.lowlevel.current_task)
    return Backend(
        spawn,
        current_task,
        lambda: current_task,
        lambda: _SystemNursery(trio.lowlevel.current_task().parent_nursery.cancel_scope),
        has_waited,
        lambda: None,
        trio.lowlevel.checkpoint,
        trio.sleep_forever,
        None,
        trio.lowlevel.current_trio_token,
        call_in,
        trio.Cancelled,
    )


def _asyncio_tasks(asyncio: ModuleType) -> tuple[Launch, Callable[[], Root | None]]:
    """Give what starts tasks of asyncio's own, and what finds the one that calls."""

    class RootTask(asyncio.Task):  # type: ignore[misc, name-defined]  # a module that's passed has no types
        """A task that notices when its loop is closed: that's when it's cancelled while the loop doesn't run."""

        is_closing = False
        has_begun = False

        def __repr__(self) -> str:
            """Short: AnyIO writes it down whenever a scope is cancelled, which is how steps are suspended."""
            return f"<task of a workflow run at {id(self):#x}>"

        def cancel(self, msg: Any = None) -> bool:
            """Cancel it, as asyncio does, but not before its first turn: it would never begin, and nobody be told."""
            loop = self.get_loop()
            self.is_closing = self.is_closing or not loop.is_running()
            if not self.has_begun and not loop.is_closed():
                loop.call_soon(self.cancel, msg)
                return True
            return bool(super().cancel(msg))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    def spawn(main: Main, context: Context) -> None:
        _roots.add(RootTask(till_ended(main), loop=asyncio.get_running_loop(), name="workflow run", context=context))

    async def till_ended(main: Main) -> None:
        task: Any = asyncio.current_task()
        try:
            task.has_begun = True
            await main()
        finally:
            _roots.discard(task)  # at a fraction of what a callback costs

    def current_root() -> RootTask | None:
        task = asyncio.current_task()
        return task if isinstance(task, RootTask) else None

    return spawn, current_root


def _asyncio_backend(asyncio: ModuleType) -> Backend:
    spawn, current_root = _asyncio_tasks(asyncio)

    def call_in(loop: Any, function: Callable[[], object]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(function)

    def call_later(delay_s: float, function: Callable[[], None]) -> Call:
        no_variables = Context()  # for the loop keeps them for a while after a call was cancelled
        call: Call = asyncio.get_running_loop().call_later(delay_s, function, context=no_variables)
        return call

    def current_task_here() -> Callable[[], object]:
        loop, current_task = asyncio.get_running_loop(), asyncio.current_task
        return lambda: current_task(loop)  # a `partial` would cost twice as much in Python 3.11

    return Backend(
        spawn,
        _or_none(asyncio.current_task),
        current_task_here,
        current_root,
        None,
        lambda: asyncio.get_running_loop().call_soon,
        partial(asyncio.sleep, 0),
        partial(asyncio.sleep, 0),  # a task that waits for something would be told a turn later
        call_later,
        asyncio.get_running_loop,
        call_in,
        asyncio.CancelledError,
    )


def _or_none(current_task: Callable[[], object]) -> Callable[[], object]:
    def task() -> object:
        try:
            return current_task()
        except RuntimeError:  # called from a thread, or from a callback of the loop
            return None

    return task
