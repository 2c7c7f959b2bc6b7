"""Spans of OpenTelemetry for runs, attempts of steps and waits."""

import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

pytest.importorskip("opentelemetry.sdk.trace")

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_none
from workflows.telemetry import OpenTelemetry

pytestmark = pytest.mark.anyio


class Decision(HumanResponseEvent):
    yes: bool


class Approval(InputRequiredEvent, answer=Decision):
    what: str


class Half(Event):
    n: int


class Spans:
    """What was exported so far, and a tracing that exports here."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = OpenTelemetry(self.provider)

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self if span.name == name]

    def the(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def ends(self, name: str) -> list[object]:
        return [attribute(span, "ended") for span in self.named(name)]


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(f"workflows.{name}")


def is_below(span: ReadableSpan, above: ReadableSpan) -> bool:
    return span.parent is not None and above.context is not None and span.parent.span_id == above.context.span_id


class Linear(Workflow):
    @step
    async def first(self, ev: StartEvent) -> Half:
        return Half(n=1)

    @step
    def second(self, ev: Half) -> StopEvent:
        return StopEvent(result=ev.n)


async def test_a_run_is_a_span_below_the_current_one_and_its_steps_are_below_it() -> None:
    spans = Spans()
    with anyio.fail_after(5), spans.provider.get_tracer("caller").start_as_current_span("caller"):
        handler = Linear(tracing=spans.tracing, workflow_name="linear").run(run_id="r1")
        assert await handler == 1
    run, caller = spans.the("run linear"), spans.the("caller")
    assert is_below(run, caller)
    assert (attribute(run, "run_id"), attribute(run, "ended")) == ("r1", "ended")
    for name in ("step first", "step second"):
        assert is_below(spans.the(name), run)
        assert spans.ends(name) == ["returned"]
    assert run.links == ()


async def test_spans_of_a_step_are_below_its_own_in_threads_too() -> None:
    spans = Spans()
    tracer = spans.provider.get_tracer("user")

    class Tracing(Workflow):
        @step
        async def first(self, ev: StartEvent) -> Half:
            with tracer.start_as_current_span("inner one"):
                return Half(n=1)

        @step
        def second(self, ev: Half) -> StopEvent:
            with tracer.start_as_current_span("inner two"):
                return StopEvent()

    before = trace.get_current_span()
    with anyio.fail_after(5):
        await Tracing(tracing=spans.tracing).run()
    assert is_below(spans.the("inner one"), spans.the("step first"))
    assert is_below(spans.the("inner two"), spans.the("step second"))
    assert trace.get_current_span() is before


async def test_a_failed_attempt_has_its_exception_and_tells_of_the_next_one() -> None:
    spans = Spans()

    class Flaky(Workflow):
        @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(3)))
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            if ctx.retry_info().retry_number < 1:
                raise ConnectionError("busy")
            return StopEvent()

    with anyio.fail_after(5):
        await Flaky(tracing=spans.tracing).run()
    failed, again = spans.named("step work")
    assert [attribute(span, "retry") for span in (failed, again)] == [0, 1]
    assert [attribute(span, "ended") for span in (failed, again)] == ["failed", "returned"]
    assert attribute(failed, "retry_in_s") == 0.0
    assert failed.status.description == "ConnectionError: busy"
    assert [event.name for event in failed.events] == ["exception"]


async def test_a_failed_run_has_its_error() -> None:
    spans = Spans()

    class Failing(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            raise ValueError("no")

    with anyio.fail_after(5), pytest.raises(ValueError, match="no"):
        await Failing(tracing=spans.tracing, workflow_name="failing").run()
    run = spans.the("run failing")
    assert run.status.status_code is trace.StatusCode.ERROR
    assert [event.name for event in run.events] == ["exception"]


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        decision = await ctx.ask(Approval(what="a desk"))
        return StopEvent(result=decision.yes)


def asking(spans: Spans) -> Asking:
    return Asking(types=[Approval], tracing=spans.tracing, workflow_name="asking")


async def test_a_wait_is_a_span_from_question_to_answer() -> None:
    spans = Spans()
    with anyio.fail_after(5):
        handler = asking(spans).run()
        await anyio.wait_all_tasks_blocked()
        assert spans.named("wait in ask") == []
        await handler.send_event(Decision(yes=True))
        assert await handler is True
    assert spans.ends("step ask") == ["suspended", "returned"]
    wait = spans.the("wait in ask")
    assert is_below(wait, spans.the("run asking"))
    assert (attribute(wait, "ended"), attribute(wait, "answer_type")) == ("answered", "Decision")


async def test_a_run_that_is_resumed_links_to_the_one_it_came_from() -> None:
    spans = Spans()
    with anyio.fail_after(5):
        async with asking(spans).running() as handler:
            await anyio.wait_all_tasks_blocked()
            stored = json.loads(json.dumps(handler.ctx.to_dict()))
        first = spans.the("run asking")
        assert (attribute(first, "ended"), first.status.status_code) == ("halted", trace.StatusCode.UNSET)
        assert spans.ends("wait in ask") == ["open"]
        flow = asking(spans)
        again = flow.run(Context.from_dict(flow, stored))
        await again.send_event(Decision(yes=False))
        assert await again is False
    second = spans.named("run asking")[1]
    assert [link.context.span_id for link in second.links] == [first.context.span_id if first.context else None]
    assert [link.context.trace_id for link in second.links] == [first.context.trace_id if first.context else None]
    assert spans.ends("wait in ask") == ["open"], "the answer was there before the step came to its question again"


async def test_a_snapshot_of_a_run_that_nobody_followed_goes_on_and_the_other_way_round() -> None:
    spans = Spans()
    with anyio.fail_after(5):
        unfollowed = Asking(types=[Approval], workflow_name="asking")
        async with unfollowed.running() as handler:
            await anyio.wait_all_tasks_blocked()
            stored = handler.ctx.to_dict()
        flow = asking(spans)
        async with flow.running(Context.from_dict(flow, stored)) as handler:
            await anyio.wait_all_tasks_blocked()
            stored = handler.ctx.to_dict()
        assert spans.the("run asking").links == ()
        again = unfollowed.run(Context.from_dict(unfollowed, stored))
        await again.send_event(Decision(yes=True))
        assert await again is True


async def test_a_place_that_makes_no_sense_is_no_place() -> None:
    spans = Spans()
    with anyio.fail_after(5):
        async with asking(spans).running() as handler:
            await anyio.wait_all_tasks_blocked()
            stored = {**handler.ctx.to_dict(), "trace": "from far away"}
        flow = asking(spans)
        async with flow.running(Context.from_dict(flow, stored)):
            await anyio.wait_all_tasks_blocked()
    assert [span.links for span in spans.named("run asking")] == [(), ()]


async def test_a_child_is_a_span_below_the_run_with_its_steps_below_it() -> None:
    spans = Spans()
    child = Linear(workflow_name="child")

    class Parent(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.run(child))

    with anyio.fail_after(5):
        await Parent(children=[child], tracing=spans.tracing, workflow_name="parent").run()
    assert is_below(spans.the("run child"), spans.the("run parent"))
    assert is_below(spans.the("step first"), spans.the("run child"))
    assert spans.ends("run child") == ["ended"]


async def test_a_provider_that_records_nothing_costs_no_snapshot_anything() -> None:
    flow = Asking(types=[Approval], tracing=OpenTelemetry(trace.NoOpTracerProvider()))
    with anyio.fail_after(5):
        async with flow.running() as handler:
            await anyio.wait_all_tasks_blocked()
            assert "trace" not in handler.ctx.to_dict()
