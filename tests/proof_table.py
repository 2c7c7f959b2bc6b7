"""The tables on the page of the guarantees: what proves each, and what the last deep run has been through.

`python -m tests.proof_table` writes them, from the markers of the tests and from `deep_run.json`, which `nox -s sim`
writes.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.proofs import GUARANTEES, TESTS, Proof, proofs_of_tests

PAGE = TESTS.parent / "docs" / "explanation" / "guarantees.md"
DEEP_RUN = TESTS / "deep_run.json"

HEADING = "| Guarantee | What proves it | On | Cases on asyncio | Cases on Trio |"
DEEP_HEADING = "| The last deep run | asyncio | Trio |"
NAMES = {"asyncio": "asyncio", "trio": "Trio"}
NOT_MEASURED = "not measured"
CRASH_POINTS = {
    "tick": "after a tick",
    "write": "at a write of a store, or within one",
    "release": "where a run left memory, since all of it waited",
    "suspension": "where a run was suspended and stored, to go on elsewhere",
    "handover": "where its runtime left it, or stalled until another one took it over",
    "core": "in the core alone, between two ticks",
}

DeepRun = Mapping[str, Mapping[str, Any]]
"""The figures of each backend, as `tests.deep.rounds` has them."""

_TABLE = re.compile(rf"^{re.escape(HEADING)}\n(?:\|.*\n)*", re.MULTILINE)
_DEEP_TABLE = re.compile(rf"^{re.escape(DEEP_HEADING)}\n(?:\|.*\n)*", re.MULTILINE)
_PROMISE = re.compile(r"^### (\w+): (.+)$", re.MULTILINE)


def last_deep_run(path: Path = DEEP_RUN) -> DeepRun:
    """What the last deep run has come to; a backend that it wasn't run on is missing."""
    found: DeepRun = json.loads(path.read_text(encoding="utf-8"))
    return found


def with_tables(page: str, proofs: Collection[Proof], deep: DeepRun) -> str:
    """Give the page with its tables as they must be."""
    promises = dict(_PROMISE.findall(page))
    lines = [HEADING, "|---|---|---|---|---|"]
    for guarantee in GUARANTEES:
        named = [proof for proof in proofs if proof.guarantee == guarantee]
        lines += _rows(f"{guarantee}: {promises[guarantee]}", named, deep)
    table = "\n".join([*lines, ""])
    totals = "\n".join([DEEP_HEADING, "|---|---|---|", *_totals(deep), ""])
    return _DEEP_TABLE.sub(lambda _: totals, _TABLE.sub(lambda _: table, page))


def _rows(promise: str, proofs: Sequence[Proof], deep: DeepRun) -> Iterator[str]:
    properties = [proof for proof in proofs if proof.is_property]
    folders = sorted({proof.where.partition("/")[0] for proof in proofs if not proof.is_property})
    what = f"{len(properties)} properties, and examples in {', '.join(f'`{folder}`' for folder in folders)}"
    backends = {backend for proof in proofs for backend in proof.backends}
    yield f"| **{promise}** | {what} | {_listed(backends)} | {_sums(properties, deep)} |"
    for proof in properties:
        path, _, name = proof.where.partition("::")
        sentence = name.removeprefix("test_").replace("_", " ")
        yield f"| | `{path}`: {sentence} | {_listed(proof.backends)} | {_sums([proof], deep)} |"


def _listed(backends: Collection[str]) -> str:
    return ", ".join(name for backend, name in NAMES.items() if backend in backends)


def _sums(properties: Sequence[Proof], deep: DeepRun) -> str:
    return " | ".join(_sum(properties, deep.get(backend, {}).get("cases", {}), backend) for backend in NAMES)


def _sum(properties: Sequence[Proof], cases: Mapping[str, int], backend: str) -> str:
    asked = [proof for proof in properties if backend in proof.backends]
    measured = [cases[proof.where] for proof in asked if proof.where in cases]
    return "-" if not asked else f"{sum(measured):,}" if measured else NOT_MEASURED


def _totals(deep: DeepRun) -> Iterator[str]:
    def row(name: str, figure: Callable[[Mapping[str, Any]], float]) -> str:
        told = [f"{figure(deep[backend]):,}" if backend in deep else NOT_MEASURED for backend in NAMES]
        return f"| {name} | {' | '.join(told)} |"

    yield row("Minutes", lambda found: found["minutes"])
    yield row("Rounds", lambda found: found["rounds"])
    yield row("Properties", lambda found: len(found["cases"]))
    yield row("Cases", lambda found: sum(found["cases"].values()))
    yield row("Runs in virtual time", lambda found: found["runs"])
    yield row("Distinct interleavings", lambda found: found["interleavings"])
    yield row("Crash points", lambda found: sum(found["crash_points"].values()))
    for kind, name in CRASH_POINTS.items():
        yield row(f"- {name}", partial(_crash_points, kind))
    yield row("Cancelled at a scheduling point", lambda found: found["cancellations"])


def _crash_points(kind: str, found: Mapping[str, Any]) -> int:
    count: int = found["crash_points"].get(kind, 0)
    return count


def main() -> None:
    """Write the tables into their page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text, proofs_of_tests(), last_deep_run()), encoding="utf-8")


if __name__ == "__main__":
    main()
