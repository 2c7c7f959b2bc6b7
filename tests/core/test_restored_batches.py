"""Batches that are read back: what no run has written is refused, and what no step takes any more is dropped."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.busy import joining_run
from tests.core.flow import CODEC, PROGRAM, Done, Hand, Part, Piece, only
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.restore import restore
from workflows.core.state import RunState
from workflows.errors import ContextSerdeError, SnapshotMismatch
from workflows.events import StopEvent

JOINING: dict[str, Any] = joining_run().stored()
PART = {"$": "part", "v": {"n": 1}}
EMPTY: dict[str, Any] = {"id": 3, "place": [0, 0], "opener": "begin", "gathered": [], "slots": []}


def refusal(data: dict[str, Any]) -> str:
    """Why a snapshot is refused, whatever is accepted."""
    with pytest.raises(ContextSerdeError) as caught:
        restore(PROGRAM, CODEC, data, accepts_changes=True)
    assert not isinstance(caught.value, SnapshotMismatch)
    return str(caught.value)


def accepted(data: dict[str, Any]) -> tuple[RunState, list[str]]:
    """The state where changes are accepted, and what is told."""
    with pytest.raises(SnapshotMismatch) as caught:
        restore(PROGRAM, CODEC, data)
    state, told = restore(PROGRAM, CODEC, data, accepts_changes=True)
    assert tuple(told) == caught.value.problems
    return state, told


def gathered(batch: int, number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda data: data["batches"][batch]["gathered"][number]


def another_batch(**changes: Any) -> Callable[[dict[str, Any]], object]:
    """Say that there's a third batch, to which nothing belongs."""
    return lambda data: (data.update(next_batch=4), data["batches"].append({**EMPTY, **changes}))


gathers, takes, called = gathered(0, 0), gathered(1, 1), gathered(0, 1)

DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a batch of number 0": (another_batch(id=0), "batch 0 is there twice, or its number isn't"),
    "a batch of the number to come next": (another_batch(id=4), "batch 4 is there twice, or its number isn't"),
    "a batch twice": (another_batch(id=2), "batch 2 is there twice, or its number isn't"),
    "a batch in itself": (another_batch(place=[3, 0]), "batch 3 isn't there, and something belongs to it"),
    "an execution in no batch": (
        lambda data: data["executions"][0].update(place=[9, 1]),
        "batch 9 isn't there, and something belongs to it",
    ),
    "a returned question in no batch": (
        lambda data: data["questions"][0].update(place=[9, 1]),
        "batch 9 isn't there, and something belongs to it",
    ),
    "a join twice": (
        lambda data: data["batches"][0]["gathered"].append(gathers(data)),
        "batch 1 has step 'gather' twice, or keeps what it was called with",
    ),
    "a join that was called, and keeps events": (
        lambda data: called(data).update(arrived=takes(data)["arrived"]),
        "batch 1 has step 'first' twice, or keeps what it was called with",
    ),
    "a join that has all that it takes": (
        lambda data: takes(data).update(take=1),
        "batch 2 has the 1 events that step 'first' takes, and it wasn't called",
    ),
    "slots twice": (lambda data: data["slots"].append(data["slots"][0]), "step 'pair' has its events twice"),
    "fewer places than events": (lambda data: data["batches"][0]["slots"][0]["places"].pop(), "ValueError"),
    "a slot with an event of another batch": (
        lambda data: data["batches"][0]["slots"][0].update(places=[[1, 0], [2, 1]]),
        "step 'pair' has an event of batch 2 in batch 1",
    ),
    "a slot with an event of another class": (
        lambda data: data["slots"][0].update(events=[["piece", PART]]),
        "step 'pair' has Part(n=1) for a Piece",
    ),
    "slots that are full": (
        lambda data: data["slots"][0]["events"].extend([["part", PART], ["part", PART]]),
        "step 'pair' has all that it joins, and wasn't called",
    ),
    "an execution without an input": (
        lambda data: data["executions"][1].update(event=None),
        "the input of step 'work' isn't there",
    ),
}


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("what", DAMAGES)
def test_batches_that_no_run_has_are_refused_with_the_reason(what: str) -> None:
    data = copy.deepcopy(JOINING)
    damage, reason = DAMAGES[what]
    damage(data)
    assert reason in refusal(data)


def test_a_batch_to_which_nothing_belongs_is_read() -> None:
    data = copy.deepcopy(JOINING)
    another_batch()(data)
    state, told = restore(PROGRAM, CODEC, data)
    assert (told, [*state.batches]) == ([], [1, 2, 3])


GONE_SLOTS = {
    "gone": "step 'gone' is gone, and events that it joins is of it",
    "cut": "step 'cut' no longer takes several events, and some wait for it",
}


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize("step", GONE_SLOTS)
def test_what_waits_for_a_step_that_joins_no_more_is_told_and_dropped_and_the_others_stay(step: str) -> None:
    data = copy.deepcopy(JOINING)
    data["slots"].insert(0, {**data["slots"][0], "step": step})
    state, (told,) = accepted(data)
    assert told.startswith(GONE_SLOTS[step])
    assert state.slots == restore(PROGRAM, CODEC, JOINING)[0].slots != {}


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize("event", [["vanished", PART], ["part", {"$": "vanished", "v": {}}]])
def test_an_event_in_a_slot_whose_class_is_gone_is_told_and_dropped_and_the_others_stay(event: list[Any]) -> None:
    data = copy.deepcopy(JOINING)
    data["slots"][0]["events"].insert(0, event)
    state, told = accepted(data)
    assert all("what step 'pair' joins" in line and "vanished" in line for line in told)
    assert state.slots == restore(PROGRAM, CODEC, JOINING)[0].slots != {}


@pytest.mark.guarantee("W6")
def test_slots_that_are_full_because_a_parameter_is_gone_are_told_and_dropped() -> None:
    data = copy.deepcopy(JOINING)
    data["slots"][0]["takes"].append("task")
    data["slots"][0]["events"].extend([["part", PART], ["part", PART]])
    state, told = accepted(data)
    assert told == [
        "step 'pair' no longer takes task, which the events that have come for it (Part, Piece, Part) wait for"
    ]
    assert state.slots == {}


def input_of(step: str, event: Any) -> dict[str, Any]:
    """A run whose only execution is one of `step`, with this input."""
    hand = Hand()
    hand.start()
    data: dict[str, Any] = hand.stored()
    data["executions"][0].update(step=step, event=event)
    return data


def joined(*events: Any) -> Any:
    return {"joined": list(events), "stream_id": "r1/1"}


PIECE = {"$": "piece", "v": {"n": 2}}
VANISHED: dict[str, Any] = {"$": "vanished", "v": {}}
NOT_TAKEN: dict[str, tuple[str, Any, str]] = {
    "one event for several": ("pair", PART, "step 'pair' takes several events now, and was to take Part"),
    "several for one": ("cut", joined(PART), "step 'cut' takes one event now, and was to take 1 together"),
    "too few": ("pair", joined(PART, PIECE), "step 'pair' takes 3 events now, and was to take 2"),
    "one of a class that is gone": (
        "pair",
        joined(PART, PIECE, VANISHED),
        "the input of step 'pair': $: is of the type 'vanished', which the workflow doesn't declare",
    ),
    "one that it takes no more": (
        "pair",
        joined(PART, PIECE, {"$": "done", "v": {"n": 3}}),
        "step 'pair' no longer accepts Done, which waits for it",
    ),
    "two of a class of which it takes one": (
        "pair",
        joined(PART, PIECE, PIECE),
        "step 'pair' takes Part, Piece, Part together now, and was to take Part, Piece, Piece",
    ),
}


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize("what", NOT_TAKEN)
def test_an_execution_that_was_to_take_something_else_is_told_once_and_dropped(what: str) -> None:
    step, event, says = NOT_TAKEN[what]
    state, (told,) = accepted(input_of(step, event))
    assert told.startswith(says)
    assert state.executions == {}


@pytest.mark.guarantee("W6")
def test_several_events_fit_a_step_that_takes_them_in_another_order_now() -> None:
    state, told = restore(PROGRAM, CODEC, input_of("pair", joined(PIECE, PART, PART)))
    assert told == []
    hand = Hand()
    hand.core.state = state
    (job,) = only(hand.feed(ticks.RunResumed, "r1"), RunStep)
    assert getattr(job.event, "events", None) == [Part(n=1), Piece(n=2), Part(n=1)]
    assert hand.returns(job, Done(n=1), StopEvent()) != []
