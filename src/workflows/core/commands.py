"""Commands: what must be done about a tick, in this order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from ..events import Event
from ..graph import StepSpec
from .outcomes import Failure
from .plain import Plain
from .questions import Question


@attrs.frozen(eq=False, repr=False)
class RunStep(Plain):
    """Call the step function: attempt `attempt` of `execution`."""

    execution: int
    attempt: int
    step: StepSpec
    event: Event


@attrs.frozen(eq=False, repr=False)
class PublishEvent(Plain):
    """Append an event to the stream; or, if it isn't counted, tell those alone who read here."""

    event: Event
    is_counted: bool = True


@attrs.frozen(eq=False, repr=False)
class PublishEvents(Plain):
    """Append several events to the stream, one after the other."""

    events: tuple[Event, ...]


@attrs.frozen(eq=False, repr=False)
class WakeWait(Plain):
    """A wait that is parked in a living attempt has its answer, or its deadline passed."""

    execution: int
    question: str


@attrs.frozen(eq=False, repr=False)
class GrantEdit(Plain):
    """The exclusive edit `owner` may begin."""

    owner: str


@attrs.frozen(eq=False, repr=False)
class SetAlarm(Plain):
    """Feed `TimerFired` at this instant (None: never); replaces the last one."""

    at: float | None


@attrs.frozen(eq=False, repr=False)
class SetBudget(Plain):
    """Feed `TimerFired` at this instant (None: the budget isn't being spent), when the run's time is up."""

    at: float | None


@attrs.frozen(eq=False, repr=False)
class StopSteps(Plain):
    """Cancel every attempt that runs; `Finish` follows when the last one has ended."""


@attrs.frozen(eq=False, repr=False)
class Finish(Plain):
    """The run has ended, or stands still until it's resumed; no attempt of it runs any more."""


@attrs.frozen(eq=False, repr=False)
class Refuse(Plain):
    """The tick was turned down and has changed nothing."""

    reason: str
    message: str
    candidates: tuple[Question, ...] = ()


@attrs.frozen(eq=False, repr=False)
class ReportLeft(Plain):
    """These events were never taken by anybody."""

    events: tuple[Event, ...]


@attrs.frozen(eq=False, repr=False)
class ReportKept(Plain):
    """An event came that nobody takes now; it's kept for a wait that may come."""

    event: Event


@attrs.frozen(eq=False, repr=False)
class ReportIgnored(Plain):
    """An event that belongs to no batch came to a step that takes batches only, and was dropped."""

    event: Event
    step: str


@attrs.frozen(eq=False, repr=False)
class ReportErrors(Plain):
    """These steps of a child run raised while they were cancelled, and there's nobody to raise it to."""

    failures: tuple[Failure, ...]


@attrs.frozen(eq=False, repr=False)
class ReportSwallowed(Plain):
    """A step that was to be suspended goes on swallowing its cancellation."""

    execution: int
    step: str


@attrs.frozen(eq=False, repr=False)
class ForChild(Plain):
    """The same for a child run: this command is for whoever carries it."""

    child: int
    command: Command


@attrs.frozen(eq=False, repr=False)
class DropChild(Plain):
    """A child run is over, and forgotten."""

    child: int


Command: TypeAlias = (
    RunStep
    | PublishEvent
    | PublishEvents
    | WakeWait
    | GrantEdit
    | SetAlarm
    | SetBudget
    | StopSteps
    | Finish
    | Refuse
    | ReportLeft
    | ReportKept
    | ReportIgnored
    | ReportErrors
    | ReportSwallowed
    | ForChild
    | DropChild
)


def published(commands: Iterable[Command]) -> list[Event]:
    """The events that commands have appended to the stream, in order."""
    events: list[Event] = []
    for command in commands:
        if type(command) is PublishEvent:
            events.append(command.event)
        elif type(command) is PublishEvents:
            events += command.events
    return events
