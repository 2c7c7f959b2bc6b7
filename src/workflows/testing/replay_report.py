"""ReplayReport: what `check_replay` has found, in plain words."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from .faults import SimulationFault

ProblemKind: TypeAlias = Literal["effect", "storage", "departure", "order"]


@attrs.frozen
class ReplayProblem:
    """Something that isn't safe in a workflow.

    Attributes:
        kind: `"effect"`: bare code did something again; `"storage"`: a value can't be stored, or not be read back;
            `"departure"`: the run went another way when it was replayed; `"order"`: it fails when its answers come in
            another order.
        what: What happened.
        step: The step, as far as it's known.
        where: The line of your code, as far as there's one: `file:line`.
        code: What stands there.
        remedy: What to do.
    """

    kind: ProblemKind
    what: str
    step: str | None = None
    where: str | None = None
    code: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        place = f"step {self.step!r}" if self.step is not None else "the run"
        what = self.what.replace("\n", "\n    ")
        lines = [f"{place}: {what}" if self.where is None else f"{place}, {self.where}: {what}"]
        if self.code:
            lines.append(f"      {self.code}")
        if self.remedy:
            lines.append(f"    Remedy: {self.remedy}.")
        return "\n".join(lines)


@attrs.frozen
class ReplayReport:
    """What `check_replay` has tried, and what it has found.

    Attributes:
        workflow: The name of the workflow's class.
        result: What the undisturbed run came to.
        problems: What isn't safe.
        exposed: What bare code does besides: it's done again if the process dies before the step has ended, or has come
            to its next operation, which is what the engine promises of bare code. It's no problem by itself; see to it
            that each of these may happen twice.
        orders: In how many orders the answers were given.
        is_sampled: Whether there are more orders, or more points to cut at, than were tried.
        cuts: How many times the run was cut, and gone on with from what was stored.
        ticks: How many points the undisturbed run has at which it can be cut.
        backend: The event loop.
        seed: The schedule.
    """

    workflow: str
    result: object
    problems: tuple[ReplayProblem, ...]
    exposed: tuple[ReplayProblem, ...]
    orders: int
    is_sampled: bool
    cuts: int
    ticks: int
    backend: str
    seed: int

    @property
    def is_safe(self) -> bool:
        """Whether there was no problem."""
        return not self.problems

    @property
    def runs(self) -> int:
        """How many runs, and parts of runs, there were."""
        return self.orders + self.cuts

    def raise_if_unsafe(self, *, exposed: bool = False) -> None:
        """Raise if something isn't safe.

        Args:
            exposed: Also if bare code does something that's done again if the process dies at the wrong moment.

        Raises:
            SimulationFault: With a line for each problem. It's an `AssertionError` too.
        """
        found = (*self.problems, *(self.exposed if exposed else ()))
        if found:
            raise SimulationFault(f"{self._headline(len(found))}", [str(problem) for problem in found])

    def _headline(self, count: int) -> str:
        how = "no problem" if not count else "1 problem" if count == 1 else f"{count} problems"
        safe = "is safe to replay, as far as was tried" if not count else "isn't safe to replay"
        return f"{self.workflow} {safe}: {how} ({self._tried()})."

    def _tried(self) -> str:
        sampled = "; there are more, which weren't tried" if self.is_sampled else ""
        return (
            f"{self.orders} {'order' if self.orders == 1 else 'orders'} of answers, cut {self.cuts} times{sampled}; "
            f"{self.backend}, seed {self.seed}"
        )

    def __str__(self) -> str:
        lines = [self._headline(len(self.problems)), *(f"  - {problem}" for problem in self.problems)]
        if self.exposed:
            lines.append("  Besides, if the process dies while the step is at work:")
            lines += [f"  - {problem}" for problem in self.exposed]
        return "\n".join(lines)
