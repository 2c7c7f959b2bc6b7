"""Departures: what happens when a replay comes to something else than was recorded.

Rules:
- A departing operation has no effect: the replay fails before that.
- Its run fails then. A durable one doesn't: it stands still as it's stored, and is reported, like one that doesn't fit
  when it's loaded; a version of its workflow that it fits goes on with it.
- Where changes are accepted, the records that no longer fit are dropped instead.
"""

from __future__ import annotations

import logging
from typing import cast

from ..core.records import Branch
from ..core.ticks import StepHalted, TapeDropped
from ..errors import ReplayMismatch
from .attempt import Attempt

logger: logging.Logger = logging.getLogger(__name__)


def departed(attempt: Attempt, branch: Branch, mismatch: ReplayMismatch) -> None:
    """Let a departure fail the step, or, where changes are accepted, drop the records that no longer fit.

    Answers and results of `once` among them are kept, and found again by content; everything else is done afresh.

    Raises:
        ReplayMismatch: Unless the run accepts changes.
    """
    replay = attempt.replay
    if not attempt.run.options.accepts_changes or branch is None or replay is None:
        attempt.departure = mismatch
        raise mismatch
    logger.warning("%s", mismatch, extra={"run_id": attempt.run.run_id})
    attempt.emit(TapeDropped, branch, *replay.give_up(branch))


def unread(attempt: Attempt) -> ReplayMismatch | None:
    """The error for records that an attempt which has ended well never asked for."""
    if attempt.replay is None:
        return None
    left = attempt.replay.unread()
    if not left:
        return None
    listed = "".join(f"\n  - {line}" for line in left)
    mismatch = ReplayMismatch(
        f"Step {attempt.step.name!r} ended without coming to what it had done before:{listed}\n"
        "  A replay must take the same path: let it depend on recorded values only.",
        recorded="; ".join(left),
        now="the step ended",
    )
    if not attempt.run.options.accepts_changes:
        attempt.departure = mismatch
        return mismatch
    logger.warning("%s", mismatch, extra={"run_id": attempt.run.run_id})
    return None


def has_departed(attempt: Attempt, error: BaseException) -> bool:
    """Whether an attempt fails by its departure, be that in a group, or behind an error that was raised from it."""
    left: list[BaseException | None] = [] if attempt.departure is None else [error]
    seen = set[int]()
    while left:
        found = left.pop()
        if found is None or id(found) in seen:
            continue
        if found is attempt.departure:
            return True
        seen.add(id(found))
        if isinstance(found, BaseExceptionGroup):
            left += cast("BaseExceptionGroup[BaseException]", found).exceptions
        left.append(found.__cause__ if found.__suppress_context__ else found.__context__)
    return False


def stands_still(attempt: Attempt, error: BaseException) -> bool:
    """Have a durable run stand still that an attempt has departed in; False if that isn't what has failed."""
    journal, departure = attempt.run.journal, attempt.departure
    if journal is None or departure is None or not has_departed(attempt, error):
        return False
    if not attempt.is_stopping():  # else it has been decided how it ends
        journal.depart(departure)
    attempt.emit_last(StepHalted)
    return True
