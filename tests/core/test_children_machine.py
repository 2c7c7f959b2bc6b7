"""Children in the core: whatever happens to runs within runs, in whatever order, what must hold does.

The runs do what the machine draws; it plays the steps of the outer run and of its children. What each tick means for a
run by itself is `test_machine`'s to say: here it's what children and the run that has them do to each other.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,  # pyright: ignore[reportUnknownVariableType]  # Hypothesis leaves it untyped
    initialize,  # pyright: ignore[reportUnknownVariableType]
    invariant,  # pyright: ignore[reportUnknownVariableType]
    precondition,  # pyright: ignore[reportUnknownVariableType]
    rule,  # pyright: ignore[reportUnknownVariableType]
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)

from tests.core.flow import Approval, Approved, Begin, Note, Prompt, Reply, Task, codec_for
from tests.core.journalling import imaged, journalled, keep_table
from tests.core.late import Late
from tests.deep.tally import cut
from workflows.core import ticks
from workflows.core.commands import Command, DropChild, Finish, ForChild, RunStep, published
from workflows.core.delivery import all_questions
from workflows.core.engine import Core
from workflows.core.image import can_be_imaged
from workflows.core.open_questions import track_questions
from workflows.core.questions import Ask, Question
from workflows.core.records import Ran
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import ChildKind, Execution, RunState
from workflows.core.statuses import RunStatus, Status
from workflows.events import Event, StartEvent, StopEvent
from workflows.graph import compile_program
from workflows.steps import step

FED: Counter[type[ticks.Tick]] = Counter()
"""How often a tick of each type that's about children has changed something."""


class Errand(StartEvent, name="errand"):
    n: int = 0


class Outer:
    """Its steps have children."""

    @step(num_workers=2)
    async def begin(self, ev: Begin) -> Task | StopEvent | None:
        raise NotImplementedError

    @step(num_workers=2)
    async def work(self, ev: Task) -> Task | StopEvent | None:
        raise NotImplementedError


class Inner:
    """What they run: it asks, by waiting and by returning, and its steps have children too."""

    @step(num_workers=1)
    async def fetch(self, ev: Errand) -> Note | Prompt | StopEvent | None:
        raise NotImplementedError

    @step(num_workers=1)
    async def note(self, ev: Note) -> Note | StopEvent | None:
        raise NotImplementedError

    @step(num_workers=1)
    async def hear(self, ev: Reply) -> StopEvent | None:
        raise NotImplementedError


TYPES = (Approval, Approved)
INNER = compile_program(Inner, workflow_name="inner")
OUTER = compile_program(Outer, workflow_name="outer")
INNER_CODEC, OUTER_CODEC = codec_for(INNER, TYPES), codec_for(OUTER, TYPES)
INNERMOST = ChildKind(INNER, INNER_CODEC, 20.0)
KINDS = {"inner": ChildKind(INNER, INNER_CODEC, 30.0, {"inner": INNERMOST})}
SHARED = (INNER, OUTER, INNER_CODEC, OUTER_CODEC, KINDS, INNERMOST, KINDS["inner"], KINDS["inner"].children)

Path = tuple[int, ...]


def restored(data: Any) -> RunState:
    state, problems = restore(OUTER, OUTER_CODEC, json.loads(json.dumps(data, allow_nan=False)), children=KINDS)
    assert problems == []
    return state


def states_in(state: RunState, path: Path = ()) -> Iterator[tuple[Path, RunState]]:
    """A run and all runs within it, with the way to each."""
    yield path, state
    for child in state.children.values():
        yield from states_in(child.state, (*path, child.id))


def open_runs(execution: Execution) -> list[Ran]:
    return [record for record in execution.open.values() if isinstance(record, Ran)]


class ChildrenMachine(RuleBasedStateMachine):
    """Plays all steps."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(OUTER, OUTER_CODEC, children=KINDS)
        self.base = copy.deepcopy(self.core.state, {id(part): part for part in SHARED})
        self.shadow = Core(OUTER, OUTER_CODEC, children=KINDS)  # fed what a journal has
        track_questions(self.shadow.state)
        self.table: dict[str, Question] = {}
        self.fed: list[ticks.Tick] = []
        self.at = 1000.0
        self.number = 0
        self.at_work: set[tuple[Path, int, int]] = set()  # attempts that we were told to run, and that haven't ended

    # --- feeding ----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> RunState:
        return self.core.state

    def feed(self, tick_type: Callable[..., ticks.Tick], *parts: Any) -> None:
        tick = tick_type(self.state.last_tick + 1, self.at, *parts)
        before = copy.deepcopy(self.state, {id(part): part for part in SHARED})
        before.last_tick = tick.id
        commands = self.core.feed(tick)
        assert self.shadow.feed(journalled(self.shadow.state, tick)) == commands
        assert self.shadow.state == self.state
        self.fed.append(tick)
        if self.state != before:
            FED[type(tick)] += 1
        self.forget_what_has_ended()
        self.heed((), commands)

    def at_run(self, path: Path, tick_type: Callable[..., ticks.Tick], *parts: Any) -> None:
        """Feed a run within the run."""
        states = dict(states_in(self.state))
        tick = tick_type(states[path].last_tick + 1, self.at, *parts)
        for length in range(len(path) - 1, 0, -1):
            tick = ticks.ChildTick(states[path[:length]].last_tick + 1, self.at, path[length], tick)
        if path:
            self.feed(ticks.ChildTick, path[0], tick)
        else:
            self.feed(tick_type, *parts)

    def forget_what_has_ended(self) -> None:
        states = dict(states_in(self.state))
        self.at_work = {
            (path, name, attempt)
            for path, name, attempt in self.at_work
            if path in states and states[path].live_execution(name, attempt) is not None
        }

    def heed(self, path: Path, commands: list[Command]) -> None:
        """Take note of what is to be done, and see that it makes sense."""
        finishes = [command for command in commands if isinstance(command, Finish)]
        events = published(commands)
        if finishes:
            assert not self.at_work, "nothing runs any more"
            assert path == (), "the end of a child is the core's own affair"
            events = events[:-1]
        assert not any(isinstance(event, StopEvent) for event in events), "a child's last event isn't the run's"
        for command in commands:
            if isinstance(command, RunStep):
                self.at_work.add((path, command.execution, command.attempt))
            elif isinstance(command, ForChild):
                self.heed((*path, command.child), [command.command])
            elif isinstance(command, DropChild):
                gone = (*path, command.child)
                assert not any(other[: len(gone)] == gone for other, _, _ in self.at_work)

    def attempts(self, status: Status, *, inner: bool | None = None) -> list[tuple[Path, Execution]]:
        """Attempts at work whose execution has this status, of the run or of runs within it."""
        states = dict(states_in(self.state))
        found = [(path, states[path].executions[name]) for path, name, _ in sorted(self.at_work)]
        return [
            (path, execution)
            for path, execution in found
            if execution.status is status and (inner is None or bool(path) is inner)
        ]

    def an_attempt(self, data: st.DataObject, among: list[tuple[Path, Execution]]) -> tuple[Path, Execution]:
        return among[data.draw(st.sampled_from(range(len(among))), label="attempt")]

    def kinds_for(self, path: Path) -> bool:
        """Whether the run at a path may have children."""
        return len(path) < 2

    # --- rules ------------------------------------------------------------------------------------------------------

    @initialize(budget=st.sampled_from((None, 40.0)))
    def begin(self, budget: float | None) -> None:
        self.feed(ticks.RunStarted, "r", Begin(), 7, budget)

    @precondition(lambda self: self.state.status in (RunStatus.ENDED, RunStatus.HALTED))
    @rule()
    def begin_again_or_go_on(self) -> None:
        if self.state.status is RunStatus.ENDED:
            self.feed(ticks.RunStarted, "r", Begin(), 7, None)
        else:
            self.feed(ticks.RunResumed, "r", None)

    @precondition(lambda self: self.state.status is RunStatus.RUNNING)
    @rule(data=st.data(), key=st.sampled_from(("a", "b", "c")))
    def start_a_child(self, data: st.DataObject, key: str) -> None:
        acting = [found for found in self.attempts(Status.AT_WORK) if self.kinds_for(found[0])]
        if not acting:
            self.feed(ticks.EventReceived, Task(n=1), None, None)
            return
        path, execution = self.an_attempt(data, acting)
        branch = data.draw(st.sampled_from(("", "b", None)), label="branch")
        kept = [place for place in ({} if execution.memory is None else execution.memory.kept) if place[1] == "run"]
        if len(kept) > 0 and data.draw(st.booleans(), label="again"):
            branch, _, key, _ = kept[0]
        label = f"step/{key}"
        parts = (execution.id, execution.attempt, branch, key, "inner", label, Errand(n=self.number))
        self.at_run(path, ticks.ChildStarted, *parts)

    @precondition(lambda self: any(open_runs(execution) for _, execution in self.attempts(Status.AT_WORK)))
    @rule(data=st.data(), is_wanted=st.booleans())
    def want_or_not(self, data: st.DataObject, is_wanted: bool) -> None:
        having = [found for found in self.attempts(Status.AT_WORK) if open_runs(found[1])]
        path, execution = self.an_attempt(data, having)
        record = data.draw(st.sampled_from(open_runs(execution)), label="child")
        self.at_run(path, ticks.ChildWanted, execution.id, execution.attempt, record.child, is_wanted)

    @precondition(lambda self: self.attempts(Status.AT_WORK, inner=True))
    @rule(data=st.data(), what=st.sampled_from(("give", "give", "ask", "ask", "fail", "stop", "stop", "stream")))
    def act_inside(self, data: st.DataObject, what: str) -> None:
        path, execution = self.an_attempt(data, self.attempts(Status.AT_WORK, inner=True))
        who = (execution.id, execution.attempt)
        if what == "give":
            events: tuple[Event, ...] = data.draw(st.sampled_from(((), (Note(n=1),), (Prompt(what="p"),))))
            self.at_run(path, ticks.StepReturned, *who, events)
        elif what == "stop":
            self.number += 1
            self.at_run(path, ticks.StepReturned, *who, (StopEvent(result=self.number),))
        elif what == "stream":
            self.at_run(path, ticks.EventStreamed, *who, "", 1, Note(n=2))
            self.at_run(path, ticks.BurstStreamed, *who, "", Late((1, 2)), (Note(n=3), Note(n=4)))
        elif what == "fail":
            retry = data.draw(st.sampled_from((0.0, 3.0, None)), label="retry in")
            self.at_run(path, ticks.StepRaised, *who, ValueError("inside"), retry)
        else:
            timeout = data.draw(st.sampled_from((None, None, 4.0)), label="timeout")
            prompt = Approval(what=data.draw(st.sampled_from(("x", "y")), label="prompt"))
            self.at_run(path, ticks.QuestionsAsked, *who, "", (Ask(Approved, prompt, timeout_s=timeout),))
            asked = tuple(name for name in execution.open if name.startswith("q"))
            if len(asked) > 0 and data.draw(st.booleans(), label="suspend"):
                self.at_run(path, ticks.StepSuspending, *who, asked, 2.0)

    @precondition(lambda self: self.attempts(Status.AT_WORK))
    @rule(data=st.data(), what=st.sampled_from(("await", "await", "return", "fail", "fail for good", "park", "stop")))
    def act_outside(self, data: st.DataObject, what: str) -> None:
        having = [found for found in self.attempts(Status.AT_WORK) if open_runs(found[1])]
        path, execution = self.an_attempt(data, having or self.attempts(Status.AT_WORK))
        who = (execution.id, execution.attempt)
        runs = tuple(record.name for record in open_runs(execution))
        if what == "await" and runs:
            self.at_run(path, ticks.StepSuspending, *who, runs, 2.0)
        elif what == "return":
            self.at_run(path, ticks.StepReturned, *who, () if path else (Task(n=1),))
        elif what == "fail":
            self.at_run(path, ticks.StepRaised, *who, ValueError("outside"), 1.0)
        elif what == "park":
            parked = data.draw(st.sampled_from((ticks.StepParked, ticks.StepUnparked)), label="how")
            self.at_run(path, parked, *who)
        elif what == "fail for good" and data.draw(st.booleans(), label="really"):
            self.at_run(path, ticks.StepRaised, *who, ValueError("for good"), None)
        elif what == "stop" and not path and data.draw(st.booleans(), label="really"):
            self.at_run(path, ticks.StepReturned, *who, (StopEvent(),))

    @precondition(lambda self: self.attempts(Status.SUSPENDING))
    @rule(data=st.data())
    def unwind(self, data: st.DataObject) -> None:
        path, execution = self.an_attempt(data, self.attempts(Status.SUSPENDING))
        self.at_run(path, ticks.StepSuspended, execution.id, execution.attempt)

    def stopped(self) -> list[tuple[Path, Execution]]:
        states = dict(states_in(self.state))
        stopping = (RunStatus.HALTING, RunStatus.ENDING)
        return [found for found in self.attempts(Status.AT_WORK) if states[found[0]].status in stopping]

    @precondition(lambda self: self.stopped())
    @rule(data=st.data())
    def halt(self, data: st.DataObject) -> None:
        path, execution = self.an_attempt(data, self.stopped())
        self.at_run(path, ticks.StepHalted, execution.id, execution.attempt)

    @precondition(lambda self: bool(all_questions(self.state)))
    @rule(data=st.data(), is_named=st.booleans())
    def answer(self, data: st.DataObject, is_named: bool) -> None:
        questions = all_questions(self.state)
        question = questions[data.draw(st.sampled_from(range(len(questions))), label="question")]
        event = Reply(n=1) if question.answer_type is Reply else Approved(n=1)
        self.feed(ticks.EventReceived, event, None, question.id if is_named else None)

    @rule(name=st.sampled_from(("c1.q1-0123456789abcdef", "c9.q1-0123456789abcdef", "c1.c1.q1-00", "c1.", "c1.c")))
    def answer_nothing(self, name: str) -> None:
        self.feed(ticks.EventReceived, Approved(n=1), None, name)

    @rule(seconds=st.sampled_from((0.0, 1.0, 5.0)), due=st.booleans())
    def time_passes(self, seconds: float, due: bool) -> None:
        self.at += seconds
        at = self.state.alarm if due else None
        if self.state.budget_alarm is not None and (at is None or self.state.budget_alarm < at):
            at = self.state.budget_alarm
        if at is not None:
            self.at = max(self.at, at)
            self.feed(ticks.TimerFired)

    @rule(how=st.sampled_from(("cancel", "die", "go on", "go on", "go on")))
    def disrupt(self, how: str) -> None:
        if how == "cancel":
            self.feed(ticks.CancelRequested, "somebody wants it")
        elif how == "die":
            cut("core")
            self.base, self.table = restored(snapshot(self.state, at=self.at)), {}
            track_questions(self.base)
            self.core, self.shadow, self.fed, self.at_work = self.based(), self.based(), [], set()

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def each_child_is_one_that_a_step_has_or_one_that_is_being_stopped(self) -> None:
        for path, state in states_in(self.state):
            records = {
                record.child: record for execution in state.executions.values() for record in open_runs(execution)
            }
            if state.status is not RunStatus.ENDING:
                assert {name for name, child in state.children.items() if not child.is_left} == records.keys()
            for child in state.children.values():
                assert child.id < state.next_child
                if child.is_left:
                    assert child.state.status in (RunStatus.HALTING, RunStatus.ENDING), (path, child)
                if not child.is_wanted or state.status is not RunStatus.RUNNING:
                    assert child.state.status is not RunStatus.RUNNING, (path, state.status, child.is_wanted)
                elif child.state.status is RunStatus.HALTED:
                    raise AssertionError(f"{path}: child {child.id} is wanted, and stands still")

    @invariant()
    def how_a_child_ended_is_on_record(self) -> None:
        for _, state in states_in(self.state):
            for execution in state.executions.values():
                for record in () if execution.memory is None else execution.memory.records():
                    if isinstance(record, Ran):
                        assert record.is_settled is (record.child not in state.children)
                        assert record.is_settled is (record.name not in execution.open)

    @invariant()
    def time_is_spent_while_any_attempt_is_active_here_or_within(self) -> None:
        for _, state in states_in(self.state):
            own = sum(found.is_live and not found.is_parked for found in state.executions.values())
            within = sum(child.state.budget.active > 0 for child in state.children.values())
            assert state.budget.active == own + within

    @invariant()
    def what_is_due_in_a_child_is_due_in_the_run(self) -> None:
        for _, state in states_in(self.state):
            for child in state.children.values():
                instants = [at for at in (child.state.alarm, child.state.budget_alarm) if at is not None]
                wanted = min(instants) if instants and child.state.status is RunStatus.RUNNING else None
                assert state.timers.due.get(("child", child.id)) == wanted
            named = {int(name) for kind, name in state.timers.due if kind == "child"}
            assert named <= state.children.keys()

    @invariant()
    def questions_have_names_of_their_own_and_say_where_they_are(self) -> None:
        questions = all_questions(self.state)
        assert len({question.id for question in questions}) == len(questions)
        for question in questions:
            assert len(question.path) == question.id.count(".")

    @invariant()
    def what_is_over_has_nothing_left(self) -> None:
        if self.state.status is RunStatus.ENDED:
            assert (self.state.children, self.at_work) == ({}, set())

    @invariant()
    def an_image_gives_an_equal_state(self) -> None:
        if can_be_imaged(self.state):
            self.loaded()

    def loaded(self) -> RunState:
        return imaged(OUTER, OUTER_CODEC, self.state, at=self.at, children=KINDS)

    @precondition(lambda self: can_be_imaged(self.state))
    @rule()
    def load_the_shadow(self) -> None:
        self.shadow = Core(OUTER, OUTER_CODEC, state=self.loaded())
        track_questions(self.shadow.state)
        self.table = {}

    @rule()
    def look_at_questions(self) -> None:
        keep_table(self.table, self.shadow.state)

    @invariant()
    def a_snapshot_gives_an_equal_snapshot(self) -> None:
        data = snapshot(self.state, at=self.at)
        again = snapshot(restored(data), at=self.at)
        if any(path and state.status is RunStatus.ENDING for path, state in states_in(self.state)):
            data, again = again, snapshot(restored(again), at=self.at)  # a child that was ending has ended
        assert again == data

    def based(self) -> Core:
        """A core as it was before the ticks in `fed`."""
        return Core(OUTER, OUTER_CODEC, state=copy.deepcopy(self.base, {id(part): part for part in SHARED}))

    def teardown(self) -> None:
        """State = fold of the ticks."""
        keep_table(self.table, self.shadow.state)
        core = self.based()
        for tick in self.fed:
            core.feed(tick)
        assert core.state == self.state


@pytest.mark.guarantee("W1", "W3", "W5", "R1", "D4")
def test_runs_within_runs_do_to_each_other_what_they_must() -> None:
    run_state_machine_as_test(ChildrenMachine, settings=settings(stateful_step_count=40))


def test_the_rules_feed_every_tick_about_children_and_each_has_changed_something() -> None:
    """More each time: with a seed that's set, the first examples are always the same."""
    wanted = {ticks.ChildStarted, ticks.ChildWanted, ticks.ChildTick}
    few = settings(database=None, derandomize=False, stateful_step_count=40, phases=[Phase.generate])
    for number in range(1, 7):
        if not wanted <= FED.keys():
            run_state_machine_as_test(ChildrenMachine, settings=settings(few, max_examples=30 * number))
    assert wanted <= FED.keys()
