"""Measures all that the page "How fast, and compared with what" shows, and writes page and plots anew.

`python -m benchmarks.refresh` takes some minutes on a quiet machine; it records in `benchmarks/recorded/`.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import __main__ as own
from . import page, plots
from .catalogue import WORKLOADS
from .clock import CLOCKS
from .durable import DURABLE
from .kept_runs import KEPT_RUNS
from .peers import __main__ as peers

STORED = [workload.name for workload in (*DURABLE, *KEPT_RUNS)]
RELEASED = ["waiting-released", "waiting-released-rss"]
HELD = [workload.name for workload in WORKLOADS if workload.name not in {*STORED, *RELEASED}]

PARTS = ("peers", "ours", "durable")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, record, and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh", description="Measure what the docs show.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["peers", "ours"], help="which (all but durable)")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="durable runs always have the wall's")
    parser.add_argument("--rounds", type=own.rounds_argument, default=3, help="how often each is measured (3)")
    options = parser.parse_args(arguments)
    page.RECORDED.mkdir(exist_ok=True)
    for part in options.parts:
        _measure(part, options.clock, str(options.rounds))
    page.main()
    if importlib.util.find_spec("matplotlib") is None:
        print("matplotlib isn't installed, so the plots stay as they were: python -m benchmarks.plots draws them.")
    else:
        plots.main()


def _measure(part: str, clock: str, rounds: str) -> None:
    """The record is replaced when all of it was measured."""
    commands: Mapping[str, tuple[str, ...]] = {
        "peers": ("--rounds", rounds, "--clock", clock),
        "ours": ("--rounds", rounds, "--growth-rounds", "1", "--clock", clock, *HELD),
        "durable": ("--rounds", rounds, "--growth-rounds", "1", *STORED, *RELEASED),
    }
    measure = peers.main if part == "peers" else own.main
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measured.json"
        measure([*commands[part], "--json", str(file)])
        (page.RECORDED / f"{part}.json").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
