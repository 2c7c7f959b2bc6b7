"""A picture as text in the DOT language, for Graphviz and whatever else reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .picture import Arrow, Kind, Picture, Shape
from .words import shown

_LOOKS: Mapping[Kind, str] = {
    "step": 'shape=box, style="rounded,filled", fillcolor="#e0e7ff", color="#4f46e5"',
    "event": 'shape=ellipse, style=filled, fillcolor="#f8fafc", color="#64748b"',
    "start": 'shape=ellipse, style=filled, fillcolor="#dcfce7", color="#16a34a"',
    "stop": 'shape=ellipse, style=filled, fillcolor="#fee2e2", color="#dc2626"',
    "question": 'shape=ellipse, style=filled, fillcolor="#fef9c3", color="#ca8a04"',
    "answer": 'shape=ellipse, style=filled, fillcolor="#fef9c3", color="#ca8a04"',
    "external": 'shape=circle, color="#ca8a04"',
    "resource": 'shape=cylinder, style=filled, fillcolor="#f3e8ff", color="#9333ea"',
    "generic": 'shape=box, color="#64748b"',
}
_PALE = 'fontcolor="#94a3b8", color="#cbd5e1"'


def to_dot(picture: Picture) -> str:
    """Write a picture as a graph of the DOT language."""
    names = {shape.id: f"n{number}" for number, shape in enumerate(picture.shapes)}
    lines = [
        f"digraph {quoted([picture.title])} {{",
        '    node [fontname="sans-serif"];',
        '    edge [fontname="sans-serif", fontsize=11];',
        *(f"    {names[shape.id]} [{_node(shape)}];" for shape in picture.shapes),
        *(f"    {names[arrow.source]} -> {names[arrow.target]}{_edge(arrow)};" for arrow in picture.arrows),
        "}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _node(shape: Shape) -> str:
    look = f"label={quoted(shape.lines)}, tooltip={quoted([shape.hint])}, {_LOOKS[shape.kind]}"
    return f"{look}, {_PALE}" if shape.is_idle else look


def _edge(arrow: Arrow) -> str:
    looks = [
        *([f"label={quoted([arrow.label])}"] if arrow.label else []),
        *(["style=dashed"] if arrow.is_dashed else []),
        *([_PALE] if arrow.is_idle else []),
    ]
    return f" [{', '.join(looks)}]" if looks else ""


def quoted(lines: Iterable[str]) -> str:
    """Lines of text as a quoted string of DOT, in which neither escapes nor entities mean anything."""
    texts = (shown(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    text = "\\n".join(texts)
    return f'"{text}"'
