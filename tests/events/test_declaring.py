"""Declaring event classes with fields, making events of them, and what is refused."""

import inspect
import re
from typing import Any, ClassVar, Generic, TypeVar

import attrs
import pytest

from workflows.errors import DefinitionError
from workflows.events import Event, event_extras, event_fields, restore_event

T = TypeVar("T")


class OrderPaid(Event, name="order.paid", aliases=["order.payed"]):
    currency: ClassVar[str] = "EUR"
    order_id: str
    cents: int = attrs.field(validator=attrs.validators.ge(0))
    tags: list[str] = attrs.field(factory=list[str])
    note: str | None = None


class Box(Event, Generic[T]):
    item: T


def test_declared_fields_are_keywords_and_attributes() -> None:
    paid = OrderPaid(order_id="7", cents=5)
    assert (paid.order_id, paid.cents, paid.tags, paid.note) == ("7", 5, [], None)
    assert [field.name for field in event_fields(OrderPaid)] == ["order_id", "cents", "tags", "note"]


def test_a_factory_makes_a_default_of_its_own_for_each_event() -> None:
    one, other = OrderPaid(order_id="1", cents=0), OrderPaid(order_id="1", cents=0)
    assert one.tags == other.tags
    assert one.tags is not other.tags


def test_a_validator_runs_when_an_event_is_made_and_when_it_is_replaced() -> None:
    with pytest.raises(ValueError, match="'cents' must be >= 0: -1"):
        OrderPaid(order_id="7", cents=-1)
    with pytest.raises(ValueError, match="'cents' must be >= 0: -1"):
        OrderPaid(order_id="7", cents=1).replace(cents=-1)


def test_validators_can_be_switched_off_as_with_any_attrs_class() -> None:
    with attrs.validators.disabled():
        assert OrderPaid(order_id="7", cents=-1).cents == -1


def test_a_validator_sees_all_fields_of_the_event() -> None:
    def check(span: Any, _field: object, value: int) -> None:
        if value > span.end:
            raise ValueError("ends before it starts")

    class Span(Event):
        start: int = attrs.field(validator=check)
        end: int

    assert Span(start=1, end=2).start == 1
    with pytest.raises(ValueError, match="ends before it starts"):
        Span(start=3, end=2)


def test_converters_aliases_dependent_defaults_and_hooks_work_as_in_attrs() -> None:
    hooked: list[int] = []

    class Parcel(Event):
        kilos: float = attrs.field(converter=float)
        source: str = attrs.field(alias="from_", default="here")
        label: str = attrs.field(default=attrs.Factory(lambda parcel: f"{parcel.kilos} kg", takes_self=True))
        version: int = attrs.field(default=3, init=False)

        def __attrs_post_init__(self) -> None:
            hooked.append(self.version)

    parcel = Parcel(kilos="2", from_="there")  # type: ignore[arg-type]  # the converter takes text
    assert (parcel.kilos, parcel.source, parcel.label, parcel.version) == (2.0, "there", "2.0 kg", 3)
    assert hooked == [3]
    assert parcel.replace(kilos=4.0, label="x") == Parcel(kilos=4, from_="there", label="x")


def test_plain_fields_that_are_no_arguments_get_their_defaults() -> None:
    class Parcel(Event):
        kilos: int
        version: int = attrs.field(default=3, init=False)
        marks: list[str] = attrs.field(factory=list[str], init=False)

    assert repr(Parcel(kilos=1)) == "Parcel(kilos=1, version=3, marks=[])"


def test_a_call_with_a_misspelt_keyword_says_all_that_is_wrong_with_it() -> None:
    make: Any = OrderPaid
    with pytest.raises(TypeError) as caught:
        make(oder_id="7", note="x")
    assert str(caught.value) == (
        "OrderPaid has no field 'oder_id', given as '7' (did you mean 'order_id'?); it needs 'order_id', 'cents'.\n"
        "  Its fields: order_id, cents, tags=..., note=....\n"
        "  To take undeclared fields: class OrderPaid(..., extra=True)."
    )


def test_a_call_without_a_required_keyword_names_it() -> None:
    make: Any = OrderPaid
    with pytest.raises(TypeError, match=r"^OrderPaid needs 'cents'\.\n  Its fields: order_id, cents, "):
        make(order_id="7")


def test_a_positional_argument_is_refused_and_shown() -> None:
    make: Any = OrderPaid
    with pytest.raises(TypeError, match=r"takes keywords only, but got '7', 5 without one: write OrderPaid\(order_id="):
        make("7", 5)
    make = Event
    with pytest.raises(TypeError, match=r"Event takes keywords only, but got '7' without one: write Event\(name=...\)"):
        make("7")


def test_a_long_value_is_shortened_in_the_refusal() -> None:
    make: Any = OrderPaid
    with pytest.raises(TypeError) as caught:
        make(order_id="7", cents=1, text="x" * 10_000)
    assert len(str(caught.value)) < 400


def test_a_class_closed_without_fields_says_so() -> None:
    class Ping(Event, extra=False):
        pass

    make: Any = Ping
    assert Ping() == Ping()
    with pytest.raises(TypeError, match=r"(?s)Ping has no field 'x', given as 1\..*It has no fields\."):
        make(x=1)


def test_fields_of_bases_are_inherited_and_come_first() -> None:
    class OrderShipped(OrderPaid):
        carrier: str

    shipped = OrderShipped(order_id="7", cents=5, carrier="ship")
    assert repr(shipped) == "OrderShipped(order_id='7', cents=5, tags=[], note=None, carrier='ship')"
    assert shipped != OrderPaid(order_id="7", cents=5)


def test_several_event_bases_bring_all_their_fields() -> None:
    class Tracked(Event):
        trace: str = ""

    class Timed(Event):
        at: float = 0.0

    class Both(Tracked, Timed):
        what: str

    assert repr(Both(what="x", at=1.0)) == "Both(at=1.0, trace='', what='x')"


@attrs.frozen(slots=True)
class Slotted:
    at: float


@attrs.frozen(slots=False)
class Unslotted:
    at: float


@pytest.mark.parametrize("mixin", [Slotted, Unslotted])
def test_an_attrs_class_can_be_a_mixin(mixin: type) -> None:
    cls: Any = declare(base=Event, mixin=mixin, body={"__annotations__": {"what": str}})
    seen = cls(what="x", at=1.0)
    assert repr(seen) == "Bad(at=1.0, what='x')"
    assert seen == cls(what="x", at=1.0)
    assert seen != cls(what="y", at=1.0), "the mixin's own equality would compare `at` alone"
    assert hash(seen) == hash(cls(what="x", at=1.0))
    assert seen.replace(at=2.0).at == 2.0
    assert restore_event(cls, {"what": "x", "at": 1.0}) == seen


def test_a_plain_class_can_be_a_mixin_and_its_methods_are_there() -> None:
    class Shouting:
        def shout(self) -> str:
            return repr(self).upper()

    class Loud(Shouting, Event):
        what: str

    assert Loud(what="x").shout().endswith("LOUD(WHAT='X')")


def test_methods_that_a_class_or_an_event_base_defines_are_kept() -> None:
    class Secret(Event):
        word: str

        def __repr__(self) -> str:
            return "Secret(...)"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Secret)

        __hash__ = None  # type: ignore[assignment]  # says that it can't be hashed

    class Deeper(Secret):
        level: int = 0

    assert (repr(Secret(word="x")), repr(Deeper(word="x"))) == ("Secret(...)", "Secret(...)")
    assert Secret(word="x") == Deeper(word="y")
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret(word="x"))


def test_a_class_may_bring_its_own_init() -> None:
    class Point(Event):
        x: int
        y: int

        def __init__(self, text: str) -> None:
            x, y = text.split(",")
            vars(self).update(x=int(x), y=int(y))

    assert repr(Point("1,2")).endswith("Point(x=1, y=2)")


def test_a_generic_event_can_be_made_with_and_without_its_argument() -> None:
    assert Box[int](item=1) == Box(item=1)
    assert type(Box[int](item=1)) is Box

    class IntBox(Box[int]):
        label: str = ""

    assert IntBox(item=1).replace(label="x") == IntBox(item=1, label="x")


def test_the_signature_shows_fields_as_keywords() -> None:
    parameters = inspect.signature(OrderPaid).parameters
    assert list(parameters) == ["order_id", "cents", "tags", "note"]
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters["order_id"].default is inspect.Parameter.empty
    assert str(inspect.signature(Event)) == "(**extras)"


def test_the_stored_name_is_the_one_given_or_module_and_qualname_and_is_not_inherited() -> None:
    class Later(OrderPaid):
        pass

    assert (OrderPaid.__event_name__, OrderPaid.__event_aliases__) == ("order.paid", ("order.payed",))
    assert Later.__event_name__ == f"{__name__}:{Later.__qualname__}"
    assert Later.__event_aliases__ == ()


def test_two_classes_may_have_the_same_stored_name() -> None:
    def declare() -> type[Event]:
        class Progress(Event, name="progress"):
            percent: int

        return Progress

    assert declare() is not declare()


def test_declaring_fields_closes_a_class_and_extra_opens_it_again() -> None:
    class Loose(OrderPaid, extra=True):
        pass

    class Inherits(Loose):
        more: int = 0

    class Strict(Inherits, extra=False):
        pass

    assert [cls.__event_open__ for cls in (Event, OrderPaid, Loose, Inherits, Strict)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    make: Any = Inherits
    loose = make(order_id="7", cents=1, gift=True, more=2)
    assert (loose.gift, loose["gift"], dict(event_extras(loose))) == (True, True, {"gift": True})
    assert repr(loose).endswith("Inherits(order_id='7', cents=1, tags=[], note=None, more=2, gift=True)")
    assert loose.replace(cents=2) == make(order_id="7", cents=2, gift=True, more=2)
    with pytest.raises(TypeError, match=r"^Inherits needs 'order_id', 'cents'\."):
        make(gift=True)


def test_an_event_can_not_be_changed() -> None:
    paid = OrderPaid(order_id="7", cents=5)
    with pytest.raises(attrs.exceptions.FrozenInstanceError) as caught:
        setattr(paid, "cents", 6)  # noqa: B010  # type checkers refuse the plain form
    assert str(caught.value) == "OrderPaid is frozen: 'cents' can't be set to 6. Copy it with replace(cents=...)"
    with pytest.raises(AttributeError, match="'note' can't be deleted"):
        delattr(paid, "note")
    assert paid == OrderPaid(order_id="7", cents=5)


def test_an_unknown_attribute_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(OrderPaid(order_id="7", cents=5), "cent")  # noqa: B009  # type checkers refuse the plain form
    assert str(caught.value) == "OrderPaid has no attribute 'cent' (fields: order_id, cents, tags, note)"
    assert caught.value.name == "cent"


def test_a_property_that_fails_shows_its_own_error() -> None:
    class Broken(Event):
        what: str = ""

        @property
        def size(self) -> int:
            return self.what.size  # type: ignore[attr-defined,no-any-return]  # the fault

    with pytest.raises(AttributeError, match="'str' object has no attribute 'size'"):
        _ = Broken().size


def bad_fields() -> type[Event]:
    class Cart(Event):
        items: list[str]  # type: ignore[assignment]  # one of the faults
        _secret: str = ""
        tags: list[str] = []  # noqa: RUF012  # one of the faults
        prices: dict[str, int] = attrs.field(default={})
        count: int = attrs.field(init=False)
        origin: str = attrs.field(alias="from", default="")
        target: str = attrs.field(alias="self", default="")

    return Cart


def test_all_problems_of_a_definition_come_at_once_each_with_its_way_out() -> None:
    with pytest.raises(DefinitionError) as caught:
        bad_fields()
    head, *problems = str(caught.value).split("\n  - ")
    assert head == f"Event class {__name__}.bad_fields.<locals>.Cart can't be made:"
    assert problems == [
        "'items' can't be a field, as events use this name themselves. Rename it: 'items_'.",
        "'_secret' can't be a field, as an event has no private ones. "
        "Drop the underscore, or annotate a constant of the class with ClassVar.",
        "'tags' has the mutable default [], which all events would share. Write tags: ... = attrs.field(factory=list).",
        "'prices' has the mutable default {}, which all events would share. "
        "Write prices: ... = attrs.field(factory=dict).",
        "'count' is no argument (init=False) and has no default. Give it one.",
        "'origin' can't have the alias 'from'. Choose an ordinary name.",
        "'target' can't have the alias 'self'. Choose an ordinary name.",
    ]


def test_every_public_method_of_an_event_is_reserved() -> None:
    methods = [name for name in dir(Event) if not name.startswith("_")]
    for name in [*methods, "self"]:
        with pytest.raises(DefinitionError, match=f"'{name}' can't be a field"):
            declare(body={"__annotations__": {name: int}})


def declare(
    *, body: dict[str, object] | None = None, base: type[Event] = Event, mixin: type = object, **keywords: Any
) -> type[Event]:
    """Declare a class in a way that no type checker looks at."""
    metaclass: Any = type(Event)
    bases = (base,) if mixin is object else (mixin, base)
    made: type[Event] = metaclass("Bad", bases, {"__module__": __name__, **(body or {})}, **keywords)
    return made


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"name": ""}, "has name='': give a text, such as name='order.paid'"),
        ({"name": 3}, "has name=3: give a text"),
        ({"aliases": "paid"}, "has aliases='paid': give a tuple of texts"),
        ({"aliases": [3]}, "has aliases=[3]: give a tuple of texts"),
        ({"aliases": 3}, "has aliases=3: give a tuple of texts"),
        ({"extra": "yes"}, "has extra='yes': say True or False"),
        (
            {"nmae": "x"},
            "doesn't take the class keywords nmae='x'. There are name=, aliases=, extra=, and on questions",
        ),
        ({"answer": 3}, "doesn't take the class keywords answer=3."),
        ({"body": {"x": attrs.field()}}, "lack a type annotation: x"),
        ({"body": {"__annotations__": {"x": int}, "x": attrs.field(on_setattr=attrs.setters.frozen)}}, "on_setattr"),
        ({"body": {"__setattr__": object.__setattr__}}, "custom __setattr__"),
    ],
)
def test_a_definition_that_can_not_work_is_refused_with_its_value(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(message)):
        declare(**keywords)


def test_a_dataclass_as_a_mixin_is_refused_since_its_fields_would_be_lost() -> None:
    import dataclasses

    @dataclasses.dataclass
    class Timed:
        at: float

    with pytest.raises(DefinitionError, match="Timed is a dataclass, whose fields an event doesn't see"):
        declare(mixin=Timed)


def test_class_keywords_of_the_user_s_own_reach_init_subclass() -> None:
    heard: list[str] = []

    class Topical(Event):
        def __init_subclass__(cls, *, topic: str, **keywords: Any) -> None:
            super().__init_subclass__(**keywords)
            heard.append(topic)

    declare(base=Topical, topic="news", name="x")
    assert heard == ["news"]
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'topic'"):
        declare(base=Topical)
