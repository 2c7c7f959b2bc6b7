"""`ResourceConfig`: parts of files, read when they're needed and checked against the annotated type."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
import attrs
import pytest

from workflows import Workflow, step
from workflows.errors import InvalidInput, WorkflowValidationError
from workflows.events import StartEvent, StopEvent
from workflows.resource import Resource, ResourceConfig, ResourceDescriptor, ResourceManager

pytestmark = pytest.mark.anyio


@attrs.frozen
class Database:
    host: str
    port: int = 5432


@dataclass
class Limits:
    seconds: float
    names: list[str]


DATA = {
    "database": {"host": "db", "replicas": [{"host": "one"}, {"host": "two", "port": 1}]},
    "limits": {"seconds": 2, "names": ["a"]},
    "sizes": {"small": 1},
}
TOML = """
[database]
host = "db"
[[database.replicas]]
host = "one"
[[database.replicas]]
host = "two"
port = 1
[limits]
seconds = 2.0
names = ["a"]
[sizes]
small = 1
"""


@pytest.fixture(params=["app.json", "app.toml"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / str(request.param)
    path.write_text(json.dumps(DATA) if path.suffix == ".json" else TOML, encoding="utf-8")
    return str(path)


async def given(annotation: Any) -> Any:
    """What a step with a parameter of this annotation is given."""

    async def go(self: Any, ev: StartEvent, found: Any) -> StopEvent:
        return StopEvent(result=found)

    go.__qualname__ = "Flow.go"
    go.__annotations__["found"] = annotation
    flow: Any = type("Flow", (Workflow,), {"go": step(go)})
    return await flow().run()


async def test_a_part_of_a_file_is_made_into_the_annotated_type(config: str) -> None:
    replicas = await given(Annotated[list[Database], ResourceConfig(config, "database.replicas")])
    assert replicas == [Database("one"), Database("two", 1)]
    assert await given(Annotated[Database, ResourceConfig(config, "database.replicas.1")]) == Database("two", 1)
    assert await given(Annotated[Limits, ResourceConfig(config, "limits")]) == Limits(2.0, ["a"])
    assert await given(Annotated[dict[str, int], ResourceConfig(config, path_selector="sizes")]) == {"small": 1}
    assert await given(Annotated[dict[str, Any], ResourceConfig(config)]) == DATA
    assert await given(Annotated[str, ResourceConfig(config, "database.host")]) == "db"
    assert await ResourceManager().get(ResourceConfig(config, "sizes")) == {"small": 1}


async def test_a_part_is_made_into_a_pydantic_model(config: str) -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", host=(str, ...), replicas=(list[dict[str, Any]], ...))
    found = await given(Annotated[model, ResourceConfig(config, "database")])
    assert isinstance(found, model)
    with pytest.raises(InvalidInput, match=r"\$\.sizes\.host"):
        await given(Annotated[model, ResourceConfig(config, "sizes")])


async def test_one_marker_at_two_parameters_gives_each_its_own_type(config: str) -> None:
    marker = ResourceConfig(config, "limits")

    class Flow(Workflow):
        @step
        async def go(
            self, ev: StartEvent, one: Annotated[Limits, marker], two: Annotated[dict[str, Any], marker]
        ) -> StopEvent:
            return StopEvent(result=(one, two))

    assert await Flow().run() == (Limits(2.0, ["a"]), DATA["limits"])


async def test_a_file_is_read_when_it_is_first_needed_and_only_then(config: str) -> None:
    class Flow(Workflow):
        @step
        async def go(
            self, ev: StartEvent, sizes: Annotated[dict[str, int], ResourceConfig(config, "sizes")]
        ) -> StopEvent:
            return StopEvent(result=sizes)

    path = anyio.Path(config)
    kept = await path.read_text(encoding="utf-8")
    await path.unlink()
    flow = Flow()
    await path.write_text(kept, encoding="utf-8")
    assert await flow.run() == {"small": 1}
    await path.unlink()
    assert await flow.run() == {"small": 1}


async def test_a_factory_is_made_of_a_file(config: str) -> None:
    def connect(database: Annotated[Database, ResourceConfig(config, "database.replicas.0")]) -> str:
        return f"{database.host}:{database.port}"

    assert await given(Annotated[str, Resource(connect)]) == "one:5432"


async def test_a_missing_file_is_told_where_it_is_used(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await given(Annotated[Database, ResourceConfig(str(tmp_path / "none.json"))])
    assert any("looked for at" in note for note in caught.value.__notes__)
    assert any("none.json" in note and "was made" in note for note in caught.value.__notes__)


async def test_a_part_that_is_not_there_is_told_with_what_is(config: str) -> None:
    for selector, told in [
        ("databse.host", "there's no 'databse' at $, which has 'database', 'limits', 'sizes'."),
        ("database.replicas.2", "there's no '2' at $.database.replicas, which is a list of 2."),
        ("database.replicas.-1", "which is a list of 2."),
        ("database.host.name", "there's no 'name' at $.database.host, which is 'db'."),
    ]:
        with pytest.raises(ValueError, match=r"has no") as caught:
            await given(Annotated[Any, ResourceConfig(config, selector)])
        assert told in str(caught.value)


async def test_what_does_not_fit_is_told_all_at_once_with_its_places(config: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await given(Annotated[list[Limits], ResourceConfig(config, "database.replicas")])
    assert len(caught.value.problems) == 7  # two are missing in each, and three are unknown
    assert all(problem.startswith("$.database.replicas[") for problem in caught.value.problems)


async def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    for name in ("broken.json", "broken.toml"):
        (tmp_path / name).write_text("{ broken", encoding="utf-8")
        with pytest.raises(ValueError, match="can't be read"):
            await given(Annotated[Any, ResourceConfig(str(tmp_path / name))])


async def test_other_kinds_of_files_and_selectors_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"neither a \.json nor a \.toml"):
        ResourceConfig("settings.yaml")
    wrong: Any = 3
    with pytest.raises(WorkflowValidationError, match="has the selector 3"):
        ResourceConfig("settings.json", wrong)


async def test_a_config_keeps_what_is_shown_of_it() -> None:
    marker: ResourceDescriptor = ResourceConfig("settings.json", "a.b", label="Settings", description="All of them")
    assert isinstance(marker, ResourceConfig)
    assert (marker.name, marker.cache, marker.label, marker.description) == (
        "settings.json.a.b",
        True,
        "Settings",
        "All of them",
    )
