"""Children in the core, one case at a time; `test_children_machine` has all of them at once."""

import pytest

from tests.core.flow import Approval, Approved, Begin, Note, Prompt, Task, only
from tests.core.test_children_machine import KINDS, OUTER, OUTER_CODEC, Errand, restored
from workflows.core import ticks
from workflows.core.children import is_stalled
from workflows.core.commands import (
    Command,
    DropChild,
    Finish,
    ForChild,
    PublishEvent,
    Refuse,
    ReportErrors,
    RunStep,
    WakeWait,
    published,
)
from workflows.core.delivery import all_questions, owner_of
from workflows.core.engine import Core
from workflows.core.questions import Ask
from workflows.core.records import Ran
from workflows.core.snapshot import snapshot
from workflows.core.state import Child
from workflows.core.statuses import RunStatus, Status
from workflows.events import Event, StopEvent


class Hand:
    """Feeds a run whose step `begin` has a child."""

    def __init__(self) -> None:
        self.core = Core(OUTER, OUTER_CODEC, children=KINDS)
        self.at = 1000.0
        (self.job,) = only(self.feed(ticks.RunStarted, "r", Begin(), 7, None), RunStep)

    def feed(self, tick_type: type[ticks.Tick], *parts: object) -> list[Command]:
        make: type = tick_type
        tick: ticks.Tick = make(self.core.state.last_tick + 1, self.at, *parts)
        return self.core.feed(tick)

    def step(self, tick_type: type[ticks.StepTick], *parts: object) -> list[Command]:
        return self.feed(tick_type, self.job.execution, self.job.attempt, *parts)

    def start(self, key: str = "k") -> int:
        before = self.core.state.next_child
        self.step(ticks.ChildStarted, "", key, "inner", f"begin/Inner[{key}]", Errand())
        return before

    def child(self, number: int) -> Child:
        return self.core.state.children[number]

    def within(self, number: int, tick_type: type[ticks.Tick], *parts: object) -> list[Command]:
        nested = self.child(number).state
        make: type = tick_type
        tick: ticks.Tick = make(nested.last_tick + 1, self.at, 1, 1, *parts)
        return self.feed(ticks.ChildTick, number, tick)

    def ends(self, number: int, result: object = None) -> list[Command]:
        return self.within(number, ticks.StepReturned, (StopEvent(result=result),))

    def asks(self, number: int, what: str = "?") -> list[Command]:
        return self.within(number, ticks.QuestionsAsked, "", (Ask(Approved, Approval(what=what)),))

    def waits(self, number: int) -> list[Command]:
        """The child's step waits for its question, all the way."""
        (name,) = self.child(number).state.questions.by_id
        self.within(number, ticks.StepSuspending, (name,), 2.0)
        return self.within(number, ticks.StepSuspended)

    def again(self) -> "Hand":
        """The run, restored from its snapshot in another process, and gone on with."""
        made = Hand()
        made.core = Core(OUTER, OUTER_CODEC, state=restored(snapshot(self.core.state, at=self.at)))
        made.at, made.job = self.at, self.job
        made.feed(ticks.RunResumed, "r", None)
        return made

    def record(self, number: int) -> Ran:
        execution = self.core.state.executions[self.job.execution]
        assert execution.memory is not None
        (found,) = [item for item in execution.memory.records() if isinstance(item, Ran) and item.child == number]
        return found

    def answer(self, event: Event, reply_to: str | None = None) -> list[Command]:
        return self.feed(ticks.EventReceived, event, None, reply_to)


def test_a_child_that_ends_wakes_its_step_and_is_forgotten() -> None:
    hand = Hand()
    number = hand.start()
    commands = hand.ends(number, result=3)
    assert only(commands, WakeWait) == [WakeWait(hand.job.execution, f"run {number}")]
    assert only(commands, DropChild) == [DropChild(number)]
    outcome = hand.record(number).outcome
    assert outcome is not None
    assert outcome.result == StopEvent(result=3)
    assert hand.core.state.children == {}


def test_a_step_that_waits_for_a_child_is_replayed_when_that_has_ended() -> None:
    hand = Hand()
    number = hand.start()
    hand.step(ticks.StepSuspending, (f"run {number}",), 2.0)
    hand.step(ticks.StepSuspended)
    assert hand.core.state.executions[hand.job.execution].status is Status.SUSPENDED
    (again,) = only(hand.ends(number), RunStep)
    assert (again.execution, again.attempt) == (hand.job.execution, 2)


def test_a_child_in_which_everything_waits_tells_its_step() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    assert only(hand.waits(number), WakeWait) == [WakeWait(hand.job.execution, f"run {number}")]
    assert hand.core.state.budget.active == 1, "the step itself is at work"


def test_children_of_a_run_that_is_resumed_go_on_in_the_order_in_which_they_began() -> None:
    hand = Hand()
    numbers = [hand.start(key) for key in ("k", "l", "m")]
    hand.core = Core(OUTER, OUTER_CODEC, state=restored(snapshot(hand.core.state, at=hand.at)))
    gone_on = only(hand.feed(ticks.RunResumed, "r", None), ForChild)
    assert list(dict.fromkeys(command.child for command in gone_on)) == numbers


@pytest.mark.guarantee("W3")
@pytest.mark.parametrize("is_wanted", [True, False])
def test_an_id_of_a_child_tells_whether_the_child_has_asked_it_be_it_wanted_or_not(is_wanted: bool) -> None:
    hand = Hand()
    number = hand.start()
    if not is_wanted:
        hand.step(ticks.ChildWanted, number, False)
    reasons = [
        refusal.reason
        for name in (f"c{number}.q1-0123456789abcdef", f"c{number}.q9-0123456789abcdef", f"c{number}.c1.q1")
        for refusal in only(hand.answer(Approved(n=1), name), Refuse)
    ]
    assert reasons == ["answered", "no-question", "no-question"]


@pytest.mark.guarantee("W3")
def test_whoever_asks_is_found_by_the_question() -> None:
    hand = Hand()
    hand.step(ticks.QuestionsAsked, "", (Ask(Approved),))
    first, second = hand.start("k"), hand.start("l")
    for number in (first, second):
        hand.asks(number, what=f"{number}?")
    state, outer = hand.core.state, hand.child(first).state
    hand.within(first, ticks.ChildStarted, "", "m", "inner", "begin/Innermost[m]", Errand())
    inner = outer.children[1].state
    asks = ticks.QuestionsAsked(inner.last_tick + 1, hand.at, 1, 1, "", (Ask(Approved, Approval(what="m?")),))
    hand.feed(ticks.ChildTick, first, ticks.ChildTick(outer.last_tick + 1, hand.at, 1, asks))
    owners = [owner_of(state, question) for question in all_questions(state)]
    assert [id(owner) for owner in owners] == [id(run) for run in (state, outer, inner, hand.child(second).state)]


@pytest.mark.guarantee("W3")
def test_a_childs_question_is_answered_by_its_outer_id_by_its_type_and_not_twice() -> None:
    hand = Hand()
    one, two = hand.start("one"), hand.start("two")
    hand.asks(one, "x")
    hand.asks(two, "y")
    first, second = all_questions(hand.core.state)
    assert (first.path, second.path) == (("begin/Inner[one]",), ("begin/Inner[two]",))
    (refusal,) = only(hand.answer(Approved(n=1)), Refuse)
    assert (refusal.reason, refusal.candidates) == ("ambiguous", (first, second))
    woken = only(hand.answer(Approved(n=2), second.id), ForChild)
    assert [command.child for command in woken] == [two]
    hand.answer(Approved(n=3))
    assert all_questions(hand.core.state) == []
    assert [refusal.reason for refusal in only(hand.answer(Approved(n=4), first.id), Refuse)] == ["answered"]
    assert [refusal.reason for refusal in only(hand.answer(Approved(n=4)), Refuse)] == ["answered"]


def test_a_question_of_a_child_that_is_over_was_answered_and_one_of_no_child_never_asked() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    (question,) = all_questions(hand.core.state)
    hand.ends(number)
    assert only(hand.answer(Approved(n=1), question.id), Refuse)[0].reason == "answered"
    never = question.id.replace(f"c{number}.", "c9.")
    assert only(hand.answer(Approved(n=1), never), Refuse)[0].reason == "no-question"


@pytest.mark.guarantee("W1")
def test_a_failed_attempt_holds_its_children_and_its_retry_lets_them_go_on() -> None:
    hand = Hand()
    number = hand.start()
    hand.step(ticks.StepRaised, ValueError("no"), 1.0)
    assert hand.child(number).state.status is RunStatus.HALTING
    hand.within(number, ticks.StepHalted)
    assert hand.child(number).state.status is RunStatus.HALTED
    hand.at += 1.0
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    hand.start()
    assert hand.core.state.next_child == number + 1, "it's the same child"
    assert hand.child(number).state.status is RunStatus.RUNNING


@pytest.mark.guarantee("W4")
def test_the_questions_of_a_child_stay_open_between_two_attempts_of_its_step() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    hand.waits(number)
    (question,) = all_questions(hand.core.state)
    hand.step(ticks.StepRaised, ValueError("no"), 1.0)
    hand = hand.again()
    assert all_questions(hand.core.state) == [question]
    assert only(hand.answer(Approved(n=1), question.id), Refuse) == []
    hand.at += 1.0
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    (inner,) = only(hand.step(ticks.ChildStarted, "", "k", "inner", "begin/Inner[k]", Errand()), ForChild)
    assert isinstance(inner.command, RunStep)
    assert inner.command.attempt == 2, "it's replayed with its answer"


@pytest.mark.guarantee("W3")
def test_questions_of_a_child_that_a_retry_does_not_come_to_are_nobodys() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    hand.waits(number)
    (question,) = all_questions(hand.core.state)
    hand.step(ticks.StepRaised, ValueError("no"), 0.0)
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    hand.step(ticks.QuestionsAsked, "", (Ask(Approved, Approval(what="else")),))
    hand.step(ticks.StepSuspending, tuple(hand.core.state.questions.by_id), 2.0)
    assert [found.path for found in all_questions(hand.core.state)] == [()]
    assert only(hand.answer(Approved(n=1), question.id), Refuse)[0].reason == "answered"


@pytest.mark.guarantee("W3")
def test_of_equal_questions_the_oldest_is_served_first_whoever_asks_it() -> None:
    hand = Hand()
    one, two = hand.start("one"), hand.start("two")
    hand.asks(two)
    hand.at += 1.0
    hand.asks(one)
    hand.at += 1.0
    hand.step(ticks.QuestionsAsked, "", (Ask(Approved, Approval(what="?")),))
    served = [only(hand.answer(Approved(n=n)), ForChild) for n in range(3)]
    assert [[command.child for command in commands] for commands in served] == [[two], [one], []]


@pytest.mark.guarantee("W3")
def test_questions_of_a_child_that_its_step_has_left_are_nobodys_while_it_is_being_stopped() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    (question,) = all_questions(hand.core.state)
    hand.step(ticks.StepReturned, ())
    assert hand.child(number).state.status is RunStatus.HALTING
    assert all_questions(hand.core.state) == []
    assert [refusal.reason for refusal in only(hand.answer(Approved(n=1), question.id), Refuse)] == ["answered"]


def test_a_child_that_a_retry_comes_to_while_it_is_being_stopped_goes_on_when_it_has() -> None:
    hand = Hand()
    number = hand.start()
    hand.step(ticks.StepRaised, ValueError("no"), 0.0)
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    hand.start()
    assert hand.child(number).state.status is RunStatus.HALTING
    (again,) = [command.command for command in only(hand.within(number, ticks.StepHalted), ForChild)][-1:]
    assert isinstance(again, RunStep)
    assert hand.child(number).state.status is RunStatus.RUNNING


def test_a_child_that_failed_is_another_one_for_a_retry() -> None:
    hand = Hand()
    number = hand.start()
    hand.within(number, ticks.StepRaised, ValueError("in the child"), None)
    assert hand.record(number).is_failed
    hand.step(ticks.StepRaised, ValueError("no"), 0.0)
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert hand.start() == number + 1
    assert hand.child(number + 1).state.status is RunStatus.RUNNING


def test_a_child_that_stood_still_when_its_step_ended_is_forgotten() -> None:
    """Found by the machine: it was asked to stand still once more, which it did already, and stayed for ever."""
    hand = Hand()
    number = hand.start()
    hand.step(ticks.ChildWanted, number, False)
    hand.within(number, ticks.StepHalted)
    assert hand.child(number).state.status is RunStatus.HALTED
    assert only(hand.step(ticks.StepReturned, ()), DropChild) == [DropChild(number)]
    assert hand.core.state.children == {}


def test_a_child_that_is_wanted_while_its_run_is_being_stopped_stays_stopped() -> None:
    """Found by the machine: the word of a step in clean-up let a child run on in a run that was to stand still."""
    hand = Hand()
    number = hand.start()
    hand.step(ticks.ChildWanted, number, False)
    hand.within(number, ticks.StepHalted)
    hand.feed(ticks.CancelRequested)
    hand.step(ticks.ChildWanted, number, True)
    assert hand.child(number).state.status is RunStatus.HALTED
    assert only(hand.step(ticks.StepHalted), Finish) == [Finish()]


@pytest.mark.guarantee("R1")
def test_the_end_of_a_run_waits_for_the_steps_of_its_children() -> None:
    hand = Hand()
    number = hand.start()
    assert only(hand.step(ticks.StepReturned, (StopEvent(),)), Finish) == []
    commands = hand.within(number, ticks.StepHalted)
    assert only(commands, Finish) == [Finish()]
    assert (hand.core.state.status, hand.core.state.children) == (RunStatus.ENDED, {})


def test_a_cancelled_run_and_its_children_go_on_together() -> None:
    hand = Hand()
    number = hand.start()
    hand.feed(ticks.CancelRequested)
    hand.within(number, ticks.StepHalted)
    hand.step(ticks.StepHalted)
    state = restored(snapshot(hand.core.state, at=hand.at))
    core = Core(OUTER, OUTER_CODEC, state=state)
    commands = core.feed(ticks.RunResumed(state.last_tick + 1, hand.at, "r", None))
    inner = [command.command for command in only(commands, ForChild)]
    assert [job.step.name for job in [*only(commands, RunStep), *only(inner, RunStep)]] == ["begin", "fetch"]


@pytest.mark.guarantee("D4")
def test_children_that_are_over_leave_nothing_but_how_they_ended() -> None:
    def size(children: int) -> int:
        hand = Hand()
        for number in range(children):
            hand.ends(hand.start(str(number)))
        hand.step(ticks.StepReturned, (Task(n=1),))
        return len(str(snapshot(hand.core.state, at=hand.at)))

    assert size(100) - size(1) < 10, "digits of counters"


def test_a_childs_timers_are_the_runs_and_its_budget_is_its_own() -> None:
    hand = Hand()
    number = hand.start()
    assert hand.core.state.alarm == hand.at + 30.0
    hand.at += 30.0
    hand.feed(ticks.TimerFired)
    assert hand.child(number).state.status is RunStatus.ENDING
    hand.within(number, ticks.StepHalted)
    outcome = hand.record(number).outcome
    assert outcome is not None
    assert outcome.timed_out_s == 30.0


def test_a_step_in_a_task_that_is_no_branchs_own_finds_its_child_by_content() -> None:
    hand = Hand()
    for _ in range(2):
        hand.step(ticks.ChildStarted, None, "k", "inner", "begin/Inner", Errand())
    assert list(hand.core.state.children) == [1]
    hand.within(1, ticks.EventStreamed, "", 1, Note(n=1))
    assert hand.core.state.streamed == 1


def test_what_a_child_publishes_is_in_the_runs_stream_but_for_its_last_event() -> None:
    hand = Hand()
    number = hand.start()
    asked = Prompt(what="?")
    assert published(hand.within(number, ticks.StepReturned, (asked, StopEvent(result=1)))) == [asked]
    assert hand.core.state.streamed == 1


def test_what_a_child_does_while_it_is_at_work_wakes_nobody() -> None:
    hand = Hand()
    number = hand.start()
    assert hand.within(number, ticks.EventStreamed, "", 1, Note(n=1)) == [PublishEvent(Note(n=1))]


def test_a_step_that_is_suspended_is_not_woken_by_a_child_in_which_everything_waits() -> None:
    hand = Hand()
    number = hand.start()
    hand.step(ticks.StepSuspending, (f"run {number}",), 2.0)
    hand.step(ticks.StepSuspended)
    hand.asks(number)
    assert only(hand.waits(number), WakeWait) == []


@pytest.mark.guarantee("R1")
def test_a_cancelled_run_stops_its_children() -> None:
    hand = Hand()
    number = hand.start()
    hand.feed(ticks.CancelRequested)
    assert hand.child(number).state.status is RunStatus.HALTING


def test_a_child_that_has_been_stopped_is_not_the_end_of_a_run_in_which_everything_waits() -> None:
    hand = Hand()
    number = hand.start()
    hand.step(ticks.ChildWanted, number, False)
    hand.step(ticks.QuestionsAsked, "", (Ask(Approved),))
    hand.step(ticks.StepSuspending, tuple(hand.core.state.questions.by_id), 2.0)
    hand.step(ticks.StepSuspended)
    commands = hand.within(number, ticks.StepHalted)
    assert (only(commands, Finish), published(commands)) == ([], [])
    assert hand.core.state.status is RunStatus.RUNNING


@pytest.mark.guarantee("R2")
def test_what_a_child_raises_while_it_is_being_stopped_is_told_with_the_way_to_it() -> None:
    hand = Hand()
    failing, ending = hand.start("k"), hand.start("l")
    for number in (failing, ending):
        hand.step(ticks.ChildWanted, number, False)
    (told,) = only(hand.within(failing, ticks.StepRaised, ValueError("clean-up"), None), ReportErrors)
    assert [failure.step for failure in told.failures] == ["begin/Inner[k]/fetch"]
    assert only(hand.within(ending, ticks.StepHalted), ReportErrors) == []


@pytest.mark.guarantee("R2")
def test_what_a_child_raises_while_its_run_is_being_stopped_is_raised_with_the_runs_end() -> None:
    hand = Hand()
    number = hand.start()
    hand.feed(ticks.CancelRequested)
    commands = hand.within(number, ticks.StepRaised, ValueError("clean-up"), None)
    assert only(commands, ReportErrors) == []
    assert [failure.step for failure in hand.core.state.halt_errors] == ["begin/Inner[k]/fetch"]


@pytest.mark.guarantee("W3")
def test_questions_of_a_child_whose_await_was_cut_short_stay_nobodys_when_the_attempt_fails() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    hand.step(ticks.ChildWanted, number, False)
    assert (hand.record(number).is_cut_short, all_questions(hand.core.state)) == (True, [])
    hand.step(ticks.StepRaised, ValueError("no"), 1.0)
    assert all_questions(hand.core.state) == []


def test_a_child_that_is_awaited_again_is_not_cut_short_any_more_nor_held() -> None:
    hand = Hand()
    number = hand.start()
    assert not hand.record(number).is_cut_short
    hand.step(ticks.ChildWanted, number, False)
    hand.step(ticks.ChildWanted, number, True)
    assert not hand.record(number).is_cut_short
    hand.step(ticks.StepRaised, ValueError("no"), 0.0)
    assert hand.child(number).is_held
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    hand.start()
    assert (hand.child(number).is_wanted, hand.child(number).is_held) == (True, False)


@pytest.mark.guarantee("W1")
def test_a_retry_that_comes_to_a_child_that_has_ended_well_keeps_its_result() -> None:
    hand = Hand()
    number = hand.start()
    hand.ends(number, result=3)
    hand.step(ticks.StepRaised, ValueError("no"), 0.0)
    (hand.job,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert hand.step(ticks.ChildStarted, "", "k", "inner", "begin/Inner[k]", Errand()) == []
    assert (hand.core.state.children, hand.core.state.next_child) == ({}, number + 1)
    outcome = hand.record(number).outcome
    assert outcome is not None
    assert outcome.result == StopEvent(result=3)


def test_what_a_step_of_a_child_is_refused_names_the_question_as_the_run_does() -> None:
    hand = Hand()
    number = hand.start()
    hand.asks(number)
    (question,) = all_questions(hand.core.state)
    (inner,) = hand.child(number).state.questions.by_id
    (refusal,) = only(hand.within(number, ticks.EventSent, "", 1, Note(n=1), None, inner), Refuse)
    assert (refusal.reason, refusal.candidates) == ("misfit", (question,))


def test_a_run_is_stalled_when_nothing_is_waited_for_in_it_nor_in_children_that_are_awaited() -> None:
    def awaiting() -> tuple[Hand, int]:
        hand = Hand()
        number = hand.start()
        hand.step(ticks.StepSuspending, (f"run {number}",), 2.0)
        hand.step(ticks.StepSuspended)
        return hand, number

    hand, number = awaiting()
    hand.within(number, ticks.StepReturned, ())
    assert is_stalled(hand.core.state)
    hand, number = awaiting()
    hand.within(number, ticks.StepReturned, (Prompt(what="?"),))
    assert not is_stalled(hand.core.state), "a question of a child's is open"
    hand, number = awaiting()
    hand.within(number, ticks.StepRaised, ValueError("no"), 5.0)
    assert not is_stalled(hand.core.state), "a step of a child's will be tried again"
    hand = Hand()
    hand.step(ticks.StepReturned, ())
    assert is_stalled(hand.core.state)
    hand = Hand()
    hand.step(ticks.ChildWanted, hand.start(), False)
    assert not is_stalled(hand.core.state), "the step that has it isn't over"


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5, 2**64 - 1])
def test_a_childs_seed_comes_of_the_runs_and_of_its_number_in_the_same_way_for_ever(seed: int) -> None:
    """Ticks that are stored lead to it anew, and to whatever was random."""
    hand = Hand()
    hand.core = Core(OUTER, OUTER_CODEC, children=KINDS)
    (hand.job,) = only(hand.feed(ticks.RunStarted, "r", Begin(), seed, None), RunStep)
    for number in (1, 2):
        assert hand.start(str(number)) == number
        assert hand.child(number).state.seed == (seed * 1_000_003 + number * 1_009) % 2**64
