"""Batches: what becomes of a list that a step returned, until the steps that join it are called.

Rules:
- A list opens a batch if some step joins it. Whatever comes of a member belongs to the batch: executions, questions
  that they return, batches that they open. Batches never merge.
- A batch knows only how much of it is still open, and what has arrived for each of its joins. When nothing is open any
  more it's closed: each join that hasn't been called yet is called once, with what has arrived, be it nothing.
- A join is called on the level from which its batch was opened, so batches close from the inside outwards.
- The events of a batch are in the order of the members that they came from, whatever order they arrived in; what `Take`
  takes is the first to arrive.
- Steps that take several events gather them on each level apart. What waits there for others when its batch is closed,
  or the run ends, is told.
- What a step or somebody outside sends belongs to no batch, and can't join one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..events import CollectionReleaseEvent, Event
from ..graph import ListJoin, SlotJoin, StepSpec
from . import queueing
from .commands import ReportIgnored, ReportLeft
from .empty import with_item
from .gather import Arrival, Buffer
from .places import Place
from .state import Batch, Gathered, RunState


def open_batch(state: RunState, place: Place, opener: str, joins: Sequence[StepSpec]) -> Batch:
    """Open a batch on the level of `place`. It stays open until it's left as often as it was entered."""
    batch = Batch(state.next_batch, place, opener)
    state.next_batch += 1
    for step in joins:
        assert isinstance(step.join, ListJoin)
        batch.gathered[step.name] = Gathered(step.join.take)
    state.batches = with_item(state.batches, batch.id, batch)
    enter(state, place)
    batch.open = 1
    return batch


def enter(state: RunState, place: Place) -> None:
    """Something more is open in a batch."""
    if place.batch:
        state.batches[place.batch].open += 1


def leave(state: RunState, place: Place, at: float) -> None:
    """Something that was open in a batch is over; the last one closes it."""
    number = place.batch
    while number:
        batch = state.batches[number]
        batch.open -= 1
        if batch.open:
            return
        for name, gathered in batch.gathered.items():
            if not gathered.is_released:
                _release(state, batch, name, gathered, at)
        if batch.slots:
            state.out.append(ReportLeft(tuple(waiting_in(batch.slots))))
        del state.batches[number]
        number = batch.place.batch


def _release(state: RunState, batch: Batch, step: str, gathered: Gathered, at: float) -> None:
    gathered.is_released = True
    arrived = sorted(gathered.arrived, key=_member)
    gathered.arrived = []
    events = [event for _, event in arrived]
    released = CollectionReleaseEvent(events=events, stream_id=f"{state.run_id}/{batch.id}", binding_id=step)
    queueing.queue(state, step, released, at, batch.place.after(place for place, _ in arrived))


def _member(arrival: Arrival) -> int:
    return arrival[0].member


def arrive(state: RunState, step: StepSpec, event: Event, at: float, place: Place) -> bool:
    """An event comes to a step that takes several at once; False if it belongs to no batch that the step joins."""
    if isinstance(step.join, SlotJoin):
        _arrive_at_slot(state, step, step.join, event, at, place)
        return True
    batch = state.batches.get(place.batch)
    gathered = None if batch is None else batch.gathered.get(step.name)
    if batch is None or gathered is None:
        state.out.append(ReportIgnored(event, step.name))
        return False
    if not gathered.is_released:
        gathered.arrived.append((place, event))
        if len(gathered.arrived) == gathered.take:
            _release(state, batch, step.name, gathered, at)
    return True


def _arrive_at_slot(state: RunState, step: StepSpec, join: SlotJoin, event: Event, at: float, place: Place) -> None:
    """Keep an event for its slot; call the step if there's one for each."""
    owner = state if not place.batch else state.batches[place.batch]
    buffer = owner.slots.get(step.name)
    if buffer is None:
        buffer = Buffer.expecting(join.kinds)
        owner.slots = with_item(owner.slots, step.name, buffer)
    buffer.add(event, place, kind=buffer.slot_for(event))
    taken = buffer.take()
    if taken is None:
        return
    if not any(buffer.arrived.values()):
        del owner.slots[step.name]
    stream = f"{state.run_id}/{place.batch}" if place.batch else state.run_id
    joined = CollectionReleaseEvent(events=[event for _, event in taken], stream_id=stream, binding_id=step.name)
    places = [there for there, _ in taken]
    first = Place(place.batch, min(there.member for there in places))
    queueing.queue(state, step.name, joined, at, first.after(places))


def waiting_in(slots: Mapping[str, Buffer]) -> list[Event]:
    """What has come for steps that take several events, and waits for the others."""
    return [event for buffer in slots.values() for event in buffer.waiting()]


def clear(state: RunState) -> list[Event]:
    """The run is over: nothing is joined any more. Gives what waited for other events."""
    slots = [state.slots, *(batch.slots for batch in state.batches.values())]
    left = [event for found in slots for event in waiting_in(found)]
    state.batches.clear()
    state.slots.clear()
    return left


def close_abandoned(state: RunState, at: float) -> None:
    """After changes to a workflow were accepted, a batch may have lost all that was open in it: close it."""
    for number in sorted(state.batches, reverse=True):
        batch = state.batches.get(number)
        if batch is not None and not batch.open:
            batch.open = 1
            leave(state, Place(number), at)
