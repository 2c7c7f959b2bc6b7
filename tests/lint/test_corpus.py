"""What the linter finds, misses and gets wrong in whole workflows, and that the documentation says so.

The workflows in `corpus/` are read, never run: what they import needn't be installed.
"""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of, name_of
from tests.lint.marks import Marks, marks_in, places
from workflows.lint import RULES, check_path, check_source

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.py"))
PAGE = (ROOT / "docs" / "how-to" / "checking.md").read_text(encoding="utf-8")

# Pages that show what a replay does again, or what eats a suspension: which rules find it there, and how often.
SHOWN_ON_PURPOSE = {
    "docs/explanation/replay": {"state": 1, "cancellation": 1},
    "docs/how-to/checking": {"network": 1, "uuid": 1, "state": 1, "cancellation": 1},
    "docs/how-to/safe_to_replay": {"clock": 1, "file": 1, "uuid": 1, "state": 1},
    "docs/tutorial/stopping_for_a_human": {"state": 2, "random": 1},
}


def marks_of(path: Path) -> Marks:
    return marks_in(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CORPUS])
def test_what_is_found_in_a_workflow_is_what_its_comments_say(path: Path) -> None:
    assert places(check_source(path.read_text(encoding="utf-8"), path.name)) == marks_of(path).found


def test_the_page_has_the_figures() -> None:
    marks = [marks_of(path) for path in CORPUS]
    safe = sum(mark.is_safe for mark in marks)
    assert f"It's tried on {len(marks)} workflows in `tests/lint/corpus`, of which {safe} are safe, " in PAGE
    assert f"and {len(marks) - safe} have lines that a replay does again" in PAGE
    assert f"| found | {sum(len(mark.hits) for mark in marks)} |" in PAGE
    assert f"| missed | {sum(len(mark.misses) for mark in marks)} |" in PAGE
    assert f"| false alarms | {sum(len(mark.false_alarms) for mark in marks)} |" in PAGE


def test_at_least_half_of_twenty_workflows_are_safe() -> None:
    marks = [marks_of(path) for path in CORPUS]
    assert len(marks) >= 20
    assert sum(mark.is_safe for mark in marks) * 2 >= len(marks)


def test_nothing_is_found_in_the_examples() -> None:
    assert check_path(ROOT / "examples") == []


@pytest.mark.parametrize("page", [pytest.param(page, id=name_of(page)) for page in PAGES])
def test_what_is_found_on_a_page_is_there_on_purpose(page: Path) -> None:
    blocks = [block for block in blocks_of(page) if block.language == "python"]
    program = "\n".join(block.text for block in blocks if block.caption is None)
    found = [finding.rule for text in [program, *(block.text for block in blocks if block.caption)]
             for finding in check_source(text)]  # fmt: skip
    assert {rule: found.count(rule) for rule in found} == SHOWN_ON_PURPOSE.get(name_of(page), {})


def test_the_page_names_every_rule() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE) == list(RULES)
