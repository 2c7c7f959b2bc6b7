"""Several processes on one file: each run has one owner at a time, and what a dead one had is taken over."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from tests.conftest import Backend
from tests.durability.owner import RUNS, Working
from workflows import Runtime
from workflows.durability import SqliteStore, StoredRun

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0  # processes start slowly where others work

Starts = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, anyio_backend: Backend) -> Iterator[Starts]:
    """Starts processes, and ends them at last."""
    started: list[subprocess.Popen[str]] = []

    def start(command: str, lease: float) -> "subprocess.Popen[str]":
        arguments = [str(tmp_path / "runs.db"), str(tmp_path / "log"), anyio_backend[0], command, str(lease)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.owner", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]", word: str) -> list[str]:
    """What follows in the next line, which begins with a word."""
    assert process.stdout is not None
    found, *rest = process.stdout.readline().split()
    assert found == word
    return rest


def let_go_on(process: "subprocess.Popen[str]") -> None:
    """Let the runs of a process go on, as soon as it listens."""
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def leave(process: "subprocess.Popen[str]") -> list[str]:
    """Let a process leave; gives what it says meanwhile."""
    out, _ = process.communicate("leave\n", timeout=PATIENCE_S)
    assert process.returncode == 0
    return out.splitlines()


def effects(tmp_path: Path) -> Counter[tuple[str, str]]:
    """How often each thing was done."""
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    return Counter((run_id, number) for run_id, number, _ in lines)


async def all_done(tmp_path: Path) -> None:
    """Wait until each run is completed, without carrying one on."""
    workflow = Working(str(tmp_path / "log"))
    with anyio.fail_after(PATIENCE_S):
        async with Runtime(store=SqliteStore(tmp_path / "runs.db"), workflows=[workflow], recover=False) as runtime:
            for number in range(RUNS):
                async for _ in runtime.events(f"run-{number}"):
                    pass
            assert len(await runtime.runs(status="completed")) == RUNS


EACH_ONCE = {(f"run-{number}", turn) for number in range(RUNS) for turn in "01"}


@pytest.mark.anyio
@pytest.mark.guarantee("W5", "R4")
async def test_of_two_processes_that_recover_one_file_each_run_has_one(tmp_path: Path, start: Starts) -> None:
    beginning = start("begin", 30.0)
    said(beginning, "carries")
    leave(beginning)
    racing = [start("recover", 30.0), start("recover", 30.0)]
    carried = Counter(run_id for process in racing for run_id in said(process, "carries"))
    for process in racing:
        let_go_on(process)
    await all_done(tmp_path)
    assert [leave(process) for process in racing] == [["left"], ["left"]]
    assert max(carried.values()) == 1
    assert effects(tmp_path) == dict.fromkeys(EACH_ONCE, 1)


@pytest.mark.anyio
@pytest.mark.guarantee("R4")
async def test_after_a_clean_end_the_next_process_takes_over_at_once(tmp_path: Path, start: Starts) -> None:
    """The lease is a day long: nobody waits for it."""
    beginning = start("begin", 86_400.0)
    said(beginning, "carries")
    leave(beginning)
    following = start("recover", 86_400.0)
    assert len(said(following, "carries")) == RUNS
    let_go_on(following)
    await all_done(tmp_path)
    assert leave(following) == ["left"]
    assert effects(tmp_path) == dict.fromkeys(EACH_ONCE, 1)


@pytest.mark.anyio
@pytest.mark.guarantee("R4", "W5")
async def test_a_process_that_was_stopped_for_too_long_loses_its_runs_and_does_nothing_more(
    tmp_path: Path, start: Starts
) -> None:
    """But for what it was about to do: it learns of its loss when it wants to store that."""
    stopped = start("begin", 0.5)
    said(stopped, "carries")
    stop(stopped, tmp_path / "runs.db")
    following = start("recover", 30.0)
    let_go_on(stopped)
    let_go_on(following)
    await all_done(tmp_path)
    before = await stored(tmp_path)
    assert effects(tmp_path) == dict.fromkeys(EACH_ONCE, 1)
    os.kill(stopped.pid, signal.SIGCONT)
    assert {said(stopped, "lost")[0] for _ in range(RUNS)} == {f"run-{number}" for number in range(RUNS)}
    assert leave(stopped) == ["left"]
    assert said(following, "carries") is not None
    assert leave(following) == ["left"]
    assert await stored(tmp_path) == before
    done = effects(tmp_path)
    assert set(done) == EACH_ONCE
    assert all(count <= (2 if turn == "1" else 1) for (_, turn), count in done.items())


def stop(process: "subprocess.Popen[str]", file: Path) -> None:
    """Stop a process, at a moment at which it keeps nobody from the file."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # in the middle of a system call it goes on for a moment, and may lock
        connection = sqlite3.connect(file, timeout=0.5, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            os.kill(process.pid, signal.SIGCONT)
        finally:
            connection.close()


async def stored(tmp_path: Path) -> list[StoredRun]:
    """Each run as it's stored; nobody owns it."""
    store = SqliteStore(tmp_path / "runs.db")
    await store.open()
    try:
        return await store.runs(limit=100)
    finally:
        await store.close()
