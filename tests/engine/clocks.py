"""A clock that goes only when it's told to."""

from datetime import UTC, datetime, timedelta


class StoppedClock:
    """Give it as `Workflow(clock=...)`."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
