"""Sources whose comments say what a linter should find in them.

- `# unsafe: clock, network`: a replay does this line again, or a wait can't suspend its step, by these rules.
- `# unsafe, missed: network`: so it is, and the linter doesn't see it.
- `# safe, warned: clock`: the linter warns, and there's no harm in the line.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import attrs

from workflows.lint import Finding

Place: TypeAlias = tuple[int, str]
"""A line, and a rule."""

_MARK = re.compile(r"# (?P<kind>unsafe, missed|safe, warned|unsafe): (?P<rules>[\w-]+(?:, [\w-]+)*)")


@attrs.frozen
class Marks:
    """What a source says of its lines, and hence what's to be found."""

    hits: frozenset[Place]
    misses: frozenset[Place]
    false_alarms: frozenset[Place]

    @property
    def found(self) -> frozenset[Place]:
        """What the linter is known to report."""
        return self.hits | self.false_alarms

    @property
    def is_safe(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.hits and not self.misses


def marks_in(text: str) -> Marks:
    """Read the comments of a source."""
    kinds: dict[str, set[Place]] = {"unsafe": set(), "unsafe, missed": set(), "safe, warned": set()}
    for number, line in enumerate(text.splitlines(), 1):
        for match in _MARK.finditer(line):
            kinds[match["kind"]] |= {(number, rule) for rule in match["rules"].split(", ")}
    return Marks(*(frozenset(places) for places in kinds.values()))


def places(findings: list[Finding]) -> frozenset[Place]:
    """Where the linter has found something."""
    return frozenset((finding.line, finding.rule) for finding in findings)
