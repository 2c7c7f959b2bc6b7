"""Stopping for a human, in each way that users of this kind of library know: no new vocabulary."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import workflows
from tests.conftest import Backend
from tests.engine.clerk import STYLES, Approval, Decision, OneStep, TwoSteps
from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import AlreadyAnswered, WorkflowCancelledByUser
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

PROGRAM = Path(__file__).with_name("clerk.py")
SOURCE = Path(workflows.__file__).parent.parent

both_styles = pytest.mark.parametrize("style", ["two", "one"])


class Plain(Workflow):
    """Asks with the events as they are, whose fields are whatever they are given."""

    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Enter a number: ")

    @step
    async def answered(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)


class PlainWaiting(Workflow):
    """The same, inside of one step."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0

    @step
    async def ask_user(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.attempts += 1
        response = await ctx.wait_for_event(
            HumanResponseEvent,
            waiter_event=InputRequiredEvent(prefix="Enter a number: "),
            waiter_id="get_number",
        )
        return StopEvent(result=response.response)


@pytest.mark.anyio
@pytest.mark.parametrize("workflow_class", [Plain, PlainWaiting])
async def test_a_question_comes_out_of_the_stream_and_its_answer_goes_in_by_the_context(
    workflow_class: type[Workflow],
) -> None:
    """Semantics 8."""
    answers = iter(["5"])
    with anyio.fail_after(5):
        async with no_task_left():
            handler = workflow_class().run()
            async for event in handler.stream_events():
                if isinstance(event, InputRequiredEvent):
                    assert event.prefix == "Enter a number: "
                    handler.ctx.send_event(HumanResponseEvent(response=next(answers)))
            assert await handler == "5"


@pytest.mark.anyio
@pytest.mark.parametrize("workflow_class", [Plain, PlainWaiting])
@pytest.mark.guarantee("W4", "W10")
async def test_a_run_is_left_at_its_question_and_taken_up_again_later(workflow_class: type[Workflow]) -> None:
    """Semantics 7 and 8."""
    workflow = workflow_class()
    snapshots: list[dict[str, Any]] = []
    with anyio.fail_after(5):
        handler = workflow.run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                snapshots.append(handler.ctx.to_dict())
                await handler.cancel_run()
                break
        with pytest.raises(WorkflowCancelledByUser):
            await handler
        restored = Context.from_dict(workflow, json.loads(json.dumps(snapshots[0])))
        assert [question.event for question in restored.pending] == [InputRequiredEvent(prefix="Enter a number: ")]
        handler = workflow.run(ctx=restored)
        handler.ctx.send_event(HumanResponseEvent(response="6"))
        later = [event async for event in handler.stream_events()]
        assert later == [StopEvent(result="6")]
        assert await handler == "6"


@pytest.mark.anyio
@pytest.mark.guarantee("W2")
async def test_a_step_that_waits_runs_up_to_the_wait_and_once_more_with_the_answer() -> None:
    workflow = PlainWaiting()
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        assert workflow.attempts == 1
        handler.ctx.send_event(HumanResponseEvent(response="5"))
        assert await handler == "5"
        assert workflow.attempts == 2


@pytest.mark.anyio
@both_styles
async def test_both_events_can_be_subclassed_to_carry_more(style: str) -> None:
    with anyio.fail_after(5):
        handler = STYLES[style]().run(cents=500)
        reader = handler.stream_events()
        assert await anext(reader) == Approval(prefix="Pay? ", cents=500)
        await wait_until_all_wait()
        (question,) = handler.pending
        assert (question.event, question.answer_type) == (Approval(prefix="Pay? ", cents=500), Decision)
        await handler.send_event(Decision(response="yes"), reply_to=question.id)
        assert await handler == ["yes", True]


@pytest.mark.anyio
@both_styles
@pytest.mark.guarantee("W5")
async def test_a_double_click_is_told_that_it_comes_too_late(style: str) -> None:
    with anyio.fail_after(5):
        handler = STYLES[style]().run(cents=500)
        await wait_until_all_wait()
        handler.ctx.send_event(Decision(response="yes"))
        with pytest.raises(AlreadyAnswered):
            handler.ctx.send_event(Decision(response="no"))
        assert await handler == ["yes", True]
        with pytest.raises(AlreadyAnswered):
            handler.ctx.send_event(Decision(response="no"))


@pytest.mark.anyio
@both_styles
async def test_a_run_is_taken_up_again_and_left_again_as_often_as_one_likes(style: str) -> None:
    workflow = STYLES[style]()
    with anyio.fail_after(5):
        handler = workflow.run(cents=500)
        await wait_until_all_wait()
        questions = [question.id for question in handler.pending]
        for _ in range(5):
            data = json.loads(json.dumps(handler.ctx.to_dict()))
            await handler.cancel_run()
            handler = workflow.run(Context.from_dict(workflow, data))
            await wait_until_all_wait()
            assert [question.id for question in handler.pending] == questions
        handler.ctx.send_event(Decision(response="yes"))
        assert [event async for event in handler.stream_events()] == [StopEvent(result=["yes", True])]
        assert await handler == ["yes", True]


@pytest.mark.anyio
async def test_a_loop_around_a_question_asks_anew_each_time() -> None:
    class Guess(HumanResponseEvent):
        number: int

    class Guessing(Workflow):
        @step
        async def first(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent(prefix="Guess: ")

        @step
        async def again(self, ev: Guess) -> InputRequiredEvent | StopEvent:
            if ev.number == 7:
                return StopEvent(result="found")
            return InputRequiredEvent(prefix="higher" if ev.number < 7 else "lower")

    said: list[str] = []
    guesses = iter([1, 9, 7])
    with anyio.fail_after(5):
        handler = Guessing().run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                said.append(event.prefix)
                handler.ctx.send_event(Guess(number=next(guesses)))
        assert await handler == "found"
    assert said == ["Guess: ", "higher", "lower"]


# --- two processes ----------------------------------------------------------------------------------------------------


def run_program(backend: str, style: str, phase: str, file: Path, *replies: str) -> list[str]:
    command = [sys.executable, "-W", "error", str(PROGRAM), backend, style, phase, str(file), *replies]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=30,  # the program gives itself 20 seconds
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


@both_styles
@pytest.mark.guarantee("W1", "W4", "W10")
def test_a_run_stops_in_one_process_and_goes_on_in_another(anyio_backend: Backend, style: str, tmp_path: Path) -> None:
    backend, file = anyio_backend[0], tmp_path / "run.json"
    assert run_program(backend, style, "ask", file) == [*once_checked(style), "asked Pay? 500"]
    assert run_program(backend, style, "answer", file, "yes") == [
        "pending Approval(prefix='Pay? ', cents=500)",
        "then StopEvent(result=['yes', True])",
        "result ['yes', True]",
    ]


def once_checked(style: str) -> Iterator[str]:
    """What the first process says of the check; the second one never does it again."""
    if style == "one":
        yield "checked"


@both_styles
def test_a_run_that_stopped_on_one_backend_goes_on_on_the_other(
    anyio_backend: Backend, style: str, tmp_path: Path
) -> None:
    pytest.importorskip("trio")
    file, other = tmp_path / "run.json", {"asyncio": "trio", "trio": "asyncio"}[anyio_backend[0]]
    run_program(anyio_backend[0], style, "ask", file)
    assert run_program(other, style, "answer", file, "no")[-1] == "result ['no', True]"


@pytest.mark.anyio
async def test_the_two_styles_know_nothing_of_each_other() -> None:
    with anyio.fail_after(5):
        first, second = TwoSteps().run(cents=1), OneStep().run(cents=2)
        await wait_until_all_wait()
        for handler in (first, second):
            handler.ctx.send_event(Decision(response="yes"))
            assert await handler == ["yes", True]


@pytest.mark.anyio
async def test_whatever_else_a_stream_carries_comes_between_the_questions() -> None:
    class Note(Event):
        text: str

    class Talking(Workflow):
        @step
        async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(Note(text="before"))
            answer = await ctx.ask(InputRequiredEvent(prefix="?"))
            ctx.write_event_to_stream(Note(text=f"after {answer.response}"))
            return StopEvent()

    events: list[Event] = []
    with anyio.fail_after(5):
        handler = Talking().run()
        async for event in handler.stream_events():
            events.append(event)
            if isinstance(event, InputRequiredEvent):
                handler.ctx.send_event(HumanResponseEvent(response="5"))
        await handler
    assert events == [Note(text="before"), InputRequiredEvent(prefix="?"), Note(text="after 5"), StopEvent()]
