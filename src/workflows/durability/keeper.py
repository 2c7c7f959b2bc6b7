"""Keeper: one task that looks after the runs of a store for a runtime, for as long as that's open.

It renews the runtime's lease, goes on with runs that nobody carries and that have something to do, fires the timers of
those that sleep, acts upon messages, and prunes what has ended long ago.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import anyio

from ..errors import StoreError, UsageError, WorkflowsError
from .run_host import RunHost
from .sending import Sender
from .store import RunContent

logger: logging.Logger = logging.getLogger(__name__)

CLAIMED_AT_ONCE = 64
PRUNED_AT_ONCE = 500
REPORTED_AT_MOST = 1000


class Keeper:
    """Looks after the runs of a store.

    Args:
        host: Those that are in memory here.
        sender: Who acts upon messages.
        lease_s: Seconds for which the runtime lives on in the eyes of others without renewing its lease.
        poll_s: Seconds between two looks at what others have changed.
        carries_on: Whether runs that nobody carries are gone on with.
        keep_s: Seconds for which runs that have ended are kept; None for ever.
    """

    def __init__(
        self,
        host: RunHost,
        sender: Sender,
        *,
        lease_s: float,
        poll_s: float,
        carries_on: bool,
        keep_s: float | None,
    ) -> None:
        self._host = host
        self._sender = sender
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._carries_on = carries_on
        self._keep_s = keep_s
        self._renew_at = 0.0
        self._prune_at = 0.0
        self._due: float | None = None
        self._seen: object = None
        self._is_stale = True
        self._scope = anyio.CancelScope(shield=True)  # whatever cancels the runtime's block: it's stopped after that

    def stop(self) -> None:
        """Look after nothing any more."""
        self._scope.cancel()

    async def enlist(self) -> None:
        """Begin to live."""
        now = self._host.now()
        await self._host.store.enlist(self._host.owner, now=now, until=now + self._lease_s)
        self._renew_at = now + self._lease_s / 3

    async def work(self) -> None:
        """Look after everything, till it's stopped. A look that fails is told, and another one follows."""
        with self._scope:
            seen = -1
            while True:
                try:
                    await self._look()
                except StoreError as error:
                    logger.error("the store of durable runs can't be looked after: %s", error)
                    self._is_stale = True
                    await anyio.sleep(self._poll_s)  # what was due is due still
                with anyio.move_on_after(self._pause()):
                    seen = await self._host.wait_for_change(seen)
                    self._is_stale = True

    def _pause(self) -> float:
        """How long nothing is to be done, unless something changes."""
        now = self._host.now()
        instants = [at for at in (self._host.next_timer, self._due if self._carries_on else None) if at is not None]
        ahead = min([self._renew_at, *instants]) - now
        return max(0.0, min(self._poll_s, ahead))

    async def _look(self) -> None:
        host = self._host
        now = host.now()
        if now >= self._renew_at:
            await self._renew(now)
        host.look_after_sleepers()
        await host.give_back()
        changed = await host.store.changed()
        if changed != self._seen or self._is_stale or (self._due is not None and self._due <= now):
            self._seen, self._is_stale = changed, False
            await self._sender.take_messages()
            if self._carries_on:
                await self.carry_on()
                self._due = await host.store.next_due(host.marks(), now=now)
        if self._keep_s is not None and now >= self._prune_at:
            self._prune_at = now + max(1.0, self._keep_s / 10)
            await self.prune(now - self._keep_s)

    async def _renew(self, now: float) -> None:
        if not await self._host.store.renew(self._host.owner, now=now, until=now + self._lease_s):
            await self._host.store.enlist(self._host.owner, now=now, until=now + self._lease_s)
        self._renew_at = now + self._lease_s / 3

    async def recover(self) -> list[str]:
        """Go on with what was cut short, and tell of what nobody here can go on with; gives the ids of the first."""
        found = await self.carry_on()
        unknown: dict[str, int] = {}
        registered = self._host.marks()
        for run in await self._host.store.runs(status="running", limit=REPORTED_AT_MOST):
            if run.workflow not in registered:
                unknown[run.workflow] = unknown.get(run.workflow, 0) + 1
                self._host.problems[run.run_id] = UsageError(f"Its workflow {run.workflow!r} isn't registered here.")
        for name, number in unknown.items():
            logger.warning("%d unfinished runs are of workflow %r, which isn't registered here", number, name)
        return found

    async def carry_on(self) -> list[str]:
        """Go on with all runs that nobody carries and that have something to do; gives their ids."""
        host, found = self._host, list[str]()
        while True:
            claimed = await host.store.claim_due(host.owner, host.marks(), now=host.now(), limit=CLAIMED_AT_ONCE)
            for run in claimed:
                journal = host.journal(run.run_id)
                if journal is not None and run.entry > journal.entry:
                    host.commits.lose_stale(journal)
            found += await self._go_on([run.run_id for run in claimed if host.journal(run.run_id) is None])
            if claimed:
                await self._sender.take_messages()
            if len(claimed) < CLAIMED_AT_ONCE:
                return found

    async def _go_on(self, run_ids: Sequence[str]) -> list[str]:
        """Go on with runs that this runtime has taken over; gives those that do.

        All are read before one begins, so that what they begin with is stored together. What can't be read is told, and
        left as it is.
        """
        contents: list[RunContent] = []
        going: list[str] = []
        for run_id in run_ids:
            try:
                content = await self._host.store.load(run_id)
            except StoreError as error:
                await self._set_aside(run_id, error)
                continue
            if content is not None:
                contents.append(content)
        for content in contents:
            if self._host.launch is None:
                break  # the runtime is being left, and lets go of them
            try:
                _ = self._host.carry_on(content)
            except WorkflowsError as error:
                await self._set_aside(content.run.run_id, error)
            else:
                going.append(content.run.run_id)
        return going

    async def _set_aside(self, run_id: str, error: Exception) -> None:
        logger.error("run %s can't be carried on here, and stays as it is: %s", run_id, error)
        await self._host.set_aside(run_id, error)

    async def prune(self, before: float) -> int:
        """Delete the runs that ended before an instant; gives how many."""
        store, total = self._host.store, 0
        while ended := await store.ended_before(before, limit=PRUNED_AT_ONCE):
            deleted = await store.delete(ended, now=self._host.now())
            total += len(deleted)
            if len(deleted) < len(ended):
                break
        return total
