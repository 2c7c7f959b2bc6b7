"""A fingerprint tells whether a journal may be folded: if anything that the core looks at is another, so is it."""

from typing import Annotated, Any

import attrs
import pytest

from tests.core.flow import Approval, Approved, Done, Note, Part, Piece, Task, codec_for
from workflows.catching import catch_error
from workflows.collect import Collect, Take
from workflows.core.fingerprint import fingerprint
from workflows.core.state import ChildKind
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StepFailedEvent, StopEvent
from workflows.graph import compile_program
from workflows.retry_policy import retry_policy, stop_after_attempt
from workflows.steps import step


class Flow:
    @step
    async def begin(self, ev: StartEvent) -> Task | StopEvent | None:
        return None

    @step
    async def work(self, ev: Task) -> Note | None:
        return None

    @step
    async def cut(self, ev: Part) -> list[Done] | None:
        return None

    @step
    async def gather(self, dones: list[Done]) -> None:
        pass

    @step
    async def pair(self, one: Part, piece: Piece) -> None:
        pass

    @catch_error(for_steps=["work"])
    async def mend(self, failed: StepFailedEvent) -> None:
        pass


def fingerprint_of(flow: type, *types: type[Any], budget_s: float | None = None, child: type = Flow) -> str:
    """The fingerprint of a workflow and its child; steps that are given take the place of `Flow`'s own."""
    program = compile_program(type("Outer", (flow, Flow), {}) if flow is not Flow else Flow, workflow_name="flow")
    inner = compile_program(type("Inner", (child, Flow), {}) if child is not Flow else Flow, workflow_name="inner")
    kinds = {"inner": ChildKind(inner, codec_for(inner), budget_s)}
    return fingerprint(program, codec_for(program, types), kinds)


PLAIN = fingerprint_of(Flow)


class AnotherBody:
    @step
    async def work(self, ev: Task) -> Note | None:
        """Says what it does."""
        return Note(n=ev.n)


class AnotherTimeout:
    @step(timeout=3.0)
    async def work(self, ev: Task) -> Note | None:
        return None


class AnotherPolicy:
    @step(retry_policy=retry_policy(stop=stop_after_attempt(2)))
    async def work(self, ev: Task) -> Note | None:
        return None


class ThreadedStep:
    @step
    def work(self, ev: Task) -> Note | None:
        return None


@pytest.mark.parametrize("flow", [Flow, AnotherBody, AnotherTimeout, AnotherPolicy, ThreadedStep])
def test_docstrings_bodies_timeouts_and_retry_policies_make_no_difference(flow: type) -> None:
    assert fingerprint_of(flow) == PLAIN
    assert fingerprint_of(Flow, child=flow) == PLAIN


class TakesMore:
    @step
    async def work(self, ev: Task | Part) -> Note | None:
        return None


class MoreWorkers:
    @step(num_workers=2)
    async def work(self, ev: Task) -> Note | None:
        return None


class TakesSubclasses:
    @step(accept_event_subclasses=True)
    async def work(self, ev: Task) -> Note | None:
        return None


class AnotherStep:
    @step
    async def zeta(self, ev: Task) -> Note | None:
        return None

    @step
    async def eta(self, ev: Task) -> Note | None:
        return None


class AnotherOrder:
    @step
    async def eta(self, ev: Task) -> Note | None:
        return None

    @step
    async def zeta(self, ev: Task) -> Note | None:
        return None


class CutsAlone:
    @step
    async def cut(self, ev: Part) -> Done | None:
        return None

    @step
    async def open(self, ev: Task) -> list[Done]:
        return []


class CutsToo:
    @step
    async def open(self, ev: Task) -> list[Done]:
        return []


class GathersTwo:
    @step
    async def gather(self, dones: Annotated[list[Done], Collect(Take(2))]) -> None:
        pass


class PairsTheOtherWay:
    @step
    async def pair(self, piece: Piece, one: Part) -> None:
        pass


class MendsTwice:
    @catch_error(for_steps=["work"], max_recoveries=2)
    async def mend(self, failed: StepFailedEvent) -> None:
        pass


class MendsAnother:
    @catch_error(for_steps=["begin"])
    async def mend(self, failed: StepFailedEvent) -> None:
        pass


CHANGED = (
    *(TakesMore, MoreWorkers, TakesSubclasses, AnotherStep, AnotherOrder, CutsAlone, CutsToo, GathersTwo),
    *(PairsTheOtherWay, MendsTwice, MendsAnother),
)


def test_whatever_a_decision_looks_at_makes_one_in_a_child_too() -> None:
    found = [fingerprint_of(flow) for flow in CHANGED]
    within = [fingerprint_of(Flow, child=flow) for flow in CHANGED]
    assert len({PLAIN, *found, *within}) == 1 + 2 * len(CHANGED)


def test_declared_classes_how_they_are_derived_and_what_they_consist_of_make_one() -> None:
    def prompt(answer: type[HumanResponseEvent], base: type[Event], fields: dict[str, type]) -> tuple[type[Any], ...]:
        made = type("Asking", (InputRequiredEvent,), {"__annotations__": fields}, answer=answer, name="asking")
        return made, answer, type("Other", (base,), {"__annotations__": {"n": int}}, name="other")

    def value(kind: type) -> type:
        return attrs.make_class("Job", {"size": attrs.field(type=kind)})

    ways = [
        fingerprint_of(Flow, *prompt(HumanResponseEvent, Event, {"what": str})),
        fingerprint_of(Flow, *prompt(Approved, Event, {"what": str})),
        fingerprint_of(Flow, *prompt(HumanResponseEvent, HumanResponseEvent, {"what": str})),
        fingerprint_of(Flow, *prompt(HumanResponseEvent, Event, {"what": int})),
        fingerprint_of(Flow, Approval, Approved),
        fingerprint_of(Flow, value(int)),
        fingerprint_of(Flow, value(str)),
        PLAIN,
    ]
    assert len(set(ways)) == len(ways)


def test_the_time_that_a_child_may_take_makes_one_since_the_core_starts_it() -> None:
    assert fingerprint_of(Flow, budget_s=3.0) != PLAIN
