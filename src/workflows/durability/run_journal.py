"""RunJournal: the journal of one durable run, as a host stores it.

Rules:
- A journal entry is what has happened since the last one: its ticks, in JSON text, under the format of journals and the
  fingerprint of the workflow by which they were decided.
- When the entries since the last snapshot have grown to several times its size, a new one takes their place: what it
  costs is in proportion to what was written, and recovery is bounded.
- The last entry of a run that ends, stands still or is released is a snapshot, and so is that of one in which
  everything waits: changed code can go on from it, while it couldn't fold a journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio

from ..codec import Json
from ..context import Context
from ..core.image import LIVE, can_be_imaged, image
from ..core.journal import JOURNAL_FORMAT
from ..core.open_questions import changed_questions, track_questions
from ..core.snapshot import snapshot
from ..core.state import RunState
from ..core.statuses import DELAYED, ENDED, HALTED, RUNNING, SUSPENDED
from ..runtime.definition import Definition
from ..runtime.driver import Driver
from ..runtime.journalling import Journal
from ..runtime.run import Run
from ..workflow import Workflow
from .store import Change
from .stored_parts import event_text, question_text, status_of, text_of

SNAPSHOT_AFTER = 64_000
"""Characters of journal entries, after which a snapshot takes their place, or more, if the last one was large:"""
SNAPSHOT_RATIO = 4
"""so many times its size."""


class RunJournal(Journal):
    """The journal of one run.

    Args:
        workflow: Whose run it is.
        context: What feeds its core.
        on_staged: Called with this when there's something to store.
        on_asleep: Called with this when everything in the run waits.
        on_departed: Called with this when the run stands still, since a replay has departed from what is stored.
        entry: The number of the last entry that is stored.
        base: A snapshot that takes the place of all that is stored, if that's needed.
        is_new: Whether nothing is stored yet.

    Attributes:
        replied: The numbers of the messages that were replied to.
        departure: How a replay has departed from what is stored.
    """

    def __init__(
        self,
        workflow: Workflow[Any, Any],
        context: Context[Any],
        on_staged: Callable[[RunJournal], anyio.Event],
        on_asleep: Callable[[RunJournal], None],
        on_departed: Callable[[RunJournal, Exception], None],
        *,
        entry: int = 0,
        base: str | None = None,
        is_new: bool = False,
    ) -> None:
        super().__init__(context.driver, lambda: on_staged(self))
        self.workflow: Workflow[Any, Any] = workflow
        self.entry: int = entry
        self._is_releasing = False
        self._is_released = False
        self._left: dict[str, Json] | None = None  # the image of what it was released as
        self.replied: set[int] = set()
        self._replies: list[tuple[int, str]] = []
        self._on_asleep = on_asleep
        self._on_departed = on_departed
        self.departure: Exception | None = None
        self._base = base
        self._is_new = is_new
        self._size = 0
        self._limit = SNAPSHOT_AFTER
        self._workflow_name = workflow.workflow_name
        self._fingerprint = workflow.definition.fingerprint
        track_questions(context.driver.core.state)

    @property
    def state(self) -> RunState:
        """The state of the run. To read only."""
        return self.driver.core.state

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.driver.core.state.run_id

    def fell_asleep(self) -> None:
        """Everything in the run waits, and no task of it is left."""
        self._on_asleep(self)

    def depart(self, error: Exception) -> None:
        """A replay has departed from what is stored: stop the run as if it was left, and own it still."""
        self.departure = error
        if self.run is not None:
            self.run.cancel("its replay departs from what is stored", is_left=True)

    @property
    def _has_departed(self) -> bool:
        """Whether it stands still since a replay has departed."""
        state = self.state
        return self.departure is not None and state.status is HALTED and not state.is_cancelled

    def _release(self) -> None:
        if self.departure is not None and self._has_departed and self.is_settled and self.lost is None:
            self._on_departed(self, self.departure)  # loses it, and comes back here
            return
        super()._release()

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, or stands still till somebody resumes it."""
        state = self.state
        return state.status is ENDED or (state.status is HALTED and (state.is_cancelled or state.is_left))

    @property
    def is_asleep(self) -> bool:
        """Whether everything in the run waits, and it has no task."""
        return self._rests and self.is_settled

    @property
    def _rests(self) -> bool:
        run = self.run
        return run is not None and run.is_asleep and self.state.status is RUNNING

    def reply(self, number: int, text: str) -> None:
        """Store a reply to a message, together with what has come of it."""
        self.replied.add(number)
        self._replies.append((number, text))
        self.stage()

    def release(self) -> None:
        """Store a snapshot, and own the run no more. Nobody holds it, and everything in it waits."""
        self._is_releasing = True
        self.stage()

    def want(self) -> None:
        """Somebody holds the run again, or something has come for it: don't release it, or take it back."""
        self._is_releasing = False

    @property
    def is_released(self) -> bool:
        """Whether nobody owns it, with what was taken last."""
        return self._is_released

    @property
    def is_wanted_back(self) -> bool:
        """Whether it was released, and shouldn't have been."""
        return self._is_released and (self.has_more or not (self._is_releasing or self.is_over))

    def take_back(self) -> None:
        """It's owned again. It has gone on all the while, so what follows doesn't follow on what it was released as."""
        self._is_released = False
        if self._base is None and self._left is not None:
            self._base = text_of(self._left)

    def take(self, now: float) -> Change:
        """What is staged, as a change to store; `now` is the time by the clock of the host."""
        state = self.state
        if self._base is not None and not self.is_over and not can_be_imaged(state):
            return self._take_base(state, now)
        ticks, events = self.begin_storing()
        if self._is_releasing and not self._rests:
            self._is_releasing = False  # something came before this was taken
        is_last = self._is_releasing or self.is_over
        self._is_released = is_last and not self._has_departed
        is_waiting, wake_at = self._waits(now)
        is_full = self._base is not None or self._size > self._limit
        text: str | None = None
        stored: str | None = None
        if is_last or is_full or (is_waiting and (ticks or self._size)):
            stored = self._snapshot_of(state, is_last=is_last)
        if stored is not None:
            self._base, self._size, self._limit = None, 0, max(SNAPSHOT_AFTER, SNAPSHOT_RATIO * len(stored))
        elif ticks:
            text = f'[{JOURNAL_FORMAT},"{self._fingerprint}",{",".join(ticks)}]'
            self._size += len(text)
        if stored is not None or text is not None:
            self.entry += 1
        opened, closed = changed_questions(state)
        replies, self._replies = self._replies, []
        is_new, self._is_new = self._is_new, False
        return Change(
            run_id=state.run_id,
            workflow=self._workflow_name,
            status=status_of(state),
            is_waiting=is_waiting,
            wake_at=wake_at,
            entry=self.entry,
            text=text,
            snapshot=stored,
            is_new=is_new,
            events=[(position, event_text(state, event)) for position, event in events],
            opened=[(question.id, question_text(state, question)) for question in opened],
            closed=closed,
            replies=replies,
            is_released=self._is_released,
        )

    def _snapshot_of(self, state: RunState, *, is_last: bool) -> str | None:
        """What takes the place of all that is stored; None if there's no image of a run that goes on now."""
        at = self.driver.now_or_last()
        self._left = image(state, at=at) if self._is_releasing and can_be_imaged(state) else None
        if self._left is not None:
            return text_of({name: part for name, part in self._left.items() if name != LIVE})
        if is_last:
            return text_of(snapshot(state, at=at))
        return text_of(image(state, at=at)) if can_be_imaged(state) else None

    def _take_base(self, state: RunState, now: float) -> Change:
        """What the run began with, alone; the rest is staged once more."""
        base, self._base = self._base, None
        is_new, self._is_new = self._is_new, False
        self.entry += 1
        is_waiting, wake_at = self._waits(now)
        self.stage_again()
        return Change(
            run_id=state.run_id,
            workflow=self._workflow_name,
            status="running",
            is_waiting=is_waiting,
            wake_at=wake_at,
            entry=self.entry,
            snapshot=base,
            is_new=is_new,
        )

    def _waits(self, now: float) -> tuple[bool, float | None]:
        """Whether everything in the run waits, and till when."""
        state = self.state
        if state.status is not RUNNING:
            return rests(state), wake_at(self.driver, self.workflow.definition, due_at(state), now)
        is_waiting = not state.budget.active and not (self.run is not None and _has_word(self.run))
        return is_waiting, self.wakes_at(now)

    def wakes_at(self, now: float) -> float | None:
        """When the next timer of the run is due, by the clock of its host."""
        at = self.state.timers.next_at()
        return None if at is None else wake_at(self.driver, self.workflow.definition, at, now)

    @property
    def has_own_clock(self) -> bool:
        """Whether its workflow has a clock of its own, which may be behind that of its host."""
        return self.workflow.definition.clock is not None

    @property
    def is_due(self) -> bool:
        """Whether a timer of the run is due, by the run's own clock."""
        at = self.state.timers.next_at()
        return at is not None and at <= self.driver.now_or_last()


def due_at(state: RunState) -> float | None:
    """When something is due in a run that stands still, or in a child of it."""
    found = [state.timers.next_at(), *[due_at(child.state) for child in state.children.values() if child.is_wanted]]
    return min((at for at in found if at is not None), default=None)


def wake_at(driver: Driver, definition: Definition, due: float | None, now: float) -> float | None:
    """When something is due by the clock of a run's host, on which it's `now`. The workflow may have one of its own."""
    return due if due is None or definition.clock is None else now + due - driver.now_or_last()


def rests(state: RunState) -> bool:
    """Whether a run that stands still has nothing to do when it goes on: everything in it waits."""
    if state.status is not HALTED or state.orders:
        return False
    waits = (SUSPENDED, DELAYED)
    if any(execution.status not in waits or execution.is_woken for execution in state.executions.values()):
        return False
    return all(rests(child.state) for child in state.children.values() if child.is_wanted)


def _has_word(run: Run) -> bool:
    """Whether a step that waits in place, here or in a child, is about to go on: what is stored waits for nothing."""
    if any(attempt.has_word for attempt in run.attempts.values()):
        return True
    return any(_has_word(child) for child in run.children.values())
