"""A workflow class compiled: its steps, its ends, its state, its routes."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.graph.standin import (
    Context,
    Ordered,
    Packed,
    Shipped,
    build_step,
    compile_error,
    flow,
    unchecked,
)
from workflows.errors import WorkflowConfigurationError, WorkflowValidationError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.graph import check_definition, check_free_step, compile_program
from workflows.steps import step


class Orders:
    @step
    async def take(self, ev: StartEvent) -> Ordered | None:
        raise NotImplementedError

    @step(num_workers=2)
    async def pack(self, ctx: Context[Any], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    async def helper(self, ev: Ordered) -> None:
        raise NotImplementedError


class Attaching:
    """Stands for a workflow class where a free function is decorated."""

    @classmethod
    def add_step(cls, func: Callable[..., Any]) -> None:
        pass


def free(name: str) -> Callable[..., Any]:
    async def function(ev: Ordered) -> StopEvent:
        raise NotImplementedError

    function.__name__ = function.__qualname__ = name
    return step(workflow=Attaching)(function)


def test_decorated_methods_are_steps_in_the_order_of_their_definition() -> None:
    program = compile_program(Orders)
    assert list(program.steps) == ["take", "pack"]
    assert program.steps["pack"].function is Orders.pack
    assert (program.start_event, program.stop_event) == (StartEvent, StopEvent)
    assert program.events == (StartEvent, Ordered, StopEvent)
    assert program.class_name == "Orders"


def test_the_name_of_a_workflow_is_its_path_unless_one_is_given() -> None:
    assert compile_program(Orders).workflow_name == f"{__name__}.Orders"
    assert compile_program(Orders, workflow_name="orders").workflow_name == "orders"


def test_steps_are_inherited_overridden_and_taken_away() -> None:
    class More(Orders):
        @step
        async def pack(self, ctx: Context[Any], ev: Ordered) -> StopEvent:
            raise NotImplementedError

        @step
        async def also(self, ev: Ordered) -> None:
            raise NotImplementedError

    class Less(More):
        also = unchecked(None)

    assert list(compile_program(More).steps) == ["take", "pack", "also"]
    assert compile_program(More).steps["pack"].function is More.pack
    assert compile_program(More).steps["pack"].num_workers == 4
    assert list(compile_program(Less).steps) == ["take", "pack"]
    assert list(compile_program(Orders).steps) == ["take", "pack"]


def test_overriding_a_step_without_decorating_it_is_refused() -> None:
    class Careless(Orders):
        async def pack(self, ctx: Context[Any], ev: Ordered) -> StopEvent:
            raise NotImplementedError

    with pytest.raises(WorkflowValidationError, match="Step 'pack' of Orders is overridden in Careless"):
        compile_program(Careless)
    with pytest.raises(WorkflowValidationError, match=r"`pack = None` in Careless"):
        check_definition(Careless)


def test_a_step_that_a_class_restores_was_not_overridden() -> None:
    class Mixin:
        async def pack(self, ctx: Context[Any], ev: Ordered) -> StopEvent:
            raise NotImplementedError

    class Restored(Mixin, Orders):
        @step
        async def pack(self, ctx: Context[Any], ev: Ordered) -> StopEvent:
            raise NotImplementedError

    class Removed(Mixin, Orders):
        pack = unchecked(None)

    assert list(compile_program(Restored).steps) == ["take", "pack"]
    assert "no stop event" in str(compile_error(Removed))


def test_steps_come_from_all_bases_in_the_order_of_inheritance() -> None:
    class Reports:
        @step
        async def report(self, ev: Ordered) -> None:
            raise NotImplementedError

        @step
        async def pack(self, ctx: Context[Any], ev: Ordered) -> StopEvent:
            raise NotImplementedError

    class Both(Orders, Reports):
        pass

    program = compile_program(Both)
    assert set(program.steps) == {"report", "pack", "take"}
    assert program.steps["pack"].function is Orders.pack


def test_a_classmethod_that_is_decorated_is_refused_rather_than_passed_over() -> None:
    class Flow:
        @classmethod
        @step
        async def first(cls, ev: StartEvent) -> StopEvent:
            raise NotImplementedError

    error = compile_error(Flow)
    assert isinstance(error, WorkflowValidationError)
    assert "Step 'first' of Flow is a classmethod, and would be no step" in str(error)
    assert "@staticmethod" in str(error)


def test_static_methods_are_steps_whichever_decorator_is_nearer() -> None:
    class Flow:
        @staticmethod
        @step
        async def first(ev: StartEvent) -> Ordered:
            raise NotImplementedError

        @step
        @staticmethod
        def second(ctx: Context[Any], ev: Ordered) -> StopEvent:
            return StopEvent(result=(ctx, ev))

    program = compile_program(Flow)
    assert not program.steps["first"].is_method
    sent = Ordered(item="x")
    result = program.steps["second"].call(Flow(), "ctx", sent)
    assert isinstance(result, StopEvent)
    assert result.result == ("ctx", sent)


def test_free_functions_are_steps_after_the_methods() -> None:
    program = compile_program(Orders, free_steps=[free("log"), free("bill")])
    assert list(program.steps) == ["take", "pack", "log", "bill"]
    assert not program.steps["log"].is_method
    assert program.takers(Ordered) == tuple(program.steps[name] for name in ("pack", "log", "bill"))


def test_a_method_replaces_a_free_function_of_its_name() -> None:
    program = compile_program(Orders, free_steps=[free("pack")])
    assert program.steps["pack"].function is Orders.pack


def test_a_free_function_is_attached_under_a_name_that_is_free() -> None:
    assert check_free_step(Orders, [], free("log")) == "log"
    for attached, name, what in (
        ([], "pack", "a step"),
        ([], "helper", "an attribute"),
        ([free("log")], "log", "a step"),
    ):
        with pytest.raises(WorkflowValidationError, match=f"'{name}' can't be attached to Orders, which has {what}"):
            check_free_step(Orders, attached, free(name))
    (problem,) = compile_error(Orders, free_steps=[free("log"), free("log")]).problems  # type: ignore[attr-defined]
    assert "attached twice" in problem


def test_a_free_function_must_be_decorated_and_right_when_it_is_attached() -> None:
    async def bare(ev: Ordered) -> StopEvent:
        raise NotImplementedError

    async def wrong(ev: Ordered, count: int) -> StopEvent:
        raise NotImplementedError

    for strange in (bare, 4, Orders):
        with pytest.raises(WorkflowValidationError, match="isn't a function decorated with @step"):
            check_free_step(Orders, [], strange)
    with pytest.raises(WorkflowValidationError, match="Step 'wrong' of Orders takes `count: int`"):
        check_free_step(Orders, [], step(workflow=Attaching)(wrong))


def test_attributes_of_a_class_that_answer_to_any_name_are_no_steps() -> None:
    class Eager:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(f"nobody should ask for {name}")

    class Flow(Orders):
        client = Eager()

    assert list(compile_program(Flow).steps) == ["take", "pack"]


# --- start and stop ---------------------------------------------------------------------------------------------------


class Begin(StartEvent):
    topic: str


class End(StopEvent):
    pass


def test_start_and_stop_events_are_inferred_from_the_steps() -> None:
    program = flow(build_step("go", [Begin, Ordered], [Ordered, End, None]))
    assert (program.start_event, program.stop_event) == (Begin, End)


def test_a_class_without_steps_is_refused() -> None:
    error = compile_error(type("Empty", (), {}))
    assert isinstance(error, WorkflowConfigurationError)
    assert "Empty has no steps" in str(error)
    assert "@step(workflow=Empty)" in str(error)


def test_missing_ends_are_told_together() -> None:
    error = compile_error(type("Flow", (), {"go": build_step("go", [Ordered], [Packed])}))
    assert isinstance(error, WorkflowConfigurationError)
    no_start, no_stop = error.problems
    assert "Flow has no start event" in no_start
    assert "`ev: StartEvent`" in no_start
    assert "Flow has no stop event" in no_stop
    assert "StopEvent(result=...)" in no_stop


def test_several_ends_are_told_with_the_steps_that_use_them() -> None:
    """Semantics 16."""
    steps = {
        "one": build_step("one", [StartEvent], [StopEvent, Ordered]),
        "two": build_step("two", [Begin, Ordered], [End]),
        "three": build_step("three", [Ordered], [End]),
    }
    error = compile_error(type("Flow", (), steps))
    assert isinstance(error, WorkflowConfigurationError)
    starts, stops = error.problems
    assert "Flow has 2 start events" in starts
    assert "StartEvent (accepted by 'one'), Begin (accepted by 'two')" in starts
    assert "StopEvent (returned by 'one'), End (returned by 'two' and 'three')" in stops


def test_a_single_problem_of_the_ends_is_the_whole_message() -> None:
    error = compile_error(type("Flow", (), {"go": build_step("go", [StartEvent], [Ordered])}))
    assert isinstance(error, WorkflowConfigurationError)
    assert str(error).startswith("Flow has no stop event")
    assert "\n" not in str(error)


# --- signatures of many steps -----------------------------------------------------------------------------------------


def test_problems_of_all_steps_are_told_at_once() -> None:
    class Flow:
        @step
        async def one(self, ev: StartEvent, count: int) -> StopEvent:
            raise NotImplementedError

        @step
        async def two(self, ev: Ordered) -> StopEvent:
            raise NotImplementedError

        @step
        async def three(self) -> StopEvent:
            raise NotImplementedError

    Flow.two.__annotations__["ev"] = "Missing"
    with pytest.raises(WorkflowValidationError, match="Flow has 3 problems") as caught:
        compile_program(Flow)
    assert [problem.split(" ")[:4] for problem in caught.value.problems] == [
        ["Step", f"'{name}'", "of", "Flow"] for name in ("one", "two", "three")
    ]
    with pytest.raises(WorkflowValidationError, match="Flow has 2 problems"):
        check_definition(Flow)


def test_a_definition_is_checked_without_the_problems_of_its_bases() -> None:
    class Base:
        @step
        async def one(self, ev: StartEvent, count: int) -> StopEvent:
            raise NotImplementedError

    class Sub(Base):
        @step
        async def two(self, ev: StartEvent) -> StopEvent:
            raise NotImplementedError

    check_definition(Sub)
    with pytest.raises(WorkflowValidationError, match="takes `count: int`"):
        check_definition(Base)


# --- state ------------------------------------------------------------------------------------------------------------


@attrs.define
class Account:
    pass


@attrs.define
class Savings(Account):
    pass


def stateful(**states: Any) -> type:
    def body_of(state: Any) -> Callable[..., Any]:
        async def body(self: object, ctx: Any, ev: StartEvent) -> StopEvent:
            raise NotImplementedError

        body.__annotations__["ctx"] = state
        body.__qualname__ = "Flow.body"
        return step(body)

    return type("Flow", (), {name: body_of(state) for name, state in states.items()})


def test_the_most_derived_state_counts() -> None:
    """Semantics 29."""
    assert compile_program(stateful(a=Context)).state_type is None
    assert compile_program(stateful(a=Context[Account], b=Context)).state_type is Account
    for one, other in ((Account, Savings), (Savings, Account)):
        assert compile_program(stateful(a=Context[one], b=Context[other], c=Context)).state_type is Savings  # type: ignore[valid-type]


def test_unrelated_states_are_refused_with_both_and_their_steps() -> None:
    """Semantics 29."""
    workflow_class = stateful(a=Context[Account], b=Context[Savings], c=Context[dict[str, int]])
    error = compile_error(workflow_class)
    assert isinstance(error, ValueError)
    assert "Steps 'a' and 'c' of Flow have unrelated states, Context[Account] and Context[dict]" in str(error)


# --- routes -----------------------------------------------------------------------------------------------------------


class Express(Ordered):
    pass


def test_an_event_goes_to_steps_of_its_exact_class_and_to_those_that_follow_subclasses() -> None:
    program = flow(
        build_step("start", [StartEvent], [Ordered, StopEvent]),
        build_step("exact", [Ordered, Packed], [None]),
        build_step("derived", [Ordered], [None], subclasses=True),
        build_step("every", [Event], [None], subclasses=True),
    )
    names = {event: [spec.name for spec in program.takers(event)] for event in (Ordered, Express, Packed, Shipped)}
    assert names == {
        Ordered: ["exact", "derived", "every"],
        Express: ["derived", "every"],
        Packed: ["exact", "every"],
        Shipped: ["every"],
    }


def test_an_event_class_is_looked_for_only_once() -> None:
    program = compile_program(Orders)
    assert program.takers(Express) == ()
    assert Express in program.routes
    assert program.takers(Ordered) is program.takers(Ordered)
    assert program.routes[Ordered] is program.takers(Ordered)


def test_questions_and_answers_in_signatures_tell_that_a_human_is_needed() -> None:
    class Asked(InputRequiredEvent):
        pass

    class Answered(HumanResponseEvent):
        pass

    start = build_step("start", [StartEvent], [StopEvent])
    assert not flow(start).uses_human_input
    assert flow(start, build_step("ask", [StartEvent], [Asked])).uses_human_input
    assert flow(start, build_step("answer", [Answered], [None])).uses_human_input
