"""A plugin for pytest: one round of a deep run, `-p tests.deep.plugin --deep-backend trio --deep-into FOLDER`.

What comes of the round stands in the folder when it's over. `python -m tests.deep` says which properties, when the time
is up, and adds the rounds up.
"""

import json
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.deep.choosing import chosen
from tests.deep.tally import TALLY, Tally
from tests.deep.watching import watch


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what the round is to be like."""
    parser.addoption("--deep-backend", choices=["asyncio", "trio"], help="the backend whose properties are tried")
    parser.addoption("--deep-into", type=Path, help="the folder in which the figures of the round are left")
    parser.addoption("--deep-until", type=float, default=float("inf"), help="when no test is begun any more")
    parser.addoption("--deep-first", action="store_true", help="try what no seed changes, too")


def pytest_configure(config: pytest.Config) -> None:
    """Watch, if that's asked for."""
    folder: Path | None = config.getoption("--deep-into")
    if folder is not None:
        until: Any = config.getoption("--deep-until")
        config.pluginmanager.register(Round(folder, until))
        patch = pytest.MonkeyPatch()
        config.add_cleanup(patch.undo)
        watch(patch)


class Round:
    """One round: which tests, till when, and what came of it.

    Args:
        folder: Where the figures are left.
        until: After which instant no test is begun.
    """

    def __init__(self, folder: Path, until: float) -> None:
        self._folder = folder
        self._until = until
        self._failed: list[str] = []
        self._tests = 0

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Choose the tests."""
        backend: Any = config.getoption("--deep-backend")
        is_first: Any = config.getoption("--deep-first")
        seed: Any = config.getoption("--hypothesis-seed")
        items[:] = chosen(items, backend, is_first=is_first, seed=int(seed or 0))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave out what is left when the time is up."""
        if time.time() >= self._until:
            return True
        self._tests += 1
        print(f"\n{item.nodeid} ", end="", flush=True)  # the log tells what takes its time
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down what fails."""
        if report.failed:
            self._failed.append(report.nodeid)
        if report.when == "call":
            print(f" {report.duration:.1f} s ", end="")

    def pytest_sessionfinish(self) -> None:
        """Leave the figures."""
        left = as_data(TALLY) | {"failed": self._failed, "tests": self._tests}
        (self._folder / "round.json").write_text(json.dumps(left), encoding="utf-8")
        for backend, found in TALLY.interleavings.items():
            (self._folder / f"interleavings.{backend}").write_bytes(array("Q", found).tobytes())


def as_data(tally: Tally) -> dict[str, object]:
    """What of a tally is JSON."""
    return {"lives": tally.lives, "cuts": tally.cuts, "cancellations": tally.cancellations}
