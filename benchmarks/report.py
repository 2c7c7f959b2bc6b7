"""Reports: a table for people, and JSON for comparing."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from statistics import median
from typing import Any

import attrs

from .goals import (
    FLOOR_GOALS,
    FLOOR_THEN,
    GATES,
    GOALS,
    GROWTH_AT_MOST,
    GROWTH_FROM,
    GROWTH_FROM_FEW,
    PRIMITIVES_THEN,
    Goal,
    PairOfBackends,
)
from .measuring import Figure, Spread

Row = tuple[str, ...]
LISTS = {"figures", "growth", "gates"}


def tables(figures: Sequence[Figure]) -> str:
    """Everything, as text."""
    machine = machine_factors(figures)
    parts = [
        table(("workload", "of", "backend", "median", "low…high", "floor", "ratio", "goal"), map(_row, figures)),
        table(("growth", "from", "to", "backend", "ratio", "goal"), _growth_rows(figures)),
        table(("against the machine of the goals", "backend", "factor"), _machine_rows(machine)),
        "\n".join(gate_lines(figures)),
    ]
    return "\n\n".join(part for part in parts if part)


def _row(figure: Figure) -> Row:
    return (
        figure.workload.name,
        f"{figure.size:,}",
        figure.backend,
        f"{number(figure.ours.median)} {figure.workload.unit.name}",
        f"{number(figure.ours.low)}…{number(figure.ours.high)}",
        "" if figure.floor is None else number(figure.floor.median),
        "" if figure.ratio is None else f"{figure.ratio.median:.2f}",
        _verdict(figure, GOALS),
    )


def _verdict(figure: Figure, goals: Mapping[str, Goal]) -> str:
    verdicts: list[str] = []
    at_most = _at_most(figure, goals)
    if at_most is not None:
        verdicts.append(_compared(figure.ours.median, at_most))
    times = FLOOR_GOALS.get(figure.workload.name)
    if times is not None and figure.ratio is not None:
        verdicts.append(f"{_compared(figure.ratio.median, times)} floors")
    return ", ".join(verdicts)


def _compared(found: float, at_most: float) -> str:
    return f"{'≤' if found <= at_most else 'MISSED'} {at_most:g}"


def _at_most(figure: Figure, goals: Mapping[str, Goal]) -> float | None:
    goal = goals.get(figure.workload.name)
    if goal is None or goal.size != figure.size:
        return None
    return goal.at_most.get(figure.backend)


def gate_lines(figures: Sequence[Figure]) -> Iterator[str]:
    """A sentence for each gate: the figure, what it may be, and how that stands to the floor."""
    for figure in figures:
        at_most = _at_most(figure, GATES)
        if at_most is not None:
            holds = "holds" if figure.ours.median <= at_most else "IS MISSED"
            beside = (
                ""
                if figure.floor is None or figure.ratio is None
                else (f", {figure.ratio.median:.2f} times the floor of {number(figure.floor.median)}")
            )
            cost = f"{number(figure.ours.median)} {figure.workload.unit.name}"
            yield (
                f"Gate {holds} on {figure.backend}: "
                f"a {figure.workload.item} costs {cost} (at most {at_most:g}){beside}."
            )


def growths(figures: Sequence[Figure]) -> Iterator[tuple[Figure, Figure, float]]:
    """How the cost of one item, or of the whole where that is what counts, grows with the size."""
    for small in figures:
        for large in figures:
            same = large.workload is small.workload and large.backend == small.backend
            if same and small.size < large.size and _is_start(small, figures):
                yield small, large, large.ours.median / small.ours.median


def _is_start(small: Figure, figures: Sequence[Figure]) -> bool:
    """Growth counts from the size where fixed costs don't show any more, or else from the smallest there is."""
    sizes = {figure.size for figure in figures if figure.workload is small.workload}
    return small.size == (GROWTH_FROM if GROWTH_FROM in sizes and small.workload.is_shared else min(sizes))


def _growth_rows(figures: Sequence[Figure]) -> Iterator[Row]:
    for small, large, ratio in growths(figures):
        goal = ""
        start = GROWTH_FROM if small.workload.is_shared else GROWTH_FROM_FEW.get(small.workload.name)
        if small.size == start:
            goal = _compared(ratio, GROWTH_AT_MOST)
        yield small.workload.name, f"{small.size:,}", f"{large.size:,}", small.backend, f"{ratio:.2f}", goal


def machine_factors(figures: Sequence[Figure]) -> dict[str, dict[str, dict[str, float]]]:
    """How much more things cost here than on the machine of the goals: primitives, and our floor against its floor."""
    kinds: dict[str, dict[str, dict[str, float]]] = {"primitives": {}, "floor": {}}
    seen: set[tuple[str, str]] = set()
    for figure in figures:
        name, backend = figure.workload.name, figure.backend
        if (name, backend) in seen:
            continue
        seen.add((name, backend))  # the first size is the one that the other machine measured
        for kind, then, now in (
            ("primitives", PRIMITIVES_THEN, figure.ours),
            ("floor", FLOOR_THEN, figure.floor),
        ):
            _add_factor(kinds[kind], name, backend, then, now)
    return kinds


def _add_factor(
    found: dict[str, dict[str, float]], name: str, backend: str, then: Mapping[str, PairOfBackends], now: Spread | None
) -> None:
    if name in then and now is not None and backend in then[name]:
        found.setdefault(backend, {})[name] = now.median / then[name][backend]


def _machine_rows(factors: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[Row]:
    for kind, backends in factors.items():
        for backend, named in backends.items():
            for name, factor in named.items():
                yield f"{kind}: {name}", backend, f"{factor:.2f}"
            if len(named) > 1:
                yield f"{kind}: median", backend, f"{median(named.values()):.2f}"


def table(head: Row, rows: Iterable[Row]) -> str:
    """Columns of text; nothing if there are no rows."""
    body = list(rows)
    if not body:
        return ""
    widths = [max(len(row[column]) for row in (head, *body)) for column in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *body]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in lines
    )


def number(value: float) -> str:
    """Three figures of it."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def as_json(figures: Sequence[Figure], *, command: str, rounds: int, clock: str) -> dict[str, Any]:
    """Everything, as JSON-ready data."""
    return {
        "command": command,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        **load(),
        "versions": {name: version(name) for name in ("anyio", "attrs", "cattrs")},
        "rounds": rounds,
        "clock": clock,
        "figures": [_figure_data(figure) for figure in figures],
        "growth": [
            {
                "workload": small.workload.name,
                "backend": small.backend,
                "from": small.size,
                "to": large.size,
                "ratio": ratio,
            }
            for small, large, ratio in growths(figures)
        ],
        "machine_factors": machine_factors(figures),
        "gates": list(gate_lines(figures)),
    }


def load() -> dict[str, float]:
    """How much the machine had to do in the last minutes, for how many processors; nothing where that isn't known."""
    if not hasattr(os, "getloadavg"):
        return {}
    return {"load": os.getloadavg()[1], "processors": os.cpu_count() or 1}


def as_text(data: Mapping[str, Any]) -> str:
    """The JSON text of such data, with a figure on each line, and no more digits than say something."""
    rounded = json.loads(json.dumps(data), parse_float=lambda text: float(f"{float(text):.5g}"))
    lines = [f" {json.dumps(name)}: {_laid_out(name, value)}" for name, value in rounded.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _laid_out(name: str, value: Any) -> str:
    if name not in LISTS or not value:
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value) + "\n ]"


def _figure_data(figure: Figure) -> dict[str, Any]:
    return {
        "workload": figure.workload.name,
        "item": figure.workload.item,
        "size": figure.size,
        "backend": figure.backend,
        "unit": figure.workload.unit.name,
        "is_shared": figure.workload.is_shared,
        "ours": attrs.asdict(figure.ours),
        "floor": None if figure.floor is None else attrs.asdict(figure.floor),
        "ratio": None if figure.ratio is None else attrs.asdict(figure.ratio),
        "goal": _at_most(figure, GOALS),
        "gate": _at_most(figure, GATES),
        "at_most_floors": FLOOR_GOALS.get(figure.workload.name),
    }
