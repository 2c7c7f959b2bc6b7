"""What can be wrong with a graph whose steps are all right by themselves.

The graph: a step leads to another if that one takes an event that the first returns, and to the handler that takes
over when it fails. Runs come in where the start event is taken, and where an answer of a human is; a step that skips
"reachability" says that events reach it from elsewhere. They go out where a stop event or a question is returned, or an
event that a step's wait may take; a step that skips "dead_end" says that its events are meant to end there.

| found | left out by |
|---|---|
| a step accepts the stop event | nothing |
| handlers for steps that there aren't, or that have another one | nothing |
| a step takes a list to which no returned list leads, or events that can't come together | nothing |
| a step returns an event that no step takes | "terminal_event" of the workflow, "dead_end" of the step |
| a step accepts an event that no step returns | "reachability" of workflow or step |
| a step can't be reached, though its events are returned somewhere | "reachability" of workflow or step |
| no step that can be reached returns the stop event | "terminal_event" of the workflow |
| what a step returns leads to no stop event and no question | "dead_end" of workflow or step |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import get_args

import attrs

from ..events import Event, HumanResponseEvent, InputRequiredEvent, StopEvent
from ..steps import WorkflowGraphCheck, skip_problems, validation_error
from .handlers import handler_problems
from .levels import level_problems
from .program import Program
from .spec import StepSpec

_MADE_OUTSIDE = (HumanResponseEvent, InputRequiredEvent)
_TAKEN_OUTSIDE = (StopEvent, InputRequiredEvent, HumanResponseEvent)
_SKIP_REACHABILITY = '@step(skip_graph_checks=["reachability"])'
_SKIP_DEAD_END = '@step(skip_graph_checks=["dead_end"])'


def workflow_skips(names: Collection[WorkflowGraphCheck] | None, *, owner: str) -> frozenset[str]:
    """Check the names that `Workflow(skip_graph_checks=...)` was given.

    Raises:
        WorkflowValidationError: One of them is no check.
    """
    problems = [f"{owner}: {problem}" for problem in skip_problems(names, get_args(WorkflowGraphCheck))]
    if problems:
        raise validation_error(owner, problems)
    return frozenset(names or ())


def check_program(program: Program, skip: Collection[str] = frozenset()) -> list[str]:
    """List everything that is wrong with the graph of a workflow; empty if nothing is.

    Args:
        program: The compiled workflow.
        skip: The checks to leave out, of "reachability", "terminal_event" and "dead_end".
    """
    graph = _Graph.of(program, frozenset(skip))
    return [
        *_stop_events_accepted(graph),
        *handler_problems(graph.title, program.steps),
        *level_problems(program.steps, program.levels),
        *_events_without_taker(graph),
        *_events_without_maker(graph),
        *_unreachable_steps(graph),
        *_no_end(graph),
        *_dead_ends(graph),
    ]


def spread(sources: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Give the sources and all that can be reached from them along edges."""
    reached = set(sources)
    pending = list(reached)
    while pending:
        fresh = [name for name in edges[pending.pop()] if name not in reached]
        reached.update(fresh)
        pending.extend(fresh)
    return reached


@attrs.frozen
class _Graph:
    program: Program
    skip: frozenset[str]
    onward: Mapping[str, list[str]]
    """For each step, those that take an event that it returns."""
    back: Mapping[str, list[str]]
    reachable: set[str]
    """The steps that may be called: those that are led to, and their handlers."""
    made: set[type[Event]]
    """The start event, and all that steps return."""

    @classmethod
    def of(cls, program: Program, skip: frozenset[str]) -> _Graph:
        steps = program.steps.values()
        onward = {
            step.name: list(dict.fromkeys(taker.name for event in step.returns for taker in _takers(program, event)))
            for step in steps
        }
        back: dict[str, list[str]] = {step.name: [] for step in steps}
        for source, targets in onward.items():
            for target in targets:
                back[target].append(source)
        everywhere = "reachability" in skip
        doors = [step.name for step in steps if everywhere or _is_door(step, program)]
        taken_over = {name: [handler.name] for name, handler in program.handlers.items()}
        leads_to = {name: [*targets, *taken_over.get(name, ())] for name, targets in onward.items()}
        made = set[type[Event]]({program.start_event}).union(*(step.returns for step in steps))
        return cls(program, skip, onward, back, spread(doors, leads_to), made)

    @property
    def steps(self) -> Iterable[StepSpec]:
        return self.program.steps.values()

    @property
    def title(self) -> str:
        return self.program.class_name

    def checks(self, step: StepSpec, check: str) -> bool:
        return check not in self.skip and check not in step.skip_graph_checks

    def is_made(self, event: type[Event], taker: StepSpec) -> bool:
        """Tell whether events that a step accepts come from anywhere."""
        if issubclass(event, _MADE_OUTSIDE) or issubclass(event, StopEvent) or taker.catches is not None:
            return True
        if taker.accept_event_subclasses:
            return any(issubclass(other, event) for other in self.made)
        return event in self.made


def _takers(program: Program, event: type[Event]) -> tuple[StepSpec, ...]:
    return () if issubclass(event, StopEvent) else program.takers(event)


def _is_door(step: StepSpec, program: Program) -> bool:
    return (
        step.takes(program.start_event)
        or "reachability" in step.skip_graph_checks
        or any(issubclass(event, HumanResponseEvent) for event in step.accepts)
    )


# --- the checks -------------------------------------------------------------------------------------------------------


def _stop_events_accepted(graph: _Graph) -> Iterator[str]:
    for step in graph.steps:
        for event in step.accepts:
            if issubclass(event, StopEvent):
                yield (
                    f"Step '{step.name}' of {graph.title} accepts {event.__name__}, which ends the run and so reaches "
                    f"no step. Return another event where {event.__name__} is returned now, accept that one here, and "
                    f"return {graph.program.stop_event.__name__} from here."
                )


def _events_without_taker(graph: _Graph) -> Iterator[str]:
    if "terminal_event" in graph.skip:
        return
    for step in graph.steps:
        if "dead_end" in step.skip_graph_checks:
            continue
        for event in step.returns:
            if issubclass(event, _TAKEN_OUTSIDE) or _takers(graph.program, event):
                continue
            yield (
                f"Step '{step.name}' of {graph.title} returns {event.__name__}, which no step accepts and which isn't "
                f"a StopEvent. Accept it in a step, or return {_example(graph.program.stop_event)} to end the run; if "
                f"it's meant to go no further, or only a wait takes it, write {_SKIP_DEAD_END}."
                f"{_hint_for_returned(graph, event)}"
            )


def _events_without_maker(graph: _Graph) -> Iterator[str]:
    for step in graph.steps:
        if not graph.checks(step, "reachability"):
            continue
        for event in step.accepts:
            if not graph.is_made(event, step):
                yield (
                    f"Step '{step.name}' of {graph.title} accepts {event.__name__}, which no step returns. Name it in "
                    f"the return annotation of the step that makes it (`-> {event.__name__} | None` where it's sent "
                    "with ctx.send_event); if it comes from outside, derive it from HumanResponseEvent or write "
                    f"{_SKIP_REACHABILITY}.{_hint_for_accepted(graph, event)}"
                )


def _unreachable_steps(graph: _Graph) -> Iterator[str]:
    for step in graph.steps:
        if step.name in graph.reachable or step.catches is not None or not graph.checks(step, "reachability"):
            continue
        if not any(graph.is_made(event, step) for event in step.accepts):
            continue  # said already: nobody makes what it accepts
        makers = [name for name in graph.back[step.name] if name != step.name]
        only = f"only by {_named(makers)}, which can't be reached either" if makers else "by no other step"
        yield (
            f"Step '{step.name}' of {graph.title} can't be reached from {graph.program.start_event.__name__}: what it "
            f"accepts ({_listed(step.accepts)}) is returned {only}. Return it from a step that can be reached, or, if "
            f"it comes from outside, write {_SKIP_REACHABILITY}."
        )


def _no_end(graph: _Graph) -> Iterator[str]:
    stop = graph.program.stop_event
    enders = [step.name for step in graph.steps if stop in step.returns]
    if "terminal_event" in graph.skip or not graph.reachable.isdisjoint(enders):
        return
    yield (
        f"No step of {graph.title} that can be reached returns {stop.__name__}, so that a run could never end: only "
        f"{_named(enders)} would. Lead there from {graph.program.start_event.__name__}, or return {stop.__name__} from "
        f"{_named(sorted(graph.reachable), 'or')}."
    )


def _dead_ends(graph: _Graph) -> Iterator[str]:
    alive = spread([step.name for step in graph.steps if _goes_out(graph, step)], graph.back)
    for step in graph.steps:
        if step.returns and step.name not in alive and graph.checks(step, "dead_end"):
            beyond = spread(graph.onward[step.name], graph.onward)
            sinks = [name for name in beyond if not graph.program.steps[name].returns]
            ends = f" and ends in {_named(sorted(sinks))} without an event" if sinks else " and goes round for ever"
            yield (
                f"Step '{step.name}' of {graph.title} returns {_listed(step.returns)}, which leads to "
                f"{_named(sorted(beyond))}{ends}: never to {graph.program.stop_event.__name__} nor to a question. "
                "Return one of these on the way, name what a step sends with ctx.send_event in its return annotation, "
                f"or, if that's meant, write {_SKIP_DEAD_END}."
            )


def _goes_out(graph: _Graph, step: StepSpec) -> bool:
    # An event that no step takes is another check's affair.
    return not graph.checks(step, "dead_end") or any(
        issubclass(event, _TAKEN_OUTSIDE) or not _takers(graph.program, event) for event in step.returns
    )


# --- words ------------------------------------------------------------------------------------------------------------


def _hint_for_returned(graph: _Graph, event: type[Event]) -> str:
    accepted = [(other, step) for step in graph.steps for other in step.accepts]
    for other, step in accepted:
        if issubclass(event, other):
            return (
                f" '{step.name}' accepts {other.__name__}, from which it's derived, and would take it with "
                "@step(accept_event_subclasses=True)."
            )
        if issubclass(other, event):
            return (
                f" '{step.name}' accepts {other.__name__}, which is derived from it: name the class that is returned."
            )
    return _similar(event, [(other, f"accepted by '{step.name}'") for other, step in accepted])


def _hint_for_accepted(graph: _Graph, event: type[Event]) -> str:
    returned = [(other, step) for step in graph.steps for other in step.returns]
    for other, step in returned:
        if issubclass(other, event):
            return (
                f" '{step.name}' returns {other.__name__}, which is derived from it: with "
                "@step(accept_event_subclasses=True) it's taken."
            )
    return _similar(event, [(other, f"returned by '{step.name}'") for other, step in returned])


def _similar(event: type[Event], others: Iterable[tuple[type[Event], str]]) -> str:
    uses: dict[str, str] = {}
    for other, use in others:
        twin = (
            f", but another class: {other.__module__}.{other.__qualname__}" if other.__name__ == event.__name__ else ""
        )
        uses.setdefault(other.__name__, f"{other.__name__} ({use}{twin})")
    close = [uses[name] for name in get_close_matches(event.__name__, uses, n=2)]
    return f" Similar: {', '.join(close)}." if close else ""


def _example(stop_event: type[StopEvent]) -> str:
    return "StopEvent(result=...)" if stop_event is StopEvent else f"{stop_event.__name__}(...)"


def _listed(events: Iterable[type[Event]]) -> str:
    return ", ".join(event.__name__ for event in events)


def _named(names: Collection[str], joint: str = "and") -> str:
    quoted = [f"'{name}'" for name in names]
    return f" {joint} ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)
