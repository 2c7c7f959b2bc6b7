"""A picture as a page: the SVG, and what there is to read of it. It asks nothing of the network, and runs no code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...representation import (
    StepActivity,
    WorkflowEventNode,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
)
from .layout import Layout
from .picture import Picture
from .svg import text_of, to_svg
from .words import duration

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
figure { margin: 1.5rem 0; overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #94a3b8; padding: 0.3rem 0.8rem 0.3rem 0; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


def to_page(picture: Picture, layout: Layout) -> str:
    """Write a picture as a page of HTML."""
    title = text_of(picture.title)
    description, _, _ = (picture.graph.description or "").partition("\n\n")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style></head>",
            f"<body><h1>{title}</h1>",
            *([f"<p>{text_of(description)}</p>"] if description else []),
            f"<figure>{to_svg(picture, layout)}</figure>",
            *_steps(picture),
            *_events(picture),
            *_resources(picture),
            "</body></html>\n",
        ]
    )


def _steps(picture: Picture) -> Iterator[str]:
    run = picture.run
    described = {node.label: node.description for node in picture.graph.nodes if isinstance(node, WorkflowStepNode)}
    names = dict.fromkeys([*described, *(() if run is None else run.steps)])
    if not names:
        return
    heads = ["Step", *([] if run is None else ["Finished", "Attempts", "Failed", "Time"]), "What it does"]
    yield f"<h2>Steps</h2><table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
    for name in names:
        cells = [f"<td>{text_of(name)}</td>"]
        if run is not None:
            found = run.steps.get(name, StepActivity())
            figures = (found.finished, found.attempts, found.failures, duration(found.seconds))
            cells += [f'<td class="number">{figure}</td>' for figure in figures]
        yield f"<tr>{''.join(cells)}<td>{text_of(described.get(name) or '')}</td></tr>"
    yield "</table>"


def _events(picture: Picture) -> Iterator[str]:
    events = [node for node in picture.graph.nodes if isinstance(node, WorkflowEventNode)]
    if not events:
        return
    yield "<h2>Events</h2><table><tr><th>Event</th><th>Fields</th></tr>"
    rows = [(node.label, _fields(node.event_schema or {})) for node in events]
    for name, fields in dict.fromkeys(rows):  # a class has several nodes if there are several handlers
        yield f"<tr><td>{text_of(name)}</td><td>{text_of(fields)}</td></tr>"
    yield "</table>"


def _resources(picture: Picture) -> Iterator[str]:
    nodes = picture.graph.nodes
    resources = [node for node in nodes if isinstance(node, WorkflowResourceNode | WorkflowResourceConfigNode)]
    if not resources:
        return
    yield "<h2>Resources</h2><table><tr><th>Resource</th><th>Type</th><th>What it is</th></tr>"
    for node in resources:
        cells = (node.label, node.type_name or "", node.description or "")
        yield f"<tr>{''.join(f'<td>{text_of(cell)}</td>' for cell in cells)}</tr>"
    yield "</table>"


def _fields(schema: Mapping[str, Any]) -> str:
    """The fields of an event, with their types."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    needed = schema.get("required", ())
    listed = [f"{name}{'' if name in needed else '?'}: {_type(found)}" for name, found in properties.items()]
    return ", ".join([*listed, *(["…"] if schema.get("additionalProperties") else [])])


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(member) for member in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema and "title" not in schema:
        return " or ".join(repr(value) for value in schema["enum"])
    if "items" in schema:
        return f"{schema['type']} of {_type(schema['items'])}"
    return str(schema.get("title") or schema.get("format") or schema.get("type") or "anything")
