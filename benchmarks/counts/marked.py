"""What is counted, in an interpreter of its own: `python -m benchmarks.counts.marked loop asyncio 100 500`.

The workload is done once to fill what is filled at first use, then in the small size, then in the large one. A mark
stands between them, at which callgrind begins a new part.
"""

from __future__ import annotations

import gc
import os
import sys

from ..catalogue import chosen

MARK = "getsid"  # a function of the C library that does next to nothing, and that nobody else calls


def mark() -> None:
    """End a part."""
    os.getsid(0)


def main(workload_name: str, backend: str, small: str, large: str) -> None:
    """Do the work, between marks, without the garbage collector: which doesn't come in proportion to the items."""
    (workload,) = chosen([workload_name])
    gc.disable()
    try:
        workload.ours(backend, int(small))
        mark()
        for size in (small, large):
            workload.ours(backend, int(size))
            mark()
    finally:
        gc.enable()


if __name__ == "__main__":
    main(*sys.argv[1:])
