"""Editing: how steps, and others, read and write the state of a run.

Reads and writes of a step are recorded. Writers wait while somebody edits exclusively; readers never do.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio.lowlevel import checkpoint_if_cancelled

from ..codec import Json
from ..core.records import EDIT_BEGUN, Branch, Edited, Read
from ..core.ticks import EditCommitted, StateRead, StateWritten, StateWrittenOutside, ValueRecorded, Write
from ..core.values import Versions
from ..errors import ContextStateError, EngineBug, ReplayMismatch
from .attempt import Attempt, inside
from .departures import departed
from .digests import json_digest
from .driver import Driver
from .operations import raise_refusal, recorded, was_done

S = TypeVar("S")
Fields = Mapping[str, Json]
Load = Callable[[Fields], S]
Dump = Callable[[S], dict[str, Json]]


def refuse_writing_inside(what: str) -> None:
    """Raise if the task is inside of an edit.

    Raises:
        ContextStateError: It is; writing there would wait for itself.
    """
    if inside.get() == "edit":
        raise ContextStateError(
            f"{what} was called inside edit_state(), which holds the state exclusively.\n"
            "  Change the state object of the block instead; it's written when the block ends."
        )


async def read(attempt: Attempt, path: str | None) -> Fields:
    """The fields that a read of `path` (None: all) sees: on a replay, those that it saw before."""
    attempt.check_open()
    await attempt.pass_while_suspending()
    await checkpoint_if_cancelled()
    values = attempt.recall_values()
    if inside.get() == "once" or attempt.is_in_vain:
        return _fields(attempt, values.seen(path))
    branch = attempt.own_branch("Reading the state")
    record = recorded(attempt, branch, "read", "whole state" if path is None else path)
    if record is None:
        attempt.emit(StateRead, branch, path)
        record = attempt.recall().tape(branch).records[-1]
    if not isinstance(record, Read):
        raise EngineBug(f"{record} was served for a read")
    return _fields(attempt, record.versions)


def _fields(attempt: Attempt, versions: Versions) -> dict[str, Json]:
    values = attempt.recall_values()
    return {name: values.versions[version] for name, version in versions}


async def write(attempt: Attempt, change: Write, *, what: str, check: Callable[[], None] | None = None) -> None:
    """Write, once; wait while somebody edits. `check` is called before a write that wasn't done before."""
    attempt.check_open()
    refuse_writing_inside(what)
    attempt.refuse_inside(what, of=("once",))
    await attempt.pass_while_suspending()
    await checkpoint_if_cancelled()
    if attempt.is_in_vain:
        return
    branch = attempt.branch()
    digest = _digest(attempt, change)
    if was_done(attempt, branch, what, digest):
        return
    if check is not None:
        check()
    if attempt.recall_values().editor is None:
        raise_refusal(attempt.emit(StateWritten, branch, digest, change))
        return
    owner = await attempt.acquire_edit()
    try:
        raise_refusal(attempt.emit(StateWritten, branch, digest, change, owner))
    finally:
        attempt.drop_edit(owner)


def _digest(attempt: Attempt, change: Write) -> int:
    value: Json = [change.path, change.value, None if change.fields is None else dict(change.fields), change.only]
    return json_digest(attempt.run.codec, value, what="write")


@asynccontextmanager
async def edit(attempt: Attempt, load: Load[S], dump: Dump[S]) -> AsyncGenerator[S]:
    """Edit the state exclusively; an edit that was committed before sees what it saw then, and isn't committed
    again.
    """
    attempt.check_open()
    refuse_writing_inside("edit_state()")
    attempt.refuse_inside("edit_state()", of=("once",))
    await attempt.pass_while_suspending()
    await checkpoint_if_cancelled()
    if attempt.is_in_vain:
        async with _in_vain(attempt, load) as state:
            yield state
        return
    branch = attempt.own_branch("edit_state()")
    record = _begin(attempt, branch)
    if record is not None:
        async with _again(attempt, branch, record, load, dump) as state:
            yield state
        return
    owner = await attempt.acquire_edit()
    token = inside.set("edit")
    try:
        state = load(attempt.recall_values().fields())
        yield state
        fields = dump(state)
        _check_nothing_else(attempt, branch)
        digest = json_digest(attempt.run.codec, dict(fields), what="edit")
        change = Write(fields=fields, only=True)
        attempt.commit_edit(owner, change, branch, digest)
    finally:
        inside.reset(token)
        attempt.drop_edit(owner)


@asynccontextmanager
async def _in_vain(attempt: Attempt, load: Load[S]) -> AsyncGenerator[S]:
    """An edit while the run is being stopped: of a copy that nobody will see."""
    token = inside.set("edit")
    try:
        yield load(attempt.recall_values().fields())
    finally:
        inside.reset(token)


@asynccontextmanager
async def _again(attempt: Attempt, branch: str, record: Edited, load: Load[S], dump: Dump[S]) -> AsyncGenerator[S]:
    token = inside.set("edit")
    try:
        state = load(_fields(attempt, record.versions))
        yield state
    finally:
        inside.reset(token)
    if recorded(attempt, branch, "edit", "") is None:
        return  # the block has departed, and that was accepted
    digest = json_digest(attempt.run.codec, dict(dump(state)), what="edit")
    if digest != record.digest:
        recorded_text, now = f"an edit with digest {record.digest:08x}", f"an edit with digest {digest:08x}"
        departed(
            attempt,
            branch,
            ReplayMismatch(
                f"edit_state() in step {attempt.step.name!r} came to another state than when it was recorded.\n"
                f"  recorded: {recorded_text}\n  now:      {now}",
                recorded=recorded_text,
                now=now,
            ),
        )


def _begin(attempt: Attempt, branch: str) -> Edited | None:
    """Tell that an edit begins, and give the commit that it came to before; None if it's to be done, or done again.

    The beginning is on record for what the block does otherwise: that stands before the commit.
    """
    begun = recorded(attempt, branch, EDIT_BEGUN, "")
    if begun is None or attempt.replay is None:
        attempt.emit(ValueRecorded, branch, EDIT_BEGUN, "", None)
        return None
    return attempt.replay.commit_ahead(branch)


def _check_nothing_else(attempt: Attempt, branch: Branch) -> None:
    """Before a commit: the record must not go on with something else."""
    if attempt.replay is not None and attempt.replay.peek(branch) is not None:
        recorded(attempt, branch, "edit", "")  # raises the departure


async def write_outside(driver: Driver, change: Write, *, what: str) -> None:
    """Write from outside of any step; wait while somebody edits."""
    refuse_writing_inside(what)
    await checkpoint_if_cancelled()
    if driver.core.state.values.editor is None:
        raise_refusal(driver.emit(StateWrittenOutside, change))
        await driver.settled()
        return
    owner = await driver.acquire_edit(execution=None, attempt=0)
    try:
        raise_refusal(driver.emit(StateWrittenOutside, change, owner))
        await driver.settled()
    finally:
        driver.drop_edit(owner)


@asynccontextmanager
async def edit_outside(driver: Driver, load: Load[S], dump: Dump[S]) -> AsyncGenerator[S]:
    """Edit the state exclusively from outside of any step."""
    refuse_writing_inside("edit_state()")
    await checkpoint_if_cancelled()
    owner = await driver.acquire_edit(execution=None, attempt=0)
    token = inside.set("edit")
    try:
        state = load(driver.core.state.values.fields())
        yield state
        driver.emit(EditCommitted, owner, Write(fields=dump(state), only=True))
        await driver.settled()
    finally:
        inside.reset(token)
        driver.drop_edit(owner)
