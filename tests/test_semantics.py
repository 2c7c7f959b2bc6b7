"""Each behaviour that users rely on has tests on both backends which cite its number.

A test cites what it proves in its docstring: `"Semantics 26."`, `"Semantics 10 and 23: why it matters."`. A number
in the docstring of a module counts for each test in it. They're read from the source of `tests/`, so that a partial run
can't make one seem missing; what counts as a test, and which backends it covers, is as in `proofs.py`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.proofs import BACKENDS, TESTS, Definition, backends_of

BEHAVIOURS = {
    1: "a wait without an id belongs to one execution of its step",
    2: "a retry gets the answer that the failed attempt got",
    3: "an ordinary event that a wait takes is no trigger for that wait's step",
    4: "a wait matches the exact type, or subclasses where its step follows them",
    5: "requirements compare fields and extras, and are part of the question",
    6: "an early event is kept, an early answer is refused",
    7: "resuming asks nothing again, and needs no start event",
    8: "returned and inner questions are both questions",
    9: "there is a snapshot at any moment",
    10: "a resumed run repeats no finished step, and begins interrupted ones at their top",
    11: "a retry is due at an instant, decided once",
    12: "the end of a run clears all but the store",
    13: "exceptions go through a snapshot as data",
    14: "a returned stop event ends the run at once, and nothing else does",
    15: "only a plain stop event is unwrapped, for any number of awaits",
    16: "what is wrong with a definition is told at construction, by run() and by validate()",
    17: "runs above a limit wait for their turn, with their handlers in hand",
    18: "a context has one run at a time, and keeps its state",
    19: "a stream can be left and taken up again, and shows the engine where that is asked for",
    20: "workflows can be collected after their runs",
    21: "only a returned list opens a batch",
    22: "batches never merge, and nest",
    23: "what a handler gives takes its place in the batch, and a batch is delivered the same again",
    24: "what is sent joins no batch",
    25: "several event parameters bind by type",
    26: "collected events come in the order asked for, and none that isn't missing is lost",
    27: "recoveries are counted along the way of an event",
    28: "the arithmetic of retries",
    29: "the store: readers, writers, paths, types",
    30: "events are true, equal by value, and mappings of what they don't declare",
}

_CITED = re.compile(r"\bSemantics ((?:\d+(?:, | and )?)+)")


class Citation(NamedTuple):
    """One test that cites one behaviour."""

    number: int
    where: str
    backends: frozenset[str]


def citations_of_tests() -> list[Citation]:
    found: list[Citation] = []
    for path in sorted(TESTS.rglob("test_*.py")):
        if path != Path(__file__):
            found += citations_in(path.relative_to(TESTS).as_posix(), path.read_text(encoding="utf-8"))
    return found


def citations_in(path: str, source: str) -> Iterator[Citation]:
    tree = ast.parse(source, path)
    of_all = numbers_in(ast.get_docstring(tree))
    for node in ast.walk(tree):
        if isinstance(node, Definition) and node.name.lower().startswith("test"):
            for number in sorted({*of_all, *numbers_in(ast.get_docstring(node))}):
                yield Citation(number, f"{path}::{node.name}", backends_of(node))


def numbers_in(docstring: str | None) -> set[int]:
    cited = _CITED.findall(docstring or "")
    return {int(number) for numbers in cited for number in re.findall(r"\d+", numbers)}


def test_every_behaviour_is_cited_by_tests_on_both_backends() -> None:
    covered: dict[int, set[str]] = {number: set() for number in BEHAVIOURS}
    for citation in citations_of_tests():
        covered.setdefault(citation.number, set()).update(citation.backends)
    gaps = {number: sorted(BACKENDS - seen) for number, seen in covered.items() if number in BEHAVIOURS}
    missing = [
        f"{number}, {BEHAVIOURS[number]}: no test on {' nor on '.join(gap)}" for number, gap in gaps.items() if gap
    ]
    assert not missing, "\n".join(["", *missing])


def test_every_citation_is_of_a_behaviour_that_exists() -> None:
    unknown = [f"{found.where}: {found.number}" for found in citations_of_tests() if found.number not in BEHAVIOURS]
    assert not unknown, "\n".join(["", *unknown])


# --- and the reading is right -----------------------------------------------------------------------------------------


def read(source: str) -> set[tuple[int, str, frozenset[str]]]:
    return {(found.number, found.where.rpartition("::")[2], found.backends) for found in citations_in("t.py", source)}


def test_numbers_are_read_from_docstrings_of_tests_and_modules() -> None:
    source = '''
        """Semantics 11 and 28 in whole runs."""
        async def test_one() -> None:
            """Semantics 7, 8 and 10: of 3 executions. Semantics 12."""
        def test_two() -> None:
            """It says nothing of 5."""
            run_on_trio()
        def helper() -> None:
            """Semantics 1."""
    '''
    found = read("\n".join(line[8:] for line in source.splitlines()))
    assert found == {
        *((number, "test_one", BACKENDS) for number in (7, 8, 10, 11, 12, 28)),
        *((number, "test_two", frozenset({"trio"})) for number in (11, 28)),
    }
