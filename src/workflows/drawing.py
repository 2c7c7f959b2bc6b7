"""Pictures of workflows and of runs: as text for Mermaid and Graphviz, as SVG, and as a page of HTML.

All of them are drawn from the graph that `workflows.representation` gives, always in the same order. Mermaid and DOT
need nothing; SVG and HTML are laid out by Graphviz, which the extra `draw` brings along.

A picture of a run has how often and how long each step ran, and how many events went along each edge. It can be drawn
at any moment of the run, and doesn't disturb it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .context import Context, StepContext
from .core.tallying import tally_data
from .errors import ContextStateError
from .graph.drawing import Picture, arrange, graph_of_run, picture_of, to_dot, to_mermaid, to_page, to_svg
from .handler import WorkflowHandler
from .representation import RunActivity, WorkflowGraph, get_workflow_representation
from .representation.building import graph_of
from .workflow import Workflow

Ran: TypeAlias = WorkflowHandler | Context[Any] | Mapping[str, Any]
"""A run: its handler, its context, or a snapshot of it."""
Drawable: TypeAlias = Workflow | type[Workflow] | WorkflowGraph | Ran
"""What can be drawn: a workflow, its class, its graph, or a run."""


def draw_mermaid(source: Drawable, *, run: Ran | None = None) -> str:
    """Draw a workflow or a run as a Mermaid flowchart; GitHub, GitLab and many editors show it.

    Args:
        source: A workflow, its class, its graph, or a run. A snapshot alone has only what the run went through.
        run: The run to show in the picture of `source`: for a snapshot, or for a graph that was simplified.

    Raises:
        ContextSerdeError: The snapshot is none, or of a version that didn't count yet.
    """
    return to_mermaid(_picture(source, run))


def draw_dot(source: Drawable, *, run: Ran | None = None) -> str:
    """Draw a workflow or a run in the DOT language, for Graphviz: `dot -Tpng`. See `draw_mermaid`."""
    return to_dot(_picture(source, run))


def draw_svg(source: Drawable, *, run: Ran | None = None, path: str | Path | None = None) -> str:
    """Draw a workflow or a run as SVG. Needs the extra `draw`.

    Args:
        source: See `draw_mermaid`.
        run: See `draw_mermaid`.
        path: A file to write it to; blocks, as writing files does.

    Raises:
        MissingExtra: The extra isn't installed.
        ContextSerdeError: The snapshot is none, or of a version that didn't count yet.
    """
    picture = _picture(source, run)
    return _written(to_svg(picture, arrange(picture)), path)


def draw_html(source: Drawable, *, run: Ran | None = None, path: str | Path | None = None) -> str:
    """Draw a workflow or a run as a page of HTML that needs nothing else: the picture, its steps, and its events.

    The page runs no code and asks nothing of the network. Needs the extra `draw`. See `draw_svg`.
    """
    picture = _picture(source, run)
    return _written(to_page(picture, arrange(picture)), path)


def get_run_activity(run: Ran) -> RunActivity:
    """Tell what a run has done so far: which steps ran, how often, how long, and which events went between them.

    Args:
        run: The handler of a run, its context (not that of a step), or a snapshot.

    Raises:
        ContextSerdeError: The snapshot is none, or of a version that didn't count yet.
        ContextStateError: It's the context of a step: a replay would be told something else.
    """
    if isinstance(run, StepContext):
        raise ContextStateError(
            "A step can't see what its run has done, since a replay would see more. Ask outside it."
        )
    if isinstance(run, WorkflowHandler | Context):
        driver = _context_of(run).driver
        state = driver.core.state
        run = {"workflow": state.program.workflow_name, "tally": tally_data(state, driver.now())}
    return RunActivity.from_snapshot(run)


def _picture(source: Drawable, run: Ran | None) -> Picture:
    if isinstance(source, Mapping):
        activity = get_run_activity(source)
        return picture_of(graph_of_run(activity), activity)
    if isinstance(source, WorkflowHandler | Context):
        graph = graph_of(_context_of(source).definition.program)
        return picture_of(graph, get_run_activity(source if run is None else run))
    graph = source if isinstance(source, WorkflowGraph) else get_workflow_representation(source)
    return picture_of(graph, None if run is None else get_run_activity(run))


def _context_of(run: WorkflowHandler | Context[Any]) -> Context[Any]:
    return run.ctx if isinstance(run, WorkflowHandler) else run


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
