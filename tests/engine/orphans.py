"""Orphans: whether a run has left tasks behind."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint


@asynccontextmanager
async def no_task_left() -> AsyncGenerator[None]:
    """Fail if a task that was started in the block is alive when it has ended, on either backend."""
    before = {task.id for task in anyio.get_running_tasks()}
    yield
    left = [task for task in anyio.get_running_tasks() if task.id not in before]
    assert not left, f"still running: {left}"


async def wait_until_all_wait() -> None:
    """Give way until nothing else has anything to do."""
    for _ in range(20):  # usually enough; where it isn't, asyncio is asked only every tenth of a second
        await checkpoint()
    await anyio.wait_all_tasks_blocked()
