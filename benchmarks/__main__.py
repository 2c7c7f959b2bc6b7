"""The command: `python -m benchmarks [--backend asyncio|trio|both] [--rounds N] [--json FILE] [names...]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .backends import BACKENDS
from .catalogue import WORKLOADS, chosen
from .clock import CLOCKS, clock
from .measuring import measure
from .report import as_json, tables


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print what was found. Nothing fails on a figure."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{workload.name:18} {workload.item}" for workload in WORKLOADS))
        return
    try:
        workloads = chosen(options.names)
    except LookupError as error:
        parser.error(str(error))
    backends = BACKENDS if options.backend == "both" else (options.backend,)
    if not set(backends) <= set(BACKENDS):
        parser.error(f"{options.backend} isn't installed; there is: {', '.join(BACKENDS)}")
    clock.choose(options.clock)
    figures = measure(workloads, backends, rounds=options.rounds, is_quick=options.quick, tell=_tell)
    _tell("")
    print(tables(figures))
    if options.json is not None:
        options.json.write_text(
            json.dumps(as_json(figures, rounds=options.rounds, clock=options.clock), indent=1) + "\n", encoding="utf-8"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the engine costs, beside the floor."
    )
    parser.add_argument("names", nargs="*", help="workloads to measure (all, if none is named)")
    parser.add_argument("--backend", choices=("asyncio", "trio", "both"), default="both")
    parser.add_argument("--rounds", type=_rounds, default=5, help="how often each is measured (5)")
    parser.add_argument(
        "--clock", choices=tuple(CLOCKS), default="wall", help="cpu leaves out what else the machine does"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, for a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    return parser


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return rounds


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
