"""The journal: ticks in their stored form, from which a run is folded again.

An entry is a list: the name of the tick, its id and instant, and its other fields in their order. It's written before
the tick is fed, and read when the state is as it was then: what a field is stored as may depend on the state, as with
the ticks of children, which are in the types of their own workflows. Entries are folded by the decisions of the core as
it is now, so a journal is for the program that it was written under; `fingerprint` tells whether it's the same.

Rules:
- Feeding what was stored gives the same state. What a decision asks of an exception, which may be read back as another,
  travels beside it.
- Nothing that is read is believed; what no journal has is refused.
- An entry shares nothing with what users hold, but stored values with the tick: make it text before anything goes on.
  In that text the order of keys stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..codec import Json
from ..errors import ContextSerdeError, DecodeError, EncodeError, SnapshotMismatch
from .engine import Core
from .state import RunState
from .stored import NOT_AS_WRITTEN, Malformed
from .tick_forms import row, tick_in
from .tick_parts import ExplainingTickWriter, TickReader, TickWriter
from .ticks import Tick

JOURNAL_FORMAT = 1
"""Another number whenever entries look otherwise, or the core makes something else of the same ticks."""


def tick_data(state: RunState, tick: Tick) -> Json:
    """A tick in its stored form; `state` is as it is just before the tick is fed.

    Raises:
        EncodeError: Something in it can't be stored; `problems` has everything, with paths. Nothing has changed.
    """
    try:
        return row(tick, TickWriter(state))
    except EncodeError:
        problems: list[str] = []
        row(tick, ExplainingTickWriter(state, problems))
    raise EncodeError("What was to happen to this run can't be stored:", problems)


def tick_from(state: RunState, data: Json) -> Tick:
    """A tick from its stored form; `state` is as it was just before the tick was fed.

    Raises:
        DecodeError: No journal has such an entry.
        SnapshotMismatch: It doesn't fit the workflow as it is now.
    """
    reader = TickReader.of(state)
    try:
        tick = tick_in(data, reader)
    except NOT_AS_WRITTEN as error:
        raise _damaged(data, error) from error
    if tick is None:
        raise SnapshotMismatch(
            f"An entry in the journal of run {state.run_id!r} doesn't fit {state.program.class_name} as it is now:",
            reader.mismatches,
        )
    return tick


def fold(state: RunState, data: Iterable[Json]) -> None:
    """Feed stored ticks to a run, in their order. What is to be done about them was done, and is forgotten.

    If it raises, the state is of no use any more.

    Raises:
        DecodeError: An entry is missing, or no journal has it.
        SnapshotMismatch: One doesn't fit the workflow as it is now.
    """
    core = Core(state.program, state.codec, state=state)
    for entry in data:
        tick = tick_from(state, entry)
        if tick.id > state.last_tick + 1:
            raise DecodeError(
                f"In the journal of run {state.run_id!r}, tick {tick.id} follows tick {state.last_tick}: what happened "
                "in between is lost."
            )
        try:
            core.feed(tick)
        except Exception as error:  # each value could be, but not all of them together
            raise _damaged(entry, error) from error


def _damaged(data: Json, error: Exception) -> ContextSerdeError:
    reason = str(error) if isinstance(error, Malformed) else f"{type(error).__name__}: {error}"
    return DecodeError(f"This is no journal entry, or it was changed: {data!r:.300}", [f"$: {reason}"])
