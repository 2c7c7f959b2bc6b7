"""What is exchanged for a mutant is what the mutant changes, and nothing else."""

import subprocess
import sys

from tests.mutants.explained import ROOT


def test_the_core_is_what_it_was_with_each_of_its_classes_exchanged_for_one_with_another_docstring() -> None:
    plugins = ("no:randomly", "no:cacheprovider", "tests.mutants.unchanged")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"-p{name}" for name in plugins), "tests/core/test_ending.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
