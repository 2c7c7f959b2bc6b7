"""The classes of events that random workflows are made of: as many of a kind as a graph may need."""

from __future__ import annotations

from types import new_class
from typing import cast

from workflows.events import Event, HumanResponseEvent, InputRequiredEvent

MOST = 120
"""How many classes of a kind there are."""


class Token(Event):
    """What goes from step to step.

    Attributes:
        way: Which pass of which loops, and which member of which lists, it has come by; with the name of a step that
            names one execution, in whatever order steps run.
        total: What has come of everything on that way.
    """

    way: str
    total: str


class Back(HumanResponseEvent):
    """What answers a question that was returned."""

    way: str
    total: str


class Asking(InputRequiredEvent):
    """A question that a step returns."""

    way: str
    total: str


class Said(HumanResponseEvent):
    text: str


class Ask(InputRequiredEvent, answer=Said):
    """A question that a step waits for."""

    what: str


class Parcel(Event):
    """An ordinary event that comes from outside."""

    tag: str
    text: str


class Told(Event):
    """What a step shows on the stream."""

    what: str


def _made(base: type[Event], number: int, **keywords: object) -> type[Event]:
    name = f"{base.__name__}{number}"
    return cast("type[Event]", new_class(name, (base,), {"name": f"model.{name}", **keywords}))


TOKENS = [cast("type[Token]", _made(Token, number)) for number in range(MOST)]
BACKS = [cast("type[Back]", _made(Back, number)) for number in range(MOST)]
ASKINGS = [cast("type[Asking]", _made(Asking, number, answer=back)) for number, back in enumerate(BACKS)]
