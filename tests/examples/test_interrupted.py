"""The expenses example, stopped at each question in each way, asks nothing twice and comes to the same decisions."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.examples.program import ANSWERS, ASKED, LISTED, NOTED, Program, let_leases_pass, run, write_claims

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(name)
    return name


def decisions_in(folder: Path) -> object:
    return json.loads((folder / "claims.decisions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The decisions of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    write_claims(folder)
    code, shown = run(folder, piped="".join(f"{answer}\n" for answer in ANSWERS.values()))
    assert code == 0, shown
    assert ASKED.findall(shown) == list(ANSWERS)
    return decisions_in(folder)


@posix
@pytest.mark.parametrize(
    ("how", "exit_code"),
    [
        ("SIGINT", 130),
        ("SIGKILL", -9),
        ("EOF", 3),
    ],
)
def test_interrupted_at_each_question_it_asks_none_that_was_answered(
    backend: str, how: str, exit_code: int, uninterrupted: object, tmp_path: Path
) -> None:
    write_claims(tmp_path)
    labels = list(ANSWERS)
    with Program(tmp_path, "--backend", backend) as program:
        assert program.read_until_prompt() == labels[0]
        assert program.interrupt(how) == exit_code, program.shown
    let_leases_pass(tmp_path / "expenses.db")
    for n, label in enumerate(labels):
        with Program(tmp_path, "--backend", backend) as program:
            assert program.read_until_prompt() == label
            program.answer(ANSWERS[label])
            if label == labels[-1]:
                assert program.finish() == 0, program.shown
            else:
                program.read_until_prompt()
                assert program.interrupt(how) == exit_code, program.shown
        let_leases_pass(tmp_path / "expenses.db")
        assert ASKED.findall(program.shown) == labels[n : n + 2], "the one that was open, and the next"
        assert not set(labels[:n]) & set(LISTED.findall(program.shown)), "what was answered isn't open"
    assert decisions_in(tmp_path) == uninterrupted


@posix
def test_killed_right_after_an_answer_was_noted_it_has_that_answer(
    backend: str, uninterrupted: object, tmp_path: Path
) -> None:
    write_claims(tmp_path)
    noted: list[str] = []
    while len(noted) < len(ANSWERS):
        with Program(tmp_path, "--backend", backend) as program:
            label = program.read_until_prompt()
            program.answer(ANSWERS[label])
            program.interrupt("SIGKILL")
        let_leases_pass(tmp_path / "expenses.db")
        noted += NOTED.findall(program.shown)
    assert noted == list(ANSWERS)
    code, shown = run(tmp_path, "--backend", backend)
    assert code == 0, shown
    assert not ASKED.search(shown)
    assert decisions_in(tmp_path) == uninterrupted


@posix
@pytest.mark.parametrize(("how", "exit_code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_terminated_or_hung_up_it_ends_in_order_and_goes_on_later(
    backend: str, how: str, exit_code: int, uninterrupted: object, tmp_path: Path
) -> None:
    write_claims(tmp_path)
    first, *others = ANSWERS.values()
    with Program(tmp_path, "--backend", backend) as program:
        program.read_until_prompt()
        program.answer(first)
        assert program.interrupt(how) == exit_code, program.shown
    assert "Traceback" not in program.shown
    assert "All that you've said is saved in expenses.db" in program.shown
    code, shown = run(tmp_path, "--backend", backend, piped="\n".join(others))
    assert code == 0, shown
    assert decisions_in(tmp_path) == uninterrupted


@posix
@pytest.mark.parametrize(("how", "checked"), [("SIGINT", 3), ("SIGKILL", 1), ("SIGKILL", 8)])
def test_interrupted_while_claims_are_checked_it_counts_none_twice(
    backend: str, how: str, checked: int, uninterrupted: object, tmp_path: Path
) -> None:
    write_claims(tmp_path)
    with Program(tmp_path, "--backend", backend) as program:
        program.read_until(re.compile(f"checked {checked} of 8"))
        program.interrupt(how)
    let_leases_pass(tmp_path / "expenses.db")
    code, shown = run(tmp_path, "--backend", backend, piped="\n".join(ANSWERS.values()))
    assert code == 0, shown
    assert "checked 9 of 8" not in shown, "a claim was counted twice"
    assert decisions_in(tmp_path) == uninterrupted
