"""Handlers: which step takes over when another has failed for good, found once when a workflow is compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ..events import StepFailedEvent

if TYPE_CHECKING:
    from .parameters import Parameters
    from .spec import StepSpec


def find_handlers(steps: Mapping[str, StepSpec]) -> dict[str, StepSpec]:
    """For each step that has one, its handler: the one that names it, else the one for all steps."""
    handlers = [step for step in steps.values() if step.catches is not None]
    found: dict[str, StepSpec] = {}
    for handler in sorted(handlers, key=_is_for_all):
        assert handler.catches is not None
        for name in steps if handler.catches.for_steps is None else handler.catches.for_steps:
            if name in steps and steps[name].catches is None:
                found.setdefault(name, handler)
    return found


def _is_for_all(handler: StepSpec) -> bool:
    return handler.catches is not None and handler.catches.for_steps is None


def handler_signature_problems(parameters: Parameters) -> list[str]:
    """What is wrong with the parameters of a handler, which are all right for a step."""
    if parameters.accepts == (StepFailedEvent,) and parameters.join is None:
        return []
    taken = ", ".join(kind.__name__ for kind in parameters.accepts) or "no event"
    return [
        f"is decorated with @catch_error and takes {taken}: a handler takes what tells of a failure, and nothing "
        "beside it: write `failed: StepFailedEvent`."
    ]


def handler_problems(title: str, steps: Mapping[str, StepSpec]) -> Iterator[str]:
    """What is wrong with the handlers of a workflow together."""
    for_all = [name for name, step in steps.items() if _is_for_all(step)]
    if len(for_all) > 1:
        named = " and ".join(repr(name) for name in for_all)
        yield (
            f"{title} has {len(for_all)} handlers for all steps, {named}, and a step has one. Say which steps they're "
            "for, with @catch_error(for_steps=[...]), in all of them but one."
        )
    handled_by: dict[str, list[str]] = {}
    for handler in steps.values():
        for name in () if handler.catches is None else handler.catches.for_steps or ():
            handled_by.setdefault(name, []).append(handler.name)
    for name, handlers in handled_by.items():
        if name not in steps:
            close = get_close_matches(name, steps, n=1)
            similar = f" Did you mean {close[0]!r}?" if close else ""
            yield (
                f"Handler '{handlers[0]}' of {title} is for step {name!r}, which there isn't; there are "
                f"{', '.join(map(repr, steps))}.{similar}"
            )
        elif steps[name].catches is not None:
            yield (
                f"Handler '{handlers[0]}' of {title} is for {name!r}, which is a handler itself: what a handler raises "
                "fails the run. Catch it there."
            )
        elif len(handlers) > 1:
            named = " and ".join(repr(handler) for handler in handlers)
            yield f"Step '{name}' of {title} has {len(handlers)} handlers, {named}, and may have one. Leave one."
    served = {handler.name for handler in find_handlers(steps).values()}
    for name in for_all:
        if name not in served and len(for_all) == 1:
            yield f"Handler '{name}' of {title} takes over for no step: each has a handler of its own. Leave it out."
