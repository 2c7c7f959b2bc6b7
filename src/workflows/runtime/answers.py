"""Answers: an event from outside is checked against the question that it would answer, before anybody sees it."""

from __future__ import annotations

from typing import Any

import attrs

from ..core.delivery import find_target, owner_of
from ..core.questions import Question
from ..core.state import RunState
from ..errors import InvalidAnswer, InvalidInput
from ..events import Event, HumanResponseEvent, event_fields
from .refusals import check_declared


def fitted_answer(state: RunState, event: Event, *, step: str | None, reply_to: str | None) -> Event:
    """The event as its question declares it; any other event as it is.

    Raises:
        InvalidAnswer: It doesn't fit. The question stays open.
        UsageError: The workflow doesn't know events of this class.
    """
    target = find_target(state, event, step=step, reply_to=reply_to)
    if isinstance(target, Question):
        return _fitted(owner_of(state, target), event, target)
    if target is None:
        check_declared(state.codec, state.program, event)
    return event


def _fitted(state: RunState, event: Event, question: Question) -> Event:
    wanted = question.answer_type
    kind = wanted if type(event) is HumanResponseEvent else type(event)
    if kind is type(event) and state.codec.is_as_declared(event):
        return _accepted(event, event, question)
    fields = {field.alias or field.name: getattr(event, field.name) for field in _arguments(event)}
    given = {**event.to_dict(), **fields}
    try:
        fitted = state.codec.validate(given, kind)
    except InvalidInput as error:
        raise InvalidAnswer(
            f"{event!r} doesn't answer question {question.id!r} ({question.event!r}), which takes {wanted.__name__}. "
            "The question stays open:",
            error.problems,
        ) from error
    return _accepted(event, fitted, question)


def _accepted(event: Event, fitted: Event, question: Question) -> Event:
    if not question.accepts(fitted):
        required = dict(question.requirements or {})
        raise InvalidAnswer(
            f"{event!r} doesn't answer question {question.id!r}, which takes {question.answer_type.__name__} with "
            f"{required!r}. The question stays open."
        )
    return fitted


def _arguments(event: Event) -> list[attrs.Attribute[Any]]:
    """The fields of an event that its class takes; so an instance is checked as strictly as data is."""
    return [field for field in event_fields(type(event)) if field.init]
