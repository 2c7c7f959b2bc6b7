"""Restoring: the snapshot that a stored run goes on from.

It's the last snapshot if nothing was stored after it. Else the journal is folded into it, by the workflow that has
written it, or one that decides as that one did; then attempts that were in flight are taken back as any snapshot does.
"""

from __future__ import annotations

from typing import Any, cast

import attrs

from ..codec import Json
from ..context import Context
from ..core.commands import PublishEvent
from ..core.engine import Core
from ..core.image import LIVE, from_image
from ..core.journal import JOURNAL_FORMAT, fold
from ..core.restore import restore
from ..core.snapshot import snapshot
from ..core.state import RunState
from ..core.statuses import RunStatus
from ..core.ticks import ChildTick, StepHalted, Tick
from ..errors import ContextSerdeError, SnapshotMismatch, StoreDamaged
from ..events import Event
from ..runtime.definition import Definition
from .store import ENDED, RunContent
from .stored_parts import data_of, text_of


@attrs.frozen
class Restored:
    """What a run goes on from.

    Attributes:
        data: A snapshot.
        is_new: Whether it has to be stored, as an image, before what comes next.
        events: Events that end its stream, and weren't stored, with their positions.
    """

    data: dict[str, Json]
    is_new: bool = False
    events: tuple[tuple[int, Event], ...] = ()


def restored(definition: Definition, content: RunContent, *, at: float) -> Restored:
    """The snapshot from which a run goes on.

    It's as of the last thing that happened: while a run's process is dead, the run spends none of its time. Its id is
    that under which it's stored: it may have had another one in somebody's hands, or in an export that was edited.

    Raises:
        SnapshotMismatch: Its journal was written by a workflow that decided otherwise.
        ContextSerdeError: Something in it isn't as it was written.
        StoreDamaged: It isn't what was stored.
    """
    run_id = content.run.run_id
    stored = None if content.snapshot is None else _snapshot(content.snapshot, run_id)
    if not content.entries:
        if stored is None:
            raise StoreDamaged(f"Nothing is stored of run {run_id!r} but its name.", [run_id])
        data = {name: part for name, part in stored.items() if name != LIVE}
        return Restored(
            {**data, "run_id": run_id}, is_new=content.run.status not in ENDED
        )  # a journal follows an image, not a snapshot
    if stored is None:
        state = RunState(definition.program, definition.codec, kinds=definition.kinds)
    elif LIVE not in stored:  # its process died between what it began with and the first image
        state, _ = restore(definition.program, definition.codec, stored, children=definition.kinds)
    else:
        state = from_image(definition.program, definition.codec, stored, children=definition.kinds)
    for text in content.entries:
        ticks = _ticks(definition, text, run_id)
        fold(state, ticks)
        at = _instant_of(ticks[-1], at)
    events = _come_to_rest(state, at) if state.status in (RunStatus.ENDING, RunStatus.HALTING) else ()
    return Restored({**snapshot(state, at=at), "run_id": run_id}, is_new=True, events=tuple(events))


def _instant_of(tick: Json, at: float) -> float:
    """When a tick happened, by the clock of its run."""
    instant = cast("list[Json]", tick)[2]  # it was folded, so it's as it was written
    return float(instant) if isinstance(instant, int | float) else at


def _snapshot(text: str, run_id: str) -> dict[str, Any]:
    data = data_of(text, "The snapshot", run_id)
    if not isinstance(data, dict):
        raise StoreDamaged(f"The snapshot of run {run_id!r} is {data!r:.200}.", [run_id])
    return cast("dict[str, Any]", data)


def _ticks(definition: Definition, text: str, run_id: str) -> list[Json]:
    data = data_of(text, "A journal entry", run_id)
    if not isinstance(data, list) or len(cast("list[Json]", data)) < 2:
        raise StoreDamaged(f"A journal entry of run {run_id!r} is {data!r:.200}.", [run_id])
    version, fingerprint, *ticks = cast("list[Json]", data)
    if version != JOURNAL_FORMAT:
        raise ContextSerdeError(
            f"The journal of run {run_id!r} is of format {version!r:.200}; this version of workflows reads format "
            f"{JOURNAL_FORMAT}.\n  Use the version that wrote it, or a newer one."
        )
    if fingerprint != definition.fingerprint:
        raise SnapshotMismatch(
            f"Run {run_id!r} was interrupted in the middle of its work, by a {definition.program.class_name} whose "
            "steps took or gave other events, or worked side by side otherwise. Let a process with that version bring "
            "it to rest (start a runtime on the store, and leave it), then go on with this one:",
            [f"the workflow is {definition.fingerprint} now, and was {fingerprint!r:.100}"],
        )
    return ticks


def _come_to_rest(state: RunState, at: float) -> list[tuple[int, Event]]:
    """The end of the run was decided, and the process died before its last attempts had ended: they have now."""
    core = Core(state.program, state.codec, state=state)
    events: list[tuple[int, Event]] = []
    position = state.streamed
    while (tick := _halting(state, at)) is not None:
        for command in core.feed(tick):
            if isinstance(command, PublishEvent) and command.is_counted:
                position += 1
                events.append((position, command.event))
    return events


def _halting(state: RunState, at: float) -> Tick | None:
    """A tick that ends an attempt which nobody makes any more; None if there's none."""
    name = state.last_tick + 1
    for child in state.children.values():
        inner = _halting(child.state, at)
        if inner is not None:
            return ChildTick(name, at, child.id, inner)
    for execution in state.executions.values():
        if execution.is_live:
            return StepHalted(name, at, execution.id, execution.attempt)
    return None


def base_of(context: Context[Any], stored: Restored | None) -> str | None:
    """What a run begins with, if that has to be stored."""
    if stored is not None:
        return text_of(stored.data) if stored.is_new else None
    state = context.driver.core.state
    return text_of(snapshot(state, at=context.driver.now())) if state.last_tick else None
