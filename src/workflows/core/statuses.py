"""Statuses: where a run stands, and where a step execution stands.

Each has a name of its own here, for whoever asks often: in Python 3.11 it takes ten times as long to look a member up
in its enumeration.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class RunStatus(Enum):
    """Where a run stands."""

    NEW = "new"
    RUNNING = "running"
    ENDING = "ending"  # its end is decided; attempts are being cancelled
    HALTING = "halting"  # it's being cancelled such that it can be resumed
    HALTED = "halted"
    ENDED = "ended"


class Status(Enum):
    """Where a step execution stands."""

    QUEUED = "queued"
    AT_WORK = "running"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    DELAYED = "delayed"


NEW: Final = RunStatus.NEW
RUNNING: Final = RunStatus.RUNNING
ENDING: Final = RunStatus.ENDING
HALTING: Final = RunStatus.HALTING
HALTED: Final = RunStatus.HALTED
ENDED: Final = RunStatus.ENDED

QUEUED: Final = Status.QUEUED
AT_WORK: Final = Status.AT_WORK
SUSPENDING: Final = Status.SUSPENDING
SUSPENDED: Final = Status.SUSPENDED
DELAYED: Final = Status.DELAYED
