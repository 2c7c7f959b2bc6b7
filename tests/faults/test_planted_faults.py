"""The suite notices when a guarantee is broken: each planted fault makes a test fail that names the guarantee."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
GUARANTEES = (*(f"W{n}" for n in range(1, 11)), "R1", "R2", "R3", "R4", "D1", "D2", "D3", "D4")
PLACES = (  # the quickest to notice first
    *("tests/waiting/test_waiting.py", "tests/sim/test_stopping.py", "tests/sim/test_step_timeout.py"),
    *("tests/waiting/test_lives.py", "tests/engine"),
    "tests/resource/test_context_managers.py",
    "tests/codec",
    *("tests/golden", "tests/core"),
    *("tests/durability/test_found_by_sweeps.py", "tests/durability/test_durable_runs.py"),
    *("tests/sim/test_two_runtimes.py", "tests/sim/test_stored_crashes.py"),
)
NATIVE = "--tb=native"  # pytest's own reads the source, which CPython 3.11 can't any more after a RecursionError
FAILED, NOTHING_RUN = 1, 5


def naming(guarantee: str) -> list[str]:
    """The files that name a guarantee, in their order: collecting the others takes longer than finding the fault."""
    found = [
        path
        for place in PLACES
        for path in (sorted((ROOT / place).rglob("test_*.py")) if "." not in place else [ROOT / place])
    ]
    return [str(path.relative_to(ROOT)) for path in found if f'"{guarantee}"' in path.read_text(encoding="utf-8")]


def test_each_guarantee_has_three_faults_at_least() -> None:
    counts = Counter(fault.guarantee for fault in FAULTS.values())
    assert counts.keys() == set(GUARANTEES)
    assert {guarantee: count for guarantee, count in counts.items() if count < 3} == {}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: f"{fault.guarantee} {fault.name}")
def test_a_planted_fault_is_noticed(fault: Fault) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", NATIVE),
            *("-p", "tests.faults.planting", "--fault", fault.name, "--guarantee", fault.guarantee),
            *((fault.seen_in,) if fault.seen_in else naming(fault.guarantee)),
        ],
        cwd=ROOT,
        env={**os.environ, "HYPOTHESIS_PROFILE": "faults"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    shown = ended.stdout[-3000:] + ended.stderr[-1000:]
    assert ended.returncode != NOTHING_RUN, f"no test names {fault.guarantee}\n{shown}"
    assert ended.returncode == FAILED, f"nobody noticed that {fault.name}\n{shown}"
    assert re.search(r"^\d+ failed", ended.stdout, re.MULTILINE), f"an error, not a test that failed\n{shown}"
