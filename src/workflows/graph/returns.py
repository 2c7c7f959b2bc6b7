"""What a step returns, read from its return annotation: event classes, lists of them, `None`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import get_args

import attrs

from ..events import Event, StopEvent
from .annotations import EMPTY, NOTHING, Unresolved, events_in, list_items, members, shown


@attrs.define
class Returns:
    """The classes that a step returns, or what's wrong with its annotation."""

    bare: list[type[Event]] = attrs.field(factory=list[type[Event]])
    listed: list[type[Event]] = attrs.field(factory=list[type[Event]])
    is_nothing: bool = False
    problems: list[str] = attrs.field(factory=list[str])
    unresolved: list[str] = attrs.field(factory=list[str])

    @property
    def all(self) -> tuple[type[Event], ...]:
        """All classes, each once."""
        return tuple(dict.fromkeys([*self.bare, *self.listed]))


def read_returns(function: Callable[..., object], annotation: object) -> Returns:
    """Read a return annotation."""
    returns = Returns()
    body = inspect.unwrap(function)
    if inspect.isasyncgenfunction(body) or inspect.isgeneratorfunction(body):
        returns.problems.append(
            "has a `yield`, and a step can't be a generator: write each event to the stream with "
            "ctx.write_event_to_stream(ev), or send it to other steps with ctx.send_event(ev), and return the last one."
        )
    elif annotation is EMPTY:
        returns.problems.append(
            "has no return annotation: write the event classes that it returns, like `-> StopEvent` or `-> Next | "
            "None`; `-> None` if it returns nothing."
        )
    elif isinstance(annotation, Unresolved):
        returns.unresolved.append(annotation.told("the return annotation"))
    else:
        for member in members(annotation):
            _read_member(annotation, member, returns)
    return returns


def _read_member(annotation: object, member: object, returns: Returns) -> None:
    if member in NOTHING:
        returns.is_nothing = True
    elif events := events_in(member):
        returns.bare += [event for event in events if event not in returns.bare]
    elif items := list_items(member):
        stops = [item for item in items if issubclass(item, StopEvent)]
        if stops:
            returns.problems.append(
                f"returns {shown(stops[0])} in a list, `-> {shown(annotation)}`: it ends the run, so it can't be a "
                "member of a batch. Return it by itself."
            )
        returns.listed += [item for item in items if item not in returns.listed]
    else:
        returns.problems.append(_foreign_return(annotation, member))


def _foreign_return(annotation: object, member: object) -> str:
    written = f"`-> {shown(annotation)}`"
    if items := list_items(member, of_any=True):
        names = " | ".join(shown(item) for item in items)
        return f"returns {written}: to return several events at once, write a list, `-> list[{names}]`."
    if inner := [event for argument in get_args(member) for event in events_in(argument)]:
        names = " | ".join(shown(event) for event in inner)
        return f"returns {written}: write what comes out in the end, `-> {names}`, and `async def` if it's awaited."
    named = "" if member is annotation else f", where {shown(member)} isn't an event class"
    return (
        f"returns {written}{named}: a step returns events or None. To end the run with a value, return "
        "StopEvent(result=value) and write `-> StopEvent`."
    )
