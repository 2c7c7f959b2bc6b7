"""The command: `python -m benchmarks [--backend asyncio|trio|uvloop|both|all] [--json FILE] [name...]`."""

from __future__ import annotations

import argparse
import gc
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .backends import BACKENDS, VARIANTS
from .catalogue import WORKLOADS, chosen
from .clock import CLOCKS, clock
from .measuring import measure
from .report import as_json, as_text, tables


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
    backends = {"both": BACKENDS, "all": VARIANTS}.get(options.backend, (options.backend,))
    if not set(backends) <= set(VARIANTS):
        parser.error(f"{options.backend} isn't installed; there is: {', '.join(VARIANTS)}")
    clock.choose(options.clock)
    if options.no_gc:
        gc.disable()
    figures = measure(
        workloads,
        backends,
        rounds=options.rounds,
        growth_rounds=options.growth_rounds,
        is_quick=options.quick,
        tell=tell,
    )
    tell("")
    print(tables(figures))
    if options.json is not None:
        data = as_json(figures, command=command("benchmarks", options), rounds=options.rounds, clock=options.clock)
        options.json.write_text(as_text(data), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the engine costs, beside the floor."
    )
    parser.add_argument("names", nargs="*", help="workloads to measure (all, if none is named)")
    parser.add_argument("--backend", choices=("asyncio", "trio", "uvloop", "both", "all"), default="both")
    parser.add_argument("--rounds", type=rounds_argument, default=5, help="how often each is measured (5)")
    parser.add_argument(
        "--growth-rounds",
        type=rounds_argument,
        metavar="N",
        help="how often sizes that only show growth are",
    )
    parser.add_argument(
        "--clock", choices=tuple(CLOCKS), default="wall", help="cpu leaves out what else the machine does"
    )
    parser.add_argument("--no-gc", action="store_true", help="without Python's garbage collector, to see its part")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    return parser


def rounds_argument(text: str) -> int:
    """How many rounds: at least one."""
    rounds = int(text)
    if rounds < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return rounds


def command(module: str, options: argparse.Namespace) -> str:
    """What to type for the same figures: all that was chosen but where something is kept."""
    words = ["python", "-m", module]
    for name in ("backend", "peers", "rounds", "growth_rounds", "clock"):
        value = getattr(options, name, None)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [str(value)])]
    words += [f"--{name.replace('_', '-')}" for name in ("quick", "no_gc", "no_slow") if getattr(options, name, False)]
    return shlex.join([*words, *options.names])


def tell(text: str) -> None:
    """Say what is being done: on one line of a terminal, or else a line each."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
