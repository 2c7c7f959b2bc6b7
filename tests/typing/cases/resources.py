"""A resource has the type that it's annotated with, and its markers take only what they can use."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, assert_type

from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.resource import Resource, ResourceConfig, ResourceDefinition, ResourceDescriptor, ResourceManager


class Client:
    def fetch(self) -> str:
        return ""


def get_client() -> Client:
    return Client()


@asynccontextmanager
async def opened(client: Annotated[Client, Resource(get_client)]) -> AsyncGenerator[Client]:
    assert_type(client, Client)
    yield client


class Flow(Workflow):
    @step
    async def go(
        self,
        ev: StartEvent,
        client: Annotated[Client, Resource(get_client)],
        other: Annotated[Client, Resource(opened, cache=False)],
        limits: Annotated[dict[str, int], ResourceConfig("limits.toml", path_selector="limits", label="Limits")],
    ) -> StopEvent:
        assert_type(client, Client)
        assert_type(limits, dict[str, int])
        other.fetch(3)  # expect: error
        return StopEvent(result=client.fetch())


async def fine() -> None:
    manager = ResourceManager()
    assert_type(await manager.get(Resource(get_client)), Any)
    assert_type(manager.get_all(), dict[str, Any])
    await manager.set("get_client", Client())
    async with manager.resolution_scope():
        await manager.get(Resource(opened))
    with manager.resolution_scope():
        await manager.get(ResourceConfig("limits.json"))
    flow = Flow(resource_manager=manager)
    assert_type(flow.validate(validate_resource_configs=False, validate_resources=True), bool)
    markers: list[ResourceDescriptor] = [Resource(get_client), ResourceConfig("limits.json")]
    ResourceDefinition("client", markers[0], Client)


async def wrong() -> None:
    Resource()  # expect: error
    Resource(3)  # expect: error
    Resource("get_client")  # expect: error
    Resource(get_client, cache="no")  # expect: error
    ResourceConfig()  # expect: error
    ResourceConfig(3)  # expect: error
    ResourceConfig("limits.json", 3)  # expect: error
    await ResourceManager().get(get_client)  # expect: error
    Flow(resource_manager={})  # expect: error
    Flow().validate(True)  # expect: error
