"""The oracle of the kill harness complains of what mustn't be, and of nothing else."""

from pathlib import Path

import pytest

from tests.durability.kills.effects import Effects
from tests.durability.kills.oracle import Oracle
from tests.durability.kills.pruned import PruningOracle
from tests.durability.kills.session import Ending
from tests.durability.kills.tidying import LOG

ENDINGS = {1: Ending("killed"), 2: Ending("left"), 3: Ending("left")}


def complaints(folder: Path, told: list[tuple[int, str, str, str]]) -> list[str]:
    return list(oracle_of(folder, told).of_effects())


def oracle_of(folder: Path, told: list[tuple[int, str, str, str]]) -> Oracle:
    for life, what, run_id, key in told:
        Effects(folder / "effects.log", life).tell(what, run_id, key)
    return Oracle(folder, ENDINGS)


@pytest.mark.parametrize("run_id", ["run-1", "run-1/2"])
def test_who_was_killed_or_has_lost_a_run_may_have_its_work_done_again(run_id: str, tmp_path: Path) -> None:
    """Found by kills: with a run, its children are lost, too."""
    told = [
        (1, "did", run_id, "a"),
        (2, "did", run_id, "a"),
        (2, "lost", "run-1", "-"),
        (3, "did", run_id, "a"),
        (3, "seen", run_id, "a"),
    ]
    assert complaints(tmp_path, told) == []


def test_who_has_lost_a_run_and_has_not_heard_of_it_may_do_what_is_on_record(tmp_path: Path) -> None:
    """Found by kills: it had been late since before the call, on a machine that was busy."""
    told = [(3, "did", "r/1", "a"), (3, "seen", "r/1", "a"), (2, "did", "r/1", "a"), (2, "lost", "r", "-")]
    assert complaints(tmp_path, told) == []


def test_what_was_at_work_when_its_run_was_closed_may_be_on_no_record(tmp_path: Path) -> None:
    """Found by kills: whoever was at work was killed, and the next one hadn't come there when the run was closed."""
    assert complaints(tmp_path, [(1, "did", "r", "a"), (2, "closing", "r", "-")]) == []


RECORDED = [(3, "did", "r", "a"), (3, "seen", "r", "a")]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([*RECORDED, (2, "lost", "r", "-"), (2, "did", "r", "a")], "though its record was seen"),
        ([*RECORDED, (2, "did", "r", "a"), (2, "seen", "r", "a"), (2, "lost", "r", "-")], "though its record was seen"),
        ([(2, "did", "r", "a"), (3, "did", "r", "a"), (3, "seen", "r", "a")], "2 did it, wasn't killed"),
        ([(1, "did", "r", "a"), (1, "did", "r", "a"), (1, "seen", "r", "a")], "1 alone did it 2 times"),
        ([(1, "did", "r", "a"), (1, "seen", "r", "a"), (2, "did", "r", "a")], "though its record was seen"),
        ([(1, "did", "r", "a")], "never recorded"),
        ([(1, "seen", "r", "a")], "never done"),
    ],
)
def test_what_nothing_excuses_is_told(told: list[tuple[int, str, str, str]], why: str, tmp_path: Path) -> None:
    assert any(why in complaint for complaint in complaints(tmp_path, told))


@pytest.mark.parametrize(
    ("told", "arrived", "why"),
    [
        ([(1, "accepted", "r", "word"), (2, "closing", "r", "-")], [], "was accepted, and has arrived 0 times"),
        ([(2, "closing", "r", "-"), (1, "accepted", "r", "word")], ["word", "word"], "has word 2 times"),
        ([(1, "refused", "r", "word")], ["word"], "was refused, and has arrived"),
        ([(1, "accepted", "r", "word"), (2, "closing", "r", "-")], ["word"], None),
        ([(2, "closing", "r", "-"), (1, "accepted", "r", "word")], [], None),  # found by kills: nobody took it any more
    ],
)
def test_words_arrive_once_unless_their_run_was_being_closed(
    told: list[tuple[int, str, str, str]], arrived: list[str], why: str | None, tmp_path: Path
) -> None:
    complaints = list(oracle_of(tmp_path, told).of_words({"r": arrived}))
    assert (not complaints) if why is None else any(why in complaint for complaint in complaints)


CANCEL = [(1, "cancelling", "r", "-"), (1, "cancelled", "r", "-")]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([*CANCEL, (2, "did", "r", "a")], "2 did it though the run was cancelled"),
        ([*CANCEL, (2, "did", "r/1", "a")], "2 did it though the run was cancelled"),
        ([(2, "resuming", "r", "-"), *CANCEL, (2, "did", "r", "a")], "2 did it though the run was cancelled"),
        ([CANCEL[0], (2, "did", "r", "a"), CANCEL[1]], None),
        ([*CANCEL, (2, "resuming", "r", "-"), (2, "did", "r", "a")], None),
        ([CANCEL[0], (2, "resuming", "r", "-"), CANCEL[1], (2, "did", "r", "a")], None),  # it's told of too late
        ([*CANCEL, (2, "did", "r", "a"), (2, "lost", "r", "-")], None),
    ],
)
def test_nothing_is_done_from_a_cancel_until_somebody_resumes_the_run(
    told: list[tuple[int, str, str, str]], why: str | None, tmp_path: Path
) -> None:
    complaints = list(oracle_of(tmp_path, told).of_cancels())
    assert (not complaints) if why is None else any(why in complaint for complaint in complaints)


@pytest.mark.parametrize(
    ("run_id", "last", "status", "is_asking", "why"),
    [
        ("tidy-1-1-chain", "link-11", None, False, "is gone, and hadn't ended"),
        ("tidy-1-1-chain", "link-12", None, False, None),
        ("tidy-1-1-chain", "link-11", "running", False, None),
        ("tidy-1-1-waits", "before-0", None, False, "is gone, and hadn't ended"),
        ("tidy-1-1-waits", "before-0", "running", False, "asks nothing any more"),
        ("tidy-1-1-waits", "before-0", "completed", False, "asks nothing any more"),
        ("tidy-1-1-waits", "before-0", "running", True, None),
        ("tidy-1-1-cancelled", "before-0", "cancelled", False, None),
    ],
)
def test_only_what_has_ended_may_be_gone(
    run_id: str, last: str, status: str | None, is_asking: bool, why: str | None, tmp_path: Path
) -> None:
    for what in ("did", "seen"):
        Effects(tmp_path / LOG, 1).tell(what, run_id, last)
    kept = {} if status is None else {run_id: status}
    complaints = list(PruningOracle(tmp_path, ENDINGS).of_runs(kept, {run_id} if is_asking else set()))
    assert (not complaints) if why is None else any(why in complaint for complaint in complaints)


def test_a_cancelled_run_stays_cancelled_where_ended_ones_are_pruned(tmp_path: Path) -> None:
    for what in ("did", "seen", "cancelling", "cancelled"):
        Effects(tmp_path / LOG, 1).tell(what, "tidy-1-1-cancelled", "-")
    oracle = PruningOracle(tmp_path, ENDINGS)
    assert list(oracle.of_runs({"tidy-1-1-cancelled": "running"}, {"tidy-1-1-cancelled"})) == [
        "tidy-1-1-cancelled was cancelled, and is running"
    ]
