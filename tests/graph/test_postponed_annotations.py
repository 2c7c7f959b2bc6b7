"""Names in postponed annotations are found wherever Python would have found them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.graph.standin import Context
from workflows.errors import WorkflowValidationError
from workflows.events import Event, StartEvent, StopEvent
from workflows.graph import check_definition, compile_program
from workflows.steps import names_around, step


class Outside:
    """A module's workflow whose events stand in its own body, before and after the steps that mention them."""

    class Early(Event):
        pass

    @step
    async def first(self, ev: StartEvent) -> Early | Late:
        raise NotImplementedError

    @step
    async def second(self, ev: Early | Late, ctx: Context[Kept]) -> StopEvent:
        return StopEvent()

    class Late(Event):
        pass

    class Kept:
        pass


def test_names_of_the_class_body_are_found_before_and_after_the_step() -> None:
    program = compile_program(Outside)
    assert program.events == (StartEvent, Outside.Early, Outside.Late, StopEvent)
    assert program.state_type is Outside.Kept


class ComesLater:
    @step
    async def only(self, ev: StartEvent) -> Finished:
        return Finished()


class Finished(StopEvent):
    pass


def test_names_that_the_module_defines_later_are_found() -> None:
    assert compile_program(ComesLater).stop_event is Finished


def test_classes_local_to_a_function_are_found() -> None:
    class Local(Event):
        pass

    @attrs.define
    class State:
        count: int = 0

    class Flow:
        @step
        async def first(self, ev: StartEvent) -> Local:
            return Local()

        @step
        async def second(self, ctx: Context["State"], ev: Local | None) -> "StopEvent | None":  # noqa: UP037  # text within text
            return StopEvent()

    program = compile_program(Flow)
    assert program.events == (StartEvent, Local, StopEvent)
    assert program.state_type is State


def test_names_of_several_functions_around_a_step_are_found() -> None:
    class Outer(Event):
        pass

    def inner() -> type:
        class Inner(Event):
            pass

        def innermost() -> type:
            class Flow:
                class Nested(Event):
                    pass

                @step
                async def first(self, ev: StartEvent) -> Outer | Inner | Nested:
                    raise NotImplementedError

                @step
                async def second(self, ev: Outer | Inner | Nested) -> StopEvent:
                    raise NotImplementedError

            return Flow

        return innermost()

    names = [event.__name__ for event in compile_program(inner()).events]
    assert names == ["StartEvent", "Outer", "Inner", "Nested", "StopEvent"]


def test_the_inner_of_two_names_counts() -> None:
    class Chosen(Event):
        pass

    outer = Chosen

    def inner() -> type:
        class Chosen(Event):
            pass

        class Flow:
            @step
            async def go(self, ev: Chosen) -> None:
                raise NotImplementedError

            other = outer

        return Flow

    check_definition(inner())
    (event,) = {event for event in _compiled_events(inner()) if event.__name__ == "Chosen"}
    assert event is not outer


def _compiled_events(workflow_class: type) -> tuple[type[Event], ...]:
    async def whole(self: object, ev: StartEvent) -> StopEvent:
        raise NotImplementedError

    whole.__qualname__ = "Flow.whole"
    return compile_program(type("Whole", (workflow_class,), {"whole": step(whole)})).events


def test_a_local_name_counts_before_one_of_the_module() -> None:
    class Finished(StopEvent):
        pass

    class Flow:
        @step
        async def go(self, ev: StartEvent) -> Finished:
            raise NotImplementedError

    assert compile_program(Flow).stop_event is Finished


def test_names_are_found_through_a_decorator_of_the_users_own() -> None:
    class Local(Event):
        pass

    def logged_step(function: Callable[..., Any]) -> Any:
        @step(num_workers=1)
        @functools.wraps(function)
        async def wrapper(*args: Any) -> Any:
            return await function(*args)

        return wrapper

    class Flow:
        @logged_step
        async def first(self, ev: StartEvent) -> Local:
            raise NotImplementedError

        @logged_step
        async def second(self, ev: Local) -> StopEvent:
            raise NotImplementedError

    assert compile_program(Flow).events == (StartEvent, Local, StopEvent)


def test_names_of_a_closure_are_found() -> None:
    def flow_of(made: type[Event]) -> type:
        class Flow:
            @step
            async def first(self, ev: StartEvent) -> made:  # type: ignore[valid-type]
                return made()

            @step
            async def second(self, ev: made) -> StopEvent:  # type: ignore[valid-type]
                return StopEvent(result=made)

        return Flow

    class Local(Event):
        pass

    assert compile_program(flow_of(Local)).events == (StartEvent, Local, StopEvent)


def test_a_local_class_that_comes_after_the_workflow_is_found_with_the_scope_of_who_compiles() -> None:
    class Flow:
        @step
        async def first(self, ev: StartEvent) -> Afterwards:
            raise NotImplementedError

        @step
        async def second(self, ev: Afterwards) -> StopEvent:
            raise NotImplementedError

    with pytest.raises(WorkflowValidationError, match="has 2 problems") as caught:
        compile_program(Flow)
    assert all("name 'Afterwards' is not defined" in problem for problem in caught.value.problems)
    check_definition(Flow)

    class Afterwards(Event):
        pass

    scope = names_around(Flow.__qualname__, Flow.__module__, inspect_frame())
    assert compile_program(Flow, scope=scope).events == (StartEvent, Afterwards, StopEvent)


def inspect_frame() -> Any:
    """Give the frame of who calls, as a layer below the caller would see it."""
    import sys

    return sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # what CPython offers


def test_a_closure_whose_name_has_no_value_yet_is_no_obstacle() -> None:
    class Flow:
        @step
        async def go(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=later)

    assert compile_program(Flow).stop_event is StopEvent
    later = 1


def test_a_step_inherited_from_another_function_keeps_its_names() -> None:
    def base() -> type:
        class Local(Event):
            pass

        class Base:
            @step
            async def first(self, ev: StartEvent) -> Local:
                raise NotImplementedError

            @step
            async def second(self, ev: Local) -> StopEvent:
                raise NotImplementedError

        return Base

    assert len(compile_program(type("Sub", (base(),), {})).events) == 3


def test_the_function_around_a_step_is_not_kept_alive_by_it() -> None:
    import gc
    import weakref

    class Big:
        pass

    def make() -> tuple[type, weakref.ref[Big]]:
        big = Big()

        class Flow:
            @step
            async def go(self, ev: StartEvent) -> StopEvent:
                raise NotImplementedError

        return Flow, weakref.ref(big)

    flow, big = make()
    gc.collect()
    assert big() is None
    assert compile_program(flow).start_event is StartEvent
