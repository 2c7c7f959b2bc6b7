"""A workflow class, compiled once: its steps, which of them takes which event, where a run starts and ends.

Steps are the decorated methods, those of base classes included, in the order of their definition; a subclass replaces
one by a step of the same name, and takes one away with `name = None`. Free functions come after them. Nothing of a
class is inspected again after this, and finding an event's steps is one look into a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from types import FunctionType
from typing import Any, TypeVar, cast

import attrs

from ..errors import WorkflowConfigurationError, WorkflowValidationError
from ..events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from ..steps import config_of, plain_function, validation_error
from .annotations import Scopes
from .handlers import find_handlers
from .levels import Level, find_levels, joins_of_lists
from .signature import StepReading, inspect_step
from .spec import StepSpec

E = TypeVar("E", bound=Event)
Step = Callable[..., object]


class Routes(dict[type[Event], tuple[StepSpec, ...]]):
    """The steps that take an event, by its exact class. A class is looked for among the steps only once."""

    def __init__(self, steps: Iterable[StepSpec]) -> None:
        super().__init__()
        self._steps = tuple(steps)

    def __missing__(self, event_type: type[Event]) -> tuple[StepSpec, ...]:
        takers = self[event_type] = tuple(step for step in self._steps if step.takes(event_type))
        return takers


def _routes_of(program: Program) -> Routes:
    return Routes(program.steps.values())


def _handlers_of(program: Program) -> dict[str, StepSpec]:
    return find_handlers(program.steps)


def _levels_of(program: Program) -> dict[str, Level]:
    return find_levels(program.steps, program.start_event)


def _joins_of(program: Program) -> dict[str, tuple[StepSpec, ...]]:
    return joins_of_lists(program.steps, program.levels)


@attrs.frozen(eq=False)
class Program:
    """Everything that running a workflow needs to know of its class."""

    workflow_name: str
    class_name: str
    """For messages: the class as its author calls it."""
    steps: Mapping[str, StepSpec]
    start_event: type[StartEvent]
    stop_event: type[StopEvent]
    events: tuple[type[Event], ...]
    """All event classes in signatures of steps, in the order in which they first stand there."""
    state_type: type[Any] | None
    """The most derived `State` of all `Context[State]`."""
    uses_human_input: bool
    """Whether a step returns a question or accepts an answer. What steps wait for inside isn't known."""
    routes: Routes = attrs.field(init=False, repr=False, default=attrs.Factory(_routes_of, takes_self=True))
    levels: Mapping[str, Level] = attrs.field(
        init=False, repr=False, default=attrs.Factory(_levels_of, takes_self=True)
    )
    """Where events can stand: with the start event, and in the batches of each step that returns a list."""
    joins: Mapping[str, tuple[StepSpec, ...]] = attrs.field(
        init=False, repr=False, default=attrs.Factory(_joins_of, takes_self=True)
    )
    """For each step that returns a list: the steps that join it."""
    handlers: Mapping[str, StepSpec] = attrs.field(
        init=False, repr=False, default=attrs.Factory(_handlers_of, takes_self=True)
    )
    """For each step that has one: the step that takes over when it has failed for good."""

    def takers(self, event_type: type[Event]) -> tuple[StepSpec, ...]:
        """Give the steps that an event of exactly this class is for, in the order of the steps."""
        return self.routes[event_type]


@attrs.frozen
class _Found:
    """A step function, and where it was found."""

    function: Step
    is_method: bool = False
    owner: type | None = None


def compile_program(
    workflow_class: type,
    *,
    free_steps: Iterable[Step] = (),
    workflow_name: str | None = None,
    scope: Mapping[str, object] | None = None,
) -> Program:
    """Read all steps of a workflow class.

    What can be wrong with the graph that they form is `check_program`'s to say.

    Args:
        workflow_class: The class; any class with decorated methods.
        free_steps: Decorated functions that are steps beside its methods. A method of the same name replaces one.
        workflow_name: Default: module and qualified name of the class.
        scope: Values of names in annotations that neither the steps nor their modules and classes know. For a class
            that is local to a function, `workflows.steps.names_around` gives what that function has come to know since.

    Raises:
        WorkflowValidationError: Signatures of steps are wrong; all problems of all steps together.
        WorkflowConfigurationError: It has no steps, or not exactly one start event and one stop event.
    """
    title = workflow_class.__name__
    found, problems = _class_steps(workflow_class)
    problems.extend(_add_free_steps(title, found, free_steps))
    readings = {name: _read(title, name, step, scope) for name, step in found.items()}
    for reading in readings.values():
        problems += [*reading.problems, *reading.unresolved]
    steps = {name: reading.spec for name, reading in readings.items() if reading.spec is not None}
    state_type = _state_type(title, steps.values(), problems)
    if problems:
        raise validation_error(title, problems)
    start_event, stop_event = _ends(title, steps)
    events = dict.fromkeys(event for step in steps.values() for event in (*step.accepts, *step.returns))
    return Program(
        workflow_name=workflow_name or f"{workflow_class.__module__}.{workflow_class.__qualname__}",
        class_name=title,
        steps=steps,
        start_event=start_event,
        stop_event=stop_event,
        events=tuple(events),
        state_type=state_type,
        uses_human_input=any(_is_human(step) for step in steps.values()),
    )


def check_definition(workflow_class: type) -> None:
    """Check the steps that a class defines itself, as soon as it is defined.

    Names that can't be resolved yet are no problem here: they may be defined before the workflow is compiled.

    Raises:
        WorkflowValidationError: Signatures of steps are wrong; all problems of all steps together.
    """
    title = workflow_class.__name__
    found, problems = _class_steps(workflow_class)
    for name, step in found.items():
        if step.owner is workflow_class:
            problems += _read(title, name, step, None).problems
    if problems:
        raise validation_error(title, problems)


def check_step_names(workflow_class: type, generic: type) -> None:
    """Check that no step takes the place of what every workflow has, as soon as a class is defined.

    Raises:
        WorkflowValidationError: Some do; all of them are listed.
    """
    title = workflow_class.__name__
    names = [name for name, value in vars(workflow_class).items() if config_of(value) is not None]
    problems = [
        f"Step {name!r} of {title} would take the place of Workflow.{name}. Call it something else."
        for name in names
        if hasattr(generic, name)
    ]
    if problems:
        raise validation_error(title, problems)


def check_free_step(workflow_class: type, attached: Iterable[Step], function: object) -> str:
    """Check a function that is about to be attached to a class, and give its name as a step.

    Args:
        workflow_class: The class.
        attached: The free functions that it has already, from base classes too.
        function: The function.

    Raises:
        WorkflowValidationError: It isn't decorated, its name is taken, or its signature is wrong.
    """
    title = workflow_class.__name__
    if not isinstance(function, FunctionType) or config_of(function) is None:
        raise WorkflowValidationError(
            f"{title}.add_step() was given {function!r}, which isn't a function decorated with @step or "
            f"@catch_error. Decorate it with @step(workflow={title}), which attaches it as well."
        )
    name = function.__name__
    found, _ = _class_steps(workflow_class)
    taken = name in found or hasattr(workflow_class, name)
    if taken or any(name == _name_of(other) for other in attached):
        what = "a step" if name in found or not taken else "an attribute"
        raise WorkflowValidationError(
            f"Step '{name}' can't be attached to {title}, which has {what} of that name already. Rename the function."
        )
    problems = _read(title, name, _Found(function), None).problems
    if problems:
        raise validation_error(f"Step '{name}' of {title}", problems)
    return name


# --- finding steps ----------------------------------------------------------------------------------------------------


def _class_steps(workflow_class: type) -> tuple[dict[str, _Found], list[str]]:
    found: dict[str, _Found] = {}
    lost: dict[str, str] = {}
    for owner in reversed(workflow_class.__mro__):
        for name, value in vars(owner).items():
            function = plain_function(value)
            if function is not None and config_of(function) is not None:
                found[name] = _Found(function, function is value, owner)
                lost.pop(name, None)
            elif _is_decorated_classmethod(value):
                found.pop(name, None)
                lost[name] = (
                    f"Step '{name}' of {owner.__name__} is a classmethod, and would be no step: steps are called on an "
                    "instance. Take @classmethod away, or write @staticmethod if it needs no `self`."
                )
            elif name in found and callable(value):
                lost[name] = _overridden(name, found.pop(name).owner, owner)
            elif value is None:
                found.pop(name, None)
                lost.pop(name, None)
    return found, list(lost.values())


def _is_decorated_classmethod(value: object) -> bool:
    return isinstance(value, classmethod) and config_of(cast("Any", value).__func__) is not None


def _overridden(name: str, base: type | None, owner: type) -> str:
    whose = "" if base is None else f" of {base.__name__}"
    return (
        f"Step '{name}'{whose} is overridden in {owner.__name__} by what isn't decorated, and would be no step. Write "
        f"@step above it, or `{name} = None` in {owner.__name__} to take the step away."
    )


def _add_free_steps(title: str, found: dict[str, _Found], free_steps: Iterable[Step]) -> Iterable[str]:
    methods = set(found)
    problems: list[str] = []
    for function in free_steps:
        name = _name_of(function)
        if name in found and name not in methods:
            problems.append(f"Step '{name}' of {title} is attached twice, as two free functions. Rename one of them.")
        elif name not in methods:
            found[name] = _Found(function)
    return problems


def attached_steps(workflow_class: type) -> tuple[Step, ...]:
    """Give the free functions attached to a class and to its base classes."""
    own = [vars(owner).get("__free_steps__", ()) for owner in reversed(workflow_class.__mro__)]
    return tuple(cast("Step", function) for functions in own for function in functions)


def _name_of(function: Step) -> str:
    return str(getattr(function, "__name__", function))


def _read(title: str, name: str, step: _Found, scope: Mapping[str, object] | None) -> StepReading:
    scopes: Scopes = [
        *([] if step.owner is None else [vars(step.owner)]),
        *([] if scope is None else [scope]),
    ]
    return inspect_step(f"Step '{name}' of {title}", name, step.function, is_method=step.is_method, scopes=scopes)


# --- what they come to together ---------------------------------------------------------------------------------------


def _is_human(step: StepSpec) -> bool:
    return any(issubclass(event, HumanResponseEvent) for event in step.accepts) or any(
        issubclass(event, InputRequiredEvent) for event in step.returns
    )


def _state_type(title: str, steps: Iterable[StepSpec], problems: list[str]) -> type[Any] | None:
    owners = {step.state_type: step.name for step in reversed(list(steps)) if step.state_type is not None}
    for state in owners:
        if all(other in state.__mro__ for other in owners):
            return state
    for one, other in combinations(reversed(owners), 2):
        if one not in other.__mro__ and other not in one.__mro__:
            problems.append(
                f"Steps '{owners[one]}' and '{owners[other]}' of {title} have unrelated states, "
                f"Context[{one.__name__}] and Context[{other.__name__}], and a run has one state. Use one class in "
                "both, or derive one from the other."
            )
            break
    return None


def _ends(title: str, steps: Mapping[str, StepSpec]) -> tuple[type[StartEvent], type[StopEvent]]:
    if not steps:
        raise WorkflowConfigurationError(
            f"{title} has no steps. Decorate its methods with @step, or free functions with @step(workflow={title})."
        )
    starts = _users(StartEvent, [(step.name, step.accepts) for step in steps.values()])
    stops = _users(StopEvent, [(step.name, step.returns) for step in steps.values()])
    problems: list[str] = []
    if not starts:
        problems.append(
            f"{title} has no start event: no step accepts one. Let a step take `ev: StartEvent`, or a subclass of it "
            "that declares what run() is given."
        )
    if not stops:
        problems.append(
            f"{title} has no stop event: no step returns one. Let a step return StopEvent(result=...), or a subclass "
            "of StopEvent, and name it in its return annotation."
        )
    problems += _several(title, "start", "accepted", starts) + _several(title, "stop", "returned", stops)
    if problems:
        head = problems[0] if len(problems) == 1 else f"{title} has {len(problems)} problems:"
        raise WorkflowConfigurationError(head, problems if len(problems) > 1 else ())
    return next(iter(starts)), next(iter(stops))


def _users(kind: type[E], signatures: Iterable[tuple[str, Sequence[type[Event]]]]) -> dict[type[E], list[str]]:
    users: dict[type[E], list[str]] = {}
    for name, events in signatures:
        for event in events:
            if issubclass(event, kind):
                users.setdefault(event, []).append(repr(name))
    return users


def _several(title: str, end: str, used: str, users: Mapping[type[E], Sequence[str]]) -> list[str]:
    if len(users) < 2:
        return []
    listed = ", ".join(f"{event.__name__} ({used} by {' and '.join(names)})" for event, names in users.items())
    return [
        f"{title} has {len(users)} {end} events, and a workflow has one: {listed}. "
        f"Use one class in all of these steps; what differs from case to case belongs in its fields."
    ]
