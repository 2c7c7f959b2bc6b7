"""What a class says of its runs in brackets, `Workflow[Start, Result]`, held against what its steps say.

Type checkers believe the brackets: a class whose steps say otherwise would lie to them. A type that isn't a class, such
as `list[str]`, can't be compared with anything, nor can the type of `StopEvent.result`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import WorkflowConfigurationError
from ..events import StartEvent, StopEvent
from ..events.generics import arguments_of, is_open
from .annotations import class_of, members, shown
from .program import Program


def check_declared_types(workflow_class: type, generic: type, program: Program) -> None:
    """Check the start event and the result that a workflow class declares, as far as steps tell.

    Raises:
        WorkflowConfigurationError: The steps say otherwise.
    """
    start, result = arguments_of(workflow_class, generic)
    problems = [*_start_problems(program, start), *_result_problems(program, result)]
    if problems:
        title = program.class_name
        head = problems[0] if len(problems) == 1 else f"{title} has {len(problems)} problems:"
        raise WorkflowConfigurationError(head, problems if len(problems) > 1 else ())


def _start_problems(program: Program, start: object) -> Iterator[str]:
    kinds = _classes_in(start)
    if not kinds or kinds == [program.start_event]:
        return
    what = "isn't what its steps accept" if issubclass(kinds[0], StartEvent) else "isn't a start event"
    yield (
        f"{program.class_name} is declared as a workflow that starts with {shown(start)}, which {what}: they accept "
        f"{program.start_event.__name__}. Write Workflow[{program.start_event.__name__}, ...]."
    )


def _result_problems(program: Program, result: object) -> Iterator[str]:
    stop, kinds = program.stop_event, _classes_in(result)
    declared = f"{program.class_name} is declared as a workflow that gives {shown(result)}, and its steps return"
    if stop is StopEvent:
        ends = [kind for kind in kinds if issubclass(kind, StopEvent)]
        if ends:
            other = "" if StopEvent in ends else f", or return {ends[0].__name__} from the steps"
            yield f"{declared} StopEvent, whose `result` is what awaiting gives. Write the type of that{other}."
    elif kinds and not any(issubclass(stop, kind) for kind in kinds):
        yield f"{declared} {stop.__name__}, which is what awaiting gives. Write Workflow[..., {stop.__name__}]."


def _classes_in(declared: object) -> list[type]:
    """The classes that a declaration consists of; none if it says nothing, or what can't be told."""
    if declared is Any or is_open(declared):
        return []
    found = [class_of(member) for member in members(declared)]
    return [kind for kind in found if kind is not None] if None not in found else []
