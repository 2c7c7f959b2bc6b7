"""W3, W4, W5, W9: which question an answer reaches, whatever comes when, and however often the process is started anew.

Each property has a model as simple as can be: a list of open questions, or of events that nobody has taken.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import anyio
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.sim.effort import effort
from tests.sim.living import Backend
from tests.sim.operations import Ask, Parcel, Reply
from workflows import Context, Workflow, step
from workflows.core.questions import Question
from workflows.errors import AlreadyAnswered, AmbiguousAnswer, InvalidAnswer, NoOpenQuestion
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import simulate

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
seeds = st.integers(0, 2**32 - 1)


class Signed(HumanResponseEvent):
    by: str
    times: int = 1


class Sign(InputRequiredEvent, answer=Signed):
    what: str


PROMPTS: list[InputRequiredEvent] = [Ask(what="a"), Ask(what="b"), Sign(what="a"), Sign(what="b")]


async def restarted(flow: Workflow, handler: WorkflowHandler) -> WorkflowHandler:
    """The same run in what might be another process: all that's left is text."""
    stored = json.dumps(handler.ctx.to_dict())
    await handler.cancel_run()
    context: Context[Any] = Context.from_dict(flow, json.loads(stored))
    assert [question.id for question in context.pending] == [question.id for question in handler.pending]
    return flow.run(ctx=context)


# --- W3, W5: which question -------------------------------------------------------------------------------------------


class AsksAtOnce(Workflow):
    """Asks all it's given, each in a task and a branch of its own, and gives what it was told, branch by branch."""

    def __init__(self, prompts: list[InputRequiredEvent]) -> None:
        super().__init__(None, types=[Ask, Reply, Sign, Signed])
        self.prompts = prompts

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        told: dict[str, str] = {}

        async def child(number: int) -> None:
            async with ctx.branch(number):
                told[str(number)] = repr(await ctx.ask(self.prompts[number]))

        async with anyio.create_task_group() as group:
            for number in range(len(self.prompts)):
                group.start_soon(child, number)
        return StopEvent(result=told)


class Model:
    """The questions that are open, and what was said to each."""

    def __init__(self, handler: WorkflowHandler) -> None:
        self.open: list[Question] = list(handler.pending)
        self.closed: list[Question] = []
        self.told: dict[str, str] = {}

    def serve(self, question: Question, answer: Event) -> None:
        self.open.remove(question)
        self.closed.append(question)
        self.told[str(question.branch)] = repr(answer)

    def candidates(self, answer_type: type[Event]) -> list[Question]:
        """The oldest open question of each content that such an answer fits."""
        oldest: dict[str, Question] = {}
        for question in self.open:
            if issubclass(question.answer_type, answer_type):
                oldest.setdefault(question.content, question)
        return list(oldest.values())


def answer_to(question: Question, text: str) -> Event:
    return Reply(text=text) if question.answer_type is Reply else Signed(by=text)


def address(handler: WorkflowHandler, model: Model, number: int, text: str) -> None:
    question = model.open[number % len(model.open)]
    handler.ctx.send_event(answer_to(question, text), reply_to=question.id)
    model.serve(question, answer_to(question, text))


def click_again(handler: WorkflowHandler, model: Model, number: int, text: str) -> None:
    if model.closed:
        question = model.closed[number % len(model.closed)]
        with pytest.raises(AlreadyAnswered):
            handler.ctx.send_event(answer_to(question, text), reply_to=question.id)


def say_to_nobody_in_particular(handler: WorkflowHandler, model: Model, number: int, text: str) -> None:
    answer = Reply(text=text) if number % 2 else Signed(by=text)
    candidates = model.candidates(type(answer))
    if len(candidates) > 1:
        with pytest.raises(AmbiguousAnswer) as caught:
            handler.ctx.send_event(answer)
        found = [question.id for question in caught.value.candidates if isinstance(question, Question)]
        assert sorted(found) == sorted(question.id for question in candidates)
    elif candidates:
        handler.ctx.send_event(answer)
        model.serve(candidates[0], answer)
    else:
        was_asked = any(question.answer_type is type(answer) for question in model.closed)
        with pytest.raises(AlreadyAnswered if was_asked else NoOpenQuestion):
            handler.ctx.send_event(answer)


def say_something_unfitting(handler: WorkflowHandler, model: Model, number: int, text: str) -> None:
    question = model.open[number % len(model.open)]
    other = Signed(by=text) if question.answer_type is Reply else Reply(text=text)
    wrong = HumanResponseEvent(nonsense=text) if number % 2 else other
    with pytest.raises(InvalidAnswer):
        handler.ctx.send_event(wrong, reply_to=question.id)


def say_it_without_a_class(handler: WorkflowHandler, model: Model, number: int, text: str) -> None:
    question = model.open[number % len(model.open)]
    fields: dict[str, Any] = {"text": text} if question.answer_type is Reply else {"by": text, "times": number}
    handler.ctx.send_event(HumanResponseEvent(**fields), reply_to=question.id)
    model.serve(question, question.answer_type(**fields))


def name_no_question(handler: WorkflowHandler, _model: Model, number: int, text: str) -> None:
    with pytest.raises(NoOpenQuestion):
        handler.ctx.send_event(Reply(text=text), reply_to=f"q{number + 99}-{'0' * 16}")


ACTIONS = [
    address,
    click_again,
    say_to_nobody_in_particular,
    say_something_unfitting,
    say_it_without_a_class,
    name_no_question,
    None,  # the process is started anew
]


@pytest.mark.guarantee("W3", "W5", "W9")
@both
def test_each_answer_reaches_the_question_it_is_for_or_changes_nothing(backend: Backend) -> None:
    @effort(1.5)
    @given(
        prompts=st.lists(st.sampled_from(PROMPTS), min_size=1, max_size=6),
        actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11)), max_size=20),
        seed=seeds,
    )
    def compare(prompts: list[InputRequiredEvent], actions: list[tuple[Any, int]], seed: int) -> None:
        flow = AsksAtOnce(prompts)

        async def scenario() -> None:
            handler = flow.run()
            await anyio.wait_all_tasks_blocked()
            model = Model(handler)
            assert Counter(repr(question.event) for question in model.open) == Counter(map(repr, prompts))
            for turn, (action, number) in enumerate([*actions, *[(address, 0)] * len(prompts)]):
                if not model.open:
                    break
                if action is None:
                    handler = await restarted(flow, handler)
                else:
                    action(handler, model, number, f"answer {turn}")
                assert [question.id for question in handler.pending] == [question.id for question in model.open]
                if number % 2:
                    await anyio.wait_all_tasks_blocked()
            assert await handler == model.told

        simulate(scenario, backend=backend, seed=seed)
        event(f"{len(prompts)} questions, {len({repr(prompt) for prompt in prompts})} different")

    compare()


# --- W4: nothing lost -------------------------------------------------------------------------------------------------


class TakesParcels(Workflow):
    """Waits for a parcel of each tag it's given, one after the other."""

    def __init__(self, tags: list[str]) -> None:
        super().__init__(None, types=[Parcel])
        self.tags = tags

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        got: list[str] = []
        for tag in self.tags:
            parcel = await ctx.wait_for_event(Parcel, requirements={"tag": tag})
            got.append(parcel.text)
        return StopEvent(result=got)


@pytest.mark.guarantee("W4")
@both
def test_an_event_is_kept_for_the_first_wait_that_fits_it_whenever_it_comes(backend: Backend) -> None:
    """`waits` is what the step waits for; what is sent comes before, between and after, with restarts anywhere."""
    tags = st.sampled_from("abc")

    @effort(1.5)
    @given(
        waits=st.lists(tags, max_size=5),
        sends=st.lists(st.one_of(tags, st.sampled_from(["settle", "restart"])), max_size=12),
        seed=seeds,
    )
    def compare(waits: list[str], sends: list[str], seed: int) -> None:
        flow = TakesParcels(waits)
        sent: dict[str, list[str]] = {"a": [], "b": [], "c": []}

        async def scenario() -> object:
            handler = flow.run()
            for number, tag in enumerate([*sends, *waits]):
                if handler.is_done():
                    break
                if tag == "settle":
                    await anyio.wait_all_tasks_blocked()
                elif tag == "restart":
                    handler = await restarted(flow, handler)
                else:
                    handler.ctx.send_event(Parcel(tag=tag, text=f"{number}"))
                    sent[tag].append(f"{number}")
            return await handler

        got = simulate(scenario, backend=backend, seed=seed)
        expected = [sent[tag][waits[:number].count(tag)] for number, tag in enumerate(waits)]
        assert got == expected

    compare()


@pytest.mark.guarantee("W4")
@both
def test_what_nobody_took_is_in_every_snapshot_until_the_end(backend: Backend) -> None:
    @effort(0.5)
    @given(sends=st.lists(st.sampled_from("ab"), max_size=6), restarts=st.integers(0, 2), seed=seeds)
    def compare(sends: list[str], restarts: int, seed: int) -> None:
        flow = TakesParcels(["end"])

        async def scenario() -> None:
            handler = flow.run()
            for number, tag in enumerate(sends):
                handler.ctx.send_event(Parcel(tag=tag, text=f"{number}"))
                kept = [kept["v"]["text"] for kept in mailbox(handler)]
                assert kept == [f"{earlier}" for earlier in range(number + 1)]
            for _ in range(restarts):
                handler = await restarted(flow, handler)
            assert [kept["v"]["tag"] for kept in mailbox(handler)] == sends
            await handler.send_event(Parcel(tag="end", text="done"))
            assert await handler == ["done"]

        simulate(scenario, backend=backend, seed=seed)

    compare()


def mailbox(handler: WorkflowHandler) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = json.loads(json.dumps(handler.ctx.to_dict())).get("mailbox", [])
    return kept


# --- W9: asking again -------------------------------------------------------------------------------------------------


class AsksUntilRight(Workflow):
    """Asks the same thing again until the answer is yes."""

    def __init__(self) -> None:
        super().__init__(None, types=[Sign, Signed])
        self.calls = 0
        self.seen: list[str] = []

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.calls += 1
        self.seen = []
        while True:
            signed: Signed = await ctx.ask(Sign(what="the contract"))
            self.seen.append(signed.by)
            if signed.by == "yes":
                return StopEvent(result=self.seen)


bad_answers: list[dict[str, Any]] = [{}, {"by": 5}, {"by": None}, {"by": "x", "times": "2"}, {"by": "x", "more": 1}]


@pytest.mark.guarantee("W9", "W3", "W5")
@both
def test_each_pass_of_a_loop_asks_anew_and_a_bad_answer_leaves_the_question_as_it_is(backend: Backend) -> None:
    @effort(1)
    @given(
        replies=st.lists(
            st.one_of(st.sampled_from(["no", "later"]), st.sampled_from(bad_answers), st.just("restart")), max_size=8
        ),
        seed=seeds,
    )
    def compare(replies: list[Any], seed: int) -> None:
        flow = AsksUntilRight()

        async def scenario() -> object:
            handler = flow.run()
            await anyio.wait_all_tasks_blocked()
            asked: list[str] = []
            for reply in [*replies, "yes"]:
                (question,) = handler.pending
                calls = flow.calls
                if reply == "restart":
                    handler = await restarted(flow, handler)
                elif isinstance(reply, dict):
                    with pytest.raises(InvalidAnswer) as caught:
                        handler.ctx.send_event(HumanResponseEvent(**reply), reply_to=question.id)
                    assert question.id in str(caught.value)
                else:
                    handler.ctx.send_event(Signed(by=reply), reply_to=question.id)
                    assert question.id not in asked
                    asked.append(question.id)
                await anyio.wait_all_tasks_blocked()
                if isinstance(reply, dict):
                    assert [open_one.id for open_one in handler.pending] == [question.id]
                    assert flow.calls == calls
            return await handler

        told = [reply for reply in [*replies, "yes"] if isinstance(reply, str) and reply != "restart"]
        assert simulate(scenario, backend=backend, seed=seed) == told

    compare()
