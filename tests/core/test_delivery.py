"""Who gets an event: a question, steps, the mailbox, or the sender again."""

from datetime import UTC, datetime

import pytest

from tests.core.flow import (
    Approval,
    Approved,
    Begin,
    Chore,
    GruffReply,
    Hand,
    LoudNote,
    Note,
    Prompt,
    Reply,
    Task,
    Vetted,
    codec_for,
    left,
    only,
    steps_of,
)
from workflows.core import ticks
from workflows.core.commands import Refuse, ReportKept, RunStep, WakeWait, published
from workflows.core.effects import Effects, folded
from workflows.core.engine import Core
from workflows.core.questions import LATEST, Ask
from workflows.core.records import Asked, Value
from workflows.core.statuses import Status
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StopEvent
from workflows.graph import compile_program
from workflows.steps import step

ASK_A = Ask(Approved, Approval(what="a"))
ASK_B = Ask(Approved, Approval(what="b"))


def asked_of(hand: Hand, job: RunStep, branch: str = "") -> list[Asked]:
    memory = hand.execution(job).memory
    assert memory is not None
    return [record for record in memory.tapes[branch].records if isinstance(record, Asked)]


# --- to steps ---------------------------------------------------------------------------------------------------------


def test_an_event_goes_to_every_step_that_accepts_it_and_to_no_other() -> None:
    hand = Hand()
    commands = hand.returns(hand.start(), Task(n=1))
    assert steps_of(commands) == ["work", "also"]


def test_a_subclass_goes_only_to_the_step_that_takes_subclasses() -> None:
    hand = Hand()
    commands = hand.returns(hand.start(), Chore(n=1))
    assert steps_of(commands) == ["also"]


@pytest.mark.guarantee("W1")
@pytest.mark.parametrize(
    ("event", "step"), [(Approved(n=1), None), (Task(n=1), None), (Task(n=1), "also"), (Note(n=1), None)]
)
def test_what_a_step_sends_is_on_its_record_whether_a_wait_takes_it_or_a_step_or_nobody(
    event: Event, step: str | None
) -> None:
    hand = Hand()
    work, also = hand.spread(1)
    hand.ask(work, ASK_A)
    hand.step(also, ticks.EventSent, "", 77, event, step, None)
    memory = hand.execution(also).memory
    assert memory is not None
    (sent,) = memory.records()
    assert sent == Effects(1, folded(0, 77))


def test_an_event_for_one_step_goes_to_that_step_alone() -> None:
    hand = Hand()
    hand.start()
    assert steps_of(hand.receive(Task(n=1), step="also")) == ["also"]


@pytest.mark.guarantee("W3")
def test_an_event_for_a_step_that_is_not_there_is_refused_and_changes_nothing() -> None:
    hand = Hand()
    job = hand.start()
    refusal = hand.refused(Task(n=1), step="nowhere")
    assert refusal.reason == "no-step"
    assert "'nowhere'" in refusal.message
    assert list(hand.state.executions) == [job.execution]
    (sent,) = only(hand.step(job, ticks.EventSent, "", 1, Task(n=1), "nowhere", None), Refuse)
    assert sent.reason == "no-step"
    assert list(hand.state.executions) == [job.execution]


# --- to questions -----------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W3", "W5")
def test_an_answer_goes_to_its_question_and_nowhere_else() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Reply, Prompt(what="a")))  # a step takes replies too
    commands = hand.receive(Reply(n=1), reply_to=question.id)
    assert commands == [WakeWait(job.execution, question.id)]
    assert asked_of(hand, job)[0].answer == Reply(n=1)
    assert hand.pending == []


@pytest.mark.guarantee("W3")
def test_one_answer_wakes_one_of_two_equal_questions_the_oldest_first() -> None:
    hand = Hand()
    one, two = [job for job in hand.spread(2) if job.step.name == "also"]
    (first,) = hand.ask(one, ASK_A)
    (second,) = hand.ask(two, ASK_A)
    assert first.id != second.id
    assert hand.receive(Approved(n=1)) == [WakeWait(one.execution, first.id)]
    assert hand.pending == [second]
    assert hand.receive(Approved(n=2)) == [WakeWait(two.execution, second.id)]


@pytest.mark.guarantee("W3")
def test_an_answer_that_fits_different_questions_is_refused_with_the_candidates() -> None:
    hand = Hand()
    job = hand.start()
    questions = hand.ask(job, ASK_A, ASK_B)
    refusal = hand.refused(Approved(n=1))
    assert refusal.reason == "ambiguous"
    assert list(refusal.candidates) == questions
    assert all(question.id in refusal.message for question in questions)
    assert hand.pending == questions
    assert hand.receive(Approved(n=1), reply_to=questions[1].id) == [WakeWait(job.execution, questions[1].id)]


@pytest.mark.guarantee("W3")
def test_candidates_are_the_oldest_of_each_content_in_the_order_of_asking() -> None:
    hand = Hand()
    one, two = [job for job in hand.spread(2) if job.step.name == "also"]
    (first,) = hand.ask(one, ASK_A)
    (other,) = hand.ask(one, ASK_B)
    (second,) = hand.ask(two, ASK_A)
    assert hand.refused(Approved(n=1)).candidates == (first, other)
    hand.receive(Approved(n=1), reply_to=first.id)
    assert hand.refused(Approved(n=1)).candidates == (other, second)


@pytest.mark.guarantee("W3")
def test_from_a_step_the_oldest_of_different_questions_gets_an_ordinary_event() -> None:
    """The oldest of all, also when the first question of its content is closed."""
    hand = Hand()
    one, two = [job for job in hand.spread(2) if job.step.name == "also"]
    (first,) = hand.ask(one, Ask(Note, waiter_id="a"))
    (other,) = hand.ask(one, Ask(Note, waiter_id="b"))
    (second,) = hand.ask(two, Ask(Note, waiter_id="a"))
    hand.receive(Note(n=1), reply_to=first.id)
    commands = hand.step(two, ticks.EventSent, "", 1, Note(n=2), None, None)
    assert commands == [WakeWait(one.execution, other.id)]
    assert hand.pending == [second]


@pytest.mark.guarantee("W3")
def test_a_wait_for_a_class_with_subclasses_is_older_than_a_later_one_for_the_exact_class() -> None:
    hand = Hand()
    one, two = [job for job in hand.spread(2) if job.step.name == "also"]
    (older,) = hand.ask(one, Ask(Note, subclasses=True))
    hand.ask(two, Ask(LoudNote))
    commands = hand.step(two, ticks.EventSent, "", 1, LoudNote(n=2), None, None)
    assert commands == [WakeWait(one.execution, older.id)]


@pytest.mark.guarantee("W3")
def test_what_a_step_sends_as_an_answer_is_refused_as_from_outside_and_on_record() -> None:
    hand = Hand()
    job = hand.start()
    hand.ask(job, ASK_A, ASK_B)
    (refusal,) = only(hand.step(job, ticks.EventSent, "x", 5, Approved(n=1), None, None), Refuse)
    assert refusal.reason == "ambiguous"
    memory = hand.execution(job).memory
    assert memory is not None
    assert memory.tapes["x"].records == [Value("refused", "5", ["ambiguous", refusal.message])]


@pytest.mark.guarantee("W3")
def test_an_answer_of_another_type_to_a_named_question_is_refused_and_the_question_stays_open() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, ASK_A)
    refusal = hand.refused(Reply(n=1), reply_to=question.id)
    assert (refusal.reason, refusal.candidates) == ("misfit", (question,))
    assert hand.pending == [question]


@pytest.mark.guarantee("W3")
def test_a_wait_matches_the_exact_type_unless_it_takes_subclasses() -> None:
    hand = Hand()
    job = hand.start()
    (exact,) = hand.ask(job, ASK_A)
    assert hand.refused(Vetted(n=1)).reason == "answered"
    assert hand.refused(Vetted(n=1), reply_to=exact.id).reason == "misfit"
    (wide,) = hand.ask(job, Ask(Approved, subclasses=True))
    assert hand.receive(Vetted(n=1)) == [WakeWait(job.execution, wide.id)]


def test_an_ordinary_event_that_a_wait_takes_triggers_the_other_steps_but_not_that_of_the_wait() -> None:
    hand = Hand()
    work, also = hand.spread(1)
    hand.ask(also, Ask(Task))
    commands = hand.receive(Task(n=5))
    assert WakeWait(also.execution, hand_question(hand, also)) in commands
    assert steps_of(commands) == []  # `work` has one worker, and that's busy
    inputs = [(found.step, found.event) for found in hand.state.executions.values() if found.event == Task(n=5)]
    assert inputs == [("work", Task(n=5))]
    assert work.execution in hand.state.executions


def hand_question(hand: Hand, job: RunStep) -> str:
    return asked_of(hand, job)[0].question.id


# --- requirements -----------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W4")
def test_an_ordinary_event_that_misses_the_requirements_is_kept_for_a_wait_that_fits() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Note, requirements={"who": "bob"}))
    assert hand.receive(Note(n=1, who="ann")) == [ReportKept(Note(n=1, who="ann"))]
    assert hand.state.mailbox.in_order() == [Note(n=1, who="ann")]
    assert hand.receive(Note(n=2, who="bob")) == [WakeWait(job.execution, question.id)]
    assert hand.ask(job, Ask(Note, requirements={"who": "ann"})) == []
    assert asked_of(hand, job)[1].answer == Note(n=1, who="ann")


@pytest.mark.guarantee("W4")
def test_an_answer_that_misses_the_requirements_is_refused_and_so_is_an_addressed_event() -> None:
    hand = Hand()
    job = hand.start()
    (answer,) = hand.ask(job, Ask(Approved, requirements={"who": "bob"}))
    (note,) = hand.ask(job, Ask(Note, requirements={"who": "bob"}))
    assert hand.refused(Approved(n=1, who="ann")).reason == "answered"  # such a question was asked
    assert hand.refused(Approved(n=1, who="ann"), reply_to=answer.id).reason == "misfit"
    refusal = hand.refused(Note(n=1, who="ann"), reply_to=note.id)
    assert refusal.reason == "misfit"
    assert "bob" in refusal.message
    assert hand.pending == [answer, note]


@pytest.mark.guarantee("W4")
def test_requirements_are_compared_on_extras_too_and_a_missing_one_is_no_match() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(HumanResponseEvent, requirements={"colour": "red"}))
    assert hand.refused(HumanResponseEvent(shape="round"), reply_to=question.id).reason != "answered"
    assert hand.pending == [question]
    assert hand.receive(HumanResponseEvent(colour="red")) == [WakeWait(job.execution, question.id)]


# --- early and late ---------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W4")
def test_an_early_event_is_taken_by_the_first_wait_that_fits_and_its_prompt_is_published() -> None:
    hand = Hand()
    job = hand.start()
    hand.receive(Note(n=1))
    hand.receive(Note(n=2))
    prompt = Approval(what="note?")
    commands = hand.step(job, ticks.QuestionsAsked, "", (Ask(Note, prompt),))
    assert published(commands) == [prompt]
    assert hand.pending == []
    assert asked_of(hand, job)[0].answer == Note(n=1)
    assert hand.state.mailbox.in_order() == [Note(n=2)]


@pytest.mark.guarantee("W4")
def test_of_early_events_of_several_classes_the_oldest_is_taken() -> None:
    hand = Hand()
    job = hand.start()
    for event in (LoudNote(n=1), Note(n=2), LoudNote(n=3)):
        hand.receive(event)
    hand.ask(job, Ask(Note))
    hand.ask(job, Ask(Note, subclasses=True, waiter_id="b"))
    assert [asked.answer for asked in asked_of(hand, job)] == [Note(n=2), LoudNote(n=1)]
    assert hand.state.mailbox.in_order() == [LoudNote(n=3)]


@pytest.mark.guarantee("W4")
def test_an_answer_cannot_precede_its_question() -> None:
    hand = Hand()
    hand.start()
    refusal = hand.refused(Approved(n=1))
    assert refusal.reason == "no-question"
    assert refusal.message.endswith("No question is open.")
    assert hand.state.mailbox.in_order() == []


@pytest.mark.guarantee("W4")
def test_an_answer_that_a_step_accepts_is_taken_by_it_in_a_run_that_never_asked() -> None:
    hand = Hand()
    job = hand.start()
    assert steps_of(hand.receive(Reply(n=1))) == ["hear"]
    hand.ask(job, ASK_A)
    assert hand.refused(Reply(n=2)).reason == "no-question"


@pytest.mark.guarantee("W4", "W5")
@pytest.mark.parametrize("second", [Approved(n=2), HumanResponseEvent(n=2)])
def test_a_double_click_cannot_answer_the_next_question(second: HumanResponseEvent) -> None:
    """A plain answer could have been meant for any question: it's a late one, too."""
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, ASK_A)
    hand.receive(Approved(n=1))
    assert hand.refused(second).reason == "answered"
    assert hand.refused(second, reply_to=question.id).reason == "answered"
    (following,) = hand.ask(job, ASK_A)
    assert hand.pending == [following]


@pytest.mark.guarantee("W4")
def test_a_plain_answer_is_not_late_where_only_ordinary_events_were_waited_for() -> None:
    hand = Hand()
    hand.ask(hand.start(), Ask(Note))
    assert hand.refused(HumanResponseEvent(n=1)).reason == "no-question"


@pytest.mark.guarantee("W5")
def test_an_answer_to_a_question_that_never_was_has_no_question() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, ASK_A)
    refusal = hand.refused(Approved(n=1), reply_to="q1")
    assert refusal.reason == "no-question"
    assert question.id in refusal.message  # what is open
    assert hand.refused(Approved(n=1), reply_to="q9-0123456789abcdef").reason == "no-question"


def test_a_prompt_that_was_returned_goes_to_the_steps_that_take_it_too() -> None:
    class Shown:
        @step
        async def begin(self, ev: Begin) -> Prompt:
            return Prompt(what="?")

        @step
        async def show(self, ev: Prompt) -> None:
            return None

        @step
        async def hear(self, ev: Reply) -> StopEvent:
            return StopEvent(result=ev)

    program = compile_program(Shown)
    hand = Hand(Core(program, codec_for(program)))
    assert steps_of(hand.returns(hand.start(), Prompt(what="?"))) == ["show"]
    assert [question.event for question in hand.pending] == [Prompt(what="?")]


@pytest.mark.guarantee("W4")
def test_a_prompt_that_was_returned_and_names_no_answer_takes_what_a_step_accepts() -> None:
    hand = Hand()
    hand.returns(hand.start(), InputRequiredEvent(prefix="?"))
    (question,) = hand.pending
    assert question.answer_type is HumanResponseEvent
    assert steps_of(hand.receive(Reply(n=1))) == ["hear"]
    assert hand.pending == []


@pytest.mark.guarantee("W3")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "q1",
        "c0",
        "q1-0123",
        "qx-0123456789abcdef",
        "q2-0123456789abcdef",
        "x1-0123456789abcdef",
        "x0.q1",
        "cx.q1",
        "c.q1",
        "0.q1",
        "c9.q1",
        "c1.q1-0123456789abcdef",
    ],
)
def test_what_is_no_id_of_a_question_answers_none(name: str) -> None:
    hand = Hand()
    hand.ask(hand.start(), ASK_A)
    assert hand.refused(Approved(n=1), reply_to=name).reason == "no-question"


def test_a_question_that_is_closed_twice_is_closed() -> None:
    hand = Hand()
    first, second = hand.ask(hand.start(), ASK_A, ASK_B)
    questions = hand.state.questions
    for _ in range(2):
        questions.close(first)
        assert list(questions.by_id.values()) == [second]


@pytest.mark.guarantee("W8")
def test_a_deadline_is_an_instant_that_can_be_named_or_there_is_none() -> None:
    hand = Hand()
    job = hand.start()
    last, later = hand.ask(
        job,
        Ask(Approved, waiter_id="last", timeout_s=LATEST - hand.at),
        Ask(Approved, waiter_id="later", timeout_s=LATEST - hand.at + 1),
    )
    assert last.deadline == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert later.deadline is None


@pytest.mark.guarantee("W5")
def test_an_answer_to_a_question_whose_step_is_over_is_late() -> None:
    hand = Hand()
    hand.receive(Note(n=0))
    job = hand.start()
    (question,) = hand.ask(job, ASK_A)
    hand.returns(job, Task(n=1))
    assert hand.pending == []
    assert hand.refused(Approved(n=1), reply_to=question.id).reason == "answered"


@pytest.mark.guarantee("W4")
def test_what_comes_after_the_end_is_refused() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, ASK_A)
    hand.returns(job, StopEvent())
    assert hand.refused(Note(n=1)).reason == "done"
    assert hand.refused(Approved(n=1)).reason == "answered"
    assert hand.refused(Approved(n=1), reply_to=question.id).reason == "answered"
    assert hand.refused(Reply(n=1)).reason == "done"
    assert hand.state.executions == {}


# --- plain answers ----------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W3")
def test_a_plain_answer_fits_any_question_for_an_answer() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, ASK_A)
    assert hand.receive(HumanResponseEvent(n=1)) == [WakeWait(job.execution, question.id)]


@pytest.mark.guarantee("W3")
def test_a_plain_answer_prefers_a_question_that_takes_it_as_it_is_and_is_ambiguous_among_others() -> None:
    hand = Hand()
    job = hand.start()
    others = hand.ask(job, ASK_A, Ask(Reply, Prompt(what="a")))
    assert list(hand.refused(HumanResponseEvent(n=1)).candidates) == others
    (plain,) = hand.ask(job, Ask(HumanResponseEvent))
    assert hand.receive(HumanResponseEvent(n=1)) == [WakeWait(job.execution, plain.id)]


@pytest.mark.guarantee("W3")
def test_a_plain_answer_may_name_the_younger_of_two_equal_questions() -> None:
    """It was taken for a misfit there, since only the oldest of equal questions was looked at."""
    hand = Hand()
    one, two = [job for job in hand.spread(2) if job.step.name == "also"]
    hand.ask(one, ASK_A)
    (second,) = hand.ask(two, ASK_A)
    assert hand.receive(HumanResponseEvent(n=1), reply_to=second.id) == [WakeWait(two.execution, second.id)]


@pytest.mark.guarantee("W3")
def test_a_plain_answer_does_not_fit_a_wait_for_an_ordinary_event() -> None:
    hand = Hand()
    (question,) = hand.ask(hand.start(), Ask(Note))
    assert hand.refused(HumanResponseEvent(n=1), reply_to=question.id).reason == "misfit"


# --- questions that are returned --------------------------------------------------------------------------------------


def test_a_returned_prompt_is_published_and_its_answer_goes_to_the_step_that_takes_it() -> None:
    hand = Hand()
    commands = hand.returns(hand.start(), Prompt(what="a"))
    assert published(commands) == [Prompt(what="a")]
    (question,) = hand.pending
    assert (question.event, question.answer_type, question.step) == (Prompt(what="a"), Reply, "begin")
    assert steps_of(hand.receive(Reply(n=1))) == ["hear"]
    assert hand.pending == []
    assert hand.refused(Reply(n=2)).reason == "answered"


@pytest.mark.guarantee("W4")
def test_a_returned_prompt_stays_open_for_an_answer_that_no_step_would_take() -> None:
    """It was closed by an answer of a subclass, which then went to nobody."""
    hand = Hand()
    hand.returns(hand.start(), Prompt(what="a"))
    (question,) = hand.pending
    assert hand.refused(GruffReply(n=1)).reason == "answered"
    assert hand.refused(GruffReply(n=1), reply_to=question.id).reason == "misfit"
    assert hand.pending == [question]


def test_a_returned_prompt_whose_answer_no_step_takes_is_published_and_nothing_else() -> None:
    hand = Hand()
    commands = hand.returns(hand.start(), Approval(what="a"))
    assert published(commands) == [Approval(what="a")]
    assert hand.pending == []


def test_two_equal_prompts_returned_at_once_are_two_questions() -> None:
    hand = Hand()
    hand.returns(hand.start(), Prompt(what="a"), Prompt(what="a"))
    one, two = hand.pending
    assert one.id != two.id
    hand.receive(Reply(n=1))
    assert hand.pending == [two]


@pytest.mark.guarantee("W4")
def test_an_answer_that_a_step_returns_and_nobody_takes_is_reported() -> None:
    hand = Hand()
    commands = hand.returns(hand.start(), Vetted(n=1))
    assert left(commands) == [Vetted(n=1)]


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W9")
def test_each_pass_of_a_loop_is_a_new_question() -> None:
    hand = Hand()
    job = hand.start()
    seen: set[str] = set()
    for n in range(5):
        (question,) = hand.ask(job, ASK_A)
        hand.receive(Approved(n=n))
        seen.add(question.id)
    assert len(seen) == 5
    assert [asked.answer for asked in asked_of(hand, job)] == [Approved(n=n) for n in range(5)]


@pytest.mark.guarantee("W9")
def test_a_question_by_content_is_asked_once_in_tasks_that_are_no_branch_of_their_own() -> None:
    """An equal one there is the same question: it isn't opened anew when it has been answered."""
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, ASK_A, branch=None)
    hand.receive(Approved(n=1))
    assert published(hand.step(job, ticks.QuestionsAsked, None, (ASK_A,))) == []
    assert hand.pending == []
    assert hand.refused(Approved(n=2), reply_to=question.id).reason == "answered"


@pytest.mark.guarantee("W3")
def test_a_question_is_told_by_its_content_branch_and_occurrence() -> None:
    def ids(*asks: tuple[Ask, str | None]) -> list[str]:
        hand = Hand()
        job = hand.start()
        return [question.id for ask, branch in asks for question in hand.ask(job, ask, branch=branch)]

    one = ids((ASK_A, "l"), (ASK_A, "r"), (ASK_A, None), (ASK_B, "l"), (ASK_A, "l"))
    assert len(set(one)) == 5
    other = ids((ASK_A, None), (ASK_A, "r"), (ASK_B, "l"), (ASK_A, "l"), (ASK_A, "l"))
    assert sorted(one) == sorted(other)  # the order among branches is nothing to it


@pytest.mark.guarantee("W3")
@pytest.mark.parametrize(
    "other",
    [
        Ask(Approved, Approval(what="b")),
        Ask(Approved),
        Ask(Approved, Approval(what="a"), waiter_id="-"),
        Ask(Approved, Approval(what="a"), waiter_id=""),
        Ask(Approved, Approval(what="a"), requirements={"who": "ann"}),
        Ask(Approved, Approval(what="a"), subclasses=True),
        Ask(Reply, Approval(what="a")),
    ],
)
def test_what_is_asked_differently_is_not_interchangeable(other: Ask) -> None:
    hand = Hand()
    codec = hand.state.codec
    assert ASK_A.content(codec) == Ask(Approved, Approval(what="a"), timeout_s=5, requirements={}).content(codec)
    assert ASK_A.content(codec) != other.content(codec)


@pytest.mark.guarantee("W8")
@pytest.mark.parametrize("never", [None, float("inf"), 1e300])
def test_a_timeout_that_no_calendar_holds_is_none(never: float | None) -> None:
    hand = Hand()
    (question,) = hand.ask(hand.start(), Ask(Approved, timeout_s=never))
    assert (question.deadline_at, question.deadline) == (None, None)
    assert hand.state.alarm is None
    hand.stored()  # and JSON has no infinity


def test_an_answer_wakes_a_step_that_is_suspended_and_is_kept_for_one_that_waits_for_its_retry() -> None:
    hand = Hand()
    one, two = [job for job in hand.spread(2) if job.step.name == "also"]
    (first,) = hand.ask(one, ASK_A)
    (second,) = hand.ask(two, ASK_B)
    hand.suspend(one, first)
    hand.step(two, ticks.StepRaised, ValueError("x"), 60.0)
    (again,) = only(hand.receive(Approved(n=1), reply_to=first.id), RunStep)
    assert (again.execution, again.attempt) == (one.execution, 2)
    assert hand.receive(Approved(n=2), reply_to=second.id) == []
    assert hand.execution(two).status is Status.DELAYED
    hand.at += 60
    (retry,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert hand.ask(retry, ASK_B) == []
    assert asked_of(hand, retry)[0].answer == Approved(n=2)


def test_begin_events_are_not_special_when_they_come_again() -> None:
    hand = Hand()
    job = hand.start()
    hand.receive(Begin(topic="again"))
    assert [found.event for found in hand.state.executions.values()] == [Begin(topic="x"), Begin(topic="again")]
    assert job.attempt == 1
