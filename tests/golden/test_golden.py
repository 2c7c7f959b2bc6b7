"""Files of each released format load for ever.

A file is never changed. When the format changes, `core.snapshot.FORMAT_VERSION` does, the present files stay as they
are and go on loading, and files of the new format come beside them: `python -m tests.golden.test_golden` writes what
is missing. Until format 1 has been released, its files may be deleted and written anew.

A snapshot of format 1 may say everything, or leave out what says nothing (`format_1_short_…`), as it's written today.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.core.flow import Hand, only
from tests.core.spelled import spelled_out
from tests.golden import expenses_v1 as v1
from tests.golden import joining_v1, recovering_v1
from workflows.core import ticks
from workflows.core.commands import Finish, PublishEvent, RunStep
from workflows.core.effects import Effects
from workflows.core.engine import Core
from workflows.core.questions import Ask
from workflows.core.records import Asked, Collected, Edited, Read, Value
from workflows.core.restore import restore
from workflows.core.snapshot import FORMAT_VERSION
from workflows.core.state import RunState
from workflows.core.statuses import RunStatus, Status
from workflows.events import CollectionReleaseEvent, StepFailedEvent, StopEvent, WorkflowTimedOutEvent

HERE = Path(__file__).parent
ADDED: Mapping[str, Any] = {
    "next_batch": 1,
    "batches": [],
    "slots": [],
    "place": [0, 0],
    "places": ...,
    "next_child": 1,
    "children": [],
    "trace": "",
    "asked_at": ...,
    "tally": ...,
    "takes": ...,
}
"""Keys that the format was given after its first files, and what a reader takes them for where they're missing.

`...`: what they say was of no use to a reader of then.
"""


def hand() -> Hand:
    return Hand(Core(v1.PROGRAM, v1.CODEC), 1_793_536_200.0)


def begun() -> tuple[Hand, RunStep]:
    made = hand()
    commands = made.feed(ticks.RunStarted, "run-2026-11", v1.ClaimsFiled(month="2026-11"), 2**63 + 1, 60.0)
    return made, only(commands, RunStep)[0]


def written_at_work() -> Hand:
    """Two claims are checked, of which one waits for a person; a third failed, and a fourth waits for a worker."""
    made, job = begun()
    made.receive(v1.Approved(ok=True))  # refused: nobody has asked
    jobs = only(made.returns(job, *(v1.claim(n) for n in range(4)), v1.WhoAreYou()), RunStep)
    made.at += 1.25
    record_everything(made, jobs[0])
    (question,) = made.ask(
        jobs[0], Ask(v1.Approved, v1.Approval(claim_id=v1.IDS[0]), "w", {"by": "ann"}, 86_400.0, True)
    )
    (third,) = only(made.suspend(jobs[0], question), RunStep)
    made.step(jobs[1], ticks.ValueRecorded, "", "once", "tests:rate {}", v1.CODEC.encode(v1.Money(Decimal("1.1"))))
    made.step(jobs[1], ticks.StepRaised, ConnectionError("no rates", 503), 30.0)
    made.step(third, ticks.StateRead, "", "totals.0")
    made.at += 1.25
    return made


def record_everything(made: Hand, job: RunStep) -> None:
    made.step(job, ticks.EventStreamed, "", 1, v1.claim(0))
    made.step(job, ticks.EventStreamed, "", 2, v1.claim(0))
    totals = v1.CODEC.encode([v1.Money(Decimal("0.5")), {"seen": {v1.IDS[0]}}])
    made.step(job, ticks.StateWritten, "", 3, ticks.Write(fields={"totals": totals}))
    made.step(job, ticks.StateRead, "", None)
    made.step(job, ticks.ValueRecorded, "", "now", "", 1_793_536_201.25)
    made.step(
        job,
        ticks.EventSent,
        "a/b",
        4,
        v1.ClaimRead(claim_id=v1.IDS[4], cost=v1.Money(Decimal(1)), at=v1.DAY),
        None,
        "q1",
    )
    made.step(job, ticks.EventCollected, "a/b", "k", v1.claim(1), [v1.ClaimRead, v1.ClaimDecided], None)
    made.feed(ticks.EditAsked, f"{job.execution}:1", job.execution, job.attempt)
    edit = ticks.Write(fields={"totals": totals, "done": False}, only=True)
    made.feed(ticks.EditCommitted, f"{job.execution}:1", edit, job.execution, job.attempt, "a/b", 5)
    made.step(job, ticks.EventStreamed, None, 6, v1.claim(0))
    (asked,) = made.ask(job, Ask(StopEvent), branch="a")
    made.receive(StopEvent(result=1, note="an extra"), reply_to=asked.id)
    made.ask(job, Ask(v1.Approved, timeout_s=0.5), branch=None)
    made.at += 0.5
    made.feed(ticks.TimerFired)


def written_ended() -> Hand:
    made, job = begun()
    made.returns(job, StopEvent(result=v1.Money(Decimal("9.99"))))
    return made


def written_failed() -> Hand:
    made, job = begun()
    made.step(job, ticks.StepRaised, ConnectionError("no rates", 503), None)
    return made


def written_out_of_time() -> Hand:
    made, job = begun()
    made.at += 60
    made.feed(ticks.TimerFired)
    made.step(job, ticks.StepHalted)
    return made


def written_before() -> Hand:
    made = hand()
    made.feed(ticks.StateWrittenOutside, ticks.Write(path="totals", value=[]))
    made.receive(StopEvent(result="early"))
    return made


def written_joining() -> Hand:
    """Two lists that are being joined, one within the other, a member that waits, and half of what comes together."""
    made = Hand(Core(joining_v1.PROGRAM, joining_v1.CODEC), 1_793_536_200.0)
    begun = made.feed(ticks.RunStarted, "run-joining", joining_v1.Filed(month="2026-11"), 11, 60.0)
    (job,) = only(begun, RunStep)
    read = (joining_v1.Claim(n=1), joining_v1.Claim(n=2), joining_v1.Decided(n=3), joining_v1.WhoIsIt(n=4))
    one, two = only(made.lists(job, *read), RunStep)
    made.lists(one, joining_v1.Decided(n=5), joining_v1.Receipt(n=6), joining_v1.WhoIsIt(n=7))
    made.suspend(two, *made.ask(two, Ask(joining_v1.Named, joining_v1.WhoIsIt(n=8))))
    made.receive(joining_v1.Stamp(n=9))
    return made


def written_recovering() -> Hand:
    """Members of a list that have failed: a handler at work, what it gave in a join, and what it asked."""
    made = Hand(Core(recovering_v1.PROGRAM, recovering_v1.CODEC), 1_793_536_200.0)
    (job,) = only(
        made.feed(ticks.RunStarted, "run-recovering", recovering_v1.Filed(month="2026-11"), 11, None), RunStep
    )
    jobs = only(made.lists(job, *(recovering_v1.Claim(n=n) for n in range(4))), RunStep)
    made.at += 1.5
    failed = [made.step(found, ticks.StepRaised, ConnectionError("no rates", n), None) for n, found in enumerate(jobs)]
    one, two, three, _ = [mending for commands in failed for mending in only(commands, RunStep)]
    made.returns(one, recovering_v1.Decided(n=1))
    made.returns(two, recovering_v1.WhoIsIt(n=2))
    (again,) = only(made.returns(three, recovering_v1.Claim(n=3)), RunStep)
    made.step(again, ticks.StepRaised, ConnectionError("no rates yet"), None)
    return made


FILES: Mapping[str, Callable[[], Hand]] = {
    "format_1_at_work": written_at_work,
    "format_1_ended": written_ended,
    "format_1_failed": written_failed,
    "format_1_out_of_time": written_out_of_time,
    "format_1_before_its_run": written_before,
    "format_1_joining": written_joining,
    "format_1_recovering": written_recovering,
}

SHORT: Mapping[str, Callable[[], Hand]] = {
    name.replace("format_1_", "format_1_short_"): write for name, write in FILES.items()
}
either = pytest.mark.parametrize("form", ["format_1", "format_1_short"])


def text_of(made: Hand) -> str:
    return json.dumps(made.stored(), indent=1, sort_keys=True) + "\n"


def read(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def loaded(name: str) -> Hand:
    state, problems = restore(v1.PROGRAM, v1.CODEC, read(name))
    assert problems == []
    return Hand(Core(v1.PROGRAM, v1.CODEC, state=state), 1_793_536_203.25)


def records_of(state: RunState, execution: int) -> list[object]:
    memory = state.executions[execution].memory
    return [] if memory is None else list(memory.records())


def test_each_file_is_known_and_each_format_has_files() -> None:
    assert {path.stem for path in HERE.glob("*.json")} == {*FILES, *SHORT}
    formats = {read(name)["format_version"] for name in (*FILES, *SHORT)}
    assert formats == set(range(1, FORMAT_VERSION + 1))


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("name", [name for name in SHORT if name.startswith(f"format_{FORMAT_VERSION}_")])
def test_what_is_written_today_is_of_this_format(name: str) -> None:
    """If this fails, the stored form has changed: readers of old files need care, and the format a new number."""
    assert json.loads(text_of(SHORT[name]())) == read(name)


@pytest.mark.guarantee("D3")
@pytest.mark.parametrize("name", FILES)
def test_what_is_written_today_says_what_was_said_when_nothing_was_left_out(name: str) -> None:
    assert without_later_keys(json.loads(text_of(FILES[name]()))) == without_later_keys(read(name))


def without_later_keys(data: Any) -> Any:
    """What a snapshot would have been before keys were added: those that say nothing new go.

    These files are of a time when a snapshot said everything; one that leaves out what says nothing is spelled out.
    """
    parts = data
    if isinstance(data, list):
        return [without_later_keys(part) for part in parts]
    if not isinstance(data, dict):
        return data
    if "format_version" in parts:
        parts = spelled_out(parts)
    found = {name: without_later_keys(part) for name, part in parts.items()}
    return {name: part for name, part in found.items() if name not in ADDED or ADDED[name] not in (part, ...)}


@pytest.mark.guarantee("D3")
@either
def test_a_run_at_work_of_format_1_comes_back(form: str) -> None:
    made = loaded(f"{form}_at_work")
    state = made.state
    assert (state.run_id, state.seed, state.status) == ("run-2026-11", 2**63 + 1, RunStatus.HALTED)
    assert {name: (found.step, found.status) for name, found in state.executions.items()} == {
        2: ("check", Status.SUSPENDED),
        3: ("check", Status.DELAYED),
        4: ("check", Status.QUEUED),
        5: ("check", Status.QUEUED),
    }
    assert [found.event for found in state.executions.values()] == [v1.claim(n) for n in range(4)]
    assert {type(record) for record in records_of(state, 2)} == {Effects, Read, Value, Edited, Asked, Collected}
    error = state.executions[3].last_error
    assert isinstance(error, ConnectionError)
    assert error.args == ("no rates", 503)
    assert {name: v1.CODEC.decode(value) for name, value in state.values.fields().items()} == {
        "totals": [v1.Money(Decimal("0.5")), {"seen": {v1.IDS[0]}}],
        "done": False,
    }
    assert state.budget.spent_s == 3.0


@pytest.mark.guarantee("D3")
@either
def test_the_questions_of_format_1_are_answered_and_its_run_goes_on_to_its_end(form: str) -> None:
    made = loaded(f"{form}_at_work")
    returned, asked = made.pending
    assert (returned.event, returned.answer_type, returned.step) == (v1.WhoAreYou(), v1.Named, "read")
    assert (asked.id, asked.event) == ("q2-5777b50b0125d9e2", v1.Approval(claim_id=v1.IDS[0]))
    assert asked.deadline is not None
    assert asked.deadline.isoformat() == "2026-11-02T12:30:01.750000+00:00"
    resumed = only(made.feed(ticks.RunResumed, "run-2026-11", 60.0), RunStep)
    assert [(job.execution, job.attempt) for job in resumed] == [(4, 2), (5, 2)]
    assert made.refused(v1.Approved(ok=True, by="bob"), reply_to=asked.id).reason == "misfit"
    made.receive(v1.Approved(ok=True, by="ann"), reply_to=asked.id)
    assert only(made.receive(v1.Named(name="ann")), RunStep)[0].step.name == "greet"
    made.at += 30
    made.feed(ticks.TimerFired)
    (job,) = only(made.returns(resumed[0], v1.ClaimDecided(claim_id=v1.IDS[2], is_approved=True)), RunStep)[:1]
    assert job.step.name in {"check", "sum_up"}
    made.returns(resumed[1], StopEvent(result=2))
    for execution in [found for found in made.state.executions.values() if found.is_live]:
        made.feed(ticks.StepHalted, execution.id, execution.attempt)
    assert made.said[-1] == [PublishEvent(StopEvent(result=2)), Finish()]


@pytest.mark.guarantee("D3")
@either
def test_outcomes_of_format_1_come_back(form: str) -> None:
    ended, failed, late = (loaded(f"{form}_{name}").state for name in ("ended", "failed", "out_of_time"))
    assert ended.outcome is not None
    assert ended.outcome.result == StopEvent(result=v1.Money(Decimal("9.99")))
    assert failed.outcome is not None
    assert [(failure.step, repr(failure.error)) for failure in failed.outcome.failures] == [
        ("read", "ConnectionError('no rates', 503)")
    ]
    assert late.outcome is not None
    assert (late.outcome.timed_out_s, late.outcome.active_steps) == (60.0, ("read",))
    assert WorkflowTimedOutEvent(timeout=60.0, active_steps=["read"]).timeout == 60.0
    before = loaded(f"{form}_before_its_run").state
    assert (before.status, before.mailbox.in_order()) == (RunStatus.NEW, [StopEvent(result="early")])


@pytest.mark.guarantee("D3")
@either
def test_lists_of_format_1_are_joined_to_the_end(form: str) -> None:
    state, problems = restore(joining_v1.PROGRAM, joining_v1.CODEC, read(f"{form}_joining"))
    assert problems == []
    made = Hand(Core(joining_v1.PROGRAM, joining_v1.CODEC, state=state), 1_793_536_203.25)
    assert [(batch.id, batch.place.batch, batch.opener, batch.open) for batch in state.batches.values()] == [
        (1, 0, "read", 3),
        (2, 1, "check", 1),
    ]
    assert only(made.feed(ticks.RunResumed, "run-joining", 60.0), RunStep) == []
    for question in made.pending:
        made.receive(joining_v1.Named(n=1), reply_to=question.id)
    while live := [found for found in made.state.executions.values() if found.is_live]:
        answers = {"check": (joining_v1.Decided(n=2),), "sum_up": (joining_v1.Decided(n=1),)}
        made.feed(ticks.StepReturned, live[0].id, live[0].attempt, answers.get(live[0].step, ()))
    assert (made.state.batches, made.state.executions) == ({}, {})
    runs = [job for commands in made.said for job in only(commands, RunStep) if job.step.name == "sum_up"]
    given = [job.event.events for job in runs if isinstance(job.event, CollectionReleaseEvent)]
    assert given == [[joining_v1.Decided(n=5)], [joining_v1.Decided(n=n) for n in (1, 2, 3)]]


@pytest.mark.guarantee("D3")
@either
def test_a_run_of_format_1_whose_steps_were_recovered_comes_back_and_counts_on(form: str) -> None:
    state, problems = restore(recovering_v1.PROGRAM, recovering_v1.CODEC, read(f"{form}_recovering"))
    assert problems == []
    made = Hand(Core(recovering_v1.PROGRAM, recovering_v1.CODEC, state=state), 1_793_536_203.25)
    handling = {found.id: found for found in state.executions.values() if found.step == "mend"}
    assert [found.place.recoveries for found in handling.values()] == [(("mend", 1),), (("mend", 2),)]
    failed = [found.event for found in handling.values()]
    assert all(isinstance(found, StepFailedEvent) for found in failed)
    assert [getattr(found, "input_event", None) for found in failed] == [recovering_v1.Claim(n=3)] * 2
    (question,) = state.questions.by_id.values()
    assert question.place.recoveries == (("mend", 1),)
    made.feed(ticks.RunResumed, "run-recovering", None)
    made.receive(recovering_v1.Named(n=2), reply_to=question.id)
    for name in handling:
        made.feed(ticks.StepReturned, name, 2, (recovering_v1.Decided(n=name),))
    (hear,) = [found for found in state.executions.values() if found.step == "hear"]
    made.feed(ticks.StepReturned, hear.id, 1, (recovering_v1.Decided(n=2),))
    (joined,) = [found for found in state.executions.values() if found.step == "sum_up"]
    assert joined.place.recoveries == (("mend", 2),)
    assert isinstance(joined.event, CollectionReleaseEvent)
    assert joined.event.events[:2] == [recovering_v1.Decided(n=1), recovering_v1.Decided(n=2)]


if __name__ == "__main__":
    for missing, write in SHORT.items():
        if not (HERE / f"{missing}.json").exists():
            (HERE / f"{missing}.json").write_text(text_of(write()), encoding="utf-8")
