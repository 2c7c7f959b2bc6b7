"""What only a fresh process can tell: the memory of waiting runs, and the time that importing takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from tempfile import TemporaryDirectory

from .clock import CLOCKS, clock
from .workload import BYTES, MILLISECONDS, Sample, Workload, check, off_loop

_IMPORT = "from time import {clock}; start = {clock}(); import {modules}; print({clock}() - start)"


@cache
def _bytecode() -> TemporaryDirectory[str]:
    """Where compiled modules are kept, so that importing them isn't compiling them."""
    return TemporaryDirectory(prefix="benchmarks")


def _output(*arguments: str, python: str = sys.executable, variables: Mapping[str, str] = os.environ) -> float:
    environment = {name: value for name, value in variables.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = _bytecode().name
    command = [python, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    check((done.returncode, done.stderr), (0, ""))
    return float(done.stdout)


def _parked(engine: str, meter: str) -> Sample:
    def sample(backend: str, size: int) -> float:
        return _output("-m", "benchmarks.parked", engine, meter, backend, str(size))

    return sample


def import_time(
    modules: str,
    times: int,
    clock_name: str,
    *,
    python: str = sys.executable,
    variables: Mapping[str, str] = os.environ,
) -> float:
    """Seconds for so many imports, each in a new process; one before them compiles, and isn't counted."""
    program = _IMPORT.format(modules=modules, clock=CLOCKS[clock_name].__name__)
    _output("-c", program, python=python, variables=variables)
    return sum(_output("-c", program, python=python, variables=variables) for _ in range(times))


def _importing(modules: str) -> Sample:
    return off_loop(lambda size: import_time(modules, size, clock.name))


PROCESSES = (
    Workload(
        "waiting-run",
        "run that waits, as Python counts its memory",
        _parked("ours", "traced"),
        _parked("floor", "traced"),
        sizes=(1_000, 10_000),
        quick_sizes=(200,),
        unit=BYTES,
    ),
    Workload(
        "waiting-run-rss",
        "run that waits, as the system counts it",
        _parked("ours", "resident"),
        _parked("floor", "resident"),
        quick_sizes=(2_000,),
        unit=BYTES,
    ),
    Workload(
        "waiting-released",
        "durable run that waits in its file, as Python counts its memory",
        _parked("released", "traced"),
        sizes=(10_000,),
        quick_sizes=(500,),
        unit=BYTES,
    ),
    Workload(
        "waiting-released-rss",
        "durable run that waits in its file, as the system counts it",
        _parked("released", "resident"),
        sizes=(10_000,),
        quick_sizes=(2_000,),
        unit=BYTES,
    ),
    Workload(
        "kept-steps",
        "finished step of a run that goes on",
        _parked("steps", "traced"),
        sizes=(10_000,),
        quick_sizes=(1_000,),
        unit=BYTES,
    ),
    Workload(
        "import",
        "import of the library; the floor is that of our dependencies",
        _importing("workflows"),
        _importing("anyio, attrs, cattrs"),
        sizes=(3,),
        quick_sizes=(1,),
        unit=MILLISECONDS,
        has_backend=False,
    ),
)
