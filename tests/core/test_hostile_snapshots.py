"""Snapshots that somebody changed: refused, or runs that go on; never another error, and never a broken run."""

import copy
import json
from collections import Counter
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.busy import runs
from tests.core.flow import CODEC, PROGRAM, Begin, Done, Hand, Note
from tests.core.spelled import spelled_out
from workflows.core import ticks
from workflows.core.records import Asked, Edited, Read
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import RunState
from workflows.core.statuses import RunStatus, Status
from workflows.errors import ContextSerdeError
from workflows.events import Event, StopEvent, event_fields

SHORT: dict[str, dict[str, Any]] = {moment: hand.stored() for moment, hand in runs().items()}
SNAPSHOTS = SHORT | {f"{moment}, spelled out": spelled_out(data) for moment, data in SHORT.items()}
WORDS = (
    "begin also gather pair cut part done running queued suspended delayed once wait effects asked approved note "
    "q1-0123456789abcdef"
)
NUMBERS: list[object] = [0, 1, -1, 3, 99, 2**64, 10**400, 1.5, float("nan"), float("inf")]
CONTAINERS: list[object] = [[], {}, [[]], ["a", 1], {"$": ".set", "v": []}, {"$": "os:system", "v": "true"}]
INSTEAD: list[object] = [
    None,
    True,
    "",
    *WORDS.split(),
    *NUMBERS,
    *CONTAINERS,
    {"$": "note", "v": {"n": 1, "who": "x"}},
]
Place = tuple[Any, ...]


def places(node: Any, place: Place = ()) -> list[Place]:
    """All places in a document."""
    parts = node
    inner: Any = ()
    if isinstance(node, dict | list):
        inner = parts.items() if isinstance(node, dict) else enumerate(parts)
    return [place, *(found for key, value in inner for found in places(value, (*place, key)))]


PLACES = {moment: [place for place in places(data) if place] for moment, data in SNAPSHOTS.items()}


def at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def mutate(data: dict[str, Any], draw: st.DrawFn, moment: str) -> None:
    """One change: a part gone, doubled, replaced, or swapped with another."""
    place = draw(st.sampled_from(PLACES[moment]))
    other = draw(st.sampled_from(PLACES[moment]))
    try:
        owner, found = at(data, place[:-1]), copy.deepcopy(at(data, other))
        how = draw(st.sampled_from(("replace", "replace", "drop", "copy", "double")))
        if how == "replace":
            owner[place[-1]] = draw(st.sampled_from(INSTEAD))
        elif how == "drop":
            del owner[place[-1]]
        elif how == "copy":
            owner[place[-1]] = found
        else:
            owner.append(copy.deepcopy(at(owner, place[-1:])))
    except (LookupError, TypeError, AttributeError):
        pass  # an earlier change took the place away


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    moment = draw(st.sampled_from(sorted(SNAPSHOTS)))
    data = copy.deepcopy(SNAPSHOTS[moment])
    for _ in range(draw(st.integers(1, 3))):
        mutate(data, draw, moment)
    return data


@pytest.mark.guarantee("D2")
@settings(max_examples=5 * cast("Any", settings()).max_examples)
@given(data=mutated(), accepts=st.booleans())
def test_a_changed_snapshot_is_refused_or_is_a_run_that_goes_on(data: dict[str, Any], accepts: bool) -> None:
    before = repr(data)
    try:
        state, _ = restore(PROGRAM, CODEC, data, accepts_changes=accepts)
    except ContextSerdeError:
        assert repr(data) == before
        return
    see_that_it_is_sound(state)
    hand = Hand(at=5000.0)
    hand.core.state = state
    see_that_it_is_stored_as_it_was_read(hand)
    carry_on(hand)
    assert hand.state.status is RunStatus.ENDED
    assert (hand.state.executions, hand.state.questions.by_id, hand.state.timers.due) == ({}, {}, {})
    assert (hand.state.batches, hand.state.slots) == ({}, {})


def see_that_it_is_sound(state: RunState) -> None:
    """What holds of every state that the core itself has made."""
    holds: Counter[int] = Counter()
    open_questions: set[str] = {name for name, question in state.questions.by_id.items() if question.returned}
    for name, execution in state.executions.items():
        assert name == execution.id < state.next_execution
        assert not execution.is_live
        for record in execution.memory.records() if execution.memory is not None else ():
            if isinstance(record, Read | Edited):
                holds.update(version for _, version in record.versions)
            if isinstance(record, Asked) and not record.is_settled:
                open_questions.add(record.question.id)
    assert state.values.holds == holds
    assert set(state.values.versions) == {*state.values.current.values(), *holds}
    assert max(state.values.versions, default=0) < state.values.next_version
    assert set(state.questions.by_id) == open_questions
    for number, batch in state.batches.items():
        assert number == batch.id < state.next_batch
        assert batch.place.batch < number
        inside = sum(execution.place.batch == number for execution in state.executions.values())
        inside += sum(
            question.place.batch == number for question in state.questions.by_id.values() if question.returned
        )
        assert batch.open == inside + sum(inner.place.batch == number for inner in state.batches.values())
        assert all(found.take is None or len(found.arrived) < found.take for found in batch.gathered.values())
    suspended = [found for found in state.executions.values() if found.status is Status.SUSPENDED]
    assert all(set(found.on) & found.open.keys() for found in suspended), "something can wake it"
    queued = sorted(name for work in state.work.values() for name in work.queue or ())
    assert queued == [name for name, found in sorted(state.executions.items()) if found.status is Status.QUEUED]


def see_that_it_is_stored_as_it_was_read(hand: Hand) -> None:
    text = json.dumps(snapshot(hand.state, at=hand.at))  # a value that nobody has looked at yet may be NaN
    again, problems = restore(PROGRAM, CODEC, json.loads(text))
    assert problems == []
    assert json.dumps(snapshot(again, at=hand.at)) == text


def an_event(kind: type[Event]) -> Event:
    """Any event of a class."""
    needed = {field.name: 1 for field in event_fields(kind) if field.default is attrs.NOTHING}
    return kind(**needed)


def carry_on(hand: Hand) -> None:
    """Let everything happen that is left to happen: nothing of it breaks."""
    if hand.state.status is not RunStatus.HALTED:
        hand.feed(ticks.RunStarted, "r2", Begin(), 1)
    hand.feed(ticks.RunResumed, "r1", None)
    hand.receive(Note(n=1))
    for question in list(hand.pending):
        hand.receive(an_event(question.answer_type), reply_to=question.id)
    hand.at = 1e12
    hand.feed(ticks.TimerFired)
    for execution in [found for found in hand.state.executions.values() if found.is_live]:
        hand.feed(ticks.StepRaised, execution.id, execution.attempt, ValueError("again"), 0.0)
    hand.feed(ticks.TimerFired)
    join_what_can_be_joined(hand)
    hand.receive(Begin())
    live = [found for found in hand.state.executions.values() if found.is_live]
    for execution in live:
        hand.feed(ticks.StateRead, execution.id, execution.attempt, "", None)
        hand.feed(ticks.EventStreamed, execution.id, execution.attempt, "", 1, Note(n=1))
    hand.feed(ticks.StateWrittenOutside, ticks.Write(fields={}, only=True))
    begin = next(found for found in live if found.step == "begin")
    hand.feed(ticks.StepReturned, begin.id, begin.attempt, (StopEvent(),))
    for execution in [found for found in hand.state.executions.values() if found.is_live]:
        hand.feed(ticks.StepHalted, execution.id, execution.attempt)


def join_what_can_be_joined(hand: Hand) -> None:
    """Let everything in batches come to something, until they're closed, if there are workers for it."""
    for n in range(50):
        inside = [found for found in hand.state.executions.values() if found.is_live and found.place.batch]
        for execution in inside[:1]:
            hand.feed(ticks.StepReturned, execution.id, execution.attempt, (Done(n=n),))
