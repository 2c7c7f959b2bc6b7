"""Resources in graphs and pictures: a node for each, with edges to steps and to what is made of it."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import attrs
import pytest

from tests.drawing.test_representation import arrows
from workflows import Workflow, step
from workflows.drawing import draw_dot, draw_html, draw_mermaid
from workflows.events import Event, StartEvent, StopEvent
from workflows.representation import (
    WorkflowGraph,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
    get_workflow_representation,
)
from workflows.resource import Resource, ResourceConfig, ResourceDefinition


@attrs.frozen
class Limits:
    cents: int
    names: list[str] = attrs.field(factory=list[str])


class Ledger:
    """Who paid what."""


def get_user() -> str:
    return "ada"


@asynccontextmanager
async def open_bank(
    user: Annotated[str, Resource(get_user)], limits: Annotated[Limits, ResourceConfig("bank.toml", "limits")]
) -> AsyncGenerator[dict[str, str]]:
    """A line to the bank.

    Closed with the run.
    """
    yield {"user": user}


class Paid(Event):
    pass


class Paying(Workflow):
    @step
    async def pay(
        self,
        ev: StartEvent,
        bank: Annotated[dict[str, str], Resource(open_bank)],
        limits: Annotated[Limits, ResourceConfig("bank.toml", "limits", label="limits", description="How much.")],
    ) -> Paid:
        return Paid()

    @step
    async def note(
        self,
        ev: Paid,
        line: Annotated[dict[str, str], Resource(open_bank)],
        ledger: Annotated[Ledger, Resource(partial(Ledger))],
    ) -> StopEvent:
        return StopEvent()


GRAPH = get_workflow_representation(Paying)


def named(graph: WorkflowGraph) -> list[tuple[str, str, str | None]]:
    """The edges of resources, by ids."""
    edges = [(edge.source, edge.target, edge.label) for edge in graph.edges]
    return [edge for edge in edges if edge[0].startswith("resource:")]


def test_a_resource_is_one_node_with_an_edge_to_each_that_is_given_it() -> None:
    assert named(GRAPH) == [
        ("resource:open_bank", "step:pay", "bank"),
        ("resource:get_user", "resource:open_bank", "user"),
        ("resource:bank.toml.limits", "resource:open_bank", "limits"),
        ("resource:bank.toml.limits", "step:pay", "limits"),
        ("resource:open_bank", "step:note", "line"),
        ("resource:Ledger", "step:note", "ledger"),
    ]
    assert len({node.id for node in GRAPH.nodes}) == len(GRAPH.nodes)
    assert get_workflow_representation(Paying()) == GRAPH
    assert WorkflowGraph.from_dict(json.loads(json.dumps(GRAPH.to_dict()))) == GRAPH


def test_a_node_tells_of_the_factory_that_somebody_wrote() -> None:
    nodes = {node.id: node for node in GRAPH.nodes}
    bank = nodes["resource:open_bank"]
    assert isinstance(bank, WorkflowResourceNode)
    assert (bank.label, bank.getter_name, bank.type_name) == ("open_bank", "open_bank", "dict[str, str]")
    assert bank.description == "A line to the bank.\n\nClosed with the run."
    assert bank.source_file == "tests/drawing/test_resources.py"
    assert bank.source_line is not None
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()[bank.source_line - 1 :][:2]
    assert any("def open_bank" in line for line in lines)
    ledger = nodes["resource:Ledger"]
    assert isinstance(ledger, WorkflowResourceNode)
    assert (ledger.type_name, ledger.description, ledger.source_line) == ("Ledger", "Who paid what.", None)


@pytest.mark.parametrize(
    ("path", "module", "shown"),
    [
        ("/home/ada/shop/money/banks.py", "shop.money.banks", "shop/money/banks.py"),
        ("/home/ada/shop/money/__init__.py", "shop.money", "shop/money/__init__.py"),
        ("/home/ada/banks.py", "banks", "banks.py"),
        ("/home/ada/main.py", "__main__", "main.py"),
        ("/home/ada/made.py", "shop.money.banks", "made.py"),
        ("<stdin>", "__main__", "<stdin>"),
        ("", "shop", ""),
    ],
)
def test_a_file_is_told_of_from_its_top_package_on(path: str, module: str, shown: str) -> None:
    """Where a machine has it is nobody's business, and differs from machine to machine."""
    scope: dict[str, Any] = {"__name__": module}
    exec(compile("def get() -> int:\n    return 1", path, "exec"), scope)

    class Told(Workflow):
        @step
        async def only(self, ev: StartEvent, number: Annotated[int, Resource(scope["get"])]) -> StopEvent:
            raise NotImplementedError

    (node,) = (node for node in get_workflow_representation(Told).nodes if isinstance(node, WorkflowResourceNode))
    assert node.source_file == shown


def test_a_node_of_a_file_tells_where_it_is_and_never_what_it_says(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"cents": 4711}', encoding="utf-8")

    class Configured(Workflow):
        @step
        async def only(
            self,
            ev: StartEvent,
            limits: Annotated[Limits, ResourceConfig(secret, label="the limits", description="How much.")],
            plain: Annotated[dict[str, int], ResourceConfig(secret)],
        ) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Configured)
    limits, plain = (node for node in graph.nodes if isinstance(node, WorkflowResourceConfigNode))
    assert (limits.label, limits.description, limits.type_name) == ("the limits", "How much.", "Limits")
    assert (limits.config_file, limits.path_selector) == (str(secret), None)
    assert limits.config_schema is not None
    assert list(limits.config_schema["properties"]) == ["cents", "names"]
    assert (plain.id, plain.label) == (f"{limits.id}#2", str(secret))  # the same part, made into something else
    assert (plain.type_name, plain.config_schema) == ("dict[str, int]", None)
    assert "4711" not in json.dumps(graph.to_dict())


def test_what_one_marker_of_a_file_says_of_it_counts_for_all() -> None:
    (limits,) = [node for node in GRAPH.nodes if isinstance(node, WorkflowResourceConfigNode)]
    assert (limits.id, limits.label, limits.description) == ("resource:bank.toml.limits", "limits", "How much.")


def test_factories_of_one_name_are_two_nodes() -> None:
    def factory(value: int) -> Any:
        def get_it() -> int:
            return value

        return get_it

    class Twice(Workflow):
        @step
        async def only(
            self, ev: StartEvent, a: Annotated[int, Resource(factory(1))], b: Annotated[int, Resource(factory(2))]
        ) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Twice)
    resources = [node for node in graph.nodes if isinstance(node, WorkflowResourceNode)]
    assert [node.label for node in resources] == ["get_it", "get_it"]
    assert resources[1].id == f"{resources[0].id}#2"


def test_resources_that_need_each_other_and_factories_that_want_too_much_can_be_looked_at() -> None:
    def get_first(second: int) -> int:
        return second

    def get_second(first: Annotated[int, Resource(get_first)]) -> int:
        return first

    get_first.__annotations__["second"] = Annotated[int, Resource(get_second)]

    def get_lost(unknown: int) -> int:
        return unknown

    class Broken(Workflow):
        @step
        async def only(
            self,
            ev: StartEvent,
            one: Annotated[int, Resource(get_first)],
            lost: Annotated[int, Resource(get_lost)],
        ) -> StopEvent:
            return StopEvent()

    assert [edge for edge in arrows(get_workflow_representation(Broken)) if edge[2] is not None] == [
        ("get_first", "only", "one"),
        ("get_second", "get_first", "second"),
        ("get_first", "get_second", "first"),
        ("get_lost", "only", "lost"),
    ]


class Own:
    """A marker of a user's own."""

    name = "own"
    cache = True

    async def resolve(self, resource_manager: Any) -> int:
        return 3

    def set_type_annotation(self, type_annotation: Any) -> None:
        pass

    def set_localns(self, localns: Mapping[str, Any]) -> None:
        pass

    def get_dependencies(self) -> Sequence[ResourceDefinition]:
        return ()


def test_a_marker_of_ones_own_is_a_node_by_its_name() -> None:
    class Using(Workflow):
        @step
        async def only(self, ev: StartEvent, own: Annotated[int, Own()]) -> StopEvent:
            return StopEvent()

    (node,) = [node for node in get_workflow_representation(Using).nodes if isinstance(node, WorkflowResourceNode)]
    assert node == WorkflowResourceNode(id="resource:own", label="own", type_name="int")


def test_resources_are_drawn_and_left_out_like_other_nodes() -> None:
    assert '[("open_bank")]' in draw_mermaid(Paying)
    assert draw_dot(Paying).count("shape=cylinder") == 4
    without = GRAPH.filter_by_node_type("resource", "resource_config")
    assert not named(without)
    assert [node.label for node in without.nodes if isinstance(node, WorkflowStepNode)] == ["pay", "note"]


def test_a_page_lists_resources_with_their_types_and_what_they_are() -> None:
    pytest.importorskip("pygraphviz")
    page = draw_html(Paying)
    assert "<td>limits</td><td>Limits</td><td>How much.</td>" in page  # though the first marker doesn't say so
    assert "<td>open_bank</td><td>dict[str, str]</td><td>A line to the bank." in page
