"""The expenses example as a program: what it refuses and why, what it keeps, and what it writes."""

from __future__ import annotations

import errno
import getpass
import importlib.util
import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from expense_review import workflow
from expense_review.saving import StateError, StateFile
from expenses import main
from tests.examples.program import ANSWERS, ASKED, CLAIMS, EXAMPLES, run, write_claims

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def alone_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program runs in a folder with a CSV, and with nothing on its standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    write_claims(tmp_path)
    lines = [f"{label}: {answer}\n" for label, answer in ANSWERS.items()]
    (tmp_path / "answers.txt").write_text("".join(lines), encoding="utf-8")


def begun() -> bytes:
    """Begin a run, with one answer given; what was saved."""
    Path("one.txt").write_text("2: y\n", encoding="utf-8")
    assert main(["claims.csv", "--answers", "one.txt"]) == 3
    return Path("claims.state.json").read_bytes()


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run the program, which must refuse; what it complained of."""
    capsys.readouterr()
    assert main(["claims.csv", "--answers", "answers.txt", *options]) == 1
    assert not Path("claims.decisions.json").exists()
    return capsys.readouterr().err


# --- what it does -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_sample_with_its_answers_ends_in_a_decision_for_each_claim(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    csv, answers = EXAMPLES / "claims.csv", EXAMPLES / "claims.answers.txt"
    places = ["--output", str(tmp_path / "out.json"), "--state", str(tmp_path / "state.json")]
    assert main([str(csv), "--answers", str(answers), "--backend", backend, *places]) == 0
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in report["decisions"]] == [f"E-{number:03}" for number in range(1, 42)]
    assert report["approved"] == {"claims": 36, "eur": "3190.17"}
    assert report["rejected"] == {"claims": 5, "eur": "1415.48"}


def test_answers_may_be_piped_in_and_bad_ones_leave_the_question_open(tmp_path: Path) -> None:
    piped = "maybe\nn\n\n9: y\nlist\n2: each\n3: y\neach\nn not on a weekend\ny agreed\nn no receipt\n"
    code, shown = run(tmp_path, piped=piped)
    assert code == 0, shown
    assert "1>   Question 1 stays open, 'maybe' doesn't answer it: " in shown
    assert "'n' doesn't answer it: " in shown
    assert "a rejection needs a reason" in shown
    assert "There's no open question 9; there are: 1, 2, 3." in shown
    assert "Question 2 stays open, 'each' doesn't answer it: verdict: expected one of 'approve', 'reject'" in shown
    assert ASKED.findall(shown) == ["1", "2", "1.1", "1.2"]
    report = json.loads((tmp_path / "claims.decisions.json").read_text(encoding="utf-8"))
    decided = {entry["id"]: entry["decision"] for entry in report["decisions"]}
    assert decided == dict.fromkeys(decided, "approved") | {"A-3": "rejected", "B-1": "rejected"}
    assert {entry["decided_by"] for entry in report["decisions"]} == {"policy", "Noor"}


def test_prepared_answers_are_taken_for_what_the_input_leaves_open(tmp_path: Path) -> None:
    code, shown = run(tmp_path, "--answers", "answers.txt", piped="y\n")
    assert code == 0, shown
    assert "The input has ended; the prepared answers are next." in shown
    assert ASKED.findall(shown) == ["1", "2", "3"]


def test_a_run_that_is_over_is_not_done_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    written = Path("claims.decisions.json").read_bytes()
    Path("claims.decisions.json").unlink()
    capsys.readouterr()
    assert main(["claims.csv"]) == 0
    assert "All of this was decided before" in capsys.readouterr().out
    assert Path("claims.decisions.json").read_bytes() == written


def test_decisions_that_cannot_be_written_cost_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "write_decisions", full)
        error = refused(capsys)
    assert "No space left on device\nAll that was noted as saved is kept. Start again when that is mended." in error
    assert main(["claims.csv"]) == 0
    assert "Question" not in capsys.readouterr().out
    assert Path("claims.decisions.json").exists()


def test_who_answers_is_who_is_logged_in_if_that_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    report = json.loads(Path("claims.decisions.json").read_text(encoding="utf-8"))
    assert {entry["decided_by"] for entry in report["decisions"]} == {"policy", "reviewer"}


# --- what it refuses --------------------------------------------------------------------------------------------------


def test_a_bad_csv_is_refused_with_all_its_problems_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("claims.csv").write_text(CLAIMS.replace("64.90", "64,90").replace("2025-03-08", "8.3.25"), encoding="utf-8")
    error = refused(capsys)
    assert error.startswith("claims.csv can't be used, and nothing was decided:\n  line 4: has 9 values for 8 columns")
    assert "\n  line 5: date is '8.3.25'; expected a date such as 2025-03-31\n" in error
    assert error.endswith("Correct it, and start again.\n")
    assert not Path("claims.state.json").exists()
    write_claims(Path())
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0


def test_a_csv_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("claims.csv").unlink()
    assert "No such file or directory: 'claims.csv'\nGive the path of a file" in refused(capsys)


@pytest.mark.parametrize("options", [["--output", "claims.csv"], ["--state", "claims.decisions.json"]])
def test_no_file_is_used_for_two_things(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "must be three different files" in refused(capsys, *options)
    assert Path("claims.csv").read_text(encoding="utf-8") == CLAIMS


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "out is no directory. Make it, or name another place." in refused(capsys, "--output", "out/decisions.json")


def test_decisions_of_another_run_are_not_overwritten_unless_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("claims.decisions.json").write_text("of last month", encoding="utf-8")
    assert main(["claims.csv", "--answers", "answers.txt"]) == 1
    assert "claims.decisions.json is there already, and no state file" in capsys.readouterr().err
    assert Path("claims.decisions.json").read_text(encoding="utf-8") == "of last month"
    assert main(["claims.csv", "--answers", "answers.txt", "--fresh"]) == 0


def test_without_trio_its_backend_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_none(_name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", find_none)
    assert "pip install 'anyio-workflows[trio]'" in refused(capsys, "--backend", "trio")


# --- a state file that isn't of this run ------------------------------------------------------------------------------


def test_the_state_of_a_csv_that_was_changed_is_refused_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    saved = begun()
    write_claims(Path(), CLAIMS.replace("38.40", "83.40"))
    error = refused(capsys)
    assert "The state file claims.state.json is of an earlier content of it: claims.csv isn't the file" in error
    assert "Put the CSV back as it was" in error
    assert "start from nothing with --fresh" in error
    assert Path("claims.state.json").read_bytes() == saved


def test_the_state_of_another_csv_is_refused_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    saved = begun()
    Path("april.csv").write_text(CLAIMS.replace("38.40", "83.40"), encoding="utf-8")
    assert main(["april.csv", "--state", "claims.state.json", "--answers", "answers.txt"]) == 1
    error = capsys.readouterr().err
    assert (
        "The state file claims.state.json is of claims.csv: april.csv isn't the file whose claims were being" in error
    )
    assert "name another state file with --state" in error
    assert Path("claims.state.json").read_bytes() == saved


def test_a_csv_may_be_renamed_while_its_run_waits() -> None:
    begun()
    Path("claims.csv").rename("april.csv")
    assert main(["april.csv", "--state", "claims.state.json", "--answers", "answers.txt"]) == 0
    assert json.loads(Path("april.decisions.json").read_text(encoding="utf-8"))["source"] == "claims.csv"


def give_another_answer(saved: dict[str, Any]) -> None:
    text = json.dumps(saved["snapshot"])
    assert '"approve"' in text
    saved["snapshot"] = json.loads(text.replace('"approve"', '"reject"'))


def lose_a_step(saved: dict[str, Any]) -> None:
    saved["snapshot"] = json.loads(json.dumps(saved["snapshot"]).replace('"step": "review"', '"step": "haggle"'))
    saved["check"] = sha256(json.dumps(saved["snapshot"], sort_keys=True).encode()).hexdigest()


def be_of_another_version(saved: dict[str, Any]) -> None:
    saved["version"] = 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (give_another_answer, "was changed since it was written. Put back what was there;"),
        (lose_a_step, "doesn't fit the program as it is now: "),
        (
            be_of_another_version,
            "was written by examples/expenses.py, version 2; this is examples/expenses.py, version 1",
        ),
    ],
)
def test_a_state_that_was_changed_is_refused_and_kept(
    change: Change, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = json.loads(begun())
    change(saved)
    Path("claims.state.json").write_text(json.dumps(saved), encoding="utf-8")
    error = refused(capsys)
    assert said in error
    assert error.endswith("--fresh, which keeps the file as claims.state.json.old. Nothing was changed.\n")
    assert json.loads(Path("claims.state.json").read_bytes()) == saved


@pytest.mark.parametrize("what", [b"", b"[]", b"3", b"{}", b"\xff", b"[" * 100_000, b'{"snapshot": 1, "program": 2'])
def test_what_is_no_state_file_is_refused_and_kept(what: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("claims.state.json").write_bytes(what)
    assert "start from nothing with --fresh" in refused(capsys)
    assert Path("claims.state.json").read_bytes() == what


def test_a_state_that_was_cut_off_anywhere_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    saved = begun()
    for length in range(0, len(saved), 1 + len(saved) // 20):
        Path("claims.state.json").write_bytes(saved[:length])
        assert "The state file claims.state.json is no state file" in refused(capsys)


def test_a_fresh_start_asks_again_and_keeps_the_old_state_aside() -> None:
    saved = begun()
    assert main(["claims.csv", "--fresh", "--answers", "answers.txt"]) == 0
    assert Path("claims.state.json.old").read_bytes() == saved
    report = json.loads(Path("claims.decisions.json").read_text(encoding="utf-8"))
    assert report["rejected"]["claims"] == 2


def test_a_fresh_start_on_a_bad_csv_leaves_the_state_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    saved = begun()
    write_claims(Path(), "nothing")
    refused(capsys, "--fresh")
    assert Path("claims.state.json").read_bytes() == saved


def test_of_two_programs_on_one_state_the_second_to_save_is_stopped() -> None:
    begun()
    data = Path("claims.csv").read_bytes()
    first, second = (StateFile(Path("claims.state.json"), "claims.csv", data) for _ in range(2))
    snapshot = first.load()
    assert snapshot is not None
    assert second.load() == snapshot
    first.save({**snapshot, "spent_s": 1.5})
    with pytest.raises(StateError, match="is it running twice"):
        second.save(snapshot)
    again = first.load()
    assert again is not None
    assert again["spent_s"] == 1.5
