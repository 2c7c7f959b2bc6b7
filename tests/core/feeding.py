"""A core and what it is held against: a shadow that is fed what a journal has, the naive model, and the attempts."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,  # pyright: ignore[reportUnknownVariableType]  # Hypothesis leaves it untyped
)

from tests.core import acting
from tests.core.acting import Actor
from tests.core.flow import (
    CODEC,
    PROGRAM,
    Approved,
    Note,
    ignored,
    left,
    only,
)
from tests.core.journalling import journalled
from tests.core.reference import Reference, Told, Wait
from tests.core.rules import apply
from workflows.core import ticks
from workflows.core.commands import (
    Command,
    Finish,
    GrantEdit,
    Refuse,
    ReportKept,
    ReportSwallowed,
    RunStep,
    SetAlarm,
    SetBudget,
    StopSteps,
    WakeWait,
    published,
)
from workflows.core.engine import Core
from workflows.core.open_questions import track_questions
from workflows.core.questions import Question
from workflows.core.state import RunState
from workflows.events import CollectionReleaseEvent, Event, HumanResponseEvent, InputRequiredEvent

FED: Counter[type[ticks.Tick]] = Counter()
"""How often a tick of each type has changed something, in all machines so far."""


def number_of(event: Event | None) -> int:
    """The number of an event from outside; 0 for others."""
    number = getattr(event, "n", 0)
    return number if isinstance(number, int) else 0


def made(kind: type[Event], n: int, who: str) -> Event:
    """An event with a number of its own."""
    if issubclass(kind, InputRequiredEvent):
        return kind(what="a")  # equal to others, so that there are equal questions
    return kind(n=n, who=who) if issubclass(kind, Note | Approved) or kind is HumanResponseEvent else kind(n=n)


def as_text(data: Any) -> str:
    """JSON that tells 1 from True and from 1.0."""
    return json.dumps(data, sort_keys=True, allow_nan=False)


class Feeding(RuleBasedStateMachine):
    """Feeds all of them, sees that they agree, and does what the commands say."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(PROGRAM, CODEC)
        self.shadow = Core(PROGRAM, CODEC)
        track_questions(self.shadow.state)
        self.table: dict[str, Question] = {}  # of open questions, as somebody has it who looks at changes only
        self.model = Reference(PROGRAM)
        self.base = RunState(PROGRAM, CODEC)  # what the run began with, or was restored as
        self.fed: list[ticks.Tick] = []  # since then
        self.actors: dict[int, Actor] = {}
        self.at = 1000.0
        self.number = 0
        self.alarm: float | None = None
        self.budget_alarm: float | None = None
        self.ids: set[str] = set()  # of questions, ever
        self.accepted: dict[int, Event] = {}  # from outside
        self.gone: dict[int, list[str]] = {}  # events from outside -> where they went, once and for all
        self.begun: Counter[str] = Counter()  # attempts of each step in this run
        self.answered: dict[int, list[Wait]] = {}  # events from outside -> the questions that they answered

    # --- feeding ----------------------------------------------------------------------------------------------------

    def fresh(self, kind: type[Event], who: str = "ann") -> Event:
        self.number += 1
        return made(kind, self.number, who)

    def digest(self) -> int:
        self.number += 1
        return self.number

    def feed(self, tick_type: Callable[..., ticks.Tick], *parts: Any, **named: Any) -> list[Command]:
        """Feed core, shadow and model the same tick, and see that they agree."""
        tick = tick_type(self.core.state.last_tick + 1, self.at, *parts, **named)
        before = self.core.state.next_execution
        if tick_type is ticks.RunStarted and self.model.phase == "ended":
            self.begun.clear()
        commands = self.core.feed(tick)
        self.see_that_a_refusal_changes_nothing(tick, commands)
        said = self.shadow.feed(journalled(self.shadow.state, tick))
        assert said == commands, "feeding a stored tick to an equal core gives the same commands"
        assert self.shadow.state == self.core.state
        self.fed.append(tick)
        self.begun.update(job.step.name for job in only(commands, RunStep))
        self.compare(apply(self.model, tick), commands)
        self.follow(tick, commands, before)
        return commands

    def see_that_a_refusal_changes_nothing(self, tick: ticks.Tick, commands: list[Command]) -> None:
        """Except that the sender's own record tells of it."""
        was = self.shadow.state
        was_there, was.last_tick = was.last_tick, tick.id
        if self.core.state != was:
            FED[type(tick)] += 1
        if only(commands, Refuse):
            assert [type(command) for command in commands] == [Refuse]
            own = getattr(tick, "execution", None)
            assert self.without_memory_of(self.core.state, own) == self.without_memory_of(was, own)
        was.last_tick = was_there

    def without_memory_of(self, state: RunState, execution: int | None) -> list[Any]:
        """All of a state but the records of one execution."""
        names = [field.name for field in attrs.fields(RunState) if field.eq and field.name != "executions"]
        others = {name: found for name, found in state.executions.items() if name != execution}
        own = state.executions.get(execution or 0)
        seen = None if own is None else (own.status, own.attempt, own.failures, own.open, own.on, own.is_woken)
        return [others, seen, *(getattr(state, name) for name in names)]

    def compare(self, told: Told, commands: list[Command]) -> None:
        """The commands are what the naive model says."""
        runs = [(job.step.name, job.execution, job.attempt) for job in only(commands, RunStep)]
        assert sorted(runs) == sorted(told.runs)
        for name in PROGRAM.steps:
            assert [run for run in runs if run[0] == name] == [run for run in told.runs if run[0] == name]
        assert published(commands) == told.published
        assert [(wake.execution, wake.question) for wake in only(commands, WakeWait)] == told.wakes
        assert [grant.owner for grant in only(commands, GrantEdit)] == told.grants
        assert [report.execution for report in only(commands, ReportSwallowed)] == told.swallowed
        assert left(commands) == told.left
        assert ignored(commands) == told.ignored
        assert [report.event for report in only(commands, ReportKept)] == told.put_by
        assert len(only(commands, StopSteps)) == told.stops
        assert len(only(commands, Finish)) == told.finishes
        if told.refused is None:
            assert only(commands, Refuse) == []
        else:
            (refusal,) = only(commands, Refuse)
            assert refusal.reason == told.refused
            if told.refused == "ambiguous":
                assert [question.id for question in refusal.candidates] == told.candidates
        self.name_questions(told)

    def name_questions(self, told: Told) -> None:
        """New questions are those that the model has too; their ids are new, but for those asked anew."""
        new = [wait for wait in told.asked if wait.fate == "open"]
        known = {wait.id for wait in self.model.open_waits}
        questions = [question for name, question in self.core.state.questions.by_id.items() if name not in known]
        withdrawn = {wait.id for wait in self.model.waits if wait.fate == "closed"}
        assert not {question.id for question in questions} & (self.ids - withdrawn)
        assert len(questions) == len(new)
        for wait, question in zip(new, questions, strict=True):
            assert (question.event, question.answer_type, question.step) == (wait.prompt, wait.kind, wait.step)
            assert (question.deadline_at, question.execution) == (wait.deadline, wait.execution)
            assert dict(question.requirements or {}) == wait.requirements
            wait.id = question.id
            self.ids.add(question.id)

    def follow(self, tick: ticks.Tick, commands: list[Command], first_new: int) -> None:
        """Do what the commands say, and note what becomes of events from outside."""
        for command in only(commands, SetAlarm):
            self.alarm = command.at
        for budget in only(commands, SetBudget):
            self.budget_alarm = budget.at
        for job in only(commands, RunStep):
            if job.execution in self.model.jobs:
                model, feed = self.model.jobs[job.execution], self.word_of(job.execution, job.attempt)
                self.actors[job.execution] = Actor(self.core.state, model, job.attempt, CODEC, feed)
        self.actors = {
            name: actor
            for name, actor in self.actors.items()
            if name in self.model.jobs
            and self.model.jobs[name].is_live
            and self.model.jobs[name].attempt == actor.attempt
        }
        if isinstance(tick, ticks.EventReceived) and not only(commands, Refuse):
            self.accepted[number_of(tick.event)] = tick.event
        for name in range(first_new, self.core.state.next_execution):
            found = self.core.state.executions.get(name)
            if found is not None:
                joined = found.event.events if isinstance(found.event, CollectionReleaseEvent) else [found.event]
                for event in joined:
                    self.note(event, f"step {found.step}")
        for event in left(commands):
            self.note(event, "left")
        for wait in self.model.waits:
            number = number_of(wait.answer)
            if number in self.accepted and wait not in self.answered.setdefault(number, []):
                self.answered[number].append(wait)

    def note(self, event: Event, where: str) -> None:
        if number_of(event) in self.accepted:
            self.gone.setdefault(number_of(event), []).append(where)

    def word_of(self, execution: int, attempt: int) -> acting.Feed:
        """Feeds ticks of one attempt."""

        def feed(tick_type: Callable[..., ticks.Tick], *parts: Any) -> list[Command]:
            return self.feed(tick_type, execution, attempt, *parts)

        return feed

    def act(self, actor: Actor) -> acting.Feed:
        return actor.feed

    def an_actor(self, data: st.DataObject, among: list[Actor] | None = None) -> Actor:
        names = [actor.job.id for actor in self.actors.values()] if among is None else [a.job.id for a in among]
        return self.actors[data.draw(st.sampled_from(sorted(names)), label="execution")]

    def is_acting(self, actor: Actor) -> bool:
        return self.model.acting_job(actor.job.id, actor.attempt) is not None

    @property
    def acting_actors(self) -> list[Actor]:
        return [actor for _, actor in sorted(self.actors.items()) if self.is_acting(actor)]

    def addresses(self) -> st.SearchStrategy[tuple[str | None, str | None]]:
        """A step, a question that's open, closed, or was never asked; mostly none."""
        nowhere = st.sampled_from([(None, None)] * 4 + [("also", None), ("nowhere", None), ("gather", None)])
        ids = [wait.id for wait in self.model.waits if wait.id]
        if not ids:
            return nowhere
        named = st.sampled_from([*ids, "q1", f"q{self.core.state.next_execution}-0123456789abcdef"])
        return st.one_of(nowhere, st.tuples(st.none(), named))
