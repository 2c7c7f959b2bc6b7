"""Checking: what the checks of stores are made with."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias, TypedDict, Unpack

from anyio import move_on_after

from ...durability.store import Change, Refusal, RunContent, RunStatus, Store, StoredRun

OpenStore: TypeAlias = Callable[[], Store]

GRACE = 5.0  # seconds for closing


class StoreCheck(Protocol):
    """A check: awaited with what makes a handle on the store."""

    __name__: str

    def __call__(self, make: OpenStore, /) -> Awaitable[None]:
        """Check it.

        Raises:
            AssertionError: The store doesn't do what it should.
        """
        ...


class Handles:
    """The handles on the store under test, which are closed at the end of the check."""

    def __init__(self, make: OpenStore) -> None:
        self._make = make
        self._open: list[Store] = []

    async def open(self) -> Store:
        """Give an open handle; each time another one, on the same store."""
        store = self._make()
        await store.open()
        self._open.append(store)
        return store

    async def reopen(self) -> Store:
        """Close all handles, and give a new one."""
        await self.close()
        return await self.open()

    async def close(self) -> None:
        """Close all of them."""
        while self._open:
            await self._open.pop().close()


def checked(body: Callable[[Handles], Awaitable[None]]) -> StoreCheck:
    """Make a check of a function that is given handles."""

    @functools.wraps(body)
    async def check(make: OpenStore, /) -> None:
        handles = Handles(make)
        try:
            await body(handles)
        finally:
            with move_on_after(GRACE, shield=True):
                await handles.close()

    return check


def same(found: object, expected: object, what: str) -> None:
    """Fail unless two things are equal; not `assert`, which `python -O` leaves out."""
    if found != expected:
        raise AssertionError(f"{what}:\n  found    {found!r}\n  expected {expected!r}")


# --- what runs are made of --------------------------------------------------------------------------------------------

NOW = 1_000.0
"""When checks take place, if it doesn't matter."""
LEASE = 30.0


class Details(TypedDict, total=False):
    """What else a change may have."""

    workflow: str
    status: RunStatus
    is_waiting: bool
    wake_at: float | None
    text: str | None
    snapshot: str | None
    events: list[tuple[int, str]]
    opened: list[tuple[str, str]]
    closed: list[str]
    replies: list[tuple[int, str]]
    is_released: bool


def change(run_id: str, entry: int, *, is_new: bool = False, **details: Unpack[Details]) -> Change:
    """A change that adds an entry to a run that is at work, or what else is said."""
    details.setdefault("workflow", "Shop")
    details.setdefault("status", "running")
    details.setdefault("is_waiting", False)
    details.setdefault("wake_at", None)
    if details.get("snapshot") is None:
        details.setdefault("text", f"{run_id} {entry}")
    return Change(run_id, entry=entry, is_new=is_new, **details)


def new(run_id: str, **details: Unpack[Details]) -> Change:
    """A change that makes a run, with its first entry."""
    return change(run_id, 1, is_new=True, **details)


async def enlisted(store: Store, *owners: str, now: float = NOW) -> None:
    """Make owners known, for the length of a lease."""
    for owner in owners:
        await store.enlist(owner, now=now, until=now + LEASE)


async def stored(store: Store, owner: str, *changes: Change, now: float = NOW) -> None:
    """Commit what has to be taken."""
    same(await store.commit(owner, changes, now=now), [], f"what the store refuses of {owner}'s own runs")


async def content_of(store: Store, run_id: str) -> RunContent:
    """Load a run that has to be there."""
    content = await store.load(run_id)
    if content is None:
        raise AssertionError(f"the store has no run {run_id!r}, which was stored")
    return content


async def owner_of(store: Store, run_id: str) -> str | None:
    """Who owns a run that has to be there."""
    return (await content_of(store, run_id)).run.owner


def lost(*run_ids: str) -> list[Refusal]:
    """The refusals of changes to others' runs."""
    return [Refusal(run_id, "lost") for run_id in run_ids]


def ids(runs: Sequence[StoredRun]) -> list[str]:
    """The ids of runs, in their order."""
    return [run.run_id for run in runs]
