"""What is explained stands in the core: a line that was changed since has to be looked at again."""

import re

from tests.mutants.explained import CORE, ROOT, Key, explained


def stands(key: Key) -> bool:
    """Whether the lines of a mutant stand in its module, however they're broken and indented."""
    module, _, was, _ = key
    source = (CORE / f"{module}.py").read_text(encoding="utf-8")
    return was in " ".join(line.strip() for line in source.splitlines())


def test_each_explained_mutant_changes_lines_that_stand_in_the_core() -> None:
    gone = [key for key in explained() if not stands(key)]
    assert not gone, "\n".join(["take these out of explained.toml, or see what became of them:", *map(str, gone)])


def test_the_page_of_the_mutants_tells_of_each_module_of_the_core() -> None:
    page = (ROOT / "docs" / "explanation" / "mutants.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(told) == sorted(path.stem for path in CORE.glob("*.py") if path.stem != "__init__")
