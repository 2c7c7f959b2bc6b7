"""Restored batches: the lists that are being joined, read back from a snapshot. Nothing of it is believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import CollectionReleaseEvent, Event
from ..graph import ListJoin, SlotJoin, StepSpec
from .empty import with_item
from .gather import Buffer
from .places import Place
from .state import Batch, Gathered, RunState
from .stored import Malformed, SnapshotReader, count, items, of, place_from, with_recoveries


def check_place(state: RunState, place: Place) -> Place:
    """Give a place, if its batch is there."""
    if place.batch and place.batch not in state.batches:
        raise Malformed(f"batch {place.batch} isn't there, and something belongs to it")
    return place


def read_batches(reader: SnapshotReader, state: RunState, data: Mapping[str, Any]) -> None:
    """Read all batches, the outer ones first, as they were opened."""
    state.next_batch = count(data.get("next_batch", 1))
    for stored in data.get("batches", ()):
        number = count(stored["id"])
        if number in state.batches or not 0 < number < state.next_batch:
            raise Malformed(f"batch {number} is there twice, or its number isn't")
        place = check_place(state, place_from(stored["place"]))
        batch = Batch(number, place, of(str, stored["opener"]))
        for gathered in stored["gathered"]:
            _read_gathered(reader, batch, gathered)
        batch.slots = read_slots(reader, stored["slots"], number)
        state.batches = with_item(state.batches, number, batch)
    if "slots" in data:
        state.slots = read_slots(reader, data["slots"])


def _read_gathered(reader: SnapshotReader, batch: Batch, data: Mapping[str, Any]) -> None:
    step = of(str, data["step"])
    take = None if data["take"] is None else count(data["take"])
    gathered = Gathered(take, is_released=of(bool, data["is_released"]))
    for (member, stored), recoveries in with_recoveries(items(data["arrived"]), data.get("recoveries")):
        event = reader.needed_event(stored, f"what has arrived for step {step!r}")
        if event is not None:
            gathered.arrived.append((Place(batch.id, count(member), recoveries), event))
    if step in batch.gathered or (gathered.arrived and gathered.is_released):
        raise Malformed(f"batch {batch.id} has step {step!r} twice, or keeps what it was called with")
    if take is not None and len(gathered.arrived) >= take:
        raise Malformed(f"batch {batch.id} has the {take} events that step {step!r} takes, and it wasn't called")
    if not reader.has_step(step, f"the join of batch {batch.id}"):
        return
    spec = reader.program.steps[step]
    if not isinstance(spec.join, ListJoin):
        reader.mismatches.append(f"step {step!r} no longer takes a list, and a batch waits for it")
    else:
        gathered.arrived = [found for found in gathered.arrived if _is_taken(reader, spec, found[1])]
        batch.gathered[step] = gathered


def read_slots(reader: SnapshotReader, data: Any, batch: int = 0) -> dict[str, Buffer]:
    """Read what waits for steps that take several events, in a batch or in none (0)."""
    slots: dict[str, Buffer] = {}
    for stored in data:
        step = of(str, stored["step"])
        if step in slots:
            raise Malformed(f"step {step!r} has its events twice")
        if not reader.has_step(step, "events that it joins"):
            continue
        join = reader.program.steps[step].join
        if not isinstance(join, SlotJoin):
            reader.mismatches.append(f"step {step!r} no longer takes several events, and some wait for it")
            continue
        buffer = slots[step] = Buffer.expecting(join.kinds)
        events = items(stored["events"])
        places = [place_from(found) for found in stored.get("places", ())] or [Place(batch)] * len(events)
        for (name, event_data), place in zip(events, places, strict=True):
            kind = reader.kind(of(str, name), f"what step {step!r} joins")
            event = reader.needed_event(event_data, f"what step {step!r} joins")
            if kind is None or event is None:
                continue
            if place.batch != batch:
                raise Malformed(f"step {step!r} has an event of batch {place.batch} in batch {batch}")
            if kind not in buffer.needed:
                reader.mismatches.append(f"step {step!r} no longer takes {kind.__name__}, which waits for it")
            elif not isinstance(event, kind):
                raise Malformed(f"step {step!r} has {event!r:.200} for a {kind.__name__}")
            else:
                buffer.add(event, place, kind=kind)
        if buffer.missing == 0:
            del slots[step]
            reader.mismatches.append(_lost_parameter(reader, step, join, stored.get("takes")))
    return slots


def _lost_parameter(reader: SnapshotReader, step: str, join: SlotJoin, stored: Any) -> str:
    """Tell what a step took when its events were stored, if there's one for each parameter that it has now."""
    now = [reader.codec.name_of(kind) for kind in join.kinds]
    before = [] if stored is None else [of(str, name) for name in items(stored)]
    if before == now:
        raise Malformed(f"step {step!r} has all that it joins, and wasn't called")
    gone = ", ".join((Counter(before) - Counter(now)).elements()) or "something else"
    waiting = ", ".join(kind.__name__ for kind in join.kinds)
    return f"step {step!r} no longer takes {gone}, which the events that have come for it ({waiting}) wait for"


def read_input(reader: SnapshotReader, state: RunState, data: Any, step: str) -> Event | None:
    """What a step execution takes; None, and a mismatch, if the step no longer takes it."""
    spec = reader.program.steps[step]
    what = f"the input of step {step!r}"
    if data is None or "joined" not in data:
        event = reader.needed_event(data, what)
        if event is None or not _is_taken(reader, spec, event):
            return None
        if spec.join is not None:
            reader.mismatches.append(f"step {step!r} takes several events now, and was to take {type(event).__name__}")
            return None
        return event
    events = [reader.needed_event(member, what) for member in items(data["joined"])]
    if spec.join is None:
        reader.mismatches.append(f"step {step!r} takes one event now, and was to take {len(events)} together")
        return None
    if isinstance(spec.join, SlotJoin) and len(events) != len(spec.join.kinds):
        reader.mismatches.append(
            f"step {step!r} takes {len(spec.join.kinds)} events now, and was to take {len(events)}"
        )
        return None
    kept = [event for event in events if event is not None and _is_taken(reader, spec, event)]
    if isinstance(spec.join, SlotJoin):
        if len(kept) < len(events):
            return None  # a batch without them is one that they were dropped from
        placed = _in_its_slots(spec.join, kept)
        if placed is None:
            wanted = ", ".join(kind.__name__ for kind in spec.join.kinds)
            found = ", ".join(type(event).__name__ for event in kept)
            reader.mismatches.append(f"step {step!r} takes {wanted} together now, and was to take {found}")
            return None
        kept = placed
    return CollectionReleaseEvent(events=kept, stream_id=of(str, data["stream_id"]), binding_id=step)


def _in_its_slots(join: SlotJoin, events: Sequence[Event]) -> list[Event] | None:
    """Events in the order of the parameters, which may be another now; None if there isn't one for each."""
    buffer = Buffer.expecting(join.kinds)
    for event in events:
        buffer.add(event, kind=buffer.slot_for(event))
    taken = buffer.take()
    return None if taken is None else [event for _, event in taken]


def _is_taken(reader: SnapshotReader, spec: StepSpec, event: Event) -> bool:
    if spec.takes(type(event)):
        return True
    reader.mismatches.append(f"step {spec.name!r} no longer accepts {type(event).__name__}, which waits for it")
    return False


def count_open(state: RunState) -> None:
    """Count how much of each batch is still open: that isn't stored, so that it can't be wrong."""
    places = [
        *(execution.place for execution in state.executions.values()),
        *(question.place for question in state.questions.by_id.values() if question.returned),
        *(batch.place for batch in state.batches.values()),
    ]
    for place in places:
        if place.batch:
            state.batches[place.batch].open += 1
