"""Counting with valgrind's callgrind, in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from .cases import Case
from .marked import MARK

# Each asks Python's allocator for a new block, also when a block has to move because it grows.
ALLOCATING = frozenset({"_PyObject_Malloc", "_PyObject_Calloc"})
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")


class CountingFailed(RuntimeError):
    """Nothing could be counted; the message says why."""


@attrs.frozen
class Count:
    """How many instructions there were, and how often Python's allocator was asked for a block."""

    instructions: float
    allocations: float


def read(lines: Iterable[str]) -> Count:
    """Read the totals of one part from callgrind's file, whose names aren't compressed.

    Raises:
        CountingFailed: The file has no total.
    """
    instructions: int | None = None
    allocations, called = 0, ""
    for line in lines:
        if line.startswith("cfn="):
            called = line.removeprefix("cfn=").strip()
        elif line.startswith("calls=") and called in ALLOCATING:
            allocations += int(line.removeprefix("calls=").split()[0])
        elif line.startswith("summary:"):
            instructions = int(line.split()[1])
    if instructions is None:
        raise CountingFailed("callgrind's file has no line `summary:`; look whether valgrind was stopped")
    return Count(instructions, allocations)


def per_item(small: Count, large: Count, items: int) -> Count:
    """What each of so many items costs, by which the large part exceeds the small one."""
    return Count((large.instructions - small.instructions) / items, (large.allocations - small.allocations) / items)


def count(case: Case) -> Count:
    """Count what an item of the workload costs, which takes half a minute.

    Raises:
        CountingFailed: valgrind or the workload failed, or this Python has no names in its binary.
    """
    arguments = ["-m", "benchmarks.counts.marked", case.workload, case.backend, str(case.small), str(case.large)]
    _run([sys.executable, *arguments])  # compiles what it imports, which would take long under valgrind
    with TemporaryDirectory(prefix="benchmarks") as folder:
        file = Path(folder) / "callgrind"
        options = ["-q", "--compress-strings=no", f"--dump-before={MARK}", f"--callgrind-out-file={file}"]
        _run(["valgrind", "--tool=callgrind", *options, sys.executable, *arguments])
        small, large = (_part(Path(f"{file}.{number}")) for number in (2, 3))
    found = per_item(small, large, case.large - case.small)
    if not found.allocations:
        raise CountingFailed(
            f"{sys.executable} doesn't call {' or '.join(sorted(ALLOCATING))} under these names: its binary is "
            "stripped, or PYTHONMALLOC chooses another allocator; count with a Python that has its symbols"
        )
    return found


def _part(file: Path) -> Count:
    if not file.exists():
        raise CountingFailed(f"callgrind wrote no part {file.suffix}: it found no call of {MARK}")
    with file.open(encoding="utf-8", errors="replace") as lines:
        return read(lines)


@cache
def _bytecode() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="benchmarks")


def _run(command: Sequence[str]) -> None:
    """Run it with few variables around it, none of which changes what Python does."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {"PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": _bytecode().name}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CountingFailed(f"{command[0]} isn't there; install it (Debian: apt install valgrind)") from error
    if done.returncode != 0:
        raise CountingFailed(f"{' '.join(command)} gave {done.returncode} and said:\n{done.stderr}")
