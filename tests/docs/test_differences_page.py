"""The claims of `docs/explanation/differences.md` about this library."""

import importlib
import inspect
import warnings
from typing import Any

import anyio
import attrs
import pytest

from tests.docs.asking import TYPES, YES, Approval, Decision, Progress, resumed, settled, until_asked
from workflows import Context, Workflow, step
from workflows.context import JsonSerializer, StateStore
from workflows.errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    InvalidAnswer,
    NoOpenQuestion,
    UsageError,
    WaitTimedOut,
    WorkflowsError,
    WorkflowValidationError,
)
from workflows.events import Event, HumanResponseEvent, StartEvent, StopEvent, UnreconstructedException
from workflows.handler import WorkflowHandler
from workflows.representation import WorkflowGraph, get_workflow_representation

pytestmark = pytest.mark.anyio


class Measured(Event):
    place: str


class Other(Event):
    pass


class OneRetry:
    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.0 if attempts == 1 else None


class Asking(Workflow):
    """Asks for two things at once, each in a branch, and counts what else gets a decision."""

    caught = 0
    others = 0

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answers: list[bool] = []

        async def one(number: int) -> None:
            async with ctx.branch(number):
                answers.append((await ctx.ask(Approval(what=ev.get("what", str(number))))).approved)

        try:
            async with anyio.create_task_group() as group:
                for number in range(2):
                    group.start_soon(one, number)
        except Exception:
            self.caught += 1
        return StopEvent(result=answers)

    @step
    async def other(self, ev: Decision) -> None:
        self.others += 1


async def test_one_answer_serves_one_of_several_equal_questions_and_no_step() -> None:
    workflow = Asking(types=TYPES)
    handler = workflow.run(what="the same")
    await settled()
    await handler.send_event(YES)
    await settled()
    assert len(handler.pending) == 1
    await handler.send_event(YES)
    assert await handler == [True, True]
    assert (workflow.caught, workflow.others) == (0, 0)


async def test_answers_that_reach_nothing_or_too_much_are_refused_to_the_sender() -> None:
    async with Asking(types=TYPES).running() as handler:
        await settled()
        with pytest.raises(AmbiguousAnswer) as caught:
            await handler.send_event(YES)
        assert caught.value.candidates == handler.pending
        first, _ = handler.pending
        with pytest.raises(InvalidAnswer):
            await handler.send_event(HumanResponseEvent(approved="yes"), reply_to=first.id)
        await handler.send_event(YES, reply_to=first.id)
        with pytest.raises(AlreadyAnswered):
            await handler.send_event(YES, reply_to=first.id)
        with pytest.raises(NoOpenQuestion):
            await handler.send_event(YES, reply_to="q1")
        assert len(handler.pending) == 1


async def test_a_wait_has_no_timeout_of_its_own_and_a_timeout_is_a_builtin_one() -> None:
    assert inspect.signature(Context.wait_for_event).parameters["timeout"].default is None
    assert issubclass(WaitTimedOut, TimeoutError)


async def test_an_event_is_an_attrs_class_and_no_pydantic_model() -> None:
    is_attrs: Any = attrs.has  # a type checker would take it for a hint
    assert is_attrs(Progress)
    assert Progress(done=1) == Progress(done=1)
    assert not hasattr(Progress, "model_dump")
    make: Any = Progress
    with pytest.raises(TypeError):
        make(1)
    with pytest.raises(TypeError, match="total"):
        make(done=1, total=2)
    assert Event(total=2)["total"] == 2

    class Open(Progress, name="progress.open", extra=True):
        pass

    make_open: Any = Open  # a type checker knows the declared fields only
    assert make_open(done=1, total=2).get("total") == 2
    assert make(done="not validated here").done == "not validated here"


async def test_the_handler_is_no_future() -> None:
    for name in ("done", "cancel", "cancelled", "exception", "add_done_callback"):
        assert not hasattr(WorkflowHandler, name)
    assert not hasattr(Context, "streaming_queue")


async def test_a_finished_run_that_is_resumed_gives_its_stored_result() -> None:
    workflow = Asking(types=TYPES)
    handler = workflow.run(what="the same")
    await settled()
    for question in handler.pending:
        await handler.send_event(YES, reply_to=question.id)
    first = await handler
    workflow.caught = -1
    again = workflow.run(Context.from_dict(workflow, handler.ctx.to_dict()))
    assert await again == first
    assert again.run_id == handler.run_id


async def test_nothing_is_pickled_and_there_is_no_serializer_to_choose() -> None:
    assert not hasattr(importlib.import_module("workflows.context.serializers"), "PickleSerializer")
    for function in (Workflow.__init__, Context.__init__, Context.to_dict, Context.from_dict):
        assert "serializer" not in inspect.signature(function).parameters


async def test_a_serializer_takes_classes_and_no_names_of_them() -> None:
    allow: Any = JsonSerializer
    with pytest.raises(UsageError, match="names of classes"):
        allow(allowed_types=["tests.docs.asking.Decision"])
    with pytest.raises(ValueError, match="Decision"):
        allow().serialize(YES)


async def test_a_store_without_a_run_is_that_of_a_context() -> None:
    store: StateStore[Any] = Context(Asking(types=TYPES)).store
    await store.set("a.b", 1)
    assert await store.get("a") == {"b": 1}


async def test_a_field_is_annotated_with_the_class_of_the_event_or_exception_that_it_holds() -> None:
    class Holding(Event):
        failed: Event
        error: Exception | None

    class Passing(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Holding:
            return Holding(failed=Progress(done=2), error=ConnectionError("closed"))

        @step
        async def end(self, ctx: Context, ev: Holding) -> StopEvent:
            await ctx.ask(Approval(what="?"))
            return StopEvent(result=(ev.failed, type(ev.error), str(ev.error)))

    workflow = Passing(types=TYPES)
    assert await resumed(workflow, await until_asked(workflow), YES) == (Progress(done=2), ConnectionError, "closed")


async def test_a_context_in_a_step_is_that_of_a_running_run() -> None:
    class Looking(Workflow):
        @step
        async def look(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ctx.is_running)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await Looking().run() is True


async def test_an_exception_of_no_declared_type_comes_back_as_data() -> None:
    class Closed(Exception):
        pass

    class Failing(Workflow):
        error: Exception = ConnectionError("the bank is closed")

        @step(retry_policy=OneRetry())
        async def fail(self, ctx: Context, ev: StartEvent) -> StopEvent:
            if not ctx.retry_info().retry_number:
                raise self.error
            await ctx.ask(Approval(what="a desk"))
            return StopEvent(result=ctx.retry_info().last_exception)

    workflow = Failing(types=TYPES)
    builtin = await resumed(workflow, await until_asked(workflow), YES)
    assert isinstance(builtin, ConnectionError)
    assert builtin.args == ("the bank is closed",)
    workflow.error = Closed("for ever")
    undeclared = await resumed(workflow, await until_asked(workflow), YES)
    assert isinstance(undeclared, UnreconstructedException)
    assert "for ever" in str(undeclared)


async def test_an_event_that_is_not_missing_is_kept_for_the_next_set() -> None:
    class Collecting(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Measured | Other | None:
            for event in (Measured(place="attic"), Measured(place="cellar"), Other(), Other()):
                ctx.send_event(event)
            return None

        @step(num_workers=1)
        async def collect(self, ctx: Context, ev: Measured | Other) -> StopEvent | None:
            found = ctx.collect_events(ev, [Measured, Other])
            if found is None:
                return None
            assert isinstance(found[0], Measured)
            places.append(found[0].place)
            return StopEvent(result=places) if len(places) == 2 else None

    places: list[str] = []
    assert await Collecting().run() == ["attic", "cellar"]


async def test_every_exception_is_ours_and_a_builtin_s_and_lists_all_problems() -> None:
    errors = importlib.import_module("workflows.errors")
    own = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, Exception)]
    assert all(issubclass(error, WorkflowsError) for error in own)
    assert issubclass(WorkflowValidationError, ValueError)

    class Broken(Workflow):
        @step
        async def first(self, ev: StartEvent) -> Progress:
            return Progress(done=1)

        @step
        async def second(self, ev: Measured) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowValidationError) as caught:
        Broken().validate()
    assert len(caught.value.problems) >= 2


def test_graphs_have_ids_by_type_and_an_edge_for_each_event() -> None:
    class Choosing(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Measured | Other:
            return Other()

        @step
        async def judge(self, ev: Measured | Other) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Choosing)
    assert [node.id for node in graph.nodes][:2] == ["step:ask", "step:judge"]
    assert f"event:{Measured.__event_name__}" in [node.id for node in graph.nodes]
    assert [edge.label for edge in graph.filter_by_node_type("event").edges] == ["Measured", "Other"]
    assert WorkflowGraph.from_dict(graph.to_dict()) == graph
