"""A deep run plays rounds until its time is up, adds up what they count, and is worth nothing if one fails."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.deep.rounds import Failed, Outcome, Round, deep_run


class Hour:
    """A clock that goes on by so many seconds with each round."""

    def __init__(self, round_s: float) -> None:
        self.now: float = 1000.0
        self.round_s = round_s
        self.played: list[Round] = []
        self.said: list[str] = []

    def run(self, outcome: Callable[[Round], Outcome], *, minutes: float = 60) -> dict[str, Any] | Failed:
        def play(round_: Round) -> Outcome:
            self.played.append(round_)
            self.now += self.round_s
            return outcome(round_)

        return deep_run(minutes=minutes, first_seed=7, clock=lambda: self.now, play=play, say=self.said.append)


def passed(round_: Round) -> Outcome:
    return Outcome(
        cases=Counter({"a": 10, f"only in {round_.number}": 1}),
        lives=5,
        interleavings={1, 2, 100 + round_.number},
        cuts=Counter({"tick": 3}),
        cancellations=round_.number,
    )


def test_rounds_are_played_until_the_time_is_up_each_with_the_next_seed() -> None:
    hour = Hour(round_s=25 * 60)
    hour.run(passed)
    assert [(round_.number, round_.seed) for round_ in hour.played] == [(0, 7), (1, 8), (2, 9)]
    assert {round_.until for round_ in hour.played} == {1000.0 + 3600}


def test_figures_of_rounds_add_up_and_an_interleaving_counts_once() -> None:
    hour = Hour(round_s=30 * 60)
    assert hour.run(passed) == {
        "minutes": 60.0,
        "rounds": 2,
        "first_seed": 7,
        "runs": 10,
        "interleavings": 4,
        "crash_points": {"tick": 6},
        "cancellations": 1,
        "cases": {"a": 20, "only in 0": 1, "only in 1": 1},
    }
    assert len(hour.said) == 2
    assert "22 cases of 3 properties, 10 runs, 4 distinct interleavings, 6 crash points" in hour.said[-1]


def test_a_failure_ends_the_run_and_says_how_to_see_it_again() -> None:
    hour = Hour(round_s=60)
    found = hour.run(lambda round_: Outcome(failed=["tests/t.py::test_it[trio]"]) if round_.number else passed(round_))
    assert isinstance(found, Failed)
    assert len(hour.played) == 2
    assert "--hypothesis-seed=8 'tests/t.py::test_it[trio]'" in str(found)
