"""Attempts, as the seam between a step and its run has them: what's on record is asked for before anything is done.

An `Actor` is one attempt. What it does goes through `Replay` first, as in `runtime.operations`; what is served is
compared with what the naive model remembers of the operation.
"""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.core.flow import Note
from tests.core.late import Late
from tests.core.reference import Branch, Job, Op, Wait
from tests.core.rules import ops_until
from workflows.codec import Codec
from workflows.core import ticks
from workflows.core.effects import Effects
from workflows.core.questions import Ask
from workflows.core.records import Asked, Collected, Edited, Read, Value
from workflows.core.replay import Raised, Replay
from workflows.core.state import RunState
from workflows.errors import ReplayMismatch

Feed = Callable[..., object]
NOTE = Note(n=-9)


@attrs.define(eq=False, repr=False)
class Actor:
    """One attempt that runs."""

    state: RunState = attrs.field(repr=False)
    job: Job = attrs.field(repr=lambda job: f"{job.step} {job.id}")
    attempt: int
    codec: Codec = attrs.field(repr=False)
    feed: Feed = attrs.field(repr=False)  # ticks of this attempt
    replay: Replay | None = attrs.field(default=None, repr=False)
    read: dict[Branch, int] = attrs.field(factory=dict[Branch, int])  # how far it has come in each branch
    left: set[Branch] = attrs.field(factory=set[Branch])  # branches whose record it has departed from
    taken: list[Op] = attrs.field(factory=list[Op], repr=False)  # found by content
    used: set[tuple[str, str]] = attrs.field(factory=set[tuple[str, str]], repr=False)

    def __attrs_post_init__(self) -> None:
        memory = self.state.executions[self.job.id].memory
        self.replay = None if memory is None else Replay(self.job.step, memory)

    # --- replaying --------------------------------------------------------------------------------------------------

    def unread(self, branch: Branch) -> list[Op]:
        """What earlier attempts did in a branch, and this one hasn't come to."""
        before = self.job.done_before(branch)
        if branch in self.left:
            return []
        if branch is None:
            return [op for op in before if op not in self.taken]
        return before[self.read.get(branch, 0) :]

    def unread_branches(self) -> list[Branch]:
        return [branch for branch in self.job.done if self.unread(branch)]

    def replay_one(self, branch: Branch, op: Op) -> None:
        """Come to an operation that's on record, and see that it's served as it was."""
        assert self.replay is not None
        self.used.add(place_of(op, self.codec))
        served = self._served(branch, op)
        if isinstance(served, Raised):
            assert ops_until(self.job.done[branch], served.index, 0) == self.read.get(branch, 0)
        self.taken.append(op)
        self.read[branch] = self.read.get(branch, 0) + 1
        if isinstance(served, Raised):
            self._raise_again(branch, op, served)
        else:
            check_served(self.state, op, served)

    def _raise_again(self, branch: Branch, op: Op, served: Raised) -> None:
        """Be given the error that was; or, where that can't be, call again, which succeeds or raises something else."""
        assert (op.kind, served.error) == ("raised", op.result)
        assert served.is_last == (not self.unread(branch))
        if op.result is None:
            self.feed(ticks.ValueRecorded, branch, "once", op.key, "called again", served.index)
        elif op.result == "cut short" and served.is_last:
            self.feed(ticks.ValueRecorded, branch, "raised", op.key, None, served.index)

    def replay_all(self, branch: Branch) -> None:
        for op in self.unread(branch):
            self.replay_one(branch, op)

    def _served(self, branch: Branch, op: Op) -> object:
        assert self.replay is not None
        kind, key = place_of(op, self.codec)
        if kind in ("effect", "refused"):
            return self.replay.effect(branch, "an effect", int(key))
        if kind in ("once", "raised"):
            raised = self.replay.raised(branch, key)
            return self.replay.next(branch, "once", key) if raised is None else raised
        return self.replay.next(branch, kind, key)

    def comes_to(self, branch: Branch, op: Op) -> bool:
        """Whether an operation is done for the first time; what's on record before it is replayed."""
        if branch is not None:
            self.replay_all(branch)
            assert self.replay is None or self._served(branch, op) is None
            return True
        for before in self.unread(None):
            if before.is_like(op):
                self.replay_one(None, before)
                return False
        assert self.replay is None or self._served(None, op) is None
        if op.kind in ("wait", "once"):  # an equal one isn't told apart, and refused by the seam
            if place_of(op, self.codec) in self.used:
                return False
            self.used.add(place_of(op, self.codec))
        return True

    def depart(self, branch: str) -> tuple[int, int, int]:
        """Do something else than is on record, and see that it's noticed; gives where."""
        assert self.replay is not None
        assert self.replay.raised(branch, "else") is None
        with pytest.raises(ReplayMismatch):
            self.replay.next(branch, "something", "else")
        place = self.replay.give_up(branch)
        self.left.add(branch)
        return place


def place_of(op: Op, codec: Codec) -> tuple[str, str]:
    """Kind and key, as replays compare them."""
    if op.kind == "wait":
        assert isinstance(op.key, Ask)
        return "wait", op.key.content(codec)
    return op.kind, "whole state" if op.key is None else str(op.key)


def check_served(state: RunState, op: Op, served: object) -> None:
    """A replay is given what the first attempt was given."""
    if op.kind == "effect":
        assert isinstance(served, Effects)
    elif op.kind == "refused":
        assert isinstance(served, Value)
        assert isinstance(served.value, list)
        assert served.value[0] == op.result
    elif op.kind == "read":
        assert isinstance(served, Read)
        assert {name: state.values.versions[version] for name, version in served.versions} == op.result
    elif op.kind == "edit":
        assert isinstance(served, Edited)
        assert ({name: state.values.versions[version] for name, version in served.versions}, served.digest) == op.result
    elif op.kind == "wait":
        assert isinstance(served, Asked)
        assert isinstance(op.result, Wait)
        assert (served.answer, served.expired) == (op.result.answer, op.result.fate == "expired")
        assert served.question.id == op.result.id or not op.result.id
    elif op.kind == "collect":
        assert isinstance(served, Collected)
        assert served.events == op.result
    else:
        assert isinstance(served, Value)
        assert served.value == op.result


# --- things to do -----------------------------------------------------------------------------------------------------


def send(actor: Actor, feed: Feed, branch: Branch, digest: int, *parts: Any) -> None:
    if actor.comes_to(branch, Op("effect", digest)):
        feed(ticks.EventSent, branch, digest, *parts)


def stream(actor: Actor, feed: Feed, branch: Branch, *written: tuple[int, Any]) -> None:
    """Write events, each with its digest, without a pause; on a replay, those that it has written are left out."""
    new = [(digest, event) for digest, event in written if actor.comes_to(branch, Op("effect", digest))]
    if len(new) == 1:
        feed(ticks.EventStreamed, branch, *new[0])
    elif new:
        digests = [digest for digest, _ in new]
        made = Late(digests) if sum(digests) % 2 else tuple(digests)
        feed(ticks.BurstStreamed, branch, made, tuple(event for _, event in new))


def write(actor: Actor, feed: Feed, branch: Branch, digest: int, change: ticks.Write, owner: str | None) -> None:
    if actor.comes_to(branch, Op("effect", digest)):
        feed(ticks.StateWritten, branch, digest, change, owner)


def once(actor: Actor, feed: Feed, branch: Branch, key: str, value: Any, *, kind: str = "once") -> None:
    """Call a function, which returns or (of `kind` "raised") raises; but not if a retry has kept its result."""
    if not actor.comes_to(branch, Op("once", key)):
        return
    memory = actor.state.executions[actor.job.id].memory
    if memory is not None and memory.kept_for(branch, "once", key) is not None:
        feed(ticks.ValueReused, branch, "once", key)
    else:
        feed(ticks.ValueRecorded, branch, kind, key, value)


def finish_once(actor: Actor, feed: Feed, branch: Branch, key: str, value: Any, *, kind: str) -> None:
    """A call that was in flight when its step was stopped comes to an end."""
    memory = actor.state.executions[actor.job.id].memory
    is_kept = memory is not None and memory.kept_for(branch, "once", key) is not None
    if not is_kept and actor.comes_to(branch, Op("once", key)):
        feed(ticks.EventPublished, NOTE)
        feed(ticks.ValueRecorded, branch, kind, key, value)


def value(actor: Actor, feed: Feed, branch: str, kind: str, made: Any) -> None:
    if actor.comes_to(branch, Op(kind, "")):
        feed(ticks.ValueRecorded, branch, kind, "", made)


def ask(actor: Actor, feed: Feed, branch: Branch, asks: tuple[Ask, ...]) -> None:
    new = tuple(wanted for wanted in asks if actor.comes_to(branch, Op("wait", wanted, wait_for(actor, wanted))))
    if new:
        feed(ticks.QuestionsAsked, branch, new)


def wait_for(actor: Actor, ask: Ask) -> Wait:
    """What an ask would ask for, to be compared."""
    return Wait(
        ask.answer_type,
        ask.prompt,
        actor.job.step,
        actor.job.id,
        ask.waiter_id,
        dict(ask.requirements or {}),
        ask.subclasses,
    )


def collect(actor: Actor, feed: Feed, branch: str, event: Any, expected: list[Any], buffer_id: str | None) -> None:
    key = f"{buffer_id} {type(event).__name__}"
    if actor.comes_to(branch, Op("collect", key)):
        feed(ticks.EventCollected, branch, key, event, expected, buffer_id)


def read(actor: Actor, feed: Feed, branch: str, path: str | None) -> None:
    if actor.comes_to(branch, Op("read", path)):
        feed(ticks.StateRead, branch, path)
