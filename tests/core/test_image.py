"""Images, one case at a time; the state machines take one after each tick, and let their shadows go on from some."""

import copy
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core import test_hostile_snapshots as hostile
from tests.core.busy import PAY, runs
from tests.core.flow import CODEC, PROGRAM, Approved, Begin, Hand, Note, Part, Task, only
from tests.core.journalling import imaged, through_text
from tests.core.test_children import Hand as Parent
from tests.core.test_children_machine import KINDS, OUTER, OUTER_CODEC
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.engine import Core
from workflows.core.image import can_be_imaged, from_image, image
from workflows.core.questions import Ask
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.core.state import RunState
from workflows.core.statuses import RunStatus, Status
from workflows.errors import ContextSerdeError, EngineBug
from workflows.events import StopEvent

MOMENTS = {name: hand for name, hand in runs().items() if can_be_imaged(hand.state)}
IMAGES = {name: through_text(image(hand.state, at=hand.at)) for name, hand in MOMENTS.items()}


def again(hand: Hand) -> Hand:
    """The run from its image."""
    return Hand(Core(PROGRAM, CODEC, state=imaged(PROGRAM, CODEC, hand.state, at=hand.at)), hand.at)


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("name", MOMENTS)
def test_an_image_gives_an_equal_state_at_each_moment_of_a_run(name: str) -> None:
    again(MOMENTS[name])


def test_an_image_is_a_snapshot_too() -> None:
    hand = MOMENTS["busy"]
    state, problems = restore(PROGRAM, CODEC, IMAGES["busy"])
    assert problems == []
    assert snapshot(state, at=hand.at) == snapshot(hand.again().state, at=hand.at)


def test_every_field_of_a_state_that_counts_is_set_in_some_image() -> None:
    """A field that is added later can't be forgotten: no image would bring it back, and none of these would differ."""
    plain = RunState(PROGRAM, CODEC)
    names = {field.name for field in attrs.fields(RunState) if field.eq}
    seen = {name for name in names for hand in MOMENTS.values() if getattr(hand.state, name) != getattr(plain, name)}
    assert names - seen <= {"children", "next_child", "halt_errors"}, "the others have tests of their own"


def test_open_questions_are_numbered_from_one_as_in_the_images_that_there_are() -> None:
    hand = Hand()
    hand.ask(hand.start(), PAY, attrs.evolve(PAY, waiter_id="again"))
    written: Any = image(hand.state, at=hand.at)
    assert written["live"]["questions"] == [[1, 2], 3]


def test_attempts_at_work_go_on_after_it() -> None:
    hand = Hand()
    job = hand.start(budget_s=10.0)
    hand.at += 2
    loaded = again(hand)
    hand.at = loaded.at = hand.at + 3
    assert loaded.returns(job, Task(n=1)) == hand.returns(job, Task(n=1))
    assert loaded.state == hand.state
    assert hand.state.tally["begin"].seconds == 5.0


def test_a_suspension_and_its_grace_go_on_after_it() -> None:
    hand = Hand()
    job = hand.start()
    (question,) = hand.ask(job, PAY)
    hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    loaded = again(hand)
    assert loaded.state.timers.due == {("grace", 1): hand.at + 5.0}
    hand.at = loaded.at = hand.at + 5
    assert loaded.feed(ticks.TimerFired) == hand.feed(ticks.TimerFired)
    assert loaded.state == hand.state
    assert hand.state.status is RunStatus.ENDING


def test_edits_wait_in_their_order_after_it() -> None:
    hand = Hand()
    hand.start()
    for number in range(3):
        hand.feed(ticks.EditAsked, f"outside:{number}")
    loaded = again(hand)
    for number in range(3):
        drop = (ticks.EditDropped, f"outside:{number}")
        assert loaded.feed(*drop) == hand.feed(*drop)
    assert loaded.state == hand.state


def test_what_steps_raised_while_they_were_cancelled_is_in_it() -> None:
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.CancelRequested)
    hand.step(job, ticks.StepRaised, ValueError("while it was cancelled"), None)
    assert hand.state.halt_errors
    assert again(hand).state.halt_errors == hand.state.halt_errors


def test_what_was_stopped_stands_in_no_queue_until_the_run_goes_on() -> None:
    """Found by the machine: an execution that was queued by a cancellation."""
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.CancelRequested)
    hand.step(job, ticks.StepHalted)
    assert hand.state.work["begin"].queue is None
    loaded = again(hand)
    assert loaded.feed(ticks.RunResumed, "r1") == hand.feed(ticks.RunResumed, "r1")


def test_there_is_none_while_an_end_is_brought_about() -> None:
    halting, ending = Hand(), Hand()
    halting.start()
    ending.returns(ending.spread(1)[0], StopEvent())
    halting.feed(ticks.CancelRequested)
    for hand in (halting, ending):
        assert not can_be_imaged(hand.state)
        with pytest.raises(EngineBug, match="is being brought about"):
            image(hand.state, at=hand.at)


def test_a_child_at_work_is_in_it_and_one_that_is_being_stopped_has_none() -> None:
    hand = Parent()
    one, _two = hand.start("one"), hand.start("two")
    hand.asks(one)
    hand.at += 1
    state = imaged(OUTER, OUTER_CODEC, hand.core.state, at=hand.at, children=KINDS)
    assert state.children[one].state.executions[1].status is Status.AT_WORK
    assert ("child", one) in state.timers.due
    hand.step(ticks.ChildWanted, one, False)
    assert hand.core.state.status is RunStatus.RUNNING
    assert not can_be_imaged(hand.core.state)
    hand.within(one, ticks.StepHalted)
    imaged(OUTER, OUTER_CODEC, hand.core.state, at=hand.at, children=KINDS)


def test_a_question_that_was_withdrawn_is_not_in_it() -> None:
    hand = Hand()
    job = hand.start()
    hand.ask(job, Ask(Approved))
    hand.step(job, ticks.StepRaised, ValueError("x"), 1.0)
    hand.at += 1
    (retry,) = only(hand.feed(ticks.TimerFired), RunStep)
    hand.step(retry, ticks.StepParked)
    assert hand.pending == again(hand).pending == []


def test_the_order_in_which_an_execution_asked_is_kept() -> None:
    hand = Hand()
    job = hand.start()
    for branch in ("z", "a", None, ""):
        hand.ask(job, Ask(Approved), branch=branch)
    hand.step(job, ticks.StepRaised, ValueError(), 1.0)
    assert list(again(hand).execution(job).open) == list(hand.execution(job).open)


def test_a_buffers_events_keep_what_happened_on_their_way() -> None:
    hand = Hand()
    (opener,) = only(hand.feed(ticks.RunStarted, "r1", Begin(), 7), RunStep)
    (cut,) = only(hand.lists(opener, Part(n=1)), RunStep)
    hand.step(cut, ticks.EventCollected, "", "k", Note(n=1), [Note, Task], None)
    again(hand)


@st.composite
def changed_images(draw: st.DrawFn) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(IMAGES[draw(st.sampled_from(sorted(IMAGES)))])
    for _ in range(draw(st.integers(1, 3))):
        inside = draw(st.sampled_from(("live", "live", "executions", "mailbox", "tally")))
        if inside not in data:
            continue
        place = draw(st.sampled_from([(inside, *found) for found in hostile.places(data[inside])]))
        try:
            hostile.at(data, place[:-1])[place[-1]] = copy.deepcopy(draw(st.sampled_from(hostile.INSTEAD)))
            if draw(st.booleans()):
                del hostile.at(data, place[:-1])[place[-1]]
        except (LookupError, TypeError):
            continue
    return data


@pytest.mark.guarantee("D2")
@settings(max_examples=5 * cast("Any", settings()).max_examples)
@given(data=changed_images())
def test_a_changed_image_is_refused_or_a_state_and_never_another_error(data: dict[str, Any]) -> None:
    before = repr(data)
    try:
        state = from_image(PROGRAM, CODEC, data)
    except ContextSerdeError:
        assert repr(data) == before
        return
    if can_be_imaged(state) and "nan" not in before:  # which equals nothing, nor itself once it was stored
        imaged(PROGRAM, CODEC, state, at=5000.0)
