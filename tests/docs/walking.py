"""Walks through the core: which tick leads from which state to which, as `docs/explanation/core.md` draws it.

`python -m tests.docs.walking` draws them there anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum
from random import Random
from typing import Any

import attrs

from tests.docs.asking import TYPES, YES, Approval, Decision, Progress
from tests.docs.pages import ROOT
from workflows import Context, Workflow, step
from workflows.core import ticks
from workflows.core.commands import Command, RunStep
from workflows.core.engine import TRANSITIONS, Core
from workflows.core.questions import Ask
from workflows.core.statuses import RunStatus, Status
from workflows.core.ticks import Tick
from workflows.events import StartEvent, StopEvent

PAGE = ROOT / "docs" / "explanation" / "core.md"
WALKS = 2500
STEPS = 40

Edge = tuple[str, str, str]  # from, tick, to


class Walked(Workflow):
    @step(num_workers=1)
    async def review(self, ctx: Context[Any], ev: StartEvent) -> Progress | StopEvent:
        raise NotImplementedError

    @step(num_workers=2)
    async def count(self, ctx: Context[Any], ev: Progress) -> Progress | StopEvent | None:
        raise NotImplementedError


class RunEdge(Enum):
    """Where a run that isn't there yet, or isn't any more, stands."""

    NOWHERE = "(none)"


@attrs.define
class Walk:
    """One walk: a core, and a generator that chooses ticks for it, sensible and senseless ones."""

    core: Core
    random: Random
    at: float = 1_900_000_000.0
    run_edges: set[Edge] = attrs.field(factory=set[Edge])
    step_edges: set[Edge] = attrs.field(factory=set[Edge])
    commands: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])

    def go(self, steps: int) -> None:
        """Feed so many ticks, and note what each has changed."""
        self.feed(
            ticks.RunStarted, "run", StartEvent(), 1, self.random.choice([None, 50.0]), self.random.random() < 0.1
        )
        for _ in range(steps):
            self.at += self.random.choice([0.0, 0.0, 0.1, 5.0])
            kinds = self.random.choice([*((kind,) for kind in TRANSITIONS), *_OFTEN])
            for kind in kinds:
                self.feed(kind, *self.parts_of(kind))

    def feed(self, kind: type[Tick], *parts: object) -> None:
        """Feed one tick."""
        before = self.standing()
        state = self.core.state
        make: Callable[..., Tick] = kind
        commands = self.core.feed(make(state.last_tick + 1, self.at, *parts))
        self.note(kind.__name__, before, self.standing(), commands)

    def standing(self) -> tuple[str, dict[int, str]]:
        """Where the run stands, and each of its executions."""
        state = self.core.state
        return state.status.name, {number: found.status.name for number, found in state.executions.items()}

    def note(
        self, tick: str, before: tuple[str, dict[int, str]], after: tuple[str, dict[int, str]], made: list[Command]
    ) -> None:
        """Note the edges that a tick was, and its commands."""
        if before[0] != after[0]:
            self.run_edges.add((before[0], tick, after[0]))
        for number in before[1].keys() | after[1].keys():
            was, now = before[1].get(number, NOWHERE), after[1].get(number, NOWHERE)
            begun = any(isinstance(command, RunStep) and command.execution == number for command in made)
            if was != now or begun:  # it may have ended an attempt and begun the next one
                self.step_edges.add((was, tick, now))
        self.commands.setdefault(tick, set()).update(type(command).__name__ for command in made)

    def parts_of(self, kind: type[Tick]) -> Iterable[object]:
        """What a tick of this kind says, apart from its id and time."""
        pick, state = self.random.choice, self.core.state
        live = [found for found in state.executions.values() if found.is_live]
        chosen = pick(live) if live else None
        speaker = (99, 1) if chosen is None else (chosen.id, chosen.attempt)
        questions = list(state.questions.by_id)
        name = pick([None, *questions])
        of_it = list(chosen.open) if chosen is not None else []
        asks = (Ask(Decision, Approval(what=pick("ab")), timeout_s=pick([None, 1.0])),)
        choices: dict[type[Tick], Callable[[], tuple[object, ...]]] = {
            ticks.RunStarted: lambda: ("run", StartEvent(), 1),
            ticks.RunResumed: lambda: ("run",),
            ticks.StepReturned: lambda: (*speaker, pick(_RETURNED)),
            ticks.StepRaised: lambda: (*speaker, ValueError("x"), pick([None, 0.0, 1.0])),
            ticks.StepSuspending: lambda: (*speaker, tuple(of_it) or ("q99-0123456789abcdef",), 5.0),
            ticks.TapeDropped: lambda: (*speaker, "", 0, 0, 0),
            ticks.EventReceived: lambda: pick([(YES, None, name), (Progress(done=1),)]),
            ticks.EventSent: lambda: (*speaker, "", 1, *pick([(YES, None, name), (Progress(done=1),)])),
            ticks.EventStreamed: lambda: (*speaker, "", 1, Progress(done=1)),
            ticks.BurstStreamed: lambda: (*speaker, "", (1, 2), (Progress(done=1), Progress(done=2))),
            ticks.EventPublished: lambda: (*speaker, Progress(done=1)),
            ticks.ValueRecorded: lambda: (*speaker, "", "now", "", 1.0),
            ticks.ValueReused: lambda: (*speaker, "", "once", "f"),
            ticks.ChildStarted: lambda: (*speaker, "", "k", "nobody", "review/Nobody", StartEvent()),
            ticks.ChildWanted: lambda: (*speaker, 1, pick([True, False])),
            ticks.ChildTick: lambda: (1, ticks.TimerFired(1, self.at)),
            ticks.QuestionsAsked: lambda: (*speaker, "", asks),
            ticks.EventCollected: lambda: (*speaker, "", "k", Progress(done=1), [Progress, Progress], None),
            ticks.StateRead: lambda: (*speaker, "", None),
            ticks.StateWritten: lambda: (*speaker, "", 1, ticks.Write("a", 1)),
            ticks.StateWrittenOutside: lambda: (ticks.Write("a", 1),),
            ticks.EditAsked: lambda: (f"{speaker[0]}:1", *speaker),
            ticks.EditCommitted: lambda: (f"{speaker[0]}:1", ticks.Write(fields={"a": 2}), *speaker),
            ticks.EditDropped: lambda: (f"{speaker[0]}:1",),
            ticks.TimerFired: tuple,
            ticks.CancelRequested: tuple,
        }
        return choices[kind]() if kind in choices else speaker


NOWHERE = RunEdge.NOWHERE.value
_OFTEN: tuple[tuple[type[Tick], ...], ...] = 3 * (
    (ticks.QuestionsAsked, ticks.StepSuspending, ticks.StepSuspended),
    (ticks.EventReceived, ticks.EventReceived),
    (ticks.StepReturned,),
    (ticks.StepRaised,),
    (ticks.EventSent,),
    (ticks.TimerFired,),
)
_RETURNED: list[tuple[object, ...]] = [(), (Progress(done=1),), (Progress(done=1), Progress(done=2)), (StopEvent(),)]


def walk_everywhere() -> Walk:
    """Walk until every edge has most likely been seen; the same each time."""
    definition = Walked(types=TYPES, disable_validation=True).definition
    seen = Walk(Core(definition.program, definition.codec), Random(0))
    for seed in range(WALKS):
        walk = Walk(Core(definition.program, definition.codec), Random(seed))
        walk.go(STEPS)
        seen.run_edges |= walk.run_edges
        seen.step_edges |= walk.step_edges
        for tick, commands in walk.commands.items():
            seen.commands.setdefault(tick, set()).update(commands)
    return seen


def drawn(edges: set[Edge], states: Iterable[Enum]) -> str:
    """Edges as text: a line for each pair of states, with the ticks that lead from the one to the other."""
    order = [NOWHERE, *(state.name for state in states)]
    ticks_in_order = [tick.__name__ for tick in TRANSITIONS]
    width = max(map(len, order))
    pairs = sorted({(source, target) for source, _, target in edges}, key=lambda pair: tuple(map(order.index, pair)))
    lines: list[str] = []
    for source, target in pairs:
        names = sorted(
            {tick for one, tick, other in edges if (one, other) == (source, target)}, key=ticks_in_order.index
        )
        lines.append(f"{source:<{width}} ──▶ {target:<{width}}  {', '.join(names)}")
    return "".join(f"{line}\n" for line in lines)


def redrawn(page: str, pictures: Iterable[str]) -> str:
    """A page with other pictures in its blocks."""
    left = iter(pictures)
    return re.sub(r"(?<=^```none\n).*?(?=^```$)", lambda _: next(left), page, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    found = walk_everywhere()
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        redrawn(text, [drawn(found.run_edges, RunStatus), drawn(found.step_edges, Status)]), encoding="utf-8"
    )
