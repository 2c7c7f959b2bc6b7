"""A class can have a stored form of its own: two hooks on a cattrs converter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import cattrs
import pytest

from workflows.codec import Codec
from workflows.errors import DecodeError, DefinitionError, EncodeError

from .samples import CODEC, Money, Words


class Plain:
    def __init__(self, inner: Any = None) -> None:
        self.inner = inner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and self.inner == other.inner

    __hash__ = None  # type: ignore[assignment]  # mutable


class Special(Plain):
    """Inherits the hooks of its base, since cattrs looks for those of bases too."""


@attrs.frozen
class Pair:
    one: Any
    two: Any


Unstructure = Callable[[Any], Any]
Structure = Callable[[Any, Any], Any]


def hooks(unstructure: Unstructure | None = None, structure: Structure | None = None, cls: type = Plain) -> Any:
    def configure(converter: cattrs.Converter) -> None:
        if unstructure is not None:
            converter.register_unstructure_hook(cls, unstructure)
        if structure is not None:
            converter.register_structure_hook(cls, structure)

    return configure


@pytest.mark.guarantee("D1")
def test_what_a_hook_gives_may_be_anything_that_can_be_stored() -> None:
    money = Money(Decimal("1.50"), "EUR")
    encoded = CODEC.encode(money)
    assert encoded == {
        "$": "tests.codec.samples:Money",
        "v": {"$": ".tuple", "v": [{"$": ".decimal", "v": "1.50"}, "EUR"]},
    }
    assert CODEC.decode(encoded) == money
    words = Words([money, "a"])
    assert CODEC.decode(CODEC.encode(words)) == words
    assert type(CODEC.decode(CODEC.encode(words))) is Words


@pytest.mark.guarantee("D1")
def test_a_hook_can_leave_parts_to_the_converter() -> None:
    def configure(converter: cattrs.Converter) -> None:
        converter.register_unstructure_hook(Plain, lambda value: {"inner": converter.unstructure(value.inner)})
        converter.register_structure_hook(Plain, lambda data, _: Plain(converter.structure(data["inner"], Pair)))

    codec = Codec([Plain, Pair], configure)
    value = Plain(Pair({1, 2}, b"x"))
    assert codec.decode(codec.encode(value)) == value
    assert value.inner.one is not codec.decode(codec.encode(value)).inner.one

    with pytest.raises(DecodeError, match="expected a Pair, got 3"):
        codec.decode({"$": f"{Plain.__module__}:Plain", "v": {"inner": 3}})


@pytest.mark.guarantee("D1")
def test_hooks_replace_the_form_that_a_declared_class_would_have() -> None:
    codec = Codec([Pair], hooks(lambda pair: [pair.one, pair.two], lambda data, _: Pair(*data), Pair))
    assert codec.encode(Pair(1, 2)) == {"$": f"{Pair.__module__}:Pair", "v": [1, 2]}
    assert codec.decode(codec.encode(Pair(1, 2))) == Pair(1, 2)
    assert codec.shape(Pair) == {}


def test_factories_and_decorators_of_cattrs_work_too() -> None:
    def configure(converter: cattrs.Converter) -> None:
        @converter.register_unstructure_hook_factory(lambda cls: cls is Plain)
        def _(cls: Any) -> Unstructure:
            return lambda value: value.inner

        @converter.register_structure_hook_factory(lambda cls: cls is Plain)
        def _(cls: Any) -> Structure:
            return lambda data, _: cls(data)

    codec = Codec([Plain], configure)
    assert codec.decode(codec.encode([Plain({"a"})])) == [Plain({"a"})]


@pytest.mark.parametrize(
    ("configure", "missing"),
    [
        (hooks(lambda value: 1), "register_structure_hook(Plain, ...)"),
        (hooks(None, lambda data, _: Plain()), "register_unstructure_hook(Plain, ...)"),
    ],
)
def test_one_hook_without_the_other_is_noticed_at_once(configure: Any, missing: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        Codec([Plain], configure)
    assert missing in str(refused.value)


def test_the_form_of_a_standard_type_can_not_be_changed() -> None:
    with pytest.raises(DefinitionError, match="stored form of Decimal is fixed"):
        Codec([], hooks(str, lambda text, _: Decimal(text), Decimal))


@pytest.mark.guarantee("D1")
def test_a_hook_that_fails_or_gives_what_can_not_be_stored_is_reported_with_the_path() -> None:
    def fails(value: Plain) -> Any:
        raise RuntimeError("no network")

    cases: list[tuple[Unstructure, str]] = [
        (fails, "whose unstructure hook failed: RuntimeError: no network"),
        (lambda value: value.inner, "is a function"),
    ]
    for unstructure, words in cases:
        codec = Codec([Plain], hooks(unstructure, lambda data, _: Plain(data)))
        with pytest.raises(EncodeError) as refused:
            codec.encode({"a": [Plain(len)]})
        (problem,) = refused.value.problems
        assert problem.startswith("$.a[0]: ")
        assert words in problem


@pytest.mark.guarantee("D1")
def test_a_structure_hook_that_is_wrong_is_noticed_when_the_first_value_is_stored() -> None:
    def fails(data: Any, cls: Any) -> Any:
        raise ValueError("cannot")

    cases: list[tuple[Structure, str]] = [
        (lambda data, _: Pair(1, 2), "gave a Pair, and not a Plain"),
        (fails, "its structure hook failed: ValueError: cannot"),
    ]
    for structure, words in cases:
        codec = Codec([Plain], hooks(lambda value: 1, structure))
        with pytest.raises(EncodeError) as refused:
            codec.encode([Plain()])
        assert words in refused.value.problems[0]


@pytest.mark.guarantee("D1")
def test_a_subclass_that_inherits_hooks_and_would_come_back_as_its_base_is_refused() -> None:
    codec = Codec([Plain, Special], hooks(lambda value: value.inner, lambda data, _: Plain(data)))
    with pytest.raises(EncodeError) as refused:
        codec.encode([Special(1)])
    assert "gave a Plain, and not a Special" in refused.value.problems[0]
    with pytest.raises(EncodeError) as refused:
        Codec([Plain], hooks(lambda value: value.inner, lambda data, _: Plain(data))).encode([Special(1)])
    assert "Workflow(types=[Special])" in refused.value.problems[0]


@pytest.mark.guarantee("D2")
def test_a_structure_hook_that_fails_on_stored_data_is_a_decode_error() -> None:
    with pytest.raises(DecodeError) as refused:
        CODEC.decode({"a": {"$": "tests.codec.samples:Money", "v": [1, 2, 3]}})
    (problem,) = refused.value.problems
    assert problem.startswith("$.a: [1, 2, 3] is no tests.codec.samples:Money: its structure hook failed: ValueError")


@pytest.mark.guarantee("D1")
def test_changing_what_a_hook_gave_does_not_change_what_was_stored() -> None:
    shared = {"a": [1]}
    codec = Codec([Plain], hooks(lambda value: shared, lambda data, _: Plain(data)))
    encoded = codec.encode(Plain())
    shared["a"].append(2)
    assert encoded == {"$": f"{Plain.__module__}:Plain", "v": {"a": [1]}}
