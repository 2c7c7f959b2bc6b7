"""A table for people of what was measured, with what was aimed at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..report import number, table
from .compared import COMPARED, OURS, PEERS

Figures = Sequence[Mapping[str, Any]]
NOTHING = "–"


def text(data: Mapping[str, Any]) -> str:
    """For a terminal."""
    backends = backends_of(data)
    head = ("workload", "of", *(f"ours, {backend}" for backend in backends))
    peers = peers_of(data)
    head += (*peers, *(f"× {backend}" for backend in backends), "aim")
    return table(head, (_row(group, backends, peers) for group in groups(data)))


def backends_of(data: Mapping[str, Any]) -> list[str]:
    """Where ours was measured, in their order."""
    return list(dict.fromkeys(figure["backend"] for figure in data["figures"] if figure["subject"] == OURS))


def peers_of(data: Mapping[str, Any]) -> list[str]:
    """Which peers were measured."""
    found = {figure["subject"] for figure in data["figures"]}
    return [peer.name for peer in PEERS if peer.name in found]


def groups(data: Mapping[str, Any]) -> Iterator[Figures]:
    """The figures of each workload of each size."""
    grouped: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for figure in data["figures"]:
        grouped.setdefault((figure["workload"], figure["size"]), []).append(figure)
    return iter(grouped.values())


def one_of(figures: Figures, subject: str, backend: str = "asyncio") -> Mapping[str, Any] | None:
    """The figure of a subject, if there's one."""
    return next((one for one in figures if (one["subject"], one["backend"]) == (subject, backend)), None)


def ratio(figures: Figures, backend: str, peer: str = PEERS[0].name) -> float | None:
    """How many times as much as ours a peer takes."""
    figure = one_of(figures, peer)
    if figure is None or backend not in figure["over_ours"]:
        return None
    return float(figure["over_ours"][backend]["median"])


def aim(figures: Figures) -> dict[str, tuple[float, bool]]:
    """How many times as much the first peer is to take, and whether it does, for each backend that has an aim."""
    aims = {(one.name, one.sizes[0]): one.aims for one in COMPARED}
    verdicts: dict[str, tuple[float, bool]] = {}
    for backend, times in aims.get((figures[0]["workload"], figures[0]["size"]), {}).items():
        found = ratio(figures, backend)
        if found is not None:
            verdicts[backend] = (times, found >= times)
    return verdicts


def cost(figure: Mapping[str, Any] | None) -> str:
    """A figure with its unit."""
    return NOTHING if figure is None else f"{number(figure['median'])} {figure['unit']}"


def _row(figures: Figures, backends: Sequence[str], peers: Sequence[str]) -> tuple[str, ...]:
    ratios = (ratio(figures, backend) for backend in backends)
    aims = (f"{'≥' if holds else 'MISSED'} {times:g} on {backend}" for backend, (times, holds) in aim(figures).items())
    return (
        figures[0]["workload"],
        f"{figures[0]['size']:,}",
        *(cost(one_of(figures, OURS, backend)) for backend in backends),
        *(cost(one_of(figures, peer)) for peer in peers),
        *("" if found is None else number(found) for found in ratios),
        ", ".join(aims),
    )
