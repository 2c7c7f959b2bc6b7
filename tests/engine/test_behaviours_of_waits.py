"""What users of this kind of library rely on when steps wait: who is asked, how often, and which event is taken."""

import json
from typing import Any

import anyio
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import NoOpenQuestion
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_none

pytestmark = pytest.mark.anyio


class Item(Event):
    number: int


class Checked(Event):
    number: int


class Measured(Event, extra=True):
    place: str = "cellar"


class Calibrated(Measured):
    pass


def restored(workflow: Workflow, snapshot: dict[str, Any]) -> Context[Any]:
    """A context from data that has been JSON text."""
    return Context[Any].from_dict(workflow, json.loads(json.dumps(snapshot)))


# --- who is asked -----------------------------------------------------------------------------------------------------


class AskingForEach(Workflow):
    """Asks about each item, in as many executions of one step at once, all with equal questions without an id."""

    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(3)]

    @step(num_workers=3)
    async def check(self, ctx: Context[Any], ev: Item) -> Checked:
        answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="go on?"))
        return Checked(number=10 * answer.response + ev.number)

    @step
    async def end(self, checked: list[Checked]) -> StopEvent:
        return StopEvent(result=[ev.number for ev in checked])


@pytest.mark.guarantee("W3")
async def test_three_executions_that_wait_without_an_id_ask_three_questions_and_an_answer_serves_one() -> None:
    """Semantics 1."""
    with anyio.fail_after(5):
        handler = AskingForEach().run()
        for answered in range(3):
            await wait_until_all_wait()
            assert len({question.id for question in handler.pending}) == 3 - answered
            assert not handler.is_done()
            await handler.send_event(HumanResponseEvent(response=answered + 1))
        tens, items = zip(*[divmod(number, 10) for number in await handler], strict=True)
        assert sorted(tens) == [1, 2, 3]  # which of them asked first is up to the scheduler
        assert items == (0, 1, 2)
        asked = [event async for event in handler.stream_events() if isinstance(event, InputRequiredEvent)]
        assert len(asked) == 3


@pytest.mark.guarantee("W1")
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_step_that_fails_after_its_answer_gets_the_same_answer_on_its_retry(is_restarted: bool) -> None:
    """Semantics 2: the person is asked once, also if the process ended in between."""
    got: list[object] = []

    class Failing(Workflow):
        @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(3)))
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="?"))
            got.append(answer.response)
            if len(got) < 3:
                raise ConnectionError
            return StopEvent(result=answer.response)

    workflow = Failing()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        if is_restarted:
            await handler.cancel_run()
            handler = workflow.run(restored(workflow, handler.ctx.to_dict()))
            await wait_until_all_wait()
        await handler.send_event(HumanResponseEvent(response="blue"))
        assert await handler == "blue"
        asked = [event async for event in handler.stream_events() if isinstance(event, InputRequiredEvent)]
    assert got == ["blue"] * 3
    assert len(asked) == (0 if is_restarted else 1)  # a resumed stream doesn't repeat it


# --- which event is taken ---------------------------------------------------------------------------------------------


@pytest.mark.guarantee("W3")
async def test_an_ordinary_event_that_a_wait_takes_goes_to_other_steps_but_not_to_the_wait_s_own() -> None:
    """Semantics 3."""
    calls: list[str] = []
    noted = anyio.Event()

    class Watching(Workflow):
        @step
        async def watch(self, ctx: Context[Any], ev: StartEvent | Measured) -> StopEvent:
            calls.append(f"watch {type(ev).__name__}")
            first = await ctx.wait_for_event(Measured)
            await noted.wait()
            return StopEvent(result=first.place)

        @step
        async def note(self, ev: Measured) -> None:
            calls.append(f"note {ev.place}")
            noted.set()

    with anyio.fail_after(5):
        handler = Watching(disable_validation=True).run()
        await wait_until_all_wait()
        await handler.send_event(Measured(place="attic"))
        assert await handler == "attic"
    assert calls.count("note attic") == 1
    assert "watch Measured" not in calls


@pytest.mark.parametrize("follows", [False, True])
async def test_a_wait_takes_the_exact_class_and_subclasses_where_its_step_follows_them(follows: bool) -> None:
    """Semantics 4."""

    class Watching(Workflow):
        @step(accept_event_subclasses=follows)
        async def watch(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            return StopEvent(result=type(await ctx.wait_for_event(Measured)).__name__)

    with anyio.fail_after(5):
        handler = Watching(types=[Measured, Calibrated]).run()
        await wait_until_all_wait()
        await handler.send_event(Calibrated())
        await wait_until_all_wait()
        assert len(handler.pending) == (0 if follows else 1)
        if not follows:
            await handler.send_event(Measured())
        assert await handler == ("Calibrated" if follows else "Measured")


@pytest.mark.guarantee("W3", "W4")
async def test_requirements_are_compared_with_fields_and_extras_and_survive_a_snapshot() -> None:
    """Semantics 5: they're part of the question, so that waits which differ in them alone are two questions."""

    class Watching(Workflow):
        @step
        async def watch(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            places: list[Any] = []
            async with anyio.create_task_group() as group:
                for unit in ("celsius", "kelvin"):
                    group.start_soon(self.one, ctx, unit, places)
            return StopEvent(result=sorted(places))

        async def one(self, ctx: Context[Any], unit: str, places: list[Any]) -> None:
            found = await ctx.wait_for_event(Measured, requirements={"place": "attic", "unit": unit})
            places.append((unit, found["degrees"]))

    def measured(place: str, unit: str, degrees: int) -> Measured:
        return Measured(place=place, unit=unit, degrees=degrees)  # type: ignore[call-arg]  # extras

    workflow = Watching(types=[Measured])
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        assert len({question.id for question in handler.pending}) == 2
        await handler.cancel_run()
        handler = workflow.run(restored(workflow, handler.ctx.to_dict()))
        await handler.send_event(measured("cellar", "kelvin", 1))
        await handler.send_event(measured("attic", "fahrenheit", 2))
        await handler.send_event(Measured(place="attic"))
        await wait_until_all_wait()
        assert len(handler.pending) == 2
        await handler.send_event(measured("attic", "kelvin", 3))
        await handler.send_event(measured("attic", "celsius", 4))
        assert await handler == [("celsius", 4), ("kelvin", 3)]


class Early(Workflow):
    """Waits for an event when it's told to, and asks a question after that."""

    def __init__(self) -> None:
        super().__init__(types=[Measured])
        self.gate = anyio.Event()

    @step
    async def watch(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await self.gate.wait()
        found = await ctx.wait_for_event(Measured)
        answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="?"))
        return StopEvent(result=[found.place, answer.response])


@pytest.mark.guarantee("W4")
async def test_an_event_before_its_wait_is_kept_and_an_answer_before_its_question_is_refused() -> None:
    """Semantics 6: kept in a snapshot as well, and refused to the sender."""
    first, second = Early(), Early()
    second.gate.set()
    with anyio.fail_after(5):
        handler = first.run()
        await handler.send_event(Measured(place="attic"))
        with pytest.raises(NoOpenQuestion):
            await handler.send_event(HumanResponseEvent(response="too early"))
        snapshot = handler.ctx.to_dict()
        await handler.cancel_run()
        handler = second.run(restored(second, snapshot))
        await wait_until_all_wait()
        await handler.send_event(HumanResponseEvent(response="in time"))
        assert await handler == ["attic", "in time"]


# --- resuming ---------------------------------------------------------------------------------------------------------


class AskingInside(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix=ev.what))
        return StopEvent(result=answer.response)


class AskingBetween(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix=ev.what)

    @step
    async def answered(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)


@pytest.mark.guarantee("W10")
@pytest.mark.parametrize("workflow_class", [AskingInside, AskingBetween])
async def test_resuming_asks_nothing_again_in_either_style_and_takes_no_start_event(
    workflow_class: type[Workflow],
) -> None:
    """Semantics 7 and 8: both styles of asking are questions that `pending` lists, before and after a restart."""
    workflow = workflow_class()
    with anyio.fail_after(5):
        handler = workflow.run(what="a desk?")
        await wait_until_all_wait()
        assert [question.event for question in handler.pending] == [InputRequiredEvent(prefix="a desk?")]
        await handler.cancel_run()
        for _ in range(2):
            context = restored(workflow, handler.ctx.to_dict())
            assert [question.event for question in context.pending] == [InputRequiredEvent(prefix="a desk?")]
            handler = workflow.run(context)
            await wait_until_all_wait()
            assert len(handler.pending) == 1
            await handler.cancel_run()
        handler = workflow.run(restored(workflow, handler.ctx.to_dict()))
        await handler.send_event(HumanResponseEvent(response="yes"))
        assert await handler == "yes"
        assert [event async for event in handler.stream_events()] == [StopEvent(result="yes")]
