"""What the graph's tests use in place of the layers above it: a context, some events, and steps built at will."""

from collections.abc import Callable, Collection, Iterable
from functools import reduce
from typing import Any, Generic, TypeVar

from workflows.errors import DefinitionError, WorkflowConfigurationError, WorkflowValidationError
from workflows.events import Event
from workflows.graph import Program, StepSpec, check_program, compile_program, read_step
from workflows.steps import ContextMarker, StepGraphCheck, step

State = TypeVar("State")


class Context(ContextMarker, Generic[State]):
    """Recognised by what it derives from, as the real one is."""


class Ordered(Event):
    item: str


class Packed(Event):
    item: str


class Shipped(Event):
    item: str


def read(function: Callable[..., Any], *, is_method: bool = True) -> StepSpec:
    return read_step(function.__name__, function, is_method=is_method)


def without_annotations(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """Take annotations away that a type checker would miss."""
    for name in names:
        del function.__annotations__[name]
    return function


def unchecked(function: Any) -> Any:
    """Keep a function that a type checker would refuse as a step from its eyes."""
    return function


def problems_of(function: Any, *, is_method: bool = True) -> tuple[str, ...]:
    """Decorate a method's function and give what is wrong with its signature."""
    function.__qualname__ = f"Flow.{function.__name__}"
    try:
        read(step(function), is_method=is_method)
    except WorkflowValidationError as error:
        return error.problems
    return ()


def build_step(
    name: str,
    accepts: Iterable[type[Event]],
    returns: Iterable[type[Event] | None],
    *,
    subclasses: bool = False,
    skip: Collection[StepGraphCheck] = (),
) -> Callable[..., Any]:
    """Make a step with this signature that does nothing."""

    def body(self: object, ev: Any) -> Any:
        return None

    body.__annotations__ = {"ev": _union(accepts), "return": _union(returns)}
    body.__name__, body.__qualname__ = name, f"Flow.{name}"
    return step(accept_event_subclasses=subclasses, skip_graph_checks=skip)(body)


def _union(types: Iterable[type[Event] | None]) -> Any:
    first, *others = types
    return reduce(_or, others, first)


def _or(one: Any, other: Any) -> Any:
    return one | other


def flow(*steps: Callable[..., Any], **free: Any) -> Program:
    """Compile a class `Flow` that has these steps."""
    return compile_program(type("Flow", (), {function.__name__: function for function in steps}), **free)


def graph_problems(*steps: Callable[..., Any], skip: Collection[str] = ()) -> list[str]:
    return check_program(flow(*steps), frozenset(skip))


def compile_error(workflow_class: type, **options: Any) -> DefinitionError:
    try:
        compile_program(workflow_class, **options)
    except (WorkflowValidationError, WorkflowConfigurationError) as error:
        return error
    raise AssertionError("it compiled")
