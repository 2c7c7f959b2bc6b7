"""What came of the mutants of each module: a file that's kept with the sources, and the table of it on the page.

`python -m tests.mutants` writes both; `python -m tests.mutants.figures` writes the table alone, after a change of the
core, to say which modules have changed since.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.mutants.explained import CORE, ROOT

FILE = Path(__file__).with_name("figures.json")
PAGE = ROOT / "docs" / "explanation" / "mutants.md"
HEADING = "| module | mutants | noticed | survived, each explained |"
CHANGED = "changed since"

_TABLE = re.compile(rf"^{re.escape(HEADING)}\n(?:\|.*\n)*", re.MULTILINE)


@attrs.frozen
class Figures:
    """Of a module whose mutants were all tried, and are noticed or explained; `source` tells which version it was."""

    source: str
    mutants: int
    survived: int


def all_modules() -> list[str]:
    """The names of the core's modules."""
    return sorted(path.stem for path in CORE.glob("*.py") if path.stem != "__init__")


def source_of(module: str) -> str:
    """Tells a version of a module from others."""
    return hashlib.sha256((CORE / f"{module}.py").read_bytes()).hexdigest()[:16]


def kept() -> dict[str, Figures]:
    """What is known, be it of earlier versions."""
    return {module: Figures(**known) for module, known in json.loads(FILE.read_text(encoding="utf-8")).items()}


def keep(found: Mapping[str, Figures]) -> None:
    """Write down what was found, and the page's table."""
    known = {
        module: attrs.asdict(figures) for module, figures in {**kept(), **found}.items() if module in all_modules()
    }
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_table(page: str) -> str:
    """The page with its table as it must be."""
    known = {module: figures for module, figures in kept().items() if figures.source == source_of(module)}
    rows = [_row(f"`{module}`", known.get(module)) for module in all_modules()]
    together = Figures("", sum(each.mutants for each in known.values()), sum(each.survived for each in known.values()))
    table = "\n".join([HEADING, "|---|---|---|---|", *rows, _row("together", together), ""])
    return _TABLE.sub(lambda _: table, page)


def _row(name: str, figures: Figures | None) -> str:
    if figures is None:
        return f"| {name} | {CHANGED} | | |"
    return f"| {name} | {figures.mutants} | {figures.mutants - figures.survived} | {figures.survived} |"


if __name__ == "__main__":
    keep({})
