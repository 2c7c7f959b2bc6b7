"""What the machine and the backends charge for the things that engines are built of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.lowlevel import checkpoint

from .backends import native_checkpoint, spawn_natively
from .clock import seconds
from .workload import Workload, on_loop


async def _nothing() -> None:
    pass


async def _await(size: int) -> float:
    start = seconds()
    for _ in range(size):
        await _nothing()
    return seconds() - start


async def _anyio_checkpoint(size: int) -> float:
    return await _repeat(checkpoint, size)


async def _native_checkpoint(size: int) -> float:
    return await _repeat(native_checkpoint(), size)


async def _repeat(operation: Callable[[], Awaitable[None]], size: int) -> float:
    start = seconds()
    for _ in range(size):
        await operation()
    return seconds() - start


async def _spawn(size: int) -> float:
    start = seconds()
    async with anyio.create_task_group() as group:
        for _ in range(size):
            group.start_soon(_nothing)
    return seconds() - start


async def _native_spawn(size: int) -> float:
    start = seconds()
    await spawn_natively(_nothing, size)
    return seconds() - start


async def _hop(size: int) -> float:
    send, receive = anyio.create_memory_object_stream[int](1024)

    async def produce() -> None:
        with send:
            for number in range(size):
                await send.send(number)

    start = seconds()
    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        with receive:
            async for _ in receive:
                pass
    return seconds() - start


PRIMITIVES = (
    Workload("await", "await of a coroutine that doesn't suspend", on_loop(_await), sizes=(50_000,)),
    Workload("checkpoint", "checkpoint of anyio", on_loop(_anyio_checkpoint), sizes=(20_000,)),
    Workload("native-checkpoint", "checkpoint of the backend's own", on_loop(_native_checkpoint), sizes=(20_000,)),
    Workload("spawn", "task of an anyio task group, in bulk", on_loop(_spawn), sizes=(2_000,)),
    Workload("native-spawn", "task of the backend's own, in bulk", on_loop(_native_spawn), sizes=(5_000,)),
    Workload("hop", "item through an anyio memory object stream of 1,024", on_loop(_hop), sizes=(10_000,)),
)
