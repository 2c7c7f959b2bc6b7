"""Rounds: what one comes to, and how they add up to a deep run."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs


@attrs.frozen
class Round:
    """One round that's to be played.

    Attributes:
        number: From 0 on; the first one tries what no seed changes, too.
        seed: Of Hypothesis.
        until: After which instant no test is begun.
    """

    number: int
    seed: int
    until: float


@attrs.define
class Outcome:
    """What came of a round, or of several.

    Attributes:
        failed: The tests that failed, if any did: then nothing else here counts.
        cases: How many cases each property was tried with, by where it stands.
        lives: How many simulated lives there were on the backend.
        interleavings: Digests of the orders in which their tasks took turns.
        cuts: From how many points a run was gone on with, by kind.
        cancellations: At how many scheduling points a scenario was cancelled.
    """

    failed: list[str] = attrs.field(factory=list[str])
    cases: Counter[str] = attrs.field(factory=Counter[str])
    lives: int = 0
    interleavings: set[int] = attrs.field(factory=set[int])
    cuts: Counter[str] = attrs.field(factory=Counter[str])
    cancellations: int = 0

    def add(self, other: "Outcome") -> None:
        """Add what came of another round."""
        self.cases += other.cases
        self.lives += other.lives
        self.interleavings |= other.interleavings
        self.cuts += other.cuts
        self.cancellations += other.cancellations


@attrs.frozen
class Failed:
    """A deep run that found something: it proves nothing, and says how to see it again."""

    tests: list[str]
    seed: int

    def __str__(self) -> str:
        again = f"HYPOTHESIS_PROFILE=round python -m pytest -p no:randomly --hypothesis-seed={self.seed}"
        tests = self.tests or ["(a process that died: see its output)"]
        return "\n".join(["failed; again with:", *(f"  {again} '{test}'" for test in tests)])


def deep_run(
    *,
    minutes: float,
    first_seed: int,
    clock: Callable[[], float],
    play: Callable[[Round], Outcome],
    say: Callable[[str], object],
) -> dict[str, Any] | Failed:
    """Play rounds until the time is up or one fails; gives the figures.

    Args:
        minutes: How long; a test that has begun is seen to its end.
        first_seed: That of the first round; each further one has the next.
        clock: Gives seconds.
        play: Plays a round.
        say: Is told how it stands after each round.
    """
    total, began = Outcome(), clock()
    rounds = 0
    for round_ in _rounds(began + 60 * minutes, first_seed, clock):
        outcome = play(round_)
        if outcome.failed:
            return Failed(outcome.failed, round_.seed)
        total.add(outcome)
        rounds += 1
        say(f"round {rounds}, seed {round_.seed}, {(clock() - began) / 60:.1f} min: {told(total)}")
    return {
        "minutes": round((clock() - began) / 60, 1),
        "rounds": rounds,
        "first_seed": first_seed,
        "runs": total.lives,
        "interleavings": len(total.interleavings),
        "crash_points": dict(sorted(total.cuts.items())),
        "cancellations": total.cancellations,
        "cases": dict(sorted(total.cases.items())),
    }


def _rounds(until: float, first_seed: int, clock: Callable[[], float]) -> Iterator[Round]:
    number = 0
    while clock() < until:
        yield Round(number, first_seed + number, until)
        number += 1


def told(total: Outcome) -> str:
    """The figures in a line."""
    cuts = ", ".join(f"{what} {count:,}" for what, count in sorted(total.cuts.items()))
    return (
        f"{total.cases.total():,} cases of {len(total.cases)} properties, {total.lives:,} runs, "
        f"{len(total.interleavings):,} distinct interleavings, {total.cuts.total():,} crash points ({cuts}), "
        f"{total.cancellations:,} cancellations"
    )
