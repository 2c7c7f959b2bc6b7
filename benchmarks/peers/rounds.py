"""Rounds: in each, every subject measures every workload, one after the other and in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import attrs

from ..measuring import Spread
from .compared import Compared
from .subjects import Subject, Talk


@attrs.define
class Series:
    """What one subject's samples of one workload of one size have been, by the number of the round."""

    compared: Compared
    size: int
    subject: Subject
    samples: dict[int, float] = attrs.field(factory=dict[int, float])

    @property
    def spread(self) -> Spread:
        """Of an item, or of the whole where that is what counts, in the workload's unit."""
        return Spread.of(list(self.samples.values()))

    def add(self, number: int, whole: float) -> None:
        """Keep the sample of a round."""
        workload = self.compared.workload
        self.samples[number] = whole * workload.unit.scale / (self.size if workload.is_shared else 1)

    def over(self, other: Series) -> Spread:
        """How many times as much this is as the other, round by round."""
        return Spread.of([sample / other.samples[number] for number, sample in self.samples.items()])


def measure(
    subjects: Sequence[Subject],
    compared: Sequence[Compared],
    *,
    rounds: int,
    clock: str,
    is_quick: bool,
    with_slow: bool = True,
    tell: Callable[[str], None],
) -> list[Series]:
    """Measure everything; each round has new processes.

    Args:
        subjects: Who is measured.
        compared: What.
        rounds: How often.
        clock: By which clock.
        is_quick: Take the small sizes.
        with_slow: Measure, in the first round, what takes a peer half a minute.
        tell: Is told what is being measured.
    """
    series = [
        Series(one, size, subject)
        for one in compared
        for size in (one.quick_sizes if is_quick else one.sizes)
        for subject in subjects
        if subject.measures(one) and (with_slow or size not in one.once)
    ]
    for number in range(rounds):
        with ExitStack() as stack:
            talks = {subject.key: stack.enter_context(subject.talk(clock)) for subject in subjects}
            for one in _in_turns(series, number):
                tell(f"round {number + 1} of {rounds}: {one.compared.name} of {one.size:,} in {one.subject.key}")
                _sample(one, number, talks, clock)
    return series


def _sample(one: Series, number: int, talks: Mapping[str, Talk], clock: str) -> None:
    one.add(number, one.subject.sample(one.compared, one.size, talks[one.subject.key], clock))


def _in_turns(series: Sequence[Series], number: int) -> list[Series]:
    """In the next round another subject is the first, workload by workload."""
    groups: dict[tuple[str, int], list[Series]] = {}
    for one in series:
        if number > 0 and one.size in one.compared.once:
            continue
        groups.setdefault((one.compared.name, one.size), []).append(one)
    turned = (group[number % len(group) :] + group[: number % len(group)] for group in groups.values())
    return [one for group in turned for one in group]
