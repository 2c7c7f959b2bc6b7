"""Works with a database session that is handed in as a resource."""

from typing import Annotated, Any

from sqlalchemy import create_engine, insert, select
from sqlalchemy.orm import Session

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource

from .tables import stock


class Counted(HumanResponseEvent):
    items: int


class PleaseCount(InputRequiredEvent, answer=Counted):
    shelf: str
    expected: int


def session() -> Session:
    return Session(create_engine("sqlite:///stock.db"))


def basket() -> list[str]:
    return []


class Warehouse(Workflow):
    @step
    async def count(
        self,
        ctx: Context,
        ev: StartEvent,
        db: Annotated[Session, Resource(session)],
        counted: Annotated[list, Resource(basket)],
        audit: Annotated[Any, Resource(lambda: print)],
    ) -> StopEvent:
        expected = db.scalar(select(stock.c.items).where(stock.c.shelf == ev.shelf))  # unsafe: network
        db.execute(insert(stock).values(shelf=ev.shelf, state="counting"))  # unsafe: network
        counted.append(ev.shelf)  # unsafe: state
        audit.record(ev.shelf)  # unsafe, missed: network
        answer = await ctx.ask(PleaseCount(shelf=ev.shelf, expected=expected))
        db.execute(insert(stock).values(shelf=ev.shelf, items=answer.items))
        return StopEvent(result=answer.items - expected)
