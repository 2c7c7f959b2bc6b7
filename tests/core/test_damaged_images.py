"""Images that no run has: refused, with the reason; and what makes the difference between two that both could be."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.busy import busy_run
from tests.core.flow import CODEC, PROGRAM, Approval, Hand, Note, codec_for, only
from tests.core.journalling import imaged, through_text
from tests.core.test_children import Hand as Parent
from tests.core.test_children_machine import KINDS, OUTER, OUTER_CODEC
from tests.core.test_image import IMAGES, again
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.image import from_image, image
from workflows.core.questions import Ask
from workflows.core.statuses import RunStatus
from workflows.errors import ContextSerdeError, SnapshotMismatch

Damage = Callable[[dict[str, Any]], object]


def row(live: dict[str, Any], execution: int) -> list[Any]:
    """What is said of an execution: number, status, whether it's woken and parked, since when, what's open and old."""
    found: list[Any] = next(found for found in live["executions"] if found[0] == execution)
    return found


BUSY: dict[str, tuple[Damage, str]] = {
    "another status": (lambda live: live.update(status="ended"), "a run that is halted is said to be ended"),
    "a status that there isn't": (lambda live: live.update(status="asleep"), "ValueError: "),
    "a step that has worked less than nothing": (
        lambda live: live["tally"][2].__setitem__(2, -0.5),
        "step 'also' has worked -0.5 seconds",
    ),
    "a step that is left out": (lambda live: live["tally"].pop(), "nothing is said of what steps ['also'] have done"),
    "an execution that isn't there": (lambda live: row(live, 5).__setitem__(0, 99), "KeyError: 99"),
    "an execution that waits otherwise": (
        lambda live: row(live, 5).__setitem__(1, "queued"),
        "execution 5 is delayed, and is said to be queued",
    ),
    "another open question": (
        lambda live: row(live, 5).__setitem__(5, ["other"]),
        "['other'] are said to be open in execution 5",
    ),
    "an open question twice": (lambda live: row(live, 5)[5].extend(row(live, 5)[5]), "['q5-"),
    "an open question twice, instead of another": (
        lambda live: row(live, 3).__setitem__(5, row(live, 3)[5][:1] * 2),
        "['q3-",
    ),
    "records that nothing is said of": (
        lambda live: row(live, 3).__setitem__(6, None),
        "execution 3 has records that nothing is said of, or the other way round",
    ),
    "records of an execution that has none": (
        lambda live: live["executions"].append([4, "queued", False, False, None, [], [[], []]]),
        "execution 4 has records that nothing is said of, or the other way round",
    ),
    "a branch of which nothing is said": (lambda live: row(live, 2)[6][0].pop(), "ValueError: "),
    "more old records than there are": (
        lambda live: row(live, 3)[6].__setitem__(0, [3]),
        "of 2 records, 3 are said to be old",
    ),
    "an old record that isn't there": (
        lambda live: row(live, 2)[6][1].append(["once", "f", 1]),
        "a record is said to be old, and isn't there",
    ),
    "work for a step that there isn't": (
        lambda live: live["work"].append(["nobody", None]),
        "there's work for 'nobody', or twice",
    ),
    "work for a step, twice": (lambda live: live["work"].append(["also", None]), "there's work for 'also', or twice"),
    "an execution in another step's queue": (
        lambda live: (live["work"][1].__setitem__(1, None), live["work"][2].__setitem__(1, [4])),
        "execution 4 waits for step 'also'",
    ),
    "an execution in no queue": (
        lambda live: live["work"][1].__setitem__(1, []),
        "executions [4] wait for a worker, and stand in no queue",
    ),
    "an execution in a queue twice": (lambda live: live["work"][1].__setitem__(1, [4, 4]), "KeyError: 4"),
    "questions in another order": (
        lambda live: live["questions"].__setitem__(0, [4, 1, 5, 6]),
        "[4, 1, 5, 6], 5 are no numbers in the order of arrival",
    ),
    "questions of one number": (
        lambda live: live["questions"].__setitem__(0, [1, 4, 4, 6]),
        "[1, 4, 4, 6], 5 are no numbers in the order of arrival",
    ),
    "a question without a number": (
        lambda live: live["questions"][0].pop(),
        "3 questions are said to be open, and 4 are",
    ),
    "a question of the number to come next": (
        lambda live: live["questions"].__setitem__(1, 4),
        "[1, 2, 3, 4], 4 are no numbers in the order of arrival",
    ),
    "events in another order": (
        lambda live: live["mailbox"].__setitem__(0, [2, 1]),
        "[2, 1], 3 are no numbers in the order of arrival",
    ),
    "an event of number 0": (
        lambda live: live["mailbox"].__setitem__(0, [0, 1]),
        "[0, 1], 3 are no numbers in the order of arrival",
    ),
    "an event without a number": (lambda live: live["mailbox"][0].pop(), "ValueError: "),
    "an event of the number to come next": (
        lambda live: live["mailbox"].__setitem__(1, 2),
        "[1, 2], 2 are no numbers in the order of arrival",
    ),
    "a timer of nobody": (
        lambda live: live["due"].append(["grace", 99, 1.0]),
        "there's a timer for 'grace' 99, which isn't there",
    ),
    "a timer of another kind": (lambda live: live["due"].append(["retry", 5, 1.0]), "KeyError: 'retry'"),
    "an attempt that spends no time": (
        lambda live: live["budget"].__setitem__(2, None),
        "1 attempts spend time, since None",
    ),
}


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("what", BUSY)
def test_an_image_that_no_run_has_is_refused_with_the_reason(what: str) -> None:
    damage, reason = BUSY[what]
    data = copy.deepcopy(IMAGES["busy"])
    damage(data["live"])
    with pytest.raises(ContextSerdeError) as caught:
        from_image(PROGRAM, CODEC, data)
    assert not isinstance(caught.value, SnapshotMismatch)
    assert str(caught.value).startswith(f"This is no image of a run, or it was changed: {reason}")


def stopped() -> Hand:
    """A run that was cancelled while its step was at work."""
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.CancelRequested)
    hand.step(job, ticks.StepHalted)
    assert hand.state.status is RunStatus.HALTED
    return hand


def test_nothing_is_at_work_in_a_run_that_stands_still() -> None:
    hand = stopped()
    data = through_text(image(hand.state, at=hand.at))
    data["live"]["executions"] = [[1, "running", False, False, 1000.0, [], None]]
    with pytest.raises(ContextSerdeError, match="execution 1 is queued, and is said to be running"):
        from_image(PROGRAM, CODEC, data)


def test_an_error_of_a_stopped_step_that_cannot_be_read_any_more_is_a_mismatch() -> None:
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.CancelRequested)
    hand.step(job, ticks.StepRaised, ValueError(Approval(what="a")), None)
    assert hand.state.halt_errors
    data = through_text(image(hand.state, at=hand.at))
    del data["types"]
    with pytest.raises(SnapshotMismatch, match="The image of run 'r1' doesn't fit Flow as it is now") as caught:
        from_image(PROGRAM, codec_for(PROGRAM), {**data, "types": {}})
    assert "why step 'begin' failed" in caught.value.problems[0]


def test_children_of_which_nothing_is_said_and_others_that_are_not_there_are_no_image() -> None:
    hand = Parent()
    number = hand.start()
    data = through_text(image(hand.core.state, at=hand.at))
    data["live"]["children"][0][0] = 9
    with pytest.raises(ContextSerdeError, match=rf"children \[9\] are said to be there, and \[{number}\] are"):
        from_image(OUTER, OUTER_CODEC, data, children=KINDS)


# --- there and back ---------------------------------------------------------------------------------------------------


def test_what_only_waits_for_a_worker_takes_no_more_room_than_in_a_snapshot() -> None:
    hand = busy_run()
    live: Any = image(hand.state, at=hand.at)["live"]
    assert [found[0] for found in live["executions"]] == [2, 3, 5]


def test_kept_events_keep_the_numbers_of_their_arrival_whatever_was_taken_in_between() -> None:
    hand = Hand()
    job = hand.start()
    for n in range(3):
        hand.receive(Note(n=n))
    hand.ask(job, Ask(Note))
    loaded = again(hand)
    assert loaded.state.mailbox.in_order() == [Note(n=1), Note(n=2)]
    for one in (hand, loaded):
        one.receive(Note(n=3))
        assert one.state.mailbox.next_number == 5
    assert loaded.state == hand.state


def test_what_a_task_that_is_no_branchs_own_recorded_before_is_told_from_what_it_records_now() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, Ask(Approval))
    hand.step(job, ticks.EventStreamed, None, 5, Note(n=1))
    hand.step(job, ticks.ValueRecorded, None, "once", "f", 1)
    hand.suspend(job, question)
    (job,) = only(hand.receive(Approval(what="a")), RunStep)
    hand.step(job, ticks.EventStreamed, None, 5, Note(n=1))
    memory = again(hand).execution(job).memory
    assert memory is not None
    assert memory.sealed == {("effect", "5"): 1, ("once", "f"): 1}


def test_the_image_of_a_child_is_the_image_of_a_run() -> None:
    hand = Parent()
    number = hand.start()
    hand.asks(number)
    imaged(OUTER, OUTER_CODEC, hand.core.state, at=hand.at, children=KINDS)
