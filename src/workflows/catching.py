"""The `@catch_error` decorator: a step that takes over when others have failed for good."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import cast, overload

from .steps import CatchErrorHandler, StepConfig, StepT, decorate


@overload
def catch_error(func: StepT, *, for_steps: Collection[str] | None = None, max_recoveries: int = 1) -> StepT: ...
@overload
def catch_error(
    func: None = None, *, for_steps: Collection[str] | None = None, max_recoveries: int = 1
) -> Callable[[StepT], StepT]: ...
def catch_error(
    func: StepT | None = None, *, for_steps: Collection[str] | None = None, max_recoveries: int = 1
) -> StepT | Callable[[StepT], StepT]:
    """Make a method a handler: a step that is called when another one has failed and won't be tried again.

    It takes a `StepFailedEvent`, `failed: StepFailedEvent`, and returns what any step may: an event that goes on in
    place of what the failed step would have returned, a `StopEvent`, or None. In a batch, what it returns takes the
    place of the failed member. A step has at most one handler: one that names it, else the one for all steps. What a
    handler itself raises fails the run, and so does the time budget of the run, which no handler is told of.

    Attach a free function with `YourWorkflow.add_step(function)`.

    Args:
        func: The function, when the decorator is written without parentheses.
        for_steps: The names of the steps that it takes over for; None for all that no other handler names.
        max_recoveries: How often it may take over on the way of an event: what comes of an event that was recovered
            counts on from there. A failure after that is the run's.

    Raises:
        WorkflowValidationError: An option is wrong. Which steps there are is checked when the workflow is.
    """
    problems = list(_option_problems(for_steps, max_recoveries))
    names = None if for_steps is None or problems else tuple(dict.fromkeys(for_steps))
    config = StepConfig(catches=CatchErrorHandler(names, max_recoveries))

    def decorator(function: StepT) -> StepT:
        return decorate(function, config, problems, workflow=None, is_handler=True)

    return decorator if func is None else decorator(func)


def _option_problems(steps: object, recoveries: object) -> Iterator[str]:
    if steps is not None:
        yield from _names_problems(steps)
    if not isinstance(recoveries, int) or isinstance(recoveries, bool) or recoveries < 1:
        yield f"max_recoveries={recoveries!r} isn't a whole number above 0."


def _names_problems(steps: object) -> Iterator[str]:
    if isinstance(steps, str) or not isinstance(steps, Collection):
        yield f"for_steps={steps!r} isn't a list of names of steps; write for_steps=['name']."
        return
    if not steps:
        yield f"for_steps={steps!r} names no step; leave it out, and the handler is for all steps."
    for name in cast("Collection[object]", steps):
        if not isinstance(name, str):
            yield f"for_steps has {name!r}, which isn't the name of a step; write its name, in quotes."
