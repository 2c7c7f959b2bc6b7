"""The tally in a snapshot: `[attempts, finished, failures, seconds, events taken, events given]` for each step."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from ..codec import Codec, Json
from ..events import Event
from .empty import EMPTY
from .one import packed
from .state import RunState
from .stored import Malformed, count, items, of, seconds
from .tally import Counts, Kind, Tally

_NOTHING = Tally()


def tally_data(state: RunState, at: float) -> dict[str, list[Json]]:
    """What each step has done until now; attempts at work count with the time that they have spent until now."""
    at_work = _at_work(state, at) if state.live else EMPTY
    data: dict[str, list[Json]] = {}
    for name, tally in state.tally.items():
        running, active = at_work.get(name, (0, 0.0))
        finished, failures = tally.finished, tally.failures
        attempts = finished + failures + tally.interrupted + running
        if attempts or tally != _NOTHING:
            spent = tally.seconds + active
            data[name] = [attempts, finished, failures, spent, _named(tally.took), _named(tally.gave)]
    return data


def _at_work(state: RunState, at: float) -> dict[str, tuple[int, float]]:
    """How many attempts of each step are at work, and how long they have been active."""
    found: dict[str, tuple[int, float]] = {}
    for execution in state.executions.values():
        if execution.is_live:
            running, active = found.get(execution.step, (0, 0.0))
            spent = 0.0 if execution.is_parked else max(0.0, at - execution.active_since)
            found[execution.step] = running + 1, active + spent
    return found


def _named(counts: Counts) -> dict[str, Json]:
    if not counts.others:
        return {} if counts.kind is None else {_name(counts.kind): counts.number}
    named: dict[str, int] = {}
    for kind, number in counts.items():
        named[_name(kind)] = named.get(_name(kind), 0) + number
    return {**named}


def _name(kind: Kind) -> str:
    return kind if isinstance(kind, str) else kind.__event_name__


def read_tally(codec: Codec, data: Mapping[str, Any]) -> MutableMapping[str, Tally]:
    """What each step had done. Steps and classes that have gone since are history, and stay."""
    stored: Mapping[str, Any] = data.get("tally", {})
    return packed({of(str, name): _read(codec.types, found) for name, found in stored.items()})


def _read(types: Mapping[str, type], stored: Any) -> Tally:
    attempts, finished, failures, spent, took, gave = items(stored)
    interrupted, spent = count(attempts) - count(finished) - count(failures), seconds(spent)
    if interrupted < 0 or spent < 0:
        raise Malformed(f"a step has finished or failed more often than it was called, or in no time: {stored!r:.200}")
    return Tally(finished, failures, interrupted, spent, _kinds(types, took), _kinds(types, gave))


def _kinds(types: Mapping[str, type], stored: Mapping[Any, Any]) -> Counts:
    counts = Counts()
    for name, number in stored.items():
        found = types.get(of(str, name))
        kind: Kind = found if found is not None and issubclass(found, Event) else name
        if counts.kind is None:
            counts.kind, counts.number = kind, count(number)
        else:
            counts.add(kind, count(number))
    return counts
