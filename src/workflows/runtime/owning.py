"""Owning: a block that owns runs. Its task group holds their tasks, and wraps nothing."""

from __future__ import annotations

from contextvars import Context as Variables
from types import TracebackType

import anyio
from anyio.abc import TaskGroup

from .spawn import Launch, Main


class OwningGroup:
    """A task group for root tasks, which raise nothing: what its block raises comes out as it is.

    A plain task group would wrap it, an interrupt too, and whoever waits for a `KeyboardInterrupt` would miss it.
    """

    def __init__(self) -> None:
        self._group = anyio.create_task_group()

    async def __aenter__(self) -> TaskGroup:
        return await self._group.__aenter__()

    def shield(self) -> None:
        """From here on nobody else cancels its tasks: those end by themselves, soon."""
        self._group.cancel_scope.shield = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if error is not None and not isinstance(error, anyio.get_cancelled_exc_class()):
            await self._wait()  # noqa: ASYNC102  (its root tasks are being cancelled)
            return None
        interrupt: BaseException | None = None
        try:
            return await self._group.__aexit__(kind, error, traceback)  # noqa: ASYNC102  (as above)
        except BaseExceptionGroup as group:  # only an interrupt of the wait can be in it
            interrupt = group.exceptions[0]
        raise interrupt

    async def _wait(self) -> None:
        """Wait for the root tasks, while an error of the block is on its way: it goes before any other."""
        try:
            await self._group.__aexit__(None, None, None)
        except (anyio.get_cancelled_exc_class(), BaseExceptionGroup):  # noqa: ASYNC103  (the error goes on instead)
            return  # noqa: ASYNC104  (as above)


def launch_in(group: TaskGroup) -> Launch:
    """Launch runs in a task group, each in the context variables of whoever started it. For this package."""

    def start(main: Main) -> None:
        group.start_soon(main)

    def launch(main: Main, variables: Variables) -> None:
        variables.run(start, main)

    return launch
