"""The workflow of the golden files of format 1. It's part of them: it never changes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from workflows.codec import Codec
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


class Currency(Enum):
    EUR = "eur"
    USD = "usd"


@dataclass
class Money:
    amount: Decimal
    currency: Currency = Currency.EUR


class ClaimsFiled(StartEvent, name="claims.filed"):
    month: str


class ClaimRead(Event, name="claim.read"):
    claim_id: UUID
    cost: Money
    at: datetime


class ClaimDecided(Event, name="claim.decided"):
    claim_id: UUID
    is_approved: bool


class Approved(HumanResponseEvent, name="claim.approved"):
    ok: bool
    by: str = "somebody"


class Approval(InputRequiredEvent, answer=Approved, name="claim.approval"):
    claim_id: UUID


class Named(HumanResponseEvent, name="claims.named"):
    name: str


class WhoAreYou(InputRequiredEvent, answer=Named, name="claims.who"): ...


class Expenses:
    @step
    async def read(self, ev: ClaimsFiled) -> ClaimRead | WhoAreYou:
        raise NotImplementedError

    @step(num_workers=2)
    async def check(self, ev: ClaimRead) -> ClaimDecided:
        raise NotImplementedError

    @step
    async def sum_up(self, ev: ClaimDecided) -> StopEvent | None:
        raise NotImplementedError

    @step
    async def greet(self, ev: Named) -> None: ...


PROGRAM = compile_program(Expenses, workflow_name="expenses")
CODEC = Codec(
    [
        *(Event, StartEvent, StopEvent, InputRequiredEvent, HumanResponseEvent),
        *(WorkflowCancelledEvent, WorkflowFailedEvent, WorkflowTimedOutEvent),
        *PROGRAM.events,
        *(Approval, Approved),
    ]
)

IDS = [UUID(int=n) for n in range(5)]
DAY = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def claim(n: int) -> ClaimRead:
    return ClaimRead(claim_id=IDS[n], cost=Money(Decimal(f"{n}.50"), Currency.USD), at=DAY)
