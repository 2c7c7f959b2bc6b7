"""Comments that keep a warning back: `# replay: ignore[file]  shipped with the program, never written`.

One stands on a line of what is warned of, or on the `def` of a function, for all that's in it. Without rules in
brackets it goes for all of them.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import attrs

from .finding import RULES, Finding

_COMMENT = re.compile(r"#\s*replay:\s*ignore(?:\[(?P<rules>[^\]]*)\])?")


@attrs.define(eq=False)
class Ignore:
    """A comment: where it stands, for which lines it goes, and for which rules."""

    line: int
    column: int
    lines: range
    rules: frozenset[str]
    is_used: bool = False

    def keeps_back(self, finding: Finding) -> bool:
        """Whether a finding isn't to be reported."""
        is_there = finding.line < self.lines.stop and finding.end_line >= self.lines.start
        return is_there and (not self.rules or finding.rule in self.rules)


def ignores_in(text: str, tree: ast.Module) -> list[Ignore]:
    """Give the comments of a source."""
    found: list[Ignore] = []
    tokens = [*tokenize.generate_tokens(io.StringIO(text).readline)]
    ends = [token.start[0] for token in tokens if token.type == tokenize.NEWLINE]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for token in tokens:
        match = _COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if match is not None:
            line = token.start[0]
            named = frozenset(name.strip() for name in (match["rules"] or "").split(",")) - {""}
            lines = next((_lines_of(node) for node in functions if line in _head(node, ends)), range(line, line + 1))
            found.append(Ignore(line, token.start[1] + 1 + match.start(), lines, named))
    return found


def without_ignored(findings: Iterable[Finding], ignores: Iterable[Ignore]) -> list[Finding]:
    """Take out what the comments of a source keep back, and mark the comments that were needed."""
    left: list[Finding] = []
    for finding in findings:
        keeping = [ignore for ignore in ignores if ignore.keeps_back(finding)]
        for ignore in keeping:
            ignore.is_used = True
        if not keeping:
            left.append(finding)
    return left


def unused(path: str, ignores: Iterable[Ignore], judged: frozenset[str]) -> list[Finding]:
    """Report comments that keep nothing back, as far as their rules were judged."""
    rule = RULES["unused-ignore"]
    usual = {known.name for known in RULES.values() if known.is_on}
    found: list[Finding] = []
    for ignore in ignores:
        unknown = sorted(ignore.rules - RULES.keys())
        if unknown:
            message = f"There's no rule {', '.join(unknown)}; there are {', '.join(RULES)}."
            remedy = "Mend the name."
        elif ignore.is_used or not (ignore.rules or usual) <= judged:
            continue
        else:
            message, remedy = "This comment keeps no warning back.", rule.remedy
        found.append(Finding(path, ignore.line, ignore.column, rule.name, message, remedy=remedy, end_line=ignore.line))
    return found


def _lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _head(node: ast.FunctionDef | ast.AsyncFunctionDef, ends: Sequence[int]) -> range:
    """The lines of the signature, of which the last is the next one that ends a statement or begins a block."""
    return range(node.lineno, ends[bisect_left(ends, node.lineno)] + 1)
