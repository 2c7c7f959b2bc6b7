"""What is told of open questions since the last look: a table kept by it has those that are open, no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Approval, Approved
from tests.core.journalling import keep_table
from tests.core.test_children import Hand
from tests.core.test_children_machine import Errand
from workflows.core import ticks
from workflows.core.delivery import all_questions
from workflows.core.open_questions import changed_questions, track_questions
from workflows.core.questions import Ask, Question
from workflows.core.state import RunState

DEEDS = ("ask", "answer", "ask in a child", "ask in its child", "answer a child", "leave", "await", "end", "look")


def ask(hand: Hand, what: str = "?") -> str:
    """The run itself asks."""
    before = set(hand.core.state.questions.by_id)
    hand.step(ticks.QuestionsAsked, "", (Ask(Approved, Approval(what=what)),))
    (name,) = set(hand.core.state.questions.by_id) - before
    return name


def ask_inside(hand: Hand, number: int, inner: int, what: str = "?") -> None:
    """A child of a child asks."""
    outer = hand.child(number).state
    nested = outer.children[inner].state
    asks = (Ask(Approved, Approval(what=what)),)
    asked = ticks.QuestionsAsked(nested.last_tick + 1, hand.at, 1, 1, "", asks)
    hand.feed(ticks.ChildTick, number, ticks.ChildTick(outer.last_tick + 1, hand.at, inner, asked))


def with_children() -> tuple[Hand, int, int]:
    """A run, its child, and the child's child."""
    hand = Hand()
    number = hand.start()
    inner = hand.child(number).state.next_child
    hand.within(number, ticks.ChildStarted, "", "m", "inner", "fetch/Inner[m]", Errand())
    return hand, number, inner


def told(state: RunState) -> tuple[list[str], list[str]]:
    opened, closed = changed_questions(state)
    return [question.id for question in opened], closed


def test_without_an_account_nothing_has_changed() -> None:
    hand = Hand()
    ask(hand)
    assert changed_questions(hand.core.state) == ([], [])


def test_an_account_makes_no_difference_to_the_run() -> None:
    hands = [Hand(), Hand()]
    track_questions(hands[0].core.state)
    for hand in hands:
        ask(hand)
    assert hands[0].core.state == hands[1].core.state


@pytest.mark.guarantee("W10")
def test_the_first_look_tells_of_all_that_are_open_those_of_children_as_the_run_shows_them() -> None:
    hand, number, inner = with_children()
    ask(hand)
    hand.asks(number)
    ask_inside(hand, number, inner)
    track_questions(hand.core.state)
    opened, closed = changed_questions(hand.core.state)
    assert (opened, closed) == (all_questions(hand.core.state), [])
    assert [question.path for question in opened] == [
        (),
        ("begin/Inner[k]",),
        ("begin/Inner[k]", "fetch/Inner[m]"),
    ]
    assert changed_questions(hand.core.state) == ([], [])


@pytest.mark.guarantee("W10")
def test_what_was_open_when_the_account_began_and_was_closed_before_the_first_look_is_told_as_closed() -> None:
    hand, number, inner = with_children()
    name = ask(hand)
    hand.asks(number)
    ask_inside(hand, number, inner)
    own, *nested = [question.id for question in all_questions(hand.core.state)]
    track_questions(hand.core.state)
    hand.answer(Approved(n=1), own)
    hand.ends(number)
    assert own == name
    assert told(hand.core.state) == ([], [own, *nested])
    assert told(hand.core.state) == ([], [])


@pytest.mark.guarantee("W10")
def test_questions_of_a_child_that_is_over_are_closed_though_the_run_has_no_children_any_more() -> None:
    hand = Hand()
    track_questions(hand.core.state)
    number = hand.start()
    hand.asks(number)
    (name,) = [question.id for question in all_questions(hand.core.state)]
    assert told(hand.core.state) == ([name], [])
    hand.ends(number)
    assert hand.core.state.children == {}
    assert told(hand.core.state) == ([], [name])
    assert told(hand.core.state) == ([], [])


@pytest.mark.guarantee("W10")
def test_questions_of_a_child_are_closed_while_nobody_awaits_it_and_opened_when_somebody_does() -> None:
    hand = Hand()
    track_questions(hand.core.state)
    number = hand.start()
    hand.asks(number)
    hand.waits(number)
    (name,) = [question.id for question in all_questions(hand.core.state)]
    assert told(hand.core.state) == ([name], [])
    hand.step(ticks.ChildWanted, number, False)
    assert told(hand.core.state) == ([], [name])
    hand.step(ticks.ChildWanted, number, True)
    assert told(hand.core.state) == ([name], [])


@pytest.mark.guarantee("W10")
@given(deeds=st.lists(st.sampled_from(DEEDS), max_size=20))
def test_a_table_kept_by_what_has_changed_has_the_open_questions(deeds: list[str]) -> None:
    hand, number, inner = with_children()
    track_questions(hand.core.state)
    table: dict[str, Question] = {}
    for n, deed in enumerate(deeds):
        is_there = number in hand.core.state.children
        is_nested = is_there and inner in hand.child(number).state.children
        asked = [question.id for question in all_questions(hand.core.state) if not question.path]
        nested = [question.id for question in all_questions(hand.core.state) if question.path]
        if deed == "ask":
            ask(hand, what=str(n))
        elif deed in ("answer", "answer a child") and (names := asked if deed == "answer" else nested):
            hand.answer(Approved(n=n), names[n % len(names)])
        elif deed == "ask in a child" and is_there:
            hand.asks(number, what=str(n))
        elif deed == "ask in its child" and is_nested:
            ask_inside(hand, number, inner, what=str(n))
        elif deed in ("leave", "await"):
            hand.step(ticks.ChildWanted, number, deed == "await")
        elif deed == "end" and is_there:
            hand.ends(number)
        elif deed == "look":
            keep_table(table, hand.core.state)
    keep_table(table, hand.core.state)
