"""A workload: something to measure, of several sizes, by this engine and by the floor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import attrs
from anyio.abc import TaskGroup

from .backends import run

Sample: TypeAlias = Callable[[str, int], float]
"""Does the work on a backend, for so many items, and gives what it took: seconds or bytes, for all of them."""


@attrs.frozen
class Unit:
    """How a figure is shown: `name`, of which a second or a byte has so many."""

    name: str
    scale: float


MICROSECONDS = Unit("µs", 1e6)
MILLISECONDS = Unit("ms", 1e3)
BYTES = Unit("B", 1)


@attrs.frozen
class Workload:
    """Something to measure.

    Attributes:
        name: How it's called on the command line and in reports.
        item: What a figure is the cost of.
        ours: The work, done by this engine.
        floor: The same work, done by what can't be avoided; None if nothing of the kind is known.
        sizes: How many items; the first size is the one that figures are about, others show growth.
        quick_sizes: The same for a quick look.
        unit: How a figure is shown.
        is_shared: Whether a figure is that of one item, or of the whole.
        has_backend: Whether an event loop has a part in it.
    """

    name: str
    item: str
    ours: Sample
    floor: Sample | None = None
    sizes: tuple[int, ...] = (10_000,)
    quick_sizes: tuple[int, ...] = (1_000,)
    unit: Unit = MICROSECONDS
    is_shared: bool = True
    has_backend: bool = True


def on_loop(work: Callable[[int], Awaitable[float]]) -> Sample:
    """A sample of work that is done in an event loop, made for it."""

    def sample(backend: str, size: int) -> float:
        return run(work, size, backend=backend)

    return sample


def in_group(work: Callable[[TaskGroup, int], Awaitable[float]]) -> Sample:
    """A sample of work that is done in an event loop, with a task group at hand."""

    async def with_group(size: int) -> float:
        results: list[float] = []
        async with anyio.create_task_group() as group:
            results.append(await work(group, size))
        return results[0]

    return on_loop(with_group)


def off_loop(work: Callable[[int], float]) -> Sample:
    """A sample of work without an event loop."""

    def sample(_backend: str, size: int) -> float:
        return work(size)

    return sample


def check(found: object, expected: object) -> None:
    """A workload that does something else than it should measures nothing."""
    if found != expected:
        raise AssertionError(f"the workload gave {found!r} rather than {expected!r}")
