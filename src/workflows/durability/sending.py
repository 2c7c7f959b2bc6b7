"""Sending: an event reaches a stored run wherever it is: here, at nobody's, or with another runtime.

Rules:
- A run that's here takes it as from its handler; it's stored when sending returns.
- A run that nobody owns is taken over. A runtime that carries runs on goes on with it here; another one has the run
  take the event, stores that, and leaves it to whoever carries runs on.
- To a run of another living runtime a message is left, and its reply waited for. If its owner dies meanwhile, the run
  is nobody's, and taken over.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ..context import Context
from ..core.open_questions import changed_questions, track_questions
from ..core.snapshot import snapshot
from ..core.ticks import EventReceived
from ..errors import (
    AnswerRefused,
    JournalError,
    OwnershipLost,
    RunExists,
    RunNotFound,
    RunOwnedElsewhere,
    StoreError,
    UsageError,
    WorkflowDone,
)
from ..events import Event
from ..runtime.answers import fitted_answer
from ..runtime.refusals import check_target, error_for
from .group_commit import left_as_it_was
from .messages import act_upon, cancel_text, check_reply, message_text
from .restoring import restored
from .run_host import AnyWorkflow, RunHost
from .run_journal import RunJournal, due_at, rests, wake_at
from .store import Change, RunContent, RunStatus, StoredRun
from .stored_parts import event_text, question_text, text_of

FIRST_LOOK_S = 0.005
"""Seconds after which a sender looks for a reply first; then after twice as many, and so on."""


class Sender:
    """Sends to the runs of a store.

    Args:
        host: Those that are here.
        carries_on: Whether a run that's taken over goes on here.
        poll_s: Seconds between two looks for a reply, at most.
    """

    def __init__(self, host: RunHost, *, carries_on: bool, poll_s: float) -> None:
        self._host = host
        self._carries_on = carries_on
        self._poll_s = poll_s
        self._taking: dict[str, anyio.Event] = {}

    async def send(self, run_id: str, event: Event, *, step: str | None, reply_to: str | None) -> None:
        """Send an event to a run; it's stored when this returns.

        Safe to cancel: what wasn't taken by then is withdrawn.
        """
        await checkpoint()
        while not await self._try(run_id, lambda: self._send(run_id, event, step=step, reply_to=reply_to)):
            pass

    async def cancel(self, run_id: str) -> None:
        """Cancel a run, wherever it is; that's stored when this returns. One that's over stays as it is."""
        await checkpoint()
        while not await self._try(run_id, lambda: self._cancel(run_id)):
            pass

    async def _try(self, run_id: str, deed: Callable[[], Awaitable[bool]]) -> bool:
        """Whether something was done to a run; else it's to be tried where the run is by now.

        What a runtime does that has lost the run isn't stored. Nor does it count what such a runtime refuses: it judges
        by what the run was before another one went on with it. The same goes for a run that was just begun here, and
        isn't stored, since there's one of its id.
        """
        try:
            return await deed()
        except (OwnershipLost, RunExists):
            return False
        except (AnswerRefused, WorkflowDone) as error:
            refusal = error
        if await self._is_fenced_off(run_id):
            return False
        raise refusal

    async def _send(self, run_id: str, event: Event, *, step: str | None, reply_to: str | None) -> bool:
        async with self._alone_with(run_id):
            found = await self._reach(run_id)
            if isinstance(found, RunContent):
                await self._hand_over(found, event, step=step, reply_to=reply_to)
                return True
        if isinstance(found, RunJournal):
            assert found.run is not None
            check_target(found.run.program, event, step, reply_to)
            found.run.receive(event, step=step, reply_to=reply_to)
            await found.settled()
            return True
        workflow = await self._workflow_of(run_id)
        check_target(workflow.definition.program, event, step, reply_to)
        text = message_text(workflow.definition, event, step=step, reply_to=reply_to)
        return await self._leave(run_id, workflow, text)

    async def _cancel(self, run_id: str) -> bool:
        async with self._alone_with(run_id):
            found = await self._reach(run_id, is_cancelled=True)
            if isinstance(found, RunContent):
                await self._let_go(found, status="cancelled" if found.run.status == "running" else None)
                return True
        if isinstance(found, RunJournal):
            assert found.run is not None
            found.run.cancel("runtime.cancel() was called")
            found.run.outcome.is_retrieved = True
            await found.run.outcome.wait()
            await found.settled()
            return True
        return await self._leave(run_id, None, cancel_text())

    async def _is_fenced_off(self, run_id: str) -> bool:
        """Whether another runtime has gone on with a run that's in memory here; then it's stopped here."""
        journal = self._host.journal(run_id)
        if journal is None:
            return False
        run = await self._host.store.find(run_id)
        if run is None or (run.owner == self._host.owner and run.entry <= journal.entry):
            return False
        self._host.commits.lose_stale(journal)
        return True

    async def take_messages(self) -> None:
        """Act upon the messages for runs that are here, and have each reply stored with what came of it."""
        for message in await self._host.store.messages(self._host.owner):
            journal = self._host.journal(message.run_id)
            if journal is None and message.run_id not in self._taking:  # it stands still: whoever takes it up acts
                self._host.took_in_vain(message.run_id)
            if journal is None or journal.run is None or message.number in journal.replied:
                continue
            journal.want()
            journal.reply(message.number, act_upon(journal.run, journal.workflow.definition, message.data))

    async def delete(self, run_id: str) -> None:
        """Delete a run that nobody carries.

        Raises:
            RunNotFound: There's no such run.
            RunOwnedElsewhere: A living runtime carries it.
        """
        store = self._host.store
        await self._host.give_back()  # it may be one of which somebody was told just now that it can't go on
        run = await self._must_exist(run_id)
        if self._host.journal(run_id) is not None or not await store.delete([run_id], now=self._host.now()):
            raise RunOwnedElsewhere(f"Run {run_id!r} is carried by runtime {run.owner!r}. Cancel it before.")

    @asynccontextmanager
    async def _alone_with(self, run_id: str) -> AsyncGenerator[None]:
        """Nobody else here takes this run over meanwhile."""
        while run_id in self._taking:
            await self._taking[run_id].wait()
        left = self._taking[run_id] = anyio.Event()
        try:
            yield
        finally:
            del self._taking[run_id]
            left.set()

    async def _reach(self, run_id: str, *, is_cancelled: bool = False) -> RunJournal | RunContent | None:
        """The run, if it's here, or nobody's (then it's this runtime's now); None if another runtime has it.

        One that is to be cancelled is given as it's stored, if it can't go on here.

        Raises:
            RunNotFound: There's no such run.
        """
        journal = self._host.journal(run_id)
        if journal is not None:
            journal.want()
            return journal
        found: RunJournal | RunContent | None = None
        with anyio.CancelScope(shield=True):  # what was claimed is carried on, or let go
            found = await self._take(run_id, is_cancelled=is_cancelled)
        return found  # noqa: RET504  (for type checkers, a scope may swallow what is raised)

    async def _take(self, run_id: str, *, is_cancelled: bool) -> RunJournal | RunContent | None:
        """Take a run over, if it's nobody's."""
        store = self._host.store
        if not await store.claim(self._host.owner, [run_id], now=self._host.now()):
            await self._must_exist(run_id)
            return self._host.journal(run_id)
        try:
            content = await store.load(run_id)
        except StoreError:
            self._host.took_in_vain(run_id)
            raise
        if content is None:
            raise _not_found(run_id)
        if content.run.status != "running" or not self._carries_on:
            return content
        try:
            _ = self._host.carry_on(content)
        except Exception as error:
            if is_cancelled and isinstance(error, UsageError | JournalError):
                return content
            self._host.took_in_vain(run_id)
            raise
        return self._host.journal(run_id)

    async def _hand_over(self, content: RunContent, event: Event, *, step: str | None, reply_to: str | None) -> None:
        """Have a run that goes on elsewhere, or is over, take an event, and store what came of it."""
        try:
            workflow = self._host.workflow_of(content)
            check_target(workflow.definition.program, event, step, reply_to)
            found = restored(workflow.definition, content, at=self._host.now_of(workflow))
            context: Context[Any] = Context(workflow, found.data)
            state = context.driver.core.state
            fitted = fitted_answer(state, event, step=step, reply_to=reply_to)
            track_questions(state)
            refusal = context.driver.emit(EventReceived, fitted, step, reply_to)
            if refusal is not None:
                raise error_for(refusal)
        except Exception:
            await self._let_go(content)  # noqa: ASYNC120  (it shields itself)
            raise
        await self._store_at_rest(content, context, found.events)

    async def _store_at_rest(
        self, content: RunContent, context: Context[Any], events: Sequence[tuple[int, Event]]
    ) -> None:
        """Store what has come of a run that was taken over for a moment, and let go of it."""
        run, state = content.run, context.driver.core.state
        opened, closed = changed_questions(state)
        change = Change(
            run_id=run.run_id,
            workflow=run.workflow,
            status=run.status,
            is_waiting=rests(state),
            wake_at=wake_at(context.driver, context.definition, due_at(state), self._host.now()),
            entry=run.entry + 1,
            snapshot=text_of(snapshot(state, at=context.driver.now())),
            events=[(position, event_text(state, event)) for position, event in events],
            opened=[(question.id, question_text(state, question)) for question in opened],
            closed=closed,
            is_released=True,
        )
        with anyio.CancelScope(shield=True):
            await self._host.store_change(change)

    async def _let_go(self, content: RunContent, *, status: RunStatus | None = None) -> None:
        """Leave a run as it was, but for its status if another one is given."""
        with anyio.CancelScope(shield=True):
            await self._host.store_change(left_as_it_was(content.run, status=status))

    async def _leave(self, run_id: str, workflow: AnyWorkflow | None, text: str) -> bool:
        """Leave a message for the run's owner, and wait for the reply; False if it has become nobody's before that.

        Without a workflow it cancels the run, which is never refused.

        Raises:
            AnswerRefused: What the owner has replied.
        """
        store = self._host.store
        number = await store.post(run_id, text)
        if number is None:
            raise _not_found(run_id)
        pause_s = min(FIRST_LOOK_S, self._poll_s)
        is_free = False
        reply: str | None = None
        try:
            while await store.reply(number) is None and not is_free:
                await anyio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._poll_s)
                is_free = await self._has_become_free(run_id, is_cancelled=workflow is None)
        finally:
            with anyio.CancelScope(shield=True):  # whoever has taken the run since may have replied till this moment
                reply = await store.withdraw(number)
        if reply is not None and workflow is not None:
            check_reply(workflow.definition, reply, run_id)
        return reply is not None

    async def _has_become_free(self, run_id: str, *, is_cancelled: bool) -> bool:
        """Whether a run isn't another's any more. One that goes on here has acted upon its messages then."""
        async with self._alone_with(run_id):
            found = await self._reach(run_id, is_cancelled=is_cancelled)
            if isinstance(found, RunContent):
                await self._let_go(found)
        if isinstance(found, RunJournal):
            await self.take_messages()
            await found.done()
        return found is not None

    async def _workflow_of(self, run_id: str) -> AnyWorkflow:
        run = await self._must_exist(run_id)
        return self._host.workflow_of(RunContent(run, None, ()))

    async def _must_exist(self, run_id: str) -> StoredRun:
        run = await self._host.store.find(run_id)
        if run is None:
            raise _not_found(run_id)
        return run


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"There's no run {run_id!r} in this store.")
