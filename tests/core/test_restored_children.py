"""Children that are read back: what no run has written is refused, and one that can't go on is told of and run anew."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.core.flow import Approval, Approved, Note, Prompt, Task, codec_for, only
from tests.core.journalling import through_text
from tests.core.spelled import spelled_out
from tests.core.test_children import Hand
from tests.core.test_children_machine import INNER, INNER_CODEC, KINDS, OUTER, OUTER_CODEC, Errand
from workflows.core import ticks
from workflows.core.commands import Refuse, RunStep
from workflows.core.delivery import all_questions
from workflows.core.engine import Core
from workflows.core.records import Ran
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import ChildKind, RunState
from workflows.core.statuses import RunStatus
from workflows.errors import ContextSerdeError, EncodeError, SnapshotMismatch
from workflows.events import Event, StopEvent

BARE = {"inner": ChildKind(INNER, codec_for(INNER), 30.0)}
"""The child's workflow without the classes that only it declares: those have gone since."""


def stored(hand: Hand) -> dict[str, Any]:
    data: dict[str, Any] = through_text(snapshot(hand.core.state, at=hand.at))
    return data


def two_children() -> dict[str, Any]:
    """A run whose step has two children, which both wait."""
    hand = Hand()
    for key in ("one", "two"):
        number = hand.start(key)
        hand.asks(number, key)
        hand.waits(number)
    return stored(hand)


def accepted(data: dict[str, Any], kinds: Mapping[str, ChildKind] = BARE) -> tuple[RunState, list[str]]:
    """The state where changes are accepted, and what is told."""
    with pytest.raises(SnapshotMismatch) as caught:
        restore(OUTER, OUTER_CODEC, data, children=kinds)
    state, told = restore(OUTER, OUTER_CODEC, data, accepts_changes=True, children=kinds)
    assert tuple(told) == caught.value.problems
    return state, told


def records_of(state: RunState) -> list[Ran]:
    memories = [found.memory for found in state.executions.values() if found.memory is not None]
    return [record for memory in memories for record in memory.records() if isinstance(record, Ran)]


# --- stored -----------------------------------------------------------------------------------------------------------


def test_a_child_that_its_step_has_left_is_not_stored_and_those_of_others_are() -> None:
    hand = Hand()
    hand.start()
    (work,) = only(hand.answer(Task(n=1)), RunStep)
    kept = hand.core.state.next_child
    hand.feed(ticks.ChildStarted, work.execution, work.attempt, "", "k", "inner", "work/Inner", Errand())
    hand.step(ticks.StepReturned, ())
    assert [child.is_left for child in hand.core.state.children.values()] == [True, False]
    assert [child["id"] for child in stored(hand)["children"]] == [kept]


def test_what_cannot_be_stored_of_all_children_is_told_with_the_way_to_it() -> None:
    class Strange(Event, name="strange"): ...

    hand = Hand()
    one, two, over = (hand.start(key) for key in ("one", "two", "over"))
    for number in (one, two):
        hand.within(number, ticks.EventSent, "", 1, Strange())
    hand.ends(over, Strange())
    with pytest.raises(EncodeError) as caught:
        snapshot(hand.core.state, at=hand.at)
    paths = [problem.partition(": ")[0] for problem in caught.value.problems]
    assert paths == [
        "$.executions[1].records[''][2].outcome.result.result",
        "$.children[begin/Inner[one]].mailbox[0]",
        "$.children[begin/Inner[two]].mailbox[0]",
    ]


# --- damage -----------------------------------------------------------------------------------------------------------


def another(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda data: data["children"].append({**data["children"][0], **changes})


def never_begun(data: dict[str, Any]) -> None:
    data["children"][0]["snapshot"] = through_text(snapshot(RunState(INNER, INNER_CODEC), at=0.0))


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a child of number 0": (another(id=0), "child 0 is there twice, or its number isn't"),
    "a child of the number to come next": (another(id=3), "child 3 is there twice, or its number isn't"),
    "a child twice": (another(), "child 1 is there twice, or its number isn't"),
    "a child of another workflow": (
        lambda data: data["children"][0].update(workflow="other"),
        "child 1 isn't what step 'begin' has run",
    ),
    "a child of another execution": (
        lambda data: data["children"][0].update(execution=9),
        "child 1 isn't what step 'begin' has run",
    ),
    "a child of a workflow that there isn't": (
        lambda data: data["children"][0].update(workflow="nobody"),
        "children [1] aren't there, and their steps wait for them",
    ),
    "a child that isn't there": (
        lambda data: data["children"].pop(),
        "children [2] aren't there, and their steps wait for them",
    ),
    "a child that has never begun": (never_begun, "child 1 has never begun"),
}


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("what", DAMAGES)
def test_children_that_no_run_has_are_refused_with_the_reason(what: str) -> None:
    damage, reason = DAMAGES[what]
    data = two_children()
    kinds = {**KINDS, "other": KINDS["inner"]}
    restore(OUTER, OUTER_CODEC, copy.deepcopy(data), children=kinds)
    damage(data)
    with pytest.raises(ContextSerdeError) as caught:
        restore(OUTER, OUTER_CODEC, data, accepts_changes=True, children=kinds)
    assert not isinstance(caught.value, SnapshotMismatch)
    assert reason in str(caught.value)


def test_a_run_of_before_there_were_children_has_its_first_still_to_come() -> None:
    hand = Hand()
    data = stored(hand)
    assert data.keys().isdisjoint({"children", "next_child"})
    hand.core = Core(OUTER, OUTER_CODEC, state=restore(OUTER, OUTER_CODEC, data, children=KINDS)[0])
    (hand.job,) = only(hand.feed(ticks.RunResumed, "r"), RunStep)
    assert hand.start() == 1
    assert [*hand.core.state.children] == [1]


# --- changed code -----------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W6")
def test_a_child_of_a_step_that_is_gone_is_dropped_and_those_of_others_stay() -> None:
    hand = Hand()
    one = hand.start()
    (work,) = only(hand.answer(Task(n=1)), RunStep)
    two = hand.core.state.next_child
    hand.feed(ticks.ChildStarted, work.execution, work.attempt, "", "k", "inner", "work/Inner", Errand())
    data = stored(hand)
    assert [child["id"] for child in data["children"]] == [one, two]
    data["executions"][0]["step"] = "gone"
    state, (told,) = accepted(data, KINDS)
    assert told.startswith("step 'gone' is gone")
    assert [*state.children] == [two]


@pytest.mark.guarantee("W6")
def test_a_child_with_nothing_left_to_do_is_run_anew_and_what_it_had_asked_stays_asked() -> None:
    data = two_children()
    data["children"][0]["snapshot"]["executions"][0]["step"] = "gone"
    state, told = accepted(data, KINDS)
    assert told[-1] == "begin/Inner[one]: nothing is left to do in it, so a replay of its step runs it anew"
    assert [*state.children] == [2]
    assert [record.child for record in records_of(state)] == [2]
    assert [[*found.open] for found in state.executions.values()] == [["run 2"]]
    hand = Hand()
    hand.core = Core(OUTER, OUTER_CODEC, state=state)
    first, second = (spelled_out(child["snapshot"])["asking_order"] for child in two_children()["children"])
    (refusal,) = only(hand.answer(Approved(n=1), f"c1.{first[0]}"), Refuse)
    assert refusal.reason == "answered"
    assert [question.id for question in all_questions(state)] == [f"c2.{second[0]}"]


def child_of(do: Callable[[Hand, int], object]) -> dict[str, Any]:
    """A run with one child, in which this has happened."""
    hand = Hand()
    do(hand, hand.start())
    return stored(hand)


@pytest.mark.guarantee("W6")
def test_what_a_child_that_is_run_anew_had_asked_for_is_known_to_have_been_asked_for() -> None:
    def asks(hand: Hand, number: int) -> None:
        hand.asks(number)
        hand.waits(number)

    data = child_of(asks)
    data["children"][0]["snapshot"]["executions"][0]["step"] = "gone"
    state, _ = accepted(data, KINDS)
    hand = Hand()
    assert [refusal.reason for refusal in only(hand.answer(Approved(n=1)), Refuse)] == ["no-question"]
    hand.core = Core(OUTER, OUTER_CODEC, state=state)
    assert [refusal.reason for refusal in only(hand.answer(Approved(n=1)), Refuse)] == ["answered"]


@pytest.mark.guarantee("W6")
def test_a_child_that_loses_an_event_and_has_asked_something_goes_on() -> None:
    data = child_of(lambda hand, number: hand.within(number, ticks.StepReturned, (Prompt(what="?"),)))
    data["children"][0]["snapshot"]["mailbox"] = [{"$": "vanished", "v": {}}]
    state, (told,) = accepted(data, KINDS)
    assert told.startswith("begin/Inner[k]: an event in the mailbox: ")
    assert [len(child.state.questions.by_id) for child in state.children.values()] == [1]


@pytest.mark.guarantee("W6")
def test_a_child_that_loses_an_event_and_has_an_execution_goes_on() -> None:
    data = child_of(lambda _hand, _number: None)
    data["children"][0]["snapshot"]["mailbox"] = [{"$": "vanished", "v": {}}]
    state, (told,) = accepted(data, KINDS)
    assert told.startswith("begin/Inner[k]: an event in the mailbox: ")
    assert [[*child.state.executions] for child in state.children.values()] == [[1]]


def test_a_child_in_which_nothing_is_left_to_do_is_kept_where_nothing_was_dropped() -> None:
    data = child_of(lambda hand, number: hand.within(number, ticks.StepReturned, ()))
    state, told = restore(OUTER, OUTER_CODEC, data, children=KINDS)
    assert told == []
    (child,) = state.children.values()
    assert (child.state.status, child.state.executions) == (RunStatus.HALTED, {})


def is_ending(hand: Hand, number: int) -> None:
    """Decide the end of a child while another step of it is at work."""
    hand.within(number, ticks.EventSent, "", 1, Note(n=1), "note")
    hand.ends(number, Approval(what="a"))
    assert hand.child(number).state.status is RunStatus.ENDING


def test_a_child_that_was_just_ending_has_ended() -> None:
    state, told = restore(OUTER, OUTER_CODEC, child_of(is_ending), children=KINDS)
    assert (told, state.children) == ([], {})
    (record,) = records_of(state)
    assert record.outcome is not None
    assert record.outcome.result == StopEvent(result=Approval(what="a"))
    assert [found.open for found in state.executions.values()] == [{}]


@pytest.mark.guarantee("W6")
def test_a_child_that_was_just_ending_with_a_result_that_is_gone_has_failed_and_is_not_run_anew() -> None:
    state, told = accepted(child_of(is_ending))
    assert all(line.startswith("begin/Inner[k]: ") and "run anew" not in line for line in told)
    (record,) = records_of(state)
    assert record.outcome is not None
    assert "can't be read any more" in str(record.outcome.failures[0].error)
    assert [found.open for found in state.executions.values()] == [{}]


@pytest.mark.guarantee("W6")
def test_how_a_child_ended_is_compared_with_the_classes_of_its_own_workflow() -> None:
    data = child_of(lambda hand, number: hand.ends(number))
    (record,) = data["executions"][0]["memory"]["tapes"][0][1]
    record["types"][StopEvent.__event_name__]["more"] = "int"
    _, (told,) = accepted(data, KINDS)
    assert told.startswith("inner: ")
    assert "'more'" in told
