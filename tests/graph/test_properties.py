"""Random graphs: the verdicts and the routes are those of a naive reading of the rules."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.standin import build_step, flow
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.graph import Program, StepSpec, check_program
from workflows.steps import StepGraphCheck


class A(Event):
    pass


class B(Event):
    pass


class C(Event):
    pass


class D(Event):
    pass


class SubA(A):
    pass


class SubSubA(SubA):
    pass


class SubB(B):
    pass


class Asked(InputRequiredEvent):
    pass


class Answered(HumanResponseEvent):
    pass


PLAIN: list[type[Event]] = [A, B, C, D, SubA, SubSubA, SubB]
ACCEPTABLE: list[type[Event]] = [*PLAIN, Answered, StartEvent, Event]
RETURNABLE: list[type[Event] | None] = [*PLAIN, Asked, Answered, StartEvent, StopEvent, None]
CHECKS = ["reachability", "terminal_event", "dead_end"]
STEP_CHECKS: list[StepGraphCheck] = ["reachability", "dead_end"]


@attrs.frozen
class Drawn:
    """A step as drawn: what the reference reads, without the library's own data."""

    name: str
    accepts: list[type[Event]]
    returns: list[type[Event] | None]
    subclasses: bool
    skip: list[StepGraphCheck]

    def takes(self, event: type[Event]) -> bool:
        return any(event is accepted or (self.subclasses and accepted in event.__mro__) for accepted in self.accepts)

    def gives(self) -> list[type[Event]]:
        return [event for event in self.returns if event is not None]

    def step(self) -> Callable[..., Any]:
        return build_step(self.name, self.accepts, self.returns, subclasses=self.subclasses, skip=self.skip)


@st.composite
def graphs(draw: st.DrawFn) -> list[Drawn]:
    """Draw a workflow that has a start and a stop event, connected at will."""
    count = draw(st.integers(1, 7))
    starts, stops = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
    steps: list[Drawn] = []
    for number in range(count):
        accepts = draw(st.lists(st.sampled_from(ACCEPTABLE), min_size=1, max_size=3, unique=True))
        returns = draw(st.lists(st.sampled_from(RETURNABLE), min_size=1, max_size=3, unique=True))
        if number == starts and StartEvent not in accepts:
            accepts.append(StartEvent)
        if number == stops and StopEvent not in returns:
            returns.append(StopEvent)
        skip = draw(st.lists(st.sampled_from(STEP_CHECKS), max_size=1))
        steps.append(Drawn(f"s{number}", accepts, returns, draw(st.booleans()), skip))
    return steps


def compiled(steps: Iterable[Drawn]) -> Program:
    return flow(*[drawn.step() for drawn in steps])


def named(problems: Iterable[str], phrase: str) -> set[str]:
    """Give the steps that these problems name as theirs."""
    return {problem.split("'")[1] for problem in problems if problem.startswith("Step") and phrase in problem}


# --- the rules again, naively -----------------------------------------------------------------------------------------


def reached_by_playing(steps: list[Drawn], everything: bool) -> set[str]:
    """Run the graph: keep a bag of events that can exist, and let every step take what it can until nothing is new."""
    bag: set[type[Event]] = {StartEvent, Answered}
    ran: set[str] = set()
    for _ in range(len(steps) + 1):
        for drawn in steps:
            if everything or "reachability" in drawn.skip or any(drawn.takes(event) for event in bag):
                ran.add(drawn.name)
                bag.update(event for event in drawn.gives() if event is not StopEvent)
    return ran


def led_outside(steps: list[Drawn], name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Follow every path from a step until one leaves the graph."""
    (drawn,) = [drawn for drawn in steps if drawn.name == name]
    if "dead_end" in drawn.skip:
        return True
    for event in drawn.gives():
        takers = [other.name for other in steps if other.takes(event)]
        if event in (StopEvent, Asked, Answered) or not takers:
            return True
        if any(led_outside(steps, taker, seen | {name}) for taker in takers if taker not in seen | {name}):
            return True
    return False


def without_maker(steps: list[Drawn], drawn: Drawn) -> list[type[Event]]:
    made = {StartEvent, Answered}.union(*(other.gives() for other in steps))
    lone = Drawn("", [], [], drawn.subclasses, [])
    return [event for event in drawn.accepts if not any(attrs.evolve(lone, accepts=[event]).takes(one) for one in made)]


# --- and the same verdicts --------------------------------------------------------------------------------------------


@given(graphs())
def test_routes_are_those_of_a_naive_search(steps: list[Drawn]) -> None:
    program = compiled(steps)
    events: list[type[Event]] = [*ACCEPTABLE, Asked, StopEvent]
    for event in events:
        takers: tuple[StepSpec, ...] = program.takers(event)
        assert [taker.name for taker in takers] == [drawn.name for drawn in steps if drawn.takes(event)]


@given(graphs(), st.sets(st.sampled_from(CHECKS)))
def test_steps_that_cannot_be_reached_are_those_that_never_run(steps: list[Drawn], skip: Collection[str]) -> None:
    problems = check_program(compiled(steps), frozenset(skip))
    ran = reached_by_playing(steps, "reachability" in skip)
    told = named(problems, "can't be reached from") | named(problems, "which no step returns")
    lost = {drawn.name for drawn in steps if drawn.name not in ran}
    assert named(problems, "can't be reached from") <= lost
    assert lost <= told
    ended = any(drawn.name in ran and StopEvent in drawn.gives() for drawn in steps)
    assert any("could never end" in problem for problem in problems) == (not ended and "terminal_event" not in skip)


@given(graphs(), st.sets(st.sampled_from(CHECKS)))
def test_dead_ends_are_the_steps_from_which_no_path_leads_outside(steps: list[Drawn], skip: Collection[str]) -> None:
    problems = check_program(compiled(steps), frozenset(skip))
    dead = {drawn.name for drawn in steps if drawn.gives() and not led_outside(steps, drawn.name)}
    assert named(problems, "which leads to") == (set() if "dead_end" in skip else dead)


@given(graphs(), st.sets(st.sampled_from(CHECKS)))
def test_events_without_maker_or_taker_are_told_one_by_one(steps: list[Drawn], skip: Collection[str]) -> None:
    problems = check_program(compiled(steps), frozenset(skip))
    unmade = [
        f"Step '{drawn.name}' of Flow accepts {event.__name__}, which no step returns."
        for drawn in steps
        if not {"reachability"} & {*skip, *drawn.skip}
        for event in without_maker(steps, drawn)
    ]
    untaken = [
        f"Step '{drawn.name}' of Flow returns {event.__name__}, which no step accepts and"
        for drawn in steps
        if "terminal_event" not in skip and "dead_end" not in drawn.skip
        for event in drawn.gives()
        if event not in (StopEvent, Asked, Answered) and not any(other.takes(event) for other in steps)
    ]
    assert [problem for problem in problems if "which no step returns" in problem] == [
        problem for problem in problems for start in unmade if problem.startswith(start)
    ]
    for start in [*unmade, *untaken]:
        assert sum(problem.startswith(start) for problem in problems) == 1
    assert len([problem for problem in problems if "which no step accepts" in problem]) == len(untaken)


@given(graphs(), st.sets(st.sampled_from(CHECKS)))
def test_leaving_out_a_check_adds_no_problem(steps: list[Drawn], skip: Collection[str]) -> None:
    program = compiled(steps)
    every, fewer = check_program(program), check_program(program, frozenset(skip))
    assert set(fewer) <= set(every)
    assert check_program(program, frozenset(CHECKS)) == []
    assert all("\n" not in problem for problem in every)
