"""Refusals: the exceptions for what the core turns down."""

from __future__ import annotations

from ..core.commands import Refuse
from ..errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    EngineBug,
    InvalidAnswer,
    NoOpenQuestion,
    StatePathError,
    WorkflowDone,
    WorkflowsError,
)


def error_for(refusal: Refuse) -> WorkflowsError:
    """The exception that tells the sender."""
    reason, message = refusal.reason, refusal.message
    if reason == "ambiguous":
        return AmbiguousAnswer(message, refusal.candidates)
    if reason == "answered":
        return AlreadyAnswered(message)
    if reason == "no-question":
        return NoOpenQuestion(message)
    if reason == "misfit":
        return InvalidAnswer(message)
    if reason == "path":
        return StatePathError(message)
    if reason == "done":
        return WorkflowDone(message)
    return EngineBug(f"the core refused with an unknown reason {reason!r}: {message}")
