"""Timers: a heap that forgets lazily is a dict that is searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.core.timers import TimerKey, Timers

KEYS: tuple[TimerKey, ...] = (("question", "q1"), ("question", "q2"), ("retry", 1), ("retry", 10), ("grace", 1))
INSTANTS = st.integers(0, 5).map(float)
DEEDS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(KEYS), INSTANTS),
    st.tuples(st.just("drop"), st.sampled_from(KEYS), INSTANTS),
    st.tuples(st.just("take"), st.sampled_from(KEYS), INSTANTS),
)


@pytest.mark.guarantee("W8")
@given(st.lists(DEEDS, max_size=30))
def test_what_is_due_is_what_was_set_last_and_not_dropped_the_earliest_first(
    deeds: list[tuple[str, TimerKey, float]],
) -> None:
    timers, naive = Timers(), dict[TimerKey, float]()
    for deed, key, at in deeds:
        if deed == "set":
            timers.set(key, at)
            naive[key] = at
        elif deed == "drop":
            timers.drop(key)
            naive.pop(key, None)
        else:
            due = sorted((when, kind, str(name), (kind, name)) for (kind, name), when in naive.items() if when <= at)
            assert timers.take_due(at) == [found for _, _, _, found in due]
            naive = {found: when for found, when in naive.items() if when > at}
        assert timers.next_at() == min(naive.values(), default=None)
        assert timers.due == naive


@pytest.mark.guarantee("D4")
def test_timers_that_are_set_and_dropped_for_ever_take_no_room() -> None:
    timers = Timers()
    for n in range(10_000):
        timers.set(("question", f"q{n}"), 1000.0 + n)
        timers.set(("retry", 1), float(n))
        timers.drop(("question", f"q{n}"))
    assert len(timers.due) == 1
    assert len(timers.heap) <= 65


def test_clearing_leaves_nothing() -> None:
    timers = Timers()
    timers.set(("retry", 1), 1.0)
    timers.clear()
    assert (timers.next_at(), timers.take_due(9.0), timers.heap) == (None, [], [])
