"""The world outside of a run: what it has done there, what its operations gave, and what it published, over all lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias

import attrs

Place: TypeAlias = tuple[str, int, str]  # step, how often the step has failed before, and where in its plan


@attrs.frozen
class Seen:
    """What an operation gave, once."""

    value: object
    life: int
    is_certain: bool  # whether it's the same under every schedule


@attrs.define
class World:
    """What outlives every process.

    Attributes:
        seen: What each operation gave, each time that the step came by.
        finished: How often the body of a `once` ran to its end.
        repeated: How often a life died right between the end of that and its record.
        calls: How often each step was called.
        tries: How often the body of a `once` that raises at first was called.
        streamed: What was published, in order.
        left: What nobody had taken when the run ended.
    """

    seen: dict[Place, list[Seen]] = attrs.field(factory=dict[Place, list[Seen]])
    finished: Counter[str] = attrs.field(factory=Counter[str])
    repeated: Counter[str] = attrs.field(factory=Counter[str])
    calls: Counter[str] = attrs.field(factory=Counter[str])
    tries: Counter[str] = attrs.field(factory=Counter[str])
    streamed: list[str] = attrs.field(factory=list[str])
    left: list[str] = attrs.field(factory=list[str])
    problems: list[str] = attrs.field(factory=list[str])

    def unequal(self) -> list[str]:
        """Operations that a replay gave something else."""
        found: list[str] = []
        for place, times in self.seen.items():
            if any(one.value != times[0].value for one in times):
                found.append(f"{place} gave {[one.value for one in times]}")
        return found

    def certain(self) -> dict[Place, object]:
        """What the operations gave whose results depend on no schedule."""
        return {place: times[0].value for place, times in self.seen.items() if times[0].is_certain}


class Life:
    """One life of the process that carries the run: once it's dead, nothing that it does changes the world any more."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.is_dead = False
        self.is_gentle = False
        self._unrecorded: str | None = None

    def see(self, place: Place, value: object, *, is_certain: bool) -> None:
        """Take down what an operation gave."""
        if not self.is_dead:
            self.world.seen.setdefault(place, []).append(Seen(value, self.number, is_certain))

    def call(self, step: str) -> None:
        """Take down that a step was called."""
        if not self.is_dead:
            self.world.calls[step] += 1

    @contextmanager
    def body(self, tag: str) -> Generator[None]:
        """Be the body of a `once`; counts if it comes to its end while the process lives.

        Where lives end gently, one that was in flight then counts as well: its result is recorded.
        """
        was_dead = self.is_dead
        yield
        if not self.is_dead or (self.is_gentle and not was_dead):
            self.world.finished[tag] += 1
            self._unrecorded = tag

    def tick(self, *, is_streamed: bool) -> None:
        """A tick was fed: but for events that were streamed before, the first after a body's end is of its result."""
        if not is_streamed:
            self._unrecorded = None

    def die(self) -> None:
        """Die at once. A body whose result isn't on record yet will be called again."""
        if self._unrecorded is not None:
            self.world.finished[self._unrecorded] -= 1
            self.world.repeated[self._unrecorded] += 1
        self.is_dead = True

    def complain(self, problem: str) -> None:
        """Take down something that mustn't be."""
        if not self.is_dead:
            self.world.problems.append(problem)
