"""One step, read from its signature: what it takes, what it gives, and how it's called.

The rules: a step has exactly one event parameter, which names an event class or a union of some; it may have one
context parameter, before or after it; it has nothing else beside `self`. Its return annotation names event classes,
`None`, or both. Every departure is reported, all of one step together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from types import NoneType
from typing import Any, Never, NoReturn, TypeAlias, TypeVar, get_args

import attrs

from ..events import Event
from ..retry_policy import RetryPolicy
from ..steps import ContextMarker, StepConfig, config_of, validation_error
from .annotations import EMPTY, Scopes, Signature, Unresolved, class_of, members, read_signature, shown

Call: TypeAlias = Callable[[object, object, Event], object]

_VARIADIC = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_LISTS = (list, tuple, Sequence, Set, set, frozenset)
_NOTHING = (None, NoneType, Never, NoReturn)
_NO_JOINS = "this version has no joins"


@attrs.frozen(eq=False)
class StepSpec:
    """What the engine knows of a step. Compared by identity: a program has one for each of its steps."""

    name: str
    function: Callable[..., object]
    is_method: bool
    is_async: bool
    accepts: tuple[type[Event], ...]
    returns: tuple[type[Event], ...]
    returns_none: bool
    event_parameter: str
    context_parameter: str | None
    state_type: type | None
    num_workers: int
    retry_policy: RetryPolicy | None
    accept_event_subclasses: bool
    skip_graph_checks: frozenset[str]
    call: Call = attrs.field(repr=False)
    """`call(workflow, ctx, event)` gives the function's result: a coroutine if `is_async`."""

    def takes(self, event_type: type[Event]) -> bool:
        """Tell whether an event of exactly this class is one for the step."""
        if self.accept_event_subclasses:
            return issubclass(event_type, self.accepts)
        return event_type in self.accepts


@attrs.frozen
class StepReading:
    """What reading a step came to: `spec`, or problems. Those in `unresolved` may go away when more names are known."""

    spec: StepSpec | None
    problems: Sequence[str]
    unresolved: Sequence[str] = ()


@attrs.define
class _Parts:
    """The parts of a signature, as they're found."""

    events: list[tuple[inspect.Parameter, tuple[type[Event], ...]]] = attrs.field(factory=list[Any])
    contexts: list[tuple[inspect.Parameter, type | None]] = attrs.field(factory=list[Any])
    problems: list[str] = attrs.field(factory=list[str])
    unresolved: list[str] = attrs.field(factory=list[str])


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
    parts = _Parts()
    parameters = list(signature.parameters)
    if is_method:
        parameters = _without_self(parameters, signature, parts)
    for parameter in parameters:
        _read_parameter(parameter, signature.types[parameter.name], parts)
    if not parts.problems and not parts.unresolved:
        parts.problems.extend(_count_problems(parts, signature))
    returns = tuple(_read_returns(function, signature.returns, parts))
    if parts.problems or parts.unresolved:
        problems = [f"{owner} {problem}" for problem in parts.problems]
        return StepReading(None, problems, [f"{owner} {problem}" for problem in parts.unresolved])
    return StepReading(_spec(name, function, config, parts, parameters, returns, is_method, signature), ())


def _spec(
    name: str,
    function: Callable[..., object],
    config: StepConfig,
    parts: _Parts,
    parameters: Sequence[inspect.Parameter],
    returns: tuple[type[Event], ...],
    is_method: bool,
    signature: Signature,
) -> StepSpec:
    (event, accepts), *_ = parts.events
    context, state_type = parts.contexts[0] if parts.contexts else (None, None)
    return StepSpec(
        name=name,
        function=function,
        is_method=is_method,
        is_async=_is_async(function),
        accepts=accepts,
        returns=returns,
        returns_none=any(member in _NOTHING for member in members(signature.returns)),
        event_parameter=event.name,
        context_parameter=None if context is None else context.name,
        state_type=state_type,
        num_workers=config.num_workers,
        retry_policy=config.retry_policy,
        accept_event_subclasses=config.accept_event_subclasses,
        skip_graph_checks=config.skip_graph_checks,
        call=_compiled(function, parameters, event, is_method),
    )


def _is_async(function: Callable[..., object]) -> bool:
    # A plain wrapper around a coroutine function hands its coroutine on: it must be awaited, not run in a thread.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))


# --- parameters -------------------------------------------------------------------------------------------------------


def _without_self(parameters: list[inspect.Parameter], signature: Signature, parts: _Parts) -> list[inspect.Parameter]:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or parameters[0].kind not in positional:
        parts.problems.append(
            "is a method without self: write `def step(self, ev: SomeEvent)`, or make it a staticmethod."
        )
        return parameters
    first = parameters[0].name
    if _events_in(signature.types[first]):
        parts.problems.append(
            f"has no self: its first parameter, {first!r}, would get the workflow instead of an event. "
            f"Write `(self, {_written(first, signature.types[first])})`, or make it a staticmethod."
        )
    return parameters[1:]


def _read_parameter(parameter: inspect.Parameter, annotation: object, parts: _Parts) -> None:
    name = parameter.name
    if parameter.kind in _VARIADIC:
        parts.problems.append(
            f"takes {_VARIADIC[parameter.kind]}{name}: a step gets one event and perhaps a context, so name them: "
            "`ev: SomeEvent, ctx: Context`. (A decorator between @step and the function needs functools.wraps.)"
        )
    elif annotation is EMPTY:
        parts.problems.append(
            f"has a parameter without annotation, {name!r}: write `{name}: SomeEvent` with the event class that it "
            f"takes, or `{name}: Context`."
        )
    elif isinstance(annotation, Unresolved):
        parts.unresolved.append(_unresolved(annotation, f"parameter {name!r}"))
    elif events := _events_in(annotation):
        parts.events.append((parameter, events))
    elif _is_context(annotation):
        _read_context(parameter, annotation, parts)
    else:
        parts.problems.append(_foreign_parameter(name, annotation))


def _events_in(annotation: object) -> tuple[type[Event], ...]:
    """Give the event classes of an annotation that has nothing else, but for `None`; else nothing."""
    found: dict[type[Event], None] = {}
    for member in members(annotation):
        event_class = class_of(member)
        if event_class is not None and issubclass(event_class, Event):
            found[event_class] = None
        elif member not in _NOTHING:
            return ()
    return tuple(found)


def _is_context(annotation: object) -> bool:
    classes = [class_of(member) for member in members(annotation) if member not in _NOTHING]
    return bool(classes) and all(cls is not None and issubclass(cls, ContextMarker) for cls in classes)


def _read_context(parameter: inspect.Parameter, annotation: object, parts: _Parts) -> None:
    state: object = None
    for member in members(annotation):
        state = next(iter(get_args(member)), state)
    if state is None or state is Any or isinstance(state, TypeVar):
        parts.contexts.append((parameter, None))
        return
    state_type = class_of(state)
    if state_type is None:
        parts.problems.append(
            f"has a context whose state isn't a class, `{_written(parameter.name, annotation)}`: "
            "write Context[State] with an attrs class, a dataclass or a pydantic model."
        )
        return
    parts.contexts.append((parameter, state_type))


def _foreign_parameter(name: str, annotation: object) -> str:
    written = _written(name, annotation)
    items = [event for member in members(annotation) for event in _list_items(member)]
    if items:
        one = " | ".join(shown(item) for item in items)
        return (
            f"takes a list of events, `{written}`: {_NO_JOINS}. Take one at a time, `ev: {one}`, "
            "and gather them with `ctx.collect_events(ev, [...])`."
        )
    strange = [member for member in members(annotation) if not _events_in(member) and member not in _NOTHING]
    if len(strange) < len([member for member in members(annotation) if member not in _NOTHING]):
        others = ", ".join(shown(member) for member in strange)
        return f"takes `{written}`, where {others} isn't an event class: a step takes classes derived from Event only."
    return (
        f"takes `{written}`, which is neither an event nor a Context: derive the class from Event, "
        "or let the step read such a value from self, from ctx.store or from a field of its event."
    )


def _list_items(annotation: object) -> Iterable[object]:
    """Give the members of a list, set or tuple annotation, if they're events."""
    collection = class_of(annotation)
    if collection is None or collection not in _LISTS:
        return ()
    arguments = [
        member for argument in get_args(annotation) if argument is not Ellipsis for member in members(argument)
    ]
    return [argument for argument in arguments if _events_in(argument)]


def _count_problems(parts: _Parts, signature: Signature) -> Iterator[str]:
    if not parts.events:
        yield "takes no event: add a parameter that names the event class that starts it, like `ev: StartEvent`."
    if len(parts.events) > 1:
        taken = ", ".join(_written(parameter.name, signature.types[parameter.name]) for parameter, _ in parts.events)
        union = " | ".join(shown(event) for _, events in parts.events for event in events)
        yield (
            f"takes several events, `{taken}`: {_NO_JOINS}. To take whichever comes, write one parameter, `ev: "
            f"{union}`; to wait for all of them, gather them from there with `ctx.collect_events(ev, [...])`."
        )
    if len(parts.contexts) > 1:
        names = " and ".join(repr(parameter.name) for parameter, _ in parts.contexts)
        yield f"takes several contexts, {names}, and a step has one: leave one of them."


# --- returns ----------------------------------------------------------------------------------------------------------


def _read_returns(function: Callable[..., object], annotation: object, parts: _Parts) -> Iterator[type[Event]]:
    body = inspect.unwrap(function)
    if inspect.isasyncgenfunction(body) or inspect.isgeneratorfunction(body):
        parts.problems.append(
            "has a `yield`, and a step can't be a generator: write each event to the stream with "
            "ctx.write_event_to_stream(ev), or send it to other steps with ctx.send_event(ev), and return the last one."
        )
    elif annotation is EMPTY:
        parts.problems.append(
            "has no return annotation: write the event classes that it returns, like `-> StopEvent` or `-> Next | "
            "None`; `-> None` if it returns nothing."
        )
    elif isinstance(annotation, Unresolved):
        parts.unresolved.append(_unresolved(annotation, "the return annotation"))
    else:
        yield from _returned(annotation, parts)


def _returned(annotation: object, parts: _Parts) -> Iterator[type[Event]]:
    seen: set[type[Event]] = set()
    for member in members(annotation):
        events = _events_in(member)
        if not events and member not in _NOTHING:
            parts.problems.append(_foreign_return(annotation, member))
        for event in events:
            if event not in seen:
                seen.add(event)
                yield event


def _foreign_return(annotation: object, member: object) -> str:
    written = f"`-> {shown(annotation)}`"
    if items := list(_list_items(member)):
        names = " | ".join(shown(item) for item in items)
        return (
            f"returns a list of events, {written}: {_NO_JOINS}. Send each with `ctx.send_event(ev)` and write "
            f"`-> {names} | None`, then return None."
        )
    if inner := [event for argument in get_args(member) for event in _events_in(argument)]:
        names = " | ".join(shown(event) for event in inner)
        return f"returns {written}: write what comes out in the end, `-> {names}`, and `async def` if it's awaited."
    named = "" if member is annotation else f", where {shown(member)} isn't an event class"
    return (
        f"returns {written}{named}: a step returns events or None. To end the run with a value, return "
        "StopEvent(result=value) and write `-> StopEvent`."
    )


def _unresolved(annotation: Unresolved, where: str) -> str:
    return (
        f"has an annotation that can't be resolved, `{annotation.text}` of {where} ({annotation.reason}): define or "
        "import the class where the step can see it, in its module or before the workflow class."
    )


def _written(name: str, annotation: object) -> str:
    return f"{name}: {shown(annotation)}"


# --- the call ---------------------------------------------------------------------------------------------------------

_WORKFLOW, _CONTEXT, _EVENT = "workflow", "context", "event"

# How the engine's three arguments reach a function, by the order of its own; the first needs no step in between.
_CALLS: dict[tuple[str, ...], Callable[[Callable[..., object]], Call]] = {
    (_WORKFLOW, _CONTEXT, _EVENT): lambda f: f,
    (_WORKFLOW, _EVENT, _CONTEXT): lambda f: lambda workflow, ctx, event: f(workflow, event, ctx),
    (_WORKFLOW, _EVENT): lambda f: lambda workflow, _ctx, event: f(workflow, event),
    (_CONTEXT, _EVENT): lambda f: lambda _workflow, ctx, event: f(ctx, event),
    (_EVENT, _CONTEXT): lambda f: lambda _workflow, ctx, event: f(event, ctx),
    (_EVENT,): lambda f: lambda _workflow, _ctx, event: f(event),
}


def _compiled(
    function: Callable[..., object], parameters: Sequence[inspect.Parameter], event: inspect.Parameter, is_method: bool
) -> Call:
    roles = {parameter.name: _EVENT if parameter is event else _CONTEXT for parameter in parameters}
    by_keyword = {name: roles[name] for name in roles if _is_keyword_only(name, parameters)}
    positions = [role for name, role in roles.items() if name not in by_keyword]
    order = (_WORKFLOW, *positions) if is_method else tuple(positions)
    return _call_with_keywords(function, order, by_keyword) if by_keyword else _CALLS[order](function)


def _is_keyword_only(name: str, parameters: Sequence[inspect.Parameter]) -> bool:
    return any(parameter.name == name and parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters)


def _call_with_keywords(function: Callable[..., object], order: tuple[str, ...], by_keyword: Mapping[str, str]) -> Call:
    def call(workflow: object, ctx: object, event: Event) -> object:
        given = {_WORKFLOW: workflow, _CONTEXT: ctx, _EVENT: event}
        keywords = {name: given[role] for name, role in by_keyword.items()}
        return function(*[given[role] for role in order], **keywords)

    return call
