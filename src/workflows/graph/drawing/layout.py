"""Where everything stands: Graphviz decides, through pygraphviz, which brings it along.

Graphviz is given sizes only, and no text: what it makes of text depends on the fonts of the machine, and a picture is
to be the same everywhere. So sizes are estimated from the number of characters, generously.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

import attrs

from ...errors import MissingExtra
from .picture import Arrow, Picture, Shape

CHARACTER = 7.6
"""How wide a character is at most, on average."""
LINE = 17.0
"""How high a line of text is."""


@attrs.frozen
class Point:
    """A point: to the right, and down from the top."""

    x: int
    y: int


@attrs.frozen
class Box:
    """Where a shape stands."""

    center: Point
    width: int
    height: int


@attrs.frozen
class Curve:
    """Where an arrow goes: Bézier points (the first, then three for each stretch), its tip, and its label."""

    points: tuple[Point, ...]
    tip: Point | None
    label: Point | None


@attrs.frozen
class Layout:
    """Where everything stands, in the order of the picture."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def arrange(picture: Picture) -> Layout:
    """Let Graphviz find a place for everything.

    Raises:
        MissingExtra: pygraphviz isn't installed.
    """
    try:
        import pygraphviz  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]  # noqa: PLC0415  # an extra, without types
    except ImportError as error:
        raise MissingExtra(
            "SVG and HTML are laid out by Graphviz, and pygraphviz isn't installed.\n"
            "  Install it with: pip install anyio-workflows[draw]   draw_mermaid() and draw_dot() work without it."
        ) from error
    library: Any = pygraphviz
    graph = library.AGraph(string=_sizes(picture))
    found: dict[str, Any] = json.loads(graph.draw(format="json0", prog="dot"))
    _, _, width, height = map(float, found["bb"].split(","))
    boxes = [_box(shape, height) for shape in sorted(found.get("objects", ()), key=_number)]
    curves = [_curve(edge, height) for edge in sorted(found.get("edges", ()), key=lambda edge: int(edge["id"]))]
    return Layout(round(width), round(height), tuple(boxes), tuple(curves))


def width_of(text: str) -> float:
    """How wide a text is, at most."""
    return CHARACTER * sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def size_of(shape: Shape) -> tuple[float, float]:
    """How much room a shape takes."""
    width = max(map(width_of, shape.lines)) + (28 if shape.kind in ("step", "generic", "resource") else 40)
    return max(width, 70.0), LINE * len(shape.lines) + 18


def _sizes(picture: Picture) -> str:
    """The picture as Graphviz is to see it: nothing but sizes."""
    names = {shape.id: f"n{number}" for number, shape in enumerate(picture.shapes)}
    lines = ["digraph {", 'graph [ranksep=0.35, nodesep=0.3]; node [shape=box, fixedsize=true, label=""];']
    for shape in picture.shapes:
        width, height = size_of(shape)
        lines.append(f"{names[shape.id]} [width={width / 72:.4f}, height={height / 72:.4f}];")
    for number, arrow in enumerate(picture.arrows):
        lines.append(f"{names[arrow.source]} -> {names[arrow.target]} [key=e{number}, id={number}{_room(arrow)}];")
    return "\n".join([*lines, "}"])


def _room(arrow: Arrow) -> str:
    """Room for a label: a table without text."""
    if not arrow.label:
        return ""
    size = f'WIDTH="{width_of(arrow.label) * 0.9 + 8:.0f}" HEIGHT="{LINE:.0f}"'
    return f', label=<<TABLE BORDER="0" FIXEDSIZE="TRUE" {size}><TR><TD></TD></TR></TABLE>>'


def _number(shape: Mapping[str, Any]) -> int:
    return int(shape["name"].removeprefix("n"))


def _box(shape: Mapping[str, Any], height: float) -> Box:
    wide, high = float(shape["width"]) * 72, float(shape["height"]) * 72
    return Box(_point(shape["pos"], height), round(wide), round(high))


def _curve(edge: Mapping[str, Any], height: float) -> Curve:
    stretches: Sequence[str] = edge["pos"].split()
    tips = [_point(text.removeprefix("e,"), height) for text in stretches if text.startswith("e,")]
    points = tuple(_point(text, height) for text in stretches if not text.startswith(("e,", "s,")))
    label = _point(edge["lp"], height) if "lp" in edge else None
    return Curve(points, tips[0] if tips else None, label)


def _point(text: str, height: float) -> Point:
    x, y = map(float, text.split(","))
    return Point(round(x), round(height - y))
