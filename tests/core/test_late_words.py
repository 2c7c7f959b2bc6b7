"""What an attempt says too late: when it's over, when another has taken its place, or while it's being suspended."""

from collections.abc import Callable

import pytest

from tests.core.flow import Approved, Hand, Note, Task, only
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.questions import Ask
from workflows.core.ticks import Write
from workflows.events import StopEvent

Late = tuple[Callable[..., ticks.StepTick], tuple[object, ...]]

DOES: list[Late] = [
    (ticks.EventSent, ("", 1, Task(n=1))),
    (ticks.EventSent, ("", 1, Approved(n=1))),
    (ticks.EventStreamed, ("", 1, Note(n=1))),
    (ticks.BurstStreamed, ("", (1, 2), (Note(n=1), Note(n=2)))),
    (ticks.ValueRecorded, ("", "now", "", 5.0)),
    (ticks.ValueReused, ("", "once", "f")),
    (ticks.QuestionsAsked, ("", (Ask(Approved),))),
    (ticks.EventCollected, ("", "k", Note(n=1), [Note], None)),
    (ticks.StateRead, ("", "x")),
    (ticks.StateWritten, ("", 1, Write(path="x", value=1))),
    (ticks.TapeDropped, ("", 0, 0, 0)),
]
ENDS: list[Late] = [
    (ticks.EventPublished, (Note(n=1),)),
    (ticks.ValueRecorded, ("", "once", "f", 1)),
    (ticks.StepSuspending, ((), 5.0)),
    (ticks.StepSuspended, ()),
    (ticks.StepHalted, ()),
    (ticks.StepParked, ()),
    (ticks.StepUnparked, ()),
    (ticks.StepReturned, ((StopEvent(),),)),
    (ticks.StepRaised, (ValueError("late"), None)),
]


def name_of(late: Late) -> str:
    return late[0].__name__


def with_values() -> tuple[Hand, RunStep]:
    """A run whose first attempt has a value on record, and whose state has one."""
    hand = Hand()
    job = hand.start()
    hand.feed(ticks.StateWrittenOutside, Write(path="x", value=0))
    hand.step(job, ticks.ValueRecorded, "", "once", "f", 0)
    return hand, job


def changes_nothing(hand: Hand, job: RunStep, late: Late) -> bool:
    """Whether nothing is said to it, and nothing has become of it."""
    before = hand.stored()
    said = hand.step(job, late[0], *late[1])
    return (said, hand.stored() | {"last_tick": before["last_tick"]}) == ([], before)


@pytest.mark.guarantee("W1", "R1")
@pytest.mark.parametrize("late", [*DOES, *ENDS], ids=name_of)
def test_what_a_step_says_when_it_is_over_changes_nothing(late: Late) -> None:
    hand, job = with_values()
    hand.returns(job, Task(n=1))
    assert changes_nothing(hand, job, late)


@pytest.mark.guarantee("W1", "R1")
@pytest.mark.parametrize("late", [*DOES, *ENDS], ids=name_of)
def test_what_an_attempt_says_when_another_has_taken_its_place_changes_nothing(late: Late) -> None:
    hand, job = with_values()
    hand.step(job, ticks.StepRaised, ValueError("x"), 1.0)
    hand.at += 1
    (again,) = only(hand.feed(ticks.TimerFired), RunStep)
    assert again.execution == job.execution
    assert changes_nothing(hand, job, late)


@pytest.mark.guarantee("W1", "W2")
@pytest.mark.parametrize("late", DOES, ids=name_of)
def test_what_an_attempt_does_while_it_is_being_suspended_changes_nothing(late: Late) -> None:
    hand, job = with_values()
    (question,) = hand.ask(job, Ask(Approved, waiter_id="w"))
    hand.step(job, ticks.StepSuspending, (question.id,), 5.0)
    assert changes_nothing(hand, job, late)
