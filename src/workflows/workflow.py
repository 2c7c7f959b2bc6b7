"""`Workflow`: a class whose steps receive events and return events."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, cast

import cattrs

from .codec import Codec
from .context import Context, DictState, StepContext
from .core.statuses import ENDED
from .core.ticks import RunStarted
from .errors import ContextStateError, UsageError
from .events import (
    CollectionReleaseEvent,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from .graph import (
    attached_steps,
    check_declared_types,
    check_definition,
    check_free_step,
    check_program,
    check_step_names,
    compile_program,
    listed,
    option_problems,
    workflow_skips,
)
from .handler import WorkflowHandler
from .runtime.clock import Clock
from .runtime.definition import Definition
from .runtime.identity import id_of_run, new_uuid
from .runtime.options import RunOptions
from .runtime.owning import OwningGroup, launch_in
from .runtime.resources.resource_manager import ResourceManager
from .runtime.resources.validating import resource_problems
from .runtime.run import Run
from .runtime.spawn import Launch, backend
from .runtime.starting import named_children, start_event_of, whose_context
from .runtime.tracing import Tracing
from .runtime.turns import Turns
from .steps import WorkflowGraphCheck, names_around, validation_error
from .types import ResultT_co, StartT

StepT = TypeVar("StepT", bound=Callable[..., Any])

FAMILY: tuple[type[Event], ...] = (
    Event,
    StartEvent,
    StopEvent,
    InputRequiredEvent,
    HumanResponseEvent,
    CollectionReleaseEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
"""Event classes that every workflow knows."""

logger: logging.Logger = logging.getLogger(__name__)


class Workflow(Generic[StartT, ResultT_co]):
    """Base class of workflows. Its steps are its methods decorated with `@step`, and free functions attached to it.

    `Workflow[MyStart, str]` tells type checkers what runs begin with and what awaiting them gives: the `result` of a
    `StopEvent`, or the class of the stop event itself if it's a subclass. Both may be left out.

    Args:
        timeout: The active time of a run in seconds, or None for no limit: a run spends it while any step of it is at
            work, not while all of them wait. A run that has spent it raises `WorkflowTimeoutError`.
        disable_validation: Leave out the check of the graph that `run()` makes; `validate()` still makes it.
        verbose: Print steps as they start and end (or log them, if the logger `workflows.verbose` is at INFO).
        resource_manager: Where steps have their resources from; default: one of this instance's own.
        num_concurrent_runs: How many runs of this instance may be active at once; others wait for their turn, and get
            it in the order in which they began.
        workflow_name: The name that snapshots carry; default: module and qualified name of the class.
        skip_graph_checks: Checks of the graph to leave out.
        types: Classes beside those in signatures that values may be of: in the state, in results of `once`, and
            events that steps only wait for. Nothing else is built when data is loaded.
        waits: `"replay"` suspends a step that waits, and calls it again with the answer; `"park"` leaves it where it
            is for as long as the process lives (a snapshot is replayed all the same).
        clock: A callable that gives an aware datetime, in place of the wall clock.
        stream_history: How many streamed events are kept for readers that come late.
        tracing: Who follows the runs, such as `workflows.telemetry.OpenTelemetry()`.
        children: Workflows that steps may run as children, `await ctx.run(child, ...)`. Each is an instance; two of a
            name need a `workflow_name=` of their own.

    Raises:
        WorkflowConfigurationError: The steps don't have exactly one start event and one stop event.
        WorkflowValidationError: Signatures or options are wrong; all of them are listed.
    """

    __free_steps__: ClassVar[tuple[Callable[..., Any], ...]] = ()
    __additions__: ClassVar[int] = 0  # how often a step has been added to any workflow
    __local_names__: ClassVar[dict[str, object]] = {}

    if not TYPE_CHECKING:  # Python gives type variables defaults of their own from 3.13 on

        def __class_getitem__(cls, arguments):
            given = arguments if isinstance(arguments, tuple) else (arguments,)
            return super().__class_getitem__((*given, *[Any] * (len(cls.__parameters__) - len(given))))

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.__local_names__ = names_around(cls.__qualname__, cls.__module__, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]  # there is no public way to the class body
        check_step_names(cls, Workflow)
        check_definition(cls)

    def __init__(
        self,
        timeout: float | None = 45.0,
        *,
        disable_validation: bool = False,
        verbose: bool = False,
        resource_manager: ResourceManager | None = None,
        num_concurrent_runs: int | None = None,
        workflow_name: str | None = None,
        skip_graph_checks: Collection[WorkflowGraphCheck] | None = None,
        types: Iterable[type] = (),
        waits: Literal["replay", "park"] = "replay",
        clock: Clock | None = None,
        stream_history: int = 65_536,
        tracing: Tracing | None = None,
        children: Iterable[Workflow] = (),
    ) -> None:
        title = type(self).__name__
        declared = listed(types)
        self._children, wrong = named_children(children, Workflow)
        problems = list(
            option_problems(
                timeout=timeout, limit=num_concurrent_runs, waits=waits, history=stream_history, types=declared
            )
        )
        if not isinstance(cast("object", resource_manager), ResourceManager | None):
            problems.append(f"resource_manager={resource_manager!r} is no ResourceManager; None means one of its own.")
        problems += wrong
        if problems:
            raise validation_error(title, [f"{title}: {problem}" for problem in problems])
        self._skips = workflow_skips(skip_graph_checks, owner=title)
        self._disable_validation = disable_validation
        self._timeout = timeout
        self._verbose = verbose
        self._workflow_name = workflow_name
        self._types = cast("tuple[type, ...]", declared)
        self._waits = waits
        self._clock = clock
        self._tracing = tracing
        self._stream_history = stream_history
        self.resource_manager: ResourceManager = ResourceManager() if resource_manager is None else resource_manager
        self._turns = None if num_concurrent_runs is None else Turns(num_concurrent_runs)
        self._names = {**names_around(type(self).__qualname__, type(self).__module__, inspect.currentframe())}
        self._definition: Definition | None = None
        self._compiled_from: tuple[Callable[..., Any], ...] = ()
        self._compiled_when = 0
        self._is_checked = False
        self._options: dict[bool, RunOptions] = {}
        _ = self.definition  # faults are told here, not at the first run

    # What it consists of

    @classmethod
    def add_step(cls, func: StepT) -> StepT:
        """Attach a free function that is decorated with `@step`; `@step(workflow=...)` does it too.

        Raises:
            WorkflowValidationError: It isn't decorated, its name is taken, or its signature is wrong.
        """
        check_free_step(cls, attached_steps(cls), func)
        cls.__free_steps__ = (*cls.__dict__.get("__free_steps__", ()), func)
        Workflow.__additions__ += 1
        return func

    def configure_converter(self, converter: cattrs.Converter) -> None:
        """Add cattrs hooks for types of your own; override it, it does nothing.

        For a class named in `types=`, register an unstructure hook that gives JSON-ready data, and a structure hook
        that takes it: `converter.register_unstructure_hook(Money, str)`, `converter.register_structure_hook(Money,
        read_money)`.
        """

    @property
    def definition(self) -> Definition:
        """The compiled workflow; compiled anew after `add_step`."""
        if self._definition is not None and self._compiled_when == Workflow.__additions__:
            return self._definition
        attached, self._compiled_when = attached_steps(type(self)), Workflow.__additions__
        if self._definition is None or attached != self._compiled_from:
            names = {**self.__local_names__, **self._names}
            program = compile_program(type(self), free_steps=attached, workflow_name=self._workflow_name, scope=names)
            check_declared_types(type(self), Workflow, program)
            roots = [*FAMILY, *program.events, *self._types]
            if program.state_type is not None and not issubclass(program.state_type, DictState):
                roots.append(program.state_type)
            codec = Codec(dict.fromkeys(roots), self.configure_converter)
            self._definition = Definition(
                program,
                codec,
                self._clock,
                self._timeout,
                self._waits == "replay",
                self._stream_history,
                self._verbose,
                {name: child.definition for name, child in self._children.items()},
            )
            self._compiled_from, self._is_checked = attached, False
        return self._definition

    @property
    def workflow_name(self) -> str:
        """The name that snapshots carry."""
        return self.definition.program.workflow_name

    @property
    def events(self) -> list[type[Event]]:
        """All event classes in the signatures of its steps."""
        return list(self.definition.program.events)

    @property
    def start_event_class(self) -> type[StartEvent]:
        """The event that a run begins with."""
        return self.definition.program.start_event

    @property
    def stop_event_class(self) -> type[StopEvent]:
        """The event that a run ends with."""
        return self.definition.program.stop_event

    def validate(self, *, validate_resource_configs: bool = True, validate_resources: bool = False) -> bool:
        """Check the graph, and that resources can be had; True if the workflow asks people.

        Args:
            validate_resource_configs: Read the files of `ResourceConfig`s too. (`run()` leaves that to the steps.)
            validate_resources: Call the factories of resources too, and throw away what they give: context managers are
                opened and closed. Async ones need an event loop, and get one of their own.

        Raises:
            WorkflowValidationError: Something is wrong; all problems are listed.
            UsageError: There are async factories to call, and an event loop runs here already.
        """
        definition = self.definition
        program = definition.program
        manager, configs = self.resource_manager, validate_resource_configs
        problems = check_program(program, self._skips)
        if definition.has_resources:
            problems += resource_problems(
                program, manager, definition.codec, configs=configs, factories=validate_resources
            )
        if problems:
            raise validation_error(program.class_name, problems)
        self._is_checked = True
        return program.uses_human_input

    # Running

    def run(
        self,
        ctx: Context[Any] | None = None,
        start_event: StartT | None = None,
        *,
        run_id: str | None = None,
        **inputs: Any,
    ) -> WorkflowHandler[ResultT_co]:
        """Start a run at once, and give its handler; needs a running event loop, of asyncio or Trio, and no task group.

        The run belongs to whoever awaits the handler. It ends with the event loop at the latest. Where structure is
        at hand, prefer `running()`.

        Args:
            ctx: A context to go on with: restored, cancelled, or of an earlier run, whose state is kept.
            start_event: The event to start with, in place of `inputs`.
            run_id: The id of the run; default: a new one, or that of a resumed run.
            inputs: Fields of the start event.

        Raises:
            InvalidStartEvent: The inputs don't make a start event. (It's a WorkflowRuntimeError.)
            WorkflowValidationError: The graph is wrong.
            ContextStateError: The context's run is still going on.
            UsageError: There's no running event loop, or `run_id` is no text.
        """
        return self.begin_run(None, ctx, start_event, inputs, run_id=run_id, is_owned=False)

    @asynccontextmanager
    async def running(
        self,
        ctx: Context[Any] | None = None,
        start_event: StartT | None = None,
        *,
        run_id: str | None = None,
        **inputs: Any,
    ) -> AsyncGenerator[WorkflowHandler[ResultT_co]]:
        """Run inside a block: `async with workflow.running(topic="x") as handler: ...`.

        Leaving the block, however that happens, ends the run; it has ended when the block has. A run that is cut
        short so can be resumed from `handler.ctx.to_dict()`. Arguments and errors are those of `run()`; what the
        block raises comes out as it is.
        """
        async with OwningGroup() as group:
            handler = self.begin_run(launch_in(group), ctx, start_event, inputs, run_id=run_id, is_owned=True)
            try:
                yield handler
            finally:
                handler.run.cancel("its block was left")

    def begin_run(
        self,
        launch: Launch | None,
        ctx: Context[Any] | None,
        start_event: StartEvent | None,
        inputs: dict[str, Any],
        *,
        run_id: str | None,
        is_owned: bool,
    ) -> WorkflowHandler[ResultT_co]:
        """Make a run and launch it; if no `launch` is given, in a task of the loop's own. For this package alone."""
        here, definition = backend(), self.definition
        if not self._disable_validation and not self._is_checked:
            self.validate(validate_resource_configs=False)
        if ctx is not None and not isinstance(cast("object", ctx), Context):
            raise UsageError(f"ctx={ctx!r} is no context. Make one with Context(workflow), or take handler.ctx.")
        context: Context[Any] = Context(self) if ctx is None else ctx
        if context.definition.program is not definition.program:
            whose = whose_context(context.definition.program, definition.program)
            raise ContextStateError(
                f"This context was made for {whose}.\n  Make one with Context(workflow), or "
                "Context.from_dict(workflow, data), for the workflow that runs it."
            )
        state = context.driver.core.state
        if context.driver.run is not None:
            raise ContextStateError(
                f"Run {state.run_id!r} on this context is still going on. Await its handler first, or run without ctx=."
            )
        name = id_of_run(run_id, state.run_id if context.is_running else "")
        if context.is_restored and state.status is ENDED and start_event is None and not inputs:
            return self._finished(context, state.run_id)
        if context.is_running and (start_event is not None or inputs):
            ignored = [*(["start_event"] if start_event is not None else []), *sorted(inputs)]
            logger.warning(
                "run() of %s was given a context whose run goes on, so %s are ignored",
                definition.program.class_name,
                ignored,
            )
        event = None if context.is_running else start_event_of(definition, start_event, inputs, what="run()")
        turns = None if self._turns is None else self._turns.queue()
        options = self._run_options(accepts_changes=context.accepts_changes)
        run = Run(context.driver, options, name, here, launch=launch or here.spawn, turns=turns, is_owned=is_owned)
        context.begin(run)
        if event is not None:
            seed = new_uuid().int >> 64
            held = self._turns is not None
            context.driver.emit(RunStarted, name, event, seed, self._timeout, held, run.place_in_traces)
        elif self._turns is None:
            run.resume()
        run.crew.begin()
        return WorkflowHandler(run, context, is_owned=is_owned)

    def _run_options(self, *, accepts_changes: bool) -> RunOptions:
        definition, manager = self.definition, self.resource_manager
        known = self._options.get(accepts_changes)
        if known is not None and known.definition is definition and known.resource_manager in (manager, None):
            return known
        self._options[accepts_changes] = options = RunOptions(
            workflow=self,
            definition=definition,
            make_context=lambda attempt: StepContext(attempt, definition),
            suspends=definition.suspends,
            accepts_changes=accepts_changes,
            stream_history=definition.stream_history,
            verbose=definition.verbose,
            budget_s=definition.timeout_s,
            child=lambda name: self._children[name]._run_options(accepts_changes=accepts_changes),
            tracing=self._tracing,
            resource_manager=manager if definition.has_resources else None,
        )
        return options

    def _finished(self, context: Context[Any], run_id: str) -> WorkflowHandler[ResultT_co]:
        """A finished run that is resumed: it gives what it gave."""
        run = Run(context.driver, self._run_options(accepts_changes=context.accepts_changes), run_id, backend())
        context.begin(run)
        run.close()
        return WorkflowHandler(run, context, is_owned=False)
