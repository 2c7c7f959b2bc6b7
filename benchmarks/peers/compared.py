"""What is compared with what: the peers, the workloads, and how far apart the project wants them to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from ..catalogue import WORKLOADS
from ..workload import Unit, Workload

How: TypeAlias = Literal["together", "alone", "traced", "import", "size"]
"""In the process that has measured others before; in one of its own; in one that counts its allocations; otherwise."""

OURS = "workflows"
MEGABYTES = Unit("MB", 1e-6)


@attrs.frozen
class Peer:
    """A library that is measured beside ours.

    Attributes:
        name: Its distribution.
        version: Which one: figures of another one aren't comparable.
        module: What is imported to use it.
        program: Its workloads, in `programs/`.
        left_out: What isn't measured, and why.
    """

    name: str
    version: str
    module: str
    program: str
    left_out: Mapping[str, str]

    @property
    def requirement(self) -> str:
        """What the installer is asked for."""
        return f"{self.name}=={self.version}"


@attrs.frozen
class Compared:
    """A workload that peers do as well.

    Attributes:
        name: That of the workload of ours.
        sizes: How many items; the first is the one that figures are about, others show growth.
        quick_sizes: The same for a quick look.
        once: Sizes that take a peer so long that they're measured in the first round only.
        how: Where a peer measures it.
        aims: At least so many times cheaper than the first peer, by the backend.
    """

    name: str
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    once: tuple[int, ...] = ()
    how: How = "together"
    aims: Mapping[str, float] = {}

    @property
    def workload(self) -> Workload:
        """Ours."""
        return _SIZE if self.how == "size" else _OURS[self.name]


_OURS = {workload.name: workload for workload in WORKLOADS}


def _not_measured(_backend: str, _size: int) -> float:
    raise NotImplementedError("what is installed is looked at from outside")


_SIZE = Workload("size", "installed: everything that is needed", _not_measured, unit=MEGABYTES, has_backend=False)

_NO_SNAPSHOTS = "it writes a checkpoint after each step, and none when it's asked to"
_NO_WAITING = "it has no runs that wait outside of a step"

PEERS: tuple[Peer, ...] = (
    Peer("llama-index-workflows", "2.26.1", "workflows", "of_llama_index.py", {}),
    Peer(
        "langgraph",
        "1.2.22",
        "langgraph.graph",
        "of_langgraph.py",
        {"fan-out": "it has one way to fan out", "snapshot-after": _NO_SNAPSHOTS, "snapshot-pending": _NO_SNAPSHOTS},
    ),
    Peer(
        "pydantic-graph",
        "2.68.0",
        "pydantic_graph",
        "of_pydantic_graph.py",
        {
            "fan-out": "it has one way to fan out",
            "def-loop": "its steps are async",
            "stream": "a step has no stream to write to",
            "trip": _NO_WAITING,
            "waiting-run": _NO_WAITING,
            "waiting-run-rss": _NO_WAITING,
            "snapshot-after": "a run can't be written down",
            "snapshot-pending": "a run can't be written down",
        },
    ),
)
"""The first one is whom the aims are about."""

COMPARED: tuple[Compared, ...] = (
    Compared("loop", (1_000, 10_000), (300,), aims={"asyncio": 20, "trio": 16}),
    Compared("chain", (1_000,), (100,)),
    Compared("one-step", (300,), (30,)),
    Compared("def-loop", (300,), (30,)),
    Compared("fan-out", (1_000, 300), (100,), aims={"asyncio": 100}),
    Compared("list-fan-out", (1_000, 300, 3_000), (100,), once=(3_000,), aims={"asyncio": 100}),
    Compared("concurrent", (1_000,), (100,), aims={"asyncio": 8}),
    Compared("stream", (10_000, 1_000), (1_000,), aims={"asyncio": 9}),
    Compared("trip", (400,), (20,), aims={"asyncio": 4}),
    Compared("waiting-run", (1_000,), (100,), how="traced", aims={"asyncio": 10}),
    Compared("waiting-run-rss", (2_000,), (500,), how="alone"),
    Compared("snapshot-after", (10_000, 100), (300, 100)),
    Compared("snapshot-pending", (1_000, 10), (100, 10)),
    Compared("import", (3,), (1,), how="import"),
    Compared("size", (1,), (1,), how="size"),
)


def chosen(names: Sequence[str]) -> tuple[Compared, ...]:
    """Those of these names, or all.

    Raises:
        LookupError: There's none of that name.
    """
    known = {compared.name for compared in COMPARED}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LookupError(
            f"nothing of the name {', '.join(unknown)} is compared; there are: {', '.join(sorted(known))}"
        )
    return tuple(compared for compared in COMPARED if not names or compared.name in names)
