"""Departures: what happens when a replay comes to something else than was recorded."""

from __future__ import annotations

import logging

from ..core.records import Branch
from ..core.ticks import TapeDropped
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
        return mismatch
    logger.warning("%s", mismatch, extra={"run_id": attempt.run.run_id})
    return None
