"""Ticks: what can happen to a run.

Everything that a decision needs travels in the tick: the time (`at`, UTC seconds), the seed, ids and the outcome of
user code. A tick has an `id` that grows within its run; a tick whose id isn't greater than the last one's is a
repetition and does nothing. The ticks of a step also carry `execution` and `attempt`: a late word from an attempt
that is over does nothing.

`branch` is the path of the branch that acted (`""` is the step's own task), or `None` for a task that is no branch's
own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs

from ..codec import Json
from ..events import Event, StartEvent
from .outcomes import has_swallowed, must_surface
from .plain import Plain
from .questions import Ask

Branch: TypeAlias = str | None


@attrs.frozen(eq=False, repr=False)
class Write(Plain):
    """A change of the state: fields by name, or the value at a path.

    `fields` replaces or adds whole fields; with `only`, fields that aren't named in it go. A `path` names one value, in
    a field that is `base` (None: an empty dict) for as long as nobody has written it.
    """

    path: str | None = None
    value: Json = None
    fields: Mapping[str, Json] | None = None
    only: bool = False
    base: Json = None


@attrs.frozen(eq=False, repr=False)
class Tick(Plain):
    """What all ticks have."""

    id: int
    at: float


@attrs.frozen(eq=False, repr=False)
class RunStarted(Tick):
    """A run begins, with its start event; a run that is over begins again and keeps its state.

    A run that `is_held` waits for its turn: it starts with `RunResumed`. `trace` tells where it stands among those of
    whoever looks on; nothing is decided by it.
    """

    run_id: str
    event: StartEvent
    seed: int
    budget_s: float | None = None
    is_held: bool = False
    trace: str = ""


@attrs.frozen(eq=False, repr=False)
class RunResumed(Tick):
    """A run that was restored or cancelled goes on."""

    run_id: str
    budget_s: float | None = None
    trace: str = ""


@attrs.frozen(eq=False, repr=False)
class StepTick(Tick):
    """What all ticks of a running attempt have."""

    execution: int
    attempt: int


@attrs.frozen(eq=False, repr=False)
class StepReturned(StepTick):
    """The step function returned these events: in a list, or one by itself, or none."""

    events: tuple[Event, ...]
    is_list: bool = False


def _surfaces(tick: StepRaised) -> bool:
    return must_surface(tick.error)


def _has_swallowed(tick: StepRaised) -> bool:
    return has_swallowed(tick.error)


@attrs.frozen(eq=False, repr=False)
class StepRaised(StepTick):
    """The step function raised; `retry_in_s` is what its retry policy decided.

    What is decided by the type of the error travels beside it, since a stored error may be read back as another:
    whether it `surfaces`, whatever handlers there are, and whether the step `has_swallowed` its suspension.
    """

    error: BaseException
    retry_in_s: float | None = None
    surfaces: bool = attrs.field(default=attrs.Factory(_surfaces, takes_self=True))
    has_swallowed: bool = attrs.field(default=attrs.Factory(_has_swallowed, takes_self=True))


@attrs.frozen(eq=False, repr=False)
class StepSuspending(StepTick):
    """The step's own task waits for all of `on`, and is being unwound; it has `grace_s` seconds to do so."""

    on: tuple[str, ...]
    grace_s: float


@attrs.frozen(eq=False, repr=False)
class StepSuspended(StepTick):
    """A suspended attempt is unwound."""


@attrs.frozen(eq=False, repr=False)
class StepHalted(StepTick):
    """An attempt was cancelled with its run and is unwound."""


@attrs.frozen(eq=False, repr=False)
class StepParked(StepTick):
    """All that is open in this attempt waits, in place."""


@attrs.frozen(eq=False, repr=False)
class StepUnparked(StepTick):
    """A parked attempt goes on in place."""


@attrs.frozen(eq=False, repr=False)
class TapeDropped(StepTick):
    """A replay departed from the record at `index` of a branch's tape, and that was accepted.

    If that record has operations without a result, the replay had repeated `count` of them, with this `digest`.
    """

    branch: str
    index: int
    count: int
    digest: int


@attrs.frozen(eq=False, repr=False)
class EventReceived(Tick):
    """An event came from outside, for one step, one question, or whoever takes it."""

    event: Event
    step: str | None = None
    reply_to: str | None = None


@attrs.frozen(eq=False, repr=False)
class EventSent(StepTick):
    """A step sent an event."""

    branch: Branch
    digest: int
    event: Event
    step: str | None = None
    reply_to: str | None = None


@attrs.frozen(eq=False, repr=False)
class EventStreamed(StepTick):
    """A step wrote an event to the stream."""

    branch: Branch
    digest: int
    event: Event


@attrs.frozen(eq=False, repr=False)
class BurstStreamed(StepTick):
    """A step wrote several events to the stream, and nothing else happened meanwhile.

    The digests may be a sequence that makes them when it's looked at: a step that ends has no more need of them.
    """

    branch: Branch
    digests: Sequence[int]
    events: tuple[Event, ...]


@attrs.frozen(eq=False, repr=False)
class EventPublished(StepTick):
    """A function that a step calls through `once` wrote to the stream: a part of that function, not on record."""

    event: Event


@attrs.frozen(eq=False, repr=False)
class ValueRecorded(StepTick):
    """An operation has a result that replays must see again: `once`, a clock reading, …

    `instead_of` is where on its branch's tape it has stood as one that raised.
    """

    branch: Branch
    kind: str
    key: str
    value: Json
    instead_of: int | None = None


@attrs.frozen(eq=False, repr=False)
class ValueReused(StepTick):
    """A retry took over a result that an earlier, failed attempt had recorded."""

    branch: Branch
    kind: str
    key: str


@attrs.frozen(eq=False, repr=False)
class QuestionsAsked(StepTick):
    """A step waits for events; the prompts that are new are published."""

    branch: Branch
    asks: tuple[Ask, ...]


@attrs.frozen(eq=False, repr=False)
class ChildStarted(StepTick):
    """A step runs a workflow as its child, or comes back to a child that it has."""

    branch: Branch
    key: str
    workflow: str
    label: str
    event: StartEvent


@attrs.frozen(eq=False, repr=False)
class ChildWanted(StepTick):
    """A child is to go on; or to stand still, since the step's await of it was cancelled, and not to suspend it."""

    child: int
    is_wanted: bool


@attrs.frozen(eq=False, repr=False)
class ChildTick(Tick):
    """Something happened to a child run."""

    child: int
    tick: Tick


@attrs.frozen(eq=False, repr=False)
class EventCollected(StepTick):
    """A step put an event into a buffer and took a full set, if there is one."""

    branch: Branch
    key: str
    event: Event
    expected: Sequence[type[Event]]
    buffer_id: str | None


@attrs.frozen(eq=False, repr=False)
class StateRead(StepTick):
    """A step read the state, or the value at `path`."""

    branch: Branch
    path: str | None


@attrs.frozen(eq=False, repr=False)
class StateWritten(StepTick):
    """A step wrote to the state; `owner` is the edit that it had to wait for, if any."""

    branch: Branch
    digest: int
    write: Write
    owner: str | None = None


@attrs.frozen(eq=False, repr=False)
class StateWrittenOutside(Tick):
    """Somebody outside of the steps wrote to the state."""

    write: Write
    owner: str | None = None


@attrs.frozen(eq=False, repr=False)
class EditAsked(Tick):
    """Somebody wants to edit the state exclusively; `owner` names the edit, `execution` the step (None: outside)."""

    owner: str
    execution: int | None = None
    attempt: int = 0


@attrs.frozen(eq=False, repr=False)
class EditCommitted(Tick):
    """An exclusive edit ended well."""

    owner: str
    write: Write
    execution: int | None = None
    attempt: int = 0
    branch: Branch = ""
    digest: int = 0


@attrs.frozen(eq=False, repr=False)
class EditDropped(Tick):
    """An exclusive edit, granted or not, is given up."""

    owner: str


@attrs.frozen(eq=False, repr=False)
class TimerFired(Tick):
    """The time that `SetAlarm` or `SetBudget` named has come."""


@attrs.frozen(eq=False, repr=False)
class CancelRequested(Tick):
    """The run is to stop now, such that it can be resumed.

    With `is_left` nobody cancels it: whoever carries it leaves, and it's to go on elsewhere as if nothing had happened.
    """

    reason: str = ""
    is_left: bool = False
