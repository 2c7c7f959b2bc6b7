"""The clock that workloads are timed with: on the wall, or the time that this process has had a processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


class Clock:
    """A clock that can be changed for another before anything is measured."""

    def __init__(self) -> None:
        self.name = "wall"

    def choose(self, name: str) -> None:
        """Take this clock; `cpu` leaves out what else the machine does, and waiting."""
        self.name = name

    def seconds(self) -> float:
        """The time, from no particular beginning."""
        return CLOCKS[self.name]()


clock = Clock()
seconds = clock.seconds
