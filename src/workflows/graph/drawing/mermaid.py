"""A picture as text for Mermaid, which GitHub and many editors draw.

Nodes are called `n0`, `n1`, …, so that no name can be taken for syntax. In labels all but letters, digits and a few
marks is written as a character reference (`#35;`).
"""

from __future__ import annotations

from collections.abc import Mapping

from .picture import Kind, Picture, Shape
from .words import shown

_AS_IT_IS = frozenset(" _.,:()/×·*")
_SHAPES: Mapping[Kind, tuple[str, str]] = {
    "step": ("[", "]"),
    "external": ("((", "))"),
    "resource": ("[(", ")]"),
    "generic": ("[", "]"),
}
_PILL = ("([", "])")
_STYLES = (
    "classDef step fill:#e0e7ff,stroke:#4f46e5,color:#1e1b4b",
    "classDef event fill:#f8fafc,stroke:#64748b,color:#0f172a",
    "classDef start fill:#dcfce7,stroke:#16a34a,color:#14532d",
    "classDef stop fill:#fee2e2,stroke:#dc2626,color:#7f1d1d",
    "classDef question fill:#fef9c3,stroke:#ca8a04,color:#713f12",
    "classDef answer fill:#fef9c3,stroke:#ca8a04,color:#713f12",
    "classDef external fill:#ffffff,stroke:#ca8a04,color:#713f12",
    "classDef resource fill:#f3e8ff,stroke:#9333ea,color:#581c87",
    "classDef generic fill:#ffffff,stroke:#64748b,color:#0f172a",
    "classDef idle opacity:0.4",
)


def to_mermaid(picture: Picture) -> str:
    """Write a picture as a Mermaid flowchart."""
    names = {shape.id: f"n{number}" for number, shape in enumerate(picture.shapes)}
    lines = ["flowchart TD"]
    lines += [f"    {names[shape.id]}{_node(shape)}" for shape in picture.shapes]
    for arrow in picture.arrows:
        line = "-.->" if arrow.is_dashed or arrow.is_idle else "-->"
        label = f'|"{escaped(arrow.label)}"|' if arrow.label else ""
        lines.append(f"    {names[arrow.source]} {line}{label} {names[arrow.target]}")
    lines += _classes(picture, names)
    return "".join(f"{line}\n" for line in lines)


def _classes(picture: Picture, names: Mapping[str, str]) -> list[str]:
    members: dict[str, list[str]] = {}
    for shape in picture.shapes:
        members.setdefault(shape.kind, []).append(names[shape.id])
        if shape.is_idle:
            members.setdefault("idle", []).append(names[shape.id])
    styles = [style for style in _STYLES if style.split()[1] in members]
    found = [style.split()[1] for style in styles]
    return [f"    {line}" for line in (*styles, *(f"class {','.join(members[name])} {name}" for name in found))]


def _node(shape: Shape) -> str:
    before, behind = _SHAPES.get(shape.kind, _PILL)
    return f'{before}"{"<br/>".join(map(escaped, shape.lines))}"{behind}'


def escaped(text: str) -> str:
    """A text as it stands in a quoted label."""
    found = shown(text) or " "
    return "".join(one if one.isalnum() or one in _AS_IT_IS else f"#{ord(one)};" for one in found)
