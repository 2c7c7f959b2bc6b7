"""Processes that work on one file are killed, again and again, and nothing is lost, nor done twice."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="it forks, and waits for signals")
@pytest.mark.guarantee("R4", "W1", "W4", "W5", "R3")
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_dies_when_no_run_loses_anything_and_nothing_recorded_is_done_twice(seed: int, tmp_path: Path) -> None:
    """Workers on asyncio and Trio, in both modes of the file, by turns; the oracle looks at all runs and effects."""
    pytest.importorskip("trio")
    session = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.durability.kills",
            "--kills",
            "120",
            f"--seed={seed}",
            "--lease=5",  # longer than a busy machine lets a living process stand still
            "--folder",
            str(tmp_path),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,  # some seconds on an idle machine
    )
    assert session.returncode == 0, f"{session.stdout}\n{session.stderr}"
