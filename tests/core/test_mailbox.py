"""The mailbox: a list in the order of arrival, from which a wait takes the first event that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import LoudNote, Note, Task
from workflows.core.mailbox import Mailbox
from workflows.core.questions import Question
from workflows.events import Event

EVENTS = st.tuples(st.sampled_from((Note, LoudNote, Task)), st.sampled_from(("ann", "bob")))
WAITS = st.builds(
    Question,
    id=st.just("q1"),
    event=st.none(),
    answer_type=st.sampled_from((Note, LoudNote, Task)),
    step=st.just("s"),
    requirements=st.sampled_from((None, {"who": "bob"})),
    subclasses=st.booleans(),
)


@pytest.mark.guarantee("W4")
@given(st.lists(st.one_of(EVENTS, WAITS), max_size=30))
def test_a_wait_takes_the_oldest_event_that_fits_and_the_others_stay(
    deeds: list[tuple[type[Event], str] | Question],
) -> None:
    mailbox, naive = Mailbox(), list[Event]()
    for n, deed in enumerate(deeds):
        if isinstance(deed, Question):
            fitting = [event for event in naive if fits(deed, event)]
            assert mailbox.take(deed) == (fitting[0] if fitting else None)
            naive = [event for event in naive if not fitting or event is not fitting[0]]
        else:
            kind, who = deed
            event = kind(n=n) if kind is Task else kind(n=n, who=who)
            mailbox.keep(event)
            naive.append(event)
        assert mailbox.in_order() == naive
    assert all(mailbox.by_type.values()), "an empty box for a type would stay for ever"


def fits(wait: Question, event: Event) -> bool:
    is_of_type = isinstance(event, wait.answer_type) if wait.subclasses else type(event) is wait.answer_type
    return is_of_type and (not wait.requirements or (isinstance(event, Note) and event.who == "bob"))


def test_clearing_leaves_nothing() -> None:
    mailbox = Mailbox()
    mailbox.keep(Note(n=1))
    mailbox.clear()
    assert mailbox.in_order() == []
