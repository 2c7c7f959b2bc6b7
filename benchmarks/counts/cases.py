"""Which workloads are counted, and at which two sizes: what an item costs is the difference between them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class Case:
    """A workload of the catalogue, on one backend.

    Attributes:
        workload: Its name in the catalogue.
        backend: The event loop that it runs on.
        small: How many items the first sample has.
        large: How many the second has.
    """

    workload: str
    backend: str
    small: int
    large: int

    @property
    def name(self) -> str:
        """How it's called in tables and in the record."""
        return f"{self.workload} on {self.backend}"


CASES: tuple[Case, ...] = (
    Case("loop", "asyncio", 100, 500),
    Case("loop", "trio", 100, 500),
    Case("list-fan-out", "asyncio", 50, 250),
    Case("stream", "asyncio", 200, 1_200),
    Case("trip", "asyncio", 5, 25),
    Case("durable-normal", "asyncio", 200, 600),
)


def chosen(names: Sequence[str]) -> tuple[Case, ...]:
    """The cases of these workloads, or all.

    Raises:
        LookupError: No workload of that name is counted.
    """
    known = {case.workload: None for case in CASES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LookupError(f"no workload named {', '.join(unknown)} is counted; there are: {', '.join(known)}")
    return tuple(case for case in CASES if not names or case.workload in names)
