"""The events by which a run tells what it's doing. `stream_events(expose_internal=True)` shows them."""

from __future__ import annotations

from enum import Enum

from .model import Event


class InternalDispatchEvent(Event):
    """What all events of this kind derive from. No step receives them."""


class StepState(Enum):
    """What a step is doing, as `StepStateChanged` tells it."""

    PREPARING = "preparing"
    """Its input is there, no worker is free yet. It isn't told of: the name is here for code that compares with it."""
    RUNNING = "running"
    NOT_RUNNING = "not_running"
    """An attempt has ended, or is suspended in a wait."""


class StepStateChanged(InternalDispatchEvent):
    """A worker of a step has begun or ended an attempt.

    `input_event_name` and `output_event_name` name classes; the latter is `None` until there is an output. For a step
    that takes several events the former is `CollectionReleaseEvent`; of a list the latter names members: `list[Task]`.
    """

    name: str
    step_state: StepState
    worker_id: str
    input_event_name: str
    output_event_name: str | None = None


class WorkflowIdleEvent(InternalDispatchEvent):
    """The last attempt that was at work has ended or waits: the run waits, for an answer, an event, or a timer."""


class UnhandledEvent(InternalDispatchEvent):
    """An event came that no step accepts and no wait has asked for. It's kept for a wait that may come.

    `event_type` is the name of its class, `qualified_name` the name with its module, and `idle` tells whether the run
    had nothing else to do. `step_name` is the step that ignored it, if one did: a step that takes a list takes only
    what belongs to a batch, and what else comes to it isn't kept.
    """

    event_type: str
    qualified_name: str
    step_name: str | None = None
    idle: bool
