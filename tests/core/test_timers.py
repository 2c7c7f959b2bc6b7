"""Timers: a heap that forgets lazily is a dict that is searched."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.counting import work_of
from workflows.core.timers import TimerKey, Timers

KEYS: tuple[TimerKey, ...] = (("question", "q1"), ("question", "q2"), ("retry", 9), ("retry", 10), ("grace", 1))
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


@pytest.mark.guarantee("D4")
@given(live=st.integers(1, 100))
def test_timers_that_are_moved_for_ever_take_at_most_twice_their_room(live: int) -> None:
    timers = Timers()
    for n in range(6 * live + 70):
        timers.set(("retry", n % live), float(n))
        assert len(timers.heap) <= max(65, 2 * live + 1)
    assert len(timers.due) == live


@pytest.mark.guarantee("W8")
@given(seed=st.integers(0, 2**32 - 1))
def test_many_timers_are_due_in_the_same_order_as_few(seed: int) -> None:
    keys: list[TimerKey] = [("retry", 9), ("retry", 10), ("grace", 9), ("question", "q1"), ("child", 2)]
    timers, naive = Timers(), dict[TimerKey, float]()
    draw = Random(seed)
    for n in range(160 + seed % 40):
        at = float(draw.randrange(10))
        key = keys[n % len(keys)] if n % 2 else ("retry", 20 + n % 20)
        timers.set(key, at)
        naive[key] = at
    due = sorted((when, kind, str(name), (kind, name)) for (kind, name), when in naive.items())
    assert timers.take_due(9.0) == [found for _, _, _, found in due]


@pytest.mark.guarantee("D4")
def test_moving_a_timer_takes_the_same_work_however_many_there_are() -> None:
    def work(live: int) -> int:
        timers = Timers()
        for n in range(live):
            timers.set(("retry", n), float(n))

        def move() -> None:
            for n in range(live // 2):
                timers.set(("retry", n), float(live + n))

        return work_of(move) // live

    assert work(1000) == work(100)


def test_a_few_timers_are_moved_without_looking_at_the_others() -> None:
    timers = Timers()
    timers.set(("retry", 1), 0.0)
    heap = timers.heap
    for n in range(1, 64):
        timers.set(("retry", 1), float(n))
    assert timers.heap is heap


def test_a_run_whose_last_timer_was_dropped_keeps_nothing_of_those_before() -> None:
    timers = Timers()
    for n in range(3):
        timers.set(("retry", n), float(n))
    for n in range(3):
        timers.drop(("retry", n))
    assert timers.heap == []


def test_clearing_leaves_nothing() -> None:
    timers = Timers()
    timers.set(("retry", 1), 1.0)
    timers.clear()
    assert (timers.next_at(), timers.take_due(9.0), timers.heap) == (None, [], [])


def test_timers_are_the_same_if_the_same_is_due_whatever_was_set_and_dropped_before() -> None:
    one, other = Timers(), Timers()
    one.set(("retry", 1), 9.0)
    one.set(("retry", 2), 5.0)
    one.drop(("retry", 2))
    for timers in (one, other):
        timers.set(("retry", 1), 7.0)
    assert one == other
