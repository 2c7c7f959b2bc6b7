"""The expenses example as a program: what it refuses and why, what it keeps, and what it writes."""

from __future__ import annotations

import errno
import getpass
import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import expenses
from expense_review import reviews, workflow
from expense_review.decisions import CheckedClaim
from expense_review.workflow import ExpenseReview, Ledger
from expenses import main
from tests.examples.program import ANSWERS, ASKED, CLAIMS, EXAMPLES, PROMPT, Program, run, write_claims
from workflows import Context, step

STORE = Path("expenses.db")


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(name)
    return name


@pytest.fixture(autouse=True)
def alone_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program runs in a folder with a CSV, and with nothing on its standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    write_claims(tmp_path)
    lines = [f"{label}: {answer}\n" for label, answer in ANSWERS.items()]
    (tmp_path / "answers.txt").write_text("".join(lines), encoding="utf-8")


def begun() -> None:
    """Begin a run, with one answer given."""
    Path("one.txt").write_text("2: y\n", encoding="utf-8")
    assert main(["claims.csv", "--answers", "one.txt"]) == 3


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run the program, which must refuse; what it complained of."""
    capsys.readouterr()
    assert main(["claims.csv", "--answers", "answers.txt", *options]) == 1
    assert not Path("claims.decisions.json").exists()
    return capsys.readouterr().err


# --- what it does -----------------------------------------------------------------------------------------------------


def test_the_sample_with_its_answers_ends_in_a_decision_for_each_claim(backend: str, tmp_path: Path) -> None:
    csv, answers = EXAMPLES / "claims.csv", EXAMPLES / "claims.answers.txt"
    places = ["--output", str(tmp_path / "out.json"), "--store", str(tmp_path / "runs.db")]
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
        patch.setattr(expenses, "write_decisions", full)
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
    assert not STORE.exists()
    write_claims(Path())
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0


def test_a_csv_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("claims.csv").unlink()
    assert "No such file or directory: 'claims.csv'\nGive the path of a file" in refused(capsys)


@pytest.mark.parametrize("options", [["--output", "claims.csv"], ["--store", "claims.decisions.json"]])
def test_no_file_is_used_for_two_things(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "must be three different files" in refused(capsys, *options)
    assert Path("claims.csv").read_text(encoding="utf-8") == CLAIMS


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "out is no directory. Make it, or name another place." in refused(capsys, "--output", "out/decisions.json")


def test_decisions_of_another_run_are_not_overwritten_unless_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("claims.decisions.json").write_text("of last month", encoding="utf-8")
    assert main(["claims.csv", "--answers", "answers.txt"]) == 1
    assert "claims.decisions.json is there already, and no review in expenses.db" in capsys.readouterr().err
    assert Path("claims.decisions.json").read_text(encoding="utf-8") == "of last month"
    assert main(["claims.csv", "--answers", "answers.txt", "--fresh"]) == 0


def test_without_trio_its_backend_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_none(_name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", find_none)
    assert "pip install 'anyio-workflows[trio]'" in refused(capsys, "--backend", "trio")


# --- several processes ------------------------------------------------------------------------------------------------


def test_what_one_process_has_begun_others_list_and_answer(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    on_it = ["claims.csv", "--backend", backend, "--reviewer", "Noor"]
    assert main([*on_it, "--list"]) == 0
    begun = capsys.readouterr().out
    assert "checked 8 of 8" in begun
    assert "3 open; answer with --answer 'LABEL: y':\n\nQuestion 1: Ada Okafor, 2 claims" in begun
    assert "! more than 50.00 EUR; above the limit of 220.00 EUR for lodging" in begun
    assert main([*on_it, "--answer", "3: y"]) == 0
    assert "noted and saved: 3: y\n\n2 open; " in capsys.readouterr().out
    others = [f"{label}: {answer}" for label, answer in ANSWERS.items() if label != "3"]
    assert main([*on_it, *(part for line in others for part in ("--answer", line))]) == 0
    assert "6 of 8 claims approved." in capsys.readouterr().out
    assert main([*on_it, "--list"]) == 0
    assert "All of this was decided before" in capsys.readouterr().out


def test_an_answer_that_does_not_fit_is_refused_and_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims.csv", "--answer", "2: each", "--answer", "9: y", "--answer", "1: n"]) == 1
    shown = capsys.readouterr().out
    assert "Question 2 stays open, 'each' doesn't answer it: verdict: expected one of 'approve', 'reject'" in shown
    assert "There's no open question 9; there are: 1, 2, 3." in shown
    assert "Question 1 stays open, 'n' doesn't answer it: " in shown
    assert "\n3 open; " in shown


def test_the_first_answer_counts_whoever_gives_the_second(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims.csv", "--answer", "2: n not on a weekend"]) == 0
    capsys.readouterr()
    assert main(["claims.csv", "--answer", "2: y"]) == 1
    assert "Question 2 was answered before, here or elsewhere; that answer counts." in capsys.readouterr().out
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    report = json.loads(Path("claims.decisions.json").read_text(encoding="utf-8"))
    assert report["decisions"][3]["reason"] == "not on a weekend"


def test_an_answer_that_names_no_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["claims.csv", "--answer", "y"])
    assert "'y' names no question; expected one and its answer, such as '3: y'" in capsys.readouterr().err
    assert not STORE.exists()


def test_while_one_process_asks_another_may_answer(backend: str, tmp_path: Path) -> None:
    """The one that asks finds the question closed when it's answered there, and goes on to the next."""
    with Program(tmp_path, "--backend", backend) as asking:
        assert asking.read_until_prompt() == "1"
        code, shown = run(tmp_path, "--backend", backend, "--answer", "1: y", "--answer", "3: y")
        assert code == 0, shown
        asking.say("n too late")
        assert asking.read_until(PROMPT, after=len(asking.shown))[1] == "2"
        assert "Question 1 was answered before, here or elsewhere; that answer counts." in asking.shown
        asking.answer("y")
        assert asking.finish() == 0, asking.shown
    assert "8 of 8 claims approved." in asking.shown


# --- a deploy ---------------------------------------------------------------------------------------------------------


class Haggling(ExpenseReview):
    """A version in which a step has another name, and the one of old is gone."""

    review = None  # type: ignore[assignment]  # that's the change

    @step
    async def haggle(self, ctx: Context[Ledger], ev: workflow.ReviewNeeded) -> workflow.Finished:
        """Not what the run has begun."""
        return await ExpenseReview.review(self, ctx, ev)


def test_a_version_that_cannot_go_on_says_so_and_the_one_that_began_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun()
    with monkeypatch.context() as patch:
        patch.setattr(reviews, "ExpenseReview", Haggling)
        error = refused(capsys)
        assert "The review in expenses.db doesn't fit the program as it is now: " in error
        assert "step 'review' is gone" in error
        assert error.endswith("which keeps a copy of what was said. Nothing was changed but what was noted as saved.\n")
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    assert "Question 2" not in capsys.readouterr().out


def test_a_version_that_asks_otherwise_is_stopped_before_it_uses_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun()

    def relabelled(label: str, claims: list[CheckedClaim]) -> workflow.Approval:
        return workflow.ClaimApproval(label=f"No. {label}", claims=claims)

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "approval_of", relabelled)
        error = refused(capsys, "--answer", "1: y", "--answer", "3: y")
        assert error.startswith("The review in expenses.db doesn't fit the program as it is now: ")
        assert "departs from what it did before" in error
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    assert "Question 1" not in capsys.readouterr().out


def test_a_version_that_decides_otherwise_goes_on_with_what_is_on_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun()
    monkeypatch.setattr(workflow, "SMALL_EUR", Decimal(1000))
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    assert "\n7 of 8 claims approved." in capsys.readouterr().out


# --- a store that isn't as it should be -------------------------------------------------------------------------------


def test_the_review_of_a_csv_that_was_changed_is_refused_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    write_claims(Path(), CLAIMS.replace("38.40", "83.40"))
    error = refused(capsys)
    assert error.startswith("claims.csv was changed since its review began, and that isn't finished: it's run ")
    assert "Put the CSV back as it was; or start from nothing with --fresh" in error
    write_claims(Path())
    capsys.readouterr()
    assert main(["claims.csv", "--answers", "answers.txt"]) == 0
    assert ASKED.findall(capsys.readouterr().out) == ["1", "3", "1.1", "1.2"]


def test_one_store_keeps_the_reviews_of_several_files(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    Path("april.csv").write_text(CLAIMS.replace("38.40", "83.40"), encoding="utf-8")
    capsys.readouterr()
    assert main(["april.csv", "--list"]) == 0
    assert "3 open" in capsys.readouterr().out
    assert main(["claims.csv", "--list"]) == 0
    assert "2 open" in capsys.readouterr().out


def test_a_csv_may_be_renamed_while_its_run_waits(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    Path("claims.csv").rename("april.csv")
    capsys.readouterr()
    assert main(["april.csv", "--answers", "answers.txt"]) == 0
    assert ASKED.findall(capsys.readouterr().out) == ["1", "3", "1.1", "1.2"]
    assert json.loads(Path("april.decisions.json").read_text(encoding="utf-8"))["source"] == "claims.csv"


@pytest.mark.parametrize(
    "what", [b"[]", b"\xff", b"[" * 100_000, b'{"snapshot": 1, "program": 2', b"SQLite format 3\0"]
)
def test_what_is_no_store_is_refused_and_kept(what: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    STORE.write_bytes(what)
    assert refused(capsys).startswith("expenses.db ")
    assert STORE.read_bytes() == what


def test_a_store_in_which_somebody_has_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    data = STORE.read_bytes()
    assert b'"approve"' in data
    STORE.write_bytes(data.replace(b'"approve"', b'"reject" '))
    assert "isn't as it was written" in refused(capsys)


def test_a_store_that_was_cut_off_anywhere_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    data = STORE.read_bytes()
    for length in range(1, len(data), 1 + len(data) // 8):
        STORE.write_bytes(data[:length])
        assert refused(capsys).startswith("expenses.db ")


def test_a_fresh_start_asks_again_and_keeps_a_copy_of_the_old_run() -> None:
    begun()
    assert main(["claims.csv", "--fresh", "--answers", "answers.txt"]) == 0
    report = json.loads(Path("claims.decisions.json").read_text(encoding="utf-8"))
    assert report["rejected"]["claims"] == 2
    (kept,) = Path().glob("claims.csv-*.old.json")
    assert "expenses.verdict" in kept.read_text(encoding="utf-8")


def test_a_fresh_start_on_a_bad_csv_leaves_the_review_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    write_claims(Path(), "nothing")
    refused(capsys, "--fresh")
    write_claims(Path())
    capsys.readouterr()
    assert main(["claims.csv", "--list"]) == 0
    assert "2 open" in capsys.readouterr().out
