"""Forms of ticks: what becomes of odd values, and of parts that are in the types of a child."""

from decimal import Decimal
from typing import Any

import pytest

from tests.core.flow import Approval, Approved, Begin, Task, codec_for
from tests.core.journalling import journalled, through_text
from tests.core.test_children import Hand
from tests.core.test_children_machine import INNER, KINDS, OUTER, OUTER_CODEC, Errand
from workflows.core import ticks
from workflows.core.delivery import all_questions
from workflows.core.engine import Core
from workflows.core.journal import tick_data, tick_from
from workflows.core.questions import Ask
from workflows.core.state import ChildKind, RunState
from workflows.errors import DecodeError, EncodeError, SnapshotMismatch
from workflows.events import Event, HumanResponseEvent, StartEvent

GONE: dict[str, Any] = {"$": "vanished", "v": {}}


class Shouted(str):
    """A text that shows itself otherwise."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


def new_state() -> RunState:
    return RunState(OUTER, OUTER_CODEC, kinds=KINDS)


@pytest.mark.parametrize(("given", "stored"), [(Shouted("run"), "run"), (5, "5"), (None, None), ("x", "x")])
def test_a_text_is_stored_as_one_whatever_a_user_gives_for_it(given: Any, stored: str | None) -> None:
    data: Any = tick_data(new_state(), ticks.QuestionsAsked(1, 1.0, 1, 1, "", (Ask(Approved, None, given),)))
    assert data[-1][0][2] == stored
    assert type(data[-1][0][2]) is type(stored)


@pytest.mark.parametrize("given", [Decimal("1.5"), 1.5, 2])
def test_seconds_are_stored_as_a_float_whatever_a_user_gives_for_them(given: Any) -> None:
    data: Any = tick_data(new_state(), ticks.RunStarted(1, 1.0, "r", Begin(), 7, given))
    assert type(data[6]) is float
    assert data[6] == given


def test_requirements_that_cannot_be_read_any_more_are_a_mismatch() -> None:
    ask = Ask(Approved, requirements={"n": Task(n=1)})
    data = through_text(tick_data(new_state(), ticks.QuestionsAsked(1, 1.0, 1, 1, "", (ask,))))
    data[-1][0][3]["n"] = GONE
    with pytest.raises(SnapshotMismatch) as caught:
        tick_from(new_state(), data)
    assert caught.value.problems[0].startswith("what a question requires: ")


# --- of children ------------------------------------------------------------------------------------------------------


class Word(HumanResponseEvent, name="word"):
    """Only the child's workflow declares it."""

    said: object = None


class Hint(Event, name="hint"):
    """Only the child's workflow declares it."""


class Unheard(HumanResponseEvent, name="unheard"):
    """No workflow declares it."""


class Parcel(StartEvent, name="parcel"):
    """Only the child's workflow declares it."""

    what: object = None


TALKING = {"inner": ChildKind(INNER, codec_for(INNER, [Word, Hint, Parcel, Approval, Approved]))}


def asking(answer: type[Event]) -> tuple[RunState, str]:
    """A run whose child asks for such an answer, and the id of that question."""
    core = Core(OUTER, OUTER_CODEC, children=TALKING)
    for tick in (
        ticks.RunStarted(1, 1.0, "r", Begin(), 7),
        ticks.ChildStarted(2, 1.0, 1, 1, "", "k", "inner", "begin/Inner", Errand()),
        ticks.ChildTick(3, 1.0, 1, ticks.QuestionsAsked(2, 1.0, 1, 1, "", (Ask(answer),))),
    ):
        core.feed(tick)
    (question,) = all_questions(core.state)
    return core.state, question.id


def test_an_answer_of_a_class_that_the_run_knows_is_stored_in_its_own_types_and_any_other_in_the_childs() -> None:
    state, question = asking(Approved)
    data: Any = tick_data(state, ticks.EventReceived(4, 1.0, Approved(n=1), None, question))
    assert data[3] == {"$": "approved", "v": {"n": 1, "who": "ann"}}
    state, question = asking(Word)
    data = tick_data(state, ticks.EventReceived(4, 1.0, Word(said=1), None, question))
    assert data[3] == [["inner"], {"$": "word", "v": {"said": 1}}]


def test_an_event_for_the_run_itself_must_be_of_a_class_that_it_knows() -> None:
    state, _ = asking(Word)
    with pytest.raises(EncodeError, match=r"\$\.event: is a Hint"):
        tick_data(state, ticks.EventReceived(4, 1.0, Hint()))


def test_an_answer_to_a_child_that_no_workflow_declares_cannot_be_stored() -> None:
    state, question = asking(Word)
    with pytest.raises(EncodeError, match=r"\$\.event: is an? Unheard"):
        tick_data(state, ticks.EventReceived(4, 1.0, Unheard(), None, question))


def test_what_cannot_be_stored_of_an_answer_or_a_start_event_is_told_with_its_place() -> None:
    """The place had a dot too many."""
    state, question = asking(Word)
    answer = ticks.EventReceived(4, 1.0, Word(said=object()), None, question)
    start = ticks.ChildStarted(4, 1.0, 1, 1, "", "l", "inner", "begin/Inner", Parcel(what=object()))
    for tick, place in (answer, "$.event.said"), (start, "$.event.what"):
        with pytest.raises(EncodeError) as caught:
            tick_data(state, tick)
        assert [problem.partition(": ")[0] for problem in caught.value.problems] == [place]


def test_a_class_of_a_childs_that_is_gone_is_a_mismatch_that_names_the_child() -> None:
    state, question = asking(Word)
    received: Any = tick_data(state, ticks.EventReceived(4, 1.0, Word(), None, question))
    received[3][1] = GONE
    started: Any = tick_data(state, ticks.ChildStarted(4, 1.0, 1, 1, "", "l", "inner", "begin/Inner", Parcel()))
    started[-1] = GONE
    within: Any = tick_data(state, ticks.ChildTick(4, 1.0, 1, ticks.EventPublished(3, 1.0, 1, 1, Hint())))
    within[-1][-1] = GONE
    for data, says in (received, "an event"), (started, "inner: a start event"), (within, "begin/Inner: an event"):
        with pytest.raises(SnapshotMismatch) as caught:
            tick_from(state, data)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{says}: ")


def test_a_word_to_a_child_that_was_not_there_then_and_is_now_is_no_entry() -> None:
    state, _ = asking(Word)
    with pytest.raises(DecodeError, match="child 1 is there only now, or was there only then"):
        tick_from(state, ["child", 4, 1.0, 1, None])


def test_a_late_word_comes_back_even_if_nothing_is_known_of_the_child() -> None:
    hand = Hand()
    late = ticks.ChildTick(9, 1.0, 7, ticks.StepHalted(3, 1.0, 1, 1))
    again = journalled(hand.core.state, late)
    assert isinstance(again, ticks.ChildTick)
    assert (again.id, again.at, again.child) == (9, 1.0, 7)
