"""What each tick means, for the naive model: one function for each, in the words of the design."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.core.reference import HANDLED, JOINS, Job, Level, Op, Pool, Reference, Told, Wait
from workflows.core import ticks
from workflows.errors import SuspensionSwallowed
from workflows.events import (
    HumanResponseEvent,
    InputRequiredEvent,
    StepFailedEvent,
    StopEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)


def apply(run: Reference, tick: ticks.Tick) -> Told:
    """Let a tick happen to a run, and say what it leads to."""
    run.begin(tick.at)
    RULES[type(tick)](run, tick)
    return run.end_tick()


def started(run: Reference, tick: ticks.RunStarted) -> None:
    if run.phase not in ("new", "ended"):
        return
    run.phase = "halted" if tick.is_held else "running"
    run.limit, run.spent = tick.budget_s, 0.0
    run.past |= {wait.id for wait in run.waits if wait.id}
    run.waits, run.asked, run.run_id = [], set(), tick.run_id
    run.failed, run.failed_beside, run.last_event = [], [], None
    run.to_steps(tick.event)
    for step in run.program.steps:
        run.run(step)


def resumed(run: Reference, tick: ticks.RunResumed) -> None:
    if run.phase != "halted":
        return
    run.phase, run.limit = "running", tick.budget_s
    run.failed_beside = []
    run.queues = {}
    for name in sorted(run.jobs):
        if run.jobs[name].phase == "queued":
            run.queues.setdefault(run.jobs[name].step, []).append(name)
    run.fire_due()
    for step in run.program.steps:
        run.run(step)


def returned(run: Reference, tick: ticks.StepReturned) -> None:
    job = run.speaking(tick)
    if job is None:
        return
    if run.phase != "running":
        halted(run, tick)
        return
    run.end_attempt(job, "queued")
    run.forget(job)
    pile = run.open_pile(job.step, job.level) if tick.is_list and job.step in JOINS else None
    run.busy = [found for found in (pile, job.level.pile) if found is not None]
    for number, event in enumerate(tick.events):
        level = job.level if pile is None else Level(pile, number, job.level.recovered)
        if isinstance(event, StopEvent):
            run.busy = []
            run.end(event)
            return
        if isinstance(event, InputRequiredEvent):
            ask_by_returning(run, job, event, level)
        else:
            run.deliver(event, level)
    run.busy = []
    run.close_piles()
    run.run(job.step)


def ask_by_returning(run: Reference, job: Job, event: InputRequiredEvent, level: Level) -> None:
    run.told.published.append(event)
    for step in run.takers(event):
        run.to_step(step, event, level)
    kind = type(event).__answer_type__ or HumanResponseEvent
    accepted = [taken for spec in run.program.steps.values() for taken in spec.accepts]
    related = [taken for taken in accepted if issubclass(taken, kind) or issubclass(kind, taken)]
    if any(issubclass(taken, HumanResponseEvent) for taken in related):
        wait = Wait(kind, event, job.step, job.id, returned=True, level=level)
        run.waits.append(wait)
        run.asked.add(kind)
        run.told.asked.append(wait)


def raised(run: Reference, tick: ticks.StepRaised) -> None:
    job = run.speaking(tick)
    if job is None:
        return
    if run.phase != "running":
        raised_while_cancelled(run, job, tick)
        return
    run.end_attempt(job, "delayed")
    job.failures += 1
    if tick.retry_in_s is None and recovered(run, job, tick):
        return
    if tick.retry_in_s is None:
        run.forget(job)
        run.failed = [(job.step, tick.error)]
        assert job.first_at is not None
        error = tick.error if isinstance(tick.error, Exception) else Exception("…")
        run.end(
            WorkflowFailedEvent(
                step_name=job.step, exception=error, attempts=job.failures, elapsed_seconds=tick.at - job.first_at
            )
        )
        return
    for branch, ops in job.done.items():
        run.keep_for_retry(job, branch, ops)
    job.done = {}
    job.retry_at = tick.at + max(0.0, tick.retry_in_s)
    run.run(job.step)


def recovered(run: Reference, job: Job, tick: ticks.StepRaised) -> bool:
    """Whether a handler takes over: it's called with the failure, where the step stood that has failed."""
    handler, most = HANDLED.get(job.step, ("", 0))
    before = job.level.recovered.get(handler, 0)
    hides = isinstance(tick.error, SuspensionSwallowed)
    if before >= most or hides or not isinstance(tick.error, Exception):
        return False
    assert job.first_at is not None
    failed = StepFailedEvent(
        step_name=job.step,
        input_event=job.event,
        exception=tick.error,
        attempts=job.failures,
        elapsed_seconds=tick.at - job.first_at,
        failed_at=datetime.fromtimestamp(tick.at, UTC),
    )
    run.forget(job)
    counts = {**job.level.recovered, handler: before + 1}
    run.make_job(handler, failed, Level(job.level.pile, job.level.member, counts))
    run.close_piles()
    run.run(job.step)
    return True


def raised_while_cancelled(run: Reference, job: Job, tick: ticks.StepRaised) -> None:
    run.end_attempt(job, "queued")
    is_known = isinstance(tick.error, SuspensionSwallowed) and any(
        step == job.step and isinstance(error, SuspensionSwallowed) for step, error in run.failed
    )
    if run.phase == "ending":
        run.forget(job)
        if not is_known:
            (run.failed or run.failed_beside).append((job.step, tick.error))
    else:
        run.failed_beside.append((job.step, tick.error))
    run.finish_if_still()


def suspending(run: Reference, tick: ticks.StepSuspending) -> None:
    job = run.acting(tick)
    if job is None:
        return
    job.phase, job.on = "suspending", tick.on
    job.is_woken = not any(wait.id in tick.on for wait in run.open_waits)
    if not job.is_woken:
        run.withdraw(job)
    job.grace_at = tick.at + tick.grace_s


def suspended(run: Reference, tick: ticks.StepSuspended) -> None:
    job = run.speaking(tick)
    if job is None:
        return
    if job.phase != "suspending":  # the run was stopped before it could be told of the suspension
        halted(run, tick)
        return
    run.end_attempt(job, "suspended")
    if run.phase != "running":
        job.phase = "queued" if job.is_woken else "suspended"
        run.finish_if_still()
    elif job.is_woken:
        run.enqueue(job)
    run.run(job.step)


def halted(run: Reference, tick: ticks.StepTick) -> None:
    job = run.speaking(tick)
    if job is None:
        return
    run.end_attempt(job, "queued")
    if run.phase == "running":  # whoever carries the run is being cancelled: nothing is begun for it
        run.queues.setdefault(job.step, []).append(job.id)
    run.finish_if_still()


def parked(run: Reference, tick: ticks.StepParked) -> None:
    job = run.speaking(tick)
    if job is not None and not job.is_parked:
        job.is_parked = True
        if run.phase == "running":
            run.withdraw(job)


def unparked(run: Reference, tick: ticks.StepUnparked) -> None:
    job = run.speaking(tick)
    if job is not None:
        job.is_parked = False


def tape_dropped(run: Reference, tick: ticks.TapeDropped) -> None:
    """What was done before the departure stays; of the rest only answers and results are kept."""
    job = run.acting(tick)
    if job is None:
        return
    ops = job.done.setdefault(tick.branch, [])
    kept = ops[: ops_until(ops, tick.index, tick.count)]
    run.keep_for_retry(job, tick.branch, ops[len(kept) :])
    job.done[tick.branch] = kept


def ops_until(ops: Sequence[Op], index: int, count: int) -> int:
    """How many operations stand in the first `index` records, and `count` more.

    Operations without a result that follow one another in one attempt stand in one record.
    """
    records: list[list[Op]] = []
    for op in ops:
        last = records[-1][-1] if records else None
        if last is not None and last.kind == op.kind == "effect" and last.attempt == op.attempt:
            records[-1].append(op)
        else:
            records.append([op])
    return sum(len(record) for record in records[: max(0, index)]) + count


def received(run: Reference, tick: ticks.EventReceived) -> None:
    target = run.target(tick.event, tick.step, tick.reply_to)
    if isinstance(target, str):
        run.told.refused = target
    elif target is not None:
        run.give_answer(target, tick.event)
    elif tick.step is not None:
        run.to_step(tick.step, tick.event)
    else:
        run.to_steps(tick.event)


def sent(run: Reference, tick: ticks.EventSent) -> None:
    job = run.acting(tick)
    if job is None:
        return
    target: Wait | str | None = None
    if isinstance(tick.event, HumanResponseEvent) or tick.reply_to is not None:
        target = run.target(tick.event, tick.step, tick.reply_to)
    elif tick.step is not None and tick.step not in {*run.takers(tick.event)} & run.called_one_by_one:
        target = "no-step"
    if isinstance(target, str):
        run.told.refused = target
        run.record(job, tick.branch, Op("refused", tick.digest, target))
        return
    run.record(job, tick.branch, Op("effect", tick.digest))
    outside = Level(recovered=job.level.recovered)
    if target is not None:
        run.give_answer(target, tick.event, outside)
    elif tick.step is not None:
        run.to_step(tick.step, tick.event, outside)
    else:
        run.deliver(tick.event, outside)


def streamed(run: Reference, tick: ticks.EventStreamed) -> None:
    job = run.acting(tick)
    if job is not None:
        run.record(job, tick.branch, Op("effect", tick.digest))
        run.told.published.append(tick.event)


def burst_streamed(run: Reference, tick: ticks.BurstStreamed) -> None:
    for digest, event in zip(tick.digests, tick.events, strict=True):
        streamed(run, ticks.EventStreamed(tick.id, tick.at, tick.execution, tick.attempt, tick.branch, digest, event))


def published(run: Reference, tick: ticks.EventPublished) -> None:
    """A `once` in flight is finished while its step is being suspended; what it streams meanwhile isn't lost."""
    if run.speaking(tick) is not None and run.phase == "running":
        run.told.published.append(tick.event)


def value_recorded(run: Reference, tick: ticks.ValueRecorded) -> None:
    """A call through `once` that is in flight when its step is stopped is finished, or raises, and that's recorded."""
    job = run.speaking(tick) if tick.kind in ("once", "raised") else run.acting(tick)
    if job is None:
        return
    op = Op(tick.kind, tick.key, tick.value)
    if tick.branch is None or tick.instead_of is None:
        run.record(job, tick.branch, op)
    else:
        record_instead(job.done.get(tick.branch, []), tick.instead_of, op)


def record_instead(ops: list[Op], index: int, op: Op) -> None:
    """A call that had raised was made again: what it has come to now stands where it stood, as if it had been then."""
    if index < 0:
        return
    for old in ops[ops_until(ops, index, 0) :][:1]:
        if (old.kind, old.key) == ("raised", op.key):
            old.kind, old.result = op.kind, op.result


def value_reused(run: Reference, tick: ticks.ValueReused) -> None:
    job = run.acting(tick)
    if job is not None:
        run.take_kept(job, tick.branch, Op(tick.kind, tick.key))


def asked(run: Reference, tick: ticks.QuestionsAsked) -> None:
    job = run.acting(tick)
    for ask in tick.asks if job is not None else ():
        assert job is not None
        run.ask(job, tick.branch, ask)


def collected(run: Reference, tick: ticks.EventCollected) -> None:
    job = run.acting(tick)
    if job is None:
        return
    expected = list(tick.expected)
    for pool in run.pools:
        same_types = tick.buffer_id is not None or Counter(pool.expected) == Counter(expected)
        if pool.step == job.step and pool.name == tick.buffer_id and same_types:
            break
    else:
        pool = Pool(job.step, tick.buffer_id, expected)
        run.pools.append(pool)
    pool.expected = expected
    pool.arrived = [item for item in [*pool.arrived, (job.level, tick.event)] if type(item[1]) in expected]
    taken = pool.take(expected)
    if taken is not None:
        job.level = job.level.after(level for level, _ in taken)
    events = None if taken is None else tuple(event for _, event in taken)
    run.record(job, tick.branch, Op("collect", tick.key, events))


def state_read(run: Reference, tick: ticks.StateRead) -> None:
    job = run.acting(tick)
    if job is not None:
        run.record(job, tick.branch, Op("read", tick.path, run.seen_at(tick.path)))


def state_written(run: Reference, tick: ticks.StateWritten) -> None:
    job = run.acting(tick)
    if job is None:
        return
    if run.editor not in (None, tick.owner):
        run.told.refused = "busy"
    elif not run.write(tick.write):
        run.told.refused = "path"
        run.record(job, tick.branch, Op("refused", tick.digest, "path"))
    else:
        run.record(job, tick.branch, Op("effect", tick.digest))


def state_written_outside(run: Reference, tick: ticks.StateWrittenOutside) -> None:
    if run.editor not in (None, tick.owner):
        run.told.refused = "busy"
    elif not run.write(tick.write):
        run.told.refused = "path"


def edit_asked(run: Reference, tick: ticks.EditAsked) -> None:
    if tick.execution is not None and run.acting_job(tick.execution, tick.attempt) is None:
        return
    if run.editor is None:
        run.editor = tick.owner
        run.told.grants.append(tick.owner)
    elif tick.owner != run.editor and tick.owner not in run.editors:
        run.editors.append(tick.owner)


def edit_committed(run: Reference, tick: ticks.EditCommitted) -> None:
    if run.editor != tick.owner:
        return
    job: Job | None = None
    if tick.execution is not None:
        job = run.acting_job(tick.execution, tick.attempt)
        if job is None:
            return
    seen = run.seen_at(None)
    if not run.write(tick.write):
        run.told.refused = "path"
        return
    if job is not None:
        run.record(job, tick.branch, Op("edit", "", (seen, tick.digest)))
    run.end_edit(tick.owner)


def edit_dropped(run: Reference, tick: ticks.EditDropped) -> None:
    run.end_edit(tick.owner)


def timer_fired(run: Reference, tick: ticks.TimerFired) -> None:
    if run.phase != "running":
        return
    if run.limit is not None and run.spent >= run.limit:
        active = sorted({job.step for job in run.live})
        run.end(WorkflowTimedOutEvent(timeout=run.limit, active_steps=active))
    else:
        run.fire_due()


def cancel_requested(run: Reference, tick: ticks.CancelRequested) -> None:
    if run.phase == "running":
        run.phase = "halting"
        run.told.stops += 1
        run.finish_if_still()


RULES: Mapping[type[ticks.Tick], Callable[[Reference, Any], None]] = {
    ticks.RunStarted: started,
    ticks.RunResumed: resumed,
    ticks.StepReturned: returned,
    ticks.StepRaised: raised,
    ticks.StepSuspending: suspending,
    ticks.StepSuspended: suspended,
    ticks.StepHalted: halted,
    ticks.StepParked: parked,
    ticks.StepUnparked: unparked,
    ticks.TapeDropped: tape_dropped,
    ticks.EventReceived: received,
    ticks.EventSent: sent,
    ticks.EventStreamed: streamed,
    ticks.BurstStreamed: burst_streamed,
    ticks.EventPublished: published,
    ticks.ValueRecorded: value_recorded,
    ticks.ValueReused: value_reused,
    ticks.QuestionsAsked: asked,
    ticks.EventCollected: collected,
    ticks.StateRead: state_read,
    ticks.StateWritten: state_written,
    ticks.StateWrittenOutside: state_written_outside,
    ticks.EditAsked: edit_asked,
    ticks.EditCommitted: edit_committed,
    ticks.EditDropped: edit_dropped,
    ticks.TimerFired: timer_fired,
    ticks.CancelRequested: cancel_requested,
}
