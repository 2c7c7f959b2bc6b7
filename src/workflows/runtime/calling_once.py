"""Calling once: `ctx.once(fn)`, whose result is recorded when it's there, and given again on each replay.

Rules:
- What `fn` gave is on record before the step goes on. If the process dies before that, `fn` is called again.
- An error of `fn` fails the step, and a retry calls `fn` again. But the step may catch it and go on, and what it does
  then is on record too: a replay must get there again. So it's given the error that was, if the workflow can rebuild it
  (a builtin exception, or one that it declares); else `fn` is called again.
- A call that was cut short is made again, unless the step went on from there: if a deadline of the step's own did it,
  the replay waits for that deadline as the first attempt did.
- While the run is being stopped `fn` is called, and that's on no record. Nor is an error of a call that was in flight
  when the run was stopped: as likely as not, that's how `fn` took it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

import anyio
import attrs
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled

from ..codec import Json
from ..core.records import RAISED, Branch, Record
from ..core.replay import Raised
from ..core.ticks import ValueRecorded, ValueReused
from ..errors import EncodeError, UsageError
from .attempt import Attempt, inside
from .operations import recorded, value_of

CUT_SHORT = "cut short"
"""Stands in a record for the error of a call that was cancelled."""


@attrs.frozen
class Call:
    """A call through `once`."""

    function: Callable[..., object]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    async def make(self) -> object:
        """Call the function, and await what it gives if it's to be awaited."""
        result = self.function(*self.args, **self.kwargs)
        return await result if isawaitable(result) else result


async def once(attempt: Attempt, call: Call, *, key: str | None) -> Any:
    """Call a function once and record what it gives.

    Safe to cancel: the function is cancelled, and called again by a replay that comes there.
    """
    attempt.check_open()
    attempt.refuse_inside("ctx.once()", of=("once",))
    if not callable(call.function):
        raise UsageError(
            f"ctx.once() was given {call.function!r}, which is no function. Give the function and its arguments: "
            "ctx.once(fetch, url), not ctx.once(fetch(url))."
        )
    await attempt.hold_while_suspending()
    await checkpoint_if_cancelled()
    if attempt.is_stopping():
        await _end_is_stored(attempt)
        return await _call_in_vain(attempt, call)
    branch = attempt.branch()
    content = _content(attempt, branch, call, key)
    if branch is None:
        attempt.use_once("once", content, f"ctx.once({_name_of(call.function)})")
    raised = None if attempt.replay is None else attempt.replay.raised(branch, content)
    if raised is None:
        record = recorded(attempt, branch, "once", content) or _kept(attempt, branch, content)
        if record is not None:
            await checkpoint()
            return attempt.run.codec.decode(value_of(record))
    else:
        await _raise_again(attempt, raised)
    return await _call(attempt, call, branch, content, None if raised is None else raised.index)


def _kept(attempt: Attempt, branch: Branch, content: str) -> Record | None:
    """What a failed attempt had recorded for this."""
    record = attempt.recall().kept_for(branch, "once", content)
    if record is not None:
        attempt.emit(ValueReused, branch, "once", content)
    return record


async def _raise_again(attempt: Attempt, raised: Raised) -> None:
    """Give a replay the error that the step was given, or the deadline that came; else nothing: it's called again."""
    if raised.error is None:
        return
    if raised.error == CUT_SHORT:
        if not raised.is_last and anyio.current_effective_deadline() < float("inf"):
            await anyio.sleep_forever()
        return
    await checkpoint()
    raise attempt.run.codec.decode_exception(raised.error)


async def _call(attempt: Attempt, call: Call, branch: Branch, content: str, raised_at: int | None) -> object:
    attempt.enter_once()
    token = inside.set("once")
    try:
        await attempt.settled()  # what the call depends on is stored before it's made
        result = await call.make()
        value = _encoded(attempt, call, result)
        attempt.emit(ValueRecorded, branch, "once", content, value, raised_at)
    except BaseException as error:  # a deadline of the step's own too
        if branch is not None and not attempt.is_stopping():  # elsewhere, order doesn't count
            attempt.emit(ValueRecorded, branch, RAISED, content, _as_data(attempt, error), raised_at)
        raise
    finally:
        inside.reset(token)
        attempt.leave_once()
    if attempt.is_in_vain:
        await _end_is_stored(attempt)
        await checkpoint()
    else:  # what is on record is given, as to a replay; a deadline that passes now comes to the step afterwards
        with anyio.CancelScope(shield=True):
            await attempt.settled()
        if attempt.is_lost:
            await checkpoint_if_cancelled()  # it isn't on record
        await cancel_shielded_checkpoint()
    return result


async def _end_is_stored(attempt: Attempt) -> None:
    """The end is decided, but a step is cancelled when that's stored; only clean-up goes on then."""
    await attempt.settled()
    await checkpoint_if_cancelled()


async def _call_in_vain(attempt: Attempt, call: Call) -> object:
    """A call of clean-up, while the run is being stopped; a step that hadn't been cancelled yet was, before that."""
    token = inside.set("once")
    try:
        return await call.make()
    finally:
        inside.reset(token)


def _as_data(attempt: Attempt, error: BaseException) -> Json:
    """An error as data from which it can be raised again; None if it can't."""
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return CUT_SHORT
    codec = attempt.run.codec
    data = codec.encode_exception(error)
    return data if isinstance(error, Exception) and type(codec.decode_exception(data)) is type(error) else None


def _encoded(attempt: Attempt, call: Call, result: object) -> Json:
    try:
        return attempt.run.codec.encode(result)
    except EncodeError as error:
        raise EncodeError(
            f"{_name_of(call.function)} has run in ctx.once() of step {attempt.step.name!r}, but what it gave can't be "
            "stored, so it would run again on a replay:",
            error.problems,
        ) from error


def _content(attempt: Attempt, branch: Branch, call: Call, key: str | None) -> str:
    """What tells the call from others."""
    if key is not None:
        return f"key={key}"
    name = _name_of(call.function)
    try:
        return f"{name} {attempt.run.codec.fingerprint([list(call.args), call.kwargs])}"
    except EncodeError as error:
        if branch is not None:
            return name  # order tells it apart; what can't be stored can't be compared
        raise UsageError(
            f"ctx.once({name}) in a task of step {attempt.step.name!r} has arguments that can't be stored, so nothing "
            "tells it apart from others on a replay.\n  Give it a key=, or enter `async with ctx.branch(key):` first."
        ) from error


def _name_of(function: Callable[..., object]) -> str:
    inner: object = getattr(function, "func", function)
    module: object = getattr(inner, "__module__", None) or type(inner).__module__
    return f"{module}:{getattr(inner, '__qualname__', type(inner).__qualname__)}"
