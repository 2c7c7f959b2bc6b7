"""What is on record: by branch in its order, elsewhere by content; what a retry keeps, and what a departure drops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Approval, Approved, Hand, Note, only
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.effects import Effects, folded
from workflows.core.questions import Ask, Question
from workflows.core.records import RAISED, Asked, Collected, Edited, Memory, Ran, Read, Record, Tape, Value
from workflows.core.replay import Raised, Replay

ONCE = Value("once", "f", 1)
NOW = Value("now", "", 5.0)


def retried(hand: Hand, job: RunStep) -> RunStep:
    """Let an attempt fail, and give the one that follows."""
    hand.step(job, ticks.StepRaised, ValueError("x"), 1.0)
    hand.at += 1
    return only(hand.feed(ticks.TimerFired), RunStep)[0]


def replayed(hand: Hand, job: RunStep) -> RunStep:
    """Cancel the run, and give the attempt with which it goes on."""
    hand.feed(ticks.CancelRequested, "")
    hand.step(job, ticks.StepHalted)
    return only(hand.feed(ticks.RunResumed, "r", None), RunStep)[0]


def memory_of(hand: Hand, job: RunStep) -> Memory:
    memory = hand.execution(job).memory
    assert memory is not None
    return memory


# --- effects ----------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("D4")
def test_a_hundred_thousand_effects_in_a_row_are_one_record() -> None:
    tape = Tape()
    for n in range(100_000):
        tape.add_effect(n)
    (record,) = tape.records
    assert isinstance(record, Effects)
    assert record.count == 100_000
    assert record.digest < 2**64


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8), st.data())
@pytest.mark.guarantee("W6")
def test_the_digest_of_a_group_tells_its_operations_and_their_order(digests: list[int], data: st.DataObject) -> None:
    other = data.draw(st.one_of(st.permutations(digests), st.lists(st.integers(0, 2**32 - 1), max_size=8)))

    def group(items: list[int]) -> Effects:
        effects = Effects(0, 0)
        for item in items:
            effects.add(item)
        return effects

    assert (group(digests) == group(other)) == (digests == other)


@given(digest=st.integers(0, 2**64 - 1), item=st.integers(0, 2**64 - 1))
@pytest.mark.guarantee("D3")
def test_a_digest_that_is_stored_is_made_in_the_same_way_for_ever(digest: int, item: int) -> None:
    assert folded(digest, item) == (digest * 0x1000003 + item + 1) % 2**64


def test_another_operation_between_effects_parts_them() -> None:
    tape = Tape()
    tape.add_effect(1)
    tape.add(ONCE)
    tape.add_effect(2)
    assert tape.records == [Effects(1, folded(0, 1)), ONCE, Effects(1, folded(0, 2))]


def test_effects_of_a_later_attempt_are_a_record_of_their_own() -> None:
    memory = Memory()
    memory.add_effect("", 1)
    memory.seal()
    memory.add_effect("", 2)
    memory.add_effect("", 3)
    assert [str(record).split()[0] for record in memory.tapes[""].records] == ["1", "2"]


def test_branches_have_tapes_of_their_own() -> None:
    memory = Memory()
    memory.add("l", ONCE)
    memory.add("r", NOW)
    memory.add_effect("l", 1)
    assert memory.tapes["l"].records == [ONCE, Effects(1, folded(0, 1))]
    assert memory.tapes["r"].records == [NOW]


# --- found by content -------------------------------------------------------------------------------------------------


def test_equal_effects_found_by_content_are_counted() -> None:
    memory = Memory()
    for digest in (7, 8, 7):
        memory.add_effect(None, digest)
    assert {place: record.count for place, record in memory.found.items() if isinstance(record, Effects)} == {
        ("effect", "7"): 2,
        ("effect", "8"): 1,
    }


@pytest.mark.guarantee("W1")
def test_equal_operations_that_were_refused_are_each_refused_again() -> None:
    """The second refusal stood over the first, so that on a replay one of the two was done."""
    memory = Memory()
    for reason in ("ambiguous", "answered"):
        memory.add(None, Value("refused", "7", [reason, "no"]))
    memory.seal()
    replay = Replay("s", memory)
    served = [replay.effect(None, "a send", 7) for _ in range(3)]
    assert [
        record.value[0] for record in served[:2] if isinstance(record, Value) and isinstance(record.value, list)
    ] == [
        "ambiguous",
        "answered",
    ]
    assert served[2] is None
    assert replay.unread() == []


# --- retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W1")
def test_a_retry_keeps_answers_and_results_of_once_and_nothing_else() -> None:
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.ValueRecorded, "", "once", "f", 1)
    hand.step(job, ticks.ValueRecorded, "", "now", "", 5.0)
    hand.step(job, ticks.EventStreamed, "", 3, Note(n=1))
    hand.step(job, ticks.StateRead, "", None)
    (question,) = hand.ask(job, Ask(Approved))
    hand.receive(Approved(n=1))
    memory = memory_of(hand, retried(hand, job))
    assert memory.tapes == {}
    kept = {(branch, kind): record for (branch, kind, _, _), record in memory.kept.items()}
    assert kept[("", "once")] == Value("once", "f", 1)
    asked = kept[("", "wait")]
    assert isinstance(asked, Asked)
    assert (asked.question, asked.answer) == (question, Approved(n=1))
    assert len(kept) == 2


@pytest.mark.guarantee("W1")
def test_what_a_retry_takes_over_is_on_record_again_and_found_by_its_occurrence() -> None:
    hand = Hand()
    job = hand.start()
    for value in (1, 2):
        hand.step(job, ticks.ValueRecorded, "", "once", "f", value)
    again = retried(hand, job)
    memory = memory_of(hand, again)
    for value in (1, 2):
        assert memory.kept_for("", "once", "f") == Value("once", "f", value)
        hand.step(again, ticks.ValueReused, "", "once", "f")
    assert memory.kept_for("", "once", "f") is None
    assert memory.kept == {}
    assert memory.tapes[""].records == [Value("once", "f", 1), Value("once", "f", 2)]


@pytest.mark.guarantee("W1")
def test_the_person_is_asked_once_however_often_the_step_is_retried() -> None:
    hand = Hand()
    job = hand.start()
    ask = Ask(Approved, Approval(what="pay?"))
    (question,) = hand.ask(job, ask)
    for _ in range(3):
        job = retried(hand, job)
        assert hand.step(job, ticks.QuestionsAsked, "", (ask,)) == []
        assert hand.pending == [question]
    hand.receive(Approved(n=1))
    job = retried(hand, job)
    assert hand.step(job, ticks.QuestionsAsked, "", (ask,)) == []
    (asked,) = memory_of(hand, job).tapes[""].records
    assert isinstance(asked, Asked)
    assert asked.answer == Approved(n=1)


def test_a_retry_that_does_not_ask_again_leaves_the_question_open_until_its_step_is_over() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    job = retried(hand, job)
    assert hand.pending == [question]
    hand.returns(job)
    assert hand.pending == []


def test_kept_records_of_one_branch_are_nothing_to_another() -> None:
    memory = Memory()
    memory.add("l", ONCE)
    memory.add(None, ONCE)
    memory.start_over()
    assert memory.kept_for("r", "once", "f") is None
    assert memory.take_kept("l", "once", "f") == ONCE
    assert memory.take_kept("l", "once", "f") is None
    assert memory.kept_for(None, "once", "f") == ONCE


def test_looking_for_a_kept_record_changes_nothing() -> None:
    """It made an empty tape, so that the state wasn't the fold of its ticks any more."""
    memory = Memory()
    memory.add("l", ONCE)
    memory.start_over()
    assert memory.kept_for("l", "once", "f") == ONCE
    assert memory.tapes == {}


# --- calls that raised ------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W1")
def test_a_retry_keeps_nothing_of_a_call_that_raised() -> None:
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.ValueRecorded, "", "once", "f", 1)
    hand.step(job, ticks.ValueRecorded, "", RAISED, "g", {"type": "ValueError"})
    memory = memory_of(hand, retried(hand, job))
    assert list(memory.kept.values()) == [ONCE]


@pytest.mark.guarantee("W1")
def test_what_a_call_made_again_comes_to_stands_where_it_had_raised() -> None:
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.EventStreamed, "", 1, Note(n=1))
    hand.step(job, ticks.EventStreamed, "", 2, Note(n=2))
    for error in (None, "cut short"):
        hand.step(job, ticks.ValueRecorded, "", RAISED, "f", error)
    again = replayed(hand, job)
    replay = Replay("begin", memory_of(hand, again))
    for digest in (1, 2):
        assert replay.effect("", "a stream", digest) is not None
    assert replay.raised("", "g") is None
    assert replay.raised("", "f") == Raised(1, None, is_last=False)
    hand.step(again, ticks.ValueRecorded, "", "once", "f", 1, 1)
    assert replay.raised("", "f") == Raised(2, "cut short", is_last=True)
    hand.step(again, ticks.ValueRecorded, "", RAISED, "f", {"type": "ValueError"}, 2)
    memory = memory_of(hand, again)
    assert memory.tapes[""].records[1:] == [ONCE, Value(RAISED, "f", {"type": "ValueError"})]
    assert [memory.occurrence("", kind, "f") for kind in ("once", RAISED)] == [1, 1]
    following = Replay("begin", memory_of(hand, replayed(hand, again)))
    for digest in (1, 2):
        assert following.effect("", "a stream", digest) is not None
    assert following.raised("", "f") is None
    assert following.next("", "once", "f") == ONCE
    assert following.raised("", "f") == Raised(2, {"type": "ValueError"}, is_last=True)
    assert following.unread() == []


@pytest.mark.parametrize(
    ("branch", "key", "index"),
    [("", "f", -1), ("", "f", -2), ("", "f", 0), ("", "f", 2), ("", "g", 1), ("", "f", 99), ("l", "f", 1)],
)
def test_nothing_is_put_in_the_place_of_a_record_that_is_not_of_that_call_raising(
    branch: str, key: str, index: int
) -> None:
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.ValueRecorded, "", "now", "f", 5.0)
    hand.step(job, ticks.ValueRecorded, "", RAISED, "f", None)
    hand.step(job, ticks.ValueRecorded, "", "once", "f", 1)
    before = list(memory_of(hand, job).tapes[""].records)
    assert hand.step(job, ticks.ValueRecorded, branch, "once", key, 2, index) == []
    memory = memory_of(hand, job)
    assert memory.tapes[""].records == before
    assert [name for name, tape in memory.tapes.items() if tape.records] == [""]
    assert memory.occurrence("", "once", "f") == 1


def test_nothing_is_put_before_the_first_record_nor_behind_the_last() -> None:
    tape = Tape()
    tape.add(Value(RAISED, "f", None))
    for nowhere in (-1, 1, 2):
        tape.replace(nowhere, ONCE)
    assert tape.records == [Value(RAISED, "f", None)]


@pytest.mark.guarantee("W1")
def test_when_a_call_made_again_has_come_to_a_result_nothing_tells_that_it_had_raised() -> None:
    tape, other = Tape(), Tape()
    tape.add(Value(RAISED, "f", None))
    tape.replace(0, ONCE)
    other.add(ONCE)
    assert tape == other


@pytest.mark.guarantee("W1")
@pytest.mark.parametrize("is_suspended", [True, False])
def test_of_an_attempt_that_is_stopped_only_what_a_call_in_flight_comes_to_is_recorded(is_suspended: bool) -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approved))
    if is_suspended:
        hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    else:
        hand.feed(ticks.CancelRequested, "")
    hand.step(job, ticks.ValueRecorded, "", "now", "", 5.0)
    hand.step(job, ticks.ValueRecorded, "", "once", "f", 1)
    hand.step(job, ticks.ValueRecorded, "l", RAISED, "f", None)
    memory = memory_of(hand, job)
    assert memory.tapes[""].records[1:] == [ONCE]
    assert memory.tapes["l"].records == [Value(RAISED, "f", None)]


# --- departures -------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W6")
def test_an_accepted_departure_keeps_what_stands_before_it_and_answers_and_results_behind() -> None:
    memory = Memory()
    seen = Read(None, (("a", 1),))
    memory.add_effect("", 1)
    for record in (ONCE, seen, NOW, Value("once", "f", 2), Value("once", "g", 3)):
        memory.add("", record)
    memory.seal()
    assert memory.drop_rest("", 2) == [seen, NOW]
    assert memory.tapes[""].records == [Effects(1, folded(0, 1)), ONCE]
    assert memory.tapes[""].sealed == 2
    assert memory.kept == {("", "once", "f", 1): Value("once", "f", 2), ("", "once", "g", 0): Value("once", "g", 3)}
    assert memory.take_kept("", "once", "f") == Value("once", "f", 2)


@pytest.mark.guarantee("W1", "W6")
def test_of_a_group_that_was_repeated_in_part_that_part_stays() -> None:
    """The whole group stayed, so that every later replay departed there again, and did again what came after it."""
    memory = Memory()
    for digest in (1, 2, 3):
        memory.add_effect("", digest)
    memory.add("", ONCE)
    memory.seal()
    replay = Replay("s", memory)
    replay.effect("", "a send", 1)
    replay.effect("", "a send", 2)
    index, count, digest = replay.give_up("")
    memory.drop_rest("", index, count=count, digest=digest)
    memory.take_kept("", "once", "f")
    memory.add_effect("", 4)
    memory.seal()
    following = Replay("s", memory)
    assert following.effect("", "a send", 1) is not None
    assert following.effect("", "a send", 2) is not None
    assert following.next("", "once", "f") == ONCE
    assert following.effect("", "a send", 4) is not None
    assert following.unread() == []


@pytest.mark.guarantee("W1", "W6")
@pytest.mark.parametrize(("index", "count"), [(1, 0), (0, 1), (2, 1), (-1, 0)])
def test_nothing_stays_of_a_group_that_was_not_begun_and_where_none_stands(index: int, count: int) -> None:
    """An empty group would be one that no replay can get by."""
    memory = Memory()
    memory.add("", ONCE)
    memory.add_effect("", 1)
    memory.seal()
    memory.drop_rest("", index, count=count, digest=5)
    assert memory.tapes[""].records == [ONCE, Effects(1, folded(0, 1))][: max(0, index)]


@pytest.mark.guarantee("W6")
def test_of_a_group_of_two_the_one_that_was_repeated_stays() -> None:
    memory = Memory()
    for digest in (1, 2):
        memory.add_effect("", digest)
    memory.seal()
    memory.drop_rest("", 0, count=1, digest=folded(0, 1))
    assert memory.tapes[""].records == [Effects(1, folded(0, 1))]


@pytest.mark.parametrize("index", [-5, -1, 0, 1, 99])
def test_a_departure_at_no_place_does_no_harm(index: int) -> None:
    """A negative one left a tape that broke at its next effect."""
    hand = Hand()
    job = hand.start()
    hand.step(job, ticks.ValueRecorded, "", "now", "", 5.0)
    hand.step(job, ticks.TapeDropped, "", index, 0, 0)
    hand.step(job, ticks.EventStreamed, "", 1, Note(n=1))
    records = memory_of(hand, job).tapes[""].records
    assert records == [*([Value("now", "", 5.0)] if index > 0 else []), Effects(1, folded(0, 1))]


def test_all_records_are_counted_wherever_they_stand() -> None:
    memory = Memory()
    memory.add("l", ONCE)
    memory.start_over()
    memory.add(None, NOW)
    memory.add("l", NOW)
    memory.add_effect("r", 1)
    assert list(memory.records()) == [NOW, Effects(1, folded(0, 1)), NOW, ONCE]
    assert list(memory.questions()) == []


# --- questions of a failed attempt ------------------------------------------------------------------------------------


@pytest.mark.guarantee("W3", "W4")
def test_a_question_that_a_retry_passes_by_is_withdrawn_as_soon_as_the_retry_waits() -> None:
    hand = Hand()
    job = hand.start()
    (old,) = hand.ask(job, Ask(Approved, Approval(what="a"), timeout_s=100))
    again = retried(hand, job)
    assert list(hand.state.questions.by_id) == [old.id], "the answer may come before the retry asks"
    (new,) = hand.ask(again, Ask(Approved, Approval(what="b")), branch="l")
    assert list(hand.state.questions.by_id) == [old.id, new.id]
    hand.step(again, ticks.StepParked)
    assert list(hand.state.questions.by_id) == [new.id]
    assert hand.state.timers.due == {}
    assert hand.refused(Approved(n=1), reply_to=old.id).reason == "answered"
    hand.receive(Approved(n=2))
    assert hand.state.questions.by_id == {}


@pytest.mark.guarantee("W3", "W9")
def test_a_question_that_was_withdrawn_is_asked_anew_if_the_retry_comes_to_it_after_all() -> None:
    hand = Hand()
    job = hand.start()
    ask = Ask(Approved, Approval(what="a"))
    hand.ask(job, ask)
    again = retried(hand, job)
    hand.step(again, ticks.StepParked)
    assert hand.pending == []
    hand.step(again, ticks.StepUnparked)
    (question,) = hand.ask(again, ask)
    hand.receive(Approved(n=1), reply_to=question.id)
    (record,) = memory_of(hand, again).tape("").records
    assert isinstance(record, Asked)
    assert record.answer == Approved(n=1)


@pytest.mark.guarantee("W1", "W4")
def test_an_answer_between_a_failure_and_the_retry_is_kept_and_so_is_a_question_that_is_asked_again() -> None:
    hand = Hand()
    job = hand.start()
    (first,) = hand.ask(job, Ask(Approved, Approval(what="a")), branch="l")
    (second,) = hand.ask(job, Ask(Approved, Approval(what="b")), branch="r")
    hand.step(job, ticks.StepRaised, ValueError("x"), 1.0)
    hand.feed(ticks.EventReceived, Approved(n=1), None, first.id)
    hand.at += 1
    (again,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert hand.step(again, ticks.QuestionsAsked, "r", (Ask(Approved, Approval(what="b")),)) == []
    hand.step(again, ticks.StepParked)
    assert list(hand.state.questions.by_id) == [second.id]
    hand.step(again, ticks.StepUnparked)
    hand.step(again, ticks.QuestionsAsked, "l", (Ask(Approved, Approval(what="a")),))
    (record,) = memory_of(hand, again).tape("l").records
    assert isinstance(record, Asked)
    assert record.answer == Approved(n=1)


# --- child runs that are forgotten ------------------------------------------------------------------------------------


def test_a_child_run_that_is_forgotten_counts_no_more_and_another_of_its_key_still_does() -> None:
    tape = Tape()
    first, second = Ran("k", 1, "Child"), Ran("k", 2, "Child")
    tape.add(first)
    tape.add(second)
    tape.take_out(first)
    assert (tape.records, tape.occurrence("run", "k")) == ([second], 1)


def test_a_replay_gets_by_where_a_child_run_was_forgotten() -> None:
    memory = Memory()
    ran = Ran("k", 1, "Child")
    for record in (ONCE, ran):
        memory.add("", record)
    memory.seal()
    memory.take_out(ran)
    replay = Replay("s", memory)
    assert replay.next("", "once", "f") == ONCE
    assert replay.next("", "run", "k") is None


def test_of_what_is_kept_for_a_retry_only_the_child_run_that_is_forgotten_goes() -> None:
    memory = Memory()
    first, second = Ran("k", 1, "Child"), Ran("k", 2, "Child")
    for record in (first, second):
        memory.add("", record)
    memory.start_over()
    memory.take_out(first)
    assert list(memory.kept.values()) == [second]


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Effects(2, 255), "2 operations without a result (sending, streaming, writing state), digest 00000000000000ff"),
        (Value("refused", "7", ["busy", "no"]), "an operation that was refused: ['busy', 'no']"),
        (Value(RAISED, "f", None), "once f, which raised"),
        (Value("once", "f", 1), "once f"),
        (Value("now", "", 5.0), "now"),
        (Read(None, ()), "read whole state"),
        (Read("a.b", ()), "read a.b"),
        (Edited((), 5), "edit_state"),
        (Asked("=approved", Question("q1", None, Approved, "s")), "wait =approved"),
        (Collected("k", None), "collect_events k"),
        (Ran("k", 1, "inner"), "run k"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_record_is_called_by_what_the_step_did(record: Record, said: str) -> None:
    """A replay that departs shows both sides."""
    assert str(record) == said


def test_where_no_operation_was_repeated_before_a_replay_departed_none_of_them_stays_done() -> None:
    memory = Memory()
    for digest in (1, 2):
        memory.add_effect("", digest)
    assert len(memory.drop_rest("", 0)) == 1
    assert memory.tapes[""].records == []
