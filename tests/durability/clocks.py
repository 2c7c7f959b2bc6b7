"""A clock of a workflow's own, years away from that of its host."""

from datetime import UTC, datetime, timedelta

import anyio

YEARS = timedelta(days=3650)


class Clock:
    """Runs with the time of the simulation, years away from it."""

    def __init__(self, ahead: timedelta) -> None:
        self._start = datetime(2030, 1, 1, tzinfo=UTC) + ahead

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=anyio.current_time())
