"""Findings: what the lives of `check_replay` show, gathered and put into words, each thing once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import cast

from ..errors import EncodeError
from .effects import REMEDIES
from .observing import Sight
from .replay_life import ReplayLife
from .replay_report import ProblemKind, ReplayProblem

InFlight = Set[tuple[tuple[str, int], int]]


class Findings:
    """What was found so far."""

    def __init__(self) -> None:
        self._effects: dict[tuple[str, str, str], ReplayProblem] = {}
        self._exposed: dict[tuple[str, str, str], ReplayProblem] = {}
        self._others: dict[tuple[ProblemKind, str], list[str]] = {}

    def problems(self) -> tuple[ReplayProblem, ...]:
        """What isn't safe."""
        others = [
            ReplayProblem(kind, what + _examples(where), remedy=_REMEDIES.get((kind, what), _REMEDIES.get(kind, "")))
            for (kind, what), where in self._others.items()
        ]
        return (*self._effects.values(), *others)

    def exposed(self) -> tuple[ReplayProblem, ...]:
        """What is done again only if the process dies at the wrong moment."""
        return tuple(problem for key, problem in self._exposed.items() if key not in self._effects)

    # What a life shows

    def see(self, life: ReplayLife, in_flight: InFlight, allow: Set[str]) -> None:
        """The effects that were repeated in a life, and those that a crash would repeat; and what couldn't be stored.

        A crash can come right behind any effect of bare code, before the step's next word is stored.

        Args:
            life: The life.
            in_flight: The attempts that were at work when the life before was cut short.
            allow: Effects that are no problem.
        """
        blinded = life.observer.blinded
        if blinded is not None and "profiler" not in allow:
            self._effects.setdefault(("", str(blinded.site), "profiler"), _blinded(blinded))
        for reason in life.unstored:
            self._others.setdefault(("storage", reason), [])
        sights = [sight for sight in life.sights if not {sight.effect.kind, sight.effect.call} & allow]
        for sight in repeated(sights, in_flight):
            self._effects.setdefault(_key(sight), _before_a_wait(sight))
        for sight in sights:
            if not sight.effect.is_read and _key(sight) not in self._exposed:
                self._exposed[_key(sight)] = _problem_of(sight, f"{sight.effect.call} is done again")

    def error(self, error: Exception, order: Sequence[str], where: str = "") -> None:
        """A run failed since it can't be stored or replayed."""
        kind: ProblemKind = "storage" if isinstance(error, EncodeError) else "departure"
        examples = self._others.setdefault((kind, shown_error(error)), [])
        examples += [where] if where else [_in_order(order)] if order else []

    def order(self, order: Sequence[str], error: Exception) -> None:
        """A run failed when its answers came in another order."""
        self._others.setdefault(("order", f"it fails with {shown_error(error)}"), []).append(_in_order(order))

    def departed(self, where: str, end: str, uncut: str) -> None:
        """A run that was cut and gone on with came to another end."""
        examples = self._others.setdefault(("departure", _ANOTHER_END), [])
        examples.append(f"{where}, it came to {end}, uncut to {uncut}")


_ANOTHER_END = "it comes to another end when it's gone on with"
_REMEDIES: dict[ProblemKind | tuple[ProblemKind, str], str] = {
    "order": "let no step rely on which answer comes first",
    ("departure", _ANOTHER_END): (
        "keep in ctx.store what is on `self` or in a module, and take from the context what differs from call to call: "
        "ctx.now(), ctx.random, ctx.uuid4(), `await ctx.once(fn)`. What a function in `ctx.once` gives may differ if "
        "it's called again, since it wasn't on record when the run was cut: leave that out of the comparison with "
        "outcome="
    ),
}


def _examples(where: Sequence[str]) -> str:
    if not where:
        return ""
    more = f"; and {len(where) - 1} times more" if len(where) > 1 else ""
    return f"\n{where[0]}{more}"


def _in_order(order: Sequence[str]) -> str:
    return f"answered in the order {', '.join(order)}"


def shown_error(error: BaseException | None) -> str:
    """An error in a line of a report."""
    if error is None:
        return "nothing"
    return "; ".join(f"{type(leaf).__name__}: {leaf}" for leaf in _leaves(error))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(member)
    else:
        yield error


def repeated(sights: Sequence[Sight], in_flight: InFlight) -> Iterator[Sight]:
    """The effects that happened in several attempts of one step execution, and not only since one was cut short."""
    seen: dict[object, dict[int, Sight]] = {}
    for sight in sights:
        by_attempt = seen.setdefault((sight.asker, sight.site, sight.effect.label), {})
        known = by_attempt.setdefault(sight.attempt, sight)
        if known.effect.is_read and not sight.effect.is_read:
            by_attempt[sight.attempt] = sight  # that a line reads as well is the lesser thing
    for by_attempt in seen.values():
        *earlier, _ = by_attempt.values()
        waited = [sight for sight in earlier if (_execution_of(sight), sight.attempt) not in in_flight]
        yield from waited[:1]


def _key(sight: Sight) -> tuple[str, str, str]:
    return sight.asker.step, str(sight.site), sight.effect.label


def _execution_of(sight: Sight) -> tuple[str, int]:
    return sight.asker.run_id, sight.asker.execution


def _before_a_wait(sight: Sight) -> ReplayProblem:
    """The problem of an effect that comes again with each replay."""
    if sight.is_suspending:
        what = f"{sight.effect.call} is called by clean-up each time the step is suspended"
        return _problem_of(sight, what, "leave it out while `ctx.suspending` is true")
    again = "may give another value" if sight.effect.is_read else "is done again"
    return _problem_of(sight, f"{sight.effect.call} comes before a wait, and {again} with each replay")


def _blinded(sight: Sight) -> ReplayProblem:
    what = "a profiler is set or taken away, and what steps call behind that isn't seen: clocks, randomness, prints"
    site = sight.site
    return ReplayProblem("effect", what, sight.asker.step, str(site), site.text, "leave the profiler out of the check")


def _problem_of(sight: Sight, what: str, remedy: str = "") -> ReplayProblem:
    remedy = remedy or REMEDIES[sight.effect.kind]
    return ReplayProblem("effect", what, sight.asker.step, str(sight.site), sight.site.text, remedy)
