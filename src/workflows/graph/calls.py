"""How the engine's arguments reach a step function, whatever the order and kind of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence

from ..events import CollectionReleaseEvent, Event
from .spec import Call, ListJoin, SlotJoin

NOTHING: Mapping[str, object] = {}
_WORKFLOW, _CONTEXT, _EVENT = "workflow", "context", "event"

# By the order of the function's own parameters; the first needs no step in between.
_CALLS: dict[tuple[str, ...], Callable[[Callable[..., object]], Callable[[object, object, Event], object]]] = {
    (_WORKFLOW, _CONTEXT, _EVENT): lambda f: f,
    (_WORKFLOW, _EVENT, _CONTEXT): lambda f: lambda workflow, ctx, event: f(workflow, event, ctx),
    (_WORKFLOW, _EVENT): lambda f: lambda workflow, _ctx, event: f(workflow, event),
    (_CONTEXT, _EVENT): lambda f: lambda _workflow, ctx, event: f(ctx, event),
    (_EVENT, _CONTEXT): lambda f: lambda _workflow, ctx, event: f(event, ctx),
    (_EVENT,): lambda f: lambda _workflow, _ctx, event: f(event),
}


def compiled_call(
    function: Callable[..., object],
    parameters: Sequence[inspect.Parameter],
    *,
    context: str | None,
    join: ListJoin | SlotJoin | None,
    is_method: bool,
    resources: Collection[str] = (),
) -> Call:
    """Make the `call(workflow, ctx, event)` of a step; with resources, `call(workflow, ctx, event, resources)`.

    Args:
        function: The step function.
        parameters: Its parameters, without `self`.
        context: Which of them gets the context.
        join: How it takes several events; they come in a `CollectionReleaseEvent`.
        is_method: Whether it's called with the workflow first.
        resources: Which of the parameters get resources.
    """
    keywords = [found.name for found in parameters if found.kind is inspect.Parameter.KEYWORD_ONLY]
    if join is None and not keywords and not resources:
        roles = [_CONTEXT if found.name == context else _EVENT for found in parameters]
        return _CALLS[(_WORKFLOW, *roles) if is_method else tuple(roles)](function)
    events = [found.name for found in parameters if found.name != context and found.name not in resources]
    positions = [found.name for found in parameters if found.name not in keywords]

    def call(workflow: object, ctx: object, event: Event, injected: Mapping[str, object] = NOTHING) -> object:
        given = {**_given(event, events, join), **injected}
        if context is not None:
            given[context] = ctx
        arguments = [given[name] for name in positions]
        if is_method:
            arguments.insert(0, workflow)
        return function(*arguments, **{name: given[name] for name in keywords})

    return call


def _given(event: Event, names: Sequence[str], join: ListJoin | SlotJoin | None) -> dict[str, object]:
    if join is None:
        return {names[0]: event}
    assert isinstance(event, CollectionReleaseEvent)
    if isinstance(join, ListJoin):
        return {names[0]: [*event.events]}
    by_slot: Mapping[str, object] = dict(zip(names, event.events, strict=True))
    return dict(by_slot)
