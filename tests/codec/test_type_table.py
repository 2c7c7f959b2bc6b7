"""Which classes a codec knows, under which names, and in which shape."""

from __future__ import annotations

import abc
import enum
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
)
from typing import Union as OldUnion

import attrs
import pytest

from workflows.codec import Codec
from workflows.errors import DecodeError, DefinitionError, EncodeError, UsageError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StopEvent

T = TypeVar("T")


@attrs.define
class Bound:
    a: int = 0


B = TypeVar("B", bound=Bound)


@attrs.define
class Leaf:
    a: int = 0


@attrs.define
class Other(Leaf):
    pass


class Size(enum.Enum):
    S = 1


class Row(TypedDict, total=False):
    leaf: Leaf


class Pair(NamedTuple):
    left: Leaf
    right: Size


@attrs.define
class Holder(Generic[T]):
    held: T


LeafId = NewType("LeafId", Leaf)


class Failed(Exception):
    pass


def leaf_in(annotation: Any) -> bool:
    root = attrs.make_class("Root", {"field": attrs.field(type=annotation)})
    root.__module__ = __name__
    return Codec([root]).knows(Leaf)


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize(
    "annotation",
    [
        Leaf,
        Leaf | None,
        Optional[Leaf],  # noqa: UP045  # users may write so
        OldUnion[int, Leaf],  # noqa: UP007  # users may write so
        list[Leaf],
        dict[str, list[tuple[Leaf, ...]]],
        Mapping[Leaf, int],
        Sequence[Leaf],
        OrderedDict[str, Leaf],
        Annotated[Leaf, "note"],
        Annotated[list[Leaf], {"unhashable": []}],
        LeafId,
        Row,
        Pair,
        Holder[Leaf],
        type[Leaf],
        Callable[[Leaf], None],
        "Leaf",
        "list[Leaf | None]",
        list["Leaf"],
    ],
    ids=repr,
)
def test_classes_that_annotations_mention_are_declared(annotation: Any) -> None:
    assert leaf_in(annotation)


def test_other_annotations_do_no_harm() -> None:
    for annotation in (
        Any,
        int,
        Decimal,
        T,
        None,
        "NoSuchName",
        list["NoSuchName"],  # type: ignore[name-defined]  # noqa: F821
        Literal[1, "a"],
        ClassVar[int],
        ...,
    ):
        assert not leaf_in(annotation)


def test_members_of_literals_and_bounds_of_type_variables_count() -> None:
    @attrs.define
    class Root(Generic[B]):
        size: Literal[Size.S]
        bound: B

    codec = Codec([Root])
    assert codec.knows(Size)
    assert codec.knows(Bound)


def test_classes_are_found_through_one_another_and_in_rings() -> None:
    @attrs.define
    class One:
        other: Two | None = None

    @dataclass
    class Two:
        one: One | None = None
        leaf: Leaf | None = None

    class Event1(Event):
        one: One

    codec = Codec([Event1, Two])
    assert all(codec.knows(cls) for cls in (Event1, One, Two, Leaf))
    assert not codec.knows(Other)
    value = Event1(one=One(Two(None, Leaf(3))))
    assert codec.decode(codec.encode(value)) == value


def test_the_answer_to_a_question_is_declared_with_it() -> None:
    class Approved(HumanResponseEvent):
        leaf: Leaf

    class Approval(InputRequiredEvent, answer=Approved):
        pass

    codec = Codec([Approval])
    assert codec.knows(Approved)
    assert codec.knows(Leaf)


def test_events_have_the_names_that_they_were_given() -> None:
    class Paid(Event, name="paid", aliases=("payed", "bought")):
        a: int = 0

    codec = Codec([Paid, Leaf, Failed, StopEvent])
    assert codec.name_of(Paid) == "paid"
    assert codec.type_named("payed") is codec.type_named("bought") is codec.type_named("paid") is Paid
    assert codec.name_of(Leaf) == f"{__name__}:Leaf"
    assert codec.type_named(f"{__name__}:Failed") is Failed
    assert codec.types == {
        "paid": Paid,
        "payed": Paid,
        "bought": Paid,
        f"{__name__}:Leaf": Leaf,
        f"{__name__}:Failed": Failed,
        StopEvent.__event_name__: StopEvent,
    }


@pytest.mark.guarantee("D2")
def test_a_class_or_a_name_that_is_not_declared_is_an_error() -> None:
    codec = Codec([Leaf])
    assert not codec.knows(Other)
    with pytest.raises(UsageError, match=r"Workflow\(types=\[Other\]\)"):
        codec.name_of(Other)
    for name in ("os:system", "", "Leaf", ".set"):
        with pytest.raises(DecodeError, match="which"):
            codec.type_named(name)


@pytest.mark.guarantee("D2")
def test_two_classes_of_one_name_are_refused_and_both_are_named() -> None:
    def make() -> type:
        @attrs.define
        class Progress:
            a: int = 0

        return Progress

    class Early(Event, name="order"):
        a: int = 0

    class Late(Event, name="orders", aliases=["order"]):
        a: int = 0

    class Dotted(Event, name=".set"):
        a: int = 0

    one, two = make(), make()
    with pytest.raises(DefinitionError) as refused:
        Codec([one, two, Early, Late, Dotted])
    text = str(refused.value)
    assert "make.<locals>.Progress and " in text
    assert "Early and " in text
    assert "Late are both stored as 'order': rename one of them, with name=" in text
    assert "names with a dot at the front are taken" in text


@pytest.mark.guarantee("D1", "D2")
def test_two_workflows_may_each_have_a_class_of_the_same_name() -> None:
    def make(number: int) -> tuple[type, Codec]:
        @attrs.define
        class Progress:
            a: int = number

        return Progress, Codec([Progress])

    (one, codec), (two, other) = make(1), make(2)
    assert type(codec.decode(other.encode(two()))) is one
    with pytest.raises(EncodeError):
        codec.encode(two())


def test_an_abstract_class_is_no_type_of_a_value() -> None:
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self) -> float: ...

    class Named(Protocol):
        name: str

    with pytest.raises(DefinitionError, match="Shape is abstract: declare the classes that implement it"):
        Codec([Shape])
    with pytest.raises(DefinitionError, match="Named isn't a class with declared fields"):
        Codec([Named])
    assert Codec([Leaf | None, list[Pair], dict[str, Any], int, Sequence[int]]).knows(Pair)


def test_a_shape_has_a_text_for_each_field() -> None:
    @attrs.define
    class Shaped(Generic[T]):
        number: int
        _private: list[Leaf]
        maybe: str | None = None
        union: str | int | None = None
        mapping: Mapping[str, Leaf] = attrs.field(factory=dict[str, Leaf])
        choice: Literal["b", "a", Size.S] = "a"
        callback: Callable[[int], str] | None = None
        anything: Any = None
        variable: T | None = None
        name: LeafId | None = None
        pair: tuple[int, ...] = ()
        unknown: list[NoSuchName] = attrs.field(factory=list)  # type: ignore[name-defined]  # noqa: F821
        noted: Annotated[int, "note"] = 0
        made: int = attrs.field(init=False)

    leaf = f"{__name__}:Leaf"
    assert Codec([Shaped]).shape(Shaped) == {
        "number": "int",
        "_private": f"list[{leaf}]",
        "maybe": "str | None=",
        "union": "int | str | None=",
        "mapping": f"collections.abc:Mapping[str, {leaf}]=",
        "choice": "Literal['a', 'b', Size.S]=",
        "callback": "collections.abc:Callable[[int], str] | None=",
        "anything": "Any=",
        "variable": "T | None=",
        "name": f"{leaf} | None=",
        "pair": "tuple[int, ...]=",
        "unknown": "list[NoSuchName]=",
        "noted": "int=",
        "made": "int=",
    }


def test_a_shape_follows_a_name_that_an_event_mentions_before_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mentioning(Event):
        size: NotYetThere  # type: ignore[name-defined]  # noqa: F821

    codec = Codec([Mentioning, Size])
    assert codec.shape(Mentioning) == {"size": "NotYetThere"}
    monkeypatch.setitem(globals(), "NotYetThere", Size)
    assert codec.shape(Mentioning) == {"size": f"{__name__}:Size"}
    monkeypatch.setitem(globals(), "NotYetThere", Leaf)
    assert codec.shape(Mentioning) == {"size": f"{__name__}:Size"}  # settled, and not looked up any more


def test_an_enum_has_the_shape_of_its_members_and_an_exception_none() -> None:
    codec = Codec([Size, Failed])
    assert codec.shape(Size) == {"S": "="}
    assert codec.shape(Failed) == {}


@pytest.mark.guarantee("D2")
def test_a_shape_that_data_does_not_fit_any_more_is_explained() -> None:
    class Now(Event, name="now", aliases=["before"]):
        kept: int | None
        changed: str
        added: int = 0
        needed: Leaf

    codec = Codec([Now])
    assert codec.shape_problems("now", codec.shape(Now)) == []
    same = {"kept": "int | None=", "changed": "str", "needed": f"{__name__}:Leaf"}
    assert codec.shape_problems("before", same) == []
    assert codec.shape_problems("now", {"kept": "int | None", "changed": "int", "gone": "int="}) == [
        "now.changed was int, and is str",
        "now has no field 'gone' any more, and the data may have it: keep it",
        "now.needed is new, and the data doesn't have it: give it a default",
    ]
    (problem,) = codec.shape_problems("later", {})
    assert "'later', which the workflow doesn't declare" in problem
    assert Codec([Size]).shape_problems(f"{__name__}:Size", {"S": "=", "M": "="}) == [
        f"{__name__}:Size has no member 'M' any more, and the data may have it: keep it"
    ]


def test_a_class_that_was_renamed_with_an_alias_is_still_the_same_in_a_shape() -> None:
    class New(Event, name="new", aliases=["old"]):
        a: int = 0

    @attrs.define
    class Root:
        field: dict[str, list[New]]

    codec = Codec([New, Root])
    recorded = {"field": "dict[str, list[old]]"}
    assert codec.shape_problems(codec.name_of(Root), recorded) == []
    assert codec.shape_problems(codec.name_of(Root), {"field": "dict[str, list[older]]"}) != []


@attrs.define
class Outer:
    """Names in its own body, and a field whose default hides a name of the module."""

    @attrs.define
    class Inner:
        a: int = 0

    inner: Inner | None = None
    leaf: Leaf | None = None


@pytest.mark.guarantee("D2")
def test_a_class_inside_a_class_is_found() -> None:
    codec = Codec([Outer])
    assert codec.knows(Outer.Inner)
    assert codec.knows(Leaf)


@pytest.mark.guarantee("D2")
def test_a_local_class_is_not_mistaken_for_one_of_the_module() -> None:
    @attrs.define
    class Leaf:
        inner: Leaf | None = None
        others: list[Leaf] | None = None

    codec = Codec([Leaf])
    assert list(codec.types.values()) == [Leaf]
    make: Any = Leaf  # type checkers make the mistake
    value = make(make(), [make()])
    assert codec.decode(codec.encode(value)) == value
    assert codec.validate({"inner": {"others": []}}, Leaf) == make(make(None, []))
