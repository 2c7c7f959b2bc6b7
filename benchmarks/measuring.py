"""Measuring: rounds over all workloads, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from statistics import median

import attrs

from .backends import NO_BACKEND
from .workload import Sample, Workload


@attrs.frozen
class Spread:
    """The median of several samples, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Of at least one sample."""
        return cls(median(samples), min(samples), max(samples))


@attrs.frozen
class Figure:
    """What a workload of one size costs on one backend; `ratio` is that of ours to the floor, round by round."""

    workload: Workload
    size: int
    backend: str
    ours: Spread
    floor: Spread | None
    ratio: Spread | None


@attrs.define
class _Series:
    workload: Workload
    size: int
    backend: str
    rounds: int
    ours: list[float] = attrs.field(factory=list[float])
    floor: list[float] = attrs.field(factory=list[float])

    def measure(self, *, floor_first: bool) -> None:
        subjects = [(self.workload.ours, self.ours)]
        if self.workload.floor is not None:
            subjects.append((self.workload.floor, self.floor))
        for sample, found in reversed(subjects) if floor_first else subjects:
            found.append(self._sampled(sample))

    def _sampled(self, sample: Sample) -> float:
        gc.collect()
        whole = sample(self.backend, self.size) * self.workload.unit.scale
        return whole / self.size if self.workload.is_shared else whole

    def figure(self) -> Figure:
        # what the system counts may not have grown at all
        ratios = [ours / floor for ours, floor in zip(self.ours, self.floor, strict=False) if floor]
        return Figure(
            self.workload,
            self.size,
            self.backend,
            Spread.of(self.ours),
            Spread.of(self.floor) if self.floor else None,
            Spread.of(ratios) if ratios else None,
        )


def measure(
    workloads: Sequence[Workload],
    backends: Sequence[str],
    *,
    rounds: int,
    growth_rounds: int | None = None,
    is_quick: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Figure]:
    """Measure workloads.

    Args:
        workloads: What to measure.
        backends: On which backends; a workload without an event loop is measured once.
        rounds: How often; within a round everything is measured once, ours and the floor side by side and taking turns.
        growth_rounds: In how many of the rounds the sizes that show growth are measured: in all, if not given.
        is_quick: Take the small sizes.
        tell: Is told what is being measured.
    """
    series = [
        _Series(workload, size, backend, rounds if place == 0 or growth_rounds is None else growth_rounds)
        for workload in workloads
        for place, size in enumerate(workload.quick_sizes if is_quick else workload.sizes)
        for backend in (backends if workload.has_backend else (NO_BACKEND,))
    ]
    for number in range(rounds):
        for one in series:
            if number >= one.rounds:
                continue
            tell(f"round {number + 1} of {rounds}: {one.workload.name} of {one.size:,} on {one.backend}")
            one.measure(floor_first=number % 2 == 0)
    return [one.figure() for one in series]
