"""Events with declared fields: everything about them is checked."""

import copy
from typing import Any, ClassVar, Generic, TypeVar, assert_type

import attrs

from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

T = TypeVar("T")


class OrderPaid(Event, name="order.paid", aliases=("order.payed",)):
    currency: ClassVar[str] = "EUR"
    order_id: str
    cents: int = attrs.field(validator=attrs.validators.ge(0))
    tags: list[str] = attrs.field(factory=list[str])
    note: str | None = None


class OrderShipped(OrderPaid):
    carrier: str


class Tracked(Event):
    trace: str = ""


class TrackedPaid(Tracked, OrderPaid):
    by: str


class Box(Event, Generic[T]):
    item: T


class Begin(StartEvent):
    topic: str


class Done(StopEvent):
    total: int


class Approved(HumanResponseEvent):
    by: str


class Approval(InputRequiredEvent, answer=Approved, name="approval"):
    claim_id: str


def keywords() -> None:
    OrderPaid(order_id="7", cents=0)
    OrderPaid(order_id="7", cents=0, tags=["a"], note="x")
    OrderShipped(order_id="7", cents=0, carrier="ship")
    TrackedPaid(order_id="7", cents=0, by="me", trace="t")
    Begin(topic="x")
    Done(total=3)
    Done(total=3, result="x")
    Approval(claim_id="c")
    OrderPaid(order_id="7", cents=0, oder_id="7")  # expect: error
    OrderPaid(order_id="7", cents="0")  # expect: error
    OrderPaid(order_id="7")  # expect: error
    OrderPaid("7", 0)  # expect: error
    OrderPaid(order_id="7", cents=0, tags="a")  # expect: error
    OrderShipped(order_id="7", cents=0)  # expect: error
    TrackedPaid(order_id="7", cents=0)  # expect: error
    Begin(topic=1)  # expect: error
    Begin(topik="x")  # expect: error
    Done()  # expect: error
    Done(total=3, sum=3)  # expect: error
    Approved(by=None)  # expect: error
    Approval(claim="c")  # expect: error


def reading(paid: OrderPaid, shipped: OrderShipped, done: Done, approval: Approval) -> None:
    assert_type(paid.order_id, str)
    assert_type(paid.cents, int)
    assert_type(paid.tags, list[str])
    assert_type(paid.note, str | None)
    assert_type(OrderPaid.currency, str)
    assert_type(shipped.cents, int)
    assert_type(done.total, int)
    assert_type(done.result, Any)
    assert_type(approval.claim_id, str)
    assert_type(paid.order_id, int)  # expect: error
    paid.oder_id.strip()  # expect: error
    paid.order_id.bit_length()  # expect: error


def generics() -> None:
    assert_type(Box(item=1), Box[int])
    assert_type(Box[str](item="x").item, str)
    Box[int](item="x")  # expect: error


def frozen(paid: OrderPaid) -> None:
    paid.cents = 5  # expect: error
    paid.order_id = "8"  # expect: error
    paid.other = 5  # expect: error
    paid["cents"] = 5  # expect: error
    del paid["cents"]  # expect: error


def copies(paid: OrderPaid, shipped: OrderShipped) -> None:
    assert_type(paid.replace(cents=3), OrderPaid)
    assert_type(shipped.replace(cents=3), OrderShipped)
    assert_type(copy.copy(shipped), OrderShipped)
    paid.replace(3)  # expect: error


def matching(event: Event) -> str:
    match event:
        case OrderPaid(order_id=order_id):
            return assert_type(order_id, str)
        case _:
            return "other"


class Shadowing(Event):
    items: list[int]  # expect: error
