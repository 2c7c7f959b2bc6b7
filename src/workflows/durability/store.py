"""Store: where durable runs are kept. This is the seam for stores of your own; see the how-to page about them.

Rules:
- What is stored of a run is a snapshot, and the journal entries since then, numbered without a gap. An entry is text
  that the store doesn't look into.
- A run has one owner at a time, or none. An owner is known by its id, and lives for as long as it renews its lease;
  what a dead one owns is as good as nobody's. Who isn't the owner of a run can't change it.
- A commit is one transaction: all of it is there afterwards, whatever dies, or nothing is. A run that its owner has
  lost is left out of it, and named.
- Time is given by the caller, in UTC seconds. Nothing of a store sleeps, or waits for anything but its disk.
- Whatever goes wrong with the medium is raised as a `StoreError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import attrs

RunStatus: TypeAlias = Literal["running", "cancelled", "completed", "failed", "timed_out"]
"""Where a stored run stands: unfinished, cancelled by a user (and to be resumed by one only), or how it ended."""

UNFINISHED: RunStatus = "running"
ENDED: frozenset[RunStatus] = frozenset({"completed", "failed", "timed_out"})


@attrs.frozen
class StoredRun:
    """A run, as a list shows it: without its content.

    Attributes:
        run_id: Its id.
        workflow: The registered name of its workflow.
        status: Where it stands.
        is_waiting: Whether everything in it waits, for an event or for an instant.
        wake_at: The next instant at which something is due in it, in UTC seconds, if it waits for one.
        owner: The id of its owner, dead or alive, if it has one.
        entry: The number of its last journal entry.
        created_at: When it was stored first, in UTC seconds.
        changed_at: When it was stored last.
    """

    run_id: str
    workflow: str
    status: RunStatus
    is_waiting: bool
    wake_at: float | None
    owner: str | None
    entry: int
    created_at: float
    changed_at: float


@attrs.frozen
class RunContent:
    """What a run is restored from: its last snapshot, and the journal entries after it, in order."""

    run: StoredRun
    snapshot: str | None
    entries: tuple[str, ...]


@attrs.define
class Change:
    """What is to be stored of one run, in one commit with those of others.

    Attributes:
        run_id: The run.
        workflow: The registered name of its workflow.
        status: Where it stands after this.
        is_waiting: See `StoredRun`.
        wake_at: See `StoredRun`.
        is_new: Whether it's to be made: then there mustn't be one of this id. It belongs to the committing owner.
        entry: The number of the last journal entry with this change; it only grows. The first one of a run is 1. A
            change that isn't ahead of what is stored is refused: its author has lost the run for a while.
        text: The new journal entry, whose number is `entry`; None if there's no new one.
        snapshot: A new snapshot, in which everything up to `entry` is contained: earlier entries go, and this one too.
        events: New events of the stream, with their positions.
        opened: Questions that are open now, by id.
        closed: Ids of questions that are open no more.
        replies: Replies to messages, by their numbers: these messages have had their effect with this change. If one
            was withdrawn, the change is refused: whoever left it takes it for having had none.
        is_released: Whether nobody owns the run afterwards.
    """

    run_id: str
    workflow: str
    status: RunStatus
    is_waiting: bool
    wake_at: float | None
    entry: int
    text: str | None = None
    snapshot: str | None = None
    is_new: bool = False
    events: Sequence[tuple[int, str]] = ()
    opened: Sequence[tuple[str, str]] = ()
    closed: Sequence[str] = ()
    replies: Sequence[tuple[int, str]] = ()
    is_released: bool = False


@attrs.frozen
class Refusal:
    """A change that wasn't stored, since its run is another's by now (or gone), or there was one of its id already."""

    run_id: str
    reason: Literal["lost", "exists"]


@attrs.frozen
class StoredQuestion:
    """An open question: `data` is as its run has stored it. `number` grows in the order in which they were asked."""

    number: int
    run_id: str
    workflow: str
    id: str
    data: str


@attrs.frozen
class Message:
    """Something for the owner of a run: an event that was sent, say. `number` grows, from 1 on."""

    number: int
    run_id: str
    data: str


class Store(Protocol):
    """What keeps durable runs. All of it is called by one runtime at a time, from its event loop.

    Every method may raise a `StoreError`, and has changed nothing then.
    """

    async def open(self) -> None:
        """Begin to use the store; it's made if there's none yet. Once, before anything else."""
        ...

    async def close(self) -> None:
        """Use it no more. Nothing is lost by leaving this out."""
        ...

    # Owners

    async def enlist(self, owner: str, *, now: float, until: float) -> None:
        """Make an owner known, which lives until `until` for now.

        Messages without a reply are forgotten for runs that have ended longer ago than it will live: nobody will reply
        any more, and whoever waits for that has looked at the run since, or is dead.
        """
        ...

    async def renew(self, owner: str, *, now: float, until: float) -> bool:
        """Let an owner live until `until`; False if it's known no more."""
        ...

    async def retire(self, owner: str) -> None:
        """An owner is no more; its runs are nobody's."""
        ...

    # Runs

    async def commit(self, owner: str, changes: Sequence[Change], *, now: float) -> list[Refusal]:
        """Store all these changes of runs that `owner` owns, in one transaction; give those that couldn't be.

        There may be several changes of one run: they're stored in their order. If one is refused, so are those after
        it, and the run is named once. An owner whose lease has passed still owns what nobody has claimed since.
        """
        ...

    async def claim(self, owner: str, run_ids: Sequence[str], *, now: float) -> list[StoredRun]:
        """Make `owner` the owner of those of these runs that no living owner has (or that it has already)."""
        ...

    def take(self, owner: str, run_id: str, *, now: float) -> RunContent | None:
        """Make `owner` the owner of a run, unless a living one has it or it has ended, and give it with its content.

        None if there's none of this id. It's called where nothing can be awaited, so it may block for a moment.
        """
        ...

    async def claim_due(self, owner: str, workflows: Mapping[str, str], *, now: float, limit: int) -> list[StoredRun]:
        """Make `owner` the owner of unfinished runs of these workflows that no living owner has, and that have
        something to do: that don't wait, whose `wake_at` has come, or for which there are messages. At most `limit`,
        those first that are due first. Never one that it has already, even if it has let its own lease pass.

        Each workflow, by name, has a mark: a run that was set aside with this mark is passed over.
        """
        ...

    async def next_due(self, workflows: Mapping[str, str], *, now: float, owner: str | None = None) -> float | None:
        """The next instant at which `claim_due` would find something; `now` if it would now.

        With `owner`, what that one has already doesn't count, as `claim_due` wouldn't give it that. The end of a lease
        counts as such an instant, if what its owner has will be due by then.
        """
        ...

    async def set_aside(self, owner: str, run_id: str, mark: str) -> None:
        """Nobody owns a run of `owner` any more, and `claim_due` passes it over for those who have this mark.

        The next change of the run, by whomever, undoes that.
        """
        ...

    async def load(self, run_id: str) -> RunContent | None:
        """A run with its content; None if there's none of this id."""
        ...

    async def find(self, run_id: str) -> StoredRun | None:
        """A run without its content; None if there's none of this id."""
        ...

    async def runs(
        self,
        *,
        status: RunStatus | None = None,
        workflow: str | None = None,
        is_waiting: bool | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[StoredRun]:
        """Runs in the order in which they were made, from behind the run `after` on.

        Raises:
            RunNotFound: There's no run `after` any more.
        """
        ...

    async def questions(
        self, *, workflow: str | None = None, run_id: str | None = None, after: int = 0, limit: int
    ) -> list[StoredQuestion]:
        """Open questions of unfinished runs, in the order in which they were asked, from behind number `after` on."""
        ...

    async def events(self, run_id: str, *, after: int, limit: int) -> list[tuple[int, str]]:
        """Events of a run's stream, with their positions, from behind position `after` on."""
        ...

    async def delete(self, run_ids: Sequence[str], *, now: float) -> list[str]:
        """Delete those of these runs that no living owner has, with all that belongs to them; gives their ids."""
        ...

    async def ended_before(self, instant: float, *, limit: int) -> list[str]:
        """The ids of runs that have ended (completed, failed, timed out), and were stored last before this instant.

        Those first that were stored first.
        """
        ...

    # Messages

    async def post(self, run_id: str, data: str) -> int | None:
        """Leave a message for whoever owns a run; gives its number, or None if there's no such run."""
        ...

    async def messages(self, owner: str) -> list[Message]:
        """The messages without a reply for runs that `owner` owns, in the order in which they were left."""
        ...

    async def reply(self, number: int) -> str | None:
        """The reply to a message, if there is one: the first that was stored."""
        ...

    async def withdraw(self, number: int) -> str | None:
        """Forget a message, with its reply; gives that, if there was one by then. In one transaction."""
        ...

    async def changed(self) -> object:
        """Something that compares unequal to what this gave before, if somebody else has changed the store since."""
        ...
