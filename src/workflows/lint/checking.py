"""Checks sources, files, modules and workflows."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from ..errors import UsageError
from ..workflow import Workflow
from .finding import RULES, Finding
from .ignoring import unused, without_ignored
from .judge import Judge
from .project import UNREADABLE, Project, Source, why_unread
from .scopes import ClassNames, Scope
from .targets import files_of_module, files_of_path, shown

DEFAULT_RULES: frozenset[str] = frozenset(rule.name for rule in RULES.values() if rule.is_on)
"""The rules that are judged where no others are asked for."""


@attrs.frozen
class Checked:
    """What came of checking several files."""

    findings: list[Finding]
    unread: list[str]
    """Which files couldn't be read, and why: a message for each."""
    files: int
    """How many were read."""
    steps: int
    """How many steps stand in them."""


def check_source(text: str, path: str = "<source>", *, rules: Iterable[str] = DEFAULT_RULES) -> list[Finding]:
    """Check the source of a module, by itself: what it imports isn't looked at.

    Args:
        text: The source.
        path: What it's called in the findings.
        rules: The names of the rules to judge, of those in `RULES`.

    Returns:
        What a replay would do again, in the order of the lines.

    Raises:
        SyntaxError: It can't be read.
        UsageError: There's no such rule.
    """
    project = Project()
    return _checked(project, [project.add(text, path)], _known(rules))


def check_path(path: str | Path, *, rules: Iterable[str] = DEFAULT_RULES) -> list[Finding]:
    """Check a file, or all Python files in a folder. Nothing is imported.

    Functions that lie in other files of the project are followed, and lines of theirs are reported, too.

    Args:
        path: The file or the folder.
        rules: See `check_source`.

    Raises:
        SyntaxError: A file can't be read.
        UsageError: There's no such file, or no such rule.
    """
    judged = _known(rules)
    project = Project()
    return _checked(project, [project.read(found) for found in files_of_path(Path(path))], judged)


def check_module(name: str, *, rules: Iterable[str] = DEFAULT_RULES) -> list[Finding]:
    """Check a module, or all modules of a package. Nothing is imported, not even the packages around it.

    Args:
        name: The name that it's imported by. It's looked for in the folders of `sys.path`.
        rules: See `check_source`.

    Raises:
        SyntaxError: It can't be read.
        UsageError: There's no such module, it has no source, or there's no such rule.
    """
    judged = _known(rules)
    project = Project()
    return _checked(project, [project.read(found) for found in files_of_module(name, sys.path)], judged)


def check_files(files: Iterable[Path], rules: Iterable[str] = DEFAULT_RULES, *, is_all: bool = True) -> Checked:
    """Check several files of a project together; what can't be read doesn't keep the others from being checked.

    Args:
        files: The files.
        rules: See `check_source`.
        is_all: Whether that's all that was asked for. If not, a comment isn't called unused: what it keeps back may
            lie in what is missing.

    Raises:
        UsageError: There's no such rule.
    """
    judged = _known(rules)
    project = Project()
    sources: list[Source] = []
    unread: list[str] = []
    for file in dict.fromkeys(files):
        try:
            sources.append(project.read(file))
        except UNREADABLE as error:
            unread.append(why_unread(file, error))
    judge = Judge(project.find)
    findings = _judged(judge, project, sources, judged, is_all=is_all and not unread)
    unread += [why_unread(path, RecursionError()) for path in sorted(judge.too_deep)]
    steps = sum(judge.kinds.is_step(found) for source in sources for found in source.names.everything())
    return Checked(findings, unread, len(sources), steps)


def check_workflow(
    workflow: Workflow[Any, Any] | type[Workflow[Any, Any]], *, rules: Iterable[str] = DEFAULT_RULES
) -> list[Finding]:
    """Check the steps of a workflow, those that it inherits included.

    Args:
        workflow: The class, or an instance.
        rules: See `check_source`.

    Raises:
        UsageError: Its source can't be found, or there's no such rule.
    """
    judged = _known(rules)
    kind: type = workflow if isinstance(workflow, type) else type(workflow)
    project = Project()
    judge = Judge(project.find)
    roots: dict[str, Scope] = {}
    for owner in _written_by_users(kind):
        steps = judge.roots_in(_source_of(owner, project).names)
        methods = _class_in(owner, project).methods
        roots = {name: method for name, method in methods.items() if method in steps} | roots
    found = _reported(judge.judge(roots.values()), project, judged)
    _refuse_what_is_too_deep(judge)
    return found


def _written_by_users(kind: type) -> list[type]:
    ours: type = Workflow
    return [owner for owner in kind.__mro__ if issubclass(owner, ours) and owner is not ours]


def _known(rules: Iterable[str]) -> frozenset[str]:
    named = frozenset(rules)
    unknown = sorted(named - RULES.keys())
    if unknown:
        raise UsageError(f"There's no rule {', '.join(map(repr, unknown))}.\n  There are: {', '.join(RULES)}.")
    return named


def _checked(project: Project, sources: Iterable[Source], judged: frozenset[str]) -> list[Finding]:
    judge = Judge(project.find)
    found = _judged(judge, project, [*sources], judged)
    _refuse_what_is_too_deep(judge)
    return found


def _judged(
    judge: Judge, project: Project, sources: list[Source], judged: frozenset[str], *, is_all: bool = True
) -> list[Finding]:
    roots = [root for source in sources for root in judge.roots_in(source.names)]
    found = _reported(judge.judge(roots), project, judged)
    if "unused-ignore" in judged:
        known = judged if is_all and not judge.too_deep else frozenset[str]()
        for source in sources:
            found += unused(source.path, source.ignores, known)
    return sorted(found)


def _refuse_what_is_too_deep(judge: Judge) -> None:
    for path in sorted(judge.too_deep):
        raise RecursionError(why_unread(path, RecursionError()))


def _reported(findings: Iterable[Finding], project: Project, judged: frozenset[str]) -> list[Finding]:
    asked_for = [finding for finding in findings if finding.rule in judged]
    for source in [*project.sources.values()]:
        here = [finding for finding in asked_for if finding.path == source.path]
        kept = {id(finding) for finding in without_ignored(here, source.ignores)}
        asked_for = [finding for finding in asked_for if finding.path != source.path or id(finding) in kept]
    return asked_for


def _source_of(owner: type, project: Project) -> Source:
    try:
        file = inspect.getsourcefile(owner)
    except (OSError, TypeError):
        file = None
    if file is None or not Path(file).is_file():
        raise UsageError(
            f"The source of {owner.__qualname__} can't be found: it wasn't read from a file.\n"
            "  Give its text to `check_source`."
        )
    return project.read(shown(Path(file)))


def _class_in(owner: type, project: Project) -> ClassNames:
    """The class in the source; of several with its name, the one that stands where it was defined."""
    named = [found for found in _source_of(owner, project).names.every_class() if found.node.name == owner.__name__]
    if not named:
        raise UsageError(f"Class {owner.__qualname__} doesn't stand in {inspect.getsourcefile(owner)} by its name.")
    line = inspect.getsourcelines(owner)[1] if len(named) > 1 else 0
    heads = ((found, [found.node.lineno, *(mark.lineno for mark in found.node.decorator_list)]) for found in named)
    return next((found for found, lines in heads if line in lines), named[0])
