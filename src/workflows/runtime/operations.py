"""Operations: what a step does through its context, each of them recorded, and served from the record on a replay."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar
from uuid import UUID

from anyio.lowlevel import checkpoint

from ..codec import Json, own_event
from ..codec.problems import shown
from ..core.commands import Refuse
from ..core.records import Branch, Collected, Record, Value
from ..core.ticks import EventCollected, EventPublished, EventSent, ValueRecorded
from ..errors import EngineBug, ReplayMismatch, UsageError
from ..events import Event
from .attempt import Attempt, branch_path, inside
from .departures import departed
from .digests import STREAM, event_digest
from .refusals import check_declared, check_event, error_for, no_event

T = TypeVar("T")


def send(attempt: Attempt, event: Event, *, step: str | None, reply_to: str | None) -> None:
    """Send an event, once."""
    attempt.check_open()
    attempt.refuse_inside("ctx.send_event()", of=("once",))
    if attempt.is_in_vain:
        return
    check_declared(attempt.run.codec, attempt.run.program, event)
    branch = attempt.branch()
    digest = event_digest(attempt.run.codec, event, what=f"send {step or ''} {reply_to or ''}")
    if attempt.replay is None or not was_done(attempt, branch, "ctx.send_event()", digest, event):
        raise_refusal(attempt.emit(EventSent, branch, digest, event, step, reply_to))


def stream_nowait(attempt: Attempt, event: object) -> None:
    """Write to the stream, once."""
    if attempt.is_closed:
        attempt.check_open()
    if not isinstance(event, Event):
        raise no_event(event, "The stream")
    if attempt.is_suspending or attempt.is_stopping():
        return
    if inside.get() == "once":
        attempt.emit(EventPublished, event)
        return
    branch = attempt.branch()
    digest = event_digest(attempt.run.codec, event, what=STREAM)
    if attempt.replay is None or not was_done(attempt, branch, "writing to the stream", digest, event):
        attempt.stream(branch, digest, event)


async def stream(attempt: Attempt, event: Event) -> None:
    """Write to the stream, once, and wait while its slowest reader is too far behind."""
    await attempt.pass_while_suspending()
    stream_nowait(attempt, event)
    await attempt.settled()
    await attempt.run.log.wait_for_readers(lambda: attempt.is_in_vain)
    await checkpoint()


class Doing:
    """What a step does, as a departure tells of it: an event is only shown then, for that may be long, or fail."""

    __slots__ = ("_event", "_what")

    def __init__(self, what: str, event: Event | None) -> None:
        self._what = what
        self._event = event

    def __str__(self) -> str:
        return self._what if self._event is None else f"{self._what}: {shown(self._event)}"


def was_done(attempt: Attempt, branch: Branch, what: str, digest: int, event: Event | None = None) -> bool:
    """Whether the record says that an operation without a result was done; if it was refused, it's refused again."""
    if attempt.replay is None:
        return False
    try:
        record = attempt.replay.effect(branch, Doing(what, event), digest)
    except ReplayMismatch as mismatch:
        departed(attempt, branch, mismatch)
        return False
    if isinstance(record, Value) and isinstance(record.value, list):
        reason, message = record.value
        raise error_for(Refuse(str(reason), str(message)))
    return record is not None


def raise_refusal(refusal: Refuse | None) -> None:
    """Raise what the core refuses."""
    if refusal is not None:
        raise error_for(refusal)


def recorded(attempt: Attempt, branch: Branch, kind: str, key: str) -> Record | None:
    """The record of an operation with a result, on a replay."""
    if attempt.replay is None:
        return None
    try:
        return attempt.replay.next(branch, kind, key)
    except ReplayMismatch as mismatch:
        departed(attempt, branch, mismatch)
        return None


def value_once(attempt: Attempt, kind: str, what: str, make: Callable[[], Json]) -> Json:
    """A value that's made once and the same on every replay; only order tells it apart."""
    attempt.check_open()
    if inside.get() == "once" or attempt.is_in_vain:
        return make()
    branch = attempt.own_branch(what)
    record = recorded(attempt, branch, kind, "")
    if record is not None:
        return value_of(record)
    value = make()
    attempt.emit(ValueRecorded, branch, kind, "", value)
    return value


def value_of(record: Record) -> Json:
    """The result in a record."""
    if not isinstance(record, Value):
        raise EngineBug(f"{record} was served for a value")
    return record.value


def random(attempt: Attempt) -> Random:
    """The branch's generator."""
    attempt.check_open()
    return attempt.random_for(_generator(attempt, "ctx.random"))


def uuid4(attempt: Attempt) -> UUID:
    """The branch's next uuid."""
    attempt.check_open()
    return UUID(int=attempt.random_for(f"{_generator(attempt, 'ctx.uuid4()')}#uuid").getrandbits(128), version=4)


def _generator(attempt: Attempt, what: str) -> str:
    if inside.get() == "once":  # drawn again only if the function runs again, so it mustn't shift what comes later
        return f"{attempt.branch()}#once"
    return attempt.own_branch(what)


def collect(
    attempt: Attempt, event: Event, expected: Sequence[type[Event]], *, buffer_id: str | None
) -> list[Event] | None:
    """Put an event into a buffer; give a full set in the expected order, or None."""
    attempt.check_open()
    attempt.refuse_inside("ctx.collect_events()", of=("once",))
    check_event(event, "ctx.collect_events()")
    if not expected:
        return []
    if attempt.is_in_vain:
        return None
    branch = attempt.own_branch("ctx.collect_events()")
    key = f"{buffer_id or ''} {type(event).__qualname__}"
    record = recorded(attempt, branch, "collect", key)
    if record is None:
        attempt.emit(EventCollected, branch, key, own_event(event, attempt.run.codec), expected, buffer_id)
        record = attempt.recall().tape(branch).records[-1]
    if not isinstance(record, Collected):
        raise EngineBug(f"{record} was served for collect_events")
    codec = attempt.run.codec
    return None if record.events is None else [own_event(collected, codec) for collected in record.events]


@asynccontextmanager
async def branch(attempt: Attempt, key: object) -> AsyncGenerator[None]:
    """Open a branch for the task that enters it."""
    attempt.check_open()
    attempt.refuse_inside("ctx.branch()", of=("once", "edit"))
    await attempt.pass_while_suspending()
    task = attempt.acting_task()
    above = branch_path.get()
    name = str(key).replace("%", "%25").replace("/", "%2F") or "%"  # the root branch is the empty one
    path = f"{above}/{name}" if above else name
    owners = attempt.owners = {} if attempt.owners is None else attempt.owners
    branches = attempt.branches = {} if attempt.branches is None else attempt.branches
    owner = owners.setdefault(path, task)
    stack = branches.setdefault(task, [])
    if owner is not task or path in stack:
        raise UsageError(
            f"Branch {key!r} of step {attempt.step.name!r} was entered by two tasks (or twice at once); which would do "
            "what on a replay can't be told.\n  Give each task a key of its own."
        )
    stack.append(path)
    token = branch_path.set(path)
    attempt.branches_changed()
    try:
        yield
    finally:
        branch_path.reset(token)
        stack.pop()
        if not stack:
            branches.pop(task, None)
        attempt.branches_changed()
