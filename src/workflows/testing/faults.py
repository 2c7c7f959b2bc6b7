"""What a simulation reports: one exception, with everything that was found and the call that shows it again."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import WorkflowsError


class SimulationFault(WorkflowsError, AssertionError):
    """A simulated scenario broke a promise; `problems` has a line for each.

    It's an `AssertionError` too, so that test runners report it as a failure of the test.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.problems: tuple[str, ...] = tuple(problems) or (message,)
        super().__init__(message + "".join(f"\n  - {problem}" for problem in problems))
