"""A run that has something of everything, for snapshots of it."""

from collections.abc import Sequence

from tests.core.flow import Approval, Approved, Begin, Done, Hand, Note, Part, Piece, Prompt, Reply, Task, only
from workflows.core import ticks
from workflows.core.commands import RunStep
from workflows.core.questions import Ask
from workflows.events import Event, StopEvent

PAY = Ask(Approved, Approval(what="pay?"))
LATER = Ask(Approved, Approval(what="later?"), "w", {"who": "bob"}, 60.0, True)


def busy_run() -> Hand:
    """Running, suspended, delayed and queued executions; questions of all kinds; every kind of record."""
    hand = Hand()
    hand.feed(ticks.StateWrittenOutside, ticks.Write(fields={"total": 1, "jobs": [{"id": 1}]}))
    job = hand.start(budget_s=100.0, topic="busy")
    hand.receive(Note(n=1, who="bob"))
    work, one, two = only(hand.returns(job, Task(n=1), Task(n=2), Prompt(what="name?")), RunStep)
    do_everything(hand, work)
    suspended = hand.ask(one, PAY, LATER)
    hand.suspend(one, *suspended)
    hand.step(two, ticks.ValueRecorded, "", "once", "f", [1, {"x": None}])
    hand.ask(two, Ask(Reply), branch=None)
    hand.step(two, ticks.StepRaised, ValueError("try again"), 30.0)
    hand.at += 2
    return hand


def do_everything(hand: Hand, job: RunStep) -> None:
    """Make a record of each kind, in the step's own task, in branches, and in a task that is none."""
    hand.step(job, ticks.EventStreamed, "", 11, Note(n=2))
    hand.step(job, ticks.EventSent, "", 12, Note(n=3), None, None)
    hand.step(job, ticks.StateRead, "", None)
    hand.step(job, ticks.StateWritten, "", 13, ticks.Write(path="jobs.0.id", value=2))
    hand.step(job, ticks.StateRead, "l", "jobs")
    hand.step(job, ticks.ValueRecorded, "l", "now", "", 1000.5)
    hand.step(job, ticks.ValueRecorded, "l/m", "once", "f", {"$": ".set", "v": [1]})
    hand.step(job, ticks.EventCollected, "r", "k", Note(n=4), _KINDS, None)
    hand.step(job, ticks.EventCollected, "r", "k", Task(n=5), _KINDS, None)
    hand.step(job, ticks.EventCollected, "r", "k", Note(n=6), _KINDS, "named")
    hand.step(job, ticks.EventStreamed, None, 14, Note(n=7))
    hand.step(job, ticks.EventSent, None, 15, Approved(n=8), None, None)  # refused
    hand.feed(ticks.EditAsked, f"{job.execution}:1", job.execution, job.attempt)
    change = ticks.Write(fields={"total": 2}, only=False)
    hand.feed(ticks.EditCommitted, f"{job.execution}:1", change, job.execution, job.attempt, "r", 16)
    (answered,) = hand.ask(job, Ask(Note, Approval(what="note?"), requirements={"who": "carl"}), branch="l")
    hand.receive(Note(n=9, who="carl"), reply_to=answered.id)
    (expired,) = hand.ask(job, Ask(Approved, timeout_s=1.0), branch="r")
    assert expired.deadline_at is not None
    hand.at = expired.deadline_at
    hand.feed(ticks.TimerFired)


_KINDS: Sequence[type[Event]] = [Note, Task]


def ended_run(event: Event | None = None) -> Hand:
    """A run that has ended, with this result or by a failure."""
    hand = Hand()
    hand.feed(ticks.StateWrittenOutside, ticks.Write(fields={"total": 1}))
    job = hand.start()
    if event is None:
        hand.step(job, ticks.StepRaised, ValueError("bad"), None)
    else:
        hand.returns(job, event)
    return hand


def runs() -> dict[str, Hand]:
    """Runs at all their moments, by name."""
    moments = {"busy": busy_run(), "new": Hand(), "result": ended_run(StopEvent(result=3)), "failed": ended_run()}
    early = moments["early"] = Hand()
    early.receive(Note(n=1))
    held = moments["held"] = Hand()
    held.feed(ticks.RunStarted, "r1", Begin(), 7, None, True, "00-abc")
    timed_out = moments["timed out"] = Hand()
    timed_out.start(budget_s=1.0)
    timed_out.at += 1
    timed_out.feed(ticks.TimerFired)
    cancelled = moments["cancelled"] = busy_run()
    cancelled.feed(ticks.CancelRequested)
    suspending = moments["suspending"] = Hand()
    job = suspending.start()
    (question,) = suspending.ask(job, PAY)
    suspending.step(job, ticks.StepSuspending, (question.id,), 5.0)
    answered = moments["answered while suspending"] = suspending.again()
    answered.feed(ticks.RunResumed, "r1")
    moments["joining"] = joining_run()
    return moments


def joining_run() -> Hand:
    """Batches in a batch, one with a question, one of whose members waits; slots on two levels; a join at work."""
    hand = Hand()
    members = (Part(n=1), Part(n=2), Done(n=3), Prompt(what="name?"), Task(n=4), Done(n=5))
    jobs = only(hand.lists(hand.start(), *members), RunStep)
    one, two = [job for job in jobs if job.step.name == "cut"]
    hand.lists(one, Done(n=6), Piece(n=7), Prompt(what="and yours?"), Part(n=8))
    hand.suspend(two, *hand.ask(two, PAY))
    hand.receive(Piece(n=9))
    return hand
