"""Plots of cost against size, as SVG: `python -m benchmarks.plots` draws them from the records, with matplotlib.

The same records give the same files, byte by byte, with the same version of matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from .backends import NO_BACKEND
from .page import PAGE, Data, digest, record_of
from .peers.compared import OURS, PEERS

FOLDER = PAGE.parent / "speed"
COLUMNS = 3
COLOURS = {
    f"{OURS} on asyncio": "#1f6fb4",
    f"{OURS} on Trio": "#e07b1a",
    f"{OURS} on uvloop": "#7fb2de",
    OURS: "#1f6fb4",
    "floor, asyncio": "#9dbfd9",
    "floor, Trio": "#ecc79b",
    "floor": "#9dbfd9",
    PEERS[0].name: "#b3261e",
    "langgraph": "#2e7d32",
    "pydantic-graph": "#6a3fa0",
}
BACKENDS = {"asyncio": "asyncio", "trio": "Trio", "uvloop": "uvloop"}

Points: TypeAlias = dict[int, float]


@attrs.define
class Panel:
    """One plot: what is measured, its unit, and a line for each who was measured."""

    title: str
    unit: str
    lines: dict[str, Points] = attrs.field(factory=dict[str, Points])

    def add(self, line: str, size: int, cost: float) -> None:
        """A point of a line."""
        self.lines.setdefault(line, {})[size] = cost

    @property
    def shows_growth(self) -> bool:
        """Whether any line has more than one point."""
        return any(len(points) > 1 for points in self.lines.values())


def growth_panels(data: Data) -> Iterator[Panel]:
    """Ours and the floor, for each workload that was measured at several sizes."""
    panels: dict[str, Panel] = {}
    for figure in data["figures"]:
        panel = panels.setdefault(figure["workload"], Panel(figure["item"].partition(";")[0], figure["unit"]))
        backend = figure["backend"]
        ours, floor = (OURS, "floor") if backend == NO_BACKEND else _on(BACKENDS[backend])
        panel.add(ours, figure["size"], figure["ours"]["median"])
        if figure["floor"] is not None:
            panel.add(floor, figure["size"], figure["floor"]["median"])
    return (panel for panel in panels.values() if panel.shows_growth)


def _on(backend: str) -> tuple[str, str]:
    return f"{OURS} on {backend}", f"floor, {backend}"


def peer_panels(data: Data) -> Iterator[Panel]:
    """Ours and the peers, for each workload that was measured at several sizes."""
    panels: dict[str, Panel] = {}
    for figure in data["figures"]:
        panel = panels.setdefault(figure["workload"], Panel(figure["item"].partition(";")[0], figure["unit"]))
        name = figure["subject"]
        if name == OURS:
            name = f"{OURS} on {BACKENDS[figure['backend']]}"
        panel.add(name, figure["size"], figure["median"])
    return (panel for panel in panels.values() if panel.shows_growth)


def draw(panels: Sequence[Panel], file: Path, of: str) -> None:
    """Write panels as one picture.

    Args:
        panels: At least one.
        file: An SVG file.
        of: The digest of what it's drawn from, which the file names.
    """
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("svg")
    pyplot: Any = import_module("matplotlib.pyplot")
    settings = {"svg.fonttype": "none", "svg.hashsalt": "speed", "font.size": 8, "font.family": "sans-serif"}
    with matplotlib.rc_context(settings):
        rows = -(-len(panels) // COLUMNS)
        figure, axes = pyplot.subplots(rows, COLUMNS, figsize=(9, 2.5 * rows + 0.6), squeeze=False)
        places = list(axes.flat)
        for place, panel in zip(places, panels, strict=False):
            _draw_panel(place, panel)
        for place in places[len(panels) :]:
            place.axis("off")
        labelled = (zip(*place.get_legend_handles_labels(), strict=True) for place in places)
        handles = {name: handle for pairs in labelled for handle, name in pairs}
        figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=4, frameon=False)
        figure.tight_layout(rect=(0, 0.6 / (2.5 * rows + 0.6), 1, 1))
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, format="svg", metadata={"Date": None, "Description": of})
        pyplot.close(figure)
    file.write_text("\n".join(line.rstrip() for line in file.read_text("utf-8").splitlines()) + "\n", encoding="utf-8")


def _draw_panel(place: Any, panel: Panel) -> None:
    for name, points in panel.lines.items():
        sizes = sorted(points)
        dashed = "--" if name.startswith("floor") else "-"
        place.plot(
            sizes, [points[size] for size in sizes], dashed, marker="o", markersize=3, label=name, color=COLOURS[name]
        )
    place.set_xscale("log")
    place.set_yscale("log")
    place.set_title(_wrapped(panel.title), fontsize=8)
    place.set_ylabel(panel.unit)
    place.grid(visible=True, which="major", linewidth=0.3)
    low, high = place.get_ylim()
    if high / low < 30:  # a flat line is to look flat
        middle = (low * high) ** 0.5
        place.set_ylim(middle / 5.5, middle * 5.5)
    place.minorticks_off()
    sizes = sorted({size for points in panel.lines.values() for size in points})
    place.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
    place.yaxis.set_major_formatter(_plain)


def _plain(cost: float, _position: int) -> str:
    return f"{cost:,g}"


def _wrapped(title: str, width: int = 42) -> str:
    lines = [""]
    for word in title.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


PLOTS: Mapping[str, Any] = {"ours": growth_panels, "peers": peer_panels}
"""By the record's name, which is the file's as well."""


def main() -> None:
    """Draw what there are records of."""
    for name, panels in PLOTS.items():
        data = record_of(name)
        if data is not None:
            draw(list(panels(data)), FOLDER / f"{name}.svg", digest(data))


if __name__ == "__main__":
    main()
