"""The example as its user meets it: a process that is read, answered and interrupted."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Self

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

CLAIMS = """\
id,employee,date,category,amount,currency,receipt,description
A-1,Ada Okafor,2025-03-03,travel,38.40,EUR,yes,Train
A-2,Ada Okafor,2025-03-04,lodging,286.00,EUR,yes,"Hotel, two nights"
A-3,Ada Okafor,2025-03-04,meals,64.90,GBP,no,Dinner
B-1,Björn Lindqvist,2025-03-08,meals,12.00,EUR,yes,Lunch
B-2,Björn Lindqvist,2025-03-10,phone,39.99,EUR,yes,Mobile plan
C-1,Chiara Rossi,2025-03-11,travel,45.30,EUR,yes,Taxi
C-2,Chiara Rossi,2025-03-11,travel,45.30,EUR,yes,Taxi
C-3,Chiara Rossi,2025-03-12,supplies,7.25,EUR,no,Stamps
"""

ANSWERS = {
    "1": "each",
    "2": "n not on a weekend",
    "3": "y",
    "1.1": "y agreed beforehand",
    "1.2": "n no receipt",
}
"""An answer to each question about CLAIMS, in the order in which they're asked."""

PROMPT = re.compile(r"^([0-9.]+)> $", re.MULTILINE)
ASKED = re.compile(r"^Question ([0-9.]+):", re.MULTILINE)
LISTED = re.compile(r"^  Question ([0-9.]+):", re.MULTILINE)
NOTED = re.compile(r"noted and saved: ([0-9.]+):.*\n")


class Program:
    """The program at work, its input and output in pipes. Whatever it doesn't do within a minute, it won't do.

    Attributes:
        shown: What it has written until now.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, str(EXAMPLES / "expenses.py"), "claims.csv", "--reviewer", "Noor", *options]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._guard = Timer(60, self._process.kill)
        self._guard.start()
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self.finish()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def read_until(self, pattern: re.Pattern[str], *, after: int = 0) -> re.Match[str]:
        """Read what it writes until the pattern is there, behind a place."""
        assert self._process.stdout is not None
        while True:
            found = pattern.search(self.shown, after)
            if found is not None:
                return found
            more = os.read(self._process.stdout.fileno(), 65536)
            assert more, f"it ended without {pattern.pattern!r}, with:\n{self.shown}"
            self.shown += more.decode()

    def read_until_prompt(self) -> str:
        """Wait until it asks; give the label of the question."""
        return self.read_until(re.compile(PROMPT.pattern + r"\Z", re.MULTILINE))[1]

    def say(self, line: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def answer(self, line: str) -> None:
        """Type an answer, and wait until it's noted."""
        before = len(self.shown)
        self.say(line)
        self.read_until(NOTED, after=before)

    def interrupt(self, how: str) -> int:
        """End it: by a signal, or by the end of its input ("EOF"). Gives the exit code."""
        if how != "EOF":
            self._process.send_signal(signal.Signals[how])
        return self.finish()

    def finish(self) -> int:
        """Say no more; wait for its end, and give its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        if not self._process.stdout.closed:
            self.shown += self._process.stdout.read().decode()
        code = self._process.wait()
        self._guard.cancel()
        return code


def environment() -> dict[str, str]:
    """The environment for the program: texts in UTF-8, wherever the tests run."""
    return {**os.environ, "PYTHONUTF8": "1"}


def run(folder: Path, *options: str, piped: str = "") -> tuple[int, str]:
    """Run the program to its end with answers piped in; give exit code and output."""
    with Program(folder, *options) as program:
        for line in piped.splitlines():
            program.say(line)
        code = program.finish()
    return code, program.shown


def write_claims(folder: Path, text: str = CLAIMS) -> Path:
    """Put a CSV into a folder."""
    path = folder / "claims.csv"
    path.write_text(text, encoding="utf-8")
    return path


def let_leases_pass(store: Path) -> None:
    """As if the time had gone by after which others take runtimes for dead that don't tell of themselves."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("UPDATE owners SET until = 0")
