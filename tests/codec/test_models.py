"""Pydantic models, where pydantic is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.errors import DecodeError, EncodeError, InvalidInput

if TYPE_CHECKING:
    import pydantic
else:
    pydantic = pytest.importorskip("pydantic")

from .same import same
from .samples import CODEC, DECLARED, Client, Label, configure
from .strategies import storable_values

T = TypeVar("T")


class Line(pydantic.BaseModel):
    sku: str
    price: Decimal = Decimal(0)


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    lines: list[Line]
    label: Label | None = None
    tags: list[str] = pydantic.Field(default_factory=list, alias="Tags")
    anything: Any = None
    _seen: int = pydantic.PrivateAttr(default=0)

    @pydantic.field_validator("tags", mode="before")
    @classmethod
    def split(cls, tags: Any) -> Any:
        return tags.split(",")


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)

    a: int = 1


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Box(pydantic.BaseModel, Generic[T]):
    content: T


def loose(**fields: Any) -> Loose:
    return Loose.model_validate(fields)


def order_of(lines: list[Line], tags: str, **others: Any) -> Order:
    return Order.model_validate({"lines": lines, "Tags": tags, **others})


MODELS = Codec([*DECLARED, Line, Order, Loose, Numbers, Box[Line]], configure)


def through_json(value: Any) -> Any:
    return MODELS.decode(json.loads(json.dumps(MODELS.encode(value), allow_nan=False)))


def test_a_model_comes_back_equal_with_all_that_belongs_to_it() -> None:
    order = order_of([Line(sku="a")], "x,y", label=Label("l"))
    setattr(order, "_seen", 5)  # noqa: B010  # its own code would
    back = through_json(order)
    assert same(back, order)
    assert back == order
    assert getattr(back, "_seen") == 5  # noqa: B009
    assert back.model_fields_set == {"lines", "tags", "label"}
    assert back.lines[0].model_fields_set == {"sku"}
    for value in (Loose(), loose(a=2, b={"x"}), Numbers([1, 2]), Box[Line](content=Line(sku="b"))):
        assert same(through_json(value), value)


@pytest.mark.guarantee("D1")
@given(anything=storable_values(6), extras=st.dictionaries(st.sampled_from(["x", "yy"]), storable_values(3)))
def test_whatever_is_in_a_model_comes_back(anything: Any, extras: dict[str, Any]) -> None:
    order = order_of([], "x", anything=anything)
    assert same(through_json(order), order)
    extended = loose(**extras)
    assert same(through_json(extended), extended)


def test_fields_that_the_model_refers_to_are_declared() -> None:
    codec = Codec([Order])
    assert codec.knows(Line)
    assert codec.knows(Label)
    assert codec.shape(Order)["lines"] == f"list[{__name__}:Line]"
    assert codec.shape(Order)["tags"] == "list[str]="


@pytest.mark.guarantee("D1")
def test_what_can_not_be_stored_in_a_model_has_its_path() -> None:
    order = order_of([], "x", anything=[Client()])
    setattr(order, "_seen", Client())  # noqa: B010  # its own code would
    extended = loose(extra=Client())
    with pytest.raises(EncodeError) as refused:
        MODELS.encode([order, extended, {"o": Order.model_construct(lines=[len])}])
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        "$[0]._seen",
        "$[0].anything[0]",
        "$[1].extra",
        "$[2].o.lines[0]",
    ]
    with pytest.raises(EncodeError, match=r"Workflow\(types=\[Line\]\)"):
        CODEC.encode(Line(sku="a"))


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": []}, "its fields under 'v'"),
        ({"v": {}}, "doesn't have 'sku'"),
        ({"v": {"sku": "a", "more": 1}}, "has 'more'"),
        ({"set": "sku"}, "under 'set'"),
        ({"set": [1]}, "under 'set'"),
        ({"x": 1}, "should be values by name"),
        ({"private": [1]}, "should be values by name"),
        ({"more": 1}, "the keys '$' and 'v'"),
        ({"x": {"$": "os:system", "v": 1}}, "which the workflow doesn't declare"),
    ],
)
def test_a_wrong_document_of_a_model_is_refused(change: dict[str, Any], words: str) -> None:
    document: Any = MODELS.encode(Line(sku="a"))
    with pytest.raises(DecodeError) as refused:
        MODELS.decode({"a": {**document, **change}})
    (problem,) = refused.value.problems
    assert problem.startswith("$.a")
    assert words in problem


def test_a_field_that_was_added_gets_its_default() -> None:
    assert MODELS.decode({"$": f"{__name__}:Line", "v": {"sku": "a"}}) == Line(sku="a")


def test_data_from_outside_is_judged_by_the_model() -> None:
    made = MODELS.validate({"lines": [{"sku": "a", "price": "1.5"}], "Tags": "x,y"}, Order)
    assert made == order_of([Line(sku="a", price=Decimal("1.5"))], "x,y")
    assert MODELS.validate(made, Order) is made
    with pytest.raises(InvalidInput) as refused:
        MODELS.validate([{"lines": [{"sku": 5}, {}], "Tags": "x"}], list[Order])
    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        "$[0].lines[0].sku",
        "$[0].lines[1].sku",
    ]
    assert "got 5" in refused.value.problems[0]


def test_pydantic_is_not_imported_for_models_that_there_are_not() -> None:
    program = "import sys; from workflows.codec import Codec; Codec().encode([1]); print('pydantic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"
