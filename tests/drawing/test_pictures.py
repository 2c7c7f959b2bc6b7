"""Pictures: those of the seed workflow as they stand, nothing lost on the way, and no name that can break out."""

import re
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.drawing.seed import Claims, HumanInTheLoopWorkflow
from tests.graph.test_properties import Drawn, compiled, graphs
from workflows.drawing import draw_dot, draw_html, draw_mermaid, draw_svg
from workflows.errors import MissingExtra
from workflows.graph.drawing import words
from workflows.graph.drawing.words import shown
from workflows.representation import (
    WorkflowEventNode,
    WorkflowGenericNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowStepNode,
    get_workflow_representation,
)
from workflows.representation.building import graph_of

SEED_MERMAID = """\
flowchart TD
    n0["step1"]
    n1["step2"]
    n2(["StartEvent"])
    n3(["InputRequiredEvent"])
    n4(["HumanResponseEvent"])
    n5(["StopEvent"])
    n6(("human"))
    n2 --> n0
    n0 --> n3
    n4 --> n1
    n1 --> n5
    n3 --> n6
    n6 --> n4
    classDef step fill:#e0e7ff,stroke:#4f46e5,color:#1e1b4b
    classDef start fill:#dcfce7,stroke:#16a34a,color:#14532d
    classDef stop fill:#fee2e2,stroke:#dc2626,color:#7f1d1d
    classDef question fill:#fef9c3,stroke:#ca8a04,color:#713f12
    classDef answer fill:#fef9c3,stroke:#ca8a04,color:#713f12
    classDef external fill:#ffffff,stroke:#ca8a04,color:#713f12
    class n0,n1 step
    class n2 start
    class n5 stop
    class n3 question
    class n4 answer
    class n6 external
"""

HOSTILE = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\"\\<>&;#%`[](){}|\n\r\t\0\u2028\u202e'-=$N"), st.sampled_from("\ud800\udfff")
    ),
    min_size=1,
    max_size=30,
)
NASTY = (
    '"]; click n0 "javascript:alert(1)"',
    "</title><script>alert(1)</script>",
    '\\N\\G\\"',
    "%%{init: {}}%%",
    "end",
    "&amp;&#x41;]]>",
    "a\nb --> c",
)


@st.composite
def hostile_graphs(draw: st.DrawFn) -> WorkflowGraph:
    """Draw a graph whose every text is what somebody might write who means harm."""
    count = draw(st.integers(1, 4))
    names = draw(st.lists(HOSTILE, min_size=count, max_size=count))
    nodes: list[Any] = []
    for number, name in enumerate(names):
        kind = draw(st.integers(0, 2))
        ident = f"{number}:{draw(HOSTILE)}"
        if kind == 0:
            nodes.append(WorkflowStepNode(id=ident, label=name, description=draw(HOSTILE)))
        elif kind == 1:
            schema = {"properties": {draw(HOSTILE): {"type": draw(HOSTILE)}}}
            nodes.append(
                WorkflowEventNode(id=ident, label=name, event_type=name, event_types=[name], event_schema=schema)
            )
        else:
            nodes.append(WorkflowGenericNode(id=ident, label=name, node_type=draw(HOSTILE)))
    ends = st.sampled_from([node.id for node in nodes])
    edge = st.builds(WorkflowGraphEdge, source=ends, target=ends, label=st.none() | HOSTILE)
    return WorkflowGraph(
        name=draw(HOSTILE), nodes=nodes, edges=draw(st.lists(edge, max_size=5)), description=draw(HOSTILE)
    )


def one_node(label: str) -> WorkflowGraph:
    return WorkflowGraph(
        name=label,
        nodes=[WorkflowStepNode(id=label, label=label, description=label)],
        edges=[WorkflowGraphEdge(source=label, target=label, label=label)],
        description=label,
    )


def short(text: str) -> str:
    """A text as a picture shows it."""
    return words.cut(shown(text))


# --- Mermaid ----------------------------------------------------------------------------------------------------------

LABEL = r'"((?:[^"<>&;#%`\[\]{}|\\]|#\d+;|<br/>)*)"'
NODE = re.compile(rf"    (n\d+)(?:\[{LABEL}\]|\(\[{LABEL}\]\)|\(\({LABEL}\)\)|\[\({LABEL}\)\])")
EDGE = re.compile(rf"    (n\d+) -\.?->(?:\|{LABEL}\|)? (n\d+)|    (n\d+) -->(?:\|{LABEL}\|)? (n\d+)")
CLASS = re.compile(r"    classDef \w+ [\w:#,.]+|    class n\d+(,n\d+)* \w+")


def read_mermaid(text: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Read a flowchart back, and hold every line to what a line may be."""
    head, *lines = text.splitlines()
    assert head == "flowchart TD"
    nodes: list[str] = []
    edges: list[tuple[int, int, str]] = []
    for line in lines:
        if node := NODE.fullmatch(line):
            assert node[1] == f"n{len(nodes)}"
            nodes.append(plain(next(found for found in node.groups()[1:] if found is not None)))
        elif edge := EDGE.fullmatch(line):
            source, label, target = (
                one or other for one, other in zip(edge.groups()[:3], edge.groups()[3:], strict=True)
            )
            edges.append((int(source[1:]), int(target[1:]), plain(label or "")))
        else:
            assert CLASS.fullmatch(line), line
    return nodes, edges


def plain(label: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


def test_the_seed_workflow_as_mermaid() -> None:
    assert draw_mermaid(HumanInTheLoopWorkflow) == SEED_MERMAID
    assert draw_mermaid(HumanInTheLoopWorkflow()) == SEED_MERMAID


def expected(graph: WorkflowGraph) -> tuple[list[str], list[tuple[int, int, str]]]:
    places = {node.id: number for number, node in enumerate(graph.nodes)}
    edges = [(places[edge.source], places[edge.target], short(edge.label or "")) for edge in graph.edges]
    return [short(node.label) for node in graph.nodes], edges


@given(hostile_graphs())
@example(one_node(NASTY[0]))
@example(one_node(NASTY[3]))
@example(one_node(NASTY[4]))
def test_mermaid_shows_every_text_as_it_is_and_nothing_else(graph: WorkflowGraph) -> None:
    nodes, edges = read_mermaid(draw_mermaid(graph))
    assert ([node.strip() for node in nodes], edges) == expected(graph)


@given(graphs())
def test_mermaid_has_every_edge_of_a_workflow(steps: list[Drawn]) -> None:
    graph = graph_of(compiled(steps))
    assert read_mermaid(draw_mermaid(graph)) == expected(graph)


# --- DOT --------------------------------------------------------------------------------------------------------------

TEXT = r'"((?:[^"\\]|\\.)*)"'
DOT_NODE = re.compile(rf"    n\d+ \[label={TEXT}, tooltip={TEXT}, [\w=#\", .]+\];")
DOT_EDGE = re.compile(rf"    n(\d+) -> n(\d+)(?: \[label={TEXT}\])?;")


def read_dot(text: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    head, *lines, last = text.splitlines()
    assert re.fullmatch(rf"digraph {TEXT} {{", head)
    assert last == "}"
    nodes = [from_dot(found[1]) for line in lines if (found := DOT_NODE.fullmatch(line))]
    found_edges = [found for line in lines if (found := DOT_EDGE.fullmatch(line))]
    assert len(lines) == 2 + len(nodes) + len(found_edges)
    return nodes, [(int(found[1]), int(found[2]), from_dot(found[3] or "")) for found in found_edges]


def from_dot(text: str) -> str:
    return unescape(re.sub(r"\\(.)", r"\1", text))


@given(hostile_graphs())
@example(one_node(NASTY[0]))
@example(one_node(NASTY[2]))
@example(one_node(NASTY[5]))
def test_dot_shows_every_text_as_it_is_and_nothing_else(graph: WorkflowGraph) -> None:
    assert read_dot(draw_dot(graph)) == expected(graph)


@given(hostile_graphs())
@example(one_node(NASTY[2]))
def test_graphviz_reads_what_was_written(graph: WorkflowGraph) -> None:
    library: Any = pytest.importorskip("pygraphviz")
    read = library.AGraph(string=draw_dot(graph))
    assert [node.get_name() for node in read.nodes()] == [f"n{number}" for number in range(len(graph.nodes))]
    assert len(read.edges()) == len(graph.edges)


# --- SVG and HTML -----------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg: str, look: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [text.text or "" for text in root.iter(f"{SVG}text") if text.get("class") == look]


@given(hostile_graphs())
@example(one_node(NASTY[1]))
@example(one_node(NASTY[5]))
def test_svg_shows_every_text_as_it_is_and_nothing_else(graph: WorkflowGraph) -> None:
    pytest.importorskip("pygraphviz")
    svg = draw_svg(graph)
    nodes, edges = expected(graph)
    assert texts_of(svg, "name") == nodes
    assert texts_of(svg, "label") == [label for _, _, label in edges if label]
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "style", "g", "title", "path", "rect", "text"}


class Reader(HTMLParser):
    """Notes what there is on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [(name, value) for name, value in attrs if name in ("href", "src") or name.startswith("on")]


ON_A_PAGE = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "figure", "table", "tr", "th", "td"}


@given(hostile_graphs())
@example(one_node(NASTY[1]))
def test_a_page_has_no_code_and_asks_nothing_of_the_network(graph: WorkflowGraph) -> None:
    pytest.importorskip("pygraphviz")
    page = draw_html(graph)
    reader = Reader()
    reader.feed(page)
    assert reader.tags <= ON_A_PAGE | {"svg", "g", "path", "rect", "text"}
    assert not reader.links
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page


def test_nothing_in_a_layout_stands_on_another_thing() -> None:
    pytest.importorskip("pygraphviz")
    rects = [
        tuple(float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
        for rect in ElementTree.fromstring(draw_svg(Claims)).iter(f"{SVG}rect")
    ]
    assert len(rects) == len(get_workflow_representation(Claims).nodes)
    for number, (x, y, width, height) in enumerate(rects):
        for left, top, wide, high in rects[:number]:
            assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y


def test_a_page_lists_steps_and_fields() -> None:
    pytest.importorskip("pygraphviz")
    page = draw_html(Claims)
    assert "<p>Check the claims of a month.</p>" in page
    assert "<td>Split the month into claims.</td>" in page
    assert "<td>claims: array of integer</td>" in page


def test_pictures_are_written_to_files(tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz")
    for draw, name in ((draw_svg, "picture.svg"), (draw_html, "page.html")):
        text = draw(HumanInTheLoopWorkflow, path=tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    for draw in (draw_svg, draw_html):
        with pytest.raises(MissingExtra, match=r"pip install anyio-workflows\[draw\]"):
            draw(HumanInTheLoopWorkflow)
    assert draw_mermaid(HumanInTheLoopWorkflow)
    assert draw_dot(HumanInTheLoopWorkflow)


@given(graphs())
def test_equal_workflows_have_equal_pictures(steps: list[Drawn]) -> None:
    one, other = (graph_of(compiled(steps)) for _ in range(2))
    assert draw_mermaid(one) == draw_mermaid(other)
    assert draw_dot(one) == draw_dot(other)


def test_durations_are_shown_as_one_reads_them() -> None:
    seconds = (0, 0.000012, 0.0012, 0.25, 0.9996, 1.5, 300, 7200)
    assert [words.duration(one) for one in seconds] == [
        *("0 µs", "12 µs", "1.2 ms", "250 ms", "1.0 s", "1.5 s", "5.0 min", "2.0 h"),
    ]
