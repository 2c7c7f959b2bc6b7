"""Written parts: what `stored` reads. What can't be stored is collected, each with its path.

A part that says nothing isn't written: a list that is empty, a question without a deadline, a count of none. So where a
key is missing, its default is meant, and nothing else; what was written before that has all of them, and reads alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

import attrs

from ..codec import Codec, Json
from ..errors import EncodeError
from ..events import Event
from .empty import NEW_DICT, NEW_LIST
from .outcomes import Failure, Outcome
from .places import OUTSIDE, Place, Recoveries
from .questions import Question, class_name
from .state import ChildKind

Path: TypeAlias = tuple[object, ...]
"""Where something stands: parts, that are put together if there's a problem."""


@attrs.define
class SnapshotWriter:
    """Encodes values, and collects what can't be and which event classes there were."""

    codec: Codec
    kinds: Mapping[str, ChildKind] = attrs.field(factory=NEW_DICT)
    problems: list[str] = attrs.field(factory=NEW_LIST)
    types: dict[type, None] = attrs.field(factory=NEW_DICT)

    def value(self, value: object, *path: object) -> Json:
        """A value in its stored form. The parts of its path are put together if there's a problem."""
        try:
            return self.codec.encode(value)
        except EncodeError as error:
            self.complain(path, error.problems)
            return None

    def event(self, event: Event | None, *path: object) -> Json:
        """An event in its stored form."""
        if event is None:
            return None
        self.types[type(event)] = None
        try:
            return self.codec.encode(event)
        except EncodeError as error:
            self.complain(path, error.problems)
            return None

    def kind(self, kind: type[Event], *path: object) -> Json:
        """The name of an event class."""
        name = self.codec.names.get(kind)
        if name is None:
            self.complain(path, [f": {kind.__name__} isn't declared: Workflow(types=[{kind.__name__}])"])
        else:
            self.types[kind] = None
        return name

    def complain(self, path: Path, problems: Iterable[str]) -> None:
        """Something at this path has these problems; they begin with a path within it."""
        place = "".join(map(str, path))
        self.problems += [f"{place}{problem.removeprefix('$')}" for problem in problems]

    def name(self, kind: type[Event]) -> Json:
        """The name of an event class of which nothing is stored, so that it may change."""
        return class_name(self.codec, kind)


def types_data(writer: SnapshotWriter) -> dict[str, Json]:
    """The shapes of the classes that were written."""
    names, shape = writer.codec.names, writer.codec.shape
    return {names[kind]: cast("Json", shape(kind)) for kind in writer.types}


def place_data(place: Place) -> list[Json]:
    """Where something stands."""
    where: list[Json] = [place.batch, place.member]
    return [*where, counts_data(place.recoveries)] if place.recoveries else where


def counts_data(recoveries: Recoveries) -> Json:
    """How often handlers have taken over."""
    return [[handler, count] for handler, count in recoveries]


def question_data(codec: Codec, question: Question) -> dict[str, Json]:
    """A question by itself, in its stored form.

    Raises:
        EncodeError: It can't be stored.
    """
    writer = SnapshotWriter(codec)
    data = asked_data(writer, question)
    if writer.problems:
        raise EncodeError("A question can't be stored:", writer.problems)
    return {**data, "step": question.step}


def asked_data(writer: SnapshotWriter, question: Question) -> dict[str, Json]:
    """A question as a record of its step has it. Of which execution it is, its id tells."""
    place = "$.questions[", question.id
    data: dict[str, Json] = {
        "id": question.id,
        "event": writer.event(question.event, *place, "].event"),
        "answer_type": writer.kind(question.answer_type, *place, "].answer_type"),
        "content": question.content,
        "asked_at": question.asked_at,
    }
    if question.deadline_at is not None:
        data["deadline_at"] = question.deadline_at
    if question.requirements:
        data["requirements"] = writer.value(dict(question.requirements), *place, "].requirements")
    if question.branch != "":
        data["branch"] = question.branch
    if question.subclasses:
        data["subclasses"] = True
    if question.returned:
        data["returned"] = True
    if question.place is not OUTSIDE and question.place != OUTSIDE:
        data["place"] = place_data(question.place)
    return data


def outcome_data(writer: SnapshotWriter, outcome: Outcome | None) -> Json:
    """How a run ended; None if it hasn't."""
    if outcome is None:
        return None
    return {
        "result": writer.event(outcome.result, "$.outcome.result"),
        "failures": failures_data(writer.codec, outcome.failures),
        "timed_out_s": outcome.timed_out_s,
        "active_steps": list(outcome.active_steps),
    }


def failures_data(codec: Codec, failures: Iterable[Failure]) -> Json:
    """Steps that have failed, in their stored form."""
    return [
        [failure.step, codec.encode_exception(failure.error), failure.attempts, failure.elapsed_s]
        for failure in failures
    ]
