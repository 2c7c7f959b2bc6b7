"""A run as data: what is in it, that it comes back, and that changed code is noticed before anything runs."""

import copy
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.core.busy import PAY, busy_run, ended_run, runs
from tests.core.flow import (
    CODEC,
    PROGRAM,
    Approval,
    Approved,
    Begin,
    Hand,
    Note,
    Prompt,
    Reply,
    Task,
    codec_for,
    only,
    restored,
    steps_of,
)
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.engine import Core
from workflows.core.questions import Ask
from workflows.core.records import Asked
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import Outcome
from workflows.core.statuses import RunStatus, Status
from workflows.core.stored import question_from
from workflows.core.written import question_data
from workflows.errors import ContextSerdeError, EncodeError, SnapshotMismatch
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StopEvent, UnreconstructedException
from workflows.graph import Program, compile_program
from workflows.steps import step

Change = Callable[[dict[str, Any]], object]


def mismatches(data: dict[str, Any], program: Program = PROGRAM, types: tuple[type, ...] = ()) -> tuple[str, ...]:
    codec = CODEC if program is PROGRAM and not types else codec_for(program, types)
    with pytest.raises(SnapshotMismatch) as caught:
        restore(program, codec, data)
    _, dropped = restore(program, codec, data, accepts_changes=True)
    assert tuple(dropped) == caught.value.problems, "what is told of is what is dropped"
    return caught.value.problems


# --- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("D1", "D3")
@pytest.mark.parametrize("moment", runs())
def test_a_run_comes_back_from_json_as_it_was(moment: str) -> None:
    data = runs()[moment].stored()
    hand = Hand(at=runs()[moment].at)
    hand.core.state = restored(data)
    assert hand.stored() == data
    again = restored(hand.stored())
    assert again == hand.state


@pytest.mark.guarantee("W10")
@pytest.mark.parametrize("moment", runs())
def test_open_questions_are_listed_without_running_anything(moment: str) -> None:
    hand = runs()[moment]
    assert hand.again().pending == ([] if hand.state.status is RunStatus.ENDING else hand.pending)


def test_what_was_in_flight_runs_again_and_what_was_queued_runs() -> None:
    hand = busy_run()
    again = hand.again()
    assert again.state.status is RunStatus.HALTED
    runs = only(again.feed(ticks.RunResumed, "r1", 100.0), RunStep)
    assert [(job.step.name, job.execution, job.attempt, job.event) for job in runs] == [("work", 2, 2, Task(n=1))]
    statuses = {name: found.status for name, found in again.state.executions.items()}
    assert statuses == {
        2: Status.AT_WORK,
        3: Status.SUSPENDED,
        4: Status.QUEUED,
        5: Status.DELAYED,
    }


def test_what_came_for_a_step_before_its_run_began_is_run_when_it_begins_after_a_restart() -> None:
    hand = Hand()
    hand.receive(Task(n=1))
    hand.receive(Task(n=2))
    again = hand.again()
    assert again.state.status is RunStatus.NEW
    runs = only(again.feed(ticks.RunStarted, "r1", Begin(), 7), RunStep)
    assert runs == only(hand.feed(ticks.RunStarted, "r1", Begin(), 7), RunStep)
    assert sorted(job.execution for job in runs) == [1, 2, 4, 5], "`work` has one worker"


@pytest.mark.guarantee("W8")
def test_deadlines_delays_and_spent_time_come_back_as_instants_and_durations() -> None:
    hand = busy_run()
    again = hand.again()
    assert again.state.timers.due == hand.state.timers.due
    assert again.state.budget.spent_s == hand.at - 1000.0
    again.at += 1000
    commands = again.feed(ticks.RunResumed, "r1", 100.0)
    assert sorted(steps_of(commands)) == ["also", "also", "work"], "the retry and the deadline were due long ago"


@pytest.mark.guarantee("W8")
@pytest.mark.parametrize(("later", "spent"), [(0.5, 0.5), (0.0, 0.0), (-5.0, 0.0)])
def test_time_that_was_spent_until_now_is_counted_and_none_if_the_clock_was_set_back(
    later: float, spent: float
) -> None:
    hand = Hand()
    hand.start(budget_s=100.0)
    hand.at += later
    assert hand.stored()["spent_s"] == spent


@pytest.mark.guarantee("W3", "W5")
def test_a_question_has_the_same_id_after_a_restart_and_is_answered_once() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, PAY)
    hand.suspend(job, question)
    again = hand.again()
    assert again.pending == [question]
    again.feed(ticks.RunResumed, "r1")
    (replayed,) = only(again.receive(Approved(n=1), reply_to=question.id), RunStep)
    assert again.refused(Approved(n=2), reply_to=question.id).reason == "answered"
    assert again.refused(Approved(n=2)).reason == "answered"
    (following,) = again.ask(replayed, PAY)
    assert following.id == hand.ask(only(hand.receive(Approved(n=1)), RunStep)[0], PAY)[0].id


@pytest.mark.guarantee("W4")
def test_mailbox_and_half_filled_sets_come_back() -> None:
    hand = busy_run()
    again = hand.again()
    assert again.state.mailbox.in_order() == hand.state.mailbox.in_order() != []
    assert again.state.buffers == hand.state.buffers != {}


@pytest.mark.guarantee("D1")
def test_a_retry_sees_its_last_error_as_it_was_if_it_is_known_and_as_data_if_not() -> None:
    class Own(Exception): ...

    hand = Hand()
    for error in (ValueError("bad", 1), Own("very bad")):
        job = hand.start() if not hand.state.executions else only(hand.receive(Begin()), RunStep)[0]
        hand.step(job, ticks.StepRaised, error, 60.0)
    one, two = (found.last_error for found in hand.again().state.executions.values())
    assert (type(one), one.args if one else ()) == (ValueError, ("bad", 1))
    assert isinstance(two, UnreconstructedException)
    assert str(two) == "very bad"


def test_a_finished_run_keeps_its_outcome() -> None:
    assert ended_run(StopEvent(result=3)).again().state.outcome == Outcome(result=StopEvent(result=3))
    failed = ended_run().again().state.outcome
    assert failed is not None
    assert [(failure.step, failure.error.args) for failure in failed.failures] == [("begin", ("bad",))]


@pytest.mark.guarantee("D3")
def test_a_snapshot_carries_its_format_and_shares_nothing_with_the_run() -> None:
    hand = busy_run()
    data = snapshot(hand.state, at=hand.at)
    before = json.dumps(hand.stored())
    assert data["format_version"] == 1

    def scribble(node: Any) -> None:
        if isinstance(node, dict | list):
            parts: Any = cast("Any", node)
            for part in list(parts.values() if isinstance(node, dict) else parts):
                scribble(part)
            parts.clear()

    scribble(data)
    assert json.dumps(hand.stored()) == before


def test_state_can_be_left_out_and_what_records_refer_to_stays() -> None:
    hand = busy_run()
    data = hand.stored(include_state=False)
    state = restored(data)
    assert state.values.fields() == {}
    assert state.values.holds == hand.state.values.holds != {}
    assert state.values.versions.keys() == hand.state.values.holds.keys()
    again = Hand(at=hand.at)
    again.core.state = state
    assert again.stored() == data


# --- what can't be stored ---------------------------------------------------------------------------------------------


@pytest.mark.guarantee("D1")
def test_all_that_cannot_be_stored_is_listed_with_its_path_and_the_run_goes_on() -> None:
    class Strange(Event):
        x: object

    hand = Hand()
    job = hand.start()
    hand.receive(Strange(x=1))
    hand.step(job, ticks.EventCollected, "", "k", Note(n=1), [Note, Strange], None)
    hand.step(job, ticks.EventSent, "", 1, Note(n=object()), None, None)  # type: ignore[arg-type]  # what users do
    with pytest.raises(EncodeError) as caught:
        snapshot(hand.state, at=hand.at)
    paths = [problem.partition(":")[0] for problem in caught.value.problems]
    assert paths == ["$.mailbox[0]", "$.mailbox[1].n", "$.buffers[begin].expected"]
    assert hand.returns(job, StopEvent()) != []


@pytest.mark.guarantee("D1")
def test_a_returned_prompt_that_cannot_be_stored_is_asked_all_the_same() -> None:
    """It broke the core."""

    class Odd(InputRequiredEvent, answer=Reply):
        x: object

    hand = Hand()
    hand.returns(hand.start(), Prompt(what=object()), Odd(x=1))  # type: ignore[arg-type]  # what users do
    assert len(hand.pending) == 2
    with pytest.raises(EncodeError) as caught:
        snapshot(hand.state, at=hand.at)
    assert len(caught.value.problems) == 2
    with pytest.raises(EncodeError):
        question_data(CODEC, hand.pending[0])
    assert hand.refused(Reply(n=1)).reason == "ambiguous"


def test_a_question_alone_comes_back_from_its_data() -> None:
    hand = busy_run()
    for question in hand.pending:
        assert question_from(CODEC, question_data(CODEC, question), PROGRAM) == question
    gone = codec_for(PROGRAM)
    with pytest.raises(SnapshotMismatch, match="approval"):
        question_from(gone, question_data(CODEC, hand.pending[1]), PROGRAM)


# --- changed code -----------------------------------------------------------------------------------------------------


class Fewer:
    """`Flow` after a change: `work` and `hear` are gone, and `also` no longer takes a `Task`."""

    @step
    async def begin(self, ev: Begin) -> StopEvent:
        raise NotImplementedError

    @step
    async def also(self, ev: Note) -> None: ...


@pytest.mark.guarantee("W6")
def test_every_step_and_class_that_is_gone_is_listed_at_once() -> None:
    problems = mismatches(busy_run().stored(), compile_program(Fewer), (Task, Reply))
    listed = "\n".join(problems)
    for gone in ("'work' is gone", "no longer accepts Task", "'approved'", "'approval'", "'prompt'"):
        assert gone in listed
    assert len(problems) > 5


@pytest.mark.guarantee("W6")
def test_an_answer_class_of_another_shape_is_a_mismatch_that_names_the_field() -> None:
    class Changed(HumanResponseEvent, name="approved"):
        n: str
        reason: str

    hand = Hand()
    hand.ask(hand.start(), Ask(Approved))
    problems = mismatches(hand.stored(), PROGRAM, (Changed,))
    listed = "\n".join(problems)
    assert "approved.n was int, and is str" in listed
    assert "'who'" in listed
    assert "approved.reason is new" in listed


@pytest.mark.guarantee("W6")
def test_a_class_that_gained_a_field_with_a_default_and_one_under_an_old_name_fit() -> None:
    class Renamed(HumanResponseEvent, name="accepted", aliases=("approved",)):
        n: int
        who: str = "ann"
        why: str = ""

    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    state, problems = restore(PROGRAM, codec_for(PROGRAM, (Renamed,)), hand.stored())
    assert problems == []
    assert state.questions.by_id[question.id].answer_type is Renamed


@pytest.mark.guarantee("W6")
def test_requirements_errors_and_records_that_cannot_be_read_are_mismatches_too() -> None:
    """Some of them were errors on their own, so that one hid the others and nothing could be accepted."""
    hand = Hand()
    job = hand.start()
    hand.ask(job, Ask(Note, requirements={"who": Task(n=1)}))
    hand.step(job, ticks.StepRaised, ValueError(Approval(what="a")), 60.0)
    data = hand.stored()

    class Tiny:
        @step
        async def begin(self, ev: Begin) -> StopEvent:
            raise NotImplementedError

    problems = mismatches(data, compile_program(Tiny), (Note,))
    assert any("requires" in problem for problem in problems)
    assert any("failed before" in problem for problem in problems)
    state, _ = restore(compile_program(Tiny), codec_for(compile_program(Tiny), (Note,)), data, accepts_changes=True)
    assert isinstance(state.executions[1].last_error, UnreconstructedException)


@pytest.mark.guarantee("W6")
def test_accepting_drops_what_has_no_taker_and_the_rest_goes_on() -> None:
    hand = busy_run()
    program = compile_program(Fewer)
    state, dropped = restore(program, codec_for(program, (Task, Reply)), hand.stored(), accepts_changes=True)
    assert dropped
    assert state.executions == {}
    assert state.questions.by_id == {}
    assert state.buffers == {}
    assert state.mailbox.in_order() == hand.state.mailbox.in_order()
    assert set(state.values.versions) == set(state.values.current.values()), "versions of dropped records are gone"


@pytest.mark.guarantee("W6")
def test_accepting_drops_a_half_filled_set_for_which_a_class_is_gone() -> None:
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.EventCollected, "", "k", Note(n=1), [Note, Approval], None)
    state, dropped = restore(PROGRAM, codec_for(PROGRAM, (Note,)), hand.stored(), accepts_changes=True)
    assert any("approval" in line for line in dropped)
    assert state.buffers == {}


@pytest.mark.guarantee("W6")
def test_accepting_drops_a_prompt_that_is_gone_and_those_that_follow_stay_asked() -> None:
    class Gone(InputRequiredEvent, answer=Reply, name="gone"): ...

    hand = Hand(Core(PROGRAM, codec_for(PROGRAM, (Gone,))))
    hand.returns(hand.start(), Gone(), Prompt(what="kept?"))
    assert len(hand.pending) == 2
    state, dropped = restore(PROGRAM, codec_for(PROGRAM), hand.stored(), accepts_changes=True)
    assert any("'gone'" in line for line in dropped)
    assert [question.event for question in state.questions.by_id.values()] == [Prompt(what="kept?")]


@pytest.mark.guarantee("W6")
def test_accepting_replays_a_step_whose_question_is_gone() -> None:
    """It was suspended for ever: nothing could wake it."""
    hand = Hand()
    job = hand.start()
    (gone, kept) = hand.ask(job, PAY, Ask(Note))
    hand.suspend(job, gone)
    codec = codec_for(PROGRAM)
    state, dropped = restore(PROGRAM, codec, hand.stored(), accepts_changes=True)
    assert any("approval" in line for line in dropped)
    assert list(state.questions.by_id) == [kept.id]
    again = Hand(at=hand.at)
    again.core.state = state
    assert steps_of(again.feed(ticks.RunResumed, "r1")) == ["begin"]


@pytest.mark.guarantee("W6")
def test_accepting_a_finished_run_whose_result_cannot_be_read_gives_an_error_in_its_place() -> None:
    """The run had neither result nor error, which ended in a failed assertion for whoever awaited it."""
    data = ended_run(StopEvent(result=Approval(what="a"))).stored()
    state, dropped = restore(PROGRAM, codec_for(PROGRAM), data, accepts_changes=True)
    assert any("the result" in line for line in dropped)
    assert state.outcome is not None
    assert state.outcome.result is None
    assert "can't be read" in str(state.outcome.failures[0].error)


# --- what isn't a snapshot --------------------------------------------------------------------------------------------


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "this is None"),
        ([], r"this is \[\]"),
        ({}, "has no 'format_version'"),
        ({"run_id": "x"}, "It has 'run_id'"),
        ({"format_version": 2}, "is of format 2; this version of workflows reads format 1"),
        ({"format_version": True}, "of format True"),
        ({"format_version": "1"}, "of format '1'"),
        ({"format_version": 1}, "KeyError"),
    ],
)
def test_what_is_no_snapshot_of_this_format_is_refused_with_the_reason(data: Any, says: str) -> None:
    with pytest.raises(ContextSerdeError, match=says):
        restore(PROGRAM, CODEC, data)


def change_first(kind: str, **changes: Any) -> Change:
    """Change the first record of this kind that a busy run has."""

    def change(data: dict[str, Any]) -> None:
        for execution in data["executions"]:
            for _, records in execution["memory"]["tapes"] if execution["memory"] else ():
                for record in records:
                    if record["is"] == kind:
                        record.update(changes)
                        return
        raise AssertionError(f"there's no {kind}")

    return change


def first_question(data: dict[str, Any]) -> dict[str, Any]:
    """The first question that a suspended step of a busy run waits for."""
    question: dict[str, Any] = data["executions"][1]["memory"]["tapes"][0][1][0]["question"]
    return question


def an_outcome() -> Any:
    return ended_run(StopEvent()).stored()["outcome"]


def first_memory(data: dict[str, Any]) -> dict[str, Any]:
    memory: dict[str, Any] = data["executions"][0]["memory"]
    return memory


def first_version(data: dict[str, Any]) -> int:
    """The version of the first field."""
    version: int = data["state"]["fields"][0][1]
    return version


HOSTILE: dict[str, Change] = {
    "a number that isn't finite": lambda data: data.update(spent_s=float("nan")),
    "a number that no float holds": lambda data: data.update(spent_s=10**400),
    "a negative count": lambda data: data.update(streamed=-1),
    "an execution twice": lambda data: data["executions"].append(data["executions"][0]),
    "an execution of a number to come": lambda data: data.update(next_execution=2),
    "an execution of number 0": lambda data: data["executions"][0].update(id=0),
    "an execution that only waits, of number 0": lambda data: data["executions"][2].update(id=0),
    "an execution of the number to come next": lambda data: data["executions"][2].update(id=data["next_execution"]),
    "an execution that runs": lambda data: data["executions"][0].update(status="running"),
    "an execution without an input": lambda data: data["executions"][0].update(event=None),
    "an input that is no event": lambda data: data["executions"][0].update(event=[1]),
    "a delay without an end": lambda data: data["executions"][-1].update(due=None),
    "an error that is none": lambda data: data["executions"][-1].update(last_error=5),
    "a version twice": lambda data: data["state"]["versions"].append(data["state"]["versions"][0]),
    "an execution number that comes before all others": lambda data: data.update(next_execution=0, executions=[]),
    "a version of a number to come": lambda data: data["state"].update(next_version=1),
    "a version of number 0": lambda data: data["state"]["versions"].append([0, 1]),
    "a version of the number to come next": lambda data: data["state"]["versions"].append(
        [data["state"]["next_version"], 1]
    ),
    "a field twice": lambda data: data["state"]["fields"].append(data["state"]["fields"][0]),
    "a version of two fields": lambda data: data["state"]["fields"].append(["other", first_version(data)]),
    "a version that isn't there": change_first("read", versions=[["total", 99]]),
    "a version of another field": lambda data: change_first("read", versions=[["other", first_version(data)]])(data),
    "a record of no kind": change_first("value", **{"is": "nothing"}),
    "no operations in a row": change_first("effects", count=0),
    "a digest of 65 bits": change_first("effects", digest=2**64),
    "a question of another step": lambda data: first_question(data).update(step="hear"),
    "a question of another execution": lambda data: first_question(data).update(execution=2),
    "a question of another branch": lambda data: first_question(data).update(branch="l"),
    "a question with other content": change_first("asked", key="other"),
    "a wait that was returned": lambda data: first_question(data).update(returned=True),
    "a returned question that wasn't": lambda data: data["questions"][0].update(returned=False),
    "a returned question with a deadline": lambda data: data["questions"][0].update(deadline_at=5.0),
    "a question twice": lambda data: data["questions"].append(data["questions"][0]),
    "a branch twice": lambda data: first_memory(data)["tapes"].append(first_memory(data)["tapes"][0]),
    "a record under another name": lambda data: first_memory(data)["found"][0].__setitem__(1, "x"),
    "a refusal that is none": lambda data: first_memory(data)["found"][-1][2].update(value=[1]),
    "a buffer twice": lambda data: data["buffers"].append(data["buffers"][0]),
    "an event class that is none": lambda data: data["buffers"][0].update(expected=["x:y", 5]),
    "an outcome before the end": lambda data: data.update(outcome=an_outcome()),
    "an end without an outcome": lambda data: data.update(status="ended"),
    "an end with something left": lambda data: data.update(status="ended", outcome=an_outcome()),
    "data nested too deep": lambda data: data["state"]["versions"].append([50, nested(5000)]),
}


def nested(depth: int) -> Any:
    data: Any = []
    for _ in range(depth):
        data = [data]
    return data


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_snapshot_has_is_refused(what: str) -> None:
    data = copy.deepcopy(busy_run().stored())
    restored(data)
    HOSTILE[what](data)
    with pytest.raises(ContextSerdeError) as caught:
        restore(PROGRAM, CODEC, data, accepts_changes=True)
    assert not isinstance(caught.value, SnapshotMismatch)


@pytest.mark.parametrize(
    "outcome",
    [
        {"result": None, "failures": [], "timed_out_s": None, "active_steps": []},
        {"result": {"$": "note", "v": {"n": 1, "who": "ann"}}, "failures": [], "timed_out_s": None, "active_steps": []},
        {"result": None, "failures": [["begin", None, 1, 0.0]], "timed_out_s": None, "active_steps": []},
        {"result": None, "failures": [], "timed_out_s": 5.0, "active_steps": [5]},
    ],
)
def test_an_outcome_that_is_none_is_refused(outcome: Any) -> None:
    data = ended_run(StopEvent()).stored()
    data["outcome"] = outcome
    with pytest.raises(ContextSerdeError):
        restore(PROGRAM, CODEC, data)


def test_asked_records_that_are_read_back_are_open_where_they_are_not_settled() -> None:
    hand = busy_run()
    again = hand.again()
    for execution in again.state.executions.values():
        records = [] if execution.memory is None else list(execution.memory.questions())
        assert all(isinstance(record, Asked) for record in records)
        assert [record.question.id for record in records if not record.is_settled] == list(execution.open)
