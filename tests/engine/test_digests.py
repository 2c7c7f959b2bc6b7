"""Digests: made late or at once, with or without others, of the same event they're the same. W1"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.events import Event
from workflows.runtime.digests import STREAM, Digests, event_digest, is_plain

pytestmark = pytest.mark.guarantee("W1")


class Word(Event):
    text: object
    number: object = None


class Sign(Event):
    text: object
    number: object = None


CODEC = Codec([Word, Sign])
huge = st.sampled_from((10**5000, -(10**5000)))
texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(("", "\ud800"))
plain_values = st.none() | st.booleans() | st.integers() | huge | st.floats() | texts
values = plain_values | st.lists(st.integers(), max_size=2) | st.builds(object)


def events_of(given: st.SearchStrategy[object]) -> st.SearchStrategy[Event]:
    return st.builds(Word, text=given, number=given) | st.builds(Sign, text=given, number=given)


@given(events=st.lists(st.tuples(events_of(values), st.booleans()), max_size=8))
def test_digests_that_are_made_late_are_those_that_are_made_at_once(events: list[tuple[Event, bool]]) -> None:
    at_once = [event_digest(CODEC, event, what=STREAM) for event, _ in events]
    made = {
        number: at_once[number] for number, (event, is_early) in enumerate(events) if is_early or not is_plain(event)
    }
    late: Sequence[int] = Digests(CODEC, [event for event, _ in events], made)
    assert len(late) == len(events)
    assert list(late) == at_once
    assert [late[number] for number in range(len(events))] == at_once
    assert late[1:] == tuple(at_once[1:])


@given(event=events_of(plain_values), other=events_of(plain_values))
def test_events_that_differ_have_other_digests(event: Event, other: Event) -> None:
    is_same = (type(event), repr_of(event)) == (type(other), repr_of(other))
    digests = event_digest(CODEC, event, what=STREAM), event_digest(CODEC, other, what=STREAM)
    assert not is_same or digests[0] == digests[1]
    assert is_same or digests[0] != digests[1]


def repr_of(event: Event) -> list[tuple[type, object]]:
    """What tells events apart: 0.0 isn't -0.0, nor 1, nor True."""
    return [(type(value), repr(value) if isinstance(value, float) else value) for value in vars(event).values()]
