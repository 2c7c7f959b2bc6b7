"""Bad input of every kind that a user can give a run: the error shows the value, what was expected, and the way out."""

import math
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import (
    AmbiguousAnswer,
    ContextStateError,
    EncodeError,
    InvalidAnswer,
    InvalidInput,
    InvalidStartEvent,
    NoOpenQuestion,
    UsageError,
    WorkflowRuntimeError,
    WorkflowsError,
    WorkflowStepDoesNotExistError,
)
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler

pytestmark = pytest.mark.anyio


class Order(StartEvent):
    amount: int
    tags: list[str] = attrs.field(factory=list[str])
    limit: int = attrs.field(default=10, validator=attrs.validators.ge(0))


class Approved(HumanResponseEvent):
    ok: bool
    cents: int = attrs.field(default=0, validator=attrs.validators.ge(0))


class Approval(InputRequiredEvent, answer=Approved):
    what: str


class Part(Event):
    number: int


class Undeclared(Event):
    pass


class Shop(Workflow):
    @step
    async def sell(self, ev: Order) -> StopEvent:
        return StopEvent(result=ev.amount)


class Asking(Workflow):
    def __init__(self) -> None:
        super().__init__(types=[Approval, Approved], skip_graph_checks=["reachability"])
        self.woken = 0

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answers: tuple[Approved, ...] = await ctx.ask_all(*[Approval(what=what) for what in ev.get("what", ["x"])])
        self.woken += 1
        return StopEvent(result=[answer.ok for answer in answers])

    @step
    async def listen(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
        return None


async def asked(*what: str) -> WorkflowHandler:
    handler = Asking().run(what=list(what) or ["x"])
    await wait_until_all_wait()
    return handler


# --- inputs of run() --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "complaints"),
    [
        ({}, ["was given nothing", "$.amount"]),
        ({"amount": "5"}, ["amount='5'", "$.amount", "int"]),
        ({"amount": True}, ["amount=True", "$.amount"]),
        ({"amount": 1.0}, ["$.amount"]),
        ({"amount": 1, "limit": -1}, ["limit=-1", "limit"]),
        ({"amount": 1, "tags": "abc"}, ["tags='abc'", "$.tags"]),
        ({"amount": 1, "tags": ["a", 5]}, ["$.tags[1]"]),
        ({"amount": 1, "amout": 2}, ["amout"]),
        ({"amount": "5", "tags": [1], "more": 1}, ["$.amount", "$.tags[0]", "more"]),
    ],
)
async def test_inputs_that_do_not_fit_are_refused_all_at_once(inputs: dict[str, Any], complaints: list[str]) -> None:
    with pytest.raises(InvalidStartEvent) as caught:
        _ = Shop().run(**inputs)
    assert isinstance(caught.value, WorkflowRuntimeError | InvalidInput)
    text = str(caught.value)
    assert "Shop starts with Order" in text
    for complaint in complaints:
        assert complaint in text


@pytest.mark.parametrize("wrong", [StartEvent(), {"amount": 1}, "text", 5, Order])
async def test_a_start_event_of_another_class_is_refused_with_the_one_that_is_wanted(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"Shop starts with Order; start_event=.* is none"):
        _ = Shop().run(start_event=wrong)


async def test_inputs_beside_a_start_event_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with anyio.fail_after(5):
        assert await Shop().run(start_event=Order(amount=1), amount=2) == 1
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "['amount']" in record.getMessage()


async def test_a_context_that_was_refused_a_start_can_be_started() -> None:
    workflow = Shop()
    context = Context[Any](workflow)
    with pytest.raises(InvalidStartEvent):
        _ = workflow.run(context)
    with anyio.fail_after(5):
        assert await workflow.run(context, amount=1) == 1


async def test_a_context_that_is_none_is_told_of() -> None:
    with pytest.raises(UsageError, match="5"):
        _ = Shop().run(5, amount=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("wrong", [5, "", b"r", ["r"], "r\ud800"])
async def test_an_id_that_no_run_can_have_is_refused_with_its_value(wrong: Any) -> None:
    """A run of id 5 began, and failed in the engine; what was stored of it couldn't be read."""
    with pytest.raises(UsageError, match="is no id of a run") as caught:
        _ = Shop().run(amount=1, run_id=wrong)
    assert repr(wrong) in str(caught.value)
    assert await Shop().run(amount=1, run_id="5") == 1


async def test_inputs_that_can_not_be_stored_are_told_of_by_the_snapshot_with_their_path() -> None:
    gate = anyio.Event()

    class Holding(Workflow):
        @step
        async def hold(self, ev: StartEvent) -> StopEvent:
            await gate.wait()
            return StopEvent(result="went on")

    with anyio.fail_after(5):
        handler = Holding().run(what=object())
        with pytest.raises(EncodeError, match=r"\$\.executions\[1\]\.event\.what"):
            handler.ctx.to_dict()
        gate.set()
        assert await handler == "went on"


# --- sending ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [None, 5, "text", {"ok": True}, Approved])
async def test_what_is_sent_must_be_an_event(wrong: Any) -> None:
    with anyio.fail_after(5):
        handler = await asked()
        with pytest.raises(WorkflowsError, match=r"send_event\(\) was given .*, which is no event"):
            handler.ctx.send_event(wrong)
        await handler.cancel_run()


async def test_an_unknown_step_is_refused_with_those_that_there_are() -> None:
    with anyio.fail_after(5):
        handler = await asked()
        with pytest.raises(WorkflowStepDoesNotExistError, match="Asking has no step 'aks'; it has 'ask', 'listen'"):
            handler.ctx.send_event(Approved(ok=True), step="aks")
        await handler.cancel_run()


async def test_a_step_that_does_not_accept_the_event_is_told_with_what_it_accepts() -> None:
    with anyio.fail_after(5):
        handler = await asked()
        with pytest.raises(WorkflowRuntimeError, match=r"'listen' doesn't accept Approved\(.*; it accepts Part"):
            handler.ctx.send_event(Approved(ok=True), step="listen")
        await handler.cancel_run()


async def test_an_event_of_a_class_that_the_workflow_does_not_know_is_refused_with_the_line_that_declares_it() -> None:
    with anyio.fail_after(5):
        handler = await asked()
        with pytest.raises(UsageError, match=r"Undeclared\(\) was sent.*\n.*Asking\(types=\[Undeclared\]\)"):
            handler.ctx.send_event(Undeclared())
        await handler.cancel_run()


async def test_an_event_of_an_unknown_class_is_refused_in_a_step_too() -> None:
    class Sending(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            ctx.send_event(Undeclared())
            return StopEvent()

    with anyio.fail_after(5):
        with pytest.raises(UsageError, match="Undeclared"):
            await Sending().run()


async def test_an_event_before_a_run_is_refused() -> None:
    with pytest.raises(ContextStateError, match="before its run"):
        Context[Any](Asking()).send_event(Part(number=1))


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W9")
@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (HumanResponseEvent(), r"\$\.ok"),
        (HumanResponseEvent(ok="yes"), r"\$\.ok"),
        (HumanResponseEvent(ok=1), r"\$\.ok"),
        (HumanResponseEvent(ok=True, cents=-5), "cents"),
        (HumanResponseEvent(ok=True, more=1), "more"),
        (HumanResponseEvent(ok=None, cents="5"), r"\$\.ok.*\n.*\$\.cents"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays_open(
    answer: HumanResponseEvent, complaint: str
) -> None:
    with anyio.fail_after(5):
        handler = await asked()
        (question,) = handler.pending
        for reply_to in (None, question.id):
            with pytest.raises(InvalidAnswer, match=complaint) as caught:
                await handler.send_event(answer, reply_to=reply_to)
            assert question.id in str(caught.value)
            assert "stays open" in str(caught.value)
        assert handler.pending == (question,)
        await handler.send_event(HumanResponseEvent(ok=True, cents=5))
        assert await handler == [True]


@pytest.mark.guarantee("W3")
async def test_an_answer_that_fits_several_questions_is_refused_with_them() -> None:
    with anyio.fail_after(5):
        handler = await asked("pay", "ship")
        with pytest.raises(AmbiguousAnswer, match="reply_to=") as caught:
            handler.ctx.send_event(Approved(ok=True))
        assert caught.value.candidates == handler.pending
        for question in handler.pending:
            assert question.id in str(caught.value)
            assert repr(question.event) in str(caught.value)
        for question in handler.pending:
            handler.ctx.send_event(Approved(ok=True), reply_to=question.id)
        assert await handler == [True, True]


@pytest.mark.guarantee("W3", "W5")
async def test_a_question_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with anyio.fail_after(5):
        handler = await asked()
        (question,) = handler.pending
        for wrong in ("", "nonsense", "q99-0123456789abcdef", question.id + "0"):
            with pytest.raises(NoOpenQuestion) as caught:
                handler.ctx.send_event(Approved(ok=True), reply_to=wrong)
            assert repr(wrong) in str(caught.value)
            assert question.id in str(caught.value)
        await handler.cancel_run()


@pytest.mark.parametrize("name", ["reply_to", "step"])
async def test_what_cannot_name_a_question_or_a_step_is_refused_with_its_value(name: str) -> None:
    with anyio.fail_after(5):
        handler = await asked()
        (question,) = handler.pending
        for wrong in (5, ["ask"], {"id": "ask"}, question):
            target: dict[str, Any] = {name: wrong}
            with pytest.raises(WorkflowsError) as caught:
                handler.ctx.send_event(Approved(ok=True), **target)
            assert repr(wrong) in str(caught.value)
        await handler.cancel_run()


@pytest.mark.guarantee("W3")
async def test_an_answer_of_another_class_than_the_question_takes_is_refused() -> None:
    with anyio.fail_after(5):
        handler = await asked()
        (question,) = handler.pending
        with pytest.raises(InvalidAnswer, match=r"Part\(number=1\) doesn't answer .*which takes Approved"):
            handler.ctx.send_event(Part(number=1), reply_to=question.id)
        assert handler.pending == (question,)
        await handler.cancel_run()


# --- in steps ---------------------------------------------------------------------------------------------------------

Use = Callable[[Context[Any]], Any]


async def in_a_step(use: Use) -> object:
    class Using(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            result = use(ctx)
            return StopEvent(result=await result if hasattr(result, "__await__") else result)

    with anyio.fail_after(5):
        return await Using(types=[Approval, Approved]).run()


ANY: Any = Approval  # so that what a type checker would see is tried all the same
WRONG_CALLS: list[tuple[Use, str]] = [
    (lambda ctx: ctx.wait_for_event(ANY.__class__), "waits for <class '.*EventMeta'>, which is no event class"),
    (lambda ctx: ctx.wait_for_event(ANY(what="x")), "which is no event class"),
    (lambda ctx: ctx.wait_for_event(Undeclared), r"types=\[Undeclared\]"),
    (lambda ctx: ctx.ask(Approved(ok=True)), "which is no InputRequiredEvent"),  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    (lambda ctx: ctx.ask(ANY), "which is no InputRequiredEvent"),
    (lambda ctx: ctx.ask(Approval(what="x"), timeout=-1), "timeout=-1"),
    (lambda ctx: ctx.ask(Approval(what="x"), timeout=math.nan), "timeout=nan"),
    (lambda ctx: ctx.ask(Approval(what="x"), timeout=math.inf), "timeout=inf"),
    (lambda ctx: ctx.ask(Approval(what="x"), timeout=1e20), r"timeout=1e\+20"),
    (lambda ctx: ctx.ask(Approval(what="x"), timeout=True), "timeout=True"),
    (lambda ctx: ctx.ask(Approval(what="x"), timeout="5"), "timeout='5'"),  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    (lambda ctx: ctx.ask(ANY(what=object())), r"\$\.what"),
    (lambda ctx: ctx.write_event_to_stream(5), "was given 5, which is no event"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    (lambda ctx: ctx.stream("text"), "was given 'text', which is no event"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    (lambda ctx: ctx.once(5), "was given 5, which is no function"),  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    (lambda ctx: ctx.collect_events(5, [Part]), "was given 5, which is no event"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    (lambda ctx: ctx.once(object), "has run in ctx.once.*can't be stored"),
]


@pytest.mark.parametrize(("use", "complaint"), WRONG_CALLS)
async def test_a_wrong_call_in_a_step_is_refused_with_its_value(use: Use, complaint: str) -> None:
    with pytest.raises(UsageError, match=f"(?s){complaint}"):
        await in_a_step(use)


async def test_a_reader_from_a_position_that_is_none_is_refused() -> None:
    handler = Shop().run(amount=1)
    for wrong in (-1, 1.5, "3", True):
        with pytest.raises(UsageError, match=repr(wrong)):
            handler.stream_events(after=wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with anyio.fail_after(5):
        await handler


async def test_a_clock_that_gives_no_aware_time_is_refused() -> None:
    from datetime import datetime

    class Wrong(Shop):
        pass

    for wrong in (lambda: datetime(2030, 1, 1), lambda: 5.0):  # noqa: DTZ001  (that's the fault)
        with pytest.raises(UsageError, match=r"must give an aware datetime.*it gave"):
            _ = Wrong(clock=wrong).run(amount=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
