"""Cancelling: a scenario is cancelled at each of its scheduling points, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Literal, TypeAlias, get_args

import anyio
import attrs

from ..errors import UsageError
from .backends import Backend
from .faults import SimulationFault
from .simulation import EPOCH, repeatable, simulated

How: TypeAlias = Literal["scope", "task"]
SHOWN = 10  # problems that are told in full; they tend to repeat


def sweep_cancel(
    scenario: Callable[[], Awaitable[object]],
    *,
    backend: Backend = "trio",
    seed: int = 0,
    idle: float = 0.0,
    how: How = "scope",
    check: Callable[[], object] | None = None,
) -> int:
    """Run a scenario once undisturbed, then once more for each of its scheduling points, cancelled there.

    Each time no task may be left, the cancellation must come out of the scenario again, and nothing else may; one that
    has ended before it could notice may return. The first point lies before the scenario begins: it's cancelled
    already.

    Args:
        scenario: An async function without arguments, as for `simulate`. It owns what it starts: a bare
            `workflow.run()` that isn't awaited yet is nobody's.
        backend: `"trio"` or `"asyncio"`.
        seed: The schedule; see `simulate`.
        idle: See `simulate`.
        how: `"scope"` cancels an AnyIO scope around the scenario; `"task"`, on asyncio, the scenario's task by
            `Task.cancel()`, as `asyncio.timeout` and `asyncio.wait_for` do.
        check: Called after each run; raise an `AssertionError` for what the scenario knows to be wrong, such as a
            `finally` that hasn't run.

    Returns:
        How many points there were.

    Raises:
        SimulationFault: Something was wrong; each problem has its point.
    """
    if how not in get_args(How):
        raise UsageError(f"how={how!r} is neither 'scope' nor 'task'.")
    if how == "task" and backend != "asyncio":
        raise UsageError(f"how='task' is for asyncio; on {backend} only scopes are cancelled.")
    more = {"how": how} if how != "scope" else {}
    again = repeatable(scenario, backend, seed, idle, by="sweep_cancel", more=more)
    sweep = _Sweep(scenario, again, backend, seed, idle, how, check)
    points = sweep.run(None)
    for point in range(points + 1):
        sweep.run(point)
    if sweep.problems:
        shown = sweep.problems[:SHOWN]
        left = len(sweep.problems) - len(shown)
        raise SimulationFault(
            f"{again} went wrong, cancelled at each of {points} points:",
            [*shown, *([f"and {left} problems more"] if left else [])],
        )
    return points


@attrs.define
class _Sweep:
    scenario: Callable[[], Awaitable[object]]
    again: str
    backend: Backend
    seed: int
    idle: float
    how: How
    check: Callable[[], object] | None
    problems: list[str] = attrs.field(factory=list[str])

    def run(self, point: int | None) -> int:
        """Run the scenario, cancelled at a point or not at all; gives how many points it had."""
        cut = _Cut(self.scenario, point, self.how)
        try:
            simulated(
                cut.main,
                again=self.again,
                backend=self.backend,
                seed=self.seed,
                idle=self.idle,
                starts_at=EPOCH,
                at_point=cut.pass_point,
            )
            if self.check is not None:
                self.check()
        except Exception as error:
            if point is None:
                raise
            cut.problems.append(f"{type(error).__name__}: {error}")
        self.problems += [f"cancelled at point {point}: {problem}" for problem in cut.problems]
        return cut.passed


class _Cut:
    """One run of a scenario that's cancelled at a point."""

    def __init__(self, scenario: Callable[[], Awaitable[object]], point: int | None, how: How) -> None:
        self.scenario = scenario
        self.point = point
        self.how = how
        self.passed = 0
        self.problems: list[str] = []
        self._is_open = False
        self._is_cancelled = False
        self._was_told = False
        self._cancel: Callable[[], object] = lambda: None

    def pass_point(self) -> None:
        """A scheduling point is passed: cancel, if it's the one."""
        if not self._is_open:
            return
        self.passed += 1
        if self.passed == self.point:
            self._is_cancelled = True
            self._cancel()

    def _tell(self) -> None:
        self._was_told = self._was_told or self._is_cancelled

    async def main(self) -> None:
        """Run the scenario, and judge what came of the cancellation."""
        if self.how == "task":
            await self._in_task()
        else:
            await self._in_scope()

    async def _in_scope(self) -> None:
        with anyio.CancelScope() as scope:
            self._cancel = scope.cancel
            if self.point == 0:
                self._is_cancelled = True
                scope.cancel()
            self._is_open = True
            try:
                await _Watched(self.scenario(), anyio.get_cancelled_exc_class(), self._tell)
                self._judge_return()
            finally:
                self._is_open = False

    async def _in_task(self) -> None:
        task = asyncio.get_running_loop().create_task(self._watched())
        self._cancel = task.cancel
        if self.point == 0:
            self._is_cancelled = True
            task.cancel()
        self._is_open = True
        try:
            await task
            self._judge_return()
        except asyncio.CancelledError:  # noqa: ASYNC103  (what a sweep looks for)
            if not self._is_cancelled:
                raise
        finally:
            self._is_open = False

    async def _watched(self) -> None:
        await _Watched(self.scenario(), asyncio.CancelledError, self._tell)

    def _judge_return(self) -> None:
        if self._was_told:
            self.problems.append("the scenario was told, and returned as if nothing had happened: it swallowed it")


class _Watched:
    """An awaitable whose cancellation, when it's delivered, is told of."""

    def __init__(self, inner: Awaitable[object], kind: type[BaseException], tell: Callable[[], None]) -> None:
        self._inner = inner
        self._kind = kind
        self._tell = tell

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self._inner.__await__()
        reply: Callable[[], Any] = lambda: next(steps)  # noqa: E731  (what to do with the inner awaitable next)
        while True:
            try:
                asked = reply()
            except StopIteration as stop:
                return stop.value
            reply = yield from self._passed_on(asked, steps)

    def _passed_on(self, asked: object, steps: Generator[Any, Any, object]) -> Generator[Any, Any, Callable[[], Any]]:
        try:
            sent = yield asked
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as error:  # noqa: ASYNC103  (thrown into the scenario)
            self._look_at(error)
            thrown = error
            return lambda: steps.throw(thrown)  # noqa: ASYNC104  (as above)
        self._look_at(getattr(sent, "error", None))  # Trio sends what has become of a wait, and raises it further in
        return lambda: steps.send(sent)

    def _look_at(self, error: object) -> None:
        if isinstance(error, self._kind):
            self._tell()
