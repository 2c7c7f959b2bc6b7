"""A replay is served what was recorded, each operation its own, and a departure is noticed before it has an effect."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Approved, Hand, Note
from workflows.core import ticks
from workflows.core.effects import Effects, folded
from workflows.core.questions import Ask
from workflows.core.records import EDIT_BEGUN, RAISED, Asked, Branch, Collected, Edited, Memory, Ran, Read, Value
from workflows.core.replay import Replay
from workflows.core.ticks import Write
from workflows.errors import ReplayMismatch

ONCE = Value("once", "f", 1)
NOW = Value("now", "", 5.0)


def remembering(*records: Value | Read | Edited | Collected | Ran | int, branch: Branch = "") -> Memory:
    """What an earlier attempt has recorded; a number is an operation without a result."""
    memory = Memory()
    for record in records:
        if isinstance(record, int):
            memory.add_effect(branch, record)
        else:
            memory.add(branch, record)
    memory.seal()
    return memory


# --- departures -------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W6")
def test_another_operation_with_a_result_departs_and_both_sides_are_told() -> None:
    replay = Replay("pay", remembering(ONCE))
    with pytest.raises(ReplayMismatch) as caught:
        replay.next("", "now", "")
    assert (caught.value.recorded, caught.value.now) == ("once f", "now")
    assert "'pay'" in str(caught.value)


@pytest.mark.guarantee("W6")
def test_the_same_kind_with_another_key_departs() -> None:
    with pytest.raises(ReplayMismatch):
        Replay("pay", remembering(ONCE)).next("", "once", "g")


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize(
    ("record", "told"), [(Value(RAISED, "f", None), "once f, which raised"), (Ran("Child", 1, "Child"), "run Child")]
)
def test_what_was_recorded_is_told_in_words(record: Value | Ran, told: str) -> None:
    with pytest.raises(ReplayMismatch) as caught:
        Replay("pay", remembering(record)).next("", "now", "")
    assert caught.value.recorded == told


@pytest.mark.guarantee("W6")
def test_an_operation_with_a_result_where_effects_were_departs() -> None:
    replay = Replay("pay", remembering(1, 2))
    replay.effect("", "a send", 1)
    with pytest.raises(ReplayMismatch, match="of which 1 were repeated"):
        replay.next("", "once", "f")


@pytest.mark.guarantee("W6")
def test_an_effect_where_an_operation_with_a_result_was_departs() -> None:
    with pytest.raises(ReplayMismatch):
        Replay("pay", remembering(ONCE)).effect("", "a send", 1)


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize("now", [[1, 9], [9, 2], [2, 1]])
def test_other_effects_depart_at_the_last_of_their_group_at_the_latest_and_none_is_done(now: list[int]) -> None:
    replay = Replay("pay", remembering(1, 2))
    assert replay.effect("", "a send", now[0]) is not None  # taken for done: it has no effect
    for _ in range(2):  # and code that catches the error doesn't get any further
        with pytest.raises(ReplayMismatch, match="the last of 2"):
            replay.effect("", "a send", now[1])


@pytest.mark.guarantee("W6")
def test_an_effect_that_comes_before_a_group_can_end_is_noticed_when_the_step_ends() -> None:
    replay = Replay("pay", remembering(1, 2, 3))
    replay.effect("", "a send", 1)
    (left,) = replay.unread()
    assert "3 operations" in left


@pytest.mark.guarantee("W6")
def test_what_an_attempt_never_came_to_is_told_of_at_its_end() -> None:
    memory = remembering(ONCE, NOW)
    memory.add("l", ONCE)
    memory.add(None, ONCE)
    memory.add_effect(None, 7)
    memory.add_effect(None, 7)
    memory.seal()
    replay = Replay("pay", memory)
    replay.next("", "once", "f")
    replay.effect(None, "a send", 7)
    assert replay.unread() == [
        "in the step's own task: now",
        "in branch 'l': once f",
        "in a task that is no branch's own: once f",
        f"in a task that is no branch's own: {memory.found['effect', '7']}",
    ]


def test_the_first_attempt_has_nothing_to_read() -> None:
    replay = Replay("pay", Memory())
    assert replay.next("", "once", "f") is None
    assert replay.effect("", "a send", 1) is None
    assert replay.peek("") is None
    assert replay.peek(None) is None
    assert replay.unread() == []


def test_what_an_attempt_adds_is_never_served_to_it() -> None:
    memory = remembering(ONCE)
    replay = Replay("pay", memory)
    assert replay.next("", "once", "f") == ONCE
    for branch in ("", "new", None):
        memory.add(branch, NOW)
        memory.add_effect(branch, 1)
        assert replay.next(branch, "now", "") is None
        assert replay.effect(branch, "a send", 1) is None
    assert replay.unread() == []


def test_peek_tells_what_comes_next_and_takes_nothing() -> None:
    replay = Replay("pay", remembering(ONCE, NOW))
    assert replay.peek("") == replay.peek("") == ONCE
    replay.next("", "once", "f")
    assert replay.peek("") == NOW


def test_a_refused_operation_is_served_its_refusal() -> None:
    refused = Value("refused", "7", ["answered", "too late"])
    replay = Replay("pay", remembering(refused, ONCE))
    assert replay.effect("", "a send", 7) == refused
    assert replay.next("", "once", "f") == ONCE


@pytest.mark.guarantee("W6")
def test_another_effect_where_one_was_refused_departs() -> None:
    refused = Value("refused", "7", ["answered", "too late"])
    with pytest.raises(ReplayMismatch, match="was refused"):
        Replay("pay", remembering(refused)).effect("", "a send", 8)


def test_giving_up_tells_where_and_the_branch_acts_from_there_on() -> None:
    replay = Replay("pay", remembering(1, 2, 3, ONCE))
    first = replay.effect("", "a send", 1)
    assert isinstance(first, Effects)
    index, count, digest = replay.give_up("")
    assert (index, count, digest) == (0, 1, folded(0, 1))
    assert replay.give_up("") == (2, 0, 0)
    assert replay.effect("", "a send", 9) is None
    assert replay.next("", "once", "f") is None
    assert replay.unread() == []


@pytest.mark.guarantee("W1")
def test_the_commit_of_an_edit_is_not_taken_for_that_of_one_before_it_that_came_to_nothing() -> None:
    begun, committed = Value(EDIT_BEGUN, "", None), Edited((("a", 1),), 5)
    replay = Replay("pay", remembering(begun, ONCE, begun, ONCE, committed))
    for commit in (None, committed):
        assert replay.next("", EDIT_BEGUN, "") == begun
        assert replay.commit_ahead("") == commit
        replay.next("", "once", "f")
    assert replay.next("", "edit", "") == committed


def test_replaying_changes_nothing_on_record() -> None:
    """It made empty tapes for branches that are new, so that the state wasn't the fold of its ticks any more."""
    memory = remembering(1, ONCE, NOW)
    before = attrs.evolve(memory, tapes=dict(memory.tapes))
    replay = Replay("pay", memory)
    replay.effect("", "a send", 1)
    replay.next("", "once", "f")
    replay.next("new", "once", "f")
    replay.effect("newer", "a send", 1)
    replay.peek("newest")
    replay.unread()
    assert memory == before
    assert memory.tapes.keys() == {""}


# --- found by content -------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W7")
def test_in_a_task_that_is_no_branch_of_its_own_content_finds_the_record_in_any_order() -> None:
    one, two = Value("once", "f", 1), Value("once", "g", 2)
    replay = Replay("pay", remembering(one, two, 7, 8, 7, branch=None))
    assert replay.effect(None, "a send", 8) is not None
    assert replay.next(None, "once", "g") == two
    assert replay.next(None, "once", "f") == one
    assert [replay.effect(None, "a send", 7) is not None for _ in range(3)] == [True, True, False]
    assert replay.next(None, "once", "f") is None
    assert replay.unread() == []


# --- property ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Done:
    """An operation of a drawn program, and what it gave the first time."""

    kind: str
    key: str
    result: object


Program = Mapping[Branch, Sequence[tuple[str, int]]]
KINDS = ("effect", "once", "now", "read", "write", "edit", "ask", "collect")


def branch_programs() -> st.SearchStrategy[Any]:
    """What each branch does. Much of it doesn't commute: reads and writes, questions, equal operations."""
    ops = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 1)), max_size=6)
    loose = st.lists(st.tuples(st.sampled_from(("effect", "once", "ask")), st.integers(0, 3)), max_size=4, unique=True)
    return st.fixed_dictionaries({}, optional={"": ops, "l": ops, "l/m": ops, "r": ops, None: loose})


def interleaved(program: Program, data: st.DataObject) -> list[tuple[Branch, int]]:
    """The operations of all branches, mixed; within a branch they keep their order, elsewhere they have none."""
    places = [branch for branch, ops in program.items() for _ in ops]
    order = data.draw(st.permutations(places))
    loose = iter(data.draw(st.permutations(range(len(program.get(None, []))))))
    ordered = {branch: iter(range(len(ops))) for branch, ops in program.items() if branch is not None}
    return [(branch, next(loose if branch is None else ordered[branch])) for branch in order]


@pytest.mark.guarantee("W1", "W7")
@given(program=branch_programs(), data=st.data())
def test_each_operation_gets_its_own_record_in_whatever_order_the_branches_run(
    program: Program, data: st.DataObject
) -> None:
    hand = Hand()
    job = hand.start()
    first: dict[tuple[Branch, int], Done] = {}
    for branch, n in interleaved(program, data):
        first[branch, n] = do(hand, job.execution, job.attempt, branch, *program[branch][n])
        if data.draw(st.booleans(), label="written from outside"):
            hand.feed(ticks.StateWrittenOutside, Write(path="x", value=hand.state.last_tick))
    hand = stopped_and_resumed(hand, in_another_process=data.draw(st.booleans(), label="in another process"))
    memory = hand.execution(job).memory
    if memory is None:
        assert not first
        return
    replay = Replay("begin", memory)
    order = interleaved(program, data)
    for place in order[: data.draw(st.integers(0, len(order)), label="replayed")]:
        assert seen(hand, replay, place[0], first[place]) == first.pop(place).result
    assert bool(replay.unread()) == bool(first)


def do(hand: Hand, execution: int, attempt: int, branch: Branch, kind: str, n: int) -> Done:
    """Do something for the first time."""
    key = {"effect": f"{n}", "write": f"{10 + n}", "now": "", "edit": "", "read": "x"}.get(kind, f"k{n}")
    tick: tuple[Any, ...] | None = {
        "effect": (ticks.EventStreamed, branch, n, Note(n=n)),
        "write": (ticks.StateWritten, branch, 10 + n, Write(path="x", value=hand.state.last_tick)),
        "once": (ticks.ValueRecorded, branch, "once", key, hand.state.last_tick),
        "now": (ticks.ValueRecorded, branch, "now", "", hand.state.last_tick),
        "read": (ticks.StateRead, branch, "x"),
        "collect": (ticks.EventCollected, branch, key, Note(n=hand.state.last_tick), [Note] * (n + 1), key),
        "ask": (ticks.QuestionsAsked, branch, (Ask(Approved, waiter_id=key),)),
    }.get(kind)
    if tick is not None:
        hand.feed(tick[0], execution, attempt, *tick[1:])
    else:
        owner = f"{execution}:{hand.state.last_tick}"
        hand.feed(ticks.EditAsked, owner, execution, attempt)
        change = Write(fields={"x": hand.state.last_tick}, only=True)
        hand.feed(ticks.EditCommitted, owner, change, execution, attempt, branch, hand.state.last_tick)
    if kind == "ask":
        key = Ask(Approved, waiter_id=key).content(hand.state.codec)
        newest = hand.pending[-1]
        hand.receive(Approved(n=hand.state.last_tick), reply_to=newest.id)
    memory = hand.state.executions[execution].memory
    assert memory is not None
    if kind in ("effect", "write"):
        return Done("effect", key, None)
    record = memory.tapes[branch].records[-1] if branch is not None else memory.found[kind.replace("ask", "wait"), key]
    return Done(kind.replace("ask", "wait"), key, what_is_in(hand, record))


def seen(hand: Hand, replay: Replay, branch: Branch, done: Done) -> object:
    """What a replay is given for an operation."""
    if done.kind == "effect":
        assert isinstance(replay.effect(branch, "an effect", int(done.key)), Effects)
        return None
    return what_is_in(hand, replay.next(branch, done.kind, done.key))


def what_is_in(hand: Hand, record: object) -> object:
    """The result of an operation, from its record."""
    versions = hand.state.values.versions
    if isinstance(record, Value):
        return record.value
    if isinstance(record, Read):
        return [(name, versions[version]) for name, version in record.versions]
    if isinstance(record, Edited):
        return [(name, versions[version]) for name, version in record.versions], record.digest
    if isinstance(record, Collected):
        return record.events
    assert isinstance(record, Asked)
    return record.question.id, record.answer


def stopped_and_resumed(hand: Hand, *, in_another_process: bool) -> Hand:
    """The run goes on with another attempt, here or there."""
    if in_another_process:
        hand = hand.again()
    else:
        hand.feed(ticks.CancelRequested)
        hand.feed(ticks.StepHalted, 1, 1)
    hand.feed(ticks.RunResumed, hand.state.run_id)
    return hand
