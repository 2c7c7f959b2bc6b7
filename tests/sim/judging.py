"""Judging: what must be the same in every life that a plan can have."""

from __future__ import annotations

import re
from collections import Counter

from tests.sim.living import Report, is_finished, stop_events

ASKED_ALIKE = ("Ask answer me", "Ask answer us")  # these don't tell where they come from
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


def differences(report: Report, reference: Report, *, is_sequential: bool) -> list[str]:
    """Where a run came to something else than one that nothing happened to."""
    return [
        *unlike(report, reference, is_sequential=is_sequential),
        *_compared("left", sorted(report.world.left), sorted(reference.world.left)),
        *_compared("questions", sorted(report.asked), sorted(reference.asked)),
        *_compared("state", _without_shared(report), _without_shared(reference)),
    ]


def unlike(report: Report, reference: Report, *, is_sequential: bool) -> list[str]:
    """Where a run came to something else than another one of its plan, as far as that's the same wherever it's kept."""
    problems = _compared("result", report.result, reference.result)
    certain, expected = report.world.certain(), reference.world.certain()
    for place in sorted(certain.keys() | expected.keys()):
        problems += _compared(str(place), certain.get(place, "nothing"), expected.get(place, "nothing"))
    problems += _compared("bodies", sorted(report.world.finished), sorted(reference.world.finished))
    if is_sequential:
        problems += _compared("stream", report.world.streamed, reference.world.streamed)
    problems += _compared("streams of tasks", by_task(report.world.streamed), by_task(reference.world.streamed))
    problems += _compared("answers", report.answered, reference.answered)
    problems += _compared("writes", report.writes[0], reference.writes[0])
    return problems


def _compared(what: str, here: object, there: object) -> list[str]:
    return [] if here == there else [f"{what}: {here!r}, in the reference {there!r}"]


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
