"""The command line: `workflows check MODULE`, also as `python -m workflows check MODULE`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import UsageError
from ..lint import DEFAULT_RULES, RULES
from ..lint.checking import check_files
from ..lint.project import why_unread
from ..lint.targets import files_of_module, files_of_path

FOUND, MISUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command.

    Args:
        arguments: What stands behind `workflows`; that of the process, if not given.

    Returns:
        The exit status, which is 0 if all is well, 1 if there are findings, and 2 if something can't be read;
        the rest is checked all the same.
    """
    given = _parser().parse_args(arguments)
    rules = (DEFAULT_RULES | {*given.also}) - {*given.without}
    files, refused = _files(given.targets)
    checked = check_files(files, rules, is_all=not refused)
    for message in [*refused, *checked.unread]:
        print(message, file=sys.stderr)
    for finding in checked.findings:
        print(finding)
    if refused or checked.unread:
        return MISUSED
    if not checked.findings:
        print(f"Steps checked: {checked.steps}, in files: {checked.files}. Nothing found.", file=sys.stderr)
    return FOUND if checked.findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="workflows", description="Tools for workflows.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="warn of what a replay would do again",
        description="Warn of what a replay would do again before a wait. Nothing of what is checked is run.",
        epilog="Rules: " + "; ".join(f"{rule.name} ({rule.warns_of})" for rule in RULES.values()),
    )
    check.add_argument("targets", nargs="+", metavar="MODULE", help="a module, a package, a file or a folder")
    for option, what in (("--also", "judge this rule, too"), ("--without", "leave this rule out")):
        check.add_argument(option, action="append", default=[], choices=RULES, metavar="RULE", help=what)
    return parser


def _files(targets: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Give the files of the targets, and why some of these have none."""
    found: list[Path] = []
    refused: list[str] = []
    for target in targets:
        try:
            found += _files_of(target)
        except UsageError as error:
            refused.append(str(error))
        except OSError as error:
            refused.append(why_unread(target, error))
    return found, refused


def _files_of(target: str) -> Iterable[Path]:
    if target.endswith(".py") or os.sep in target or Path(target).is_dir():
        return files_of_path(Path(target))
    return files_of_module(target, [str(Path.cwd()), *sys.path])  # as `python -m` looks for it
