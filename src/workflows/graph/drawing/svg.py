"""A picture as SVG: one element, complete in itself, which follows a page into its dark mode."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .layout import LINE, Box, Curve, Layout, Point
from .picture import Arrow, Picture, Shape
from .words import shown

MARGIN = 12
STYLE = """
.workflow { font: 13px system-ui, sans-serif; color-scheme: light dark; }
.workflow text { text-anchor: middle; fill: #0f172a; }
.workflow .note { font-size: 11px; fill: #475569; }
.workflow .shape { fill: #f8fafc; stroke: #64748b; stroke-width: 1.3; }
.workflow .step .shape { fill: #e0e7ff; stroke: #4f46e5; }
.workflow .step .name { font-weight: 600; }
.workflow .start .shape { fill: #dcfce7; stroke: #16a34a; }
.workflow .stop .shape { fill: #fee2e2; stroke: #dc2626; }
.workflow .question .shape, .workflow .answer .shape { fill: #fef9c3; stroke: #ca8a04; }
.workflow .external .shape { fill: #ffffff; stroke: #ca8a04; stroke-dasharray: 4 3; }
.workflow .resource .shape { fill: #f3e8ff; stroke: #9333ea; }
.workflow .line { fill: none; stroke: #64748b; stroke-width: 1.3; }
.workflow .tip { fill: #64748b; }
.workflow .dashed .line { stroke-dasharray: 5 4; }
.workflow .label { font-size: 11px; fill: #334155; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.workflow .idle { opacity: 0.35; }
@media (prefers-color-scheme: dark) {
  .workflow text { fill: #e2e8f0; }
  .workflow .note { fill: #94a3b8; }
  .workflow .shape { fill: #1e293b; }
  .workflow .step .shape { fill: #312e81; stroke: #818cf8; }
  .workflow .start .shape { fill: #14532d; }
  .workflow .stop .shape { fill: #7f1d1d; }
  .workflow .question .shape, .workflow .answer .shape { fill: #713f12; }
  .workflow .external .shape { fill: #0f172a; }
  .workflow .resource .shape { fill: #581c87; }
  .workflow .line { stroke: #94a3b8; }
  .workflow .tip { fill: #94a3b8; }
  .workflow .label { fill: #cbd5e1; stroke: #0f172a; }
}
"""


def to_svg(picture: Picture, layout: Layout) -> str:
    """Write a picture as one `<svg>` element."""
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="workflow" width="{width}" height="{height}" '
            f'viewBox="{-MARGIN} {-MARGIN} {width} {height}" role="img" aria-label="{text_of(picture.title)}">',
            f"<style>{STYLE}</style>",
            *(_arrow(arrow, curve) for arrow, curve in zip(picture.arrows, layout.curves, strict=True)),
            *(_shape(shape, box) for shape, box in zip(picture.shapes, layout.boxes, strict=True)),
            "</svg>\n",
        ]
    )


def text_of(text: str) -> str:
    """A text as it stands in XML and HTML, in an attribute too."""
    return escape(shown(text), quote=True)


def _shape(shape: Shape, box: Box) -> str:
    x, y = box.center.x - box.width // 2, box.center.y - box.height // 2
    corner = 6 if shape.kind in ("step", "generic", "resource") else box.height // 2
    parts = [
        f'<g class="node {shape.kind}{" idle" * shape.is_idle}">',
        f"<title>{text_of(shape.hint)}</title>",
        f'<rect class="shape" x="{x}" y="{y}" width="{box.width}" height="{box.height}" rx="{corner}"/>',
        *_lines(shape, box),
        "</g>",
    ]
    return "".join(parts)


def _lines(shape: Shape, box: Box) -> Iterator[str]:
    top = box.center.y - LINE * (len(shape.lines) - 1) / 2
    for number, line in enumerate(shape.lines):
        look = "note" if number else "name"
        yield f'<text class="{look}" x="{box.center.x}" y="{round(top + LINE * number + 4)}">{text_of(line)}</text>'


def _arrow(arrow: Arrow, curve: Curve) -> str:
    first, *rest = curve.points
    path = f"M{first.x},{first.y}C{' '.join(f'{point.x},{point.y}' for point in rest)}"
    looks = f"edge{' dashed' * arrow.is_dashed}{' idle' * arrow.is_idle}"
    parts = [f'<g class="{looks}">', f'<path class="line" d="{path}"/>']
    if curve.tip is not None:
        parts.append(f'<path class="tip" d="{_tip(curve.points[-1], curve.tip)}"/>')
    if arrow.label and curve.label is not None:
        parts.append(f'<text class="label" x="{curve.label.x}" y="{curve.label.y + 4}">{text_of(arrow.label)}</text>')
    return "".join([*parts, "</g>"])


def _tip(start: Point, end: Point) -> str:
    """A triangle from the end of a line to where it points."""
    x, y = end.x - start.x, end.y - start.y
    length = max(1.0, (x * x + y * y) ** 0.5)
    aside_x, aside_y = -y / length * 4, x / length * 4
    corners = [(start.x + aside_x, start.y + aside_y), (end.x, end.y), (start.x - aside_x, start.y - aside_y)]
    return f"M{'L'.join(f'{round(one)},{round(other)}' for one, other in corners)}Z"
