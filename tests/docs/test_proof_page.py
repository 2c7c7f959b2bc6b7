"""`docs/explanation/proof.md` names tests that there are, and every golden file of a bug."""

import re

from tests.docs.pages import ROOT
from tests.golden.found_in_stores import STORES
from tests.golden.found_runs import FOUND
from tests.proofs import TESTS

PAGE = (ROOT / "docs" / "explanation" / "proof.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| .+ \| `(\S+\.py)`: (.+) \| (?:`(\w+)` )?\|$", re.MULTILINE)


def test_each_fault_has_its_test_and_each_golden_file_its_fault() -> None:
    rows = _ROW.findall(PAGE)
    assert len(rows) == PAGE.count(".py`: ")
    missing = [
        f"{path}: {sentence}"
        for path, sentence, _ in rows
        if f"def test_{sentence.replace(' ', '_')}(" not in (TESTS / path).read_text(encoding="utf-8")
    ]
    assert not missing
    assert sorted(golden for _, _, golden in rows if golden) == sorted([*FOUND, *STORES])


def test_what_has_found_them_is_there() -> None:
    named = re.findall(r"^By .+", PAGE, re.MULTILINE)
    places = [place for line in named for place in re.findall(r"`([\w/.]+)`", line)]
    assert len(named) == 5
    assert [place for place in places if not (TESTS / place).exists()] == []
