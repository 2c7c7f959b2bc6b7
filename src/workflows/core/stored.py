"""Stored parts: read one by one, checked against the workflow as it is now. Nothing of them is believed.

What no snapshot has is `Malformed`. What another version of the workflow may have written is a mismatch: all are
collected.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar, cast

import attrs

from ..codec import Codec, Json
from ..errors import DecodeError, SnapshotMismatch
from ..events import Event, UnreconstructedException
from ..graph import Program
from .empty import NEW_DICT, NEW_LIST
from .places import OUTSIDE, Place, Recoveries
from .questions import Question, execution_of
from .state import ChildKind

T = TypeVar("T")


class Malformed(Exception):
    """Data that no snapshot has."""


NOT_AS_WRITTEN = (Malformed, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading something raises that isn't as its counterpart writes it."""


@attrs.define
class SnapshotReader:
    """Reads values, and collects what doesn't fit the workflow."""

    program: Program
    codec: Codec
    kinds: Mapping[str, ChildKind] = attrs.field(factory=NEW_DICT)
    mismatches: list[str] = attrs.field(factory=NEW_LIST)

    def event(self, data: Json, what: str) -> Event | None:
        """An event, if there is one; None, and a mismatch, if its class isn't there as it was."""
        try:
            event = cast("object", self.codec.decode(data))
        except DecodeError as error:
            self._note(what, error)
            return None
        if event is not None and not isinstance(event, Event):
            raise Malformed(f"{what} is {event!r:.200}, which is no event")
        return event

    def needed_event(self, data: Json, what: str) -> Event | None:
        """An event that must be there; None, and a mismatch, if its class isn't there as it was."""
        if data is None:
            raise Malformed(f"{what} isn't there")
        return self.event(data, what)

    def value(self, data: Json, what: str) -> object:
        """A value; None, and a mismatch, if it can't be read as it was."""
        try:
            return cast("object", self.codec.decode(data))
        except DecodeError as error:
            self._note(what, error)
            return None

    def _note(self, what: str, error: DecodeError) -> None:
        self.mismatches += [f"{what}: {problem}" for problem in error.problems]

    def error(self, data: Json, what: str) -> Exception | None:
        """An exception; one that can't be read as it was is told of, and stays data."""
        if data is None:
            return None
        if not isinstance(data, dict) or data.get("$") != ".error":
            raise Malformed(f"{what} is {data!r:.200}, which is no exception")
        error = self.value(data, what)
        if error is None:
            return UnreconstructedException(f"an error that can't be read any more, {what}")
        assert isinstance(error, Exception)
        return error

    def kind(self, name: str, what: str) -> type[Event] | None:
        """An event class by its name; None, and a mismatch, if there is none."""
        kind = self.codec.types.get(name)
        if kind is None:
            self.mismatches.append(f"{what}: the event class {name!r} is gone; keep its name with aliases=[{name!r}]")
            return None
        if not issubclass(kind, Event):
            raise Malformed(f"{what} has {name!r}, which is no event class")
        return kind

    def has_step(self, step: str, what: str) -> bool:
        """Whether there's such a step; a mismatch, if not."""
        if step in self.program.steps:
            return True
        known = ", ".join(map(repr, self.program.steps))
        self.mismatches.append(f"step {step!r} is gone, and {what} is of it; there are {known}")
        return False

    def question(self, data: Mapping[str, Any], *, step: str | None = None) -> Question | None:
        """A question; None, and a mismatch, if its classes aren't there as they were.

        Args:
            data: What's stored.
            step: The step whose record it is, if it's one's: then it needn't say so.
        """
        before = len(self.mismatches)
        step = of(str, data["step"] if step is None else data.get("step", step))
        what = f"a question of step {step!r}"
        kind = self.kind(of(str, data["answer_type"]), what)
        prompt = self.event(data["event"], what)
        required = data.get("requirements")
        if required is not None:
            required = self.value(required, f"what {what} requires")
        name, branch = of(str, data["id"]), data.get("branch", "")
        place, deadline_at = data.get("place"), data.get("deadline_at")
        execution = execution_of(name)
        if execution is None:
            raise Malformed(f"question {name!r:.200} is the id of no execution's")
        if count(data.get("execution", execution)) != execution:
            raise Malformed(f"question {name!r} is said to be of execution {data['execution']}")
        if kind is None or len(self.mismatches) > before:
            return None
        return Question(
            id=name,
            event=prompt,
            answer_type=kind,
            step=step,
            deadline_at=None if deadline_at is None else seconds(deadline_at),
            requirements=None if required is None else cast("dict[str, object]", of(dict, required)) or None,
            execution=execution,
            branch=None if branch is None else of(str, branch),
            content=of(str, data["content"]),
            subclasses=of(bool, data.get("subclasses", False)),
            returned=of(bool, data.get("returned", False)),
            place=place_from(place),
            asked_at=seconds(data.get("asked_at", 0.0)),
        )


def check_types(reader: SnapshotReader, data: Mapping[str, Any]) -> None:
    """Compare the classes that are stored with those that there are."""
    codec = reader.codec
    for name, shape in data["types"].items():
        if not codec.is_of_shape(name, shape):
            recorded = cast("Mapping[str, str]", of(dict, shape))
            reader.mismatches += codec.shape_problems(of(str, name), recorded)


def question_from(codec: Codec, data: Json, program: Program) -> Question:
    """A question from its stored form, as `written.question_data` gives it."""
    reader = SnapshotReader(program, codec)
    question = reader.question(cast("Mapping[str, Any]", data))
    if question is None:
        raise SnapshotMismatch("A recorded question can't be read:", reader.mismatches)
    return question


def of(kind: type[T], value: object) -> T:
    """A value of exactly this type."""
    if type(value) is not kind:
        raise Malformed(f"expected {kind.__name__}, found {value!r:.200}")
    return value


def count(value: object) -> int:
    """A number of things."""
    if type(value) is not int or value < 0:
        raise Malformed(f"expected a number of things, found {value!r:.200}")
    return value


def items(value: Any) -> list[Any]:
    """A list of whatever."""
    of(list, value)
    found: list[Any] = value
    return found


def place_from(value: object) -> Place:
    """Where something stands. Snapshots of before there were batches don't tell."""
    if value is None:
        return OUTSIDE
    batch, member, *more = items(value)
    return Place(count(batch), count(member), recoveries_from(*more))


def recoveries_from(value: object = None) -> Recoveries:
    """How often handlers have taken over; most often none has, and nothing is stored."""
    found = [] if value is None else [(of(str, handler), count(number)) for handler, number in items(value)]
    if found != sorted(dict(found).items()) or not all(number for _, number in found):
        raise Malformed(f"expected numbers of recoveries by handler, found {value!r:.200}")
    return tuple(found)


def with_recoveries(stored: list[Any], recoveries: object) -> list[tuple[Any, Recoveries]]:
    """Stored events, each with the recoveries on the way to it; nothing is stored where none has any."""
    found = [()] * len(stored) if recoveries is None else [recoveries_from(item) for item in items(recoveries)]
    return list(zip(stored, found, strict=True))


def seconds(value: object) -> float:
    """Seconds, or an instant."""
    if type(value) is float and isfinite(value):
        return value
    if type(value) not in (int, float) or not isfinite(cast("float", value)):
        raise Malformed(f"expected seconds, found {value!r:.200}")
    return float(cast("float", value))
