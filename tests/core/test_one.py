"""A table of one item is like any other, for as long as it has room; and what rests is kept in such ones."""

from __future__ import annotations

import copy
from collections.abc import MutableMapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import CODEC, PROGRAM, Approved, Hand, Task, only
from tests.core.journalling import imaged
from tests.sim.effort import effort
from workflows.core.commands import RunStep
from workflows.core.empty import EMPTY
from workflows.core.one import One, packed, with_one
from workflows.core.questions import Ask
from workflows.core.ticks import StepHalted

KEYS = st.sampled_from(["a", "b", "c"])
TURNS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(0, 9)),
    st.tuples(st.just("take out"), KEYS, st.just(0)),
    st.tuples(st.just("pack"), KEYS, st.just(0)),
)


def check_same(table: MutableMapping[str, int], known: dict[str, int]) -> None:
    """It's like the dict in all that can be asked of it."""
    assert table == known
    assert known == table
    assert (len(table), bool(table), list(table)) == (len(known), bool(known), list(known))
    assert (list(table.keys()), list(table.values())) == (list(known.keys()), list(known.values()))
    assert (list(table.items()), repr(table)) == (list(known.items()), repr(known))
    for key in "abc":
        assert (key in table, table.get(key), table.get(key, 5)) == (key in known, known.get(key), known.get(key, 5))
        if key not in known:
            with pytest.raises(KeyError, match=key):
                table[key]
            with pytest.raises(KeyError, match=key):
                del table[key]


@effort(0.5)
@given(st.lists(TURNS, max_size=12))
def test_it_is_like_a_dict_whatever_is_put_in_and_taken_out(turns: list[tuple[str, str, int]]) -> None:
    table: MutableMapping[str, int] = EMPTY
    known: dict[str, int] = {}
    for what, key, number in turns:
        if what == "put":
            table = with_one(table, key, number)
            known[key] = number
        elif what == "take out":
            assert table.pop(key, None) == known.pop(key, None)
        else:
            table = packed(table)
            assert type(table) is {0: type(EMPTY), 1: One}.get(len(known), dict)
        check_same(table, known)
        assert copy.deepcopy(table) == known


def test_one_item_alone_is_kept_as_one_and_more_in_a_dict() -> None:
    one = with_one(EMPTY, "a", 1)
    assert (type(one), one) == (One, {"a": 1})
    assert with_one(one, "a", 2) is one
    two = with_one(one, "b", 3)
    assert (type(two), two) == (dict, {"a": 2, "b": 3})
    assert with_one(two, "c", 4) is two
    assert one == {"a": 2}, "what it was made of stays as it was"
    assert packed(two) is two


def test_another_item_does_not_fit_be_it_that_the_first_was_taken_out() -> None:
    one = One("a", 1)
    with pytest.raises(TypeError, match=r"room for 'a' only: .* for 'b' too"):
        one["b"] = 2
    assert one == {"a": 1}
    del one["a"]
    with pytest.raises(TypeError, match="put another in its place"):
        one["a"] = 2
    assert one == {}
    assert type(with_one(one, "b", 2)) is One
    assert packed(one) is EMPTY


def test_a_run_in_which_everything_waits_keeps_no_table_of_more_room_than_it_needs() -> None:
    hand = Hand()
    job = hand.start()
    hand.suspend(job, *hand.ask(job, Ask(Approved)))
    state, execution = hand.state, hand.execution(job)
    assert state.work is EMPTY
    assert execution.memory is not None
    for table in state.executions, state.tally, state.questions.by_id, execution.open, execution.memory.tapes:
        assert type(table) is One
    imaged(PROGRAM, CODEC, state, at=hand.at)


def test_a_run_that_goes_on_has_tables_with_room() -> None:
    hand = Hand()
    job = hand.start()
    hand.suspend(job, *hand.ask(job, Ask(Approved)))
    (again,) = only(hand.receive(Approved(n=1)), RunStep)
    hand.returns(again, Task(n=1))
    assert type(hand.state.executions) is dict
    assert hand.state.work["begin"].running == 0
    assert hand.state.work["work"].running == 1


def test_while_an_attempt_runs_what_waits_stays_in_its_tables() -> None:
    hand = Hand()
    job, *_ = hand.spread(2)
    hand.suspend(job, *hand.ask(job, Ask(Approved)))
    assert type(hand.state.executions) is dict
    assert hand.state.work["also"].running == 2


def test_what_is_queued_where_no_attempt_runs_stays_in_its_queue() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    hand.step(also, StepHalted)
    hand.suspend(work, *hand.ask(work, Ask(Approved)))
    assert not hand.state.live
    assert {step: list(found.queue or ()) for step, found in hand.state.work.items()} == {"also": [also.execution]}
    imaged(PROGRAM, CODEC, hand.state, at=hand.at)
