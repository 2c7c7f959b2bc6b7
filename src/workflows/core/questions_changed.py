"""Temporary."""

from __future__ import annotations

from typing import Any

from .delivery import all_questions
from .questions import Question
from .state import RunState

_known: dict[int, Any] = {}


def track_questions(state: RunState) -> None:
    """Begin."""
    _known[id(state)] = {question.id: None for question in all_questions(state)}


def changed_questions(state: RunState) -> tuple[list[Question], list[str]]:
    """Drain."""
    now = {question.id: question for question in all_questions(state)}
    before = _known.get(id(state), {})
    _known[id(state)] = dict.fromkeys(now)
    return [q for name, q in now.items() if name not in before], [name for name in before if name not in now]
