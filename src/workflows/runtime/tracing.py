"""Tracing: what whoever follows runs is told of them. Nothing is decided by it, and it isn't on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..core.records import Asked
from ..core.ticks import StepTick


class StepTrace(Protocol):
    """One attempt of a step, from its call to its end."""

    def ends(self, how: Callable[..., StepTick], parts: tuple[object, ...]) -> None:
        """It has ended with this tick. Called in the task that has called the step."""
        ...


class RunTrace(Protocol):
    """One run, for as long as it's carried."""

    @property
    def place(self) -> str:
        """Text from which a run that is resumed elsewhere can tell where it came from."""
        ...

    def step(self, name: str, execution: int, attempt: int, failures: int) -> StepTrace:
        """A step is called, in the task that says so."""
        ...

    def child(self, workflow: str, run_id: str) -> RunTrace:
        """A step runs a child."""
        ...

    def waits_for(self, step: str, asked: Sequence[Asked]) -> None:
        """A step waits for these, of which it may have told before."""
        ...

    def waited_for(self, asked: Sequence[Asked]) -> None:
        """A step has what it waited for."""
        ...

    def ends(self, how: str, error: BaseException | None) -> None:
        """The run is over, or stands still."""
        ...


class Tracing(Protocol):
    """Follows the runs of workflows."""

    def run(self, workflow: str, run_id: str, came_from: str) -> RunTrace:
        """A run begins, or goes on from where `came_from` tells."""
        ...
