"""One step, read from its signature: what it takes, what it gives, and how it's called.

What parameters may be is said in `parameters`, what may be returned in `returns`. Every departure is reported, all of
one step together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from ..injection import bound
from ..steps import StepConfig, config_of, validation_error
from .annotations import Scopes, read_signature, shown
from .calls import compiled_call
from .handlers import handler_signature_problems
from .parameters import Parameters, read_parameters
from .returns import Returns, read_returns
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
    misread = [] if parameters.problems or parameters.unresolved else _misfits(config, parameters, returns)
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
        is_in_process=config.run_in == "process",
    )
    return StepReading(spec, ())


def _names_in(scopes: Scopes) -> dict[str, object]:
    return {name: value for scope in reversed(scopes) for name, value in scope.items()}


def _misfits(config: StepConfig, parameters: Parameters, returns: Returns) -> list[str]:
    """What is all right for a step, but not for a handler, or not for one that runs in a process."""
    return [
        *(() if config.catches is None else handler_signature_problems(parameters)),
        *(_process_problems(parameters, returns) if config.run_in == "process" else ()),
    ]


def _process_problems(parameters: Parameters, returns: Returns) -> Iterator[str]:
    """What keeps a step from running in a process: it shares nothing with this one, and imports what it needs."""
    for parameter in parameters.own:
        if parameter.name not in parameters.event_names:
            yield (
                f"runs in a process and takes {parameter.name!r} beside its event: no context and no resource reaches "
                "there. Put what it needs into the event, and do the rest in a step before or after it."
            )
    for kind in dict.fromkeys([*parameters.accepts, *returns.all]):
        if "<locals>" in kind.__qualname__:
            yield (
                f"runs in a process, which can't import {shown(kind)}: it's defined inside a function. Define it in a "
                "module."
            )


def _is_async(function: Callable[..., object]) -> bool:
    # A plain wrapper around a coroutine function hands its coroutine on: it must be awaited, not run in a thread.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))
