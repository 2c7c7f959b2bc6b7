"""The state of a run: paths, versions, and what readers hold."""

import copy
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Hand, only
from workflows.codec import Json
from workflows.core import ticks
from workflows.core.commands import Refuse
from workflows.core.records import Value
from workflows.core.ticks import Write
from workflows.core.values import PathError, Values, at_path, is_same, written

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from((0.0, 1.0)), st.sampled_from("ab")),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab0"), inner, max_size=2)),
    max_leaves=6,
)


def values(**fields: Json) -> Values:
    made = Values()
    made.write(Write(fields=fields))
    return made


def as_text(data: object) -> str:
    return json.dumps(data)


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("D1")
@given(old=JSON, keys=st.lists(st.sampled_from(("a", "b", "0", "1")), min_size=1, max_size=3), value=JSON)
def test_what_is_written_at_a_path_is_read_there_and_all_else_is_as_it_was(
    old: Json, keys: list[str], value: Json
) -> None:
    before = copy.deepcopy(old)
    try:
        new = written(old, keys, value, "x")
    except PathError:
        assert as_text(old) == as_text(before)
        return
    assert as_text(old) == as_text(before), "a reader's version stays as it was"
    assert at_path(new, keys, "x") is value
    if not isinstance(new, list):
        assert isinstance(new, dict)
        others = {key: inner for key, inner in new.items() if key != keys[0]}
        assert isinstance(old, dict)
        assert as_text(others) == as_text({key: inner for key, inner in old.items() if key != keys[0]})


def test_only_the_containers_on_the_path_are_copied() -> None:
    deep: dict[str, Json] = {"left": {"x": [1, 2]}, "right": {"y": 0}}
    new = written(deep, ["right", "y"], 1, "s")
    assert isinstance(new, dict)
    assert new["left"] is deep["left"]
    assert new["right"] == {"y": 1}
    assert deep["right"] == {"y": 0}


def test_dicts_that_are_missing_on_the_way_are_made() -> None:
    state = values(a={"b": {}})
    state.write(Write(path="a.b.c.d", value=1))
    state.write(Write(path="new.x", value=2))
    assert state.fields() == {"a": {"b": {"c": {"d": 1}}}, "new": {"x": 2}}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("n.x", "n is 5, which has no parts"),
        ("l.2", "l is a list of 2; '2' is no index in it"),
        ("l.-1", "'-1' is no index"),
        ("l.x", "'x' is no index"),
        ("o.y", "o is an object without a field 'y'; it has 'x'"),
        ("o.y.z", "o is an object without a field 'y'; it has 'x'"),
        ("t.x", "t is a .set, which has no parts"),
        ("a.$", "can't be given a key '$'"),
        ("a.$.x", "can't be given a key '$'"),
        ("new.$", "can't be given a key '$'"),
        ("a" + ".x" * 200, "too long"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_the_reason(path: str, says: str) -> None:
    """A key `$` would have turned a dict into something else when it's read; a very long path broke the core."""
    hand = Hand()
    fields: dict[str, Json] = {
        "n": 5,
        "l": [1, 2],
        "a": {},
        "o": {"$": "job", "v": {"x": 1}},
        "t": {"$": ".set", "v": [1]},
    }
    hand.feed(ticks.StateWrittenOutside, Write(fields=fields))
    job = hand.start()
    (outside,) = only(hand.feed(ticks.StateWrittenOutside, Write(path=path, value=1)), Refuse)
    (inside,) = only(hand.step(job, ticks.StateWritten, "", 7, Write(path=path, value=1)), Refuse)
    assert (outside.reason, inside.reason) == ("path", "path")
    assert says in outside.message == inside.message
    assert hand.state.values.fields() == fields
    memory = hand.execution(job).memory
    assert memory is not None
    assert memory.tapes[""].records == [Value("refused", "7", ["path", inside.message])]


def test_a_path_may_have_a_hundred_and_one_parts_and_a_longer_one_is_told_how_long_it_is() -> None:
    state = values(a={})
    longest = "a" + ".x" * 100
    assert state.problem(Write(path=longest, value=1)) is None
    assert state.problem(Write(path=f"{longest}.x", value=1)) == "a path of 102 parts is too long; 101 are allowed"


def test_a_write_at_a_path_leaves_the_other_fields_as_they_are_and_all_in_their_order() -> None:
    state = values(a=1, b={"x": 2}, c=3)
    state.write(Write(path="b.x", value=4, fields={"d": 5}, only=True))
    state.write(Write(path="a", value=6))
    assert list(state.fields().items()) == [("a", 6), ("b", {"x": 4}), ("c", 3)]


def test_a_field_of_a_stored_object_is_written_inside_of_it() -> None:
    state = values(job={"$": "job", "v": {"x": 1, "y": {"z": 2}}})
    state.write(Write(path="job.y.z", value=3))
    state.write(Write(path="job.y.w", value=4))
    assert state.fields() == {"job": {"$": "job", "v": {"x": 1, "y": {"z": 3, "w": 4}}}}


def test_a_commit_of_an_edit_at_a_path_that_leads_nowhere_is_refused() -> None:
    """It broke the core."""
    hand = Hand()
    hand.feed(ticks.StateWrittenOutside, Write(fields={"n": 5}))
    hand.feed(ticks.EditAsked, "outside:1")
    (refusal,) = only(hand.feed(ticks.EditCommitted, "outside:1", Write(path="n.x", value=1)), Refuse)
    assert refusal.reason == "path"
    assert hand.state.values.editor == "outside:1"
    assert hand.feed(ticks.EditDropped, "outside:1") == []
    assert hand.state.values.editor is None


# --- whole fields -----------------------------------------------------------------------------------------------------


def test_fields_are_added_or_replaced_and_with_only_the_others_go() -> None:
    state = values(a=1, b=2)
    state.write(Write(fields={"b": 3, "c": 4}))
    assert state.fields() == {"a": 1, "b": 3, "c": 4}
    state.write(Write(fields={"c": 4}, only=True))
    assert state.fields() == {"c": 4}
    state.write(Write(fields={}, only=True))
    assert state.fields() == {}
    assert state.versions == {}


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(
    ("before", "after"),
    [(True, 1), (1, 1.0), (0, False), ([1], [True]), ({"x": 1}, {"x": 1.0}), ({"x": 1, "y": 2}, {"y": 2, "x": 1})],
)
def test_a_field_that_becomes_an_equal_value_of_another_type_is_written(before: Json, after: Json) -> None:
    """`edit_state()` lost it: Python's `==` doesn't tell 1 from 1.0 and from True."""
    state = values(a=before)
    state.write(Write(fields={"a": after}, only=True))
    assert as_text(state.fields()) == as_text({"a": after})


@given(one=JSON, other=JSON)
def test_values_are_the_same_if_their_json_is(one: Json, other: Json) -> None:
    assert is_same(one, other) == (as_text(one) == as_text(other))


def test_a_field_that_is_written_as_it_was_keeps_its_version() -> None:
    state = values(a=[1, {"x": None}], b=1)
    versions = dict(state.current)
    state.write(Write(fields={"a": [1, {"x": None}], "b": 2}))
    assert state.current["a"] == versions["a"]
    assert state.current["b"] != versions["b"]


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W1")
def test_a_version_stays_while_somebody_refers_to_it_and_goes_with_the_last() -> None:
    state = values(a=1, b=2)
    seen = state.seen(None)
    for _ in range(2):
        state.hold(seen)
    state.write(Write(path="a", value=3))
    assert [state.versions[version] for _, version in seen] == [1, 2]
    state.release(seen)
    assert state.versions.keys() == {1, 2, 3}
    state.release(seen)
    assert state.versions.keys() == {2, 3}, "what is current stays"
    assert state.holds == {}


def test_a_read_of_a_path_refers_to_its_field_only() -> None:
    state = values(a={"x": 1}, b=2)
    assert state.seen("a.x.y") == (("a", state.current["a"]),)
    assert state.seen("nowhere") == ()
    assert state.seen(None) == tuple(state.current.items())


def test_versions_of_a_field_that_is_dropped_stay_while_they_are_held() -> None:
    state = values(a=1)
    seen = state.seen("a")
    state.hold(seen)
    state.write(Write(fields={}, only=True))
    assert (state.fields(), state.versions) == ({}, {1: 1})
    state.release(seen)
    assert state.versions == {}


@given(data=st.data())
def test_versions_kept_are_the_current_ones_and_those_held(data: st.DataObject) -> None:
    state = Values()
    holding: list[tuple[tuple[str, int], ...]] = []
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(("set", "only", "hold", "release"))):
            case "set":
                state.write(Write(path=data.draw(st.sampled_from("abc")), value=data.draw(st.integers(0, 1))))
            case "only":
                fields = data.draw(st.dictionaries(st.sampled_from("abc"), st.integers(0, 1)))
                state.write(Write(fields=fields, only=True))
            case "hold":
                holding.append(state.seen(data.draw(st.sampled_from((None, "a", "b")))))
                state.hold(holding[-1])
            case _ if holding:
                state.release(holding.pop(data.draw(st.integers(0, len(holding) - 1))))
            case _:
                pass
        held = Counter(version for seen in holding for _, version in seen)
        assert state.holds == held
        assert state.versions.keys() == {*state.current.values(), *held}


# --- edits ------------------------------------------------------------------------------------------------------------


def test_edits_are_granted_one_at_a_time_in_the_order_of_asking() -> None:
    state = Values()
    assert [state.ask_edit(owner) for owner in ("a", "b", "c", "b", "a")] == [True, False, False, False, False]
    assert state.end_edit("b") is None
    assert state.editor == "a"
    assert state.end_edit("a") == "c"
    assert state.end_edit("nobody") is None
    assert state.end_edit("c") is None
    assert state == Values()
