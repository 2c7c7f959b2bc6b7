"""The expenses example on a terminal: Ctrl-C, Ctrl-D, a terminal that's closed, input or output that isn't there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from tests.examples.program import ASKED, EXAMPLES, PROMPT, environment, run, write_claims

if sys.platform == "win32":
    pytest.skip("terminals of POSIX", allow_module_level=True)

import pty

BACKENDS = ["asyncio", "trio"]

# The child makes the terminal its own, so that Ctrl-C and hang-up reach it as they reach a program started by hand.
OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"
)


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, folder: Path, backend: str) -> None:
        pytest.importorskip(backend)
        self._master, slave = pty.openpty()
        program = [sys.executable, str(EXAMPLES / "expenses.py"), "claims.csv", "--backend", backend]
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *program],
            cwd=folder,
            env=environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._guard = Timer(60, self._process.kill)
        self._guard.start()
        self.shown = ""

    def read_until_prompt(self) -> None:
        before = len(self.shown)
        while not PROMPT.search(self.shown, before):
            self.shown += os.read(self._master, 65536).decode().replace("\r\n", "\n")

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        os.close(self._master)

    def read_to_the_end(self) -> int:
        try:
            while more := os.read(self._master, 65536):
                self.shown += more.decode().replace("\r\n", "\n")
        except OSError:  # Linux says so that the other side is closed
            pass
        self.close()
        return self.wait()

    def wait(self) -> int:
        code = self._process.wait()
        self._guard.cancel()
        return code


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_at_a_prompt_ends_it_at_once_and_keeps_what_was_said(backend: str, tmp_path: Path) -> None:
    write_claims(tmp_path)
    terminal = Terminal(tmp_path, backend)
    terminal.read_until_prompt()
    terminal.press(b"each\n")
    terminal.read_until_prompt()
    terminal.press(b"\x03")
    assert terminal.read_to_the_end() == 130
    assert "All that you've said is saved in expenses.db." in terminal.shown
    assert "Traceback" not in terminal.shown
    _, shown = run(tmp_path, "--backend", backend)
    assert ASKED.findall(shown) == ["2"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_d_ends_the_input(backend: str, tmp_path: Path) -> None:
    write_claims(tmp_path)
    terminal = Terminal(tmp_path, backend)
    terminal.read_until_prompt()
    terminal.press(b"\x04")
    assert terminal.read_to_the_end() == 3
    assert "The input has ended, and questions are open." in terminal.shown


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_terminal_that_is_closed_ends_it_and_loses_no_answer(backend: str, tmp_path: Path) -> None:
    write_claims(tmp_path)
    terminal = Terminal(tmp_path, backend)
    terminal.read_until_prompt()
    terminal.press(b"each\n")
    terminal.read_until_prompt()
    terminal.close()
    assert terminal.wait() == 129
    _, shown = run(tmp_path, "--backend", backend)
    assert ASKED.findall(shown) == ["2"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("closed", ["<&-", "</dev/null", ">&-", "<&- >&- 2>&-"])
def test_without_input_or_output_it_saves_itself_and_says_with_its_code_that_questions_are_open(
    backend: str, closed: str, tmp_path: Path
) -> None:
    pytest.importorskip(backend)
    write_claims(tmp_path)
    program = EXAMPLES / "expenses.py"
    command = f'"{sys.executable}" "{program}" claims.csv --backend {backend} {closed}'
    ended = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    assert ended.returncode == 3
    assert (tmp_path / "expenses.db").exists()


def test_output_that_nobody_reads_any_more_ends_it(tmp_path: Path) -> None:
    """Whoever reads is gone before it writes on: it waits for an answer meanwhile."""
    write_claims(tmp_path)
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "expenses.py"), "claims.csv"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        _, complaints = process.communicate("each\n", timeout=60)
    assert process.returncode == 129
    assert complaints == ""
