"""How a run begins, ends, fails, stands still and goes on; and whose time it spends."""

import pytest

from tests.core.flow import (
    Approval,
    Approved,
    Begin,
    Hand,
    Note,
    Prompt,
    Task,
    is_over,
    left,
    only,
    steps_of,
)
from workflows.core import ticks
from workflows.core.commands import (
    Finish,
    GrantEdit,
    PublishEvent,
    Refuse,
    ReportKept,
    ReportSwallowed,
    RunStep,
    SetAlarm,
    SetBudget,
    StopSteps,
    published,
)
from workflows.core.engine import TRANSITIONS
from workflows.core.questions import Ask
from workflows.core.state import Failure, Outcome
from workflows.core.statuses import RunStatus, Status
from workflows.core.ticks import Write
from workflows.errors import SuspensionSwallowed
from workflows.events import (
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)

BAD = ValueError("bad")


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_tick_has_a_transition_and_nothing_else_has() -> None:
    kinds = [kind for kind in vars(ticks).values() if isinstance(kind, type) and issubclass(kind, ticks.Tick)]
    assert {*kinds} - {ticks.Tick, ticks.StepTick} == set(TRANSITIONS)


def test_a_tick_that_is_not_newer_than_the_last_does_nothing() -> None:
    hand = Hand()
    job = hand.start()
    for number in (hand.state.last_tick, 0, -1):
        assert hand.core.feed(ticks.StepReturned(number, hand.at, job.execution, job.attempt, (StopEvent(),))) == []
    assert hand.state.status is RunStatus.RUNNING


def test_ticks_may_leave_numbers_out() -> None:
    hand = Hand()
    hand.core.feed(ticks.RunStarted(50, hand.at, "r", Begin(), 1))
    assert hand.state.last_tick == 50
    assert hand.core.feed(ticks.EventReceived(49, hand.at, Note(n=1))) == []
    assert hand.state.mailbox.in_order() == []


def test_a_run_that_is_at_work_neither_begins_nor_goes_on_once_more() -> None:
    hand = Hand()
    hand.start(budget_s=9)
    before = hand.stored()
    for tick_type, parts in ((ticks.RunStarted, (Begin(topic="y"), 8, 5.0)), (ticks.RunResumed, (5.0, "t"))):
        assert hand.feed(tick_type, "r2", *parts) == []
        assert hand.stored() | {"last_tick": before["last_tick"]} == before


def test_what_came_before_a_run_began_is_worked_off_when_it_begins() -> None:
    hand = Hand()
    assert hand.receive(Task(n=1)) == []
    assert steps_of(hand.feed(ticks.RunStarted, "r1", Begin(), 7)) == ["begin", "work", "also"]


# --- results ----------------------------------------------------------------------------------------------------------


def test_a_returned_stop_event_ends_the_run_at_once_and_it_has_ended_with_its_last_attempt() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    assert hand.returns(work, StopEvent(result=1)) == [StopSteps()]
    assert hand.state.status is RunStatus.ENDING
    assert hand.step(also, ticks.EventStreamed, "", 1, Note(n=1)) == []
    assert hand.step(also, ticks.StepHalted) == [PublishEvent(StopEvent(result=1)), Finish()]
    assert hand.state.outcome == Outcome(result=StopEvent(result=1))
    assert hand.state.executions == {}


def test_a_second_stop_event_is_ignored() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    hand.returns(work, StopEvent(result=1))
    hand.returns(also, StopEvent(result=2))
    assert hand.state.outcome == Outcome(result=StopEvent(result=1))


def test_a_stop_event_that_is_sent_does_not_end_the_run() -> None:
    hand = Hand()
    job = hand.start()
    assert hand.step(job, ticks.EventSent, "", 1, StopEvent(), None, None) == [ReportKept(StopEvent())]
    assert hand.state.status is RunStatus.RUNNING
    assert hand.state.mailbox.in_order() == [StopEvent()]


@pytest.mark.guarantee("W4")
def test_what_was_never_taken_is_reported_at_the_end() -> None:
    hand = Hand()
    job = hand.start()
    for n in range(3):
        hand.receive(Note(n=n))
    commands = hand.returns(job, StopEvent())
    assert is_over(commands)
    assert left(commands) == [Note(n=n) for n in range(3)]


def test_a_question_that_was_returned_is_closed_when_its_run_ends() -> None:
    hand = Hand()
    commands = hand.returns(hand.start(), Prompt(what="a"), StopEvent())
    assert is_over(commands)
    assert hand.pending == []


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("R2")
def test_a_step_that_fails_for_good_fails_the_run() -> None:
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.StepRaised, ValueError("first"), 2.0)
    hand.at += 2
    (again,) = only(hand.feed(ticks.TimerFired), RunStep)
    hand.at += 1
    commands = hand.step(again, ticks.StepRaised, BAD, None)
    (last,) = published(commands)
    assert last == WorkflowFailedEvent(step_name="begin", exception=BAD, attempts=2, elapsed_seconds=3.0)
    assert hand.state.outcome == Outcome(failures=(Failure("begin", BAD, 2, 3.0),))


@pytest.mark.guarantee("R2")
def test_the_errors_of_siblings_that_are_cancelled_join_it_in_their_order() -> None:
    hand = Hand()
    work, one, two = hand.spread(2)[:3]
    hand.step(one, ticks.StepRaised, BAD, None)
    hand.step(work, ticks.StepRaised, KeyError("clean-up"), 1.0)  # no retry now
    commands = hand.step(two, ticks.StepHalted)
    (last,) = published(commands)
    assert isinstance(last, WorkflowFailedEvent)
    assert last.step_name == "also"
    assert hand.state.outcome is not None
    assert [failure.step for failure in hand.state.outcome.failures] == ["also", "work"]


@pytest.mark.guarantee("R2")
@pytest.mark.parametrize("is_sibling", [False, True])
def test_a_step_that_has_failed_for_good_says_no_more_while_others_are_being_stopped(is_sibling: bool) -> None:
    hand = Hand()
    work, also, other = hand.spread(2)[:3]
    if is_sibling:
        hand.step(work, ticks.StepRaised, KeyError("first"), None)
    hand.step(also, ticks.StepRaised, BAD, None)
    live, outcome = hand.state.live, hand.state.outcome
    assert hand.step(also, ticks.StepRaised, ValueError("once more"), None) == []
    assert (hand.state.live, hand.state.outcome) == (live, outcome)
    assert hand.state.status is RunStatus.ENDING
    assert other.execution in hand.state.executions


@pytest.mark.guarantee("R2")
def test_a_sibling_that_fails_in_clean_up_has_made_one_attempt_and_spent_no_time_if_the_clock_was_set_back() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    hand.step(work, ticks.StepRaised, BAD, None)
    hand.at -= 5
    hand.step(also, ticks.StepRaised, KeyError("clean-up"), None)
    assert hand.state.outcome is not None
    assert [(failure.attempts, failure.elapsed_s) for failure in hand.state.outcome.failures] == [(1, 0.0), (1, 0.0)]


@pytest.mark.guarantee("R2")
def test_an_error_of_clean_up_is_no_business_of_the_run_that_comes_after() -> None:
    """A second run on the same context, when cancelled, raised what the first had left behind."""
    hand = Hand()
    work, also = hand.spread(1)
    hand.returns(work, StopEvent())
    hand.step(also, ticks.StepRaised, BAD, None)
    assert [failure.error for failure in hand.state.halt_errors] == [BAD]
    hand.start()
    hand.feed(ticks.CancelRequested)
    assert hand.state.halt_errors == ()


def test_attempts_are_counted_and_a_retry_waits_for_its_delay() -> None:
    hand = Hand()
    job = hand.start()
    commands = hand.step(job, ticks.StepRaised, BAD, 5.0)
    assert commands == [SetAlarm(hand.at + 5)]
    execution = hand.execution(job)
    assert (execution.status, execution.failures, execution.last_error) == (Status.DELAYED, 1, BAD)
    hand.at += 4
    assert hand.feed(ticks.TimerFired) == []
    hand.at += 1
    (again,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert again.attempt == 2


@pytest.mark.parametrize(("delay", "due"), [(-1.0, 0.0), (float("nan"), 0.0), (float("inf"), None)])
def test_a_delay_that_is_no_time_to_wait_does_no_harm(delay: float, due: float | None) -> None:
    """One of infinity made a snapshot that JSON can't hold."""
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.StepRaised, BAD, delay)
    at = hand.state.timers.due["retry", job.execution]
    assert at == hand.at + due if due is not None else at > 2e11
    hand.stored()


# --- suspending -------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W2")
def test_a_suspended_step_takes_no_worker_and_runs_again_when_it_is_answered() -> None:
    hand = Hand()
    work = hand.spread(2)[0]
    (question,) = hand.ask(work, Ask(Approved, Approval(what="a")))
    (following,) = only(hand.suspend(work, question), RunStep)
    assert (following.step.name, following.event) == ("work", Task(n=1))
    assert only(hand.receive(Approved(n=1)), RunStep) == [], "its worker is taken"
    (again,) = only(hand.returns(following), RunStep)
    assert (again.execution, again.attempt) == (work.execution, 2)


@pytest.mark.guarantee("W2")
def test_a_step_that_waits_for_several_is_woken_by_the_last_answer_or_by_the_first_that_expires() -> None:
    def suspended() -> tuple[Hand, list[str], RunStep]:
        hand = Hand()
        job = hand.start()
        asks = [Ask(Approved, Approval(what=what), timeout_s=60) for what in "abc"]
        questions = hand.ask(job, *asks)
        (other,) = hand.ask(job, Ask(Approved, Approval(what="d"), timeout_s=30), branch="x")
        hand.suspend(job, *questions[:2])
        return hand, [question.id for question in (*questions, other)], job

    hand, names, _ = suspended()
    assert steps_of(hand.receive(Approved(n=1), reply_to=names[1])) == []
    assert steps_of(hand.receive(Approved(n=2), reply_to=names[0])) == ["begin"]
    hand, names, _ = suspended()
    assert steps_of(hand.receive(Approved(n=1), reply_to=names[3])) == ["begin"], "a task of it waits for that"
    hand, names, job = suspended()
    hand.at += 30
    assert steps_of(hand.feed(ticks.TimerFired)) == ["begin"]
    hand.suspend(RunStep(job.execution, 2, job.step, job.event), *hand.pending[:2])
    hand.at += 30
    assert steps_of(hand.feed(ticks.TimerFired)) == ["begin"]
    assert hand.pending == []


@pytest.mark.guarantee("W2")
def test_an_answer_that_comes_while_a_step_is_suspended_is_not_missed() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    assert hand.receive(Approved(n=1)) == []
    assert steps_of(hand.step(job, ticks.StepSuspended)) == ["begin"]


@pytest.mark.guarantee("W2")
def test_a_step_that_swallows_its_suspension_fails_the_run_by_name_and_once() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    hand.at += 5
    assert hand.feed(ticks.TimerFired) == [ReportSwallowed(job.execution, "begin"), StopSteps(), SetAlarm(None)]
    error = SuspensionSwallowed("when it ended at last")
    commands = hand.step(job, ticks.StepRaised, error, None)
    assert Finish() in commands
    assert hand.state.outcome is not None
    (failure,) = hand.state.outcome.failures
    assert "'begin'" in str(failure.error)


@pytest.mark.guarantee("W2", "R2")
def test_a_step_that_swallows_its_suspension_tells_in_which_attempt() -> None:
    hand = Hand()
    hand.step(hand.start(), ticks.StepRaised, BAD, 0.0)
    (job,) = only(hand.feed(ticks.TimerFired), RunStep)
    (question,) = hand.ask(job, Ask(Approved))
    hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    hand.at += 5
    hand.feed(ticks.TimerFired)
    (last,) = published(hand.step(job, ticks.StepHalted))
    assert isinstance(last, WorkflowFailedEvent)
    assert (last.attempts, last.elapsed_seconds) == (2, 0.0)


@pytest.mark.guarantee("W2", "R2")
@pytest.mark.parametrize("swallows", [False, True])
def test_a_sibling_that_swallows_its_suspension_joins_a_failure_that_is_not_its_own(swallows: bool) -> None:
    """Of the same step but no swallowing, or a swallowing but of another step."""
    hand = Hand()
    work, one, two = hand.spread(2)[:3]
    failing, other = (work, one) if swallows else (one, two)
    hand.step(failing, ticks.StepRaised, SuspensionSwallowed("one") if swallows else BAD, None)
    hand.step(other, ticks.StepRaised, SuspensionSwallowed("another"), None)
    assert hand.state.outcome is not None
    assert [failure.step for failure in hand.state.outcome.failures] == [failing.step.name, other.step.name]


@pytest.mark.guarantee("W2", "R2")
def test_a_step_that_swallows_its_suspension_while_its_run_is_cancelled_is_told() -> None:
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.CancelRequested)
    error = SuspensionSwallowed("it went on")
    hand.step(job, ticks.StepRaised, error, None)
    assert hand.state.halt_errors == (Failure("begin", error),)


@pytest.mark.guarantee("W2")
def test_when_a_step_has_swallowed_its_suspension_nothing_else_falls_due_at_that_instant() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    (question,) = hand.ask(work, Ask(Approved))
    hand.ask(also, Ask(Approved, timeout_s=5.0))
    hand.step(work, ticks.StepSuspending, (question.id,), 5.0)
    hand.at += 5
    assert hand.feed(ticks.TimerFired) == [ReportSwallowed(work.execution, "work"), StopSteps(), SetAlarm(None)]


@pytest.mark.guarantee("W2")
def test_a_step_that_has_ended_in_its_grace_is_not_reported() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    hand.suspend(job, question)
    hand.at += 60
    assert hand.feed(ticks.TimerFired) == []
    assert hand.state.status is RunStatus.RUNNING


@pytest.mark.guarantee("R3")
def test_what_a_once_in_flight_streams_while_its_step_is_suspended_is_published() -> None:
    """It was lost, though the function's result was recorded."""
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    assert published(hand.step(job, ticks.EventPublished, Note(n=1))) == [Note(n=1)]
    hand.step(job, ticks.ValueRecorded, "", "once", "f", 1)
    memory = hand.execution(job).memory
    assert memory is not None
    assert len(memory.tapes[""].records) == 2


def test_a_suspension_that_its_run_was_never_told_of_is_a_halt() -> None:
    """The run was cancelled just before: the step was suspended for ever, with nothing to wake it."""
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.CancelRequested)
    hand.step(job, ticks.StepSuspending, ("q1-0000000000000000",), 5.0)
    assert Finish() in hand.step(job, ticks.StepSuspended)
    assert steps_of(hand.feed(ticks.RunResumed, "r1")) == ["begin"]


@pytest.mark.guarantee("W2", "W4")
def test_an_answer_that_came_before_its_step_was_suspended_wakes_it_and_another_suspension_waits_again() -> None:
    hand = Hand()
    job = hand.start()
    (first,) = hand.ask(job, Ask(Approved, waiter_id="first"))
    hand.receive(Approved(n=1))
    (again,) = only(hand.suspend(job, first), RunStep)
    (second,) = hand.ask(again, Ask(Approved, waiter_id="second"))
    assert only(hand.suspend(again, second), RunStep) == []
    assert steps_of(hand.receive(Approved(n=2))) == ["begin"]


@pytest.mark.guarantee("W3")
def test_a_question_that_a_retry_has_not_asked_again_is_nobodys_when_it_parks_whatever_was_waited_for_before() -> None:
    hand = Hand()
    job = hand.start()
    (own,) = hand.ask(job, Ask(Approved, Approval(what="a")))
    (other,) = hand.ask(job, Ask(Approved, Approval(what="b")), branch="x")
    hand.suspend(job, own)
    (replayed,) = only(hand.receive(Approved(n=1), reply_to=other.id), RunStep)
    hand.step(replayed, ticks.StepRaised, BAD, 0.0)
    (retried,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert hand.pending == [own], "the retry may ask it yet"
    hand.step(retried, ticks.StepParked)
    assert hand.pending == []


@pytest.mark.guarantee("R4")
def test_an_attempt_that_is_halted_while_its_run_goes_on_is_made_again_when_that_is_resumed() -> None:
    hand = Hand()
    job = hand.start()
    assert only(hand.step(job, ticks.StepHalted), Finish) == []
    assert Finish() in hand.feed(ticks.CancelRequested)
    (again,) = only(hand.feed(ticks.RunResumed, "r1"), RunStep)
    assert (again.execution, again.attempt) == (job.execution, 2)


def test_an_attempt_that_is_halted_while_its_run_goes_on_says_no_more_and_waits_before_what_comes_next() -> None:
    hand = Hand()
    work, _ = only(hand.returns(hand.start(), Task(n=1)), RunStep)
    hand.step(work, ticks.StepHalted)
    assert hand.step(work, ticks.EventStreamed, "", 1, Note(n=1)) == []
    assert steps_of(hand.receive(Task(n=2))) == ["also"]


def test_a_run_that_has_begun_was_neither_cancelled_nor_left() -> None:
    hand = Hand()
    hand.start()
    assert (hand.state.is_cancelled, hand.state.is_left) == (False, False)


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_a_cancelled_run_stands_still_and_goes_on_where_it_was() -> None:
    hand = Hand()
    jobs = hand.spread(2)  # work 0, also 0 and 1; work 1 waits
    assert hand.feed(ticks.CancelRequested) == [StopSteps()]
    assert hand.feed(ticks.CancelRequested) == []
    hand.returns(jobs[0], StopEvent())  # too late: it's run again
    hand.step(jobs[1], ticks.StepRaised, BAD, None)
    assert [failure.error for failure in hand.state.halt_errors] == [BAD]
    assert hand.step(jobs[2], ticks.StepHalted) == [PublishEvent(WorkflowCancelledEvent()), Finish()]
    assert hand.state.status is RunStatus.HALTED
    runs = only(hand.feed(ticks.RunResumed, "r1"), RunStep)
    assert [(job.execution, job.attempt) for job in runs if job.step.name == "also"] == [
        (jobs[1].execution, 2),
        (jobs[2].execution, 2),
    ]
    assert [(job.execution, job.attempt) for job in runs if job.step.name == "work"] == [(jobs[0].execution, 2)]


@pytest.mark.guarantee("R4")
@pytest.mark.parametrize("is_still", [False, True])
def test_a_run_that_was_left_and_is_cancelled_then_is_nobodys_to_go_on_with(is_still: bool) -> None:
    hand = Hand()
    job = hand.start()
    assert hand.feed(ticks.CancelRequested, "its Runtime was left", True) == [StopSteps()]
    if is_still:
        hand.step(job, ticks.StepHalted)
    assert hand.feed(ticks.CancelRequested, "enough") == []
    if not is_still:
        assert hand.step(job, ticks.StepHalted) == [PublishEvent(WorkflowCancelledEvent()), Finish()]
    assert (hand.state.is_cancelled, hand.state.is_left) == (True, False)
    assert hand.feed(ticks.CancelRequested, "its Runtime was left", True) == []
    assert (hand.state.is_cancelled, hand.state.is_left) == (True, False)


@pytest.mark.guarantee("R3", "R4")
def test_a_run_that_is_left_says_so_in_no_place_of_its_stream_and_is_a_run_like_any_other_when_it_goes_on() -> None:
    hand = Hand()
    job = hand.start()
    for _ in range(2):
        hand.feed(ticks.CancelRequested, "its Runtime was left", True)
        assert (hand.state.is_cancelled, hand.state.is_left) == (False, True)
    commands = hand.step(job, ticks.StepHalted)
    assert commands == [PublishEvent(WorkflowCancelledEvent(), is_counted=False), Finish()]
    assert hand.state.streamed == 0
    (job,) = only(hand.feed(ticks.RunResumed, "r1"), RunStep)
    assert (hand.state.is_cancelled, hand.state.is_left) == (False, False)
    hand.feed(ticks.CancelRequested, "enough")
    assert hand.step(job, ticks.StepHalted) == [PublishEvent(WorkflowCancelledEvent()), Finish()]


def test_a_run_goes_on_under_the_id_and_the_trace_that_it_is_given_and_without_what_was_raised_before() -> None:
    hand = Hand()
    hand.feed(ticks.RunStarted, "r1", Begin(), 7, None, False, "first")
    for run_id, given, trace in (("r2", "second", "second"), ("r3", "", "second")):
        (job,) = [found for found in hand.state.executions.values() if found.is_live]
        hand.feed(ticks.CancelRequested)
        hand.feed(ticks.StepRaised, job.id, job.attempt, BAD)
        assert [failure.error for failure in hand.state.halt_errors] == [BAD]
        hand.feed(ticks.RunResumed, run_id, None, given)
        assert (hand.state.run_id, hand.state.trace, hand.state.halt_errors) == (run_id, trace, ())


def test_a_run_that_never_began_cannot_be_cancelled() -> None:
    hand = Hand()
    assert hand.feed(ticks.CancelRequested) == []
    assert hand.start().step.name == "begin"


def test_a_run_that_stands_still_takes_events_and_answers() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    hand.suspend(job, question)
    assert Finish() in hand.feed(ticks.CancelRequested)
    assert hand.receive(Approved(n=1)) == []
    assert hand.receive(Task(n=1)) == []
    assert sorted(steps_of(hand.feed(ticks.RunResumed, "r1"))) == ["also", "begin", "work"]


@pytest.mark.guarantee("W8")
def test_a_deadline_that_has_passed_while_the_run_stood_still_fires_when_it_goes_on() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved, timeout_s=10))
    hand.suspend(job, question)
    hand.feed(ticks.CancelRequested)
    assert hand.state.alarm is None
    hand.at += 60
    assert hand.feed(ticks.TimerFired) == []
    assert steps_of(hand.feed(ticks.RunResumed, "r1")) == ["begin"]
    assert hand.pending == []


def test_an_attempt_that_is_given_back_is_run_again_when_the_run_goes_on() -> None:
    hand = Hand()
    job = hand.start()
    assert hand.step(job, ticks.StepHalted) == []
    assert hand.state.live == 0
    hand.feed(ticks.CancelRequested)
    assert [run.attempt for run in only(hand.feed(ticks.RunResumed, "r1"), RunStep)] == [2]


def test_a_run_that_waits_for_its_turn_begins_when_it_is_resumed() -> None:
    hand = Hand()
    assert hand.feed(ticks.RunStarted, "r1", Begin(), 7, 5.0, True) == []
    assert hand.state.status is RunStatus.HALTED
    assert steps_of(hand.feed(ticks.RunResumed, "r1", 5.0)) == ["begin"]


# --- again ------------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("D4")
def test_a_run_that_begins_again_is_clean_and_keeps_the_state() -> None:
    hand = Hand()
    job = hand.start(budget_s=100)
    hand.step(job, ticks.StateWritten, "", 1, Write(path="a", value=1))
    hand.step(job, ticks.EventCollected, "", "k", Note(n=1), [Note, Note], None)
    hand.ask(job, Ask(Approved))
    hand.receive(Note(n=2))
    hand.at += 10
    hand.returns(job, Prompt(what="a"), StopEvent())
    job = hand.start(budget_s=100)
    assert hand.state.values.fields() == {"a": 1}
    assert (hand.state.buffers, hand.pending, hand.state.mailbox.in_order()) == ({}, [], [])
    assert hand.state.budget.spent_s == 0
    assert hand.refused(Approved(n=1)).reason == "no-question", "this run has never asked"
    assert job.execution == 2


@pytest.mark.guarantee("D4")
def test_a_snapshot_of_a_run_whose_end_is_decided_is_one_of_a_run_that_has_ended() -> None:
    """Restored and begun again, it took up what the first run had been cancelled at."""
    hand = Hand()
    work, also = hand.spread(2)[:2]
    hand.step(work, ticks.StateRead, "", None)
    hand.receive(Note(n=1))
    hand.ask(also, Ask(Approved))
    hand.step(also, ticks.EventCollected, "", "k", Note(n=1), [Note, Note], None)
    hand.returns(work, Prompt(what="a"), StopEvent(result=3))
    data = hand.stored()
    assert (data["status"], data["is_running"]) == ("ended", False)
    assert data["executions"] == []
    assert data.keys().isdisjoint({"mailbox", "questions", "asking_order", "buffers"})
    again = hand.again()
    assert again.state.outcome == Outcome(result=StopEvent(result=3))
    assert again.pending == []
    assert again.start().step.name == "begin"
    assert [found.step for found in again.state.executions.values()] == ["begin"]


@pytest.mark.guarantee("D4")
def test_an_end_leaves_no_timer_of_whatever_kind() -> None:
    hand = Hand()
    work, one, two = hand.spread(2)[:3]
    hand.step(work, ticks.StepRaised, BAD, 60.0)
    (question,) = hand.ask(one, Ask(Approved, timeout_s=60))
    hand.step(one, ticks.StepSuspending, (question.id,), 5.0)
    hand.returns(two, StopEvent())
    for execution in [found for found in hand.state.executions.values() if found.is_live]:
        hand.feed(ticks.StepHalted, execution.id, execution.attempt)
    assert (hand.state.status, hand.state.timers.due, hand.state.timers.heap) == (RunStatus.ENDED, {}, [])


@pytest.mark.guarantee("D4")
def test_a_step_that_is_over_leaves_no_version_of_the_state_behind() -> None:
    hand = Hand()
    hand.feed(ticks.StateWrittenOutside, Write(path="a", value=1))
    job = hand.start()
    hand.step(job, ticks.StateRead, "", "a")
    hand.step(job, ticks.StateWritten, "", 1, Write(path="a", value=2))
    assert len(hand.state.values.versions) == 2
    hand.returns(job)
    assert hand.state.values.versions == {2: 2}
    assert hand.state.values.holds == {}


def test_what_a_departure_drops_leaves_no_version_of_the_state_behind() -> None:
    hand = Hand()
    hand.feed(ticks.StateWrittenOutside, Write(path="a", value=1))
    job = hand.start()
    hand.step(job, ticks.TapeDropped, "", 0, 0, 0)
    hand.step(job, ticks.StateRead, "", "a")
    hand.step(job, ticks.StateWritten, "", 1, Write(path="a", value=2))
    hand.step(job, ticks.TapeDropped, "", 0, 0, 0)
    assert hand.state.values.versions == {2: 2}


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W8")
def test_waiting_spends_no_time_whether_suspended_or_parked() -> None:
    hand = Hand()
    job = hand.start(budget_s=10)
    hand.at += 1
    (question,) = hand.ask(job, Ask(Approved))
    assert SetBudget(None) in hand.suspend(job, question)
    hand.at += 1000
    (again,) = only(hand.receive(Approved(n=1)), RunStep)
    assert hand.state.budget_alarm == hand.at + 9
    hand.at += 2
    assert hand.step(again, ticks.StepParked) == [SetBudget(None)]
    assert hand.step(again, ticks.StepParked) == []
    hand.at += 1000
    assert hand.step(again, ticks.StepUnparked) == [SetBudget(hand.at + 7)]
    assert hand.step(again, ticks.StepUnparked) == []
    assert hand.state.budget.spent_s == 3
    hand.step(again, ticks.StepParked)
    hand.at += 1000
    hand.step(again, ticks.StepRaised, BAD, 5.0)
    assert (hand.state.budget.active, hand.state.budget.spent_s) == (0, 3)


@pytest.mark.guarantee("W8")
def test_time_runs_while_any_attempt_does_and_once_however_many_do() -> None:
    hand = Hand()
    job = hand.start(budget_s=10)
    hand.at += 1
    one, two, three = only(hand.returns(job, Task(n=0), Task(n=1)), RunStep)
    hand.at += 1
    hand.step(one, ticks.StepParked)
    hand.step(two, ticks.StepParked)
    assert hand.state.budget_alarm == hand.at + 8
    hand.at += 1
    hand.step(three, ticks.StepParked)
    assert hand.state.budget.spent_s == 3


@pytest.mark.guarantee("W8")
def test_a_run_that_has_spent_its_time_ends_and_names_what_was_at_work() -> None:
    hand = Hand()
    job = hand.start(budget_s=10)
    work, *rest = only(hand.returns(job, Task(n=0)), RunStep)
    hand.at += 9.5
    assert hand.feed(ticks.TimerFired) == []
    hand.at += 0.5
    assert hand.feed(ticks.TimerFired) == [StopSteps(), SetBudget(None)]
    hand.step(work, ticks.StepHalted)
    commands = hand.step(rest[0], ticks.StepHalted)
    assert published(commands) == [WorkflowTimedOutEvent(timeout=10.0, active_steps=["also", "work"])]
    assert hand.state.outcome == Outcome(timed_out_s=10.0, active_steps=("also", "work"))


@pytest.mark.guarantee("W8")
def test_a_run_that_has_no_time_at_all_says_so() -> None:
    hand = Hand()
    job = hand.start(budget_s=0)
    hand.feed(ticks.TimerFired)
    commands = hand.step(job, ticks.StepHalted)
    assert published(commands) == [WorkflowTimedOutEvent(timeout=0.0, active_steps=["begin"])]


@pytest.mark.guarantee("W8")
def test_time_that_was_spent_before_a_restart_counts() -> None:
    hand = Hand()
    job = hand.start(budget_s=10)
    hand.at += 4
    again = hand.again()
    assert job.execution in again.state.executions
    again.at += 1000
    commands = again.feed(ticks.RunResumed, "r1", 10)
    assert only(commands, SetBudget) == [SetBudget(again.at + 6)]


@pytest.mark.guarantee("W8")
def test_a_run_that_goes_on_with_less_time_than_it_has_spent_is_out_of_time_at_once() -> None:
    hand = Hand()
    hand.start(budget_s=10)
    hand.at += 4
    again = hand.again()
    assert only(again.feed(ticks.RunResumed, "r1", 3), SetBudget) == [SetBudget(again.at)]
    assert StopSteps() in again.feed(ticks.TimerFired)


@pytest.mark.guarantee("W8")
def test_a_run_that_has_spent_just_its_time_is_out_of_time_though_nobody_spends_it_any_more() -> None:
    hand = Hand()
    job = hand.start(budget_s=10)
    hand.at += 10
    hand.step(job, ticks.StepParked)
    assert StopSteps() in hand.feed(ticks.TimerFired)


def test_a_clock_that_goes_back_gives_no_time_back() -> None:
    hand = Hand()
    job = hand.start(budget_s=10)
    hand.at -= 5
    hand.step(job, ticks.StepParked)
    assert hand.state.budget.spent_s == 0


# --- edits ------------------------------------------------------------------------------------------------------------


def test_an_edit_ends_with_its_attempt_and_the_next_one_is_granted() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    hand.feed(ticks.EditAsked, f"{work.execution}:1", work.execution, work.attempt)
    hand.feed(ticks.EditAsked, f"{work.execution}:2", work.execution, work.attempt)
    hand.feed(ticks.EditAsked, f"{also.execution}:3", also.execution, also.attempt)
    commands = hand.step(work, ticks.StepRaised, BAD, 1.0)
    assert only(commands, GrantEdit) == [GrantEdit(f"{also.execution}:3")]
    assert hand.state.values.waiting == []


def test_edits_are_granted_one_at_a_time_in_the_order_of_asking() -> None:
    hand = Hand()
    job = hand.start()
    mine = f"{job.execution}:1"
    assert hand.feed(ticks.EditAsked, mine, job.execution, job.attempt) == [GrantEdit(mine)]
    for owner in ("outside:1", "outside:2", "outside:3", "outside:2"):
        assert hand.feed(ticks.EditAsked, owner) == []
    write = Write(path="a", value=1)
    assert hand.feed(ticks.EditCommitted, "outside:1", write) == [], "it isn't its turn"
    committed = hand.feed(ticks.EditCommitted, mine, write, job.execution, job.attempt, "", 5)
    assert (committed, hand.state.values.fields()) == ([GrantEdit("outside:1")], {"a": 1})
    assert hand.feed(ticks.EditDropped, "outside:2") == [], "it gives up its place"
    assert hand.feed(ticks.EditDropped, "outside:1") == [GrantEdit("outside:3")]
    assert hand.feed(ticks.EditDropped, "outside:3") == []
    assert hand.state.values.editor is None


def test_a_commit_that_cannot_be_done_is_refused_and_its_edit_goes_on() -> None:
    hand = Hand()
    hand.feed(ticks.StateWrittenOutside, Write(path="a", value=1))
    hand.feed(ticks.EditAsked, "outside:1")
    hand.feed(ticks.EditAsked, "outside:2")
    (refusal,) = hand.feed(ticks.EditCommitted, "outside:1", Write(path="a.b", value=1))
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, hand.state.values.editor) == ("path", "outside:1")


@pytest.mark.guarantee("W1", "R1")
def test_an_edit_is_neither_begun_nor_committed_by_an_attempt_whose_run_is_being_stopped() -> None:
    hand = Hand()
    job = hand.start()
    mine = f"{job.execution}:1"
    hand.feed(ticks.EditAsked, mine, job.execution, job.attempt)
    hand.feed(ticks.CancelRequested)
    write = Write(path="a", value=1)
    assert hand.feed(ticks.EditCommitted, mine, write, job.execution, job.attempt, "", 5) == []
    assert hand.state.values.fields() == {}
    hand.feed(ticks.EditDropped, mine)
    assert hand.feed(ticks.EditAsked, f"{job.execution}:2", job.execution, job.attempt) == []
    assert hand.state.values.editor is None


def test_nobody_writes_while_somebody_edits() -> None:
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.EditAsked, "outside:1")
    outside = hand.feed(ticks.StateWrittenOutside, Write(path="a", value=1))
    inside = hand.step(job, ticks.StateWritten, "", 1, Write(path="a", value=1))
    assert [refusal.reason for refusal in only([*outside, *inside], Refuse)] == ["busy", "busy"]
    assert hand.state.values.fields() == {}
    assert hand.execution(job).memory is None, "the step waits for its turn, and tries again"
    hand.feed(ticks.StateWrittenOutside, Write(path="a", value=1), "outside:1")
    assert hand.state.values.fields() == {"a": 1}


def test_whoever_had_an_edit_may_still_write_when_nobody_edits() -> None:
    hand = Hand()
    job = hand.start()
    assert hand.step(job, ticks.StateWritten, "", 1, Write(path="a", value=1), f"{job.execution}:1") == []
    memory = hand.execution(job).memory
    assert memory is not None
    assert len(list(memory.records())) == 1, "a replay won't write it again"
    assert hand.feed(ticks.StateWrittenOutside, Write(path="b", value=2), "outside:1") == []
    assert hand.state.values.fields() == {"a": 1, "b": 2}
