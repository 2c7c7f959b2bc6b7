"""Journals of each released format are folded for ever, and come to what they came to.

The runs are those of the golden snapshots: their ticks, one a line. A file is never changed. When entries look
otherwise, or the core makes something else of the same ticks, `core.journal.JOURNAL_FORMAT` gets another number, and
files of it come beside these: `python -m tests.golden.test_golden_journal` writes what is missing. Until format 1 has
been released, its files may be deleted and written anew.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.core.flow import Hand
from tests.golden.test_golden import (
    read,
    without_later_keys,
    written_at_work,
    written_before,
    written_ended,
    written_failed,
    written_joining,
    written_out_of_time,
    written_recovering,
)
from workflows.core.engine import Core
from workflows.core.journal import JOURNAL_FORMAT, fold, tick_data
from workflows.core.state import RunState

HERE = Path(__file__).parent
RUNS: Mapping[str, Callable[[], Hand]] = {
    "at_work": written_at_work,
    "ended": written_ended,
    "failed": written_failed,
    "out_of_time": written_out_of_time,
    "before_its_run": written_before,
    "joining": written_joining,
    "recovering": written_recovering,
}


def file_of(name: str) -> Path:
    return HERE / f"journal_{JOURNAL_FORMAT}_{name}.jsonl"


def journal_of(made: Hand) -> list[Any]:
    """The journal of a run, without tracebacks, which name the files of whoever writes it."""
    core, entries = Core(made.state.program, made.state.codec), list[Any]()
    for tick in made.fed:
        entries.append(without_traceback(json.loads(json.dumps(tick_data(core.state, tick)))))
        core.feed(tick)
    return entries


def without_traceback(data: Any) -> Any:
    parts = data
    if isinstance(data, dict):
        return {name: without_traceback(part) for name, part in parts.items() if name != "traceback"}
    return [without_traceback(part) for part in parts] if isinstance(data, list) else data


def lines_of(name: str) -> list[Any]:
    return [json.loads(line) for line in file_of(name).read_text(encoding="utf-8").splitlines()]


def test_each_file_is_known_and_each_run_has_one() -> None:
    assert {path.name for path in HERE.glob("*.jsonl")} == {file_of(name).name for name in RUNS}


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("name", RUNS)
def test_what_is_written_today_is_of_this_format(name: str) -> None:
    """If this fails, the stored form has changed: journals that there are need care, and the format a new number."""
    assert journal_of(RUNS[name]()) == lines_of(name)


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("name", RUNS)
def test_a_journal_of_format_1_is_folded_to_what_it_came_to(name: str) -> None:
    made = RUNS[name]()
    state = RunState(made.state.program, made.state.codec)
    fold(state, lines_of(name))
    assert state == made.state
    again = Hand(Core(state.program, state.codec, state=state), made.at)
    golden = without_later_keys(without_traceback(read(f"format_1_{name}")))
    assert without_later_keys(without_traceback(again.stored())) == golden


if __name__ == "__main__":
    for missing, write in RUNS.items():
        if not file_of(missing).exists():
            text = "".join(f"{json.dumps(entry)}\n" for entry in journal_of(write()))
            file_of(missing).write_text(text, encoding="utf-8")
