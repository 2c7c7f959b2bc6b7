"""The backends, and what is their own: checkpoints and tasks, which cost less than the neutral ones."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import anyio

if TYPE_CHECKING:
    import trio

HAS_TRIO = importlib.util.find_spec("trio") is not None
if HAS_TRIO:
    import trio

BACKENDS = ("asyncio", "trio") if HAS_TRIO else ("asyncio",)
UVLOOP = "uvloop"  # asyncio with another event loop
VARIANTS = (*BACKENDS, UVLOOP) if importlib.util.find_spec("uvloop") is not None else BACKENDS
NO_BACKEND = "-"  # for what no event loop has a part in

ResultT = TypeVar("ResultT")
Checkpoint: TypeAlias = Callable[[], Awaitable[None]]


def run(function: Callable[..., Awaitable[ResultT]], *arguments: object, backend: str) -> ResultT:
    """Run a function in an event loop that is made for it."""
    if backend == UVLOOP:
        return anyio.run(function, *arguments, backend="asyncio", backend_options={"use_uvloop": True})
    return anyio.run(function, *arguments, backend=backend)


def native_checkpoint() -> Checkpoint:
    """The checkpoint of the backend that is running."""
    return trio.lowlevel.checkpoint if is_trio() else _asyncio_checkpoint


def is_trio() -> bool:
    """Whether Trio is running."""
    return HAS_TRIO and trio.lowlevel.in_trio_run()


def _asyncio_checkpoint() -> Awaitable[None]:
    return asyncio.sleep(0)


async def spawn_natively(function: Callable[[], Awaitable[None]], count: int) -> None:
    """Start so many tasks of the backend's own, and wait for all of them."""
    if is_trio():
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(function)
        return

    async def coroutine() -> None:
        await function()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(coroutine())
