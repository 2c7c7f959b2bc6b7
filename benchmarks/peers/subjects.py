"""Those that are measured, each in a process of its own that is asked by lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs

from ..backends import UVLOOP, VARIANTS
from ..processes import import_time
from ..workload import BYTES
from .compared import OURS, PEERS, Compared, Peer
from .environments import (
    PROGRAMS,
    ROOT,
    Installed,
    NotInstalled,
    clean,
    dependencies,
    environment,
    installed,
    own_size,
)


class MeasuringFailed(Exception):
    """A process that was to measure something said that it couldn't, or nothing."""


class Talk:
    """A process that measures what it's asked to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.workloads: Sequence[str] = self._heard()["workloads"]

    def ask(self, workload: str, size: int) -> float:
        """Have it measure a workload: seconds or bytes.

        Raises:
            MeasuringFailed: The workload failed, or gave a wrong result.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"workload": workload, "size": size}) + "\n")
        self._process.stdin.flush()
        answer = self._heard()
        if "error" in answer:
            raise MeasuringFailed(f"{workload} of {size:,}:\n{answer['error']}")
        return float(answer["took"])

    def _heard(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise MeasuringFailed(f"{self._process.args!r} ended with {self._process.wait()}")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


@contextmanager
def talking(command: Sequence[str], variables: Mapping[str, str]) -> Generator[Talk]:
    """Start a process that measures, and end it."""
    with subprocess.Popen(
        command, env=variables, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Talk(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # which ends it
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


@attrs.frozen
class Subject:
    """One that is measured.

    Attributes:
        name: How it's called in reports.
        backend: Where it runs.
        packages: What is installed for it.
        peer: Which library it is, or None for ours.
        python: The interpreter of its environment.
    """

    name: str
    backend: str
    packages: Installed
    peer: Peer | None = None
    python: Path = Path(sys.executable)

    @property
    def key(self) -> str:
        """A name of its own."""
        return self.name if self.peer is not None else f"{self.name} on {self.backend}"

    def measures(self, compared: Compared) -> bool:
        """Whether it can do this; what no event loop has a part in is measured for one of ours only."""
        if self.peer is not None:
            return compared.name not in self.peer.left_out
        if self.backend == UVLOOP:  # another loop holds what asyncio's holds
            return compared.workload.has_backend and compared.workload.unit is not BYTES
        return compared.workload.has_backend or self.backend == VARIANTS[0]

    def talk(self, clock: str, **variables: str) -> AbstractContextManager[Talk]:
        """Start a process of this subject's."""
        if self.peer is None:
            command = [str(self.python), "-m", "benchmarks.peers.ours", clock, self.backend]
            return talking(command, os.environ | variables)
        return talking([str(self.python), str(PROGRAMS / self.peer.program), clock], clean(**variables))

    def sample(self, compared: Compared, size: int, talk: Talk, clock: str) -> float:
        """Measure once: seconds or bytes for all items.

        Raises:
            MeasuringFailed: The workload failed, or gave a wrong result.
        """
        if compared.how == "size":
            own = own_size() if self.peer is None else 0
            return own + sum(size for _, size in self.packages.values())
        if self.peer is None or compared.how == "together":
            return talk.ask(compared.name, size)
        if compared.how == "import":
            return import_time(self.peer.module, size, clock, python=str(self.python), variables=clean())
        variables = {"PYTHONTRACEMALLOC": "1"} if compared.how == "traced" else {}
        with self.talk(clock, **variables) as alone:
            return alone.ask(compared.name, size)


def ours(folder: Path, backends: Sequence[str], tell: Callable[[str], None]) -> list[Subject]:
    """This library on these backends; its dependencies are installed once more, to see how large they are."""
    packages = installed(environment(folder, OURS, dependencies(), tell))
    return [Subject(OURS, backend, packages) for backend in backends]


def peers(folder: Path, names: Sequence[str], tell: Callable[[str], None]) -> list[Subject]:
    """The peers of these names, without those that can't be installed."""
    found: list[Subject] = []
    for peer in PEERS:
        if peer.name not in names:
            continue
        try:
            python = environment(folder, peer.name, (peer.requirement,), tell)
        except NotInstalled as error:
            tell(f"{peer.name} is left out: {error}")
            continue
        found.append(Subject(peer.name, "asyncio", installed(python), peer, python))
    return found
