"""`collect_events`: what is gathered, in which order it's given, and what an arrival costs."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.counting import work_of
from tests.core.flow import Chore, Hand, LoudNote, Note, Task
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.gather import Buffer
from workflows.core.records import Collected
from workflows.events import Event

Kinds = Sequence[type[Event]]


def collect(
    hand: Hand, job: RunStep, event: Event, expected: Kinds, name: str | None = None
) -> tuple[Event, ...] | None:
    hand.step(job, ticks.EventCollected, "", "k", event, expected, name)
    memory = hand.execution(job).memory
    assert memory is not None
    record = memory.tapes[""].records[-1]
    assert isinstance(record, Collected)
    return record.events


@given(expected=st.lists(st.sampled_from((Note, Task, LoudNote)), min_size=1, max_size=4), data=st.data())
def test_a_set_comes_in_the_order_asked_for_and_of_each_type_in_that_of_arrival(
    expected: list[type[Event]], data: st.DataObject
) -> None:
    buffer = Buffer.expecting(expected)
    waiting: list[Event] = []
    for n in range(data.draw(st.integers(0, 12))):
        event = data.draw(st.sampled_from((Note, Task, LoudNote)))(n=n)
        assert buffer.add(event) == (type(event) in expected)
        waiting += [event] if type(event) in expected else []
        naive = _naive_take(waiting, expected)
        taken = buffer.take()
        assert (None if taken is None else tuple(event for _, event in taken)) == naive
        assert sorted(buffer.waiting(), key=_number) == sorted(waiting, key=_number)


def _number(event: Event) -> int:
    assert isinstance(event, Note | Task)
    return event.n


def _naive_take(waiting: list[Event], expected: list[type[Event]]) -> tuple[Event, ...] | None:
    counts = Counter(type(event) for event in waiting)
    if any(counts[kind] < n for kind, n in Counter(expected).items()):
        return None
    return tuple(_first(waiting, kind) for kind in expected)


def _first(waiting: list[Event], kind: type[Event]) -> Event:
    event = next(event for event in waiting if type(event) is kind)
    waiting.remove(event)
    return event


def test_an_event_of_a_type_that_is_not_missing_is_kept_for_the_next_set() -> None:
    """Semantics 26."""
    hand = Hand()
    job = hand.start()
    expected: Kinds = [Note, Task]
    assert collect(hand, job, Note(n=1), expected) is None
    assert collect(hand, job, Note(n=2), expected) is None
    assert collect(hand, job, Task(n=3), expected) == (Note(n=1), Task(n=3))
    assert collect(hand, job, Task(n=4), expected) == (Note(n=2), Task(n=4))


def test_a_type_that_is_not_expected_is_not_kept_and_a_subclass_is_another_type() -> None:
    hand = Hand()
    job = hand.start()
    assert collect(hand, job, LoudNote(n=1), [Note]) is None
    assert collect(hand, job, Note(n=2), [Note]) == (Note(n=2),)


def test_the_same_types_in_another_order_are_the_same_buffer_and_come_in_that_order() -> None:
    """They had a buffer of their own, and then came in the order of whoever had asked first."""
    hand = Hand()
    job = hand.start()
    assert collect(hand, job, Note(n=0), [Note]) == (Note(n=0),)
    assert collect(hand, job, Note(n=1), [Note, Task]) is None
    assert collect(hand, job, Task(n=2), [Task, Note]) == (Task(n=2), Note(n=1))
    assert collect(hand, job, Note(n=3), [Note, Task]) is None
    assert collect(hand, job, Task(n=4), (Note, Task)) == (Note(n=3), Task(n=4))


def test_the_first_set_of_types_may_be_asked_for_in_another_order_too() -> None:
    hand = Hand()
    job = hand.start()
    assert collect(hand, job, Note(n=1), [Note, Task]) is None
    assert collect(hand, job, Task(n=2), [Task, Note]) == (Task(n=2), Note(n=1))


def test_what_is_left_of_one_type_after_a_full_set_does_not_stand_for_another() -> None:
    hand = Hand()
    job = hand.start()
    for n in range(3):
        assert collect(hand, job, Note(n=n), [Note, Task]) is None
    assert collect(hand, job, Task(n=3), [Note, Task]) == (Note(n=0), Task(n=3))
    assert collect(hand, job, Note(n=4), [Note, Task]) is None


def test_each_set_of_types_and_each_name_has_a_buffer_of_its_own() -> None:
    hand = Hand()
    job = hand.start()
    assert collect(hand, job, Note(n=1), [Note, Note]) is None
    assert collect(hand, job, Note(n=2), [Note, Task]) is None
    assert collect(hand, job, Note(n=3), [Note, Note], "") is None
    assert collect(hand, job, Note(n=4), [Note, Note], "b") is None
    assert collect(hand, job, Task(n=5), [Note, Task]) == (Note(n=2), Task(n=5))
    assert collect(hand, job, Note(n=6), [Note, Note], "b") == (Note(n=4), Note(n=6))
    assert collect(hand, job, Note(n=7), [Note, Note]) == (Note(n=1), Note(n=7))
    assert collect(hand, job, Note(n=8), [Note, Note], "") == (Note(n=3), Note(n=8))


def test_a_named_buffer_that_is_asked_for_other_types_keeps_what_it_holds_of_them() -> None:
    hand = Hand()
    job = hand.start()
    assert collect(hand, job, Note(n=1), [Note, Task, Chore], "b") is None
    assert collect(hand, job, Chore(n=2), [Note, Task, Chore], "b") is None
    assert collect(hand, job, Task(n=3), [Task, Note], "b") == (Task(n=3), Note(n=1))
    assert collect(hand, job, Task(n=4), [Chore, Task], "b") is None, "a type that wasn't expected isn't kept"


def test_each_step_has_buffers_of_its_own() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    assert collect(hand, work, Note(n=1), [Note, Note]) is None
    assert collect(hand, also, Note(n=2), [Note, Note]) is None
    assert [place[0] for place in hand.state.buffers] == ["work", "also"]


def test_types_that_are_not_declared_are_gathered_all_the_same() -> None:
    """Where a step asked for two sets of types, this broke the core."""

    class Local(Event):
        n: int

    hand = Hand()
    job = hand.start()
    assert collect(hand, job, Note(n=1), [Note]) == (Note(n=1),)
    assert collect(hand, job, Local(n=2), [Local, Note]) is None
    assert collect(hand, job, Note(n=3), [Local, Note]) == (Local(n=2), Note(n=3))


@pytest.mark.guarantee("D4")
def test_an_arrival_costs_the_same_however_many_are_expected() -> None:
    def cost(expected: int) -> int:
        hand = Hand()
        job = hand.start()
        kinds = [Note] * expected
        collect(hand, job, Note(n=0), kinds)
        return work_of(lambda: collect(hand, job, Note(n=1), kinds))

    assert cost(3) == cost(3000) > 0


def test_a_full_set_costs_in_proportion_to_its_size() -> None:
    def cost(expected: int) -> int:
        hand = Hand()
        job = hand.start()
        kinds = [Note] * expected
        for n in range(expected - 1):
            collect(hand, job, Note(n=n), kinds)
        return work_of(lambda: collect(hand, job, Note(n=-1), kinds))

    one, ten = cost(100) - cost(50), cost(1000) - cost(500)
    assert one > 0
    assert ten <= 11 * one
