"""Pictures of workflows: as text for Mermaid and Graphviz, as SVG, and as a page of HTML.

All of them are drawn from the graph that `workflows.representation` gives, always in the same order. Mermaid and DOT
need nothing; SVG and HTML are laid out by Graphviz, which the extra `draw` brings along.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from .graph.drawing import Picture, arrange, picture_of, to_dot, to_mermaid, to_page, to_svg
from .representation import WorkflowGraph, get_workflow_representation
from .workflow import Workflow

Drawable: TypeAlias = Workflow | type[Workflow] | WorkflowGraph
"""What can be drawn: a workflow, its class, or its graph, simplified maybe."""


def draw_mermaid(source: Drawable) -> str:
    """Draw a workflow as a Mermaid flowchart; GitHub, GitLab and many editors show it.

    Args:
        source: A workflow, its class, or its graph.
    """
    return to_mermaid(_picture(source))


def draw_dot(source: Drawable) -> str:
    """Draw a workflow in the DOT language, for Graphviz: `dot -Tpng`.

    Args:
        source: A workflow, its class, or its graph.
    """
    return to_dot(_picture(source))


def draw_svg(source: Drawable, *, path: str | Path | None = None) -> str:
    """Draw a workflow as SVG. Needs the extra `draw`.

    Args:
        source: A workflow, its class, or its graph.
        path: A file to write it to; blocks, as writing files does.

    Raises:
        MissingExtra: The extra isn't installed.
    """
    picture = _picture(source)
    return _written(to_svg(picture, arrange(picture)), path)


def draw_html(source: Drawable, *, path: str | Path | None = None) -> str:
    """Draw a workflow as a page of HTML that needs nothing else: the picture, its steps, and its events.

    The page runs no code and asks nothing of the network. Needs the extra `draw`.

    Args:
        source: A workflow, its class, or its graph.
        path: A file to write it to; blocks, as writing files does.

    Raises:
        MissingExtra: The extra isn't installed.
    """
    picture = _picture(source)
    return _written(to_page(picture, arrange(picture)), path)


def _picture(source: Any) -> Picture:
    return picture_of(source if isinstance(source, WorkflowGraph) else get_workflow_representation(source))


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
