"""Parts of ticks in the journal: values on their way to their stored form, and back."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..codec import Codec, Json
from ..errors import EncodeError
from ..events import Event
from .state import RunState
from .stored import SnapshotReader


class TickWriter:
    """Writes the parts of a tick; stops at the first that can't be stored."""

    __slots__ = ("codec", "state")

    def __init__(self, state: RunState) -> None:
        self.state: RunState = state
        self.codec: Codec = state.codec

    def value(self, value: object, _path: str) -> Json:
        """Any value that isn't in its stored form yet."""
        return self.codec.encode(value)

    def values(self, values: Iterable[object], _path: str) -> Json:
        """Several of them."""
        encode = self.codec.encode
        return [encode(value) for value in values]

    def kind(self, kind: type[Event], path: str) -> Json:
        """The name of an event class."""
        if not self.codec.knows(kind):
            raise EncodeError("", [_undeclared(kind, path)])
        return self.codec.name_of(kind)

    def within(self, child: RunState, _path: str = "") -> TickWriter:
        """A writer for a part that is in the types of a child."""
        return TickWriter(child)


class ExplainingTickWriter(TickWriter):
    """Writes the parts of a tick, and collects what can't be stored."""

    __slots__ = ("place", "problems")

    def __init__(self, state: RunState, problems: list[str], place: str = "$.") -> None:
        super().__init__(state)
        self.problems: list[str] = problems
        self.place: str = place

    def value(self, value: object, path: str) -> Json:
        try:
            return self.codec.encode(value)
        except EncodeError as error:
            self.problems += [f"{self.place}{path}{problem.removeprefix('$')}" for problem in error.problems]
            return None

    def values(self, values: Iterable[object], path: str) -> Json:
        return [self.value(value, f"{path}[{number}]") for number, value in enumerate(values)]

    def kind(self, kind: type[Event], path: str) -> Json:
        if not self.codec.knows(kind):
            self.problems.append(f"{self.place}{_undeclared(kind, path)}")
        return None

    def within(self, child: RunState, path: str = "") -> TickWriter:
        return ExplainingTickWriter(child, self.problems, f"{self.place}{path}." if path else self.place)


def _undeclared(kind: type[Event], path: str) -> str:
    return f"{path}: {kind.__name__} isn't declared: Workflow(types=[{kind.__name__}])"


@attrs.define
class TickReader(SnapshotReader):
    """Reads the parts of a tick, and collects what doesn't fit the workflow."""

    state: RunState = attrs.field(kw_only=True)

    @classmethod
    def of(cls, state: RunState) -> TickReader:
        """A reader for a tick of a run that is in this state."""
        return cls(state.program, state.codec, state.kinds, state=state)
