"""Messages: what is sent to a run that isn't here, and what its owner replies.

A message is left in the store, for whoever owns the run or will. Its effect and its reply are stored together, so it
has its effect once, whoever dies when.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from ..core.questions import Question
from ..errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    InvalidAnswer,
    NoOpenQuestion,
    UsageError,
    WorkflowDone,
    WorkflowRuntimeError,
    WorkflowsError,
    WorkflowStepDoesNotExistError,
)
from ..events import Event
from ..runtime.definition import Definition
from ..runtime.refusals import check_target
from ..runtime.run import Run
from .stored_parts import data_of, event_data, event_of, question_of, question_text, text_of

logger: logging.Logger = logging.getLogger(__name__)

CANCEL = "cancel"
_KINDS: Mapping[str, Callable[[str], WorkflowsError]] = {
    kind.__name__: kind
    for kind in (
        *(AlreadyAnswered, NoOpenQuestion, UsageError, WorkflowDone, WorkflowRuntimeError),
        WorkflowStepDoesNotExistError,
    )
}


def message_text(definition: Definition, event: Event, *, step: str | None, reply_to: str | None) -> str:
    """A message that hands an event to a run, or to a child of it that asks for it.

    Raises:
        EncodeError: The event can't be stored.
    """
    data = event_data(definition.codec, definition.kinds, event)
    return text_of({"event": data, "step": step, "reply_to": reply_to})


def cancel_text() -> str:
    """A message that cancels a run."""
    return text_of({CANCEL: True})


def act_upon(run: Run, definition: Definition, text: str) -> str:
    """Do what a message says, and give the reply.

    It raises nothing: whatever another process has left in the store, the runs of this one go on.
    """
    try:
        data = data_of(text, "A message", run.run_id)
        if CANCEL in data:
            run.cancel("runtime.cancel() was called")
        else:
            event = event_of(definition, data["event"])
            if not isinstance(event, Event):
                raise UsageError(f"A message to run {run.run_id!r} has {event!r:.200}, which is no event.")
            step, reply_to = data["step"], data["reply_to"]
            check_target(definition.program, event, step, reply_to)  # whoever sent it may have another version of it
            run.receive(event, step=step, reply_to=reply_to)
    except WorkflowsError as error:
        return reply_text(run, error)
    except Exception as error:
        logger.exception("a message to run %s can't be acted upon", run.run_id, extra={"run_id": run.run_id})
        return reply_text(run, UsageError(f"What was sent to run {run.run_id!r} can't be taken: {error!r:.200}."))
    return text_of({})


def reply_text(run: Run, error: WorkflowsError) -> str:
    """A reply that tells of a refusal."""
    reply: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, AmbiguousAnswer):
        reply["candidates"] = [
            question_text(run.core.state, question) for question in error.candidates if isinstance(question, Question)
        ]
    if isinstance(error, InvalidAnswer):
        reply["problems"] = list(error.problems)
    return text_of(reply)


def check_reply(definition: Definition, text: str, run_id: str) -> None:
    """Raise what the owner of a run has replied, if it's a refusal.

    Raises:
        AnswerRefused: The run turned the event down.
        UsageError: It can't be sent there.
    """
    reply = cast("dict[str, Any]", data_of(text, "A reply", run_id))
    if "error" not in reply:
        return
    kind, message = str(reply["error"]), str(reply["message"])
    if kind == AmbiguousAnswer.__name__:
        raise AmbiguousAnswer(message, [question_of(definition, found, run_id) for found in reply["candidates"]])
    if kind == InvalidAnswer.__name__:
        refusal = InvalidAnswer(message)
        refusal.problems = tuple(reply["problems"])
        raise refusal
    raise _KINDS.get(kind, UsageError)(message)
