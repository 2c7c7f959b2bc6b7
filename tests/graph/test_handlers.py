"""Handlers in the graph: for which steps they may be, and what a graph with them must look like."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.graph.standin import Context, Ordered, Packed, unchecked
from workflows.catching import catch_error
from workflows.decorators import CatchErrorHandler
from workflows.errors import WorkflowValidationError
from workflows.events import Event, StartEvent, StepFailedEvent, StopEvent
from workflows.graph import check_program, compile_program
from workflows.steps import config_of, step


class Packing:
    @step
    async def order(self, ev: StartEvent) -> Ordered:
        raise NotImplementedError

    @step
    async def pack(self, ev: Ordered) -> Packed:
        raise NotImplementedError

    @step
    async def ship(self, ev: Packed) -> StopEvent:
        raise NotImplementedError


def problems_with(**methods: Callable[..., Any] | None) -> list[str]:
    return check_program(compile_program(type("Packing", (Packing,), methods)))


def the_only(problems: list[str]) -> str:
    (problem,) = problems
    return problem


@catch_error
async def rescue(self: Packing, failed: StepFailedEvent) -> StopEvent:
    raise NotImplementedError


@catch_error
async def another(self: Packing, failed: StepFailedEvent) -> StopEvent:
    raise NotImplementedError


@catch_error(for_steps=["pack", "ship"], max_recoveries=3)
async def repack(self: Packing, failed: StepFailedEvent, ctx: Context[Any]) -> Packed | None:
    raise NotImplementedError


@catch_error(for_steps=["pack"])
async def pack_again(self: Packing, failed: StepFailedEvent) -> Packed:
    raise NotImplementedError


def test_options_are_kept_on_the_function() -> None:
    first, second = config_of(rescue), config_of(repack)
    assert first is not None
    assert second is not None
    assert first.catches == CatchErrorHandler(None, 1)
    assert second.catches == CatchErrorHandler(("pack", "ship"), 3)


def test_a_step_has_the_handler_that_names_it_else_the_one_for_all() -> None:
    program = compile_program(type("Flow", (Packing,), {"rescue": rescue, "repack": repack}))
    assert {name: handler.name for name, handler in program.handlers.items()} == {
        "order": "rescue",
        "pack": "repack",
        "ship": "repack",
    }
    assert check_program(program) == []


def test_a_handler_takes_over_for_no_handler() -> None:
    program = compile_program(type("Flow", (Packing,), {"rescue": rescue, "repack": repack}))
    assert not {"rescue", "repack"} & program.handlers.keys()


async def nothing(failed: StepFailedEvent) -> None: ...


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"for_steps": "pack"}, "for_steps='pack' isn't a list of names of steps; write for_steps=['name']."),
        ({"for_steps": []}, "for_steps=[] names no step; leave it out, and the handler is for all steps."),
        ({"for_steps": [3]}, "for_steps has 3, which isn't the name of a step"),
        ({"max_recoveries": 0}, "max_recoveries=0 isn't a whole number above 0."),
        ({"max_recoveries": True}, "max_recoveries=True isn't a whole number above 0."),
        ({"max_recoveries": 1.5}, "max_recoveries=1.5 isn't a whole number above 0."),
    ],
)
def test_a_wrong_option_is_told_when_the_handler_is_decorated(options: Any, said: str) -> None:
    with pytest.raises(WorkflowValidationError) as caught:
        catch_error(**options)(nothing)
    assert said in str(caught.value)


@pytest.mark.parametrize("taken", [Ordered, StepFailedEvent | Ordered, list[StepFailedEvent]])
def test_a_handler_takes_a_failure_and_nothing_else(taken: Any) -> None:
    async def handle(self: object, failed: Event) -> StopEvent:
        raise NotImplementedError

    handle.__annotations__["failed"] = taken
    with pytest.raises(WorkflowValidationError, match="write `failed: StepFailedEvent`"):
        compile_program(type("Packing", (Packing,), {"handle": unchecked(catch_error(handle))}))


def test_there_is_one_handler_for_all_steps_at_most() -> None:
    assert the_only(problems_with(rescue=rescue, another=another)).startswith(
        "Packing has 2 handlers for all steps, 'rescue' and 'another', and a step has one."
    )


def test_a_step_is_named_by_one_handler_at_most() -> None:
    assert the_only(problems_with(repack=repack, pack_again=pack_again)).startswith(
        "Step 'pack' of Packing has 2 handlers, 'repack' and 'pack_again', and may have one."
    )


def test_a_handler_is_for_steps_that_there_are() -> None:
    assert "is for step 'pack', which there isn't; there are 'order'" in the_only(
        [problem for problem in problems_with(pack=None, repack=repack) if "handler" in problem.lower()]
    )


def test_a_handler_covers_no_handler() -> None:
    @catch_error(for_steps=["rescue"])
    async def last(self: Packing, failed: StepFailedEvent) -> StopEvent:
        raise NotImplementedError

    assert "which is a handler itself" in the_only(problems_with(rescue=rescue, last=last))


def test_a_handler_for_all_steps_for_which_nothing_is_left_is_told_of() -> None:
    @catch_error(for_steps=["order", "pack", "ship"])
    async def all_of_them(self: Packing, failed: StepFailedEvent) -> StopEvent:
        raise NotImplementedError

    assert "takes over for no step" in the_only(problems_with(rescue=rescue, all_of_them=all_of_them))


def test_what_only_a_handler_returns_reaches_its_steps() -> None:
    class Ending:
        @step
        async def order(self, ev: StartEvent) -> StopEvent:
            raise NotImplementedError

        @catch_error
        async def give_up(self, failed: StepFailedEvent) -> Packed:
            raise NotImplementedError

        @step
        async def end(self, ev: Packed) -> StopEvent:
            raise NotImplementedError

    assert check_program(compile_program(Ending)) == []


def test_a_step_that_goes_round_for_ever_isnt_excused_by_its_handler() -> None:
    class Round:
        @step
        async def order(self, ev: StartEvent) -> Ordered | StopEvent:
            raise NotImplementedError

        @step
        async def pack(self, ev: Ordered) -> Packed:
            raise NotImplementedError

        @step
        async def unpack(self, ev: Packed) -> Ordered:
            raise NotImplementedError

        @catch_error
        async def give_up(self, failed: StepFailedEvent) -> StopEvent:
            raise NotImplementedError

    assert [problem.split(" returns")[0] for problem in check_program(compile_program(Round))] == [
        "Step 'pack' of Round",
        "Step 'unpack' of Round",
    ]


def test_a_step_that_is_no_handler_takes_no_failure_that_nobody_returns() -> None:
    class Hearing(Packing):
        @step
        async def hear(self, failed: StepFailedEvent) -> None: ...

    assert "accepts StepFailedEvent, which no step returns" in the_only(check_program(compile_program(Hearing)))
