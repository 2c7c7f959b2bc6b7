"""What a run costs depends on what is pending, not on how long it has lived. Work is counted, never timed."""

import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.counting import work_of
from tests.core.flow import Approval, Approved, Begin, Done, Hand, Note, Part, Prompt, Reply, Task, only
from workflows.core import ticks
from workflows.core.commands import Command, RunStep
from workflows.core.questions import Ask
from workflows.events import CollectionReleaseEvent, StopEvent

Loop = Callable[[Hand, RunStep, int], RunStep]


def job_in(commands: Iterable[Command]) -> RunStep:
    (job,) = only(commands, RunStep)
    return job


def chain(hand: Hand, job: RunStep, n: int) -> RunStep:
    """Steps that call one another."""
    return _the_other(hand, job, hand.returns(job, Task(n=n)), "work")


def _the_other(hand: Hand, job: RunStep, commands: Iterable[Command], name: str) -> RunStep:
    """`also` takes tasks too: let it end at once."""
    jobs = {found.step.name: found for found in only(commands, RunStep)}
    if "also" in jobs:
        hand.returns(jobs["also"])
    return jobs[name]


def ask_and_answer(hand: Hand, job: RunStep, n: int) -> RunStep:
    """A step that asks, is suspended, answered and replayed, and gives way to the next."""
    (question,) = hand.ask(job, Ask(Approved, Approval(what="go on?"), timeout_s=1e6))
    hand.suspend(job, question)
    again = job_in(hand.receive(Approved(n=n)))
    return chain(hand, again, n)


def ask_by_returning(hand: Hand, job: RunStep, n: int) -> RunStep:
    hand.returns(job, Prompt(what="name?"))
    hearing = job_in(hand.receive(Reply(n=n)))
    return _the_other(hand, hearing, hand.returns(hearing, Task(n=n)), "work")


def everything_else(hand: Hand, job: RunStep, n: int) -> RunStep:
    """Streams, reads and writes state, edits it, collects, sends and waits for what was sent, fails and is retried."""
    hand.step(job, ticks.EventStreamed, "", 1, Note(n=1))
    hand.step(job, ticks.StateRead, "", None)
    hand.step(job, ticks.StateWritten, "l", 2, ticks.Write(path="n", value=n))
    hand.step(job, ticks.EventSent, "", 3, Note(n=1), None, None)
    hand.ask(job, Ask(Note))
    hand.feed(ticks.EditAsked, f"{job.execution}:1", job.execution, job.attempt)
    change = ticks.Write(fields={"n": -n}, only=True)
    hand.feed(ticks.EditCommitted, f"{job.execution}:1", change, job.execution, job.attempt, "", 4)
    hand.step(job, ticks.EventCollected, "", "k", Note(n=1), [Note], None)
    hand.step(job, ticks.StepRaised, ValueError("x"), 1.0)
    hand.at += 1
    again = job_in(hand.feed(ticks.TimerFired))
    return chain(hand, again, n)


def fan_out_and_join(hand: Hand, job: RunStep, n: int) -> RunStep:
    """A list whose members come to something or to nothing, one within the other, and its joins."""
    hand.returns(job)
    begin = job_in(hand.receive(Begin()))
    (outer,) = only(hand.lists(begin, Part(n=n)), RunStep)
    waiting = only(hand.lists(outer, Part(n=n), Done(n=n)), RunStep)
    while waiting:
        done = waiting.pop()
        gives = (Done(n=n),) if done.step.name == "cut" else ()
        waiting += only(hand.returns(done, *gives), RunStep)
    return job_in(hand.receive(Begin()))


LOOPS: tuple[Loop, ...] = (chain, ask_and_answer, ask_by_returning, everything_else, fan_out_and_join)


def looped(loop: Loop, times: int) -> tuple[Hand, RunStep]:
    hand = Hand()
    job = hand.start(budget_s=1e9)
    for n in range(times):
        job = loop(hand, job, n % 7)
    return hand, job


def sizes(hand: Hand) -> dict[str, int]:
    """How much the state holds, part by part."""
    state = hand.state
    index = state.questions.index
    return {
        "executions": len(state.executions),
        "questions": len(state.questions.by_id) + (0 if index is None else len(index.numbers)),
        "asked": len(state.questions.asked),
        "mailbox": len(state.mailbox.in_order()) + len(state.mailbox.by_type),
        "buffers": sum(len(events) for buffer in state.buffers.values() for events in buffer.arrived.values()),
        "batches": len(state.batches) + len(state.slots),
        "timers": len(state.timers.due),
        "versions": len(state.values.versions) + len(state.values.holds),
        "work": sum(len(work.queue or ()) for work in state.work.values()),
    }


@pytest.mark.guarantee("D4")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_run_that_loops_holds_and_stores_the_same_after_ten_rounds_and_after_a_thousand(loop: Loop) -> None:
    few, _ = looped(loop, 10)
    many, _ = looped(loop, 1003)  # the same n in the last round
    assert sizes(few) == sizes(many)
    assert len(many.state.timers.heap) <= 66
    short, long = json.dumps(few.stored()), json.dumps(many.stored())
    assert len(long) <= len(short) + 60, "numbers have more digits, and that's all"


@pytest.mark.guarantee("D4")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_round_takes_the_same_work_after_ten_rounds_and_after_a_thousand(loop: Loop) -> None:
    few, early = looped(loop, 10)
    many, late = looped(loop, 1000)
    work = work_of(lambda: loop(few, early, 1))
    assert work_of(lambda: loop(many, late, 1)) <= 1.05 * work


@pytest.mark.guarantee("D4")
def test_what_is_pending_elsewhere_costs_a_tick_nothing() -> None:
    def cost(others: int) -> int:
        hand = Hand()
        job = hand.start()
        for n in range(others):
            hand.receive(Note(n=n))
            hand.receive(Task(n=n), step="work")
            hand.ask(job, Ask(Note, waiter_id=f"{n}", requirements={"who": "nobody"}, timeout_s=1e6))
            hand.step(job, ticks.StateWritten, "", n, ticks.Write(path=f"f{n}", value=n))
        (question,) = hand.ask(job, Ask(Approved, Approval(what="x"), timeout_s=1e3))
        deeds: list[Callable[[], object]] = [
            lambda: hand.step(job, ticks.EventStreamed, "", 1, Note(n=1)),
            lambda: hand.receive(Approved(n=1), reply_to=question.id),
            lambda: hand.receive(Task(n=1)),
            lambda: hand.ask(job, Ask(Reply)),
            lambda: hand.step(job, ticks.StateRead, "", "f1"),
            lambda: hand.step(job, ticks.StateWritten, "", 1, ticks.Write(path="f1", value="x")),
            lambda: hand.returns(hand_job(hand), Task(n=2)),
        ]
        return sum(work_of(deed) for deed in deeds)

    assert cost(300) <= 1.2 * cost(3)


def hand_job(hand: Hand) -> RunStep:
    """A job that runs, of a step other than the first."""
    found = next(found for found in hand.state.executions.values() if found.is_live and found.step == "work")
    return RunStep(found.id, found.attempt, hand.state.program.steps[found.step], found.event)


@pytest.mark.guarantee("D4")
def test_a_million_streamed_tokens_would_be_one_record() -> None:
    def stored(tokens: int) -> int:
        hand = Hand()
        job = hand.start()
        for _ in range(tokens):
            hand.step(job, ticks.EventStreamed, "", 7, Note(n=1))
        return len(json.dumps(hand.stored()))

    assert stored(10_000) <= stored(10) + 40


@pytest.mark.guarantee("D4")
@given(rounds=st.lists(st.sampled_from(LOOPS), max_size=12))
def test_whatever_a_run_has_done_nothing_of_it_is_left_at_the_end(rounds: list[Loop]) -> None:
    hand = Hand()
    job = hand.start()
    for n, loop in enumerate(rounds):
        job = loop(hand, job, n)
    hand.receive(Note(n=1))
    hand.returns(job, StopEvent())
    left = sizes(hand)
    assert {name for name, size in left.items() if size} <= {"asked", "versions"}
    assert left["versions"] == len(hand.state.values.current)


def done_of(job: RunStep) -> Done:
    assert isinstance(job.event, Part)
    return Done(n=job.event.n)


@pytest.mark.guarantee("D4")
def test_a_member_of_ten_thousand_takes_the_work_that_one_of_a_hundred_does() -> None:
    """From the list to the join; counted, with what the list and the join as a whole take."""

    def work(members: int) -> float:
        hand = Hand()
        job = hand.start()
        waiting: list[RunStep] = []

        def fan_out() -> None:
            waiting.extend(only(hand.lists(job, *(Part(n=n) for n in range(members))), RunStep))

        def join() -> None:
            for cut in waiting:  # it grows: as one ends, the next one runs
                if cut.step.name == "cut":
                    waiting.extend(only(hand.returns(cut, done_of(cut)), RunStep))

        took = work_of(fan_out) + work_of(join)
        event = waiting[-1].event
        assert isinstance(event, CollectionReleaseEvent)
        assert event.events == [Done(n=n) for n in range(members)]
        assert (len(hand.state.executions), hand.state.batches) == (2, {})
        return took / members

    assert work(10_000) <= 1.1 * work(100)


@pytest.mark.guarantee("D4")
def test_a_member_that_has_arrived_takes_the_same_room_in_a_snapshot_however_many_there_are() -> None:
    def stored(members: int) -> int:
        hand = Hand()
        hand.lists(hand.start(), Part(n=0), *(Done(n=1) for _ in range(members)))
        return len(json.dumps(hand.stored()))

    assert stored(1_010) - stored(1_000) <= stored(110) - stored(100) + 20
