"""Effects: what was done to the world, in a file that outlives whoever did it.

Each line is one write at the end of the file, so that it's there whole or not at all, in the order in which things
happened, whichever process wrote it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One thing that a process has done, or has seen.

    Attributes:
        what: `did` (the body of a `once`), `seen` (its record is stored), `accepted` and `refused` (what was sent),
            `closing` (the run is about to be told to end), `lost` (it's another's), `cancelling` and `cancelled`
            (before and after somebody cancels the run), `resuming` (before somebody goes on with it by hand).
        life: Which process, by the number of its start.
        run_id: Of which run.
        key: What of it.
    """

    what: str
    life: int
    run_id: str
    key: str


class Effects:
    """The log, as one process writes it.

    Args:
        path: The file.
        life: The number of this process.
    """

    def __init__(self, path: Path, life: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._life = life
        self.done = 0

    def tell(self, what: str, run_id: str, key: str) -> None:
        """Write a line."""
        os.write(self._file, f"{what} {self._life} {run_id} {key}\n".encode())
        self.done += what == "did"


def lines_of(path: Path) -> Iterator[Line]:
    """What was written, in order."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            assert text.endswith("\n"), f"a line was cut: {text!r}"
            what, life, run_id, key = text[:-1].split(" ")
            yield Line(what, int(life), run_id, key)
