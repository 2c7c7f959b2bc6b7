"""The table on the page of the guarantees: what proves each, and how many cases of that the last deep run tried.

`python -m tests.proof_table` writes it, from the markers of the tests and from `deep_run.json`, which `nox -s sim`
writes.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from tests.proofs import GUARANTEES, TESTS, Proof, proofs_of_tests

PAGE = TESTS.parent / "docs" / "explanation" / "guarantees.md"
DEEP_RUN = TESTS / "deep_run.json"

HEADING = "| Guarantee | What proves it | On | Cases of the last deep run |"
NAMES = {"asyncio": "asyncio", "trio": "Trio"}
NOT_MEASURED = "not measured"

_TABLE = re.compile(rf"^{re.escape(HEADING)}\n(?:\|.*\n)*", re.MULTILINE)
_PROMISE = re.compile(r"^### (\w+): (.+)$", re.MULTILINE)


def cases_of_the_last_deep_run(path: Path = DEEP_RUN) -> dict[str, int]:
    """How many cases each property was tried with, by where it stands; those that weren't run are missing."""
    found: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return found


def with_table(page: str, proofs: Collection[Proof], cases: Mapping[str, int]) -> str:
    """Give the page with its table as it must be."""
    promises = dict(_PROMISE.findall(page))
    lines = [HEADING, "|---|---|---|---|"]
    for guarantee in GUARANTEES:
        named = [proof for proof in proofs if proof.guarantee == guarantee]
        lines += _rows(f"{guarantee}: {promises[guarantee]}", named, cases)
    table = "\n".join([*lines, ""])
    return _TABLE.sub(lambda _: table, page)


def _rows(promise: str, proofs: Sequence[Proof], cases: Mapping[str, int]) -> Iterator[str]:
    properties = [proof for proof in proofs if proof.is_property]
    folders = sorted({proof.where.partition("/")[0] for proof in proofs if not proof.is_property})
    what = f"{len(properties)} properties, and examples in {', '.join(f'`{folder}`' for folder in folders)}"
    backends = {backend for proof in proofs for backend in proof.backends}
    yield f"| **{promise}** | {what} | {_listed(backends)} | {_sum(properties, cases)} |"
    for proof in properties:
        path, _, name = proof.where.partition("::")
        sentence = name.removeprefix("test_").replace("_", " ")
        yield f"| | `{path}`: {sentence} | {_listed(proof.backends)} | {_sum([proof], cases)} |"


def _listed(backends: Collection[str]) -> str:
    return ", ".join(name for backend, name in NAMES.items() if backend in backends)


def _sum(properties: Sequence[Proof], cases: Mapping[str, int]) -> str:
    measured = [cases[proof.where] for proof in properties if proof.where in cases]
    return f"{sum(measured):,}" if measured else NOT_MEASURED


def main() -> None:
    """Write the table into its page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(text, proofs_of_tests(), cases_of_the_last_deep_run()), encoding="utf-8")


if __name__ == "__main__":
    main()
