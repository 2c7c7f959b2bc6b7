"""Instances of declared classes come back as they were, whatever happens when one is made."""

from __future__ import annotations

import enum
import json
from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.errors import DecodeError, DefinitionError, EncodeError
from workflows.events import Event, StopEvent

from .same import same
from .samples import CODEC, Access, Account, Bits, Box, Colour, Half, Loose, Node, Paid, Point, Span, Tally, Visit, half

T = TypeVar("T")
Plain: Any = namedtuple("Plain", ["a", "b"])  # pyright: ignore[reportUntypedNamedTuple]  # users do


def through_json(value: Any, codec: Codec = CODEC) -> Any:
    return codec.decode(json.loads(json.dumps(codec.encode(value), allow_nan=False)))


def name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


@pytest.mark.guarantee("D1")
def test_fields_are_stored_by_name_under_the_name_of_the_class() -> None:
    account = Account("t0k3n", 5, "a,b")
    account.note = {"x": 1}
    assert CODEC.encode(account) == {
        "$": "tests.codec.samples:Account",
        "v": {"_token": "t0k3n", "cents": 5, "tags": ["a", "b"], "note": {"x": 1}},
    }
    assert through_json(account) == account


@pytest.mark.guarantee("D1")
def test_what_happens_when_an_object_is_made_does_not_happen_twice_to_its_fields() -> None:
    visit = Visit(["a"])
    assert visit.steps == 1
    back = through_json(visit)
    assert back == visit
    assert back.seen  # what is no field is made anew

    tally = Tally(1)
    assert same(through_json(tally), tally)


@pytest.mark.guarantee("D1")
def test_a_converter_need_not_take_what_it_has_made() -> None:
    def split(text: str) -> list[str]:
        return text.split(",")

    @attrs.define
    class Tags:
        names: list[str] = attrs.field(converter=split)
        count: int = attrs.field(default=0, converter=int)
        seen: bool = attrs.field(init=False, default=False)

        def __attrs_post_init__(self) -> None:
            self.names.append("made")

    tags = Tags("a,b")
    assert through_json(tags, Codec([Tags])) == tags
    older = {"$": name_of(Tags), "v": {"names": "a,b"}}
    assert Codec([Tags]).decode(older).count == 0


@pytest.mark.guarantee("D1")
def test_dataclasses_of_all_sorts_come_back() -> None:
    @dataclass(slots=True, frozen=True, kw_only=True)
    class Slotted(Generic[T]):
        a: T
        b: list[int] = field(default_factory=list[int])
        c: int = field(init=False, default=7)

    @dataclass(eq=False)
    class Named:
        name: str

        @cached_property
        def upper(self) -> str:
            return self.name.upper()

    value = Slotted(a=Named("x"), b=[1])
    assert value.a.upper == "X"
    back = through_json(value, Codec([Slotted, Named]))
    assert same(back, value)
    assert type(back.a) is Named


@pytest.mark.guarantee("D1")
def test_a_class_that_only_adds_methods_needs_no_decorator() -> None:
    class Tree(Node):
        def leaves(self) -> int:
            return len(self.children)

    tree = Tree("a", [Node("b")])
    assert same(through_json(tree, Codec([Tree])), tree)


@pytest.mark.guarantee("D1")
def test_a_field_that_has_no_value_is_named_unless_it_may_have_none() -> None:
    @attrs.define(slots=False)
    class Lazy:
        a: int
        later: int = attrs.field(init=False)

    codec = Codec([Lazy])
    lazy = Lazy(1)
    back = through_json(lazy, codec)
    assert back.a == 1
    assert not hasattr(back, "later")
    lazy.later = 2
    assert through_json(lazy, codec) == lazy
    del lazy.a
    with pytest.raises(EncodeError) as refused:
        codec.encode([lazy])
    assert refused.value.problems == ("$[0].a: has no value: set it",)


@pytest.mark.guarantee("D1")
def test_what_has_become_invalid_is_refused_when_it_is_stored_not_when_it_is_read() -> None:
    account = Account("t")
    object.__setattr__(account, "cents", -1)
    with pytest.raises(EncodeError) as refused:
        CODEC.encode({"accounts": [account]})
    assert refused.value.problems[0].startswith("$.accounts[0].cents: -1 doesn't pass its validator: ValueError")
    with attrs.validators.disabled():
        assert through_json(account).cents == -1


@pytest.mark.guarantee("D1", "D2")
def test_validators_run_when_it_is_read() -> None:
    for cls in (Account, Paid):
        encoded: Any = CODEC.encode(Account("t") if cls is Account else Paid(order_id=1))
        encoded["v"]["cents"] = -1
        with pytest.raises(DecodeError) as refused:
            CODEC.decode({"a": [encoded]})
        assert refused.value.problems[0].startswith(f"$.a[0]: {encoded['$']} refuses these values: ValueError")


@pytest.mark.guarantee("D1")
def test_named_tuples_come_back_as_what_they_were() -> None:
    class Money(NamedTuple):
        cents: int
        currency: str = "EUR"

    codec = Codec([Money, Plain])
    for value in (Money(5), Plain(1, Money(2))):
        assert same(through_json(value, codec), value)
    assert codec.encode(Money(5)) == {"$": name_of(Money), "v": {"cents": 5, "currency": "EUR"}}


@pytest.mark.guarantee("D1")
def test_members_of_enums_are_stored_by_name() -> None:
    def stored(value: Any) -> Any:
        encoded: Any = CODEC.encode(value)
        return encoded["v"]

    assert stored(Colour.CRIMSON) == "RED"
    assert stored(Access.WRITE | Access.READ) == ["READ", "WRITE"]
    assert stored(Access.ALL) == ["ALL"]
    assert stored(Access(0)) == []
    assert stored(Bits.ONE) == ["ONE"]
    assert stored(Bits.ONE | 2) == 3
    for value in (*Colour, *Access, Access(5), Bits(15), Bits(0), Bits.FOUR):
        assert through_json(value) is value
    assert CODEC.decode({"$": name_of(Colour), "v": "CRIMSON"}) is Colour.RED


@pytest.mark.guarantee("D1")
def test_an_enum_that_is_renumbered_keeps_its_members() -> None:
    def flags(*names: str) -> type[enum.Flag]:
        made = enum.Flag("Right", names)  # type: ignore[misc]  # the functional form
        made.__module__, made.__qualname__ = "rights", "Right"
        return made

    before, after = flags("READ", "WRITE"), flags("LIST", "READ", "WRITE")
    encoded = Codec([before]).encode(before["READ"] | before["WRITE"])
    assert Codec([after]).decode(encoded) == after["READ"] | after["WRITE"]


@pytest.mark.guarantee("D1")
def test_events_keep_their_extras() -> None:
    event = half(1, topic={"x"}, größe=Point(1))
    assert CODEC.encode(event) == {
        "$": name_of(Half),
        "v": {"declared": 1},
        "x": {"topic": {"$": ".set", "v": ["x"]}, "größe": {"$": name_of(Point), "v": {"x": 1, "y": 0}}},
    }
    assert through_json(event) == event
    assert through_json(Loose()) == Loose()
    odd = Loose(**{"$": 1, "a b": 2, "\ud800": 3})
    assert same(through_json(odd), odd)
    stop = StopEvent(3, note="x")
    assert same(through_json(stop, Codec([StopEvent])), stop)


@pytest.mark.guarantee("D1")
def test_a_field_that_an_event_keeps_elsewhere_than_in_its_dictionary_comes_back_there() -> None:
    @attrs.frozen(slots=True)
    class Timed:
        at: float

    class Seen(Timed, Event):
        what: str

    seen = Seen(what="x", at=1.0)  # type: ignore[call-arg]  # mypy sees only the fields of the event
    back = through_json(seen, Codec([Seen]))
    assert (back, back.at, vars(back)) == (seen, 1.0, {"what": "x"})


@pytest.mark.guarantee("D1")
def test_an_event_is_found_by_its_name_and_by_its_aliases() -> None:
    for name in ("order.paid", "order.payed"):
        assert CODEC.decode({"$": name, "v": {"order_id": 1, "cents": 2, "lines": []}}) == Paid(order_id=1, cents=2)


@pytest.mark.guarantee("D1")
def test_generic_classes_come_back() -> None:
    class Result(Event, Generic[T]):
        value: T

    codec = Codec([Result[Box[int]]])
    value = Result[Box[int]](value=Box[int](3))
    back = through_json(value, codec)
    assert back == value
    assert type(back.value) is Box


@pytest.mark.guarantee("D1")
def test_a_field_that_was_added_with_a_default_gets_it() -> None:
    encoded: Any = CODEC.encode(Paid(order_id=1))
    del encoded["v"]["lines"]
    assert CODEC.decode(encoded) == Paid(order_id=1)
    encoded = CODEC.encode(Span(start=1))
    del encoded["v"]["length"]
    assert CODEC.decode(encoded) == Span(start=1)


@pytest.mark.guarantee("D1", "D2")
def test_any_other_difference_of_fields_is_refused() -> None:
    for fields, words in [
        ({"cents": 1}, "doesn't have 'order_id'"),
        ({"order_id": 1, "colour": 2}, "has 'colour', which the class doesn't declare"),
        ({"cents": 1, "colour": 2}, "doesn't have 'order_id' and has 'colour'"),
    ]:
        with pytest.raises(DecodeError) as refused:
            CODEC.decode([{"$": "order.paid", "v": fields}])
        (problem,) = refused.value.problems
        assert problem.startswith("$[0]: order.paid ")
        assert words in problem
        assert "Its fields: 'order_id', 'cents', 'lines'" in problem


def test_a_class_that_could_not_be_made_again_is_refused_by_the_codec_at_once() -> None:
    @dataclass
    class Secret:
        a: int
        key: InitVar[str]

    @attrs.define
    class Own:
        a: int

        def __init__(self, text: str) -> None:
            self.__attrs_init__(a=int(text))  # type: ignore[attr-defined]  # made by attrs

    @attrs.define(order=False, eq=False)
    class Many(list[int]):
        a: int

    class Plain:
        pass

    class Extended(Node):
        more: int

    with pytest.raises(DefinitionError) as refused:
        Codec([Secret, Own, Many, Plain, Extended, Node, int, list[str], Plain | None])
    text = str(refused.value)
    for words in (
        "Secret has the InitVar 'key', whose value isn't kept",
        "Own has an __init__ that doesn't take its field 'a'",
        "Many derives from list",
        "Plain isn't a class with declared fields",
        "Extended adds the field 'more' to a decorated class without being decorated itself",
        "give it a stored form with hooks",
    ):
        assert words in text


@pytest.mark.guarantee("D1")
def test_such_a_class_in_an_annotation_harms_only_who_stores_an_instance() -> None:
    @dataclass
    class Secret:
        key: InitVar[str] = ""

    @attrs.define
    class Holder:
        secret: Secret | None = None
        others: list[Any] = attrs.field(factory=list[Any])

    codec = Codec([Holder])
    assert through_json(Holder(), codec) == Holder()
    with pytest.raises(EncodeError) as refused:
        codec.encode(Holder(Secret(), [Secret()]))
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == ["$.secret", "$.others[0]"]
    assert "has the InitVar 'key'" in refused.value.problems[0]


@pytest.mark.guarantee("D1")
@given(values=st.lists(st.integers(), max_size=3))
def test_an_object_and_its_copy_share_nothing(values: list[int]) -> None:
    node = Node(values, [Node(values)])
    back = through_json(node)
    back.value.append(1)
    back.children[0].value.append(2)
    back.children.append(Node(3))
    assert node == Node(values, [Node(values)])
    assert node.children[0].value is values
