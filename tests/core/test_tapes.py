"""Tapes: how often something is on record is the same, whether records are looked through or counted."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import effort
from workflows.core.records import FEW, RAISED, Memory, Ran, Read, Tape, Value

KEYS = st.sampled_from("abc")
TURNS = st.lists(
    st.tuples(st.sampled_from(["once", RAISED, "run", "read", "effect"]), KEYS)
    | st.tuples(st.sampled_from(["repeat", "take out", "depart"]), st.integers(0, 4 * FEW)),
    max_size=5 * FEW,
)
NEVER = ("once", "never called")


def add(tape: Tape, kind: str, key: str) -> None:
    if kind == "effect":
        tape.add_effect(1)
    elif kind == "run":
        tape.add(Ran(key, len(tape.records), "Child"))
    else:
        tape.add(Read(key, ()) if kind == "read" else Value(kind, key, None))


def change(memory: Memory, tape: Tape, how: str, index: int) -> None:
    record = tape.records[index % len(tape.records)] if tape.records else None
    if how == "depart":
        memory.drop_rest("", index)
    elif how == "repeat" and isinstance(record, Value):
        tape.replace(index % len(tape.records), Value("once", record.key, 1))
    elif how == "take out" and isinstance(record, Ran):
        tape.take_out(record)


@effort(0.5)
@given(TURNS)
def test_how_often_something_is_on_record_is_how_often_it_stands_there(turns: list[tuple[str, str | int]]) -> None:
    memory = Memory()
    tape = memory.tape("")
    for what, how in turns:
        if isinstance(how, str):
            add(tape, what, how)
        else:
            change(memory, tape, what, how)
        results = [record for record in tape.records if isinstance(record, Value | Ran)]
        counted = Counter((record.kind, record.key) for record in results)
        assert {place: tape.occurrence(*place) for place in [*counted, NEVER]} == {**counted, NEVER: 0}


def test_a_result_that_stands_there_often_is_counted_each_time() -> None:
    tape = Tape()
    for number in range(3 * FEW):
        assert tape.occurrence("once", "a") == number
        add(tape, "once", "a")
        add(tape, "read", "a")


def counted() -> tuple[Memory, Tape]:
    """A tape that has begun to count: one result that had raised, then one child, then many results."""
    memory = Memory()
    tape = memory.tape("")
    add(tape, RAISED, "a")
    add(tape, "run", "b")
    for _ in range(3 * FEW):
        add(tape, "once", "a")
    assert tape.occurrence("once", "a") == 3 * FEW
    return memory, tape


def test_a_result_that_takes_the_place_of_one_that_had_raised_is_counted() -> None:
    _, tape = counted()
    tape.replace(0, Value("once", "a", 1))
    assert (tape.occurrence("once", "a"), tape.occurrence(RAISED, "a")) == (3 * FEW + 1, 0)


def test_a_result_that_is_new_to_a_tape_that_counts_is_counted_from_one() -> None:
    _, tape = counted()
    add(tape, "once", "z")
    assert tape.occurrence("once", "z") == 1
    add(tape, "once", "z")
    assert tape.occurrence("once", "z") == 2


def test_a_child_that_is_taken_out_is_counted_no_more() -> None:
    _, tape = counted()
    child = tape.records[1]
    assert isinstance(child, Ran)
    tape.take_out(child)
    assert tape.occurrence(child.kind, child.key) == 0


def test_what_is_dropped_is_counted_no_more() -> None:
    memory, tape = counted()
    memory.drop_rest("", 2 + FEW)
    assert tape.occurrence("once", "a") == FEW


def test_tapes_of_the_same_records_are_equal_be_they_counted_or_not() -> None:
    _, tape = counted()
    assert tape.seen is not None
    assert tape == Tape(tape.records)
