"""One step, read from its signature: what it takes, what it gives, and how it's called.

What parameters may be is said in `parameters`, what may be returned in `returns`. Every departure is reported, all of
one step together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

import attrs

from ..injection import bound
from ..steps import config_of, validation_error
from .annotations import Scopes, read_signature
from .calls import compiled_call
from .handlers import handler_signature_problems
from .parameters import read_parameters
from .returns import read_returns
from .spec import StepSpec


@attrs.frozen
class StepReading:
    """What reading a step came to: `spec`, or problems. Those in `unresolved` may go away when more names are known."""

    spec: StepSpec | None
    problems: Sequence[str]
    unresolved: Sequence[str] = ()


def read_step(
    name: str, function: Callable[..., object], *, is_method: bool = True, scope: Mapping[str, object] | None = None
) -> StepSpec:
    """Read a decorated function.

    Args:
        name: The step's name.
        function: The function as `@step` left it.
        is_method: Whether its first parameter is the workflow.
        scope: Values of names that its annotations mention and that it doesn't see itself.

    Raises:
        WorkflowValidationError: It can't be a step; `problems` has all the reasons.
    """
    owner = f"Step '{name}'"
    reading = inspect_step(owner, name, function, is_method=is_method, scopes=() if scope is None else (scope,))
    if reading.spec is None:
        raise validation_error(owner, [*reading.problems, *reading.unresolved])
    return reading.spec


def inspect_step(
    owner: str, name: str, function: Callable[..., object], *, is_method: bool, scopes: Scopes = ()
) -> StepReading:
    """Read a decorated function, and give problems rather than raise them. Messages begin with `owner`."""
    config = config_of(function)
    if config is None:
        return StepReading(None, [f"{owner} isn't decorated: write @step above it."])
    signature = read_signature(function, scopes=scopes)
    parameters = read_parameters(signature, is_method=is_method)
    returns = read_returns(function, signature.returns)
    misread = [] if config.catches is None or parameters.problems else handler_signature_problems(parameters)
    problems = [f"{owner} {problem}" for problem in (*parameters.problems, *misread, *returns.problems)]
    unresolved = [f"{owner} {problem}" for problem in (*parameters.unresolved, *returns.unresolved)]
    if problems or unresolved:
        return StepReading(None, problems, unresolved)
    context, state_type = parameters.contexts[0] if parameters.contexts else (None, None)
    context_name = None if context is None else context.name
    join = parameters.join
    resources = tuple(bound(found, _names_in(scopes)) for found in parameters.resources)
    spec = StepSpec(
        name=name,
        function=function,
        is_method=is_method,
        is_async=_is_async(function),
        accepts=parameters.accepts,
        returns=returns.all,
        returns_none=returns.is_nothing,
        bare_returns=tuple(returns.bare),
        list_returns=tuple(returns.listed),
        join=join,
        event_parameters=parameters.event_names,
        context_parameter=context_name,
        state_type=state_type,
        num_workers=config.num_workers,
        retry_policy=config.retry_policy,
        accept_event_subclasses=config.accept_event_subclasses,
        skip_graph_checks=config.skip_graph_checks,
        timeout_s=config.timeout_s,
        catches=config.catches,
        call=compiled_call(
            function,
            parameters.own,
            context=context_name,
            join=join,
            is_method=is_method,
            resources=[found.name for found in resources],
        ),
        resources=resources,
    )
    return StepReading(spec, ())


def _names_in(scopes: Scopes) -> dict[str, object]:
    return {name: value for scope in reversed(scopes) for name, value in scope.items()}


def _is_async(function: Callable[..., object]) -> bool:
    # A plain wrapper around a coroutine function hands its coroutine on: it must be awaited, not run in a thread.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))
