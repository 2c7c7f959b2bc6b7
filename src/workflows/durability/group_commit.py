"""GroupCommit: one task stores what all runs of a runtime have staged, together, again and again.

While one group is being stored the next one gathers, so that a hundred runs share the price of one commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

import anyio

from ..errors import OwnershipLost, RunExists, StoreError
from .run_journal import RunJournal
from .store import Change, Refusal, RunStatus, Store, StoredRun

logger: logging.Logger = logging.getLogger(__name__)


class GroupCommit:
    """Stores the journals of runs.

    Args:
        store: Where.
        owner: Whose runs they are.
        now: The time, in UTC seconds.
        on_stored: Called with each journal of which something was stored.
        on_lost: Called with each journal that can't be stored any more.
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        now: Callable[[], float],
        on_stored: Callable[[RunJournal], None],
        on_lost: Callable[[RunJournal], None],
    ) -> None:
        self._store = store
        self._owner = owner
        self._now = now
        self._on_stored = on_stored
        self._on_lost = on_lost
        self._staged: dict[RunJournal, None] = {}
        self._wake = anyio.Event()
        self._done = anyio.Event()
        self._is_finishing = False

    def stage(self, journal: RunJournal) -> anyio.Event:
        """Store what this run has staged, with the next group; gives what is set when that is stored."""
        if not self._staged:
            self._done = anyio.Event()
            self._wake.set()
        self._staged[journal] = None
        return self._done

    def finish(self) -> None:
        """Store what is staged, and what comes of it, and end then."""
        self._is_finishing = True
        self._wake.set()

    async def work(self) -> None:
        """Store group after group, till it's finished.

        Nobody cancels it: whoever cancels the block of its runtime cancels runs, whose end is to be stored.
        """
        with anyio.CancelScope(shield=True):
            while self._staged or not self._is_finishing:
                if self._staged:
                    staged, self._staged = self._staged, {}
                    done = self._done
                    await self._store_group(staged)
                    done.set()
                else:
                    self._wake = anyio.Event()
                    await self._wake.wait()

    def lose_departed(self, journal: RunJournal, error: Exception) -> None:
        """Stop a run that has departed from what is stored of it, which stays as it is."""
        self._lose(journal, error)

    def lose_stale(self, journal: RunJournal) -> None:
        """Stop a run of which the store has more than is known here: another runtime has gone on with it meanwhile."""
        self._lose(journal, refusal_error(Refusal(journal.run_id, "lost")))

    async def _store_group(self, staged: Iterable[RunJournal]) -> None:
        group: dict[RunJournal, Change] = {}
        now = self._now()
        for journal in staged:
            if journal.lost is not None:
                continue
            try:
                group[journal] = journal.take(now)
            except Exception as error:
                self._lose(journal, _failed(journal, error), error)
        if not group:
            return
        await self._commit(group, now)

    async def _commit(self, group: Mapping[RunJournal, Change], now: float) -> None:
        """Store the changes together; if that fails, each by itself, so that one can't take others with it."""
        try:
            refused = await self._store.commit(self._owner, list(group.values()), now=now)
        except Exception as error:
            if len(group) > 1:
                for journal, change in group.items():
                    await self._commit({journal: change}, now)
                return
            for journal in group:
                self._lose(journal, _failed(journal, error), error)
            return
        refusals = {refusal.run_id: refusal for refusal in refused}
        for journal, change in group.items():
            refusal = refusals.get(change.run_id)
            if refusal is not None:
                if refusal.reason == "lost" and journal.lost is None:
                    await self._let_go(journal.run_id, now)
                self._lose(journal, refusal_error(refusal))
                continue
            if journal.is_wanted_back and not await self._take_back(journal, now):
                continue
            self._on_stored(journal)
            journal.stored()

    async def _take_back(self, journal: RunJournal, now: float) -> bool:
        """Own a run again that was released at the moment at which something came for it.

        If another runtime was faster, it may have let go of the run by now, and gone on with it, or taken back what it
        has sent. Then the run isn't as it was stored just now.
        """
        claimed = await self._store.claim(self._owner, [journal.run_id], now=now)
        if claimed and (claimed[0].entry, claimed[0].changed_at) == (journal.entry, now):
            journal.take_back()
            return True
        if claimed:
            await self._store.commit(self._owner, [left_as_it_was(claimed[0])], now=now)
        self._lose(journal, refusal_error(Refusal(journal.run_id, "lost")))
        return False

    async def _let_go(self, run_id: str, now: float) -> None:
        """Don't own a run of which another one knows more: whoever takes it over goes on from what is stored.

        It may be this runtime's again: another one took it over while this one was late, went on with it, and died.
        """
        try:
            run = await self._store.find(run_id)
            if run is not None and run.owner == self._owner:
                await self._store.commit(self._owner, [left_as_it_was(run)], now=now)
        except StoreError:
            logger.exception("run %s can't be let go of", run_id, extra={"run_id": run_id})

    def _lose(self, journal: RunJournal, error: Exception, cause: Exception | None = None) -> None:
        error.__cause__ = cause
        logger.error("run %s is stopped here: %s", journal.run_id, error, extra={"run_id": journal.run_id})
        self._on_lost(journal)
        journal.lose(error)


def _failed(journal: RunJournal, error: Exception) -> StoreError:
    kind = type(error) if isinstance(error, StoreError) else StoreError
    return kind(
        f"What has happened to run {journal.run_id!r} couldn't be stored, so it's stopped here: {error}\n"
        "  What was stored before stays, and the run can be recovered from there.",
        [journal.run_id],
    )


def left_as_it_was(run: StoredRun, *, status: RunStatus | None = None) -> Change:
    """The change by which a run that was taken over is nobody's again; of the rest, only its status may be another."""
    status = run.status if status is None else status
    return Change(run.run_id, run.workflow, status, run.is_waiting, run.wake_at, run.entry, is_released=True)


def refusal_error(refusal: Refusal) -> Exception:
    """What to tell of a change that the store has turned down."""
    if refusal.reason == "exists":
        return RunExists(
            f"A run {refusal.run_id!r} is stored already. Resume it with runtime.resume({refusal.run_id!r}), or give "
            "the new one another run_id=."
        )
    return OwnershipLost(
        f"Run {refusal.run_id!r} isn't this runtime's any more: another one has taken it over, since this one didn't "
        "renew its lease in time (or somebody deleted the run). Its steps are cancelled here.",
        [refusal.run_id],
    )
