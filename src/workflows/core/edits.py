"""Edits: exclusive edits of the state, granted to one owner at a time in the order of asking.

An edit that an attempt has, or has asked for, ends with the attempt. While somebody edits, nobody else writes.
"""

from __future__ import annotations

from .commands import GrantEdit, Refuse
from .records import Edited
from .state import Execution, RunState
from .ticks import EditAsked, EditCommitted, EditDropped


def edit_asked(state: RunState, tick: EditAsked) -> None:
    """Somebody wants to edit the state exclusively."""
    if tick.execution is not None and state.acting_execution(tick.execution, tick.attempt) is None:
        return
    if state.values.ask_edit(tick.owner):
        state.out.append(GrantEdit(tick.owner))


def edit_committed(state: RunState, tick: EditCommitted) -> None:
    """An exclusive edit ended well: only its owner can commit it."""
    if state.values.editor != tick.owner:
        return
    problem = state.values.problem(tick.write)
    execution = None
    if tick.execution is not None:
        execution = state.acting_execution(tick.execution, tick.attempt)
        if execution is None:
            return
    if problem is not None:
        state.out.append(Refuse("path", problem))
        return
    if execution is not None:
        versions = state.values.seen(None)
        state.values.hold(versions)
        execution.remember().add(tick.branch, Edited(versions, tick.digest))
    state.values.write(tick.write)
    grant_next(state, tick.owner)


def edit_dropped(state: RunState, tick: EditDropped) -> None:
    """An exclusive edit is given up."""
    grant_next(state, tick.owner)


def end_edits_of(state: RunState, execution: Execution) -> None:
    """An attempt is over, and so are its edits."""
    values = state.values
    prefix = f"{execution.id}:"
    for owner in [name for name in values.waiting if name.startswith(prefix)]:
        values.end_edit(owner)
    if values.editor is not None and values.editor.startswith(prefix):
        grant_next(state, values.editor)


def grant_next(state: RunState, owner: str) -> None:
    """End an edit and let the next one begin."""
    following = state.values.end_edit(owner)
    if following is not None:
        state.out.append(GrantEdit(following))
