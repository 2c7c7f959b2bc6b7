"""The plugin `counted_cases` tells how many cases Hypothesis has tried, unless anything failed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.proofs import TESTS

COUNTED = """
import pytest
from hypothesis import assume, given, settings, strategies as st

few = settings(max_examples=7, database=None)

@few
@given(number=st.integers())
def test_of_its_own(number):
    assert isinstance(number, int)

@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_inside(backend):
    @few
    @given(number=st.integers())
    def check(number):
        assume(number % 2 == 0)
    check()

def test_an_example():
    pass
"""


def counted(folder: Path, source: str) -> dict[str, int] | None:
    """What is written for a module of tests, if anything is."""
    (folder / "test_module.py").write_text(source, encoding="utf-8")
    file = folder / "cases.json"
    plugin = ["-p", "tests.counted_cases", "--count-cases", str(file)]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "-c", os.devnull, str(folder)],
        cwd=TESTS.parent,
        check=False,
        capture_output=True,
        timeout=60,
    )
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def test_each_property_is_counted_with_its_cases_on_all_backends_and_an_example_is_not(tmp_path: Path) -> None:
    found = counted(tmp_path, COUNTED)
    assert found is not None
    cases = {name.rpartition("::")[2]: number for name, number in found.items()}
    assert cases == {"test_of_its_own": 7, "test_inside": 14}


def test_figures_of_a_run_that_failed_are_not_written(tmp_path: Path) -> None:
    assert counted(tmp_path, f"{COUNTED}\ndef test_that_fails():\n    assert 0\n") is None
