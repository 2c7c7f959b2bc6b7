"""The types of fields, resolved after the class has been made."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Optional, TypeVar

import attrs
import pytest

from workflows.errors import DefinitionError
from workflows.events import Event, StopEvent, resolved_fields

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
S = TypeVar("S")


class Order(Event):
    limit: ClassVar[int] = 3
    lines: list[Line]
    parent: Order | None = None
    note: Annotated[str, "shown"] = ""


class Line(Event):
    price: int


class Pair(Event, Generic[T, S]):
    left: T
    right: dict[str, S | None]


class Lefty(Pair[int, S]):
    more: list[S]


class Settled(Lefty[str]):
    pass


def test_postponed_annotations_may_name_what_is_defined_later() -> None:
    assert resolved_fields(Order) == {"lines": list[Line], "parent": Order | None, "note": Annotated[str, "shown"]}


def test_inherited_fields_are_resolved_where_they_were_declared() -> None:
    class Done(StopEvent):
        order: Order

    assert resolved_fields(Done) == {"result": Any, "order": Order}


def test_type_variables_are_filled_in_along_the_bases() -> None:
    left, right = resolved_fields(Pair).values()
    assert (left, right.__args__[1].__parameters__) == (T, (S,))
    assert resolved_fields(Pair[int, bytes]) == {"left": int, "right": dict[str, bytes | None]}
    assert resolved_fields(Lefty[bytes]) == {"left": int, "right": dict[str, bytes | None], "more": list[bytes]}
    assert resolved_fields(Settled) == {"left": int, "right": dict[str, str | None], "more": list[str]}


def test_an_attrs_mixin_is_resolved_too() -> None:
    @attrs.frozen
    class Timed:
        at: float
        line: Line

    class Seen(Timed, Event):
        what: Line

    expected: dict[str, object] = {"at": float, "line": Line, "what": Line}
    assert resolved_fields(Seen) == expected


def test_a_class_local_to_a_function_may_name_local_classes_and_itself() -> None:
    class Inner(Event):
        n: int

    number = int

    class Outer(Event):
        inner: list[Inner]
        again: Optional[Outer] = None  # noqa: UP045  # the older spelling is met, too
        count: number = 0  # type: ignore[valid-type]  # a variable, as it may stand in a user's code

    assert resolved_fields(Outer) == {"inner": list[Inner], "again": Optional[Outer], "count": int}  # noqa: UP045


def test_quoted_names_inside_evaluated_annotations_count_as_well() -> None:
    namespace: dict[str, Any] = {"Event": Event, "resolved_fields": resolved_fields, "__name__": __name__}
    source = (
        "def f():\n"
        "    class Inner(Event):\n"
        "        n: int\n"
        "    class Outer(Event):\n"
        "        inner: list['Inner'] | None\n"
        "    return resolved_fields(Outer) == {'inner': list[Inner] | None}\n"
    )
    exec(compile(source, "evaluated.py", "exec", dont_inherit=True), namespace)
    assert namespace["f"]()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_type_parameters_of_the_class_statement_are_known() -> None:
    namespace: dict[str, Any] = {"Event": Event, "__name__": __name__}
    exec("class Box[T](Event):\n    item: list[T]", namespace)  # postponed, as this module is
    assert resolved_fields(namespace["Box"][int]) == {"item": list[int]}


def test_names_of_all_functions_around_a_class_are_found() -> None:
    class Far(Event):
        n: int

    def deeper() -> type[Event]:
        class Near(Event):
            m: int

        class Holder:
            class Both(Event):
                far: Far
                near: Near

        return Holder.Both

    assert [str(kind).split(".")[-1] for kind in resolved_fields(deeper()).values()] == ["Far'>", "Near'>"]


def test_of_the_local_variables_only_those_mentioned_are_kept() -> None:
    class Huge:
        pass

    def declare() -> tuple[type[Event], weakref.ref[Huge]]:
        huge = Huge()

        class Inner(Event):
            n: int

        class Outer(Event):
            inner: Inner

        return Outer, weakref.ref(huge)

    outer, huge = declare()
    gc.collect()
    assert huge() is None
    assert set(outer.__event_scope__ or ()) == {"Inner"}
    assert Order.__event_scope__ is None


def test_a_local_class_can_be_collected() -> None:
    def declare() -> weakref.ref[type[Event]]:
        class Local(Event):
            other: Local | None = None

        resolved_fields(Local)
        return weakref.ref(Local)

    local = declare()
    gc.collect()
    assert local() is None


def test_what_can_not_be_resolved_is_listed_with_the_way_out() -> None:
    class Price(Event):
        amount: Decimal
        rate: Missing  # type: ignore[name-defined]  # noqa: F821  # the fault
        count: int

    with pytest.raises(DefinitionError) as caught:
        resolved_fields(Price)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("Price can't be resolved:")
    assert [line.split(" of ")[0] for line in lines[1:3]] == ["  - amount: Decimal", "  - rate: Missing"]
    assert "NameError: name 'Decimal' is not defined" in lines[1]
    assert lines[3] == (
        "  Import or define these names where the class is made, outside `if TYPE_CHECKING`, "
        "and before it, as it is local to a function."
    )


def test_a_name_that_appears_later_can_be_resolved_then() -> None:
    namespace: dict[str, Any] = {"Event": Event, "__name__": __name__}
    exec("class Early(Event):\n    late: 'Late'", namespace)
    with pytest.raises(DefinitionError, match="name 'Late' is not defined"):
        resolved_fields(namespace["Early"])
    globals()["Late"] = int
    try:
        assert resolved_fields(namespace["Early"]) == {"late": int}
    finally:
        del globals()["Late"]
