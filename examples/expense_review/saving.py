"""Saving: a run in a file that is complete at any instant, and is only believed if it's of this very CSV.

Rules:
- A file is written beside its place and then moved there, so that whoever is killed while writing has lost nothing.
- A state file that doesn't fit is never written to. The way out is always told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from workflows import Context, Workflow
from workflows.errors import ContextSerdeError

PROGRAM = "examples/expenses.py"
VERSION = 1


class StateError(Exception):
    """The state file can't be used, or not be written."""


def write_whole(path: Path, text: str) -> None:
    """Write a file so that at any instant either the old or the new one is there, complete."""
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class StateFile:
    """Where a run is kept between two starts of the program.

    Args:
        path: The file.
        source: The name of the CSV.
        data: The contents of the CSV that the run is about.
        is_fresh: Pay no heed to what is there: it's moved aside when there is something to save.
    """

    def __init__(self, path: Path, source: str, data: bytes, *, is_fresh: bool = False) -> None:
        self.path = path
        self._is_fresh = is_fresh
        self._source = source
        self._csv = sha256(data).hexdigest()
        self._written: tuple[int, int] | None = None  # tells whether somebody else writes to it

    def load(self) -> Mapping[str, Any] | None:
        """The snapshot that was saved last; None if there is none.

        Raises:
            StateError: The file is of another CSV or another program version, or was changed.
        """
        if self._is_fresh:
            self._written = self._stamp()
            return None
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(f"can't be read: {error}") from error
        saved = self._parsed(text)
        if saved["program"] != PROGRAM or saved["version"] != VERSION:
            raise self._unusable(
                f"was written by {saved['program']}, version {saved['version']}; this is {PROGRAM}, version {VERSION}. "
                "Go on with the program that wrote it"
            )
        if saved["csv"] != self._csv:
            what = f"is of {saved['source']}" if saved["source"] != self._source else "is of an earlier content of it"
            raise self._unusable(
                f"{what}: {self._source} isn't the file whose claims were being decided. "
                "Put the CSV back as it was, or name another state file with --state"
            )
        snapshot: dict[str, Any] = saved["snapshot"]
        if saved["check"] != _check(snapshot):
            raise self._unusable("was changed since it was written. Put back what was there")
        self._written = self._stamp()
        return snapshot

    def restore(self, workflow: Workflow, snapshot: Mapping[str, Any]) -> Context[Any]:
        """The context that goes on with a snapshot.

        Raises:
            StateError: It doesn't fit the workflow as it is now.
        """
        try:
            return Context[Any].from_dict(workflow, snapshot)
        except ContextSerdeError as error:
            raise self._unusable(
                f"doesn't fit the program as it is now: {error}\nGo on with the version of the program that began it"
            ) from error

    def save(self, snapshot: Mapping[str, Any]) -> None:
        """Keep a snapshot in place of the one before.

        It's written at once, and holds up the event loop for the moment that takes: what was said is safe before
        anything else happens.

        Raises:
            StateError: Somebody else has written to the file.
            OSError: It can't be written.
        """
        if self._stamp() != self._written:
            raise StateError(
                f"{self.path} was changed by somebody else while this program was running: is it running twice?\n"
                "What you said last wasn't saved. Stop the other one, and start this one again."
            )
        saved = {
            "program": PROGRAM,
            "version": VERSION,
            "source": self._source,
            "csv": self._csv,
            "check": _check(snapshot),
            "snapshot": snapshot,
        }
        if self._is_fresh and self._written is not None:
            self.path.replace(self.path.with_name(f"{self.path.name}.old"))
        self._is_fresh = False
        write_whole(self.path, json.dumps(saved))
        self._written = self._stamp()

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            saved: dict[str, Any] = json.loads(text)
            missing = {"program", "version", "source", "csv", "check", "snapshot"} - set(saved)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._unusable(f"is no state file, or was cut off: {error}") from error
        if missing or not isinstance(saved["snapshot"], dict):
            raise self._unusable(f"is no state file: it begins with {text!r:.60}")
        return saved

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _unusable(self, what: str) -> StateError:
        return StateError(
            f"The state file {self.path} {what};\nor start from nothing with --fresh, which keeps the file as "
            f"{self.path.name}.old. Nothing was changed."
        )


def _check(snapshot: Mapping[str, Any]) -> str:
    return sha256(json.dumps(snapshot, sort_keys=True).encode()).hexdigest()
