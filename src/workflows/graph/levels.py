"""Levels: which joins a returned list leads to, found once when a workflow is compiled.

A run's events stand on levels. A list that a step returns opens a level of its own, a *batch*, and whatever comes of
its members stays there, until a step takes the whole batch as a list; what that one returns is on the level from which
the batch came. So the joins of a batch are the steps that take a list of something that its members can become.

Lists open levels within levels, and workflows have loops, so the question is answered by going round until nothing new
is found: which classes can stand on the level of a list, given which steps take them and what those return.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import attrs

from ..events import Event, HumanResponseEvent, InputRequiredEvent
from .handlers import find_handlers
from .spec import ListJoin, SlotJoin, StepSpec

OUTERMOST = ""
"""Names the level of the start event; the others are named after the step whose list opens them."""


@attrs.define
class Level:
    """What can stand on a level, and which steps can run there."""

    kinds: set[type[Event]]
    steps: set[str] = attrs.field(factory=set[str])
    joins: set[str] = attrs.field(factory=set[str])
    """The steps that take a list of what stands here: they run on the level from which this one was opened."""


def find_levels(steps: Mapping[str, StepSpec], start: type[Event]) -> dict[str, Level]:
    """The levels of a workflow, by the step whose list opens them.

    A list that no step joins opens none: its members stand where the step stood that returned it.
    """
    outermost = {start}
    for step in steps.values():
        from_outside = "reachability" in step.skip_graph_checks
        outermost.update(kind for kind in step.accepts if from_outside or issubclass(kind, HumanResponseEvent))
    levels = {OUTERMOST: Level(outermost)}
    levels.update({name: Level(set(step.list_returns)) for name, step in steps.items() if step.list_returns})
    _grow_all(levels, steps)
    for name in [name for name, level in levels.items() if name != OUTERMOST and not level.joins]:
        del levels[name]
    # No join takes what stands on a level that is gone, so that nothing new can be joined where it stands now.
    _grow_all(levels, steps)
    return levels


def _grow_all(levels: Mapping[str, Level], steps: Mapping[str, StepSpec]) -> None:
    unjoined = {name for name, step in steps.items() if step.list_returns and name not in levels}
    handlers = find_handlers(steps)
    while any(_grows(level, levels, steps, unjoined, handlers) for level in levels.values()):
        pass


def _grows(
    level: Level,
    levels: Mapping[str, Level],
    steps: Mapping[str, StepSpec],
    unjoined: Collection[str],
    handlers: Mapping[str, StepSpec],
) -> bool:
    before = (len(level.kinds), len(level.steps), len(level.joins))
    for name, step in steps.items():
        if any(step.takes(kind) for kind in level.kinds):
            (level.joins if isinstance(step.join, ListJoin) else level.steps).add(name)
    level.steps.update(handlers[name].name for name in [*level.steps] if name in handlers)
    for name in [*level.steps]:
        level.kinds.update(steps[name].bare_returns)
        if name in levels:
            level.steps.update(levels[name].joins)
        elif name in unjoined:
            level.kinds.update(steps[name].list_returns)
    asked = [kind for kind in level.kinds if issubclass(kind, InputRequiredEvent)]
    level.kinds.update(answer for kind in asked for answer in _answers(kind, steps))
    return before != (len(level.kinds), len(level.steps), len(level.joins))


def _answers(prompt: type[InputRequiredEvent], steps: Mapping[str, StepSpec]) -> set[type[Event]]:
    wanted = prompt.__answer_type__ or HumanResponseEvent
    accepted = {kind for step in steps.values() for kind in step.accepts if issubclass(kind, HumanResponseEvent)}
    return {kind for kind in accepted if issubclass(kind, wanted) or issubclass(wanted, kind)}


def joins_of_lists(steps: Mapping[str, StepSpec], levels: Mapping[str, Level]) -> dict[str, tuple[StepSpec, ...]]:
    """For each step that returns a list: the steps that join it, in the order of the steps."""
    return {
        name: tuple(step for step in steps.values() if step.name in level.joins)
        for name, level in levels.items()
        if name != OUTERMOST
    }


def level_problems(steps: Mapping[str, StepSpec], levels: Mapping[str, Level]) -> list[str]:
    """What is wrong with joins: lists that nobody returns, and events that can't come together."""
    problems: list[str] = []
    for name, step in steps.items():
        if isinstance(step.join, ListJoin) and not any(name in level.joins for key, level in levels.items() if key):
            one = " | ".join(kind.__name__ for kind in step.accepts)
            problems.append(
                f"Step '{name}' takes a list, list[{one}], and no step returns a list that leads to it: it would never "
                "be called. Return the members as a list, `-> list[...]`, in the step that makes them, or take one at "
                f"a time, `ev: {one}`, and gather them with ctx.collect_events()."
            )
        elif isinstance(step.join, SlotJoin):
            problems += _slot_problems(step, step.join, levels)
    return problems


def _slot_problems(step: StepSpec, join: SlotJoin, levels: Mapping[str, Level]) -> list[str]:
    for key, level in levels.items():
        here = [kind for kind in join.kinds if _stands(kind, level, step)]
        missing = [kind for kind in join.kinds if kind not in here]
        if key == OUTERMOST and all(issubclass(kind, HumanResponseEvent) for kind in here):
            continue  # somebody may send an answer that nobody has asked for; those of a batch are asked for there
        if here and missing:
            place = "with the start event" if key == OUTERMOST else f"in the batches that '{key}' returns"
            return [
                f"Step '{step.name}' takes {_listed(join.kinds)} together, but {_listed(here)} can come {place}, where "
                f"{_listed(missing)} never does: they'd wait for ever. Let them come from one batch, or from none."
            ]
    return []


def _listed(kinds: Iterable[type[Event]]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)


def _stands(kind: type[Event], level: Level, step: StepSpec) -> bool:
    if step.accept_event_subclasses:
        return any(issubclass(other, kind) for other in level.kinds)
    return kind in level.kinds
