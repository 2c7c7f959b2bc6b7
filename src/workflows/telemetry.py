"""Telemetry: spans of OpenTelemetry for runs, attempts of steps, and waits.

`Workflow(tracing=OpenTelemetry())`. It needs `opentelemetry-api`, which is an extra.

- A run is a span, a child of whatever span is current where it's started. One that is resumed, in whatever process,
  is a span of its own, which links to the one that it came from: a snapshot carries that one's place.
- Each attempt of a step is a span below it, and current while the step is called: spans of the step's own are below it.
  A failed one has the exception, and after how many seconds there will be another.
- A wait is a span below its run, from when the question was asked, or the run was resumed, to when the step has the
  answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .core.records import Asked
from .core.ticks import StepRaised, StepReturned, StepSuspended, StepTick
from .errors import MissingExtra

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, Tracer, TracerProvider

_ENDS: dict[Callable[..., StepTick], str] = {StepReturned: "returned", StepRaised: "failed", StepSuspended: "suspended"}


class OpenTelemetry:
    """Follows runs with spans: `Workflow(tracing=OpenTelemetry())`.

    Args:
        tracer_provider: Where its tracer comes from; default: the global one.

    Raises:
        MissingExtra: `opentelemetry-api` isn't installed.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise MissingExtra(
                "OpenTelemetry() needs the package opentelemetry-api, which isn't installed.\n"
                "  Install it with pip install 'anyio-workflows[otel]'."
            ) from error
        self._tracer: Tracer = trace.get_tracer("workflows", tracer_provider=tracer_provider)

    def run(self, workflow: str, run_id: str, came_from: str) -> RunSpan:
        """A run begins, or goes on."""
        links = _links_to(came_from)
        attributes = {"workflows.workflow": workflow, "workflows.run_id": run_id}
        return RunSpan(self._tracer, self._tracer.start_span(f"run {workflow}", links=links, attributes=attributes))


class RunSpan:
    """The span of one run, and those of its waits."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        from opentelemetry.trace import set_span_in_context

        self._tracer = tracer
        self._span = span
        self._context: Context = set_span_in_context(span)
        self._waits: dict[str, Span] = {}
        self._children: list[RunSpan] = []

    @property
    def place(self) -> str:
        """The span's place, as the standard of the W3C writes it (`traceparent`)."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, context=self._context)
        return carrier.get("traceparent", "")

    def step(self, name: str, execution: int, attempt: int, failures: int) -> StepSpan:
        """A step is called."""
        attributes: dict[str, str | int] = {
            "workflows.step": name,
            "workflows.execution": execution,
            "workflows.attempt": attempt,
            "workflows.retry": failures,
        }
        return StepSpan(self._tracer.start_span(f"step {name}", context=self._context, attributes=attributes))

    def child(self, workflow: str, run_id: str) -> RunSpan:
        """A step runs a child."""
        attributes = {"workflows.workflow": workflow, "workflows.run_id": run_id}
        span = self._tracer.start_span(f"run {workflow}", context=self._context, attributes=attributes)
        child = RunSpan(self._tracer, span)
        self._children.append(child)
        return child

    def waits_for(self, step: str, asked: Sequence[Asked]) -> None:
        """A step waits."""
        for wait in asked:
            name = wait.question.id
            if not wait.is_settled and name not in self._waits:
                attributes = {
                    "workflows.step": step,
                    "workflows.question": name,
                    "workflows.answer_type": wait.question.answer_type.__name__,
                }
                span = self._tracer.start_span(f"wait in {step}", context=self._context, attributes=attributes)
                self._waits[name] = span

    def waited_for(self, asked: Sequence[Asked]) -> None:
        """A step has its answers."""
        for wait in asked:
            if wait.is_settled:
                self._end_wait(wait.question.id, "expired" if wait.expired else "answered")

    def ends(self, how: str, error: BaseException | None) -> None:
        """The run is over, or stands still."""
        for name in list(self._waits):
            self._end_wait(name, "open")
        for child in self._children:
            child.ends(how, None)
        if not self._span.is_recording():
            return
        self._span.set_attribute("workflows.ended", how)
        if error is not None and how == "ended":
            _note_error(self._span, error)
        self._span.end()

    def _end_wait(self, name: str, how: str) -> None:
        span = self._waits.pop(name, None)
        if span is not None:
            span.set_attribute("workflows.ended", how)
            span.end()


class StepSpan:
    """The span of one attempt, current while the step is called."""

    def __init__(self, span: Span) -> None:
        from opentelemetry.context import attach
        from opentelemetry.trace import set_span_in_context

        self._span = span
        self._token: Any = attach(set_span_in_context(span))

    def ends(self, how: Callable[..., StepTick], parts: tuple[object, ...]) -> None:
        """The attempt has ended."""
        from opentelemetry.context import detach

        detach(self._token)
        self._span.set_attribute("workflows.ended", _ENDS.get(how, "cancelled"))
        if how is StepRaised:
            error, retry_in_s = parts
            if isinstance(error, BaseException):
                _note_error(self._span, error)
            if isinstance(retry_in_s, float):
                self._span.set_attribute("workflows.retry_in_s", retry_in_s)
        self._span.end()


def _note_error(span: Span, error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))


def _links_to(place: str) -> list[Link]:
    """A link to where a run came from, if that's told."""
    from opentelemetry.trace import Link, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if not place:
        return []
    context = TraceContextTextMapPropagator().extract({"traceparent": place})
    before = get_current_span(context).get_span_context()
    return [Link(before)] if before.is_valid else []
