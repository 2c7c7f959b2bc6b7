"""Refusals: the exceptions for what the core turns down."""

from __future__ import annotations

import threading

from ..codec import Codec
from ..core.commands import Refuse
from ..errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    EngineBug,
    InvalidAnswer,
    NoOpenQuestion,
    StatePathError,
    UsageError,
    WorkflowDone,
    WorkflowRuntimeError,
    WorkflowsError,
    WorkflowStepDoesNotExistError,
)
from ..events import Event
from ..graph import ListJoin, Program


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


def check_declared(codec: Codec, program: Program, event: Event) -> None:
    """Check that the workflow knows the class of an event.

    Raises:
        UsageError: It doesn't: nobody could take the event after a restart.
    """
    if codec.knows(type(event)) or program.takers(type(event)):
        return
    name, workflow = type(event).__name__, program.class_name
    raise UsageError(
        f"{event!r} was sent to {workflow}, which doesn't know {name}: it isn't declared.\n  Declare it, if a step "
        f"waits for it: {workflow}(types=[{name}])."
    )


def check_event(value: object, what: str) -> None:
    """Check that an event was given.

    Raises:
        UsageError: It's something else.
    """
    if not isinstance(value, Event):
        raise no_event(value, what)


def no_event(value: object, what: str) -> UsageError:
    """The error for something that is given where an event belongs."""
    return UsageError(f"{what} was given {value!r}, which is no event. Give an instance of an Event subclass.")


def check_thread(event: Event, run_id: str, thread: int) -> None:
    """Check that an event is sent from the thread in which its run lives.

    Raises:
        UsageError: It isn't.
    """
    if threading.get_ident() != thread:
        raise UsageError(
            f"{event!r} was sent from another thread than the one in which run {run_id!r} lives.\n"
            "  Send it from there: anyio.from_thread.run_sync(handler.ctx.send_event, event)."
        )


def check_target(program: Program, event: object, step: object, reply_to: object) -> None:
    """Check what is sent, and the step or the question that it's sent to.

    Raises:
        UsageError: What should name a question can't be the id of one.
        WorkflowStepDoesNotExistError: There's no such step.
        WorkflowRuntimeError: The step doesn't accept it, or it's no event.
    """
    if not isinstance(event, Event):
        raise WorkflowRuntimeError(f"send_event() was given {event!r}, which is no event.")
    if reply_to is not None and not isinstance(reply_to, str):
        raise UsageError(f"reply_to={reply_to!r} is no id of a question, which is text. Give the `id` of the question.")
    if step is None:
        return
    spec = program.steps.get(step) if isinstance(step, str) else None
    if spec is None:
        known = ", ".join(map(repr, program.steps))
        raise WorkflowStepDoesNotExistError(f"{program.class_name} has no step {step!r}; it has {known}.")
    if isinstance(spec.join, ListJoin):
        raise WorkflowRuntimeError(
            f"Step {step!r} takes a list, so {event!r} can't be sent to it: return it from a step of the batch."
        )
    if not spec.takes(type(event)):
        accepted = ", ".join(kind.__name__ for kind in spec.accepts)
        raise WorkflowRuntimeError(f"Step {step!r} doesn't accept {event!r}; it accepts {accepted}.")
