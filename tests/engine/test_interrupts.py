"""Ctrl-C: the interrupt arrives in the main task, steps clean up, and the run can be resumed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import workflows
from tests.conftest import Backend

PROGRAM = Path(__file__).with_name("interrupted.py")
SOURCE = Path(workflows.__file__).parent.parent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there, a process can't be sent a SIGINT alone")


def start(backend: Backend, scene: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(PROGRAM), backend[0], scene]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("scene", ["awaiting", "elsewhere", "reading", "hosted"])
def test_an_interrupt_ends_main_and_its_runs_and_they_can_be_resumed(anyio_backend: Backend, scene: str) -> None:
    with start(anyio_backend, scene) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=30)  # the program gives itself 20 seconds
    assert sorted(said.splitlines()) == ["cleaned up", "interrupted", "main ends", "the run is running"]
    assert errors == ""
    assert process.returncode == 130


@pytest.mark.guarantee("R1")
def test_an_interrupt_that_hits_a_step_goes_to_main_as_well(anyio_backend: Backend) -> None:
    with start(anyio_backend, "inside") as process:
        said, errors = process.communicate(timeout=30)
    lines = said.splitlines()
    assert lines[0] == "the step goes on"
    assert sorted(lines[1:]) == ["cleaned up", "interrupted", "main ends", "the run is running"]
    assert errors == ""
    assert process.returncode == 130


@pytest.mark.guarantee("R1")
def test_an_interrupt_while_a_block_is_being_left_waits_for_the_clean_up_and_comes_out_as_it_is(
    anyio_backend: Backend,
) -> None:
    with start(anyio_backend, "leaving") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate("go on\n", timeout=30)
    assert said.splitlines() == ["cleaned up", "main ends", "interrupted", "the run is running"]
    assert errors == ""
    assert process.returncode == 130
