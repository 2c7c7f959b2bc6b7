"""A plugin for pytest that counts the cases that Hypothesis tries: `-p tests.counted_cases --count-cases FILE`.

What it writes are the figures of the guarantees' page. A run in which anything fails proves nothing, and leaves the
file as it was.
"""

import json
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import statistics

PHASES = ("reuse-phase", "generate-phase")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file."""
    parser.addoption("--count-cases", type=Path, help="where to write how many cases each property was tried with")


def pytest_configure(config: pytest.Config) -> None:
    """Count, if that's asked for."""
    file: Path | None = config.getoption("--count-cases")
    if file is not None:
        config.pluginmanager.register(Counting(file))


class Counting:
    """Counts the cases of each test, on all backends together.

    Args:
        file: Where to write them.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._cases: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Listen to what Hypothesis tells of the test: of one with `@given`, and of any that it defines inside."""
        collector: Any = statistics.collector
        told = collector.value  # that's Hypothesis' own plugin

        def note(figures: dict[str, Any]) -> None:
            cases = [case for phase in PHASES for case in figures.get(phase, {}).get("test-cases", ())]
            self._cases[where(item.nodeid)] += sum(case["status"] == "valid" for case in cases)
            if told is not None:
                told(figures)

        with collector.with_value(note):
            return (yield)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the figures."""
        if exitstatus == pytest.ExitCode.OK:
            text = json.dumps(dict(self._cases), indent=2, sort_keys=True)
            self._file.write_text(f"{text}\n", encoding="utf-8")


def where(node_id: str) -> str:
    """Give where a test stands, as `proofs.py` has it: without its parameters."""
    return node_id.partition("[")[0].removeprefix("tests/").removesuffix("::runTest")
