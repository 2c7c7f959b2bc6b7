"""The tally: what is counted, from ticks alone, and its way through a snapshot."""

import json
from typing import Any

import pytest

from tests.core.flow import CODEC, PROGRAM, Approval, Approved, Begin, Done, Hand, Note, Part, Task, codec_for, only
from workflows import step
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.engine import Core
from workflows.core.questions import Ask
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import RunState
from workflows.core.tallying import tally_data
from workflows.errors import ContextSerdeError
from workflows.events import Event, StepFailedEvent, StopEvent
from workflows.graph import compile_program


class Clocked:
    """A core that is fed ticks at instants of the test's choosing."""

    def __init__(self, state: RunState | None = None) -> None:
        self.core = Core(PROGRAM, CODEC, state=state)

    def feed(self, at: float, tick_type: Any, *parts: Any) -> list[RunStep]:
        return only(self.core.feed(tick_type(self.core.state.last_tick + 1, at, *parts)), RunStep)

    def tally(self, at: float = 0.0) -> Any:
        return tally_data(self.core.state, at)


def begun() -> tuple[Clocked, RunStep]:
    clocked = Clocked()
    (job,) = clocked.feed(100.0, ticks.RunStarted, "r", Begin(), 1)
    return clocked, job


def test_attempts_events_and_time_are_counted() -> None:
    clocked, job = begun()
    assert clocked.tally(100.5) == {"begin": [1, 0, 0, 0.5, {"begin": 1}, {}]}
    clocked.feed(102.0, ticks.StepReturned, job.execution, job.attempt, (Task(n=1), Task(n=2)))
    found = clocked.tally(103.0)
    assert found["begin"] == [1, 1, 0, 2.0, {"begin": 1}, {"task": 2}]
    assert (found["work"][4], found["also"][4]) == ({"task": 1}, {"task": 2}), "the one has one worker, the other two"


def test_each_event_of_a_step_that_gives_several_of_several_classes_is_counted() -> None:
    clocked, job = begun()
    given = (Task(n=1), Note(n=1), Note(n=2), Note(n=3))
    clocked.feed(101.0, ticks.StepReturned, job.execution, job.attempt, given)
    assert clocked.tally(101.0)["begin"][5] == {"task": 1, "note": 3}


def test_an_answer_that_a_step_sends_is_counted_where_it_is_given_and_where_it_is_taken() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.QuestionsAsked, job.execution, job.attempt, "l", (Ask(Approved, Approval(what="?")),))
    clocked.feed(102.0, ticks.EventSent, job.execution, job.attempt, "", 1, Approved(n=1))
    assert clocked.tally(103.0)["begin"][4:] == [{"begin": 1, "approved": 1}, {"approval": 1, "approved": 1}]


def test_an_event_that_came_before_its_wait_is_counted_when_that_takes_it() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.EventReceived, Note(n=1))
    clocked.feed(102.0, ticks.QuestionsAsked, job.execution, job.attempt, "", (Ask(Note),))
    assert clocked.tally(103.0)["begin"][4:] == [{"begin": 1, "note": 1}, {}]


def test_a_failed_attempt_is_counted_and_its_retry_takes_nothing_anew() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.StepRaised, job.execution, job.attempt, ValueError("no"), 5.0)
    assert clocked.tally(101.0) == {"begin": [1, 0, 1, 1.0, {"begin": 1}, {}]}
    (again,) = clocked.feed(106.0, ticks.TimerFired)
    clocked.feed(106.25, ticks.StepReturned, again.execution, again.attempt, (StopEvent(),))
    assert clocked.tally(107.0) == {"begin": [2, 1, 1, 1.25, {"begin": 1}, {StopEvent.__event_name__: 1}]}


@pytest.mark.parametrize("at", [50.0, 99.5])
def test_a_clock_that_is_set_back_takes_no_time_away(at: float) -> None:
    clocked, job = begun()
    assert clocked.tally(at)["begin"][3] == 0.0, "while the step is at work"
    clocked.feed(at, ticks.StepReturned, job.execution, job.attempt, (StopEvent(),))
    assert clocked.tally(40.0)["begin"][3] == 0.0


def test_time_that_is_waited_in_place_is_not_counted() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.StepParked, job.execution, job.attempt)
    assert clocked.tally(150.0)["begin"][3] == 1.0
    clocked.feed(160.0, ticks.StepUnparked, job.execution, job.attempt)
    clocked.feed(162.0, ticks.StepReturned, job.execution, job.attempt, (StopEvent(),))
    assert clocked.tally(170.0)["begin"][3] == 3.0


def test_an_attempt_that_was_cut_short_is_an_attempt_and_no_more() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.CancelRequested, "")
    clocked.feed(103.0, ticks.StepHalted, job.execution, job.attempt)
    assert clocked.tally(110.0) == {"begin": [1, 0, 0, 3.0, {"begin": 1}, {}]}


def test_an_attempt_that_was_suspended_is_an_attempt_and_its_replay_another() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.QuestionsAsked, job.execution, job.attempt, "", (Ask(Approved),))
    (name,) = clocked.core.state.questions.by_id
    clocked.feed(101.0, ticks.StepSuspending, job.execution, job.attempt, (name,), 5.0)
    clocked.feed(102.0, ticks.StepSuspended, job.execution, job.attempt)
    assert clocked.tally(103.0)["begin"][:4] == [1, 0, 0, 2.0]
    clocked.feed(110.0, ticks.EventReceived, Approved(n=1))
    assert clocked.tally(111.0)["begin"][:4] == [2, 0, 0, 3.0]


def test_what_is_sent_counts_for_the_step_that_sends_it() -> None:
    clocked, job = begun()
    clocked.feed(100.0, ticks.EventSent, job.execution, job.attempt, "", 1, Task(n=1))
    assert clocked.tally(100.0)["begin"][5] == {"task": 1}


def test_a_second_run_counts_from_the_start() -> None:
    clocked, job = begun()
    clocked.feed(101.0, ticks.StepReturned, job.execution, job.attempt, (StopEvent(),))
    clocked.feed(200.0, ticks.RunStarted, "again", Begin(), 2)
    assert clocked.tally(200.0) == {"begin": [1, 0, 0, 0.0, {"begin": 1}, {}]}


@pytest.mark.guarantee("D3")
def test_the_tally_survives_a_snapshot_and_goes_on() -> None:
    clocked, job = begun()
    clocked.feed(102.0, ticks.StepReturned, job.execution, job.attempt, (Note(n=1), Done(n=1)))
    data = json.loads(json.dumps(snapshot(clocked.core.state, at=103.0)))
    state, _ = restore(PROGRAM, CODEC, data)
    again = Clocked(state)
    assert again.tally(500.0) == data["tally"]
    again.feed(500.0, ticks.RunResumed, "r", None)
    found = again.tally(500.0)
    for name, counts in data["tally"].items():
        assert found[name][0] >= counts[0]
        assert found[name][3] == counts[3]


@pytest.mark.guarantee("D3")
def test_a_snapshot_from_before_there_was_a_tally_loads_and_counts_from_then_on() -> None:
    hand = Hand(Core(PROGRAM, CODEC))
    data: dict[str, Any] = hand.stored()
    del data["tally"]
    state, _ = restore(PROGRAM, CODEC, data)
    assert state.tally == {}


NOT_WRITTEN: list[Any] = [
    None,
    [],
    {"begin": None},
    {"begin": [1, 1, 0, 0.0, {}]},
    {"begin": [1, 1, 1, 0.0, {}, {}]},
    {"begin": [-1, 0, 0, 0.0, {}, {}]},
    {"begin": [1, 0, 0, -0.5, {}, {}]},
    {"begin": [1, 0, 0, float("inf"), {}, {}]},
    {"begin": [1, 0, 0, "0", {}, {}]},
    {"begin": [True, 0, 0, 0.0, {}, {}]},
    {"begin": [1, 0, 0, 0.0, {"task": 1.5}, {}]},
    {"begin": [1, 0, 0, 0.0, {"task": -1}, {}]},
    {"begin": [1, 0, 0, 0.0, {}, ["task"]]},
    {"begin": [1, 0, 0, 0.0, {5: 1}, {}]},
    {"begin": [1, 0, 0, 0.0, {}, {None: 1}]},
    {5: [1, 0, 0, 0.0, {}, {}]},
]


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("tally", NOT_WRITTEN)
def test_a_tally_that_nobody_wrote_is_refused(tally: Any) -> None:
    clocked, _ = begun()
    data = {**snapshot(clocked.core.state, at=103.0), "tally": tally}
    with pytest.raises(ContextSerdeError):
        restore(PROGRAM, CODEC, data)


@pytest.mark.guarantee("D4")
def test_a_tally_does_not_grow_with_the_length_of_a_run() -> None:
    clocked, job = begun()
    sizes: list[int] = []
    for number in range(300):
        clocked.feed(100.0 + number, ticks.EventSent, job.execution, job.attempt, "", number, Task(n=1))
        sizes.append(len(json.dumps(clocked.tally(100.0))))
    assert sizes[-1] - sizes[10] < 40


def test_steps_and_classes_that_are_gone_stay_as_history() -> None:
    clocked, _ = begun()
    tally = {"gone": [3, 2, 1, 1.5, {"gone.event": 3}, {"task": 2}]}
    data = {**snapshot(clocked.core.state, at=100.0), "tally": tally}
    state, problems = restore(PROGRAM, CODEC, data)
    assert problems == []
    assert tally_data(state, 100.0) == tally


class Undeclared(Event, name="undeclared"): ...


def test_events_of_a_class_that_no_snapshot_knows_are_counted_on_under_its_name() -> None:
    clocked, job = begun()
    for number in range(2):
        clocked.feed(100.0, ticks.EventSent, job.execution, job.attempt, "", number, Undeclared())
    data: dict[str, Any] = {**snapshot(begun()[0].core.state, at=100.0), "tally": clocked.tally(100.0)}
    state, _ = restore(PROGRAM, CODEC, data)
    again = Clocked(state)
    (job,) = again.feed(200.0, ticks.RunResumed, "r", None)
    again.feed(200.0, ticks.EventSent, job.execution, job.attempt, "", 3, Undeclared())
    assert again.tally(200.0)["begin"][5] == {"undeclared": 3}


def test_what_a_handler_is_given_counts_for_the_step_that_has_failed() -> None:
    clocked, _ = begun()
    (cut,) = clocked.feed(101.0, ticks.EventReceived, Part(n=1), "cut")
    (mending,) = clocked.feed(102.0, ticks.StepRaised, cut.execution, cut.attempt, ValueError("no"), None)
    assert mending.step.name == "mend"
    assert clocked.tally(102.0)["cut"][2:] == [1, 1.0, {"part": 1}, {StepFailedEvent.__event_name__: 1}]
    assert clocked.tally(102.0)["mend"][4] == {StepFailedEvent.__event_name__: 1}


def test_each_event_of_each_class_is_counted_where_a_step_takes_several() -> None:
    class Many:
        @step
        async def begin(self, ev: Begin) -> list[Task | Part | Note]:
            return []

        @step(num_workers=9)
        async def take(self, ev: Task | Part | Note) -> StopEvent | None:
            return None

    program = compile_program(Many)
    hand = Hand(Core(program, codec_for(program)))
    events = (Task(n=1), Part(n=1), Note(n=1), Part(n=2), Note(n=2), Note(n=3))
    hand.returns(hand.start(), *events)
    assert tally_data(hand.core.state, hand.at)["take"][4] == {"task": 1, "part": 2, "note": 3}
