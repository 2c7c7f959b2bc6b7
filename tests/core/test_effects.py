"""Effects: digests that are made late come to what they'd have come to at once, and no others are made."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Hand, Note
from tests.core.late import Late
from workflows.core import ticks
from workflows.core.effects import Effects, folded
from workflows.core.records import Memory, Tape, Value

NOW = Value("now", "", 5.0)


digests = st.lists(st.integers(0, 2**64), min_size=1, max_size=4)
deeds = st.lists(
    st.one_of(
        st.integers(0, 2**64),
        digests.map(tuple),
        digests.map(Late),
        st.just("look"),
    ),
    max_size=8,
)


@pytest.mark.guarantee("W1")
@given(deeds=deeds, branch=st.sampled_from(("", "l")))
def test_digests_that_are_made_late_come_to_the_same(
    deeds: list[int | tuple[int, ...] | Late | str], branch: str
) -> None:
    memory = Memory()
    each: list[int] = []
    for deed in deeds:
        if isinstance(deed, int):
            memory.add_effect(branch, deed)
            each.append(deed)
        elif isinstance(deed, str):
            assert [record.digest for record in memory.records() if isinstance(record, Effects)] == (
                [reduce(folded, each, 0)] if each else []
            )
        else:
            memory.add_effects(branch, deed)
            each += deed.digests if isinstance(deed, Late) else deed
    assert list(memory.records()) == ([Effects(len(each), reduce(folded, each, 0))] if each else [])
    assert all(deed.looks <= 1 for deed in deeds if isinstance(deed, Late)), "each is taken in once"


@pytest.mark.guarantee("W1")
def test_nothing_is_digested_before_somebody_looks() -> None:
    late, later = Late([1, 2]), Late([3])
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.BurstStreamed, "", late, (Note(n=1), Note(n=2)))
    hand.step(job, ticks.BurstStreamed, "", later, (Note(n=3),))
    (record,) = hand.state.executions[job.execution].remember().records()
    assert isinstance(record, Effects)
    assert (record.count, late.looks, later.looks) == (3, 0, 0)
    assert record.digest == reduce(folded, (1, 2, 3), 0)
    assert (late.looks, later.looks) == (1, 1)


@pytest.mark.guarantee("W1")
def test_what_follows_has_the_digests_made() -> None:
    late = Late([1, 2])
    tape = Tape()
    tape.add_effects(late)
    tape.add(NOW)
    assert late.looks == 1
    tape.add(NOW)
    tape.add_effect(3)
    assert tape.records == [Effects(2, reduce(folded, (1, 2), 0)), NOW, NOW, Effects(1, folded(0, 3))]


def test_records_of_operations_differ_by_count_and_digest() -> None:
    record = Effects(1, 2)
    record.add_all(Late([3]))
    assert record == Effects(2, folded(2, 3))
    assert record not in (Effects(3, folded(2, 3)), Effects(2, folded(2, 4)), NOW, "2 operations")
    assert f"{folded(2, 3):016x}" in str(record)
