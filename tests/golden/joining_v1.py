"""The workflow of the golden file `format_1_joining`. It's part of it: it never changes."""

from typing import Annotated

from workflows.codec import Codec
from workflows.collect import Collect, Take
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.graph import compile_program
from workflows.steps import step


class Filed(StartEvent, name="joining.filed"):
    month: str


class Claim(Event, name="joining.claim"):
    n: int


class Decided(Event, name="joining.decided"):
    n: int


class Receipt(Event, name="joining.receipt"):
    n: int


class Stamp(Event, name="joining.stamp"):
    n: int


class Named(HumanResponseEvent, name="joining.named"):
    n: int


class WhoIsIt(InputRequiredEvent, answer=Named, name="joining.who"):
    n: int


class Joining:
    @step
    async def read(self, ev: Filed) -> list[Claim | Decided | WhoIsIt]:
        raise NotImplementedError

    @step(num_workers=2)
    async def check(self, ev: Claim) -> Decided | list[Decided | Receipt | WhoIsIt]:
        raise NotImplementedError

    @step
    async def hear(self, ev: Named) -> Stamp | None:
        raise NotImplementedError

    @step
    async def staple(self, receipt: Receipt, stamp: Stamp) -> Decided | None:
        raise NotImplementedError

    @step
    async def sum_up(self, evs: list[Decided]) -> Decided | StopEvent | None:
        raise NotImplementedError

    @step
    async def early(self, evs: Annotated[list[Decided], Collect(Take(2))]) -> None: ...


PROGRAM = compile_program(Joining, workflow_name="joining")
CODEC = Codec(
    [
        *(Event, StartEvent, StopEvent, InputRequiredEvent, HumanResponseEvent),
        *(WorkflowCancelledEvent, WorkflowFailedEvent, WorkflowTimedOutEvent),
        *PROGRAM.events,
    ]
)
