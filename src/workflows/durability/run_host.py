"""RunHost: the runs of one runtime on a store: those that are in memory here, and the way to those that aren't.

Rules:
- A run is in memory while something is at work in it, or while somebody holds its handler or its context. When
  everything in it waits, and nobody does, it's released: a snapshot is stored, nobody owns it, and it comes back when
  something arrives for it or falls due.
- The timers of runs that sleep are kept in one place: those of runs in memory in a heap here, those of released ones in
  the store's index.
- What can't be carried on here (its workflow isn't registered, or doesn't fit) is told, set aside, and left as it is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any
from weakref import WeakSet, ref

import anyio
import attrs

from ..context import Context
from ..context.context import OnMismatch
from ..core.snapshot import snapshot
from ..core.statuses import RunStatus
from ..core.ticks import TimerFired
from ..errors import RunNotFound, RunOwnedElsewhere, StoreError, UsageError
from ..events import StartEvent
from ..handler import WorkflowHandler
from ..runtime.clock import utc_seconds
from ..runtime.identity import new_uuid
from ..runtime.run import Run
from ..runtime.spawn import Launch
from ..workflow import Workflow
from .group_commit import GroupCommit, refusal_error
from .restoring import Restored, base_of, restored
from .run_journal import RunJournal
from .store import Change, RunContent, Store

logger: logging.Logger = logging.getLogger(__name__)

AnyWorkflow = Workflow[Any, Any]
NOBODYS_MARK = ""
"""A run that is set aside with it isn't passed over by anybody."""


class RunHost:
    """The runs of one runtime on a store.

    Args:
        store: Where they're kept.
        workflows: The registered workflows, by name; the same mapping as the runtime's.
        now: The time, in UTC seconds.
        releases_idle: Whether runs in which everything waits are dropped from memory.

    Attributes:
        owner: What the store knows this runtime by.
        problems: Runs that couldn't be carried on here, and why.
        launch: Starts the root tasks of runs; None while none can.
    """

    def __init__(
        self,
        store: Store,
        workflows: Mapping[str, AnyWorkflow],
        now: Callable[[], float],
        *,
        releases_idle: bool,
    ) -> None:
        self.store: Store = store
        self.owner: str = new_uuid().hex
        self.now: Callable[[], float] = now
        self.commits: GroupCommit = GroupCommit(store, self.owner, now, self._stored, self._lost)
        self.problems: dict[str, Exception] = {}
        self._taken_in_vain: set[str] = set()
        self._accepting: set[str] = set()
        self._workflows = workflows
        self.launch: Launch | None = None
        self._releases_idle = releases_idle
        self._loaded: dict[str, RunJournal] = {}
        self._held: dict[str, Callable[[], Context[Any] | None]] = {}
        self._timers: list[tuple[float, str]] = []  # of runs in memory that have no task
        self._changes = 0
        self._changed = anyio.Event()
        self._dropped: WeakSet[Run] = WeakSet()
        self._watched: dict[str, anyio.Event] = {}

    # Beginning

    def start(
        self,
        workflow: AnyWorkflow,
        ctx: Context[Any] | None,
        start_event: StartEvent | None,
        inputs: dict[str, Any],
        *,
        run_id: str | None,
    ) -> WorkflowHandler[Any]:
        """Begin a new run, or one that's in somebody's hands."""
        if run_id is not None and run_id in self._loaded:
            raise UsageError(f"Run {run_id!r} is going on in this Runtime already.")
        context: Context[Any] = Context(workflow) if ctx is None else ctx
        return self._begin(workflow, context, start_event, inputs, run_id=run_id)

    def resume(self, run_id: str, *, on_mismatch: OnMismatch = "error") -> WorkflowHandler[Any]:
        """Go on with a stored run; one that's over gives its result, and one that's here its handler.

        Raises:
            RunNotFound: There's none of this id.
            RunOwnedElsewhere: A living runtime has it.
            UsageError: Its workflow isn't registered.
            JournalError: It can't be read, or doesn't fit the workflow.
        """
        found = self.handler(run_id)
        if found is not None:
            return found
        content = self.store.take(self.owner, run_id, now=self.now())
        if content is None:
            raise RunNotFound(f"There's no run {run_id!r} in this store.")
        if content.run.owner is not None and content.run.owner != self.owner:
            raise RunOwnedElsewhere(
                f"Run {run_id!r} is carried by another runtime, {content.run.owner!r}, which is alive.\n  Send it "
                "events with `await runtime.send(run_id, event)`, read it with runtime.events(run_id), or cancel it "
                "with `await runtime.cancel(run_id)`."
            )
        try:
            return self.carry_on(content, on_mismatch=on_mismatch)
        except Exception:
            self.took_in_vain(run_id)
            raise

    def carry_on(self, content: RunContent, *, on_mismatch: OnMismatch = "error") -> WorkflowHandler[Any]:
        """Go on with a run that this runtime owns; give its handler, if it's in memory by now."""
        known = self.handler(content.run.run_id)
        if known is not None:
            return known
        workflow = self.workflow_of(content)
        if on_mismatch == "accept":
            self._accepting.add(content.run.run_id)
        elif on_mismatch == "error" and content.run.run_id in self._accepting:
            on_mismatch = "accept"  # what departs is seen when it's replayed, and it may leave memory before that
        found = restored(workflow.definition, content, at=self.now_of(workflow))
        context: Context[Any] = Context(workflow, found.data, on_mismatch=on_mismatch)
        if on_mismatch != "error":  # what was stored isn't what it goes on from
            found = attrs.evolve(found, is_new=True, data=snapshot(context.driver.core.state, at=context.driver.now()))
        return self._begin(workflow, context, None, {}, run_id=None, stored=found, entry=content.run.entry)

    def now_of(self, workflow: AnyWorkflow) -> float:
        """The time by the clock of a workflow, which may have one of its own."""
        clock = workflow.definition.clock
        return self.now() if clock is None else utc_seconds(clock)()

    def workflow_of(self, content: RunContent) -> AnyWorkflow:
        """The registered workflow of a run.

        Raises:
            UsageError: It isn't registered.
        """
        name = content.run.workflow
        if name not in self._workflows:
            known = ", ".join(map(repr, self._workflows)) or "none"
            raise UsageError(
                f"Run {content.run.run_id!r} is of workflow {name!r}, which isn't registered here; there are: {known}."
                "\n  Register it: Runtime(store=..., workflows=[...])."
            )
        return self._workflows[name]

    def _begin(
        self,
        workflow: AnyWorkflow,
        context: Context[Any],
        start_event: StartEvent | None,
        inputs: dict[str, Any],
        *,
        run_id: str | None,
        stored: Restored | None = None,
        entry: int = 0,
    ) -> WorkflowHandler[Any]:
        """Begin or go on with a run, whose ticks are stored from here on."""
        if self.launch is None:
            raise UsageError("This Runtime is being left: no run begins here any more, nor goes on.")
        journal = RunJournal(
            workflow,
            context,
            self.commits.stage,
            self._fell_asleep,
            self._departed,
            entry=entry,
            base=base_of(context, stored),
            is_new=stored is None,
        )
        if stored is not None:
            journal.events += stored.events
        try:
            handler = workflow.begin_run(self.launch, context, start_event, inputs, run_id=run_id, is_owned=True)
        except BaseException:
            context.driver.journal = None
            raise
        journal.run = handler.run
        is_stored = stored is not None and not stored.is_new
        if is_stored and handler.is_done():
            context.driver.journal = None
            return handler
        self._loaded[handler.run_id] = journal
        self.problems.pop(handler.run_id, None)
        self._hold(handler)
        if journal.is_settled and not is_stored:
            journal.stage()
        return handler

    # Those in memory

    def handler(self, run_id: str) -> WorkflowHandler[Any] | None:
        """The handler of a run that's in memory here."""
        journal = self._loaded.get(run_id)
        if journal is None or journal.run is None:
            return None
        journal.want()
        held = self._held.get(run_id)
        context = None if held is None else held()
        if context is None:
            context = Context.of_run(journal.run, journal.workflow.definition)
        handler: WorkflowHandler[Any] = WorkflowHandler(journal.run, context, is_owned=True)
        self._hold(handler)
        return handler

    def journal(self, run_id: str) -> RunJournal | None:
        """The journal of a run that's in memory here."""
        return self._loaded.get(run_id)

    def has_in_memory(self, run_id: str) -> bool:
        """Whether a run is in memory here, be it stored yet or not."""
        return run_id in self._loaded

    @property
    def run_ids(self) -> list[str]:
        """The ids of the runs that are in memory here."""
        return list(self._loaded)

    def _hold(self, handler: WorkflowHandler[Any]) -> None:
        """A run stays in memory for as long as its context does, which its handler has."""
        run_id, thread = handler.run_id, threading.get_ident()

        def forgotten(_: object) -> None:
            if threading.get_ident() == thread:
                self.wake()  # else whoever looks after the runs notices by itself, a little later

        self._held[run_id] = ref(handler.ctx, forgotten)

    def _fell_asleep(self, journal: RunJournal) -> None:
        """Everything in a run waits: release it, or look after its timers."""
        state = journal.state
        if not journal.is_settled or state.status is not RunStatus.RUNNING:
            return
        if self._releases_idle and not self._is_held(journal):
            journal.release()
            return
        at = journal.wakes_at(self.now())
        if at is not None:
            heappush(self._timers, (at, journal.run_id))
            self.wake()

    def look_after_sleepers(self) -> None:
        """Fire the timers of sleeping runs that are due, and release those that nobody holds any more."""
        now, late = self.now(), list[RunJournal]()
        while self._timers and self._timers[0][0] <= now:
            journal = self._loaded.get(heappop(self._timers)[1])
            if journal is None or not journal.is_asleep:
                continue
            if journal.is_due:
                journal.driver.emit(TimerFired)
            elif journal.has_own_clock:
                late.append(journal)
        for journal in late:
            self._fell_asleep(journal)
        for run_id in [name for name, held in self._held.items() if held() is None]:
            journal = self._loaded.get(run_id)
            if journal is None or not self._is_read(journal):
                del self._held[run_id]
            if journal is not None and journal.is_asleep:
                self._fell_asleep(journal)

    def _is_held(self, journal: RunJournal) -> bool:
        """Whether somebody would miss the run if it left memory."""
        held = self._held.get(journal.run_id)
        return (held is not None and held() is not None) or self._is_read(journal)

    def _is_read(self, journal: RunJournal) -> bool:
        return journal.run is not None and bool(journal.run.log.readers)

    @property
    def next_timer(self) -> float | None:
        """When the first timer of a sleeping run is due."""
        return self._timers[0][0] if self._timers else None

    def _stored(self, journal: RunJournal) -> None:
        """Something of a run was stored."""
        watched = self._watched.pop(journal.run_id, None)
        if watched is not None:
            watched.set()
        if journal.is_released:
            self._drop(journal)
        elif journal.is_asleep:
            self._fell_asleep(journal)

    def _lost(self, journal: RunJournal) -> None:
        if self._loaded.get(journal.run_id) is journal:
            del self._loaded[journal.run_id]
            self._held.pop(journal.run_id, None)
            self.wake()

    def _departed(self, journal: RunJournal, error: Exception) -> None:
        """A run doesn't fit, as its replay has shown. It stays this runtime's, lest anybody tries it over and over."""
        self.problems[journal.run_id] = error
        self.commits.lose_departed(journal, error)

    def _drop(self, journal: RunJournal) -> None:
        self._lost(journal)
        journal.driver.journal = None
        if journal.run is not None:
            self._dropped.add(journal.run)

    # Those that aren't

    def marks(self) -> dict[str, str]:
        """The workflows that are registered here, by name, each with what its journals are written under."""
        return {name: workflow.definition.fingerprint for name, workflow in self._workflows.items()}

    async def set_aside(self, run_id: str, why: Exception) -> None:
        """Leave a run that can't be carried on here to those whose workflow is another."""
        self.problems[run_id] = why
        run = await self.store.find(run_id)
        if run is not None and run.owner == self.owner:
            await self.store.set_aside(self.owner, run_id, self.marks().get(run.workflow, NOBODYS_MARK))

    def took_in_vain(self, run_id: str) -> None:
        """This runtime owns a run, and somebody was told why it can't carry it on: it's soon nobody's again."""
        self._taken_in_vain.add(run_id)
        self.wake()

    async def give_back(self) -> None:
        """Own no run any more that was taken in vain, but those that are carried on by now."""
        for run_id in list(self._taken_in_vain):
            if run_id not in self._loaded:
                await self.store.set_aside(self.owner, run_id, NOBODYS_MARK)
            self._taken_in_vain.discard(run_id)

    async def store_change(self, change: Change) -> None:
        """Store a change of a run that this runtime owns, and that isn't in memory.

        Raises:
            OwnershipLost: It's another's by now.
        """
        refused = await self.store.commit(self.owner, [change], now=self.now())
        if refused:
            raise refusal_error(refused[0])
        self.wake()

    # Its end

    def leave(self) -> None:
        """Stop all runs here, such that they go on elsewhere."""
        self.launch = None
        for journal in list(self._loaded.values()):
            journal.want()
            if journal.run is not None:
                journal.run.cancel("its Runtime was left", is_left=True)

    async def retire(self) -> None:
        """Own nothing any more; errors that those who still hold a run haven't asked for are logged."""
        for run in self._dropped:
            run.outcome.log_if_unheard()
        try:
            await self.store.retire(self.owner)
            await self.store.close()
        except StoreError as error:  # others take the runs over when the lease has passed
            logger.error("a runtime couldn't say in its store that it's left: %s", error)

    # Waking whoever looks after the runs

    def wake(self) -> None:
        """There may be something to look after."""
        self._changes += 1
        event, self._changed = self._changed, anyio.Event()
        event.set()

    async def wait_for_change(self, seen: int) -> int:
        """Wait until there may be something to look after that whoever has `seen` so many changes doesn't know of."""
        while self._changes == seen:
            await self._changed.wait()
        return self._changes

    async def wait_for_events(self, run_id: str) -> None:
        """Wait until something of a run was stored from here."""
        await self._watched.setdefault(run_id, anyio.Event()).wait()
