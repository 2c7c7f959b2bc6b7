"""The tally in a snapshot: `[attempts, finished, failures, seconds, events taken, events given]` for each step."""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, MutableMapping
from typing import Any, cast

from ..codec import Codec, Json
from ..events import Event
from .one import packed
from .state import RunState
from .stored import Malformed, count, items, of, seconds
from .tally import Counts, Kind, Tally

_NOTHING = Tally()


def tally_data(state: RunState, at: float) -> dict[str, list[Json]]:
    """What each step has done until now; attempts at work count with the time that they have spent until now."""
    running = dict.fromkeys(state.tally, 0)
    active = dict.fromkeys(state.tally, 0.0)
    if state.live:
        for execution in state.executions.values():
            if execution.is_live:
                running[execution.step] += 1
                active[execution.step] += 0.0 if execution.is_parked else max(0.0, at - execution.active_since)
    return {
        name: [
            tally.finished + tally.failures + tally.interrupted + running[name],
            tally.finished,
            tally.failures,
            tally.seconds + active[name],
            _named(tally.took),
            _named(tally.gave),
        ]
        for name, tally in state.tally.items()
        if tally != _NOTHING or running[name]
    }


def _named(counts: Counts) -> dict[str, Json]:
    named: dict[str, int] = {}
    for kind, number in counts.items():
        name = kind if isinstance(kind, str) else kind.__event_name__
        named[name] = named.get(name, 0) + number
    return {**named}


def read_tally(codec: Codec, data: Mapping[str, Any]) -> MutableMapping[str, Tally]:
    """What each step had done. Steps and classes that have gone since are history, and stay."""
    return packed({name: _read(codec, stored) for name, stored in _named_parts(data.get("tally", {}))})


def _named_parts(data: object) -> ItemsView[str, Any]:
    parts = cast("dict[str, Any]", of(dict, data))
    for name in parts:
        of(str, name)
    return parts.items()


def _read(codec: Codec, stored: Any) -> Tally:
    attempts, finished, failures, spent, took, gave = items(stored)
    interrupted = count(attempts) - count(finished) - count(failures)
    if interrupted < 0 or seconds(spent) < 0:
        raise Malformed(f"a step has finished or failed more often than it was called, or in no time: {stored!r:.200}")
    return Tally(finished, failures, interrupted, seconds(spent), _kinds(codec, took), _kinds(codec, gave))


def _kinds(codec: Codec, data: Any) -> Counts:
    counts = Counts()
    for name, number in _named_parts(data):
        found = codec.types.get(name)
        kind: Kind = found if found is not None and issubclass(found, Event) else name
        counts.add(kind, count(number))
    return counts
