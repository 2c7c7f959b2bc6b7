"""MemoryStore: durable runs that die with their process. For tests, and to show how small a store may be.

Nothing here waits, so whatever a method does is done at once: that makes each of them a transaction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import attrs

from ..errors import RunNotFound
from .store import ENDED, UNFINISHED, Change, Message, Refusal, RunContent, RunStatus, StoredQuestion, StoredRun


@attrs.define
class _Kept:
    """A run with all that belongs to it."""

    run: StoredRun
    snapshot: str | None = None
    mark: str | None = None
    entries: list[str] = attrs.field(factory=list[str])
    events: dict[int, str] = attrs.field(factory=dict[int, str])
    questions: dict[str, StoredQuestion] = attrs.field(factory=dict[str, StoredQuestion])


class MemoryStore:
    """Keeps durable runs in memory, for as long as it lives itself.

    Several runtimes of one process can share it, as several processes share a file.
    """

    def __init__(self) -> None:
        self._owners: dict[str, float] = {}
        self._runs: dict[str, _Kept] = {}
        self._messages: dict[int, Message] = {}
        self._replies: dict[int, str] = {}
        self._last_question = 0
        self._last_message = 0
        self._changes = 0

    async def open(self) -> None:
        """See `Store.open`."""

    async def close(self) -> None:
        """See `Store.close`."""

    # Owners

    async def enlist(self, owner: str, *, now: float, until: float) -> None:
        """See `Store.enlist`."""
        self._changes += 1
        owning = {kept.run.owner for kept in self._runs.values()}
        self._owners = {known: end for known, end in self._owners.items() if end > now or known in owning}
        self._owners[owner] = until
        ended = {kept.run.run_id for kept in self._runs.values() if self._has_ended_before(kept, now - (until - now))}
        for message in self._unanswered():
            if message.run_id in ended:
                del self._messages[message.number]

    async def renew(self, owner: str, *, now: float, until: float) -> bool:
        """See `Store.renew`."""
        if owner not in self._owners:
            return False
        self._changes += 1
        self._owners[owner] = until
        return True

    async def retire(self, owner: str) -> None:
        """See `Store.retire`."""
        self._changes += 1
        self._owners.pop(owner, None)
        for kept in self._runs.values():
            if kept.run.owner == owner:
                kept.run = attrs.evolve(kept.run, owner=None)

    # Runs

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        """See `Store.commit`."""
        self._changes += 1
        refused: dict[str, Refusal] = {}
        for change in changes:
            reason = self._why_not(owner, change)
            if change.run_id in refused:
                continue
            if reason is not None:
                refused[change.run_id] = Refusal(change.run_id, reason)
            else:
                self._apply(owner, change, now)
        return list(refused.values())

    def _why_not(self, owner: str, change: Change) -> Literal["lost", "exists"] | None:
        kept = self._runs.get(change.run_id)
        if any(number not in self._messages for number, _ in change.replies):
            return "exists" if change.is_new else "lost"
        if change.is_new:
            return None if kept is None else "exists"
        if kept is None or kept.run.owner != owner:
            return "lost"
        is_behind = change.entry < kept.run.entry + (change.text is not None or change.snapshot is not None)
        return "lost" if is_behind else None

    def _apply(self, owner: str, change: Change, now: float) -> None:
        kept = self._runs.get(change.run_id)
        run = StoredRun(
            change.run_id,
            change.workflow,
            change.status,
            change.is_waiting,
            change.wake_at,
            owner=None if change.is_released else owner,
            entry=change.entry,
            created_at=now if kept is None else kept.run.created_at,
            changed_at=now,
        )
        if kept is None:
            kept = self._runs[change.run_id] = _Kept(run)
        kept.run, kept.mark = run, None
        if change.snapshot is not None:
            kept.snapshot = change.snapshot
            kept.entries.clear()
        elif change.text is not None:
            kept.entries.append(change.text)
        kept.events.update(change.events)
        self._ask(kept, change)
        for number, reply in change.replies:
            message = self._messages.get(number)
            if message is not None and message.run_id == change.run_id:
                self._replies.setdefault(number, reply)

    def _ask(self, kept: _Kept, change: Change) -> None:
        for question in change.closed:
            kept.questions.pop(question, None)
        for question, data in change.opened:
            known = kept.questions.get(question)
            if known is None:
                self._last_question += 1
            number = self._last_question if known is None else known.number
            kept.questions[question] = StoredQuestion(number, change.run_id, change.workflow, question, data)

    async def claim(self, owner: str, run_ids: Sequence[str], *, now: float) -> list[StoredRun]:
        """See `Store.claim`."""
        found = [self._runs[run_id] for run_id in dict.fromkeys(run_ids) if run_id in self._runs]
        return self._claim(owner, [kept for kept in found if kept.run.owner == owner or self._until(kept) <= now])

    def take(self, owner: str, run_id: str, *, now: float) -> RunContent | None:
        """See `Store.take`."""
        kept = self._runs.get(run_id)
        if kept is None:
            return None
        if kept.run.status not in ENDED and (kept.run.owner == owner or self._until(kept) <= now):
            self._claim(owner, [kept])
        return RunContent(kept.run, kept.snapshot, tuple(kept.entries))

    async def set_aside(self, owner: str, run_id: str, mark: str) -> None:
        """See `Store.set_aside`."""
        kept = self._runs.get(run_id)
        if kept is not None and kept.run.owner == owner:
            self._changes += 1
            kept.run, kept.mark = attrs.evolve(kept.run, owner=None), mark

    async def claim_due(self, owner: str, workflows: Mapping[str, str], *, now: float, limit: int) -> list[StoredRun]:
        """See `Store.claim_due`."""
        due = [(instant, kept) for instant, kept in self._due(owner, workflows) if instant <= now]
        due.sort(key=lambda found: self._due_at(found[1]))  # it's stable: equal ones stay in the order they were made
        return self._claim(owner, [kept for _, kept in due[:limit]])

    def _claim(self, owner: str, found: Sequence[_Kept]) -> list[StoredRun]:
        self._changes += bool(found)
        for kept in found:
            kept.run = attrs.evolve(kept.run, owner=owner)
        return [kept.run for kept in found]

    async def next_due(self, workflows: Mapping[str, str], *, now: float, owner: str | None = None) -> float | None:
        """See `Store.next_due`."""
        instants = [instant for instant, _ in self._due(owner, workflows)]
        return max(min(instants), now) if instants else None

    def _due(self, owner: str | None, workflows: Mapping[str, str]) -> Iterator[tuple[float, _Kept]]:
        """Unfinished runs that will have something to do, and from when on `owner`, who hasn't them, can claim them."""
        for kept in self._runs.values():
            run, mark = kept.run, workflows.get(kept.run.workflow)
            if run.status != UNFINISHED or mark is None or mark == kept.mark:
                continue
            if run.owner is None or run.owner != owner:
                instant = max(self._due_at(kept), self._until(kept))
                if instant < math.inf:
                    yield instant, kept

    def _due_at(self, kept: _Kept) -> float:
        run = kept.run
        if not run.is_waiting or any(message.run_id == run.run_id for message in self._unanswered()):
            return -math.inf
        return math.inf if run.wake_at is None else run.wake_at

    def _until(self, kept: _Kept) -> float:
        """When the run's owner dies."""
        return -math.inf if kept.run.owner is None else self._owners.get(kept.run.owner, -math.inf)

    async def load(self, run_id: str) -> RunContent | None:
        """See `Store.load`."""
        kept = self._runs.get(run_id)
        return None if kept is None else RunContent(kept.run, kept.snapshot, tuple(kept.entries))

    async def find(self, run_id: str) -> StoredRun | None:
        """See `Store.find`."""
        kept = self._runs.get(run_id)
        return None if kept is None else kept.run

    async def runs(
        self,
        *,
        status: RunStatus | None = None,
        workflow: str | None = None,
        is_waiting: bool | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[StoredRun]:
        """See `Store.runs`."""
        if after is not None and after not in self._runs:
            raise RunNotFound(f"There's no run {after!r} any more, behind which to go on: begin the list anew.")
        ids = list(self._runs)
        found = [self._runs[run_id].run for run_id in ids[0 if after is None else ids.index(after) + 1 :]]
        return [
            run
            for run in found
            if status in {None, run.status}
            and workflow in {None, run.workflow}
            and is_waiting in {None, run.is_waiting}
        ][:limit]

    async def questions(
        self, *, workflow: str | None = None, run_id: str | None = None, after: int = 0, limit: int
    ) -> list[StoredQuestion]:
        """See `Store.questions`."""
        unfinished = [kept for kept in self._runs.values() if kept.run.status == UNFINISHED]
        found = [
            attrs.evolve(question, workflow=kept.run.workflow)
            for kept in unfinished
            for question in kept.questions.values()
            if workflow in {None, kept.run.workflow} and run_id in {None, kept.run.run_id} and question.number > after
        ]
        return sorted(found, key=lambda question: question.number)[:limit]

    async def events(self, run_id: str, *, after: int, limit: int) -> list[tuple[int, str]]:
        """See `Store.events`."""
        kept = self._runs.get(run_id)
        found = [] if kept is None else sorted(kept.events.items())
        return [(position, event) for position, event in found if position > after][:limit]

    async def delete(self, run_ids: Sequence[str], *, now: float) -> list[str]:
        """See `Store.delete`."""
        ids = [run_id for run_id in dict.fromkeys(run_ids) if run_id in self._runs]
        deleted = [run_id for run_id in ids if self._until(self._runs[run_id]) <= now]
        self._changes += bool(deleted)
        for run_id in deleted:
            del self._runs[run_id]
        for number, message in list(self._messages.items()):
            if message.run_id in deleted:
                await self.withdraw(number)
        return deleted

    async def ended_before(self, instant: float, *, limit: int) -> list[str]:
        """See `Store.ended_before`."""
        found = [kept.run for kept in self._runs.values() if self._has_ended_before(kept, instant)]
        return [run.run_id for run in sorted(found, key=lambda run: run.changed_at)][:limit]

    def _has_ended_before(self, kept: _Kept, instant: float) -> bool:
        return kept.run.status in ENDED and kept.run.changed_at < instant

    # Messages

    async def post(self, run_id: str, data: str) -> int | None:
        """See `Store.post`."""
        if run_id not in self._runs:
            return None
        self._changes += 1
        self._last_message += 1
        self._messages[self._last_message] = Message(self._last_message, run_id, data)
        return self._last_message

    async def messages(self, owner: str) -> list[Message]:
        """See `Store.messages`."""
        return [message for message in self._unanswered() if self._runs[message.run_id].run.owner == owner]

    def _unanswered(self) -> list[Message]:
        return [message for number, message in self._messages.items() if number not in self._replies]

    async def reply(self, number: int) -> str | None:
        """See `Store.reply`."""
        return self._replies.get(number)

    async def withdraw(self, number: int) -> str | None:
        """See `Store.withdraw`."""
        self._changes += 1
        self._messages.pop(number, None)
        return self._replies.pop(number, None)

    async def changed(self) -> object:
        """See `Store.changed`."""
        return self._changes
