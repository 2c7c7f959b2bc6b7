"""Mailbox: events that nobody has taken yet, kept for the first wait that fits."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..events import Event
from .empty import EMPTY, with_item
from .questions import Question


@attrs.define(weakref_slot=False)
class Mailbox:
    """Events by type, each type in the order of arrival; numbers keep the order over all types."""

    by_type: dict[type[Event], dict[int, Event]] = EMPTY
    next_number: int = 1

    def keep(self, event: Event) -> None:
        """Keep an event."""
        self.put(self.next_number, event)
        self.next_number += 1

    def put(self, number: int, event: Event) -> None:
        """Put an event where it stood; numbers come in their order."""
        events = self.by_type.get(type(event))
        if events is None:
            self.by_type = with_item(self.by_type, type(event), {number: event})
        else:
            events[number] = event

    def take(self, question: Question) -> Event | None:
        """The oldest event that answers `question`, taken out."""
        oldest = [found for kind in self._kinds(question) if (found := self._oldest(kind, question)) is not None]
        if not oldest:
            return None
        number = min(oldest)
        kind = next(kind for kind in self._kinds(question) if number in self.by_type[kind])
        events = self.by_type[kind]
        event = events.pop(number)
        if not events:
            del self.by_type[kind]
        return event

    def in_order(self) -> list[Event]:
        """All events, the oldest first."""
        numbered = [item for events in self.by_type.values() for item in events.items()]
        return [event for _, event in sorted(numbered, key=lambda item: item[0])]

    def clear(self) -> None:
        """Drop all."""
        self.by_type.clear()

    def _oldest(self, kind: type[Event], question: Question) -> int | None:
        return next((number for number, event in self.by_type[kind].items() if question.accepts(event)), None)

    def _kinds(self, question: Question) -> Iterator[type[Event]]:
        if not question.subclasses:
            if question.answer_type in self.by_type:
                yield question.answer_type
            return
        yield from (kind for kind in self.by_type if issubclass(kind, question.answer_type))
