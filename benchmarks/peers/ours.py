"""This library's workloads, asked for like a peer's: `python -m benchmarks.peers.ours wall asyncio`."""

from __future__ import annotations

import sys

from ..catalogue import WORKLOADS
from ..clock import clock
from ..workload import Sample
from .programs.speaking import Measured, serve


def measured(sample: Sample, variant: str) -> Measured:
    """The sample on one backend."""
    return lambda size: sample(variant, size)


def main(clock_name: str, variant: str) -> None:
    """Answer until nothing is asked any more."""
    clock.choose(clock_name)
    serve({workload.name: measured(workload.ours, variant) for workload in WORKLOADS})


if __name__ == "__main__":
    main(*sys.argv[1:])
