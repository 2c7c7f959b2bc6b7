"""The tables on the page "How fast, and compared with what": `python -m benchmarks.page` writes them from the records.

What `benchmarks.refresh` has measured lies in `benchmarks/recorded/`. A table whose record isn't there stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from .catalogue import WORKLOADS
from .counts.cases import CASES
from .counts.record import FILE as COUNTS
from .peers import report as peers_report
from .peers.compared import OURS
from .report import number

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "speed.md"
RECORDED = Path(__file__).parent / "recorded"

Data: TypeAlias = Mapping[str, Any]
Lines: TypeAlias = Iterator[str]

NAMES = {"asyncio": "asyncio", "trio": "Trio", "uvloop": "uvloop"}
WHOLE = {"import", "size"}  # whose size is nothing but how often it was measured
CLOCKS = {"cpu": "the processor's time", "wall": "time on the wall"}

_BLOCK = re.compile(r"(<!-- figures: (?P<name>\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def record_of(name: str, folder: Path | None = None) -> Data | None:
    """What was measured, if it was."""
    file = (folder or RECORDED) / f"{name}.json"
    return _read(file) if file.exists() else None


def _read(file: Path) -> Data:
    data: Data = json.loads(file.read_text(encoding="utf-8"))
    return data


def digest(*records: Data | None) -> str:
    """What tells whether a plot is of these records."""
    return hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()[:16]


def with_tables(page: str, folder: Path | None = None) -> str:
    """Give the page with its tables as they must be."""

    def rendered(match: re.Match[str]) -> str:
        name = match["name"]
        data = _read(COUNTS) if name == "counts" else record_of(name.partition("-")[0], folder)
        if data is None:
            return match[0]
        return f"{match[1]}{chr(10).join(BLOCKS[name](data))}\n{match[3]}"

    return _BLOCK.sub(rendered, page)


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Lines:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _measured(data: Data) -> str:
    rounds = data["rounds"]
    how_often = "one round" if rounds == 1 else f"the medians of {rounds} rounds"
    system = f"CPython {data['python']} on {data['system']}, {data['machine']}"
    busy = f", {data['load']:.0f} programs at work on {data['processors']} processors" if "load" in data else ""
    return f"{system}{busy}; {CLOCKS[data['clock']]}, {how_often}: `{data['command']}`."


def _named(figure: Data) -> str:
    """What a figure is the cost of."""
    item = figure["item"].partition(";")[0]
    return item if figure["workload"] in WHOLE else f"{item}, of {figure['size']:,}"


# --- beside the peers -------------------------------------------------------------------------------------------------


def peers_block(data: Data) -> Lines:
    """What this library costs, and how many times as much each peer does."""
    backends, peers = peers_report.backends_of(data), peers_report.peers_of(data)
    versions = (f"`{peer}` {data['subjects'][peer][peer]}" for peer in peers)
    head = ("what", *(NAMES[backend] for backend in backends), *versions, "aim")
    yield from _table(head, (_peers_row(group, backends, peers) for group in peers_report.groups(data)))
    yield ""
    yield f"{_measured(data)}\n"
    yield "In brackets, how many times as much as ours on asyncio; the aim is for the first of them."


def _peers_row(figures: peers_report.Figures, backends: Sequence[str], peers: Sequence[str]) -> Sequence[str]:
    ours = (peers_report.cost(peers_report.one_of(figures, OURS, backend)) for backend in backends)
    return (
        _named(figures[0]),
        *ours,
        *(_beside(figures, peer) for peer in peers),
        ", ".join(_aims(figures)),
    )


def _beside(figures: peers_report.Figures, peer: str) -> str:
    times = peers_report.ratio(figures, "asyncio", peer)
    cost = peers_report.cost(peers_report.one_of(figures, peer))
    return cost if times is None else f"{cost} ({number(times)})"


def _aims(figures: peers_report.Figures) -> Iterator[str]:
    for backend, (times, holds) in peers_report.aim(figures).items():
        where = "" if backend == "asyncio" else f"{NAMES[backend]} "
        found = peers_report.ratio(figures, backend)
        yield f"{where}{times:g}" if holds or found is None else f"{where}{times:g}, **missed** ({number(found)})"


def left_out_block(data: Data) -> Lines:
    """What peers don't do, and why."""
    items = {figure["workload"]: figure["item"].partition(";")[0] for figure in data["figures"]}
    for peer, reasons in data["left_out"].items():
        grouped: dict[str, list[str]] = {}
        for workload, reason in reasons.items():
            grouped.setdefault(reason, []).append(items.get(workload, workload))
        for reason, what in grouped.items():
            yield f"- `{peer}`: {reason}. So it has no figure for: {'; '.join(what)}."


# --- beside the floor -------------------------------------------------------------------------------------------------


def ours_block(data: Data) -> Lines:
    """What everything costs, and how many times the floor that is."""
    rows: dict[tuple[str, int], dict[str, Data]] = {}
    first_sizes: dict[str, int] = {}
    for figure in data["figures"]:
        if first_sizes.setdefault(figure["workload"], figure["size"]) == figure["size"]:
            rows.setdefault((figure["workload"], figure["size"]), {})[figure["backend"]] = figure
    head = ("what", "asyncio", "over the floor", "Trio", "over the floor", "aim")
    yield from _table(head, (_ours_row(row) for row in rows.values()))
    yield ""
    yield _measured(data)


def _ours_row(figures: Mapping[str, Data]) -> Sequence[str]:
    some = next(iter(figures.values()))
    cells = [_named(some)]
    for backend in ("asyncio", "trio"):
        figure = figures.get(backend, figures.get("-") if backend == "asyncio" else None)
        cells += ["", ""] if figure is None else [_cost(figure), _over_the_floor(figure)]
    return (*cells, ", ".join(_goals(figures)))


def _cost(figure: Data) -> str:
    return f"{number(figure['ours']['median'])} {figure['unit']}"


def _over_the_floor(figure: Data) -> str:
    return "" if figure["ratio"] is None else f"{figure['ratio']['median']:.1f}"


def _goals(figures: Mapping[str, Data]) -> Iterator[str]:
    for backend, figure in figures.items():
        where = f"{NAMES[backend]} " if backend == "trio" else ""
        if figure["goal"] is not None:
            missed = "" if figure["ours"]["median"] <= figure["goal"] else " (**missed**)"
            yield f"{where}{figure['goal']:,g}{missed}"
        if figure["at_most_floors"] is not None and figure["ratio"] is not None:
            missed = "" if figure["ratio"]["median"] <= figure["at_most_floors"] else " (**missed**)"
            yield f"{where}{figure['at_most_floors']:g} floors{missed}"


def growth_block(data: Data) -> Lines:
    """How what something costs grows with how much of it there is."""
    rows: dict[tuple[str, int, int], dict[str, float]] = {}
    for growth in data["growth"]:
        rows.setdefault((growth["workload"], growth["from"], growth["to"]), {})[growth["backend"]] = growth["ratio"]
    items = {figure["workload"]: figure["item"].partition(";")[0] for figure in data["figures"]}
    yield from _table(
        ("what", "from", "to", "asyncio", "Trio"),
        ((items[name], f"{start:,}", f"{end:,}", *_ratios(ratios)) for (name, start, end), ratios in rows.items()),
    )
    yield ""
    yield "The figure at the larger size over that at the smaller one, from the same command."


def _ratios(ratios: Mapping[str, float]) -> Iterator[str]:
    for backend in ("asyncio", "trio"):
        ratio = ratios.get(backend, ratios.get("-") if backend == "asyncio" else None)
        yield "" if ratio is None else f"{ratio:.2f}"


def counts_block(data: Data) -> Lines:
    """How many instructions things take, and how many blocks of memory."""
    items = {workload.name: workload.item for workload in WORKLOADS}
    counted = ((case, data["counts"][case.name]) for case in CASES if case.name in data["counts"])
    yield from _table(
        ("what", "on", "instructions", "allocations"),
        (
            (items[case.workload], NAMES[case.backend], f"{count['instructions']:,.0f}", f"{count['allocations']:,.0f}")
            for case, count in counted
        ),
    )


BLOCKS: Mapping[str, Callable[[Data], Lines]] = {
    "peers": peers_block,
    "peers-left-out": left_out_block,
    "ours": ours_block,
    "ours-growth": growth_block,
    "durable": ours_block,
    "durable-growth": growth_block,
    "counts": counts_block,
}
"""By the name in the page; what stands before a hyphen is the record's."""


def main() -> None:
    """Write the tables into their page."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
