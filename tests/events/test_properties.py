"""What holds for every event, whatever its class and values."""

import copy
import keyword
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workflows.events import Event, StopEvent, build_event, event_extras, event_fields, restore_event

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
AWKWARD = ["items", "keys", "get", "values", "replace", "to_dict", "self", "result", "unknown", "positional", "fields"]
NAMES = st.sampled_from(AWKWARD) | st.from_regex("[a-zA-Z][a-z0-9_]{0,4}", fullmatch=True)
EXTRAS = st.dictionaries(NAMES, VALUES, max_size=4)


class Plain(Event, extra=True):
    first: Any
    second: Any = 0
    third: Any = attrs.field(factory=list[Any])


def same(value: object) -> object:
    return value


class Delegated(Event, extra=True):
    first: object = attrs.field(converter=same)
    second: Any = attrs.field(default=attrs.Factory(lambda event: event.first, takes_self=True))


CLASSES: list[type[Event]] = [Event, StopEvent, Plain, Delegated]


@st.composite
def events(draw: st.DrawFn) -> Event:
    cls = draw(st.sampled_from(CLASSES))
    names = [field.name for field in event_fields(cls)]
    fields = {name: draw(VALUES) for name in names}
    extras = {name: value for name, value in draw(EXTRAS).items() if name not in names}
    return build_event(cls, fields, extras)


@given(event=events())
def test_fields_and_extras_describe_an_event_completely(event: Event) -> None:
    fields = {field.name: getattr(event, field.name) for field in event_fields(type(event))}
    for make in (build_event, restore_event):
        again = make(type(event), fields, event_extras(event))
        assert again == event
        assert repr(again) == repr(event)
        assert fields or hash(again) == hash(event)


@given(event=events())
def test_every_kind_of_copy_equals_the_original(event: Event) -> None:
    for made in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event)), event.replace()):
        assert type(made) is type(event)
        assert made == event
        assert vars(made) == vars(event)


@given(event=events(), other=events())
def test_two_events_are_equal_exactly_if_class_fields_and_extras_are(event: Event, other: Event) -> None:
    def parts(of: Event) -> object:
        return type(of), [getattr(of, field.name) for field in event_fields(type(of))], of.to_dict()

    assert (event == other) == (parts(event) == parts(other))
    assert (event == other) == (other == event)
    assert (event != other) == (not event == other)  # noqa: SIM201  # `!=` is asked on its own


@given(event=events(), changes=EXTRAS)
def test_replace_changes_what_it_was_given_and_keeps_the_rest(event: Event, changes: dict[str, Any]) -> None:
    before = copy.deepcopy(event)
    changed = event.replace(**changes)
    expected = {**event.to_dict(), **changes}
    for field in event_fields(type(event)):
        assert getattr(changed, field.name) == expected.pop(field.name, getattr(event, field.name))
    assert changed.to_dict() == expected
    assert event == before


@given(event=events())
def test_the_mapping_face_is_that_of_the_extras(event: Event) -> None:
    extras = dict(event_extras(event))
    assert dict(event) == dict(event.items()) == event.to_dict() == extras
    assert (len(event), list(event), list(event.keys()), list(event.values())) == (
        len(extras),
        list(extras),
        list(extras),
        list(extras.values()),
    )
    assert all(event[name] is event.get(name) is value and name in event for name, value in extras.items())
    assert bool(event)


@given(event=events())
def test_an_extra_is_an_attribute_unless_the_class_has_one_of_its_name(event: Event) -> None:
    for name, value in event_extras(event).items():
        if not hasattr(type(event), name):
            assert getattr(event, name) is value


@given(event=events(), name=NAMES, value=VALUES)
def test_no_assignment_changes_an_event(event: Event, name: str, value: Any) -> None:
    before = copy.deepcopy(event)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, name, value)
    with pytest.raises(TypeError):
        event[name] = value  # type: ignore[index]  # what is to be refused
    assert event == before


@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True), given_names=st.sets(NAMES, max_size=5))
def test_a_closed_class_takes_exactly_its_fields(names: list[str], given_names: set[str]) -> None:
    assume(not set(names) & {"items", "keys", "get", "values", "replace", "to_dict", "self"})
    assume(not any(map(keyword.iskeyword, names)))
    body = {"__annotations__": dict.fromkeys(names, int), "__module__": __name__}
    declare: Any = type(Event)
    cls: type[Event] = declare("Drawn", (Event,), body)
    wrong = set(names) ^ given_names
    if not wrong:
        assert build_event(cls, dict.fromkeys(given_names, 1)) == cls(**dict.fromkeys(names, 1))
        return
    with pytest.raises(TypeError) as caught:
        cls(**dict.fromkeys(given_names, 1))
    assert all(repr(name) in str(caught.value) for name in wrong)
