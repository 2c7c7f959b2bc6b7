"""What `validate()` says of resources, and what a signature says of them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest

from workflows import Context, Workflow, step
from workflows.errors import UsageError, WorkflowValidationError
from workflows.events import StartEvent, StopEvent
from workflows.graph import read_step
from workflows.resource import Resource, ResourceConfig, ResourceManager


class Client:
    """Something that only a resource gives."""


def wanting(*annotations: Any) -> type[Workflow]:
    """A workflow with a step for each of these."""

    def of(annotation: Any, number: int) -> Callable[..., Any]:
        async def go(self: Any, ev: StartEvent, it: Any) -> StopEvent:
            return StopEvent()

        go.__qualname__ = f"Wanting.go{number}"
        go.__annotations__["it"] = annotation
        return step(go)

    steps = {f"go{number}": of(annotation, number) for number, annotation in enumerate(annotations)}
    return type("Wanting", (Workflow,), steps)


def test_all_problems_of_configs_and_factories_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text('{"size": "big", "name": 1}', encoding="utf-8")
    calls: list[str] = []

    def failing() -> Client:
        calls.append("failing")
        raise ConnectionError("no route")

    def made_of_it(it: Annotated[Client, Resource(failing)]) -> Client:
        return it

    def unfit(it: int) -> Client:
        return Client()

    flow = wanting(
        Annotated[Client, Resource(made_of_it)],
        Annotated[int, ResourceConfig(str(tmp_path / "app.json"), "size")],
        Annotated[int, ResourceConfig(str(tmp_path / "app.json"), "nothing")],
        Annotated[int, ResourceConfig(str(tmp_path / "none.toml"))],
        Annotated[Client, Resource(unfit)],
    )
    with pytest.raises(WorkflowValidationError) as caught:
        flow().validate(validate_resources=True)
    told = caught.value.problems
    assert len(told) == 5
    assert sum("ConnectionError: no route" in problem for problem in told) == 1
    assert any("app.json.size: $.size: " in problem for problem in told)
    assert any("has no 'nothing'" in problem for problem in told)
    assert any("FileNotFoundError" in problem for problem in told)
    assert any("it: int" in problem for problem in told)
    assert calls == ["failing"]


def test_files_are_read_by_default_and_factories_called_on_request_only(tmp_path: Path) -> None:
    calls: list[str] = []

    def get_client() -> Client:
        calls.append("get_client")
        return Client()

    missing = Annotated[int, ResourceConfig(str(tmp_path / "none.json"))]
    flow = wanting(missing, Annotated[Client, Resource(get_client)])()
    with pytest.raises(WorkflowValidationError, match="FileNotFoundError"):
        flow.validate()
    assert flow.validate(validate_resource_configs=False) is False
    assert calls == []
    assert flow.validate(validate_resource_configs=False, validate_resources=True) is False
    assert calls == ["get_client"]
    assert flow.resource_manager.get_all() == {}


def test_what_somebody_has_set_is_not_tried() -> None:
    def failing() -> Client:
        raise ConnectionError("no route")

    manager = ResourceManager()
    anyio.run(manager.set, Resource(failing).name, Client())
    wanting(Annotated[Client, Resource(failing)])(resource_manager=manager).validate(validate_resources=True)


def test_async_factories_are_called_in_a_loop_of_their_own_and_open_ones_closed_again() -> None:
    calls: list[str] = []

    async def get_client() -> Client:
        await anyio.lowlevel.checkpoint()
        calls.append("get_client")
        return Client()

    @asynccontextmanager
    async def opened(client: Annotated[Client, Resource(get_client)]) -> AsyncGenerator[Client]:
        calls.append("open")
        yield client
        calls.append("close")

    flow = wanting(Annotated[Client, Resource(opened)], Annotated[Client, Resource(get_client)])
    flow().validate(validate_resources=True)
    assert calls == ["get_client", "open", "close"]


@pytest.mark.anyio
async def test_inside_an_event_loop_async_factories_are_refused_with_the_remedy() -> None:
    async def get_client() -> Client:
        return Client()

    flow = wanting(Annotated[Client, Resource(get_client)])()

    def check() -> bool:
        return flow.validate(validate_resources=True)

    with pytest.raises(UsageError, match=r"can't await .*get_client"):
        check()
    assert await anyio.to_thread.run_sync(check) is False
    assert wanting(Annotated[Client, Resource(Client)])().validate(validate_resources=True) is False


@pytest.mark.anyio
async def test_a_run_reads_no_file_before_a_step_needs_it(tmp_path: Path) -> None:
    path = tmp_path / "app.json"
    flow = wanting(Annotated[int, ResourceConfig(str(path))])()
    handler = flow.run()
    path.write_text("3", encoding="utf-8")
    await handler


# --- signatures -------------------------------------------------------------------------------------------------------


class Anywhere:
    @step
    async def go(
        self,
        first: Annotated[Client, Resource(Client)],
        ev: StartEvent,
        second: Annotated[Client | None, "a note", Resource(Client, cache=False)],
        ctx: Context[Any],
        *,
        third: Annotated[Client, Resource(Client)] | None,
    ) -> StopEvent:
        return StopEvent(result=(first, second, third))


def test_the_graph_knows_which_parameters_are_given_resources() -> None:
    spec = read_step("go", Anywhere.go)
    assert [found.name for found in spec.resources] == ["first", "second", "third"]
    assert [found.resource.cache for found in spec.resources] == [True, False, True]
    assert spec.resources[0].type_annotation is Client
    assert spec.accepts == (StartEvent,)
    assert spec.context_parameter == "ctx"


def test_an_event_class_can_be_given_as_a_resource_too() -> None:
    class Flow:
        @step
        async def go(self, ev: StartEvent, default: Annotated[StopEvent, Resource(StopEvent)]) -> StopEvent:
            return default

    assert read_step("go", Flow.go).accepts == (StartEvent,)


def test_wrong_markers_are_told() -> None:
    for annotation, told in [
        (Annotated[Client, Resource], "has Resource itself beside 'it'"),
        (Annotated[int, ResourceConfig], "has ResourceConfig itself beside 'it'"),
        (Annotated[Client, Resource(Client), Resource(list)], "has 2 resources beside 'it'"),
        (Client, "Annotated[Client, Resource(factory)]"),
    ]:
        with pytest.raises(WorkflowValidationError) as caught:
            wanting(annotation)
        assert told in str(caught.value)
