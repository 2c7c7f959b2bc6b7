"""Annotations that are text when the factory is defined, of names that only the function around knows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, TypeAlias

import attrs
import pytest

from workflows import Workflow, step
from workflows.errors import WorkflowValidationError
from workflows.events import StartEvent, StopEvent
from workflows.resource import Resource

pytestmark = pytest.mark.anyio


class Client:
    """Something that only a resource gives."""


def get_client() -> Client:
    return Client()


OurClient: TypeAlias = Annotated[Client, Resource(get_client)]


@attrs.frozen
class Store:
    client: OurClient
    size: int = 3


async def test_names_of_a_module_are_found() -> None:
    class Flow(Workflow):
        @step
        async def go(self, ev: StartEvent, store: Annotated[Store, Resource(Store)], client: OurClient) -> StopEvent:
            return StopEvent(result=store.client is client)

    assert await Flow().run() is True


async def test_names_of_the_function_around_are_found() -> None:
    class Session:
        pass

    def get_session() -> Session:
        return Session()

    @asynccontextmanager
    async def opened(session: Annotated[Session, Resource(get_session)]) -> AsyncGenerator[Session]:
        yield session

    class Flow(Workflow):
        @step
        async def go(
            self,
            ev: StartEvent,
            session: Annotated[Session, Resource(get_session)],
            other: Annotated[Session, Resource(opened)],
        ) -> StopEvent:
            return StopEvent(result=session is other)

    assert await Flow().run() is True


async def test_a_name_that_is_nowhere_is_told_before_the_run() -> None:
    def get_session(client: Client) -> Client:
        return client

    get_session.__annotations__["client"] = "Annotated[Clint, Resource(get_client)]"

    class Flow(Workflow):
        @step
        async def go(self, ev: StartEvent, session: Annotated[Client, Resource(get_session)]) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowValidationError, match="'Clint' is not defined"):
        await Flow().run()
