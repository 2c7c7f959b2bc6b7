"""The record: what was counted, and with what; and how what is counted now compares with it."""

from __future__ import annotations

import json
import platform
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

from ..backends import HAS_TRIO
from .callgrind import Count

FILE = Path(__file__).parent / "recorded.json"
MAY_GROW_TO = 1.1


@attrs.frozen
class Machine:
    """What counts depend on.

    Attributes:
        python: The version and build of Python; figures of another can't be compared.
        platform: The system, the processor's kind and the C library; figures of another can't be compared.
        packages: The versions of what the engine calls; those of others can, but growth may be theirs.
    """

    python: str
    platform: str
    packages: Mapping[str, str]

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        names = ("anyio", "attrs", "cattrs", *(("trio",) if HAS_TRIO else ()))
        packages = {name: version(name) for name in names} | {"sqlite": sqlite3.sqlite_version}
        system = " ".join((platform.system(), platform.machine(), *platform.libc_ver()))
        return cls(sys.version, system, packages)

    def why_not_compared(self, recorded: Machine) -> str | None:
        """Why figures from here say nothing beside the recorded ones, if so."""
        for what, then, now in (
            ("Python", recorded.python, self.python),
            ("platform", recorded.platform, self.platform),
        ):
            if then != now:
                return f"Not compared: the record is of {what} {then!r}, and this is {now!r}."
        return None

    def changed_packages(self, recorded: Machine) -> list[str]:
        """Say which packages aren't those of the record."""
        return [
            f"{name} was {recorded.packages.get(name)} and is {now}: a difference may be its own."
            for name, now in self.packages.items()
            if recorded.packages.get(name) != now
        ]


@attrs.frozen
class Record:
    """Counts per item, by the name of the case."""

    machine: Machine
    counts: Mapping[str, Count]

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(attrs.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Record:
        """Read what `write` wrote."""
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(Machine(**data["machine"]), {name: Count(**found) for name, found in data["counts"].items()})


@attrs.frozen
class Comparison:
    """One count beside the recorded one, which is None for a case that isn't in the record."""

    case: str
    what: str
    recorded: float | None
    now: float

    @property
    def ratio(self) -> float | None:
        """How many times the recorded count it is."""
        return self.now / self.recorded if self.recorded else None

    @property
    def has_grown(self) -> bool:
        """Whether it has grown by more than a tenth."""
        return self.ratio is not None and self.ratio > MAY_GROW_TO

    def row(self) -> str:
        """A line of the table."""
        recorded = "new" if self.recorded is None else f"{self.recorded:,.1f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        return f"{self.case:32}{self.what:14}{recorded:>14}{self.now:>14,.1f}{ratio:>8}" + (
            "  HAS GROWN" if self.has_grown else ""
        )


HEADING = f"{'per item':32}{'':14}{'recorded':>14}{'now':>14}{'ratio':>8}"


def compared(recorded: Mapping[str, Count], now: Mapping[str, Count]) -> Sequence[Comparison]:
    """Put each count beside the recorded one."""
    return [
        Comparison(case, what, getattr(recorded[case], what) if case in recorded else None, getattr(found, what))
        for case, found in now.items()
        for what in ("instructions", "allocations")
    ]
