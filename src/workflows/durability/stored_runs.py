"""StoredRuns: what a runtime offers for all runs of its store, wherever they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast, get_args

from ..errors import ReplayMismatch, UsageError
from ..events import Event
from ..runtime.definition import Definition
from ..workflow import Workflow
from .keeper import Keeper
from .porting import exported, imported
from .reading import OpenQuestion, RunInfo, StoredEvents, open_question, run_info
from .run_host import RunHost
from .sending import Sender
from .store import RunStatus, Store

STATUSES = get_args(RunStatus)


class StoredRuns:
    """The runs of a store, as a runtime sees them."""

    def __init__(self) -> None:
        self._workflows: dict[str, Workflow[Any, Any]] = {}
        self._host: RunHost | None = None
        self._sender: Sender | None = None
        self._keeper: Keeper | None = None
        self._poll_s = 0.1

    @property
    def in_memory(self) -> tuple[str, ...]:
        """The ids of the stored runs that are in memory here: something is at work in them, or somebody holds them."""
        return tuple(self._stored().run_ids)

    @property
    def store(self) -> Store:
        """The store that it was given."""
        return self._stored().store

    @property
    def owner(self) -> str:
        """What its store knows it by."""
        return self._stored().owner

    @property
    def problems(self) -> Mapping[str, Exception]:
        """Stored runs that couldn't be carried on here, each with the reason; they're left as they are."""
        return dict(self._stored().problems)

    # What is stored

    async def send(self, run_id: str, event: Event, *, step: str | None = None, reply_to: str | None = None) -> None:
        """Send an event to a stored run, wherever it is; it's stored when this returns.

        Safe to cancel: what the run hasn't taken by then is withdrawn.

        Args:
            run_id: The run: in memory here, released, or carried by another living runtime.
            event: The event.
            step: Only for the step of this name.
            reply_to: Only for the question of this id.

        Raises:
            RunNotFound: There's no such run.
            AlreadyAnswered: The question that it answers was answered before.
            AmbiguousAnswer: Several different questions could take it; name one with `reply_to`.
            NoOpenQuestion: It's an answer, and no question takes it.
            InvalidAnswer: It doesn't fit its question, which stays open.
            WorkflowDone: The run is over.
            UsageError: Its workflow isn't registered here.
            StoreError: It couldn't be stored.
        """
        await self._sending().send(run_id, event, step=step, reply_to=reply_to)

    async def cancel(self, run_id: str) -> None:
        """Cancel a stored run, wherever it is; it stands still when this returns, until somebody resumes it.

        Safe to cancel. A run that's over stays as it is. One that can't go on here, since its workflow isn't registered
        or doesn't fit, is cancelled too.

        Raises:
            RunNotFound: There's no such run.
            StoreError: That couldn't be stored.
        """
        await self._sending().cancel(run_id)

    async def runs(
        self,
        *,
        status: RunStatus | None = None,
        workflow: str | Workflow[Any, Any] | None = None,
        waiting: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[RunInfo]:
        """List stored runs in the order in which they were made, without loading any.

        Args:
            status: Only those that stand like this: `"running"` (unfinished), `"cancelled"`, `"completed"`, `"failed"`
                or `"timed_out"`.
            workflow: Only those of this workflow, or of this name.
            waiting: Only those in which everything waits, or only the others.
            after: From behind the run of this id on: the last one of the page before.
            limit: At most so many.

        Raises:
            UsageError: There's no such status, or it isn't the page of a list, or a workflow.
            RunNotFound: There's no run `after` any more.
        """
        _check_status(status)
        name = _wanted(workflow, limit)
        store = self._stored().store
        found = await store.runs(status=status, workflow=name, is_waiting=waiting, after=after, limit=limit)
        return [run_info(run) for run in found]

    async def pending(
        self,
        *,
        workflow: str | Workflow[Any, Any] | None = None,
        run_id: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[OpenQuestion]:
        """List the open questions of all stored runs, in the order in which they were asked, without loading any.

        Args:
            workflow: Only of runs of this workflow, or of this name.
            run_id: Only of this run.
            after: From behind the question of this `number` on: the last one of the page before.
            limit: At most so many.

        Raises:
            UsageError: It isn't the page of a list, or a workflow.
        """
        name = _wanted(workflow, limit, after)
        found = await self._stored().store.questions(workflow=name, run_id=run_id, after=after, limit=limit)
        return [open_question(question, self._workflows.get(question.workflow)) for question in found]

    def events(self, run_id: str, *, after: int = 0) -> StoredEvents:
        """Read the stored stream of a run: `async for event in runtime.events(run_id)`.

        It may be over, wait, or live in another process; reading goes on until the run is over. `position` of what is
        given tells where the last event stands.

        Args:
            run_id: The run.
            after: From behind this position on; 0 is the start.

        Raises:
            RunNotFound: When it's read: there's no such run.
            DecodeError: When it's read: the workflow doesn't know an event any more.
            ReplayMismatch: When it's read: the run stands still here, since its replay departs from what is stored.
        """
        host = self._stored()
        return StoredEvents(
            host.store,
            self._definition_of,
            run_id,
            after,
            host.wait_for_events,
            host.has_in_memory,
            self._departure_of,
            self._poll_s,
        )

    def _departure_of(self, run_id: str) -> Exception | None:
        host = self._stored()
        problem = host.problems.get(run_id)
        return problem if isinstance(problem, ReplayMismatch) and not host.has_in_memory(run_id) else None

    def _definition_of(self, name: str) -> Definition:
        if name not in self._workflows:
            raise UsageError(f"Workflow {name!r} isn't registered here: Runtime(store=..., workflows=[...]).")
        return self._workflows[name].definition

    async def prune(self, *, before: datetime) -> int:
        """Delete the runs that ended (completed, failed or timed out) before an instant; gives how many.

        Raises:
            UsageError: The instant has no time zone.
        """
        if before.tzinfo is None:
            raise UsageError(f"before={before!r} has no time zone. Give an aware datetime.")
        self._stored()
        assert self._keeper is not None
        return await self._keeper.prune(before.timestamp())

    async def delete(self, run_id: str) -> None:
        """Delete a stored run that no living runtime carries, with all that belongs to it.

        Raises:
            RunNotFound: There's no such run.
            RunOwnedElsewhere: A living runtime carries it; cancel it first.
        """
        await self._sending().delete(run_id)

    async def export_run(self, run_id: str) -> dict[str, Any]:
        """Give all that is stored of a run, as JSON-ready data, for `import_run`. The run stays as it is.

        Raises:
            RunNotFound: There's no such run.
            StoreDamaged: It isn't as it was stored.
            StoreUnavailable: It goes on so fast that no whole of it could be read.
        """
        return await exported(self._stored().store, run_id)

    async def import_run(self, data: Mapping[str, Any]) -> str:
        """Store a run that was exported from another store, under its id; gives that. It goes on here if it can.

        The data may have another `run_id` than the one under which it was exported: then it's stored under that.

        Raises:
            RunExists: There's a run of this id.
            ContextSerdeError: It's nothing that `export_run` gave, or of a format that this version doesn't know.
        """
        host = self._stored()
        run_id = await imported(host, data)
        host.wake()
        return run_id

    def _stored(self) -> RunHost:
        if self._host is None:
            raise UsageError(
                "This Runtime has no store, or isn't open, so there's nothing to read. Give it one, and use it in its "
                "block: `async with Runtime(store=SqliteStore('runs.db')) as runtime:`."
            )
        return self._host

    def _sending(self) -> Sender:
        self._stored()
        assert self._sender is not None
        return self._sender


def _check_status(status: object) -> None:
    if status is not None and status not in STATUSES:
        known = ", ".join(map(repr, STATUSES))
        raise UsageError(
            f"status={status!r} is none that a run can have; there are: {known}.\n  Runs in which everything waits are "
            "listed by runs(waiting=True)."
        )


def _wanted(workflow: str | Workflow[Any, Any] | None, limit: object, after: object = 0) -> str | None:
    """The name of the workflow whose runs are wanted, if it's one, and only a page of them."""
    for name, number in (("limit", limit), ("after", after)):
        if not isinstance(number, int) or number < 0:
            raise UsageError(f"{name}={number!r} is no place in a list. Give a whole number, not less than 0.")
    if workflow is None or isinstance(workflow, str):
        return workflow
    if not isinstance(cast("object", workflow), Workflow):
        raise UsageError(f"workflow={workflow!r} is no workflow. Give an instance of a Workflow class, or its name.")
    return workflow.workflow_name
