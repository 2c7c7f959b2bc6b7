"""`QuestionEvent[Answer]` is a question that declares its answer in its type, and otherwise like any other."""

from types import new_class
from typing import Any, Generic, TypeVar

import anyio
import pytest

from workflows import Context, Workflow, step
from workflows.errors import DefinitionError, InvalidAnswer
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, QuestionEvent, StartEvent, StopEvent
from workflows.testing import simulate

AnswerT = TypeVar("AnswerT", bound=HumanResponseEvent)


class Approved(HumanResponseEvent):
    by: str


class Signed(Approved):
    at: str


class Approval(QuestionEvent[Approved], name="approval"):
    claim: str


class Urgent(Approval):
    hours: int


class Narrower(Approval, answer=Signed):
    pass


class Titled(QuestionEvent[AnswerT], Generic[AnswerT]):
    title: str


class TitledApproval(Titled[Approved]):
    pass


class Shown(InputRequiredEvent):
    text: str = ""


class ShownApproval(Shown, QuestionEvent[Approved]):
    pass


class Said(QuestionEvent[Approved], answer=Approved):
    pass


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (Approval(claim="c"), Approved),
        (Urgent(claim="c", hours=3), Approved),
        (Narrower(claim="c"), Signed),
        (TitledApproval(title="t"), Approved),
        (ShownApproval(text="t"), Approved),
        (Said(), Approved),
    ],
)
def test_the_class_in_the_brackets_is_the_answer(question: InputRequiredEvent, answer: type) -> None:
    assert type(question).__answer_type__ is answer
    assert isinstance(question, InputRequiredEvent)


def test_it_is_an_event_like_any_other() -> None:
    assert Approval.__event_name__ == "approval"
    assert Approval(claim="c") == Approval(claim="c") != Approval(claim="d")
    assert Approval(claim="c").replace(claim="d") == Approval(claim="d")
    assert repr(Approval(claim="c")) == "Approval(claim='c')"
    with pytest.raises(TypeError, match="has no field 'what'"):
        Approval(claim="c", what="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("unfinished", [QuestionEvent, QuestionEvent[Approved], Titled, Titled[Approved]])
def test_only_a_class_that_names_its_answer_can_be_made(unfinished: Any) -> None:
    with pytest.raises(TypeError, match="doesn't say what answers it"):
        unfinished(title="t")


def derived(*bases: Any, **keywords: Any) -> Any:
    """A class that no type checker would let pass."""
    return new_class("Wrong", bases, keywords)


@pytest.mark.parametrize("argument", [str, Event, Any, "Approved", Approved | Signed, InputRequiredEvent])
def test_what_is_no_answer_is_refused(argument: Any) -> None:
    brackets: Any = QuestionEvent
    with pytest.raises(DefinitionError, match="put a subclass of HumanResponseEvent in the brackets"):
        derived(brackets[argument])


def test_brackets_that_are_missing_are_asked_for() -> None:
    with pytest.raises(DefinitionError, match="put a subclass of HumanResponseEvent in the brackets"):
        derived(QuestionEvent)


def test_brackets_and_keyword_that_disagree_are_refused() -> None:
    with pytest.raises(DefinitionError, match="is a question for Signed, and has answer=Approved"):
        derived(QuestionEvent[Signed], answer=Approved)


class Asking(Workflow[StartEvent, str]):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        first = await ctx.ask(Approval(claim="c"))
        second, third = await ctx.ask_all(Urgent(claim="c", hours=1), TitledApproval(title="t"))
        return StopEvent(result=" ".join([first.by, second.by, third.by]))


@pytest.mark.guarantee("W9")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_its_answer_is_held_against_it_and_survives_a_snapshot(backend: Any) -> None:
    workflow = Asking(types=[Approval, Urgent, TitledApproval])

    async def scenario() -> str:
        handler = workflow.run()
        await anyio.sleep(1)
        (question,) = handler.pending
        assert question.answer_type is Approved
        with pytest.raises(InvalidAnswer):
            await handler.send_event(HumanResponseEvent(who="x"), reply_to=question.id)
        snapshot = handler.ctx.to_dict()
        await handler.cancel_run()
        handler = workflow.run(ctx=Context.from_dict(workflow, snapshot))
        await handler.send_event(Approved(by="a"))
        await anyio.sleep(1)
        for name, question in zip("bc", handler.pending, strict=True):
            await handler.send_event(Approved(by=name), reply_to=question.id)
        return await handler

    assert simulate(scenario, backend=backend) == "a b c"
