"""Judging: what must be the same in every life that a plan can have."""

from __future__ import annotations

import re
from collections import Counter

from tests.sim.living import Report, is_finished, stop_events

ASKED_ALIKE = ("Ask answer me", "Ask answer us")  # these don't tell where they come from
ASKED_IN_VAIN = "Ask ignore "
_TASK = re.compile(r".*\.(?:b\d+|loose\d+|meanwhile)")


def problems_of(report: Report) -> list[str]:
    """What is wrong with a run, whatever else may happen in it."""
    world = report.world
    problems = [*world.problems, *world.unequal()]
    if not is_finished(report):
        problems.append(f"the run came to {report.error!r}, {report.result!r}")
    problems += [
        f"the body of {tag} ran to its end {count} times" for tag, count in world.finished.items() if count != 1
    ]
    published = Counter(name for name in world.streamed if name.startswith("Shown"))
    problems += [f"{name} was published {count} times" for name, count in published.items() if count != 1]
    edits: dict[str, int] = report.state.get("edits", {})
    problems += [f"the edit at {tag} was committed {count} times" for tag, count in edits.items() if count != 1]
    if stop_events(report) != 1:
        problems.append(f"the stream ends with {world.streamed[-2:]}")
    return problems


def differences(report: Report, reference: Report, *, is_sequential: bool, waits_alike: bool = True) -> list[str]:
    """Where a run came to something else than one that nothing happened to."""
    return [
        *unlike(report, reference, is_sequential=is_sequential, waits_alike=waits_alike),
        *_compared("left", sorted(report.world.left), sorted(reference.world.left)),
        *_compared("questions", sorted(report.asked), sorted(reference.asked)),
        *_compared("state", _without_shared(report), _without_shared(reference)),
    ]


def unlike(report: Report, reference: Report, *, is_sequential: bool, waits_alike: bool = True) -> list[str]:
    """Where a run came to something else than another one of its plan, as far as that's the same wherever it's kept.

    If one suspends its steps and the other has them wait in place, they don't wait alike: see `_shown_once`.
    """
    problems = _compared("result", report.result, reference.result)
    certain, expected = report.world.certain(), reference.world.certain()
    for place in sorted(certain.keys() | expected.keys()):
        problems += _compared(str(place), certain.get(place, "nothing"), expected.get(place, "nothing"))
    problems += _compared("bodies", sorted(report.world.finished), sorted(reference.world.finished))
    streamed, expected_stream = report.world.streamed, reference.world.streamed
    if not waits_alike:
        streamed, expected_stream = _shown_once(streamed), _shown_once(expected_stream)
    if is_sequential:
        problems += _compared("stream", streamed, expected_stream)
    problems += _compared("streams of tasks", by_task(streamed), by_task(expected_stream))
    problems += _compared("answers", report.answered, reference.answered)
    problems += _compared("writes", report.writes[0], reference.writes[0])
    return problems


def _compared(what: str, here: object, there: object) -> list[str]:
    return [] if here == there else [f"{what}: {here!r}, in the reference {there!r}"]


def _shown_once(streamed: list[str]) -> list[str]:
    """Without the prompts that a retry has shown again, of questions that a failed attempt had asked in vain.

    It shows them again if it has come to wait for something else before, for then they were withdrawn. A wait in place
    whose answer comes at once is none that it has come to.
    """
    asked: set[str] = set()
    kept: list[str] = []
    for name in streamed:
        if name not in asked:
            kept.append(name)
        if name.startswith(ASKED_IN_VAIN):
            asked.add(name)
    return kept


def by_task(streamed: list[str]) -> dict[str, list[str]]:
    """What was published, task by task: within a task, order counts."""
    found: dict[str, list[str]] = {}
    for name in streamed:
        match = _TASK.match(name.partition("#")[0])
        task = name if name in ASKED_ALIKE else "" if match is None else match.group()
        found.setdefault(task, []).append(name)
    return found


def _without_shared(report: Report) -> dict[str, object]:
    return {name: value for name, value in report.state.items() if name != "shared"}
