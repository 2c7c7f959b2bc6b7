"""How a program is asked to measure: lines of JSON in, lines of JSON out. It imports nothing but Python's own.

A request is `{"workload": "loop", "size": 1000}`, and the answer `{"took": 0.013}`, seconds or bytes for all of it,
or `{"error": "..."}`. The first line out says which workloads there are.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import traceback
import tracemalloc
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Measured: TypeAlias = Callable[[int], float]
"""Does the work for so many items, and gives what it took."""

CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
RESIDENT = Path("/proc/self/statm")  # see proc_pid_statm(5)
_chosen = ["wall"]


def seconds() -> float:
    """The time by the clock that was chosen, from no particular beginning."""
    return CLOCKS[_chosen[0]]()


def held() -> float:
    """Bytes that are held: as Python's allocator counts them if it does, or else as the system counts the process's."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else resident()


def resident() -> float:
    """Bytes of the process that are in memory: on Linux now, elsewhere at most.

    At most is of less use: Linux starts to count with what the process had that started this one.
    """
    if RESIDENT.exists():
        return int(RESIDENT.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # noqa: PLC0415  (not on every platform)

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def check(found: object, expected: object) -> None:
    """A workload that does something else than it should measures nothing."""
    if found != expected:
        raise AssertionError(f"the workload gave {found!r} rather than {expected!r}")


def on_loop(work: Callable[[int], Awaitable[float]]) -> Measured:
    """Work that is done in an event loop, made for it."""

    async def awaited(size: int) -> float:
        return await work(size)

    return lambda size: asyncio.run(awaited(size))


def serve(workloads: Mapping[str, Measured]) -> None:
    """Answer requests until there are no more. What is printed besides goes to the standard error."""
    out, sys.stdout = sys.stdout, sys.stderr
    _chosen[0] = sys.argv[1] if len(sys.argv) > 1 else "wall"

    def say(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=out, flush=True)

    say({"workloads": list(workloads)})
    for line in sys.stdin:
        request = json.loads(line)
        gc.collect()
        try:
            say({"took": workloads[request["workload"]](request["size"])})
        except Exception:  # whoever asked has to know
            say({"error": traceback.format_exc()})
