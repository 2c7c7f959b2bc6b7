"""Batches, tick by tick: what a returned list opens, what belongs to it, when it's closed, and what a join is given."""

import json
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import (
    CODEC,
    PROGRAM,
    Approval,
    Approved,
    Begin,
    Done,
    Hand,
    Note,
    Part,
    Piece,
    Prompt,
    Reply,
    Task,
    ignored,
    left,
    only,
    steps_of,
)
from workflows.core import ticks
from workflows.core.commands import Command, RunStep
from workflows.core.places import Place
from workflows.core.questions import Ask
from workflows.core.restore import restore
from workflows.core.statuses import RunStatus
from workflows.events import CollectionReleaseEvent, Event, StopEvent


def opened(hand: Hand, *events: Event) -> list[RunStep]:
    """Start a run whose first step returns this list; gives what runs then."""
    return only(hand.lists(hand.start(), *events), RunStep)


def parts(count: int) -> list[Part]:
    return [Part(n=n) for n in range(count)]


def given_to(commands: Iterable[Command], step: str) -> list[list[Event]]:
    """What a join is called with, each time that it's called."""
    events = [job.event for job in only(commands, RunStep) if job.step.name == step]
    assert all(isinstance(event, CollectionReleaseEvent) for event in events)
    return [event.events for event in events if isinstance(event, CollectionReleaseEvent)]


def dones(*numbers: int) -> list[Done]:
    return [Done(n=n) for n in numbers]


# --- 21: what opens a batch -------------------------------------------------------------------------------------------


def test_an_empty_list_calls_each_join_once_with_an_empty_list() -> None:
    """Semantics 21."""
    hand = Hand()
    commands = hand.lists(hand.start())
    assert (given_to(commands, "gather"), given_to(commands, "first")) == ([[]], [[]])
    assert hand.state.batches == {}


def test_nothing_calls_no_join() -> None:
    """Semantics 21."""
    hand = Hand()
    assert steps_of(hand.returns(hand.start())) == []


def test_an_event_beside_the_list_is_dispatched_as_any_other_and_no_join_takes_it() -> None:
    """Semantics 21."""
    hand = Hand()
    commands = hand.returns(hand.start(), Task(n=1))
    assert steps_of(commands) == ["work", "also"]
    assert hand.state.batches == {}


def test_a_list_that_no_step_joins_opens_no_batch() -> None:
    """Semantics 21: its members are dispatched one by one, where its step stands."""
    hand = Hand()
    job = hand.spread(1)[0]
    hand.lists(job, Note(n=1), Note(n=2))
    assert hand.state.batches == {}
    assert hand.state.mailbox.in_order() == [Note(n=1), Note(n=2)]


def test_members_that_come_to_nothing_are_dropped_and_an_empty_batch_is_joined() -> None:
    """Semantics 21."""
    hand = Hand()
    one, two = opened(hand, *parts(2))
    assert steps_of(hand.returns(one)) == []
    assert given_to(hand.returns(two), "gather") == [[]]


# --- 22: what belongs to a batch, and when it's closed ----------------------------------------------------------------


@pytest.mark.guarantee("W7")
@given(order=st.permutations(range(4)), is_stored=st.booleans())
def test_a_join_is_given_all_of_a_batch_in_the_order_of_its_members_however_they_arrive(
    order: Sequence[int], is_stored: bool
) -> None:
    """Semantics 22; `Take` takes the first to arrive, and gives them in that order too."""
    hand = Hand()
    running = {job.execution: job for job in opened(hand, *parts(4))}
    said: list[Command] = []
    waiting = [*running]
    for number in order:
        if is_stored:
            hand = hand.again()
            jobs = only(hand.feed(ticks.RunResumed, "r1", None), RunStep)
        else:
            jobs = only([command for commands in hand.said for command in commands], RunStep)
        present = {job.execution: job for job in jobs if job.execution in hand.state.executions}
        job = present[min(present, key=lambda name: abs(name - (2 + number)))]
        waiting = [name for name in waiting if name != job.execution]
        said += hand.returns(job, Done(n=job.execution - 2))
    for joined in given_to(said, "gather"):
        assert joined == dones(0, 1, 2, 3)
    assert len(given_to(said, "gather")) == 1
    (first,) = given_to(said, "first")
    assert len(first) == 2
    assert first == sorted(first, key=lambda done: getattr(done, "n", 0))


def test_two_lists_are_two_batches_that_never_merge() -> None:
    """Semantics 22: two producers call the join twice, each with its own."""
    hand = Hand()
    one, two = opened(hand, *parts(2))
    hand.lists(one, Done(n=1), Part(n=2))
    assert len(hand.state.batches) == 2
    second = hand.lists(two, Done(n=3))
    assert given_to(second, "gather") == [[Done(n=3)]]
    assert {batch.opener for batch in hand.state.batches.values()} == {"begin", "cut"}


def test_nested_batches_are_closed_from_the_inside_outwards() -> None:
    """Semantics 22."""
    hand = Hand()
    one, two = opened(hand, *parts(2))
    inner = only(hand.lists(one, Done(n=1), Done(n=2)), RunStep)
    (gathering,) = [job for job in inner if job.step.name == "gather"]
    (first,) = [job for job in inner if job.step.name == "first"]
    assert given_to(inner, "gather") == [dones(1, 2)]
    hand.returns(first)
    assert steps_of(hand.returns(two, Done(n=9))) == []
    last = hand.returns(gathering, Done(n=3))
    assert given_to(last, "gather") == [dones(3, 9)], "member 0 came to the result of the inner join"
    assert given_to(last, "first") == [dones(3, 9)]
    assert hand.state.batches == {}


def test_when_all_inner_branches_are_dropped_every_level_is_joined_with_an_empty_list() -> None:
    """Semantics 22."""
    hand = Hand()
    (one,) = opened(hand, *parts(1))
    (cut,) = only(hand.lists(one, Part(n=5)), RunStep)
    inner = only(hand.returns(cut), RunStep)
    assert given_to(inner, "gather") == [[]]
    for job in inner[:-1]:
        assert steps_of(hand.returns(job)) == []
    outer = hand.returns(inner[-1])
    assert (given_to(outer, "gather"), given_to(outer, "first")) == ([[]], [[]])


def test_a_stop_event_ends_the_run_and_drops_what_is_half_joined() -> None:
    """Semantics 12: a later run of the same context begins clean."""
    hand = Hand()
    (one,) = opened(hand, Piece(n=6), Done(n=5), Part(n=1))
    commands = hand.returns(one, StopEvent())
    for found in [found for found in hand.state.executions.values() if found.is_live]:
        commands = hand.feed(ticks.StepHalted, found.id, found.attempt)
    assert hand.state.status is RunStatus.ENDED
    assert left(commands) == [Part(n=1), Piece(n=6)], "what waited for others is told"
    assert (hand.state.batches, hand.state.slots) == ({}, {})
    assert opened(hand, Part(n=1)) != []
    assert [*hand.state.batches] == [2]


# --- 23: Take, and failures -------------------------------------------------------------------------------------------


def test_take_is_called_at_the_nth_arrival_and_what_comes_later_is_dropped() -> None:
    hand = Hand()
    opened(hand, Part(n=0), *dones(1, 2, 3))
    (called,) = [job for job in hand.state.executions.values() if job.step == "first"]
    assert isinstance(called.event, CollectionReleaseEvent)
    assert called.event.events == dones(1, 2)
    assert called.place.batch == 0
    assert [batch.open for batch in hand.state.batches.values()] == [1]


def test_take_of_a_smaller_batch_is_what_came() -> None:
    hand = Hand()
    commands = hand.lists(hand.start(), Done(n=1))
    assert given_to(commands, "first") == [[Done(n=1)]]


def test_a_join_that_fails_is_tried_again_with_the_same_batch() -> None:
    """Semantics 23: retry and waiting deliver exactly the same batch again, `Take` too."""
    hand = Hand()
    joins = opened(hand, *dones(3, 1, 2))
    assert [job.step.name for job in joins] == ["first", "gather"]
    for job in joins:
        hand.step(job, ticks.StepRaised, ValueError("not now"), 0.0)
    hand = hand.again()
    again = only(hand.feed(ticks.RunResumed, "r1", None), RunStep)
    assert sorted((job.step.name, repr(job.event)) for job in again) == sorted(
        (job.step.name, repr(job.event)) for job in joins
    )
    gather = next(job for job in again if job.step.name == "gather")
    (question,) = hand.ask(gather, Ask(Approved, Approval(what="go on?")))
    hand.suspend(gather, question)
    hand = hand.again()
    hand.feed(ticks.RunResumed, "r1", None)
    (woken,) = only(hand.receive(Approved(n=1)), RunStep)
    assert woken.event == gather.event


def test_a_member_that_waits_or_is_tried_again_keeps_its_batch_open_and_its_place() -> None:
    """Semantics 23 and 10."""
    hand = Hand()
    one, two = opened(hand, *parts(2))
    (question,) = hand.ask(one, Ask(Approved, Approval(what="go on?")))
    hand.suspend(one, question)
    hand.step(two, ticks.StepRaised, ValueError("not now"), 5.0)
    hand = hand.again()
    hand.feed(ticks.RunResumed, "r1", None)
    hand.at += 5
    (retried,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert given_to(hand.returns(retried, Done(n=2)), "gather") == []
    hand = hand.again()
    hand.feed(ticks.RunResumed, "r1", None)
    (woken,) = only(hand.receive(Approved(n=1)), RunStep)
    assert given_to(hand.returns(woken, Done(n=1)), "gather") == [dones(1, 2)]


def test_a_returned_question_keeps_its_batch_open_until_its_answer_has_been_taken() -> None:
    """Semantics 8 and 22."""
    hand = Hand()
    assert steps_of(hand.lists(hand.start(), Prompt(what="who?"), Done(n=7))) == []
    hand = hand.again()
    hand.feed(ticks.RunResumed, "r1", None)
    (hear,) = only(hand.receive(Reply(n=1)), RunStep)
    assert hear.step.name == "hear"
    assert given_to(hand.returns(hear), "gather") == [[Done(n=7)]]


# --- 24: what is sent -------------------------------------------------------------------------------------------------


def test_what_is_sent_belongs_to_no_batch_and_a_join_ignores_it() -> None:
    """Semantics 24; a wait that comes later still gets it (W4)."""
    hand = Hand()
    (job,) = opened(hand, Part(n=1))
    commands = hand.step(job, ticks.EventSent, "", 1, Done(n=8), None, None)
    assert ignored(commands) == [(Done(n=8), "gather"), (Done(n=8), "first")]
    assert ignored(hand.receive(Done(n=9))) == [(Done(n=9), "gather"), (Done(n=9), "first")]
    hand.ask(job, Ask(Done))
    hand = hand.again()
    assert hand.state.mailbox.in_order() == [Done(n=9)]
    (again,) = only(hand.feed(ticks.RunResumed, "r1", None), RunStep)
    assert given_to(hand.returns(again), "gather") == [[]]


def test_what_is_sent_to_a_step_that_takes_a_list_is_refused() -> None:
    """Semantics 24."""
    hand = Hand()
    opened(hand, Part(n=1))
    refusal = hand.refused(Done(n=1), step="gather")
    assert (refusal.reason, "the steps that accept it: none" in refusal.message) == ("no-step", True)


# --- 25: several event parameters -------------------------------------------------------------------------------------


@given(order=st.permutations([Part(n=1), Part(n=2), Part(n=3), Part(n=4), Piece(n=5), Piece(n=6)]))
def test_slots_are_filled_by_type_and_those_of_one_type_by_arrival(order: Sequence[Event]) -> None:
    """Semantics 25: the step is called again for each full set, wherever the run is stored in between."""
    hand = Hand()
    hand.start()
    called: list[list[Event]] = []
    for event in order:
        found = given_to(hand.receive(event), "pair")
        called += found
        hand = hand.again()
        found = given_to(hand.feed(ticks.RunResumed, "r1", None), "pair")
        for job in [job for job in hand.state.executions.values() if job.is_live and job.step == "pair"]:
            assert found or called
            hand.feed(ticks.StepReturned, job.id, job.attempt, ())
    arrived = [event for event in order if isinstance(event, Part)]
    pieces = [event for event in order if isinstance(event, Piece)]
    assert called == [[arrived[0], pieces[0], arrived[1]], [arrived[2], pieces[1], arrived[3]]]
    assert hand.state.slots == {}


def test_slots_of_two_levels_are_gathered_apart() -> None:
    """Semantics 25: the slots of one call come from one batch, or from none."""
    hand = Hand()
    opened(hand, Part(n=1), Piece(n=2))
    assert steps_of(hand.receive(Part(n=3))) != ["pair"]
    assert given_to(hand.receive(Part(n=4)), "pair") == []
    assert given_to(hand.receive(Piece(n=5)), "pair") == [[Part(n=3), Piece(n=5), Part(n=4)]]
    assert [*hand.state.batches[1].slots] == ["pair"]


def test_what_is_joined_tells_of_which_run_and_batch_it_is() -> None:
    hand = Hand()
    opened(hand, Part(n=1), Piece(n=2), Part(n=3))
    for event in (Part(n=4), Piece(n=5), Part(n=6)):
        hand.receive(event)
    pairs = [found.event for found in hand.state.executions.values() if found.step == "pair"]
    assert [(event.stream_id, event.binding_id) for event in pairs if isinstance(event, CollectionReleaseEvent)] == [
        ("r1/1", "pair"),
        ("r1", "pair"),
    ]


def test_the_end_of_a_run_tells_what_waits_in_slots_outside_of_batches_and_forgets_it() -> None:
    hand = Hand()
    job = hand.start()
    hand.receive(Piece(n=5))
    commands = hand.returns(job, StopEvent())
    assert (left(commands), hand.state.slots) == ([Piece(n=5)], {})


def test_slots_and_collect_events_keep_their_events_apart() -> None:
    """Semantics 25."""
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.EventCollected, "", "k", Part(n=1), [Part, Piece, Part], None)
    hand.step(job, ticks.EventCollected, "", "k", Part(n=2), [Part, Piece, Part], None)
    assert given_to(hand.receive(Piece(n=3)), "pair") == []


def test_slots_that_stay_half_filled_are_told_of_when_their_batch_is_closed() -> None:
    hand = Hand()
    (one,) = opened(hand, Part(n=1), Piece(n=2))
    commands = hand.returns(one)
    assert left(commands) == [Part(n=1), Piece(n=2)]
    assert given_to(commands, "gather") == [[]]


# --- stored -----------------------------------------------------------------------------------------------------------


def changed(hand: Hand, *replacements: tuple[str, str]) -> list[str]:
    """The mismatches of a run's snapshot whose text was changed; the run goes on to the end of its batches."""
    text = json.dumps(hand.stored())
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    state, problems = restore(PROGRAM, CODEC, json.loads(text), accepts_changes=True)
    resumed = Hand(at=hand.at)
    resumed.core.state = state
    resumed.feed(ticks.RunResumed, "r1", None)
    while live := [found for found in resumed.state.executions.values() if found.is_live]:
        resumed.feed(ticks.StepReturned, live[0].id, live[0].attempt, ())
    assert (resumed.state.batches, resumed.state.executions) == ({}, {})
    return problems


def half_joined() -> Hand:
    hand = Hand()
    opened(hand, Part(n=1), Done(n=2), Piece(n=3))
    return hand


@pytest.mark.guarantee("W6")
def test_a_join_that_is_gone_is_a_mismatch_and_where_that_is_accepted_its_batch_is_closed_all_the_same() -> None:
    problems = changed(half_joined(), ('"gather"', '"gone"'))
    assert problems[0].startswith("step 'gone' is gone, and the join of batch 1 is of it; there are 'begin'")


@pytest.mark.guarantee("W6")
def test_what_comes_for_a_join_that_a_batch_did_not_have_when_it_was_opened_is_ignored() -> None:
    text = json.dumps(half_joined().stored()).replace('"gather"', '"gone"')
    state, _ = restore(PROGRAM, CODEC, json.loads(text), accepts_changes=True)
    hand = Hand()
    hand.core.state = state
    (cut,) = [job for job in only(hand.feed(ticks.RunResumed, "r1", None), RunStep) if job.step.name == "cut"]
    assert ignored(hand.returns(cut, Done(n=1))) == [(Done(n=1), "gather")]


@pytest.mark.guarantee("W6")
def test_a_join_that_takes_no_list_any_more_is_a_mismatch() -> None:
    assert changed(half_joined(), ('"step": "gather"', '"step": "cut"')) == [
        "step 'cut' no longer takes a list, and a batch waits for it"
    ]


@pytest.mark.guarantee("W6")
def test_a_step_that_joins_other_classes_now_is_a_mismatch() -> None:
    """As if `Piece` had been taken by `pair`, and `Done` by `gather`, when it was stored."""
    assert "step 'pair' no longer takes Task, which waits for it" in changed(
        half_joined(), ('[["part"', '[["task"'), ('{"$": "part"', '{"$": "task"')
    )
    assert "step 'gather' no longer accepts Note, which waits for it" in changed(
        half_joined(), ('{"$": "done", "v": {"n": 2}', '{"$": "note", "v": {"n": 2, "who": "ann"}')
    )


@pytest.mark.guarantee("W6")
def test_a_step_that_takes_one_event_now_or_several_is_a_mismatch() -> None:
    hand = Hand()
    hand.lists(hand.start(), Done(n=1))
    assert changed(hand, ('"step": "gather"', '"step": "cut"')) == [
        "step 'cut' takes one event now, and was to take 1 together"
    ]
    assert changed(hand, ('"step": "gather"', '"step": "pair"')) == [
        "step 'pair' takes 3 events now, and was to take 1"
    ]
    single = Hand()
    opened(single, Part(n=1))
    assert changed(single, ('"step": "cut"', '"step": "pair"'))[0] == (
        "step 'pair' takes several events now, and was to take Part"
    )


@pytest.mark.guarantee("W6")
def test_when_all_that_was_open_in_a_batch_is_dropped_it_is_closed_and_joined() -> None:
    hand = Hand()
    opened(hand, Part(n=1), Done(n=2))
    text = json.dumps(hand.stored()).replace('"step": "cut"', '"step": "gone"')
    state, problems = restore(PROGRAM, CODEC, json.loads(text), accepts_changes=True)
    assert len(problems) == 1
    resumed = Hand(at=hand.at)
    resumed.core.state = state
    commands = resumed.feed(ticks.RunResumed, "r1", None)
    assert given_to(commands, "gather") == [[Done(n=2)]]


@pytest.mark.guarantee("D3")
def test_of_several_batches_that_have_lost_all_that_was_open_the_youngest_is_joined_first() -> None:
    """However odd, it stays so: ticks that are stored count on the order of the executions."""
    hand = Hand()
    for job in opened(hand, *parts(2)):
        hand.lists(job, Part(n=3))
    text = json.dumps(hand.stored()).replace('"step": "cut"', '"step": "gone"')
    state, _ = restore(PROGRAM, CODEC, json.loads(text), accepts_changes=True)
    resumed = Hand(at=hand.at)
    resumed.core.state = state
    joins = [
        job.event for job in only(resumed.feed(ticks.RunResumed, "r1", None), RunStep) if job.step.name == "gather"
    ]
    assert [event.stream_id for event in joins if isinstance(event, CollectionReleaseEvent)] == ["r1/3", "r1/2"]


def test_a_run_of_before_there_were_batches_is_read() -> None:
    hand = Hand()
    hand.spread(2)
    hand.feed(ticks.CancelRequested)
    data = hand.stored()
    assert data.keys().isdisjoint({"next_batch", "batches", "slots"})
    executions = data["executions"]
    assert isinstance(executions, list)
    for execution in executions:
        assert isinstance(execution, dict)
        assert "place" not in execution
    state, problems = restore(PROGRAM, CODEC, data)
    assert (problems, state.next_batch, state.batches) == ([], 1, {})
    assert {execution.place for execution in state.executions.values()} == {Place()}
    assert Begin() not in [execution.event for execution in state.executions.values()]
