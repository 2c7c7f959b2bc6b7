"""What is explained stands in the core: a line that was changed since has to be looked at again."""

from tests.mutants.explained import CORE, Key, explained
from tests.mutants.figures import PAGE, all_modules, with_table


def stands(key: Key) -> bool:
    """Whether the lines of a mutant stand in its module, however they're broken and indented."""
    module, _, was, _ = key
    source = (CORE / f"{module}.py").read_text(encoding="utf-8")
    return was in " ".join(line.strip() for line in source.splitlines())


def test_each_explained_mutant_changes_lines_that_stand_in_the_core() -> None:
    gone = [key for key in explained() if not stands(key)]
    assert not gone, "\n".join(["take these out of explained.toml, or see what became of them:", *map(str, gone)])


def test_the_table_on_the_page_has_each_module_of_the_core_and_says_which_have_changed_since() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "`nox -s mutants -- MODULE`, or `python -m tests.mutants.figures`"
    assert all(f"\n| `{module}` |" in page for module in all_modules())
