"""The `@step` decorator, and what it leaves on a function.

A decorated function stays what it was; it only carries a `StepConfig`. Its annotations are read later, when a
workflow is compiled: under postponed annotations their names may not exist yet. What would be lost until then is
kept: the values of those names that only the surrounding functions and class bodies know. No frame is held, and no
other local.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from types import FrameType, FunctionType
from typing import ForwardRef, Literal, Protocol, TypeVar, cast, get_args, overload

import attrs

from .errors import WorkflowValidationError
from .events import Event
from .retry_policy import RetryPolicy
from .retry_policy.definition import policy_problem

if sys.version_info >= (3, 14):
    from annotationlib import Format

WorkflowGraphCheck = Literal["reachability", "terminal_event", "dead_end"]
"""A check of the graph that `Workflow(skip_graph_checks=...)` can leave out."""
StepGraphCheck = Literal["reachability", "dead_end"]
"""A check of the graph that `@step(skip_graph_checks=...)` can leave out for one step."""

StepResult = Event | Sequence[Event] | None
StepFunction = Callable[..., StepResult | Awaitable[StepResult]]
StepT = TypeVar("StepT", bound=StepFunction)

CONFIG_ATTRIBUTE = "__step_config__"


class ContextMarker:
    """What `Context` derives from: a parameter annotated with a subclass of it gets the context, not the event."""

    __slots__ = ()


class TakesSteps(Protocol):
    """A workflow class, as far as `@step(workflow=...)` needs to know it."""

    def add_step(self, func: StepFunction, /) -> object: ...


@attrs.frozen
class CatchErrorHandler:
    """What a step that takes over for others was decorated with: for which (None: for all), and how often."""

    for_steps: tuple[str, ...] | None = None
    max_recoveries: int = 1


@attrs.frozen
class StepConfig:
    """The options that a step was decorated with, and the local names that its annotations mention."""

    num_workers: int = 4
    retry_policy: RetryPolicy | None = None
    skip_graph_checks: frozenset[str] = frozenset()
    accept_event_subclasses: bool = False
    timeout_s: float | None = None
    run_in: str | None = None
    catches: CatchErrorHandler | None = None
    scope: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, eq=False)


@overload
def step(
    func: StepT,
    *,
    workflow: TakesSteps | None = None,
    num_workers: int = 4,
    retry_policy: RetryPolicy | None = None,
    skip_graph_checks: Collection[StepGraphCheck] | None = None,
    accept_event_subclasses: bool = False,
    timeout: float | None = None,
    run_in: Literal["process"] | None = None,
) -> StepT: ...
@overload
def step(
    func: None = None,
    *,
    workflow: TakesSteps | None = None,
    num_workers: int = 4,
    retry_policy: RetryPolicy | None = None,
    skip_graph_checks: Collection[StepGraphCheck] | None = None,
    accept_event_subclasses: bool = False,
    timeout: float | None = None,
    run_in: Literal["process"] | None = None,
) -> Callable[[StepT], StepT]: ...
def step(
    func: StepT | None = None,
    *,
    workflow: TakesSteps | None = None,
    num_workers: int = 4,
    retry_policy: RetryPolicy | None = None,
    skip_graph_checks: Collection[StepGraphCheck] | None = None,
    accept_event_subclasses: bool = False,
    timeout: float | None = None,
    run_in: Literal["process"] | None = None,
) -> StepT | Callable[[StepT], StepT]:
    """Make a method, or a free function, a step of a workflow.

    A step takes one event and returns one (or `None`), and its annotations say which: they are the edges of the graph.
    A step that returns a list, `-> list[Task]`, hands each member on, and a step that takes one, `done: list[Done]`, is
    called with what has come of all of them; a step with several event parameters is called when there is one for
    each. It may take `ctx: Context` or `ctx: Context[State]` beside it. The function itself is returned, unchanged.

    Args:
        func: The function, when the decorator is written without parentheses.
        workflow: The workflow class that a free function becomes a step of. Methods belong to their class already.
        num_workers: How many executions of the step may be at work at once in one run.
        retry_policy: Any object with `next()`; without one, the first failure fails the run.
        skip_graph_checks: `"reachability"` for a step whose events come from where annotations don't show it,
            `"dead_end"` for one whose events are meant to lead nowhere.
        accept_event_subclasses: Take subclasses of the annotated events as well; otherwise exactly these classes.
        timeout: The seconds that one attempt may be at work; time in which all that is open in it waits for answers
            isn't counted. An attempt that takes longer is cancelled and has failed with `StepTimedOut`, which the retry
            policy and `@catch_error` get as any other failure. A plain `def` step runs in a thread, which can't be cut
            short: what it returns late still counts. A process is killed.
        run_in: `"process"` for a free function of a module that keeps a processor busy: it's called in a worker
            process, with its event alone, and killed when the step is cancelled.

    Raises:
        WorkflowValidationError: An option is wrong, or a free function comes without `workflow=`. What annotations say
            is checked when the workflow is.
    """
    problems = [
        *_option_problems(num_workers, retry_policy, accept_event_subclasses, timeout),
        *skip_problems(skip_graph_checks, get_args(StepGraphCheck)),
    ]
    timeout_s = None if timeout is None or problems else float(timeout)
    skipped = frozenset[str]() if problems else frozenset(skip_graph_checks or ())
    config = StepConfig(num_workers, retry_policy, skipped, accept_event_subclasses, timeout_s, run_in=run_in)

    def decorator(function: StepT) -> StepT:
        return decorate(function, config, problems, workflow=workflow)

    return decorator if func is None else decorator(func)


def decorate(
    function: StepT,
    config: StepConfig,
    problems: Sequence[str],
    *,
    workflow: TakesSteps | None,
    is_handler: bool = False,
) -> StepT:
    """Leave a configuration on a function, and give it back. For decorators of this package.

    Raises:
        WorkflowValidationError: The options have problems, or the function can't be a step.
    """
    target = _target_of(function, workflow, is_handler=is_handler)
    problems = [*problems, *_process_problems(target, config.run_in)]
    if problems:
        name = shown_qualname(target)
        raise validation_error(f"Step '{name}'", [f"Step '{name}': {problem}" for problem in problems])
    scope = names_around(target.__qualname__, target.__module__, inspect.currentframe())
    kept = {wanted: scope[wanted] for wanted in names_in_annotations(target) if wanted in scope}
    setattr(target, CONFIG_ATTRIBUTE, attrs.evolve(config, scope=kept))
    if workflow is not None:
        workflow.add_step(function)
    return function


def config_of(function: object) -> StepConfig | None:
    """Give what `@step` left on a function, or `None` if it isn't decorated."""
    config = getattr(function, CONFIG_ATTRIBUTE, None)
    return config if isinstance(config, StepConfig) else None


def plain_function(value: object) -> FunctionType | None:
    """Give a function, itself or the one in a `staticmethod`; `None` for anything else."""
    function = cast("staticmethod[..., object]", value).__func__ if isinstance(value, staticmethod) else value
    return function if isinstance(function, FunctionType) else None


def is_free_function(qualname: str) -> bool:
    """Tell whether a qualified name is that of a function of a module or of a function, rather than of a class."""
    return qualname.rpartition(".")[0].endswith("<locals>") or "." not in qualname


def shown_qualname(function: FunctionType) -> str:
    """Name a function as its reader would: `Flow.ship`, wherever `Flow` was defined."""
    return function.__qualname__.rpartition("<locals>.")[2]


def validation_error(owner: str, problems: Sequence[str]) -> WorkflowValidationError:
    """Put the problems of one definition into one error; a single problem is its whole message."""
    if len(problems) == 1:
        return WorkflowValidationError(problems[0])
    return WorkflowValidationError(f"{owner} has {len(problems)} problems:", problems)


def skip_problems(names: object, allowed: Sequence[str]) -> list[str]:
    """Say what is wrong with the value of a `skip_graph_checks=`."""
    known = " or ".join(repr(name) for name in allowed)
    if names is None:
        return []
    if isinstance(names, str) or not isinstance(names, Collection):
        return [f"skip_graph_checks={names!r} isn't a list or set of names; write [{known}]."]
    unknown = [name for name in cast("Collection[object]", names) if name not in allowed]
    return [f"skip_graph_checks has {name!r}, which is no such check; it may have {known}." for name in unknown]


def _option_problems(workers: object, policy: object, subclasses: object, timeout: object) -> Iterator[str]:
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        yield f"num_workers={workers!r} isn't a whole number above 0; it says how many may run at once."
    if policy is not None and (problem := policy_problem(policy)) is not None:
        shown = policy.__name__ if isinstance(policy, type) else repr(policy)
        yield f"retry_policy={shown} {problem}"
    if not isinstance(subclasses, bool):
        yield f"accept_event_subclasses={subclasses!r} is neither True nor False."
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and 0 < cast("float", timeout) < float("inf")):
        yield f"timeout={timeout!r} is no number of seconds above 0; None means no limit."


def _process_problems(target: FunctionType, run_in: object) -> Iterator[str]:
    if run_in is None:
        return
    if run_in != "process":
        yield f"run_in={run_in!r} is no place to run in; there is 'process'."
        return
    remedy = 'Make it a plain function of a module: `@step(workflow=YourWorkflow, run_in="process")` above a `def`.'
    if not is_free_function(target.__qualname__):
        yield f"it's a method, and a process has no workflow to call it on. {remedy}"
    elif "." in target.__qualname__ or target.__name__ == "<lambda>":
        yield f"it's defined inside a function or an expression, where a process can't import it. {remedy}"
    elif target.__module__ == "__main__":
        yield (
            "it's defined in the program that was started, and a process would import that under another name. Move "
            "it, and the events that it takes and returns, to a module of their own."
        )
    if inspect.iscoroutinefunction(target):
        yield "it's an `async def`, and a process has no event loop. Write a plain `def`; async code needs no process."


def _target_of(function: object, workflow: object, *, is_handler: bool) -> FunctionType:
    """Find the plain function that is decorated; refuse what can't become a step."""
    target = plain_function(function)
    if target is None:
        raise WorkflowValidationError(
            f"@step was given {function!r}, which isn't a plain function. Decorate a `def` or `async def`; "
            "a step that needs no `self` may be a staticmethod or a free function."
        )
    name = shown_qualname(target)
    if workflow is not None and not callable(getattr(workflow, "add_step", None)):
        raise WorkflowValidationError(f"Step '{name}': workflow={workflow!r} isn't a workflow class.")
    if is_free_function(target.__qualname__) and workflow is None and not is_handler:
        raise WorkflowValidationError(
            f"Step '{name}' is a free function, and belongs to no workflow. Write @step(workflow=YourWorkflow), "
            "or move it into the class."
        )
    if not is_free_function(target.__qualname__) and workflow is not None:
        raise WorkflowValidationError(f"Step '{name}' is a method, and a step of its own class; leave out workflow=.")
    config = config_of(target)
    copied = config is not None and config is config_of(getattr(target, "__wrapped__", None))  # by functools.wraps
    if config is not None and not copied:
        if is_handler or config.catches is not None:
            raise WorkflowValidationError(
                f"Step '{name}' is decorated with @catch_error and once more. Leave the other decorator out: a handler "
                "is a step, without the options of @step, and runs in no process."
            )
        raise WorkflowValidationError(
            f"Step '{name}' is decorated with @step already. Write all options in one @step(...); "
            "to attach a free function to another workflow, call YourWorkflow.add_step(function)."
        )
    return target


# --- names that annotations mention -----------------------------------------------------------------------------------


def signature_of(function: Callable[..., object]) -> inspect.Signature:
    """Give the signature with annotations as they're written, whether or not their names exist yet."""
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def names_in_annotations(function: Callable[..., object]) -> set[str]:
    """Collect the names that a function's annotations leave to be looked up: those inside strings."""
    signature = signature_of(function)
    annotations = [parameter.annotation for parameter in signature.parameters.values()]
    return {name for annotation in [*annotations, signature.return_annotation] for name in _names_in(annotation)}


def _names_in(annotation: object) -> Iterator[str]:
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        for inner in get_args(annotation):
            yield from _names_in(inner)
        return
    try:  # compiled rather than parsed: ast.parse() of CPython 3.11 fails if a finalizer meanwhile parses, too
        code = compile(annotation.strip(), "<annotation>", "eval", dont_inherit=True)
    except SyntaxError:
        return  # told when the annotation is resolved
    yield from code.co_names
    yield from _names_in_constants(code.co_consts)


def _names_in_constants(constants: tuple[object, ...]) -> Iterator[str]:
    """Collect the names in strings; constants that stand side by side are a tuple."""
    for constant in constants:
        if isinstance(constant, str):
            yield from _names_in(constant)
        elif isinstance(constant, tuple):
            yield from _names_in_constants(cast("tuple[object, ...]", constant))


def names_around(qualname: str, module: str, frame: FrameType | None) -> dict[str, object]:
    """Give the local names of the functions and class bodies that a function or class stands in; the inner ones count.

    They're found among the callers of `frame` by their qualified names: a caller that merely happens to be there, such
    as a decorator of the user's own around `@step`, is passed over. Those that have returned already aren't found.
    """
    found: dict[str, object] = {}
    wanted = _enclosing(qualname)
    while frame is not None and wanted:
        if frame.f_code.co_qualname == wanted and frame.f_globals.get("__name__") == module:
            found = {**frame.f_locals, **found}
            wanted = _enclosing(wanted)
        frame = frame.f_back
    return found


def _enclosing(qualname: str) -> str:
    return qualname.rpartition(".")[0].removesuffix(".<locals>")
