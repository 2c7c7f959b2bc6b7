"""Reading: what a store knows of runs, without loading any."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import anyio
import attrs
from anyio.lowlevel import checkpoint

from ..core.questions import Question
from ..core.stored import NOT_AS_WRITTEN
from ..errors import JournalError, RunNotFound
from ..events import Event
from ..runtime.definition import Definition
from .run_host import AnyWorkflow
from .store import RunStatus, Store, StoredQuestion, StoredRun
from .stored_parts import event_from, question_of

PAGE = 256


@attrs.frozen
class RunInfo:
    """A stored run, as `Runtime.runs()` lists it.

    Attributes:
        run_id: Its id.
        workflow: The name of its workflow.
        status: `"running"` if it's unfinished, `"cancelled"`, `"completed"`, `"failed"` or `"timed_out"`.
        is_waiting: Whether everything in it waits: for an answer, say, or for a retry.
        wake_at: When something falls due in it by itself, if that's what it waits for.
        created_at: When it was stored first.
        changed_at: When it was stored last.
    """

    run_id: str
    workflow: str
    status: RunStatus
    is_waiting: bool
    wake_at: datetime | None
    created_at: datetime
    changed_at: datetime


@attrs.frozen
class OpenQuestion:
    """An open question of a stored run, as `Runtime.pending()` lists it.

    Attributes:
        run_id: The run that asks.
        workflow: The name of its workflow.
        question: The question; None if its workflow isn't registered here, or doesn't know its classes any more.
        id: The question's id, for `reply_to=`.
        number: Where it stands among all questions of the store: what `after=` takes.
    """

    run_id: str
    workflow: str
    question: Question | None
    id: str
    number: int


def run_info(run: StoredRun) -> RunInfo:
    """A stored run for users."""
    return RunInfo(
        run.run_id,
        run.workflow,
        run.status,
        run.is_waiting,
        None if run.wake_at is None else instant_of(run.wake_at),
        instant_of(run.created_at),
        instant_of(run.changed_at),
    )


def open_question(found: StoredQuestion, workflow: AnyWorkflow | None) -> OpenQuestion:
    """A stored question for users."""
    question: Question | None = None
    if workflow is not None:
        try:
            question = question_of(workflow.definition, found.data, found.run_id)
        except (JournalError, *NOT_AS_WRITTEN):  # one question that can't be read hides no other
            question = None
    return OpenQuestion(found.run_id, found.workflow, question, found.id, found.number)


def instant_of(seconds: float) -> datetime:
    """An instant of a store, for users."""
    return datetime.fromtimestamp(seconds, UTC)


class StoredEvents(AsyncIterator[Event]):
    """The stored stream of a run: `async for event in runtime.events(run_id)`.

    It ends when the run has, or stands still since it was cancelled, wherever it lives. If it stands still since its
    replay departs from what is stored, and this runtime has found that out, that's raised: nobody goes on with it until
    this runtime is left, or something is sent to the run. Safe to cancel, and to leave.

    Attributes:
        position: Where the event stands that was given last: what `after=` takes to go on from there.
    """

    def __init__(
        self,
        store: Store,
        definition: Callable[[str], Definition],
        run_id: str,
        after: int,
        wait: Callable[[str], Awaitable[None]],
        is_here: Callable[[str], bool],
        departure: Callable[[str], Exception | None],
        poll_s: float,
    ) -> None:
        self._store = store
        self._definition = definition
        self._run_id = run_id
        self._wait = wait
        self._is_here = is_here
        self._departure = departure
        self._poll_s = poll_s
        self._page: list[tuple[int, str]] = []
        self._workflow = ""
        self.position: int = after

    def __aiter__(self) -> StoredEvents:
        return self

    async def __anext__(self) -> Event:
        await checkpoint()
        while not self._page:
            run = await self._store.find(self._run_id)
            if run is None and self._is_here(self._run_id):  # it has begun, and that isn't stored yet
                await self._wait_a_little()
                continue
            if run is None:
                raise RunNotFound(f"There's no run {self._run_id!r} in this store.")
            found = await self._store.events(self._run_id, after=self.position, limit=PAGE)
            if not found and run.status != "running":
                raise StopAsyncIteration
            departure = self._departure(self._run_id)
            if not found and departure is not None:
                raise departure
            if not found:
                await self._wait_a_little()
            self._page = found[::-1]
            self._workflow = run.workflow
        position, text = self._page.pop()
        event = event_from(self._definition(self._workflow), text, self._run_id)
        self.position = position
        return event

    async def _wait_a_little(self) -> None:
        with anyio.move_on_after(self._poll_s):
            await self._wait(self._run_id)
