"""Open events: undeclared fields, the mapping face, copies and comparisons."""

import copy
import pickle
from typing import Any

import attrs
import pytest

from workflows.events import Event, build_event, event_extras, restore_event


class Amount(Event):
    cents: int
    note: str = attrs.field(default="", eq=False, repr=False)
    name: str = attrs.field(default="", eq=str.casefold)


class Loose(Event, extra=True):
    cents: int


def test_undeclared_keywords_are_attributes_and_items() -> None:
    event: Any = Event(topic="x", n=1)
    assert (event.topic, event["topic"], event.n, event["n"]) == ("x", "x", 1, 1)


def test_the_mapping_face_shows_extras_and_nothing_else() -> None:
    """Semantics 30."""
    event = build_event(Loose, {"cents": 1}, {"a": 1, "b": 2})
    assert (list(event), len(event), list(event.keys()), list(event.values())) == (["a", "b"], 2, ["a", "b"], [1, 2])
    assert list(event.items()) == [("a", 1), ("b", 2)]
    assert ("a" in event, "cents" in event, 3 in event) == (True, False, False)
    assert (event.get("a"), event.get("cents"), event.get("c", 3)) == (1, None, 3)
    assert event.to_dict() == dict(event_extras(event)) == {"a": 1, "b": 2}


def test_a_class_with_fields_has_an_empty_mapping_face() -> None:
    event = Amount(cents=1)
    assert (list(event), len(event), event.to_dict(), dict(event_extras(event))) == ([], 0, {}, {})


def test_an_event_is_true_without_and_with_extras() -> None:
    """Semantics 30."""
    assert Event()
    assert Event(x=0)
    assert Amount(cents=0)


def test_an_item_that_is_not_there_is_refused_with_what_there_is() -> None:
    event = build_event(Loose, {"cents": 1}, {"a": 1})
    with pytest.raises(KeyError, match=r"'cents' is a declared field of Loose: read it as an attribute, ev\.cents"):
        event["cents"]
    with pytest.raises(KeyError, match=r"Loose has no extra 'b' \(fields: cents; extras: a\)"):
        event["b"]
    with pytest.raises(KeyError, match="Event has no extra 'b', and holds nothing"):
        Event()["b"]


def test_items_can_not_be_changed() -> None:
    event: Any = Event(a=1)
    with pytest.raises(TypeError, match=r"item 'a' can't be set to 2. Copy it with replace\(a=...\)"):
        event["a"] = 2
    with pytest.raises(TypeError, match="item 'a' can't be deleted"):
        del event["a"]
    extras: Any = event_extras(event)
    with pytest.raises(TypeError, match="does not support item assignment"):
        extras["a"] = 2
    event.to_dict()["a"] = 2
    assert event["a"] == 1


AWKWARD = [
    "items",
    "keys",
    "get",
    "values",
    "replace",
    "to_dict",
    "self",
    "cls",
    "name",
    "extras",
    "__class__",
    "__extras__",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_an_extra_named_like_a_method_is_an_item_and_breaks_nothing(name: str) -> None:
    event = Event(**{name: 3, "other": 4})
    assert event[name] == 3
    assert dict(event) == {name: 3, "other": 4}
    assert list(event.items()) == [(name, 3), ("other", 4)]
    assert event.replace(other=5) == Event(**{name: 3, "other": 5})
    assert event.get(name) == 3
    assert type(event) is Event


def test_replace_keeps_extras_and_adds_new_ones() -> None:
    event = build_event(Loose, {"cents": 1}, {"a": 1})
    assert event.replace(cents=2, b=2) == build_event(Loose, {"cents": 2}, {"a": 1, "b": 2})
    assert event == build_event(Loose, {"cents": 1}, {"a": 1})


def test_replace_refuses_what_is_no_field() -> None:
    with pytest.raises(TypeError, match=r"Amount has no field 'cent', given as 3 \(did you mean 'cents'\?\)"):
        Amount(cents=1).replace(cent=3)


def test_events_are_equal_by_class_fields_and_extras() -> None:
    """Semantics 30."""

    class Other(Amount):
        pass

    assert Event(a=1) == Event(a=1)
    assert Event(a=1) != Event(a=2)
    assert Event(a=1) != Event()
    assert Amount(cents=1) != Amount(cents=2)
    assert Amount(cents=1) != Other(cents=1)
    assert Amount(cents=1) != 1
    assert Event(a=1) != {"a": 1}


def test_comparison_respects_what_the_fields_say_of_it() -> None:
    assert Amount(cents=1, note="x", name="Ann") == Amount(cents=1, note="y", name="ANN")
    assert hash(Amount(cents=1, note="x", name="Ann")) == hash(Amount(cents=1, note="y", name="ANN"))


def test_a_field_that_can_not_be_hashed_makes_its_event_unhashable_and_an_extra_does_not() -> None:
    class Tags(Event):
        tags: list[str]

    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Tags(tags=[]))
    assert hash(Event(tags=[])) == hash(Event(tags=[]))


def test_repr_shows_fields_then_extras_and_survives_a_cycle() -> None:
    assert repr(build_event(Loose, {"cents": 1}, {"a": "x"})) == "Loose(cents=1, a='x')"
    assert repr(Amount(cents=1, note="x")) == "Amount(cents=1, name='')"
    ring: list[object] = []
    event = Event(ring=ring)
    ring.append(event)
    assert repr(event) == "Event(ring=[...])"


def test_copies_equal_the_original_and_a_deep_one_shares_nothing() -> None:
    event = build_event(Loose, {"cents": 1}, {"a": [1]})
    deep = copy.deepcopy(event)
    assert copy.copy(event) == deep == pickle.loads(pickle.dumps(event)) == event
    deep["a"].append(2)
    assert event["a"] == [1]


def test_attrs_functions_work_on_events() -> None:
    assert attrs.asdict(Amount(cents=1, name="x")) == {"cents": 1, "note": "", "name": "x"}
    evolve: Any = attrs.evolve  # its type asks for classes that attrs itself has decorated
    assert evolve(Amount(cents=1, name="x"), cents=2) == Amount(cents=2, name="x")


def test_build_event_takes_names_of_fields_and_runs_converters() -> None:
    class Price(Event):
        cents: int = attrs.field(converter=int, alias="in_cents")

    assert build_event(Price, {"cents": "5"}).cents == 5
    with pytest.raises(TypeError, match="needs 'in_cents'"):
        build_event(Price, {})
    with pytest.raises(TypeError, match="Price has no field 'x', given as 1"):
        build_event(Price, {"cents": 5}, {"x": 1})


def test_restore_event_gives_back_what_was_there_without_converting_or_checking() -> None:
    class Words(Event):
        words: list[str] = attrs.field(converter=str.split)
        count: int = attrs.field(init=False, default=0)
        added: list[str] = attrs.field(factory=list[str])
        later: int = attrs.field(default=attrs.Factory(lambda event: len(event.words), takes_self=True))

    restored = restore_event(Words, {"words": ["a", "b"], "count": 7})
    assert (restored.words, restored.count, restored.added, restored.later) == (["a", "b"], 7, [], 2)
    with pytest.raises(TypeError, match="Words needs 'words'"):
        restore_event(Words, {})
    with pytest.raises(TypeError, match="Words has no field 'word', given as 1"):
        restore_event(Words, {"words": [], "word": 1})
    with pytest.raises(TypeError, match="Words has no field 'extra', given as 1"):
        restore_event(Words, {"words": []}, {"extra": 1})
    assert restore_event(Loose, {"cents": 1}, {"a": 1}) == build_event(Loose, {"cents": 1}, {"a": 1})
