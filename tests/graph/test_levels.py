"""Levels: which steps join which lists, and what is refused since it could never come together."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.standin import graph_problems, unchecked
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.graph import ListJoin, Program, SlotJoin, StepSpec, compile_program
from workflows.steps import step


class A(Event): ...


class B(Event): ...


class C(Event): ...


class D(Event): ...


class Answer(HumanResponseEvent): ...


class Question(InputRequiredEvent, answer=Answer): ...


KINDS: tuple[type[Event], ...] = (A, B, C, D)


def made(name: str, returns: Any, **parameters: Any) -> Any:
    """A step with this signature that does nothing."""
    names = ", ".join(parameters)
    space: dict[str, Any] = {}
    exec(f"def {name}(self, {names}): ...", space)
    function = space[name]
    function.__annotations__ = {**parameters, "return": returns}
    function.__qualname__, function.__module__ = f"Flow.{name}", __name__
    return step(unchecked(function))


def bindings(program: Program) -> dict[str, list[str]]:
    return {name: [joining.name for joining in joins] for name, joins in program.joins.items()}


def flow(*steps: Any) -> Program:
    return compile_program(type("Flow", (), {found.__name__: found for found in steps}))


START = made("start", list[A], ev=StartEvent)
END = made("end", StopEvent, evs=list[B])


# --- bindings ---------------------------------------------------------------------------------------------------------


def test_a_list_is_joined_by_what_takes_a_list_of_what_comes_of_its_members() -> None:
    program = flow(START, made("work", B | None, ev=A), END)
    assert bindings(program) == {"start": ["end"]}


def test_a_list_within_a_list_is_joined_on_its_own_and_the_outer_one_by_what_comes_of_that() -> None:
    inner = made("inner", C, evs=list[B])
    program = flow(START, made("split", list[B], ev=A), inner, made("outer", StopEvent, evs=list[C]))
    assert bindings(program) == {"start": ["outer"], "split": ["inner"]}


def test_a_list_that_nobody_joins_opens_no_level() -> None:
    program = flow(START, made("split", list[B], ev=A), made("use", StopEvent | None, ev=B))
    assert bindings(program) == {}
    assert program.levels[""].kinds == {StartEvent, A, B, StopEvent}


def test_answers_to_questions_of_a_batch_are_in_it() -> None:
    program = flow(made("start", list[Question], ev=StartEvent), made("end", StopEvent, evs=list[Answer]))
    assert bindings(program) == {"start": ["end"]}


def list_of(kind: Any) -> Any:
    return list[kind]


@st.composite
def shapes(draw: st.DrawFn) -> list[Any]:
    """Steps that take and return anything, one by one or in lists."""
    one = st.sampled_from(KINDS)
    found = [made("start", draw(st.sampled_from([list[A], list[A | B], A | StopEvent])), ev=StartEvent)]
    for number in range(draw(st.integers(1, 4))):
        returned: Any = draw(st.none() | one)
        if draw(st.booleans()):
            returned = list_of(draw(one)) if returned is None else returned | list_of(draw(one))
        taken: Any = draw(one)
        found.append(made(f"s{number}", returned, ev=list_of(taken) if draw(st.booleans()) else taken))
    found.append(made("end", StopEvent, evs=draw(st.sampled_from([list[A], list[B], B]))))
    return found


@given(steps=shapes())
def test_bindings_are_what_following_every_event_of_a_list_comes_to(steps: list[Any]) -> None:
    program = flow(*steps)
    assert {name: set(joins) for name, joins in bindings(program).items()} == followed(program.steps)


def followed(steps: Mapping[str, StepSpec]) -> dict[str, set[str]]:
    """Follow each event of each list, with the lists that it's in, until nothing new comes; so deep, and no deeper."""
    found: dict[str, set[str]] = {}
    for opener, opening in steps.items():
        seen: set[tuple[type[Event], tuple[str, ...]]] = set()
        todo: list[tuple[type[Event], tuple[str, ...]]] = [(kind, (opener,)) for kind in opening.list_returns]
        while todo:
            kind, lists = todo.pop()
            if (kind, lists) in seen or len(lists) > 6:
                continue
            seen.add((kind, lists))
            for name, taker in steps.items():
                if kind not in taker.accepts:
                    continue
                there = lists
                if isinstance(taker.join, ListJoin):
                    there = lists[:-1]
                    if not there:
                        found.setdefault(opener, set()).add(name)
                        continue
                todo += [(other, there) for other in taker.bare_returns]
                todo += [(other, (*there, name)) for other in taker.list_returns]
    return found


# --- what could never come together -----------------------------------------------------------------------------------


def problem_of(*steps: Any) -> str:
    (problem,) = graph_problems(*steps)
    return problem


def test_a_step_that_takes_a_list_to_which_none_leads_is_refused() -> None:
    """Semantics 24."""
    problem = problem_of(made("start", B, ev=StartEvent), END)
    for fragment in ("Step 'end' takes a list, list[B]", "never", "`-> list[...]`", "ctx.collect_events()"):
        assert fragment in problem


def test_slots_that_stand_on_two_levels_are_refused() -> None:
    """Semantics 25."""
    pair = made("pair", B, one=A, other=C)
    problem = problem_of(
        made("start", list[A] | C, ev=StartEvent), pair, made("work", B | None, ev=A), made("use", None, ev=C), END
    )
    for fragment in ("Step 'pair' takes A, C together", "can come", "never does", "from one batch, or from none"):
        assert fragment in problem


@pytest.mark.parametrize("start", [list[A | C], list[A] | C, A | list[C], A | C])
def test_slots_whose_lists_nobody_joins_stand_together(start: Any) -> None:
    """Semantics 25: a list that opens no batch has its members where its step stands."""
    pair = made("pair", StopEvent, one=A, other=C)
    assert graph_problems(made("start", start, ev=StartEvent), pair) == []


def test_slots_within_a_batch_may_wait_for_an_answer_that_is_asked_for_there() -> None:
    """Semantics 25."""
    start = made("start", list[A | Question], ev=StartEvent)
    assert graph_problems(start, made("pair", B, one=A, other=Answer), END) == []
    elsewhere = problem_of(START, made("pair", B, one=A, other=Answer), END)
    assert "Answer never does" in elsewhere


def test_the_slots_of_a_step_are_told_from_its_classes() -> None:
    program = flow(START, made("pair", StopEvent, one=A, other=A))
    assert program.steps["pair"].join == SlotJoin((A, A))
    kinds: Sequence[type[Event]] = program.steps["pair"].accepts
    assert kinds == (A,)
