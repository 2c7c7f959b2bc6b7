"""Waiting: how a step waits for an answer, is suspended, and finds the answer when it's replayed.

Rules:
- A wait in the step's own task suspends the step: the attempt's scope is cancelled. Nothing of ours travels through
  user code.
- A wait in another task of the step parks in place; so does one under a deadline or shield of the user's own, and any
  wait of a workflow with `waits="park"`.
- While the step is being suspended, its context does nothing: a `once` in flight is finished, everything else holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..codec import own_event
from ..core.questions import Ask
from ..core.records import Asked
from ..core.ticks import QuestionsAsked
from ..errors import EngineBug, ReplayMismatch, WaitTimedOut
from ..events import Event
from .attempt import Attempt
from .departures import departed
from .operations import recorded

GRACE_S = 5.0
"""Seconds in which a step that is suspended must have ended before it's reported."""


async def wait_for_answers(attempt: Attempt, asks: Sequence[Ask], *, what: str) -> list[Event]:
    """Ask, wait until all are answered, and give the answers in the order of the asks.

    Safe to cancel: what was asked stays asked, and is found again by a replay.

    Raises:
        WaitTimedOut: The deadline of one passed.
        UsageError: Inside `once` or an edit, or where nothing tells two equal waits apart.
        ReplayMismatch: The replay comes to another question than was recorded.
    """
    attempt.check_open()
    attempt.refuse_inside(what, of=("once", "edit"))
    await attempt.hold_while_stopping()
    asked = _ask(attempt, asks, what)
    trace = attempt.run.trace
    if trace is not None:
        trace.waits_for(attempt.step.name, asked)
    if any(not wait.is_settled for wait in asked):
        await _wait(attempt, asked)
    if trace is not None:
        trace.waited_for(asked)
    await attempt.run.backend.checkpoint()
    for wait in asked:
        if wait.expired:
            raise _timed_out(attempt, wait)
    return [_answer(attempt, wait) for wait in asked]


def _ask(attempt: Attempt, asks: Sequence[Ask], what: str) -> list[Asked]:
    """Find the waits on record, and ask for the others."""
    branch = attempt.branch()
    contents = [ask.content(attempt.run.codec) for ask in asks]
    asked: list[Asked] = []
    for content in contents:
        if branch is None:
            attempt.use_once("wait", content, what)
        record = recorded(attempt, branch, "wait", content)
        if record is None:
            break
        assert isinstance(record, Asked)
        asked.append(record)
    if len(asked) < len(asks):
        if asked and branch is not None:
            departed(attempt, branch, _another_group(attempt, len(asked), len(asks)))
        attempt.emit(QuestionsAsked, branch, tuple(asks[len(asked) :]))
        asked += _made(attempt, branch, contents[len(asked) :])
    return asked


def _another_group(attempt: Attempt, recorded: int, now: int) -> ReplayMismatch:
    """Questions that are asked together are recorded together: some of them alone are another group."""
    return ReplayMismatch(
        f"Step {attempt.step.name!r} asks {now} questions at once where it had asked {recorded}.",
        recorded=f"{recorded} questions at once",
        now=f"{now} questions at once",
    )


def _made(attempt: Attempt, branch: str | None, contents: Sequence[str]) -> list[Asked]:
    """The waits that the core has just recorded."""
    memory = attempt.recall()
    if branch is None:
        found = [memory.found["wait", content] for content in contents]
    else:
        found = memory.tape(branch).records[-len(contents) :]
    made = [record for record in found if isinstance(record, Asked)]
    if len(made) != len(contents):
        raise EngineBug("the core hasn't recorded what was asked")
    return made


async def _wait(attempt: Attempt, asked: Sequence[Asked]) -> None:
    is_root = attempt.is_own_task()
    if is_root and attempt.run.options.suspends and attempt.can_suspend:
        attempt.begin_suspending(lambda: _open_ones(asked))
        await attempt.be_suspended()
    attempt.park(is_root=is_root)
    try:
        while not all(wait.is_settled for wait in asked) and not any(wait.expired for wait in asked):
            await attempt.next_word([wait.question.id for wait in asked if not wait.is_settled])
            if attempt.is_stopping():
                await attempt.hold()
    finally:
        attempt.unpark(is_root=is_root)


def _open_ones(asked: Sequence[Asked]) -> tuple[str, ...]:
    """The questions that a step still waits for; none if one has expired, which ends the wait for all."""
    if any(wait.expired for wait in asked):
        return ()
    return tuple(wait.question.id for wait in asked if not wait.is_settled)


def _timed_out(attempt: Attempt, wait: Asked) -> WaitTimedOut:
    prompt = "" if wait.question.event is None else f" after asking {wait.question.event!r}"
    return WaitTimedOut(
        f"Step {attempt.step.name!r} waited for {wait.question.answer_type.__name__}{prompt}; "
        f"nobody answered before {wait.question.deadline}."
    )


def _answer(attempt: Attempt, wait: Asked) -> Event:
    if wait.answer is None:
        raise EngineBug(f"question {wait.question.id} is settled without an answer")
    return own_event(wait.answer, attempt.run.codec)
