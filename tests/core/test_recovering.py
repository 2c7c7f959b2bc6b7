"""Recovering: a handler takes over for a step that has failed for good, and stands where that one stood."""

from datetime import UTC, datetime

import pytest

from tests.core.flow import (
    Done,
    Hand,
    Note,
    Part,
    Piece,
    Prompt,
    Reply,
    Task,
    is_over,
    only,
    steps_of,
)
from workflows.core import ticks
from workflows.core.commands import Command, RunStep, published
from workflows.errors import ReplayMismatch, SuspensionSwallowed
from workflows.events import CollectionReleaseEvent, Event, StepFailedEvent, WorkflowFailedEvent


def fails(hand: Hand, job: RunStep, error: BaseException | None = None) -> list[Command]:
    return hand.step(job, ticks.StepRaised, error or ValueError("no"), None)


def cut(hand: Hand, n: int = 1) -> RunStep:
    """Start `cut`, for which `mend` takes over."""
    (job,) = only(hand.receive(Part(n=n), step="cut"), RunStep)
    return job


def the_only(commands: list[Command]) -> RunStep:
    (job,) = only(commands, RunStep)
    return job


def test_the_handler_is_told_what_failed_why_how_often_and_for_how_long() -> None:
    hand = Hand()
    hand.start()
    job = cut(hand)
    hand.at += 2.0
    assert steps_of(hand.step(job, ticks.StepRaised, ValueError("first"), 1.0)) == []
    hand.at += 3.0
    job = the_only(hand.feed(ticks.TimerFired))
    hand.at += 0.5
    mending = the_only(fails(hand, job, ValueError("second")))
    assert mending.step.name == "mend"
    assert mending.event == StepFailedEvent(
        step_name="cut",
        input_event=Part(n=1),
        exception=ValueError("second"),
        attempts=2,
        elapsed_seconds=5.5,
        failed_at=datetime.fromtimestamp(1005.5, UTC),
    )


def test_a_step_that_fails_before_it_began_by_a_clock_that_was_set_back_has_failed_at_once() -> None:
    hand = Hand()
    hand.start()
    job = cut(hand)
    hand.at -= 5.0
    mending = the_only(fails(hand, job))
    assert isinstance(mending.event, StepFailedEvent)
    assert mending.event.elapsed_seconds == 0.0


def test_what_comes_of_gathered_events_has_been_recovered_as_often_as_any_of_them() -> None:
    hand = Hand()
    hand.start()
    mended = the_only(hand.returns(the_only(fails(hand, cut(hand))), Part(n=1)))
    hand.step(mended, ticks.EventCollected, "", "k", Part(n=1), [Part, Part], None)
    hand.returns(mended)
    job = cut(hand, 2)
    hand.step(job, ticks.EventCollected, "", "k", Part(n=2), [Part, Part], None)
    job = the_only(hand.returns(the_only(fails(hand, job)), Part(n=3)))
    fails(hand, job, last := ValueError("the third time"))
    assert hand.state.outcome is not None
    assert [failure.error for failure in hand.state.outcome.failures] == [last]


def test_a_handler_recovers_so_often_on_the_way_of_an_event_and_then_the_failure_is_the_runs() -> None:
    """Semantics 27: it's the way of an event that counts, not the step."""
    hand = Hand()
    hand.start()
    other = cut(hand, 2)
    job = cut(hand)
    for _ in range(2):
        job = the_only(hand.returns(the_only(fails(hand, job)), Part(n=1)))
        assert job.step.name == "cut"
    assert steps_of(fails(hand, other)) == ["mend"], "another event has its own count"
    last = ValueError("once more")
    fails(hand, job, last)
    outcome = hand.state.outcome
    assert outcome is not None
    assert [(failure.step, failure.error) for failure in outcome.failures] == [("cut", last)]


def test_a_handlers_own_failure_is_the_runs() -> None:
    hand = Hand()
    begin = hand.start()
    mending = the_only(fails(hand, cut(hand)))
    fails(hand, mending, KeyError("its own"))
    hand.step(begin, ticks.StepHalted)
    (last,) = published(hand.said[-1])
    assert isinstance(last, WorkflowFailedEvent)
    assert (last.step_name, repr(last.exception)) == ("mend", "KeyError('its own')")


@pytest.mark.parametrize(
    "error",
    [
        SuspensionSwallowed("it went on"),
        ReplayMismatch("it departed"),
        ExceptionGroup("both", [ValueError("a"), ExceptionGroup("inner", [ReplayMismatch("it departed")])]),
        KeyboardInterrupt(),
    ],
)
def test_what_must_not_be_hidden_is_no_handlers(error: BaseException) -> None:
    hand = Hand()
    hand.start()
    fails(hand, cut(hand), error)
    assert hand.state.outcome is not None
    assert hand.state.outcome.failures[0].step == "cut"


def test_a_failure_after_the_end_is_decided_is_no_handlers() -> None:
    hand = Hand()
    begin = hand.start()
    job = cut(hand)
    fails(hand, begin)
    assert is_over([*hand.said[-1], *fails(hand, job)])


def test_what_a_handler_gives_takes_the_place_of_the_failed_member() -> None:
    """Semantics 23."""
    hand = Hand()
    one, two = only(hand.lists(hand.start(), Part(n=1), Part(n=2), Done(n=3)), RunStep)
    mending = the_only(fails(hand, one))
    hand.returns(two, Done(n=20))
    joining = the_only(hand.returns(mending, Done(n=10)))
    assert isinstance(joining.event, CollectionReleaseEvent)
    assert joining.step.name == "gather"
    assert joining.event.events == [Done(n=10), Done(n=20), Done(n=3)]


def test_a_handler_that_gives_nothing_drops_the_member_and_closes_the_batch() -> None:
    hand = Hand()
    job = the_only(hand.lists(hand.start(), Part(n=1)))
    mending = the_only(fails(hand, job))
    assert len(hand.state.batches) == 1
    jobs = only(hand.returns(mending), RunStep)
    assert [(job.step.name, getattr(job.event, "events", None)) for job in jobs] == [("gather", []), ("first", [])]
    assert hand.state.batches == {}


def test_a_failed_join_is_handed_over_with_its_batch_and_runs_where_it_was_opened() -> None:
    """Semantics 23: `input_event` is what the join was called with."""
    hand = Hand()
    job = the_only(hand.lists(hand.start(), Part(n=1), Done(n=2)))
    assert steps_of(hand.returns(job, Done(n=1))) == ["first", "gather"]
    joining = next(found for found in hand.state.executions.values() if found.step == "gather")
    failed = hand.feed(ticks.StepRaised, joining.id, joining.attempt, ValueError("no"), None)
    mending = the_only(failed)
    assert isinstance(mending.event, StepFailedEvent)
    batch = mending.event.input_event
    assert isinstance(batch, CollectionReleaseEvent)
    assert batch.events == [Done(n=1), Done(n=2)]
    assert hand.execution(mending).place.batch == 0


def recoveries(hand: Hand, job: RunStep) -> dict[str, int]:
    return dict(hand.execution(job).place.recoveries)


def test_recoveries_are_counted_on_through_whatever_comes_of_an_event() -> None:
    """Through what is returned, sent, asked, joined and collected."""
    hand = Hand()
    hand.start()
    mending = the_only(fails(hand, cut(hand)))
    assert recoveries(hand, mending) == {"mend": 1}
    (sent,) = only(hand.step(mending, ticks.EventSent, "", 1, Part(n=2), "cut"), RunStep)
    assert recoveries(hand, sent) == {"mend": 1}
    hand.returns(mending, Prompt(what="?"))
    (question,) = hand.pending
    hearing = the_only(hand.receive(Reply(n=1), reply_to=question.id))
    assert recoveries(hand, hearing) == {"mend": 1}
    listing = the_only(fails(hand, sent))
    assert recoveries(hand, listing) == {"mend": 2}
    member = the_only(hand.lists(listing, Part(n=3), Done(n=4)))
    assert recoveries(hand, member) == {"mend": 2}
    joining = [job for job in only(hand.returns(member, Done(n=5)), RunStep) if job.step.name == "first"]
    assert [recoveries(hand, job) for job in joining] == [{"mend": 2}]


def test_several_events_that_are_joined_count_as_the_one_that_was_recovered_most() -> None:
    hand = Hand()
    hand.start()
    job = the_only(hand.returns(the_only(fails(hand, cut(hand))), Part(n=1)))
    the_only(hand.returns(the_only(fails(hand, job)), Part(n=2)))  # both wait for a piece as well
    pairing = the_only(hand.receive(Piece(n=3)))
    assert pairing.step.name == "pair"
    assert recoveries(hand, pairing) == {"mend": 2}


def test_an_execution_that_collects_a_set_counts_on_from_all_of_it() -> None:
    hand = Hand()
    one, *_ = hand.spread(1)
    work = next(found for found in hand.state.executions.values() if found.step == "work")
    expected: list[type[Event]] = [Note, Note]
    mending = the_only(fails(hand, cut(hand)))
    hand.step(mending, ticks.EventSent, "", 1, Task(n=2), "work")
    hand.step(one, ticks.EventCollected, "", "k", Note(n=1), expected, None)
    later = the_only(hand.returns(one))
    assert recoveries(hand, later) == {"mend": 1}
    hand.step(later, ticks.EventCollected, "", "k", Note(n=2), expected, None)
    assert recoveries(hand, later) == {"mend": 1}
    assert work.id not in hand.state.executions


@pytest.mark.guarantee("D3")
def test_recoveries_are_in_a_snapshot() -> None:
    hand = Hand()
    hand.start()
    mending = the_only(fails(hand, cut(hand)))
    hand.step(mending, ticks.EventSent, "", 1, Part(n=2), "pair")
    hand.step(mending, ticks.EventCollected, "", "k", Note(n=1), [Note, Note], None)
    hand.returns(mending, Prompt(what="?"))
    again = hand.again()
    assert again.state.slots == hand.state.slots
    assert again.state.buffers == hand.state.buffers
    assert [question.place for question in again.pending] == [question.place for question in hand.pending]
    assert again.pending[0].place.recoveries == (("mend", 1),)
