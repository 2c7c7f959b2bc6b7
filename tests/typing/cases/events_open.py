"""Events without declared fields: any keyword goes, and what comes back may be anything."""

from typing import Any, assert_type

from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Note(Event):
    pass


class LooseOrder(Event, extra=True):
    order_id: str


def keywords() -> None:
    Event(topic="x", n=1)
    StartEvent(topic="x")
    StopEvent(result=1, detail="x")
    StopEvent("done")
    StopEvent()
    HumanResponseEvent(response="42")
    InputRequiredEvent(prefix="Enter a number: ")
    Event("x")  # expect: error
    StartEvent("x")  # expect: error
    # pyright gives a class without fields an `__init__` without parameters; declare fields, or write `init=False`.
    Note(text="x")  # expect: error[pyright]
    # Neither checker knows what `extra=True` means: use `build_event`, or declare the field.
    LooseOrder(order_id="7", gift=True)  # expect: error


def reading(start: StartEvent, stop: StopEvent, answer: HumanResponseEvent, question: InputRequiredEvent) -> None:
    assert_type(start.topic, Any)
    assert_type(stop.result, Any)
    assert_type(stop.detail, Any)
    assert_type(answer.response, Any)
    assert_type(question.prefix, Any)


def mapping_face(event: Event, loose: LooseOrder) -> None:
    assert_type(event["topic"], Any)
    assert_type(event.get("topic"), Any)
    assert_type(event.get("topic", 3), Any)
    assert_type(list(event), list[str])
    assert_type(list(event.keys()), list[str])
    assert_type(list(event.items()), list[tuple[str, Any]])
    assert_type("topic" in event, bool)
    assert_type(len(event), int)
    assert_type(event.to_dict(), dict[str, Any])
    assert_type(loose["gift"], Any)
    # On `Event` itself attributes are checked, else a slip in the name of a field would pass in every subclass.
    event.topic.strip()  # expect: error
    loose.gift.strip()  # expect: error
    event[3]  # expect: error


def frozen(start: StartEvent, stop: StopEvent) -> None:
    stop.result = 3  # expect: error
    start.topic = "x"  # expect: error
    start["topic"] = "x"  # expect: error[pyright]  # mypy finds `__setitem__` through `__getattr__`, too
