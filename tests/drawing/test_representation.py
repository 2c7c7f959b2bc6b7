"""The graph as data: what is in it, how it's simplified, and its way through JSON."""

import json
from typing import Any

import pytest
from hypothesis import given

from tests.drawing.seed import Claims, HumanInTheLoopWorkflow
from tests.graph.test_properties import Drawn, compiled, graphs
from workflows import Workflow, catch_error, step
from workflows.errors import InvalidInput, UsageError, WorkflowConfigurationError
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
)
from workflows.representation import (
    WorkflowEventNode,
    WorkflowExternalNode,
    WorkflowGenericNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
    get_workflow_representation,
)
from workflows.representation.building import graph_of


def arrows(graph: WorkflowGraph) -> list[tuple[str, str, str | None]]:
    """The edges, by the labels of the nodes."""
    labels = {node.id: node.label for node in graph.nodes}
    return [(labels[edge.source], labels[edge.target], edge.label) for edge in graph.edges]


def event(graph: WorkflowGraph, label: str) -> WorkflowEventNode:
    (found,) = [node for node in graph.nodes if isinstance(node, WorkflowEventNode) and node.label == label]
    return found


def test_the_seed_workflow_goes_round_by_the_human() -> None:
    graph = get_workflow_representation(HumanInTheLoopWorkflow)
    assert graph.name == "HumanInTheLoopWorkflow"
    assert arrows(graph) == [
        ("StartEvent", "step1", None),
        ("step1", "InputRequiredEvent", None),
        ("HumanResponseEvent", "step2", None),
        ("step2", "StopEvent", None),
        ("InputRequiredEvent", "human", None),
        ("human", "HumanResponseEvent", None),
    ]


def test_an_instance_and_its_class_have_the_same_graph() -> None:
    for kind in (HumanInTheLoopWorkflow, Claims):
        assert get_workflow_representation(kind()) == get_workflow_representation(kind)


def test_joins_are_told_apart_by_labels() -> None:
    assert arrows(get_workflow_representation(Claims)) == [
        ("Month", "read", None),
        ("read", "Sent", None),
        ("read", "Claim", "list"),
        ("Claim", "check", None),
        ("check", "Checked", None),
        ("check", "Refused", None),
        ("Checked", "add_up", "list, first 9"),
        ("Refused", "add_up", "list, first 9"),
        ("add_up", "StopEvent", None),
        ("Sent", "note", "2 together"),
    ]


class Ordered(Event, name="ordered"):
    pass


class Orders(Workflow):
    """Has two handlers: one for a step that it names, and one for the others."""

    @step
    async def order(self, ev: StartEvent) -> Ordered:
        return Ordered()

    @step
    async def ship(self, ev: Ordered) -> StopEvent:
        raise ConnectionError

    @catch_error(for_steps=["ship"])
    async def ship_later(self, failed: StepFailedEvent) -> StopEvent:
        return StopEvent()

    @catch_error
    async def say_sorry(self, failed: StepFailedEvent) -> StopEvent:
        return StopEvent()


def test_each_of_several_handlers_is_connected_to_the_steps_that_it_is_for() -> None:
    graph = get_workflow_representation(Orders)
    edges = {(edge.source, edge.target, edge.label) for edge in graph.edges}
    name = StepFailedEvent.__event_name__
    assert {edge for edge in edges if name in str(edge)} == {
        ("step:order", f"event:{name}#say_sorry", "fails"),
        (f"event:{name}#say_sorry", "step:say_sorry", None),
        ("step:ship", f"event:{name}#ship_later", "fails"),
        (f"event:{name}#ship_later", "step:ship_later", None),
    }
    failed = [node for node in graph.nodes if node.label == "StepFailedEvent"]
    assert [node.id for node in failed] == [f"event:{name}#ship_later", f"event:{name}#say_sorry"]
    assert set(arrows(graph.filter_by_node_type("event"))) == {
        ("order", "ship", "Ordered"),
        ("order", "say_sorry", "StepFailedEvent"),
        ("ship", "ship_later", "StepFailedEvent"),
    }


def test_handlers_share_a_node_where_others_take_the_event_or_return_it() -> None:
    class Curious(Orders):
        @step(skip_graph_checks=["dead_end", "reachability"])
        async def look(self, failed: StepFailedEvent) -> None:
            return None

    class Passing(Orders):
        @catch_error
        async def say_sorry(self, failed: StepFailedEvent) -> StepFailedEvent:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # it's another step
            return failed

    for kind in (Curious, Passing):
        graph = get_workflow_representation(kind)
        assert event(graph, "StepFailedEvent").id == f"event:{StepFailedEvent.__event_name__}"
        assert ("order", "StepFailedEvent", "fails") in arrows(graph)


def test_nodes_carry_docstrings_and_classes() -> None:
    graph = get_workflow_representation(Claims)
    assert graph.description == "Check the claims of a month.\n\nAnd more of that."
    steps = {node.label: node.description for node in graph.nodes if isinstance(node, WorkflowStepNode)}
    assert steps == {"read": "Split the month into claims.", "check": None, "add_up": None, "note": None}
    month = event(graph, "Month")
    assert month.id == "event:month"
    assert month.event_types == ["Month", "StartEvent", "Event"]
    assert month.is_subclass_of("Claim", "StartEvent")
    assert not month.is_subclass_of("StopEvent")
    assert month.produced_by == []
    assert event(graph, "Checked").produced_by == ["check"]


def test_an_event_has_the_schema_of_its_declared_fields() -> None:
    assert event(get_workflow_representation(Claims), "Month").event_schema == {
        "title": "Month",
        "type": "object",
        "properties": {"claims": {"type": "array", "items": {"type": "integer"}}},
        "required": ["claims"],
        "additionalProperties": False,
    }
    assert event(get_workflow_representation(HumanInTheLoopWorkflow), "StartEvent").event_schema == {
        "title": "StartEvent",
        "type": "object",
        "properties": {},
        "additionalProperties": True,
    }


def test_a_graph_that_is_not_valid_can_be_looked_at() -> None:
    class Lost(Event):
        pass

    class Broken(Workflow):
        @step
        async def first(self, ev: StartEvent) -> Lost | None:
            return None

        @step
        async def last(self, ev: Event) -> StopEvent:
            return StopEvent()

    assert arrows(get_workflow_representation(Broken)) == [
        ("StartEvent", "first", None),
        ("first", "Lost", None),
        ("Event", "last", None),
        ("last", "StopEvent", None),
    ]


def test_free_functions_are_steps_of_the_class_too() -> None:
    class Bare(Workflow):
        pass

    with pytest.raises(WorkflowConfigurationError, match="no steps"):
        get_workflow_representation(Bare)

    @step(workflow=Bare)
    async def only(ev: StartEvent) -> StopEvent:
        return StopEvent()

    assert arrows(get_workflow_representation(Bare)) == [("StartEvent", "only", None), ("only", "StopEvent", None)]


def test_what_is_no_workflow_is_refused() -> None:
    for thing in (None, 3, "HumanInTheLoopWorkflow"):
        with pytest.raises(UsageError, match="is no workflow"):
            get_workflow_representation(thing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # it's what is tested


def test_a_label_is_cut_to_a_length() -> None:
    node = WorkflowStepNode(id="step:a", label="classify")
    assert [node.truncated_label(length) for length in (9, 8, 7, 1)] == ["classify", "classify", "classi*", "*"]
    with pytest.raises(ValueError, match="length of 1 or more"):
        node.truncated_label(0)


# --- simplified -------------------------------------------------------------------------------------------------------


def test_ways_through_removed_nodes_become_edges_with_the_name_of_the_first() -> None:
    graph = get_workflow_representation(Claims).filter_by_node_type("event")
    assert [node.label for node in graph.nodes] == ["read", "check", "add_up", "note"]
    assert arrows(graph) == [
        ("read", "note", "Sent"),
        ("read", "check", "Claim"),
        ("check", "add_up", "Checked"),
        ("check", "add_up", "Refused"),
    ]


def test_ways_lead_past_several_removed_nodes_and_rings_of_them() -> None:
    def node(name: str, kind: str) -> WorkflowGenericNode:
        return WorkflowGenericNode(id=name, label=name, node_type=kind)

    def edges(*names: str) -> list[WorkflowGraphEdge]:
        return [WorkflowGraphEdge(source=name[0], target=name[1]) for name in names]

    nodes = [node("a", "stays"), node("b", "goes"), node("c", "goes"), node("d", "stays")]
    graph = WorkflowGraph(name="ring", nodes=list(nodes), edges=edges("ab", "bc", "cb", "bb", "cd", "ca", "ad"))
    assert arrows(graph.filter_by_node_type("goes")) == [("a", "d", "b"), ("a", "a", "b"), ("a", "d", None)]
    assert graph.filter_by_node_type() == graph


@given(graphs())
def test_without_events_a_step_leads_to_those_that_take_what_it_returns(steps: list[Drawn]) -> None:
    program = compiled(steps)
    graph = graph_of(program).filter_by_node_type("event", "external")
    wanted = {
        (one.name, other.name, found.__name__)
        for one in program.steps.values()
        for found in one.returns
        for other in program.takers(found)
        if not issubclass(found, StopEvent)
    }
    for one in program.steps.values():  # a person's answer to what a step asked
        for found in one.returns:
            if issubclass(found, InputRequiredEvent):
                answers = [kind for kind in program.events if issubclass(kind, HumanResponseEvent)]
                takers = [taker.name for kind in answers for taker in program.takers(kind)]
                wanted |= {(one.name, name, found.__name__) for name in takers}
    assert set(arrows(graph)) == wanted


# --- agreement with the program ---------------------------------------------------------------------------------------


@given(graphs())
def test_every_declared_edge_is_there_and_no_other(steps: list[Drawn]) -> None:
    program = compiled(steps)
    graph = graph_of(program)
    taken = {(found.__name__, one.name) for one in steps for found in program.events if one.takes(found)}
    taken = {(found, name) for found, name in taken if found != "StopEvent"}
    given_ = {(one.name, found.__name__) for one in steps for found in one.gives()}
    asked = {(kind.__name__, "human") for kind in program.events if issubclass(kind, InputRequiredEvent)}
    told = {("human", kind.__name__) for kind in program.events if issubclass(kind, HumanResponseEvent)}
    assert len(graph.edges) == len(set(graph.edges))
    assert {(source, target) for source, target, _ in arrows(graph)} == taken | given_ | asked | told
    assert [node.label for node in graph.nodes if isinstance(node, WorkflowStepNode)] == [one.name for one in steps]
    external = [node for node in graph.nodes if isinstance(node, WorkflowExternalNode)]
    assert len(external) == bool(asked | told)
    assert len({node.id for node in graph.nodes}) == len(graph.nodes)


# --- through JSON -----------------------------------------------------------------------------------------------------


@given(graphs())
def test_a_graph_comes_back_from_json(steps: list[Drawn]) -> None:
    graph = graph_of(compiled(steps), "A description.")
    assert WorkflowGraph.from_dict(json.loads(json.dumps(graph.to_dict()))) == graph


def test_nodes_of_every_type_come_back_as_what_they_were() -> None:
    graph = WorkflowGraph(
        name="all",
        nodes=[
            WorkflowStepNode(id="s", label="s", description="d"),
            WorkflowEventNode(id="e", label="e", event_type="E", event_types=["E"], produced_by=["s"]),
            WorkflowExternalNode(id="h", label="h"),
            WorkflowResourceNode(id="r", label="r", type_name="R", getter_name="get", source_file="a", source_line=3),
            WorkflowResourceConfigNode(id="c", label="c", config_file="c.json", config_value={"a": [1, None]}),
            WorkflowGenericNode(id="g", label="g", node_type="agent", event_types=["A"]),
        ],
        edges=[WorkflowGraphEdge(source="s", target="e", label="list")],
    )
    again = WorkflowGraph.from_dict(json.loads(json.dumps(graph.to_dict())))
    assert again == graph
    assert [type(node) for node in again.nodes] == [type(node) for node in graph.nodes]
    generic = again.nodes[-1]
    assert isinstance(generic, WorkflowGenericNode)
    assert generic.is_subclass_of("A")
    assert not generic.is_subclass_of("B")


GOOD: dict[str, Any] = get_workflow_representation(HumanInTheLoopWorkflow).to_dict()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (None, "A graph is what"),
        ({}, "A graph is what"),
        ({**GOOD, "nodes": {}}, "A graph is what"),
        ({**GOOD, "nodes": [3]}, r"\$\.nodes\[0\]"),
        ({**GOOD, "nodes": [{"id": "a", "label": "b"}]}, r"node_type: is missing"),
        ({**GOOD, "nodes": [{**GOOD["nodes"][0], "node_type": ["step"]}]}, r"node_type"),
        ({**GOOD, "nodes": [{**GOOD["nodes"][0], "more": 1}]}, r"\.more: WorkflowStepNode has no such field"),
        ({**GOOD, "edges": [{"source": "a"}]}, r"\$\.edges\[0\]\.target: is missing"),
        ({**GOOD, "name": 7}, r"\$\.name: expected text"),
    ],
)
def test_what_is_no_graph_is_refused_with_the_place(bad: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        WorkflowGraph.from_dict(bad)
