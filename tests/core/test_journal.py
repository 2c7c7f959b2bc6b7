"""The journal, one case at a time; the state machines feed their shadows from it, tick by tick."""

import copy
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core import test_hostile_snapshots as hostile
from tests.core.busy import busy_run, joining_run
from tests.core.flow import CODEC, PROGRAM, Approval, Approved, Begin, Done, Hand, Note, Part, Task, codec_for, only
from tests.core.journalling import journalled, through_text
from tests.core.test_children import Hand as Parent
from tests.core.test_children_machine import INNER, KINDS, OUTER, OUTER_CODEC, Errand
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.delivery import all_questions
from workflows.core.engine import TRANSITIONS, Core
from workflows.core.journal import fold, tick_data, tick_from
from workflows.core.questions import Ask
from workflows.core.state import ChildKind, RunState
from workflows.core.statuses import RunStatus
from workflows.core.tick_forms import FORMS
from workflows.errors import (
    ContextSerdeError,
    DecodeError,
    EncodeError,
    ReplayMismatch,
    SnapshotMismatch,
    SuspensionSwallowed,
)
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    UnreconstructedException,
)

WHO = (1, 1)
WRITE = ticks.Write(fields={"a": [1, {"x": None}]}, only=True)
EXAMPLES: tuple[ticks.Tick, ...] = (
    ticks.RunStarted(1, 1000.25, "r", Begin(topic="t"), 2**64 - 1, 3.5, True, "00-abc"),
    ticks.RunResumed(1, 1.0, "r", None, "00-abc"),
    ticks.StepReturned(1, 1.0, *WHO, (Note(n=1), StopEvent(result=[1, "x"])), True),
    ticks.StepReturned(1, 1.0, *WHO, ()),
    ticks.StepSuspending(1, 1.0, *WHO, ("q1-0123456789abcdef", "run 1"), 5.0),
    ticks.StepSuspended(1, 1.0, *WHO),
    ticks.StepHalted(1, 1.0, *WHO),
    ticks.StepParked(1, 1.0, *WHO),
    ticks.StepUnparked(1, 1.0, *WHO),
    ticks.TapeDropped(1, 1.0, *WHO, "l/m", 3, 2, 2**64 - 1),
    ticks.EventReceived(1, 1.0, Note(n=1), None, "q1"),
    ticks.EventReceived(1, 1.0, Task(n=1), "also"),
    ticks.EventSent(1, 1.0, *WHO, None, 2**64 - 1, Note(n=1), "also", "q1"),
    ticks.EventStreamed(1, 1.0, *WHO, "", 12, Note(n=1)),
    ticks.BurstStreamed(1, 1.0, *WHO, "l", (2**64 - 1, 0), (Note(n=1), Note(n=2))),
    ticks.EventPublished(1, 1.0, *WHO, Note(n=1)),
    ticks.ValueRecorded(1, 1.0, *WHO, "", "once", "f", {"$": ".set", "v": [1]}, 4),
    ticks.ValueReused(1, 1.0, *WHO, None, "once", "f"),
    ticks.QuestionsAsked(
        1, 1.0, *WHO, "r", (Ask(Note), Ask(Approved, Approval(what="?"), "w", {"who": "bob"}, 60.0, True))
    ),
    ticks.ChildStarted(1, 1.0, *WHO, "", "k", "inner", "begin/Inner[k]", Errand(n=3)),
    ticks.ChildWanted(1, 1.0, *WHO, 1, False),
    ticks.EventCollected(1, 1.0, *WHO, "r", "k", Note(n=1), [Note, Task], "b"),
    ticks.StateRead(1, 1.0, *WHO, "", None),
    ticks.StateWritten(1, 1.0, *WHO, "", 5, ticks.Write(path="a.b", value=2, base={"b": 1}), "1:1"),
    ticks.StateWrittenOutside(1, 1.0, WRITE, "outside:1"),
    ticks.EditAsked(1, 1.0, "outside:1"),
    ticks.EditCommitted(1, 1.0, "1:1", WRITE, 1, 1, None, 7),
    ticks.EditDropped(1, 1.0, "1:1"),
    ticks.TimerFired(1, 1.0),
    ticks.CancelRequested(1, 1.0, "enough"),
)
_NOT_EQUAL_TO_ANOTHER = {ticks.StepRaised, ticks.ChildTick}  # exceptions are themselves only; and see below


def new_state() -> RunState:
    return RunState(PROGRAM, CODEC, kinds=KINDS)


def every_tick() -> set[type[ticks.Tick]]:
    found = {kind for kind in vars(ticks).values() if isinstance(kind, type) and issubclass(kind, ticks.Tick)}
    return found - {ticks.Tick, ticks.StepTick}


def test_the_table_has_every_tick_with_each_of_its_fields_in_their_order() -> None:
    assert {kind for kind, _ in FORMS.values()} == every_tick() == TRANSITIONS.keys()
    for kind, forms in FORMS.values():
        assert list(forms) == [field.name for field in attrs.fields(kind)]


def test_there_is_an_example_of_every_tick() -> None:
    assert {type(tick) for tick in EXAMPLES} == every_tick() - _NOT_EQUAL_TO_ANOTHER


def test_asks_and_writes_have_no_more_fields_than_are_stored() -> None:
    assert [field.name for field in attrs.fields(Ask) if field.init] == [
        *("answer_type", "prompt", "waiter_id", "requirements", "timeout_s", "subclasses"),
    ]
    assert [field.name for field in attrs.fields(ticks.Write)] == ["path", "value", "fields", "only", "base"]


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("tick", EXAMPLES, ids=lambda tick: type(tick).__name__)
def test_a_tick_comes_back_equal(tick: ticks.Tick) -> None:
    again = journalled(new_state(), tick)
    assert type(again) is type(tick)
    assert again == tick


@pytest.mark.parametrize("make", [busy_run, joining_run])
def test_folding_a_journal_gives_the_state_that_the_run_had(make: Any) -> None:
    hand = make()
    state = RunState(PROGRAM, CODEC)
    fold(state, entries_of(hand.fed))
    assert state == hand.state
    assert state.out == []


def entries_of(fed: list[ticks.Tick]) -> list[Any]:
    """The journal of a run."""
    core, entries = Core(PROGRAM, CODEC), list[Any]()
    for tick in fed:
        entries.append(through_text(tick_data(core.state, tick)))
        core.feed(tick)
    return entries


def test_folding_twice_does_nothing_more() -> None:
    hand = busy_run()
    state, entries = RunState(PROGRAM, CODEC), entries_of(hand.fed)
    fold(state, [*entries, *entries[-3:]])
    assert state == hand.state


# --- exceptions -------------------------------------------------------------------------------------------------------


class OddlyMadeError(Exception):
    """Of a class that no workflow declares."""


class OddSuspensionSwallowed(SuspensionSwallowed): ...


class Stop(BaseException): ...


def failing(*errors: tuple[BaseException, float | None]) -> tuple[Hand, RunState]:
    """A run in which a step that has a handler raises this, and what is folded from its journal."""
    hand = Hand()
    hand.start()
    hand.receive(Part(n=1))
    for error, retry_in_s in errors:
        cut = next(found for found in hand.state.executions.values() if found.step == "cut" and found.is_live)
        hand.feed(ticks.StepRaised, cut.id, cut.attempt, error, retry_in_s)
        hand.at = hand.state.alarm or hand.at
        hand.feed(ticks.TimerFired)
    state = RunState(PROGRAM, CODEC)
    fold(state, entries_of(hand.fed))
    return hand, state


def test_an_exception_that_can_be_made_again_comes_back_as_it_was() -> None:
    hand, state = failing((ValueError("bad", 3), 1.0))
    assert state == hand.state
    (error,) = [found.last_error for found in state.executions.values() if found.last_error is not None]
    assert repr(error) == "ValueError('bad', 3)"


def test_a_foreign_exception_comes_back_as_data_and_everything_else_is_as_it_was() -> None:
    hand, state = failing((OddlyMadeError("bad"), 1.0))
    (live,) = [found for found in hand.state.executions.values() if found.last_error is not None]
    folded = state.executions[live.id]
    assert isinstance(folded.last_error, UnreconstructedException)
    assert folded.last_error.original_type is not None
    folded.last_error = live.last_error
    assert state == hand.state


MUST_SURFACE = [
    OddSuspensionSwallowed("it went on"),
    ReplayMismatch("departed", recorded="a", now="b"),
    ExceptionGroup("several", [ExceptionGroup("inner", [OddSuspensionSwallowed("it went on")]), ValueError()]),
    Stop(),
]


@pytest.mark.guarantee("W5", "D3")
@pytest.mark.parametrize("error", MUST_SURFACE, ids=lambda error: type(error).__name__)
def test_what_no_handler_may_hide_is_not_hidden_when_it_is_folded_whatever_it_is_read_as(error: BaseException) -> None:
    hand, state = failing((error, None))
    assert hand.state.status is RunStatus.ENDING
    assert (state.status, list(state.executions)) == (hand.state.status, list(hand.state.executions))
    assert not any(found.step == "mend" for found in state.executions.values())


@pytest.mark.guarantee("W5", "D3")
def test_a_handler_takes_over_when_it_is_folded_too() -> None:
    hand, state = failing((OddlyMadeError("bad"), None))
    assert [found.step for found in state.executions.values()] == [
        found.step for found in hand.state.executions.values()
    ]
    assert any(found.step == "mend" for found in state.executions.values())


def test_a_second_step_that_swallows_is_known_when_it_is_folded_too() -> None:
    hand = Hand()
    hand.start()
    hand.receive(Part(n=1))
    hand.receive(Part(n=2))
    for cut in [found for found in hand.state.executions.values() if found.step == "cut"]:
        hand.feed(ticks.StepRaised, cut.id, cut.attempt, OddSuspensionSwallowed(str(cut.id)), None)
    state = RunState(PROGRAM, CODEC)
    fold(state, entries_of(hand.fed))
    for found in (hand.state, state):
        assert found.outcome is not None
        assert len(found.outcome.failures) == 1


# --- what can't be stored ---------------------------------------------------------------------------------------------


class Undeclared(Event, name="undeclared"): ...


class UndeclaredPrompt(InputRequiredEvent, answer=HumanResponseEvent, name="undeclared prompt"): ...


def test_all_that_cannot_be_stored_is_told_with_its_place_and_nothing_has_changed() -> None:
    state = new_state()
    before = copy.deepcopy(state, {id(part): part for part in (PROGRAM, CODEC, KINDS)})
    with pytest.raises(EncodeError) as caught:
        tick_data(state, ticks.StepReturned(1, 1.0, 1, 1, (Undeclared(), Note(n=1), Undeclared())))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["$.events[0]", "$.events[2]"]
    asks = (Ask(Undeclared, UndeclaredPrompt(), None, {"x": object(), "y": object()}), Ask(Note))
    with pytest.raises(EncodeError) as caught:
        tick_data(state, ticks.QuestionsAsked(1, 1.0, 1, 1, "", asks))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        *("$.asks[0].answer_type", "$.asks[0].prompt", "$.asks[0].requirements.x", "$.asks[0].requirements.y"),
    ]
    with pytest.raises(EncodeError, match=r"\$\.expected\[1\]: Undeclared isn't declared"):
        tick_data(state, ticks.EventCollected(1, 1.0, 1, 1, "", "k", Note(n=1), [Note, Undeclared], None))
    assert state == before


def test_what_a_child_cannot_store_is_told_with_the_way_to_it() -> None:
    hand = Parent()
    number = hand.start()
    inner = ticks.StepReturned(9, 1.0, 1, 1, (Undeclared(),))
    with pytest.raises(EncodeError) as caught:
        tick_data(hand.core.state, ticks.ChildTick(99, 1.0, number, inner))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["$.tick.events[0]"]


# --- children ---------------------------------------------------------------------------------------------------------


class Local(StartEvent, name="local"):
    """Only the child's workflow declares it."""

    n: int = 0


@pytest.mark.guarantee("D3")
def test_what_happens_to_a_child_is_stored_in_the_types_of_its_own_workflow() -> None:
    kinds = {"inner": ChildKind(INNER, codec_for(INNER, [Local]))}
    core = Core(OUTER, OUTER_CODEC, children=kinds)
    again = Core(OUTER, OUTER_CODEC, children=kinds)
    (job,) = only(core.feed(begin := ticks.RunStarted(1, 1.0, "r", Begin(), 7)), RunStep)
    again.feed(begin)
    starts = ticks.ChildStarted(2, 1.0, job.execution, job.attempt, "", "k", "inner", "begin/Inner", Local(n=3))
    streams = ticks.ChildTick(3, 1.0, 1, ticks.EventStreamed(2, 1.0, 1, 1, "", 1, Local(n=4)))
    burst = ticks.ChildTick(4, 1.0, 1, ticks.BurstStreamed(3, 1.0, 1, 1, None, (1, 2), (Local(n=5), Local(n=6))))
    for tick in (starts, streams, burst):
        stored = journalled(again.state, tick)
        assert stored == tick
        assert again.feed(stored) == core.feed(tick)
    assert again.state == core.state


class Word(HumanResponseEvent, name="word"):
    """Only the child's workflow declares it."""


@pytest.mark.parametrize("is_named", [False, True])
def test_an_answer_to_a_childs_question_may_be_of_a_class_that_only_the_child_knows(is_named: bool) -> None:
    """Found by the machine: such an answer couldn't be stored."""
    kinds = {"inner": ChildKind(INNER, codec_for(INNER, [Word]))}
    core, again = Core(OUTER, OUTER_CODEC, children=kinds), Core(OUTER, OUTER_CODEC, children=kinds)
    fed: list[ticks.Tick] = [
        ticks.RunStarted(1, 1.0, "r", Begin(), 7),
        ticks.ChildStarted(2, 1.0, 1, 1, "", "k", "inner", "begin/Inner", Errand()),
        ticks.ChildTick(3, 1.0, 1, ticks.QuestionsAsked(2, 1.0, 1, 1, "", (Ask(Word),))),
    ]
    for tick in fed:
        core.feed(tick)
        again.feed(tick)
    (question,) = all_questions(core.state)
    for number in (4, 5):  # the second comes too late, and is refused
        answer = ticks.EventReceived(number, 1.0, Word(), None, question.id if is_named else None)
        assert again.feed(journalled(again.state, answer)) == core.feed(answer)
    assert again.state == core.state
    with pytest.raises(EncodeError, match=r"\$\.event: is a Local"):  # nobody asks for it: the run itself would keep it
        tick_data(core.state, ticks.EventReceived(6, 1.0, Local()))


def test_an_answer_that_comes_when_the_child_has_ended_is_refused_even_if_only_the_child_knows_its_class() -> None:
    """Found by killing processes: such an answer couldn't be stored, so that its sender was told of that instead."""
    kinds = {"inner": ChildKind(INNER, codec_for(INNER, [Word]))}
    core, again = Core(OUTER, OUTER_CODEC, children=kinds), Core(OUTER, OUTER_CODEC, children=kinds)
    for tick in (
        ticks.RunStarted(1, 1.0, "r", Begin(), 7),
        ticks.ChildStarted(2, 1.0, 1, 1, "", "k", "inner", "begin/Inner", Errand()),
        ticks.ChildTick(3, 1.0, 1, ticks.QuestionsAsked(2, 1.0, 1, 1, "", (Ask(Word),))),
    ):
        core.feed(tick)
        again.feed(tick)
    (question,) = all_questions(core.state)
    cancel = ticks.CancelRequested(4, 1.0, "no more")
    assert again.feed(journalled(again.state, cancel)) == core.feed(cancel)
    late = ticks.EventReceived(5, 1.0, Word(), None, question.id)
    for child in (*core.state.children, *again.state.children):
        core.state.children.pop(child, None)
        again.state.children.pop(child, None)
    assert again.feed(journalled(again.state, late)) == core.feed(late)


def test_a_word_to_a_child_that_there_is_not_is_stored_as_nothing_and_does_nothing() -> None:
    hand = Parent()
    state = hand.core.state
    late = ticks.ChildTick(state.last_tick + 1, 1.0, 7, ticks.StepHalted(3, 1.0, 1, 1))
    again = journalled(state, late)
    assert Core(OUTER, OUTER_CODEC, state=state).feed(again) == []
    unknown = ticks.ChildStarted(state.last_tick + 1, 1.0, 1, 1, "", "k", "nobody", "begin/Nobody", Undeclared)  # type: ignore[arg-type]  # it's never looked at
    assert Core(OUTER, OUTER_CODEC, state=state).feed(journalled(state, unknown)) == []


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_class_that_is_gone_is_a_mismatch_and_all_are_told() -> None:
    data = through_text(tick_data(new_state(), ticks.StepReturned(1, 1.0, 1, 1, (Done(n=1), Note(n=2), Done(n=3)))))
    without = RunState(OUTER, OUTER_CODEC)
    with pytest.raises(SnapshotMismatch) as caught:
        tick_from(without, data)
    assert len(caught.value.problems) == 3


def test_a_tick_that_is_missing_is_noticed() -> None:
    entries = entries_of(busy_run().fed)
    with pytest.raises(DecodeError, match="tick 3 follows tick 1"):
        fold(RunState(PROGRAM, CODEC), [entries[0], *entries[2:]])


NOTE = {"$": "note", "v": {"n": 1, "who": "ann"}}
NO_ENTRIES: list[tuple[Any, str]] = [
    (None, "expected list, found None"),
    (3, "expected list, found 3"),
    ([], "ValueError: "),
    ({}, "expected list, found {}"),
    (["nothing", 1, 1.0], "KeyError: 'nothing'"),
    (["due"], "ValueError: "),
    (["due", 1, "now"], "expected seconds, found 'now'"),
    (["due", 1, 1.0, 2], "ValueError: "),
    (["published", 1, 1.0, 1, 1, None], "an event isn't there"),
    (["returned", 1, 1.0, 1, 1, [None], False], "an event isn't there"),
    (["started", 1, 1.0, "r", None, 7, None, False, ""], "a start event isn't there"),
    (
        ["started", 1, 1.0, "r", NOTE, 7, None, False, ""],
        "a run starts with Note(n=1, who='ann')",
    ),
    (["raised", 1, 1.0, 1, 1, None, None, False, False], "a step raised nothing"),
    (["written outside", 1, 1.0, [5, 1, None, False, None], None], "expected str, found 5"),
    (["written outside", 1, 1.0, [None, 1, [], False, None], None], "expected dict, found []"),
    (["child", 1, 1.0, 7, ["halted", 1, 1.0, 1, 1]], "child 7 is there only now, or was there only then"),
]


@pytest.mark.parametrize(("data", "reason"), NO_ENTRIES, ids=[str(data) for data, _ in NO_ENTRIES])
def test_what_no_journal_has_is_refused_with_the_reason(data: Any, reason: str) -> None:
    with pytest.raises(DecodeError, match="This is no journal entry, or it was changed") as caught:
        tick_from(new_state(), data)
    (problem,) = caught.value.problems
    assert problem.startswith(f"$: {reason}")


def test_an_entry_each_part_of_which_could_be_but_not_all_together_is_refused_when_it_is_folded() -> None:
    """A failure in the year minus ten to the 23rd, which its handler can't be told of."""
    hand = Hand()
    hand.start()
    (cut,) = only(hand.receive(Part(n=1)), RunStep)
    entries = entries_of(hand.fed)
    failed = tick_data(hand.state, ticks.StepRaised(3, -1e30, cut.execution, cut.attempt, ValueError("no"), None))
    with pytest.raises(DecodeError, match="This is no journal entry, or it was changed") as caught:
        fold(RunState(PROGRAM, CODEC), [*entries, through_text(failed)])
    assert isinstance(caught.value.__cause__, ValueError | OverflowError)


ENTRIES = [through_text(tick_data(new_state(), tick)) for tick in EXAMPLES] + entries_of(busy_run().fed)


@st.composite
def changed_entries(draw: st.DrawFn) -> Any:
    """An entry with some of its parts replaced by others."""
    data = copy.deepcopy(draw(st.sampled_from(ENTRIES)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([found for found in hostile.places(data) if found]))
        hostile.at(data, place[:-1])[place[-1]] = copy.deepcopy(draw(st.sampled_from(hostile.INSTEAD)))
    return data


@pytest.mark.guarantee("D2")
@settings(max_examples=5 * cast("Any", settings()).max_examples)
@given(changed=changed_entries(), before=st.integers(0, 40))
def test_a_changed_entry_is_refused_or_folded_and_never_another_error(changed: Any, before: int) -> None:
    entries = entries_of(busy_run().fed)
    state, data = RunState(PROGRAM, CODEC), changed
    try:
        fold(state, entries[:before])
        if isinstance(changed, list) and len(data) > 1:
            data[1] = state.last_tick + 1
        fold(state, [data])
    except ContextSerdeError:
        return
