"""The workflow of the golden file `format_1_recovering`. It's part of it: it never changes."""

from workflows.catching import catch_error
from workflows.codec import Codec
from workflows.events import (
    CollectionReleaseEvent,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.graph import compile_program
from workflows.steps import step


class Filed(StartEvent, name="recovering.filed"):
    month: str


class Claim(Event, name="recovering.claim"):
    n: int


class Decided(Event, name="recovering.decided"):
    n: int


class Stamp(Event, name="recovering.stamp"):
    n: int


class Named(HumanResponseEvent, name="recovering.named"):
    n: int


class WhoIsIt(InputRequiredEvent, answer=Named, name="recovering.who"):
    n: int


class Recovering:
    @step
    async def read(self, ev: Filed) -> list[Claim]:
        raise NotImplementedError

    @step
    async def check(self, ev: Claim) -> Decided:
        raise NotImplementedError

    @catch_error(for_steps=["check"], max_recoveries=2)
    async def mend(self, failed: StepFailedEvent) -> Decided | Stamp | WhoIsIt | Claim:
        raise NotImplementedError

    @step
    async def hear(self, ev: Named) -> Decided:
        raise NotImplementedError

    @step
    async def staple(self, stamp: Stamp, decided: Decided) -> None:
        raise NotImplementedError

    @step
    async def sum_up(self, evs: list[Decided]) -> StopEvent:
        raise NotImplementedError


PROGRAM = compile_program(Recovering, workflow_name="recovering")
CODEC = Codec(
    [
        *(Event, StartEvent, StopEvent, InputRequiredEvent, HumanResponseEvent, CollectionReleaseEvent),
        *(WorkflowCancelledEvent, WorkflowFailedEvent, WorkflowTimedOutEvent),
        *PROGRAM.events,
    ]
)
