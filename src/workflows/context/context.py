"""`Context`: what a run is to those who use it. Outside of steps it's this class; a step gets a `StepContext`.

A context has three lives: before a run (its store can be filled), during a run (outside of steps), and after it (its
store can be read, and it can be run again). A method used in the wrong one raises `ContextStateError`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from random import Random
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, cast
from uuid import UUID

from ..codec import Json
from ..core import ending
from ..core.delivery import all_questions
from ..core.engine import Core
from ..core.questions import Question
from ..core.restore import restore
from ..core.snapshot import snapshot
from ..core.statuses import ENDED, NEW
from ..errors import ContextSerdeError, ContextStateError, WorkflowRuntimeError
from ..events import Event, StopEvent
from ..graph import Program
from ..retry_policy import RetryInfo
from ..runtime.attempt import current_attempt
from ..runtime.clock import utc_seconds
from ..runtime.definition import Definition
from ..runtime.driver import Driver
from ..runtime.reading import Reader, cursor_at_start
from ..runtime.refusals import check_target
from ..runtime.run import Run
from ..steps import ContextMarker
from .recorded import Recorded
from .shape import StateShape
from .state_store import DictState, StateStore, StateT
from .stores import RunStore

EventT = TypeVar("EventT", bound=Event)
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)
Snapshot: TypeAlias = dict[str, Json]
Migration: TypeAlias = Callable[[Snapshot], Snapshot]
OnMismatch: TypeAlias = Literal["error", "accept"] | Migration

logger: logging.Logger = logging.getLogger(__name__)


class Defined(Protocol):
    """A workflow, as far as a context needs it."""

    @property
    def definition(self) -> Definition:
        """The compiled workflow."""
        ...


class Runs(Defined, Protocol[ResultT_co]):
    """A workflow, as far as its type tells what its runs give."""

    def run(
        self, ctx: Any = None, start_event: Any = None, *, run_id: str | None = None, **inputs: Any
    ) -> Awaitable[ResultT_co]:
        """Start a run by itself."""
        ...


class Context(ContextMarker, Recorded, Generic[StateT]):
    """A run of a workflow: its state, its open questions, and the way to send it events.

    In a step's signature, `ctx: Context` or `ctx: Context[MyState]` asks for the step's context, whose operations
    take effect once, however often the step is replayed. Outside, make one with `Context(workflow)`, or take
    `handler.ctx`.

    Args:
        workflow: The workflow that it's for.
        previous_context: A snapshot to go on from, as `Context.from_dict(workflow, previous_context)`.
        on_mismatch: See `from_dict`.
    """

    def __init__(
        self,
        workflow: Defined,
        previous_context: Mapping[str, Any] | None = None,
        *,
        on_mismatch: OnMismatch = "error",
    ) -> None:
        definition = workflow.definition
        accepts_changes = on_mismatch == "accept"
        if previous_context is None:
            core = Core(definition.program, definition.codec, children=definition.kinds)
        else:
            core = self._restored(definition, previous_context, on_mismatch)
        driver = Driver(core, utc_seconds(definition.clock))
        self._take(definition, driver, is_restored=previous_context is not None, accepts_changes=accepts_changes)

    def _take(self, definition: Definition, driver: Driver, *, is_restored: bool, accepts_changes: bool) -> None:
        self._definition = definition
        self._run: Run | None = None
        self._is_restored = is_restored
        self._accepts_changes = accepts_changes
        self._driver = driver
        self._store: StateStore[StateT] | None = None

    @staticmethod
    def _restored(definition: Definition, data: Mapping[str, Any], on_mismatch: OnMismatch) -> Core:
        if callable(on_mismatch):
            data = on_mismatch(cast("Snapshot", dict(data)))
        state, dropped = restore(
            definition.program,
            definition.codec,
            data,
            accepts_changes=on_mismatch == "accept",
            children=definition.kinds,
        )
        for line in dropped:
            logger.warning("resuming run %s without %s", state.run_id, line, extra={"run_id": state.run_id})
        return Core(definition.program, definition.codec, state=state)

    # Snapshots

    def to_dict(self, *, include_state: bool = True) -> Snapshot:
        """Give a snapshot of the run: JSON-ready, at any moment, without disturbing the run.

        Args:
            include_state: Whether the values of `store` are part of it.

        Raises:
            EncodeError: Something that the run still needs can't be stored; all such values are listed, with their
                paths. The run goes on.
        """
        return snapshot(self._driver.has_told().state, at=self._driver.now(), include_state=include_state)

    @classmethod
    def from_dict(
        cls, workflow: Defined, data: Mapping[str, Any], *, on_mismatch: OnMismatch = "error"
    ) -> Context[StateT]:
        """Make a context that resumes from a snapshot: `workflow.run(ctx=...)` goes on with it.

        No step runs before that; `pending` lists the open questions at once. The snapshot in your hands can be resumed
        twice, and then its run exists twice.

        Args:
            workflow: The workflow, as it is now.
            data: What `to_dict` gave, through JSON or not.
            on_mismatch: What to do if the workflow can't carry the snapshot on. `"error"` raises; `"accept"` drops what
                nobody takes any more, logs it, and lets replays depart from their record; a function is given the
                data before it's read, and gives the data to read.

        Raises:
            SnapshotMismatch: It doesn't fit the workflow; each problem is listed.
            ContextSerdeError: It's no snapshot, or of a format that this version doesn't know.
        """
        if cast("object", data) is None:  # a new context would hide that what was stored is missing
            raise ContextSerdeError("A snapshot is a dict, as Context.to_dict() gives it; this is None.")
        return cls(workflow, data, on_mismatch=on_mismatch)

    # What is there to see

    @property
    def is_running(self) -> bool:
        """Whether there's a run to go on with: one that runs, was cancelled, or was restored unfinished."""
        return self._driver.core.state.status not in (NEW, ENDED)

    @property
    def run_id(self) -> str:
        """The id of the run; empty before the first one."""
        return self._driver.core.state.run_id

    @property
    def store(self) -> StateStore[StateT]:
        """The state of the run. What is set before a run is seen by its steps."""
        if self._store is None:
            shape: StateShape[StateT] = StateShape(self._definition.codec, _state_type(self._definition.program))
            self._store = RunStore(self._driver, shape)
        return self._store

    @property
    def pending(self) -> tuple[Question, ...]:
        """The open questions, in the order in which they were asked, and then those of child runs, which have a `path`.
        No step runs for it.
        """
        return tuple(all_questions(self._driver.core.state))

    async def running_steps(self) -> list[str]:
        """The names of the steps that are at work now."""
        return running_steps(self._driver)

    def get_result(self) -> Any:
        """The result of a finished run.

        Raises:
            WorkflowRuntimeError: There is none.
        """
        outcome = self._driver.core.state.outcome
        if self.is_running or outcome is None or outcome.result is None:
            raise WorkflowRuntimeError(
                "There is no result: the run hasn't ended, or ended without one. Await the handler."
            )
        result = outcome.result
        return result.result if type(result) is StopEvent else result

    def stream_events(self) -> Reader:
        """Read the stream of the run from its start, internal events included."""
        run = self._living_run("stream_events()")
        return Reader(run.log, cursor_at_start(run.log), expose_internal=True)

    # Sending

    def send_event(self, message: Event, step: str | None = None, *, reply_to: str | None = None) -> None:
        """Send an event to the run. When this returns, it's in every later snapshot.

        Args:
            message: The event.
            step: Only for the step of this name.
            reply_to: Only for the question of this id.

        Raises:
            AlreadyAnswered: The question that it answers was answered before.
            AmbiguousAnswer: Several different questions could take it; name one with `reply_to`.
            NoOpenQuestion: It's an answer, and no question takes it.
            InvalidAnswer: It doesn't fit its question, which stays open.
            ContextStateError: There's no run.
        """
        run = self._living_run("send_event()")
        check_target(self._definition.program, message, step, reply_to)
        run.receive(message, step=step, reply_to=reply_to)

    # What only steps can do

    def collect_events(
        self, ev: Event, expected: list[type[EventT]], buffer_id: str | None = None
    ) -> list[EventT] | None:
        """Keep an event until there is one for each expected type; then give them, in the order of `expected`.

        Gives None until then. An event of an expected type that isn't missing is kept for the next set; one of
        another type isn't kept. Each step has buffers of its own: one for each set of types, or for each `buffer_id`.
        """
        raise self._only_in_steps("collect_events()")

    async def wait_for_event(
        self,
        event_type: type[EventT],
        waiter_event: Event | None = None,
        waiter_id: str | None = None,
        requirements: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> EventT:
        """Wait for an event from outside, or from another step.

        The step is suspended: what it did through its context is on record, the body is cancelled, and when the event
        is there it's called again from its top. Everything recorded is served from the record then, and this call
        gives the event. Code that doesn't go through the context runs again.

        Args:
            event_type: The class of the event; subclasses count if the step has `accept_event_subclasses=True`.
            waiter_event: A prompt, published once. `handler.pending` lists it with the question.
            waiter_id: A name for the question, if its content doesn't tell it from others; the same on every replay.
            requirements: What fields of the event must be equal to.
            timeout: Seconds until the wait gives up; None for no limit. The deadline is an instant that survives
                restarts.

        Raises:
            TimeoutError: The deadline passed, on every replay.
            ReplayMismatch: A replay comes to another question than before.
            UsageError: Inside `once` or `edit_state`, or the event class isn't declared.
        """
        raise self._only_in_steps("wait_for_event()")

    async def run(self, workflow: Runs[ResultT], /, *, key: str | None = None, **inputs: Any) -> ResultT:
        """Run a workflow as a child of the step, and give its result.

        The workflow is one that this one declares: `Workflow(children=[...])`. The child run belongs to the step: its
        events go into the stream of the run, its open questions are among the run's (`pending`), it's part of a
        snapshot, and what ends the step ends it. While all in it waits, the step does, and is suspended. Its result
        is recorded: a replay, and a retry after an error, gets it again.

        Safe to cancel: the child stands still then, and goes on if the step comes to it again.

        Args:
            workflow: The instance that was declared.
            key: Tells this child from others, where neither its inputs nor its order do.
            inputs: Fields of the child's start event.

        Raises:
            InvalidStartEvent: The inputs don't make the child's start event.
            UsageError: The workflow isn't declared as a child, or it's called inside `once` or `edit_state`.
            Exception: What the child failed with.
        """
        raise self._only_in_steps("run()")

    def branch(self, key: object) -> AbstractAsyncContextManager[None]:
        """Give the task that enters it records of its own, in the order in which it makes them.

        Every concurrent task of a step that does more than content can tell apart needs one. Keys are compared as
        text, and must be the same on a replay.
        """
        raise self._only_in_steps("branch()")

    def write_event_to_stream(self, ev: Event | None) -> None:
        """Publish an event to the readers of the run's stream, once. None is ignored."""
        raise self._only_in_steps("write_event_to_stream()")

    async def stream(self, ev: Event) -> None:
        """Publish an event, and wait while the slowest reader is too far behind (see `Workflow(stream_history=)`)."""
        raise self._only_in_steps("stream()")

    def now(self) -> datetime:
        """The time, aware, in UTC: the same on every replay."""
        raise self._only_in_steps("now()")

    @property
    def random(self) -> Random:
        """A random generator that gives the same on every replay."""
        raise self._only_in_steps("random")

    def uuid4(self) -> UUID:
        """A new uuid, the same on every replay."""
        raise self._only_in_steps("uuid4()")

    @property
    def suspending(self) -> bool:
        """Whether the step is being suspended: clean-up that belongs to the real end of the step can be left out
        then.
        """
        raise self._only_in_steps("suspending")

    def retry_info(self) -> RetryInfo:
        """Which retry of the step this is, and what went wrong the last time."""
        raise self._only_in_steps("retry_info()")

    @staticmethod
    def get_step_context() -> Context[Any]:
        """The context of the step that is executing, from anywhere in its call.

        Raises:
            WorkflowRuntimeError: No step is executing here.
            ContextStateError: The step that has started this task is over.
        """
        attempt = current_attempt.get()
        if attempt is not None:
            attempt.check_open()
        if attempt is None or not isinstance(attempt.context, Context):
            raise WorkflowRuntimeError("No step is executing here: get_step_context() works inside the call of a step.")
        return cast("Context[Any]", attempt.context)  # type: ignore[redundant-cast]  # mypy infers it, pyright doesn't

    # For the workflow and its handler

    @property
    def driver(self) -> Driver:
        """What feeds the run's core. For this package."""
        return self._driver

    @property
    def accepts_changes(self) -> bool:
        """Whether replays may depart from their record. For this package."""
        return self._accepts_changes

    @property
    def definition(self) -> Definition:
        """The workflow that it's for, compiled. For this package."""
        return self._definition

    @property
    def is_restored(self) -> bool:
        """Whether it came from a snapshot, and no new run has begun on it. For this package."""
        return self._is_restored

    @classmethod
    def of_run(cls, run: Run, definition: Definition) -> Context[Any]:
        """Another context of a run that goes on. For this package."""
        context: Context[Any] = cls.__new__(cls)
        context._take(definition, run.driver, is_restored=False, accepts_changes=run.options.accepts_changes)
        context._run = run
        return context

    def begin(self, run: Run) -> None:
        """A run begins. For this package."""
        self._run = run
        self._is_restored = self._is_restored and self._driver.core.state.status is ENDED

    def _living_run(self, what: str) -> Run:
        if self._run is None:
            raise ContextStateError(
                f"{what} was called on a context before its run. Start it with `handler = workflow.run(ctx=ctx)` first."
            )
        return self._run


def running_steps(driver: Driver) -> list[str]:
    """The names of the steps that are at work, each once, sorted."""
    return sorted(set(ending.running_steps(driver.core.state)))


def _state_type(program: Program) -> type[Any] | None:
    return DictState if program.state_type is None else program.state_type
