"""Pictures of runs: what ran, how often, and which way the events went; on both backends."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from tests.drawing.seed import Claims, HumanInTheLoopWorkflow
from tests.drawing.test_representation import Orders
from workflows import Context, Workflow, catch_error, step
from workflows.drawing import draw_html, draw_mermaid, draw_svg, get_run_activity
from workflows.errors import ContextSerdeError, ContextStateError
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StepFailedEvent, StopEvent
from workflows.representation import StepActivity, get_workflow_representation

pytestmark = pytest.mark.anyio


class Clock:
    """Stands still, but for what steps say that they take."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def node(picture: str, name: str) -> str:
    """The line of a node in a flowchart."""
    (found,) = [line for line in picture.splitlines() if f'"{name}' in line and "-" not in line.split('"')[0]]
    return found.strip()


async def test_a_finished_run_shows_how_often_each_step_ran_and_what_went_along_each_edge() -> None:
    with anyio.fail_after(5):
        handler = Claims().run(claims=[1, 2, 0, 2000])
        await handler
    activity = get_run_activity(handler)
    assert {name: (found.attempts, found.finished) for name, found in activity.steps.items()} == {
        "read": (1, 1),
        "check": (4, 4),
        "add_up": (1, 1),
    }
    assert activity.steps["read"].gave == {"claim": 4, "sent": 1}
    assert activity.steps["check"].took == {"claim": 4}
    assert activity.steps["check"].gave == {"checked": 2, "refused": 1}
    assert activity.steps["add_up"].took == {"checked": 2, "refused": 1}
    picture = draw_mermaid(handler)
    assert 'n0 -->|"list · 4"| n' in picture
    assert 'n1 -->|"2"| n' in picture
    assert '-->|"list, first 9 · 1"| n2' in picture
    assert "not run" in node(picture, "note")
    assert "4 done" in node(picture, "check")


async def test_handler_context_and_snapshot_tell_the_same() -> None:
    with anyio.fail_after(5):
        handler = Claims(clock=Clock()).run(claims=[1])
        await handler
    snapshot = json.loads(json.dumps(handler.ctx.to_dict()))
    assert get_run_activity(handler) == get_run_activity(handler.ctx) == get_run_activity(snapshot)
    again: Context[Any] = Context.from_dict(Claims(), snapshot)
    assert get_run_activity(again).steps == get_run_activity(handler).steps
    assert draw_mermaid(handler) == draw_mermaid(handler.ctx) == draw_mermaid(Claims, run=snapshot)


async def test_a_snapshot_alone_shows_only_what_the_run_went_through() -> None:
    with anyio.fail_after(5):
        handler = HumanInTheLoopWorkflow(clock=Clock()).run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                await handler.cancel_run()
    snapshot = handler.ctx.to_dict()
    picture = draw_mermaid(snapshot)
    assert "1 done" in node(picture, "step1")
    assert "step2" not in picture
    assert "StopEvent" not in picture
    assert "not run" in node(draw_mermaid(handler), "step2")


async def test_time_is_that_of_the_clock_and_waiting_is_no_work() -> None:
    clock = Clock()

    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            clock.pass_by(2)
            answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="?"))
            clock.pass_by(0.5)
            return StopEvent(result=answer.response)

    with anyio.fail_after(5):
        handler = Asking(clock=clock).run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                await anyio.wait_all_tasks_blocked()
                clock.pass_by(3600)
                await handler.send_event(HumanResponseEvent(response="4"))
        assert await handler == "4"
    names = [kind.__event_name__ for kind in (StartEvent, HumanResponseEvent, InputRequiredEvent, StopEvent)]
    assert get_run_activity(handler).steps == {
        "ask": StepActivity(
            attempts=2,
            finished=1,
            failures=0,
            seconds=4.5,
            took=dict.fromkeys(names[:2], 1),
            gave=dict.fromkeys(names[2:], 1),
        )
    }
    picture = draw_mermaid(handler)
    assert "1 done, 2 attempts, 4.5 s" in node(picture, "ask")
    assert '-.->|"1"| n0' in picture  # what a wait took isn't in the signature
    assert 'n0 -.->|"1"|' in picture


async def test_failures_are_shown_and_lead_to_their_handler() -> None:
    class Failing(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            raise ValueError("no")

        @catch_error
        async def recover(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result="saved")

    graph = get_workflow_representation(Failing)
    assert [(edge.source, edge.label) for edge in graph.edges if edge.label] == [("step:work", "fails")]
    with anyio.fail_after(5):
        handler = Failing(clock=Clock()).run()
        assert await handler == "saved"
    picture = draw_mermaid(handler)
    assert "0 done, 1 attempt, 1 failed" in node(picture, "work")
    assert '-->|"fails · 1"|' in picture


async def test_of_several_handlers_a_run_shows_the_one_that_took_over() -> None:
    with anyio.fail_after(5):
        handler = Orders(clock=Clock()).run()
        await handler
    picture = draw_mermaid(handler)
    assert picture.count("StepFailedEvent") == 2
    assert '-->|"fails · 1"|' in picture
    assert '-.->|"fails"|' in picture
    assert "1 done" in node(picture, "ship_later")
    assert "not run" in node(picture, "say_sorry")


def test_a_page_lists_what_several_handlers_take_once() -> None:
    pytest.importorskip("pygraphviz")
    assert draw_html(Orders).count("<td>StepFailedEvent</td>") == 1


async def test_a_picture_of_a_run_can_be_drawn_in_its_middle_and_of_a_simpler_graph() -> None:
    pytest.importorskip("pygraphviz")
    with anyio.fail_after(5):
        handler = HumanInTheLoopWorkflow(clock=Clock()).run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                assert "not run" in draw_svg(handler)
                assert "<th>Attempts</th>" in draw_html(handler)
                await handler.send_event(HumanResponseEvent(response="4"))
        await handler
    assert "not run" not in draw_svg(handler)
    graph = get_workflow_representation(HumanInTheLoopWorkflow).filter_by_node_type("external")
    assert draw_svg(graph, run=handler) != draw_svg(graph)


async def test_a_step_cannot_see_what_its_run_has_done() -> None:
    class Curious(Workflow):
        @step
        async def look(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=get_run_activity(ctx))

    with anyio.fail_after(5), pytest.raises(ContextStateError, match="a replay would see more"):
        await Curious().run()


NO_SNAPSHOTS: list[Any] = [
    {},
    {"workflow": 3, "tally": {}},
    {"workflow": "w", "tally": {"a": [1]}},
    {"workflow": "w", "tally": []},
    {"workflow": "w", "tally": {"a": [1, 1, 0, float("nan"), {}, {}]}},
    {"workflow": "w", "tally": {"a": [1, 1, 0, 0.0, {"e": -1}, {}]}},
    {"workflow": "w", "tally": {"a": [1, 1, 0, 0.0, [], {}]}},
    {"workflow": "w", "tally": {1: [1, 1, 0, 0.0, {}, {}]}},
]


@pytest.mark.parametrize("data", NO_SNAPSHOTS)
def test_what_is_no_snapshot_is_refused(data: Any) -> None:
    with pytest.raises(ContextSerdeError, match="no snapshot"):
        draw_mermaid(data)


def test_a_snapshot_of_a_version_that_did_not_count_is_refused() -> None:
    with pytest.raises(ContextSerdeError, match="didn't count"):
        draw_mermaid({"format_version": 1, "workflow": "w"})
