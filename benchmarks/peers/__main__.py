"""The command: `python -m benchmarks.peers [--rounds N] [--clock cpu] [--json FILE] [names...]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..__main__ import command, rounds_argument, tell
from ..backends import VARIANTS
from ..clock import CLOCKS
from ..report import as_text
from .compared import COMPARED, PEERS, chosen
from .environments import cache_folder
from .record import as_data
from .report import text
from .rounds import measure
from .subjects import ours, peers


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure this library and its peers, and print what was found. Nothing fails on a figure."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{one.name:18} {one.workload.item}" for one in COMPARED))
        return
    try:
        compared = chosen(options.names)
    except LookupError as error:
        parser.error(str(error))
    folder = options.environments or cache_folder()
    subjects = [*ours(folder, VARIANTS, tell), *peers(folder, options.peers or [peer.name for peer in PEERS], tell)]
    series = measure(
        subjects,
        compared,
        rounds=options.rounds,
        clock=options.clock,
        is_quick=options.quick,
        with_slow=not options.no_slow,
        tell=tell,
    )
    tell("")
    typed = command("benchmarks.peers", options)
    data = as_data(series, subjects, command=typed, rounds=options.rounds, clock=options.clock)
    print(text(data))
    if options.json is not None:
        options.json.write_text(as_text(data), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description="What this library and others cost."
    )
    parser.add_argument("names", nargs="*", help="workloads to measure (all, if none is named)")
    parser.add_argument("--peers", nargs="+", choices=names, help="beside which libraries (all)")
    parser.add_argument("--rounds", type=rounds_argument, default=5, help="how often each is measured (5)")
    parser.add_argument(
        "--clock", choices=tuple(CLOCKS), default="wall", help="cpu leaves out what else the machine does"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, for a first look")
    parser.add_argument("--no-slow", action="store_true", help="leave out sizes that take a peer half a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    parser.add_argument(
        "--environments", type=Path, metavar="FOLDER", help=f"where the peers are installed ({cache_folder()})"
    )
    parser.add_argument("--list", action="store_true", help="list the workloads")
    return parser


if __name__ == "__main__":
    main()
