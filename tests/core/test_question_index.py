"""Few open questions are looked through, many are looked up: which of them an event could answer is the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Approved, LoudNote, Note, Prompt, Reply, Vetted
from tests.sim.effort import effort
from workflows.core.questions import FEW, Changes, Question, Questions
from workflows.events import Event, HumanResponseEvent

TYPES: tuple[type[Event], ...] = (Approved, Vetted, Reply, Note, Event, HumanResponseEvent)
EVENTS = (Approved(n=1), Vetted(n=1), Reply(n=1), Note(n=1), LoudNote(n=1), HumanResponseEvent(), Prompt(what="x"))


@st.composite
def turns(draw: st.DrawFn) -> list[Question | str]:
    """Questions that are asked, and ids of those that are closed, some of them a second time."""
    done: list[Question | str] = []
    asked: list[str] = []
    for number in range(draw(st.integers(0, 4 * FEW))):
        name = f"q{number}"
        kind = draw(st.sampled_from(TYPES))
        content, subclasses = draw(st.sampled_from("ab")), draw(st.booleans())
        done.append(Question(name, None, kind, "step", content=f"{content}{subclasses}", subclasses=subclasses))
        asked.append(name)
        done += draw(st.lists(st.sampled_from(asked), max_size=2))
    return done


def naive(open_ones: dict[str, Question], fits: Callable[[Question], bool]) -> list[str]:
    """The oldest of each type and content."""
    seen: set[tuple[type[Event], str]] = set()
    found: list[str] = []
    for question in open_ones.values():
        place = (question.answer_type, question.content)
        if place not in seen and fits(question):
            found.append(question.id)
        seen.add(place)
    return found


@effort(0.5)
@given(turns())
def test_who_could_be_answered_is_the_same_among_few_and_among_many(done: list[Question | str]) -> None:
    questions, known, open_ones = Questions(), dict[str, Question](), dict[str, Question]()
    was_indexed = False
    for turn in done:
        if isinstance(turn, Question):
            known[turn.id] = open_ones[turn.id] = turn
            questions.open(turn, turn.answer_type.__name__)
        else:
            questions.close(known[turn])
            open_ones.pop(turn, None)
        was_indexed = bool(open_ones) and (was_indexed or len(open_ones) > FEW)
        assert (questions.index is not None) is was_indexed
        assert list(questions.by_id) == list(open_ones)
        for event in EVENTS:
            found = [question.id for question in questions.candidates(event)]
            assert found == naive(open_ones, partial(Question.accepts, event=event))
            loose = [question.id for question in questions.loose_candidates(event)]
            assert loose == naive(open_ones, partial(Question.may_accept, event=event))


def asked(names: range) -> Questions:
    questions = Questions()
    for number in names:
        questions.open(Question(f"q{number}", None, Approved, "step"), "Approved")
    return questions


def test_questions_are_the_same_if_the_same_are_open_whatever_was_closed_before() -> None:
    many = asked(range(2 * FEW))
    for number in range(2, 2 * FEW):
        many.close(many.by_id[f"q{number}"])
    assert many == asked(range(2))
    assert "index" not in repr(many)


def test_whoever_wants_to_know_of_changes_is_told_that_all_were_closed_at_once() -> None:
    questions = asked(range(2))
    questions.changes = Changes()
    cleared = questions.cleared(("Approved",))
    assert cleared.changes is questions.changes
    assert questions.changes.own == {"q0": None, "q1": None}


def test_an_index_holds_nothing_of_questions_that_were_closed_and_goes_with_the_last_of_them() -> None:
    questions = asked(range(2 * FEW))
    index = questions.index
    assert index is not None
    other = Question("other", None, Vetted, "step")
    questions.open(other, "Vetted")
    questions.close(other)
    assert set(index.by_type) == {Approved}
    assert set(index.numbers) == set(questions.by_id)
    for question in list(questions.by_id.values()):
        questions.close(question)
    assert questions.index is None
    assert index.by_type == {}
