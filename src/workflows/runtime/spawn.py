"""The one place that knows the backends: detached root tasks, the current task, and a bare checkpoint.

A root task is made for `workflow.run()`, which is called without a task group at hand. It belongs to no scope of the
caller, is held by a strong reference until it ends, and runs in a copy of the caller's context variables. On Trio
it's a system task: it's cancelled when the main task has returned; on asyncio the same happens when the loop is
closed by `asyncio.run()` or `anyio.run()`. Whoever carries it out must let nothing but cancellation escape.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from types import ModuleType
from typing import Any

import anyio

from ..errors import UsageError

_roots: set[Any] = set()  # asyncio keeps only weak references to its tasks


def spawn_root(main: Callable[[], Coroutine[Any, Any, None]], *, name: str, context: Context) -> None:
    """Start `main` as a task that nobody waits for.

    Raises:
        UsageError: No event loop is running in this thread.
    """
    trio = _running_trio()
    if trio is not None:
        trio.lowlevel.spawn_system_task(main, name=name, context=context)
        return
    asyncio = _running_asyncio()
    if asyncio is None:
        raise UsageError(
            "Workflow.run() needs a running event loop and there is none in this thread.\n"
            "  Call it from async code, for example: anyio.run(main), with `async def main(): "
            "return await workflow.run()`."
        )
    task = asyncio.get_running_loop().create_task(main(), name=name, context=context)
    _roots.add(task)
    task.add_done_callback(_roots.discard)


def current_task_getter() -> Callable[[], object]:
    """A function that gives an object for the task that calls it, or None outside of any task."""
    trio = _running_trio()
    if trio is None:
        import asyncio  # noqa: PLC0415  # a run on asyncio has it loaded anyway; one on Trio shouldn't have to

        return _asking(asyncio.current_task)
    return _asking(trio.lowlevel.current_task)


def _asking(current_task: Callable[[], object]) -> Callable[[], object]:
    def ask() -> object:
        try:
            return current_task()
        except RuntimeError:  # called from a thread, or from a callback of the loop
            return None

    return ask


def is_being_cancelled() -> bool:
    """Whether the current task has been cancelled: by a scope around it, or on asyncio by `Task.cancel()`."""
    if _running_trio() is not None:
        return True  # there, nothing but a cancelled scope raises `Cancelled`
    if anyio.current_effective_deadline() == float("-inf"):
        return True
    import asyncio  # noqa: PLC0415  # as above

    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def bare_checkpoint() -> Callable[[], Awaitable[None]]:
    """The backend's own checkpoint, which costs less than the neutral one."""
    trio = _running_trio()
    if trio is not None:
        checkpoint: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        return checkpoint
    import asyncio  # noqa: PLC0415  # as above

    return _sleep_zero(asyncio.sleep)


def _sleep_zero(sleep: Callable[[float], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    def checkpoint() -> Awaitable[None]:
        return sleep(0)

    return checkpoint


def _running_trio() -> ModuleType | None:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio
    return None


def _running_asyncio() -> ModuleType | None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return None
    return asyncio
