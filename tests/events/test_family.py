"""The events that the package brings."""

import copy
import inspect
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from workflows import events
from workflows.errors import DefinitionError, WorkflowsError
from workflows.events import (
    Event,
    EventType,
    HumanResponseEvent,
    InputRequiredEvent,
    InternalDispatchEvent,
    StartEvent,
    StepFailedEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    UnhandledEvent,
    UnreconstructedException,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowIdleEvent,
    WorkflowTimedOutEvent,
)


class Approved(HumanResponseEvent):
    by: str


class Approval(InputRequiredEvent, answer=Approved):
    claim_id: str


class Done(StopEvent):
    total: int


def test_start_question_and_answer_take_any_keywords() -> None:
    assert StartEvent(topic="x").topic == "x"
    assert InputRequiredEvent(prefix="Enter a number: ").prefix == "Enter a number: "
    assert HumanResponseEvent(response="42").response == "42"


def test_a_stop_event_has_a_result_and_extras() -> None:
    stop = StopEvent(result={"a": 1}, detail="x")
    assert (stop.result, stop.detail, list(stop)) == ({"a": 1}, "x", ["detail"])
    assert StopEvent().result is None
    assert StopEvent("done") == StopEvent(result="done")
    assert stop.replace(result=2) == StopEvent(result=2, detail="x")
    assert copy.deepcopy(stop) == pickle.loads(pickle.dumps(stop)) == stop


def test_repr_of_a_stop_event_lists_extras_fields_and_result_and_str_is_the_result_s() -> None:
    """Semantics 30."""
    assert repr(StopEvent(result="r", a=1)) == "StopEvent(a=1, result='r')"
    assert repr(Done(total=3, result="r")) == "Done(total=3, result='r')"
    assert (str(StopEvent(result="r", a=1)), str(StopEvent())) == ("r", "None")


def test_a_stop_event_that_declares_fields_is_closed_and_keeps_its_result() -> None:
    class Bare(StopEvent):
        pass

    class Typed(StopEvent):
        result: int = 0

    assert (Done(total=3).result, Done(total=3, result="x").result) == (None, "x")
    assert [cls.__event_open__ for cls in (StopEvent, Bare, Done, Typed)] == [True, True, False, False]
    make: Any = Done
    with pytest.raises(TypeError, match="Done has no field 'sum', given as 3"):
        make(total=3, sum=3)
    assert build_bare(Bare) == build_bare(Bare)


def build_bare(cls: Any) -> StopEvent:
    made: StopEvent = cls(result=1, extra=2)
    assert (made.result, made.extra) == (1, 2)
    return made


def test_a_subclass_may_compute_its_result() -> None:
    class Total(StopEvent):
        parts: list[int]

        @property  # type: ignore[misc]  # mypy wants a field to be overridden by a field
        def result(self) -> int:
            return sum(self.parts)

    assert (Total(parts=[1, 2]).result, str(Total(parts=[1, 2]))) == (3, "3")
    assert Total(parts=[1, 2]).replace(parts=[4]).result == 4


def test_a_question_says_what_its_answer_must_be_and_subclasses_inherit_that() -> None:
    class Urgent(Approval):
        hours: int

    class Refusal(Approval, answer=HumanResponseEvent):
        pass

    answers = [cls.__answer_type__ for cls in (InputRequiredEvent, Approval, Urgent, Refusal)]
    assert answers == [None, Approved, Approved, HumanResponseEvent]
    assert Event.__answer_type__ is None


@pytest.mark.parametrize("answer", [int, Done, InputRequiredEvent, "Approved", Approved(by="me"), Approved | None])
def test_an_answer_that_is_no_human_response_is_refused_and_shown(answer: Any) -> None:
    declare: Any = type(Event)
    with pytest.raises(DefinitionError) as caught:
        declare("Bad", (InputRequiredEvent,), {"__module__": __name__}, answer=answer)
    assert f"Bad has answer={answer!r}: give a subclass of HumanResponseEvent" in str(caught.value)


def test_abnormal_ends_are_stop_events() -> None:
    timed_out = WorkflowTimedOutEvent(timeout=1.5, active_steps=["ask"])
    failed = WorkflowFailedEvent(step_name="ask", exception=ValueError("x"))
    ends: list[StopEvent] = [timed_out, failed, WorkflowCancelledEvent()]
    assert [end.result for end in ends] == [None, None, None]
    assert repr(timed_out) == "WorkflowTimedOutEvent(timeout=1.5, active_steps=['ask'], result=None)"
    assert (failed.attempts, failed.elapsed_seconds) == (None, None)


def test_events_with_exceptions_are_equal_if_type_and_arguments_are() -> None:
    def failed(exception: Exception) -> WorkflowFailedEvent:
        return WorkflowFailedEvent(step_name="ask", exception=exception, attempts=2, elapsed_seconds=0.5)

    assert failed(ValueError("x")) == failed(ValueError("x"))
    assert hash(failed(ValueError("x"))) == hash(failed(ValueError(["y"])))
    for other in (ValueError("y"), TypeError("x")):
        assert failed(ValueError("x")) != failed(other)
    one, two = (UnreconstructedException("x", original_type=name) for name in ("a:A", "b:B"))
    assert failed(one) != failed(two)
    assert copy.deepcopy(failed(one)) == failed(one)


def test_a_failed_step_says_when_in_a_known_time_zone() -> None:
    def failed(at: datetime) -> StepFailedEvent:
        return StepFailedEvent(
            step_name="ask",
            input_event=StartEvent(topic="x"),
            exception=ValueError("x"),
            attempts=3,
            elapsed_seconds=1.5,
            failed_at=at,
        )

    assert failed(datetime(2026, 1, 2, tzinfo=UTC)).input_event["topic"] == "x"
    with pytest.raises(ValueError, match="failed_at needs a time zone, got datetime"):
        failed(datetime(2026, 1, 2))  # noqa: DTZ001  # the fault


def test_internal_events_share_a_base_and_are_not_ordinary() -> None:
    changed = StepStateChanged(name="ask", step_state=StepState.RUNNING, worker_id="0", input_event_name="StartEvent")
    unhandled = UnhandledEvent(event_type="Note", qualified_name="app:Note", idle=True)
    kinds = [StepStateChanged, UnhandledEvent, WorkflowIdleEvent]
    assert all(issubclass(kind, InternalDispatchEvent) for kind in kinds)
    assert (changed.name, changed.output_event_name, unhandled.step_name) == ("ask", None, None)
    assert [state.value for state in StepState] == ["preparing", "running", "not_running"]


def test_an_exception_that_can_not_be_rebuilt_keeps_message_and_type() -> None:
    error = UnreconstructedException("no disk", original_type="app:DiskError")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.original_type) == ("no disk", "app:DiskError")
    assert isinstance(error, WorkflowsError)
    assert UnreconstructedException("x").original_type is None


def test_every_public_name_has_a_docstring() -> None:
    public = {
        name: value for name, value in vars(events).items() if isinstance(value, type) or inspect.isfunction(value)
    }
    assert {"Event", "StopEvent", "resolved_fields"} < public.keys()
    assert [name for name, value in public.items() if not value.__doc__] == []
    assert EventType == type[Event]
