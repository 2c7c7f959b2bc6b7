"""What's compared and shown by its fields."""

import re

import pytest

from tests.core.busy import PAY
from tests.core.flow import Hand
from workflows.core import commands, effects, mailbox, questions, records, state, tally, ticks, timers, values
from workflows.core.plain import Plain
from workflows.core.ticks import Tick, TimerFired

KINDS = [
    kind
    for module in (ticks, commands)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Plain) and kind is not Plain
]
KEPT = (  # there's one of each, or more, in each run
    *(state.RunState, state.Execution, state.StepWork, state.Budget, state.Batch, state.Gathered, state.Child),
    *(records.Memory, records.Tape, effects.Effects, records.Value, records.Read, records.Edited, records.Asked),
    *(records.Collected, records.Ran, questions.Questions, questions.Question, tally.Tally, tally.Counts),
    *(timers.Timers, mailbox.Mailbox, values.Values),
)


def test_ticks_are_equal_if_their_classes_and_all_their_fields_are() -> None:
    tick = Tick(1, 2.0)
    assert tick == Tick(1, 2.0)
    assert tick != Tick(1, 3.0)
    assert tick != Tick(2, 2.0)
    assert tick != TimerFired(1, 2.0)
    assert tick != (1, 2.0)


def test_equal_ticks_have_one_hash_and_ticks_of_different_classes_different_ones() -> None:
    assert hash(Tick(1, 2.0)) == hash(Tick(1, 2.0))
    assert len({Tick(1, 2.0), Tick(1, 2.0), TimerFired(1, 2.0)}) == 2


def test_a_tick_is_shown_with_its_fields() -> None:
    assert repr(Tick(1, 2.0)) == "Tick(id=1, at=2.0)"


@pytest.mark.parametrize("kind", KINDS)
def test_no_tick_and_no_command_has_methods_for_that_of_its_own_which_would_be_written_at_each_import(
    kind: type[Plain],
) -> None:
    assert vars(kind).keys().isdisjoint({"__eq__", "__ne__", "__hash__", "__repr__"})


def test_a_state_is_shown_without_what_it_shares_with_others_or_derives_from_the_rest() -> None:
    hand = Hand()
    hand.ask(hand.start(budget_s=5.0), PAY)
    named = set(re.findall(r"(\w+)=", repr(hand.state)))
    assert {"memory", "tapes", "by_id", "due"} <= named
    assert named.isdisjoint({"program", "codec", "kinds", "out", "orders", "heap", "index", "changes", "seen"})


@pytest.mark.parametrize("kind", KEPT)
def test_what_a_run_keeps_has_no_room_for_weak_references(kind: type[object]) -> None:
    assert not hasattr(kind, "__weakref__")
