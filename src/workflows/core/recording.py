"""Recording: what a running step does through its context."""

from __future__ import annotations

from ..events import HumanResponseEvent
from . import delivery
from .commands import Refuse
from .empty import with_item
from .gather import Buffer
from .questions import class_name
from .records import RAISED, Collected, Read, Value
from .state import Execution, RunState
from .statuses import RUNNING
from .ticks import (
    BurstStreamed,
    EventCollected,
    EventPublished,
    EventSent,
    EventStreamed,
    QuestionsAsked,
    StateRead,
    StateWritten,
    StateWrittenOutside,
    ValueRecorded,
    ValueReused,
)


def sent(state: RunState, tick: EventSent) -> None:
    """A step sent an event; an answer is refused as it would be from outside, and the refusal is recorded."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    if isinstance(tick.event, HumanResponseEvent) or tick.reply_to is not None:
        target = delivery.find_target(state, tick.event, step=tick.step, reply_to=tick.reply_to)
        if isinstance(target, Refuse):
            _refuse(state, execution, tick, target)
            return
        if target is not None:
            execution.remember().add_effect(tick.branch, tick.digest)
            state.tally_of(execution.step).gave.add(type(tick.event))
            delivery.answer_any(state, target, tick.event, tick.at, execution.place.outside)
            return
    if tick.step is not None and not delivery.takes(state, tick.step, tick.event):
        _refuse(state, execution, tick, delivery.not_taken(state, tick.event, tick.step))
        return
    execution.remember().add_effect(tick.branch, tick.digest)
    state.tally_of(execution.step).gave.add(type(tick.event))
    if tick.step is None:
        delivery.deliver(state, tick.event, tick.at, execution.place.outside)
    else:
        delivery.to_step(state, state.program.steps[tick.step], tick.event, tick.at, execution.place.outside)


def _refuse(state: RunState, execution: Execution, tick: EventSent | StateWritten, refusal: Refuse) -> None:
    record = Value("refused", str(tick.digest), [refusal.reason, refusal.message])
    execution.remember().add(tick.branch, record)
    state.out.append(refusal)


def streamed(state: RunState, tick: EventStreamed) -> None:
    """A step wrote to the stream."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    execution.remember().add_effect(tick.branch, tick.digest)
    state.publish(tick.event)


def burst_streamed(state: RunState, tick: BurstStreamed) -> None:
    """A step wrote several events to the stream."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    execution.remember().add_effects(tick.branch, tick.digests)
    state.publish_all(tick.events)


def published(state: RunState, tick: EventPublished) -> None:
    """A function that a step calls through `once` wrote to the stream; it's finished while the step is suspended."""
    if state.status is RUNNING and state.live_execution(tick.execution, tick.attempt) is not None:
        state.publish(tick.event)


def value_recorded(state: RunState, tick: ValueRecorded) -> None:
    """An operation has a result; a `once` that was in flight when the step or the run was stopped is still recorded."""
    is_in_flight = tick.kind in ("once", RAISED)
    find = state.live_execution if is_in_flight else state.acting_execution
    execution = find(tick.execution, tick.attempt)
    if execution is None:
        return
    record = Value(tick.kind, tick.key, tick.value)
    if tick.branch is None or tick.instead_of is None:
        execution.remember().add(tick.branch, record)
    else:
        execution.remember().tape(tick.branch).replace(tick.instead_of, record)


def value_reused(state: RunState, tick: ValueReused) -> None:
    """A retry takes over what a failed attempt recorded."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is not None:
        execution.remember().take_kept(tick.branch, tick.kind, tick.key)


def asked(state: RunState, tick: QuestionsAsked) -> None:
    """A step waits for events."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    for wanted in tick.asks:
        delivery.ask(state, execution, tick.branch, wanted, tick.at)


def collected(state: RunState, tick: EventCollected) -> None:
    """A step put an event into a buffer."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    buffer = _buffer(state, execution.step, tick)
    buffer.add(tick.event, execution.place.outside)
    taken = buffer.take()
    if taken is None:
        execution.remember().add(tick.branch, Collected(tick.key, None))
        return
    execution.place = execution.place.after(place for place, _ in taken)
    execution.remember().add(tick.branch, Collected(tick.key, tuple(event for _, event in taken)))


def _buffer(state: RunState, step: str, tick: EventCollected) -> Buffer:
    """The buffer of this name; without one, that of these types in whatever order."""
    place = (step, "" if tick.buffer_id is None else f"={tick.buffer_id}")
    buffer = state.buffers.get(place)
    if buffer is not None and buffer.expected == tick.expected:
        return buffer
    if buffer is not None and tick.buffer_id is None and not buffer.gathers(tick.expected):
        place = (step, "|".join(sorted(class_name(state.codec, kind) for kind in tick.expected)))
        buffer = state.buffers.get(place)
    if buffer is None:
        buffer = Buffer.expecting(tick.expected)
        state.buffers = with_item(state.buffers, place, buffer)
    elif buffer.expected != tick.expected:
        buffer = state.buffers[place] = buffer.changed(tick.expected)
    return buffer


def state_read(state: RunState, tick: StateRead) -> None:
    """A step read the state."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    versions = state.values.seen(tick.path)
    state.values.hold(versions)
    execution.remember().add(tick.branch, Read(tick.path, versions))


def state_written(state: RunState, tick: StateWritten) -> None:
    """A step wrote to the state; a write that can't be done is refused, and the refusal is recorded."""
    execution = state.acting_execution(tick.execution, tick.attempt)
    if execution is None:
        return
    if state.values.editor is not None and state.values.editor != tick.owner:
        state.out.append(Refuse("busy", "The state is being edited."))
        return
    problem = state.values.problem(tick.write)
    if problem is not None:
        _refuse(state, execution, tick, Refuse("path", problem))
        return
    execution.remember().add_effect(tick.branch, tick.digest)
    state.values.write(tick.write)


def state_written_outside(state: RunState, tick: StateWrittenOutside) -> None:
    """Somebody outside of the steps wrote to the state."""
    if state.values.editor is not None and state.values.editor != tick.owner:
        state.out.append(Refuse("busy", "The state is being edited."))
        return
    problem = state.values.problem(tick.write)
    if problem is not None:
        state.out.append(Refuse("path", problem))
        return
    state.values.write(tick.write)
