"""`StepContext`: the context of one attempt of a step. All that it does is recorded; see `runtime.operations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from random import Random
from threading import get_ident
from typing import Any, TypeVar, cast
from uuid import UUID

from ..codec import Json
from ..core.questions import Ask, Question
from ..core.stored import question_from
from ..core.written import question_data
from ..errors import ContextStateError, UsageError
from ..events import Event, InputRequiredEvent
from ..retry_policy import RetryInfo
from ..runtime import operations
from ..runtime.attempt import Attempt
from ..runtime.calling_once import Call, once
from ..runtime.definition import Definition
from ..runtime.reading import Reader
from ..runtime.refusals import check_target
from ..runtime.running_children import ChildCall, run_child
from ..runtime.starting import start_event_of
from ..runtime.waiting import wait_for_answers
from .context import Context, ResultT, Runs, running_steps
from .recorded import answer_type_of
from .shape import StateShape
from .state_store import DictState, StateStore, StateT
from .stores import StepStore

LONGEST_WAIT_S = 100 * 366 * 86_400
"""A hundred years: a deadline must be an instant that a datetime can hold."""

EventT = TypeVar("EventT", bound=Event)


class StepContext(Context[StateT]):
    """The context that a step is given. See `Context` for what its methods promise."""

    def __init__(self, attempt: Attempt, definition: Definition) -> None:
        self._attempt = attempt
        self._definition = definition
        self._driver = attempt.run.driver
        self._run = attempt.run
        self._accepts_changes = attempt.run.options.accepts_changes
        self._store = None
        self._is_restored = False

    @property
    def store(self) -> StateStore[StateT]:
        """See `Context.store`."""
        if self._store is None:
            state_type = self._attempt.step.state_type or self._definition.program.state_type or DictState
            shape: StateShape[Any] = StateShape(
                self._definition.codec, self._definition.program.state_type or state_type
            )
            self._store = cast("StateStore[StateT]", StepStore(self._attempt, shape))
        return self._store

    @property
    def pending(self) -> tuple[Question, ...]:
        """The open questions of the run itself, without those of children; the same on every replay."""
        codec = self._definition.codec
        questions = self._driver.core.state.questions
        data = self._once_value(
            "pending", "ctx.pending", lambda: [question_data(codec, found) for found in questions.by_id.values()]
        )
        assert isinstance(data, list)
        program = self._definition.program
        return tuple(question_from(codec, found, program) for found in data)

    async def running_steps(self) -> list[str]:
        """See `Context.running_steps`; the same on every replay."""
        await self._attempt.pass_while_suspending()
        names = self._once_value("running_steps", "ctx.running_steps()", lambda: [*running_steps(self._driver)])
        return cast("list[str]", names)

    def get_result(self) -> Any:
        """Steps have no result to read."""
        raise ContextStateError("get_result() was called in a step, while its run goes on. Read it from the handler.")

    def stream_events(self) -> Reader:
        """Steps don't read the stream that they write to."""
        raise ContextStateError("stream_events() was called in a step. Read the stream from the handler.")

    def send_event(self, message: Event, step: str | None = None, *, reply_to: str | None = None) -> None:
        """See `Context.send_event`."""
        check_target(self._definition.program, message, step, reply_to)
        self._attempt.call(lambda: operations.send(self._attempt, message, step=step, reply_to=reply_to))

    def collect_events(
        self, ev: Event, expected: list[type[EventT]], buffer_id: str | None = None
    ) -> list[EventT] | None:
        """See `Context.collect_events`."""
        attempt = self._attempt
        found = attempt.call(lambda: operations.collect(attempt, ev, expected, buffer_id=buffer_id))
        return cast("list[EventT] | None", found)

    async def wait_for_event(
        self,
        event_type: type[EventT],
        waiter_event: Event | None = None,
        waiter_id: str | None = None,
        requirements: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> EventT:
        """See `Context.wait_for_event`."""
        ask = Ask(
            event_type, waiter_event, waiter_id, requirements, timeout, self._attempt.step.accept_event_subclasses
        )
        self._check(ask)
        (answer,) = await wait_for_answers(self._attempt, (ask,), what="ctx.wait_for_event()")
        return cast("EventT", answer)

    async def _ask_all(
        self, questions: tuple[InputRequiredEvent, ...], timeout: float | None, what: str
    ) -> list[Event]:
        subclasses = self._attempt.step.accept_event_subclasses
        asks: list[Ask] = []
        for question in questions:
            given = cast("object", question)
            if not isinstance(given, InputRequiredEvent):
                raise UsageError(f"{what} was given {given!r}, which is no InputRequiredEvent.")
            asks.append(Ask(answer_type_of(question), question, None, None, timeout, subclasses))
            self._check(asks[-1])
        return await wait_for_answers(self._attempt, asks, what=what)

    def _check(self, ask: Ask) -> None:
        """The types of a wait must be declared: it may have to be read back in another process."""
        kinds: list[object] = [ask.answer_type] if ask.prompt is None else [ask.answer_type, type(ask.prompt)]
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, Event)):
                raise UsageError(f"Step {self._attempt.step.name!r} waits for {kind!r}, which is no event class.")
            if not self._definition.codec.knows(kind):
                name = self._definition.program.class_name
                raise UsageError(
                    f"Step {self._attempt.step.name!r} waits with {kind.__name__}, which {name} doesn't declare; it "
                    f"couldn't be read back from a snapshot.\n  Declare it: {name}(types=[{kind.__name__}])."
                )
        if ask.timeout_s is not None and not _is_wait(ask.timeout_s):
            raise UsageError(f"timeout={ask.timeout_s!r} is no number of seconds from now; None means no limit.")

    async def _once(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], key: str | None
    ) -> Any:
        return await once(self._attempt, Call(fn, args, kwargs), key=key)

    async def run(self, workflow: Runs[ResultT], /, *, key: str | None = None, **inputs: Any) -> ResultT:
        """See `Context.run`."""
        program = self._definition.program
        name = _name_of_workflow(workflow)
        child = self._definition.children.get(name)
        if child is None or child is not workflow.definition:
            known = ", ".join(self._definition.children) or "none"
            raise UsageError(
                f"ctx.run() was given {workflow!r}, which {program.class_name} doesn't declare as a child: it couldn't "
                f"be found again after a restart.\n  Declare the instance, {program.class_name}(children=[...]). There "
                f"are: {known}."
            )
        call = ChildCall(child, start_event_of(child, None, inputs, what="ctx.run()"), key)
        return cast("ResultT", await run_child(self._attempt, call))

    def branch(self, key: object) -> AbstractAsyncContextManager[None]:
        """See `Context.branch`."""
        return operations.branch(self._attempt, key)

    def write_event_to_stream(self, ev: Event | None) -> None:
        """See `Context.write_event_to_stream`."""
        if ev is None:
            return
        attempt = self._attempt
        if get_ident() != attempt.run.thread:
            attempt.call(operations.stream_nowait, attempt, ev)
        elif attempt.burst is None or not attempt.burst.goes_on(attempt, ev):
            operations.stream_nowait(attempt, ev)

    async def stream(self, ev: Event) -> None:
        """See `Context.stream`."""
        await operations.stream(self._attempt, ev)

    def now(self) -> datetime:
        """See `Context.now`."""
        at = self._once_value("now", "ctx.now()", self._driver.now)
        assert isinstance(at, float | int)
        return datetime.fromtimestamp(at, UTC)

    @property
    def random(self) -> Random:
        """See `Context.random`."""
        return self._attempt.call(operations.random, self._attempt)

    def uuid4(self) -> UUID:
        """See `Context.uuid4`."""
        return self._attempt.call(operations.uuid4, self._attempt)

    @property
    def suspending(self) -> bool:
        """See `Context.suspending`."""
        self._attempt.check_open()
        return self._attempt.is_suspending

    def retry_info(self) -> RetryInfo:
        """See `Context.retry_info`."""
        self._attempt.check_open()
        execution = self._attempt.recall_execution()
        first = self._driver.now() if execution.first_at is None else execution.first_at
        failed_at = execution.last_failed_at
        return RetryInfo(
            retry_number=execution.failures,
            elapsed_seconds=0.0 if failed_at is None else max(0.0, failed_at - first),
            last_exception=execution.last_error if isinstance(execution.last_error, Exception) else None,
            last_failed_at=None if failed_at is None else datetime.fromtimestamp(failed_at, UTC),
        )

    def _once_value(self, kind: str, what: str, make: Callable[[], Json]) -> Json:
        return self._attempt.call(operations.value_once, self._attempt, kind, what, make)


def _name_of_workflow(workflow: object) -> str:
    definition = getattr(workflow, "definition", None)
    return definition.program.workflow_name if isinstance(definition, Definition) else ""


def _is_wait(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST_WAIT_S
