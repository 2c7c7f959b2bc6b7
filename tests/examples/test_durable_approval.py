"""The example of durable runs: processes that don't live at the same time answer each other, and may be killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.program import EXAMPLES, environment, let_leases_pass

PROGRAM = EXAMPLES / "durable_approval.py"
KILLED = """\
import os, sys
path, function = sys.argv[1:3]
del sys.argv[1:3]
source = open(path, encoding="utf-8").read()
before, start, after = source.partition('if __name__ ==')
exec(compile(f"{before}def {function}(*_): os._exit(9)\\n{start}{after}", path, "exec"))
"""


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "trio":
        pytest.importorskip("trio")
    return str(request.param)


def done(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process that has come to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def said(folder: Path, backend: str, *arguments: str) -> str:
    """What the program says to a command that succeeds."""
    process = done(folder, str(PROGRAM), "--backend", backend, *arguments)
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


def killed_in(function: str, folder: Path, backend: str, *arguments: str) -> None:
    """The program's process dies when it comes to this function; its classes have the names that they always have."""
    process = done(folder, "-c", KILLED, str(PROGRAM), function, "--backend", backend, *arguments)
    assert process.returncode == 9, process.stderr


@pytest.mark.guarantee("R4", "W1")
def test_a_run_is_started_listed_and_answered_by_three_processes(tmp_path: Path, backend: str) -> None:
    started = said(tmp_path, backend, "start", "a desk", "400")
    booked, waits = started.splitlines()
    assert booked == "  booking a desk for 400 euros"
    run_id = waits.split()[0]
    assert waits == f"{run_id} waits for an answer"
    assert said(tmp_path, backend, "list") == f"{run_id}: Approval(what='a desk', euros=400)\n"
    assert said(tmp_path, backend, "answer", run_id, "yes") == "  paying B-6400\nB-6400 is paid\n"
    assert said(tmp_path, backend, "answer", run_id, "no") == "B-6400 is paid already\n"
    assert said(tmp_path, backend, "list") == ""


def test_a_run_that_is_turned_down_pays_nothing(tmp_path: Path, backend: str) -> None:
    run_id = said(tmp_path, backend, "start", "a yacht", "4000").splitlines()[1].split()[0]
    assert said(tmp_path, backend, "answer", run_id, "no") == "B-74000 is turned down\n"


def test_an_unknown_run_is_told_and_nothing_is_done(tmp_path: Path, backend: str) -> None:
    process = done(tmp_path, str(PROGRAM), "--backend", backend, "answer", "nobody", "yes")
    assert process.returncode == 1
    assert "There's no run 'nobody'" in process.stderr
    assert process.stdout == ""


@pytest.mark.guarantee("R4")
def test_a_run_whose_process_dies_while_it_pays_is_resumed_and_pays_once_more(tmp_path: Path, backend: str) -> None:
    """`once` is once recorded: what died before its result was stored is done again, and nothing else is."""
    run_id = said(tmp_path, backend, "start", "a desk", "400").splitlines()[1].split()[0]
    killed_in("pay", tmp_path, backend, "answer", run_id, "yes")
    let_leases_pass(tmp_path / "approvals.db")
    assert said(tmp_path, backend, "resume") == f"  paying B-6400\n{run_id} is settled\n"


@pytest.mark.guarantee("R4")
def test_a_run_whose_process_dies_while_it_books_asks_when_it_is_resumed(tmp_path: Path, backend: str) -> None:
    killed_in("book", tmp_path, backend, "start", "a desk", "400")
    let_leases_pass(tmp_path / "approvals.db")
    booked, waits = said(tmp_path, backend, "resume").splitlines()
    assert booked == "  booking a desk for 400 euros"
    assert waits.endswith("waits for an answer")
