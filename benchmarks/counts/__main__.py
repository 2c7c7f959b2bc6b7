"""The command: `python -m benchmarks.counts [--record] [--file FILE] [names...]`.

It ends with 0 if nothing has grown by more than a tenth, 1 if something has, 2 if nothing could be counted, and 3 if
the record is of another Python or platform, so that nothing was compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .. import page
from ..backends import BACKENDS
from .callgrind import Count, CountingFailed, count
from .cases import Case, chosen
from .record import FILE, HEADING, Machine, Record, compared

FINE, GROWN, FAILED, NOT_COMPARED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None, counting: Callable[[Case], Count] = count) -> int:
    """Count, and compare with the record or write it; give the code to exit with."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.record and options.names:
        parser.error("a record has all workloads; leave out their names, or --record")
    try:
        cases = [case for case in chosen(options.names) if case.backend in BACKENDS]
    except LookupError as error:
        parser.error(str(error))
    try:
        if options.record:
            return _record(options.file, cases, counting)
        return _compare(Record.read(options.file), cases, counting)
    except CountingFailed as error:
        print(error, file=sys.stderr)
        return FAILED


def _record(file: Path, cases: Sequence[Case], counting: Callable[[Case], Count]) -> int:
    Record(Machine.here(), _counted(cases, {}, counting)).write(file)
    if file == FILE:
        page.main()  # which shows this record
    return FINE


def _compare(record: Record, cases: Sequence[Case], counting: Callable[[Case], Count]) -> int:
    here = Machine.here()
    reason = here.why_not_compared(record.machine)
    if reason is not None:
        print(reason, "Record before a change and compare after it: --record --file FILE, then --file FILE.", sep="\n")
        return NOT_COMPARED
    for line in here.changed_packages(record.machine):
        print(line)
    now = _counted(cases, record.counts, counting)
    grown = [row for row in compared(record.counts, now) if row.has_grown]
    for row in grown:
        print(f"{row.case} takes {row.now:,.1f} {row.what} an item, {row.recorded:,.1f} were recorded.")
    return GROWN if grown else FINE


def _counted(
    cases: Sequence[Case], recorded: Mapping[str, Count], counting: Callable[[Case], Count]
) -> dict[str, Count]:
    """Count, and print each as it comes: all take some minutes."""
    now: dict[str, Count] = {}
    print(HEADING, flush=True)
    for case in cases:
        now[case.name] = counting(case)
        for row in compared(recorded, {case.name: now[case.name]}):
            print(row.row(), flush=True)
    return now


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.counts",
        description="Instructions and allocations of small workloads, beside the recorded ones.",
    )
    parser.add_argument("names", nargs="*", help="workloads to count (all, if none is named)")
    parser.add_argument("--record", action="store_true", help="write the record rather than compare with it")
    parser.add_argument(
        "--file", type=Path, default=FILE, help="where the record is (the one that is kept with the code)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
