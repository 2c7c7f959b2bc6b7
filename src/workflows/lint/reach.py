"""Which wait may follow: what the walk through a function carries along."""

from __future__ import annotations

import attrs


@attrs.frozen
class Wait:
    """A place where a step waits."""

    path: str
    line: int
    what: str

    def seen_from(self, path: str) -> str:
        """The place, for a message about a line of a file."""
        return f"line {self.line}" if path == self.path else f"{self.path}:{self.line}"


Reached = Wait | None
"""A wait that may still be come to; None if there's none on any path."""


@attrs.frozen
class Exits:
    """Where the ways out of a statement lead, beside its end: to which wait, if to any."""

    returns: Reached = None
    raises: Reached = None
    breaks: Reached = None
    continues: Reached = None
    suspends: Reached = None
    """Of clean-up: the wait whose suspension runs it, in which case the step is replayed whatever comes behind it."""
    tasks: Reached = None
    """The wait of a task beside this one."""
    guards: frozenset[str] = frozenset()
    """What is known to be missing here, so that it's set once only: `self._client` in `if self._client is None`."""

    @property
    def any_moment(self) -> Reached:
        """The wait that may come behind each expression, whatever comes next in the code."""
        return self.raises or self.suspends
