"""The command line: `workflows check MODULE`, also as `python -m workflows check MODULE`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import UsageError
from ..lint import DEFAULT_RULES, RULES, Finding, check_module, check_path

FOUND, MISUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command.

    Args:
        arguments: What stands behind `workflows`; that of the process, if not given.

    Returns:
        The exit status, which is 0 if all is well, 1 if there are findings, and 2 if a target can't be read.
    """
    given = _parser().parse_args(arguments)
    rules = (DEFAULT_RULES | {*given.also}) - {*given.without}
    try:
        findings = [finding for target in given.targets for finding in _check(target, rules)]
    except (UsageError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return MISUSED
    except SyntaxError as error:
        print(f"{error.filename}:{error.lineno}: can't be read: {error.msg}", file=sys.stderr)
        return MISUSED
    for finding in dict.fromkeys(findings):
        print(finding)
    return FOUND if findings else 0


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


def _check(target: str, rules: Iterable[str]) -> list[Finding]:
    if target.endswith(".py") or os.sep in target or Path(target).is_dir():
        return check_path(target, rules=rules)
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    return check_module(target, rules=rules)
